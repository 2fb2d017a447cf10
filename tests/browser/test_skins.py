"""Other looks by the six colours alone."""

from pathlib import Path

import pytest
from playwright.sync_api import Route

from browser.visits import Visitor
from checkout import CHECKOUT

TOKENS = CHECKOUT / "theme" / "static" / "css" / "tokens.css"

# paper, ink, accent, night, moon, gold
SKINS = {
    "forest": ("#f6faf4", "#12210f", "#1f6b2c", "#0b1f10", "#f0f7ee", "#e2b04a"),
    "sand": ("#fbf7f0", "#2a1d10", "#8a3b12", "#2c1608", "#fdf3e7", "#f0c987"),
    "ink": ("#ffffff", "#000000", "#5b2a86", "#1a0f24", "#ffffff", "#ffd84d"),
}
NAMES = ("paper", "ink", "accent", "night", "moon", "gold")


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


@pytest.mark.parametrize("skin", SKINS)
@pytest.mark.parametrize("path", ["en/index.html", "en/pages/check.html"])
def test_six_colours_make_another_look(visitor: Visitor, skin: str, path: str, tmp_path: Path) -> None:
    colours = dict(zip(NAMES, SKINS[skin], strict=True))
    own = "".join(f"--color-{name}: {colour};" for name, colour in colours.items())

    def answer(route: Route) -> None:
        route.fulfill(body=f"{TOKENS.read_text()}\n:root {{ {own} }}", content_type="text/css")

    page = visitor.open("normal", path).page
    page.route("**/tokens.css", answer)
    page.reload()

    def look(selector: str, what: str) -> str:
        return str(page.locator(selector).first.evaluate(f"one => getComputedStyle(one).{what}"))

    assert look("html", "backgroundColor") == rgb(colours["paper"])
    assert look("body", "color") == rgb(colours["ink"])
    assert look("header", "backgroundColor") == rgb(colours["night"])
    if path.endswith("index.html"):
        assert look('main a[href$=".iso"]', "backgroundColor") == rgb(colours["gold"])
        assert look('main a[href$=".iso"]', "color") == rgb(colours["night"])
    picture = tmp_path / f"{skin}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000
