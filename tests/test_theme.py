"""The theme without a browser: languages, words, tokens, links that name no host."""

import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

import sample
from download_counter.site.filters import filters
from sites import build, make_site
from support import CHECKOUT

THEME = CHECKOUT / "theme"


def test_a_third_language_is_a_translation_and_three_lines_of_settings(tmp_path: Path) -> None:
    theme = tmp_path / "theme"
    shutil.copytree(THEME, theme)
    with (THEME / "translations/fr/LC_MESSAGES/messages.po").open("rb") as french:
        catalogue = read_po(french, locale="de")
    for message in catalogue:
        if message.id:
            words = [message.id] if isinstance(message.id, str) else list(message.id)
            marked = tuple(f"[de] {word}" for word in words)
            message.string = marked if message.pluralizable else marked[0]
    german = theme / "translations/de/LC_MESSAGES/messages.po"
    german.parent.mkdir(parents=True)
    with german.open("wb") as file:
        write_po(file, catalogue)
    settings = tmp_path / "settings.py"
    settings.write_text(
        f"""import runpy
globals().update(runpy.run_path({str(CHECKOUT / "pelicanconf.py")!r}))
THEME = {str(theme)!r}
I18N_SUBSITES |= {{
    "de": {{"SITESUBTITLE": "Abbilder von Bento", "PAGE_PATHS": []}},
}}
"""
    )
    web_root, logs, end = tmp_path / "files", tmp_path / "logs", date(2026, 5, 10)
    images = sample.make_web_root(web_root, end=end)
    sample.make_logs(logs, images, end=end)
    build(web_root, logs, "https://files.example", settings)
    html = (web_root / "de" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="de">' in html
    assert "[de] Download Bento Openbox</h1>" in html
    assert "Abbilder von Bento" in html
    assert re.search(r"2,6\sGB", html)
    assert "1. Mai 2026" in html
    assert 'href="https://files.example/de/"' in html
    assert "[de] Download statistics</h1>" in (web_root / "de" / ".stats" / "index.html").read_text(encoding="utf-8")
    assert (web_root / "de" / "feeds" / "images.atom.xml").exists()
    for other in ("index.html", "en/index.html", "pages/check.html"):
        assert ">Deutsch</a>" in (web_root / other).read_text(encoding="utf-8")


def test_french_writes_the_first_of_a_month_as_an_ordinal() -> None:
    french, english = filters("fr", "Europe/Paris"), filters("en", "Europe/Paris")
    assert french["longdate"](date(2026, 5, 1)) == "1er mai 2026"
    assert french["longdate"](datetime(2026, 4, 30, 23, tzinfo=UTC)) == "1er mai 2026"
    assert french["shortday"](date(2026, 5, 1)) == "1er mai"
    assert french["longdate"](date(2026, 5, 11)) == "11 mai 2026"
    assert english["longdate"](date(2026, 5, 1)) == "May 1, 2026"
    assert english["shortday"](date(2026, 5, 1)) == "May 1"


@pytest.mark.parametrize(("language", "name"), [("fr", "Français"), ("en", "English"), ("de", "Deutsch"), ("xx", "Xx")])
def test_a_language_is_named_in_itself(language: str, name: str) -> None:
    assert filters("en", "UTC")["languagename"](language) == name


def test_colours_and_fonts_stand_in_the_tokens_alone() -> None:
    css = (THEME / "static/css/main.css").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", css) == []
    assert [font for font in re.findall(r"font-family:\s*([^;]+);", css) if not font.startswith("var(")] == []


def test_every_token_is_used_and_every_used_token_is_there() -> None:
    tokens = (THEME / "static/css/tokens.css").read_text(encoding="utf-8")
    css = "".join((THEME / "static/css" / name).read_text(encoding="utf-8") for name in ("main.css", "stats.css"))
    defined = set(re.findall(r"^\s+(--[\w-]+):", tokens, re.MULTILINE))
    used = set(re.findall(r"var\((--[\w-]+)", css))
    assert used - defined == set()
    assert defined - used - set(re.findall(r"var\((--[\w-]+)", tokens)) == set()


def test_without_an_address_of_its_own_a_page_names_no_host(tmp_path: Path) -> None:
    web_root = make_site(tmp_path, "normal", "")
    for page in (web_root / "index.html", web_root / "en" / "pages" / "check.html", web_root / ".stats" / "index.html"):
        html = page.read_text(encoding="utf-8")
        assert re.findall(r'(?:href|src|content)="(/[^"]*)"', html) == []
        assert "canonical" not in html
