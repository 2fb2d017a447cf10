"""Take the pictures of the pages that the documentation shows: ``python tests/screenshots.py``.

With ``--card``, draw theme/static/img/card.png instead, which other sites show beside a link to this one. With pngquant
installed the pictures take a third of the room.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from sites import make_site
from support import CHECKOUT, find_program

PICTURES = CHECKOUT / "docs" / "images"
SHOTS = (
    # name, page, width and height in px, dark
    ("public", "en/index.html", 1240, 940, False),
    ("public-dark", "en/index.html", 1240, 940, True),
    ("statistics", "en/.stats/index.html", 1200, 1290, False),
    ("statistics-dark", "en/.stats/index.html", 1200, 1290, True),
)
CARD = """
<!DOCTYPE html><meta charset="utf-8"><link rel="stylesheet" href="{css}">
<style>
  body {{ display: grid; place-content: center; justify-items: center; gap: 24px; height: 630px; margin: 0;
    background: var(--color-paper); color: var(--color-ink); font: 600 88px var(--font-title); }}
  img {{ width: 260px; }}
</style>
<img src="{logo}" alt=""><div>{name}</div>
"""


def take(browser: Browser, url: str, picture: Path, width: int, height: int, *, dark: bool = False) -> None:
    """Take one picture, and make it small: a palette is enough for flat colours."""
    page = browser.new_page(viewport=ViewportSize(width=width, height=height), color_scheme="dark" if dark else "light")
    page.goto(url)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=picture)
    page.close()
    if pngquant := find_program("pngquant"):
        subprocess.run([pngquant, "--force", "--ext", ".png", "--speed", "1", "64", picture], check=True)


def _draw_card(browser: Browser, static: Path, card: Path) -> None:
    css, logo = (static / "css/tokens.css").as_uri(), (static / "img/logo.svg").as_uri()
    card.write_text(CARD.format(css=css, logo=logo, name="Linux Village"), encoding="utf-8")
    take(browser, card.as_uri(), CHECKOUT / "theme/static/img/card.png", 1200, 630)


def main() -> int:
    """Make the sample site and its pictures, and give the exit status."""
    chromium = find_program("chromium") or find_program("chromium-browser")
    if chromium is None:
        print("chromium not found; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        web_root = make_site(Path(name), "normal", "https://downloads.linuxvillage.org")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        if "--card" in sys.argv:
            _draw_card(browser, web_root / "theme", Path(name, "card.html"))
        for picture, page, width, height, dark in SHOTS if "--card" not in sys.argv else ():
            take(browser, (web_root / page).as_uri(), PICTURES / f"{picture}.png", width, height, dark=dark)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
