"""The pages as a visitor meets them: Chromium, Apache, and a policy that allows what the site itself serves."""

import http.client
from contextlib import closing
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from playwright.sync_api import Page

from browser.visits import Served, Visitor
from sample import State

PUBLIC = ("index.html", "en/index.html", "pages/check.html", "en/pages/check.html")
STATISTICS = (".stats/index.html", "en/.stats/index.html")
PAGES = PUBLIC + STATISTICS
WIDTHS = (320, 360, 768, 1440, 2560)
EVERY_STATE: tuple[tuple[State, str], ...] = (
    *(("normal", path) for path in PAGES),
    ("hostile", "index.html"),
    ("hostile", ".stats/index.html"),
    ("empty", "en/index.html"),
    ("empty", ".stats/index.html"),
    ("many", "index.html"),
    ("big", "en/.stats/index.html"),
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("state", "path"), EVERY_STATE)
def test_a_page_fits_any_width_and_nothing_is_blocked_or_fetched_elsewhere(
    visitor: Visitor, state: State, path: str, dark: bool
) -> None:
    visit = visitor.open(state, path, dark=dark)
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, f"scrolls sideways at {width} px"
    visit.page.reload()
    assert visit.wrong == []


@pytest.mark.parametrize(
    ("state", "path", "width", "dark"),
    [
        *(("normal", path, width, dark) for path in PAGES for width, dark in ((360, False), (1440, True))),
        *((state, path, 360, False) for state, path in EVERY_STATE if state != "normal"),
    ],
)
def test_axe_finds_no_barrier_on_a_page(visitor: Visitor, state: State, path: str, width: int, dark: bool) -> None:
    page = visitor.open(state, path, width, dark=dark).page
    if state not in {"big", "many"}:  # a minute, for more of the same
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.evaluate(package_files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("tags => axe.run({runOnly: tags})", WCAG)
    assert [
        (one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"]) for one in found["violations"]
    ] == []


@pytest.mark.parametrize(("state", "path"), EVERY_STATE)
def test_no_heading_stands_over_nothing(visitor: Visitor, state: State, path: str) -> None:
    script = """all => all.filter(one => {
        const next = one.nextElementSibling
        return !next || (/^H[1-6]$/.test(next.tagName) && next.tagName <= one.tagName)
    }).map(one => one.textContent)"""
    assert visitor.open(state, path).page.eval_on_selector_all("main :is(h2, h3, h4)", script) == []


@pytest.mark.parametrize("state", ["normal", "hostile", "big"])
def test_every_link_of_every_page_answers(visitor: Visitor, served: Served, state: State) -> None:
    links = {
        urljoin(page.url, href)
        for path in PAGES
        for page in [visitor.open(state, path).page]
        for href in page.eval_on_selector_all("[href]", "all => all.map(one => one.getAttribute('href'))")
    }
    site = urlsplit(served.urls[state])
    here = sorted({urlsplit(link).path for link in links if urlsplit(link).netloc == site.netloc})
    with closing(http.client.HTTPConnection(str(site.hostname), site.port)) as connection:
        answers = [(_status(connection, path), path) for path in here]
    assert [answer for answer in answers if answer[0] != 200] == []
    assert len(here) > 20


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("HEAD", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_no_public_page_style_or_feed_names_the_statistics(served: Served) -> None:
    root = served.roots["normal"]
    public = [
        path
        for path in root.rglob("*")
        if path.suffix in {".html", ".xml", ".css", ".svg", ".txt"} and ".stats" not in path.parts
    ]
    assert len(public) > 10
    assert [path for path in public if ".stats" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("path", ["index.html", "pages/usb-stick.html", ".stats/index.html"])
def test_the_language_switch_keeps_the_page_both_ways(visitor: Visitor, path: str) -> None:
    visit = visitor.open("normal", path)
    page = visit.page
    french = page.locator("h1").inner_text()
    assert page.locator("html").get_attribute("lang") == "fr"
    page.get_by_role("link", name="English").click()
    assert page.url == f"{visit.site}/en/{path}"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").inner_text() != french
    page.get_by_role("link", name="Français").click()
    assert page.url == f"{visit.site}/{path}"
    assert page.locator("h1").inner_text() == french
    assert visit.wrong == []


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        """() => {
            const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
            return {
                index: [...document.querySelectorAll('*')].indexOf(one),
                words: one.innerText,
                seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
                ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
            };
        }"""
    )
    return found


@pytest.mark.parametrize("path", ["en/index.html", "en/.stats/index.html"])
def test_the_tab_key_goes_through_a_page_in_reading_order_and_its_place_is_always_seen(
    visitor: Visitor, path: str
) -> None:
    page = visitor.open("normal", path, 360).page
    stops = page.evaluate(
        """() => [...document.querySelectorAll("a[href], summary, [tabindex='0']")]
            .filter(one => one.checkVisibility({contentVisibilityAuto: true})).length"""
    )
    assert stops > 20
    places = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        here = focused(page)
        assert here["seen"], here
        assert here["ring"], here
        places.append(here["index"])
    assert places == sorted(set(places))


def test_the_first_stop_skips_to_the_content_and_the_next_one_downloads_the_newest_image(visitor: Visitor) -> None:
    page = visitor.open("normal", "en/index.html").page
    page.keyboard.press("Tab")
    assert focused(page)["words"] == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page)["words"].startswith("Download")
    assert page.evaluate("document.activeElement.href.endsWith('bento-openbox-noble-24.04.3-amd64.iso')")


def test_an_image_with_any_name_is_shown_linked_and_downloaded(visitor: Visitor, served: Served) -> None:
    root = served.roots["hostile"]
    page = visitor.open("hostile", "en/index.html").page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    all_links: list[str] = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.getAttribute('href'))")
    links = sorted({link for link in all_links if unquote(link).lower().endswith(".iso") and "#" not in link})
    linked = {(root / "en" / unquote(link, errors="surrogateescape")).resolve() for link in links}
    assert linked == {path.resolve() for path in root.rglob("[!.]*") if path.name.lower().endswith(".iso")}
    for link in links:
        with page.expect_download() as download:
            page.locator(f'a[href="{link}"]').last.click()
        file = Path(str(download.value.path()))
        assert file.stat().st_size == (root / "en" / unquote(link, errors="surrogateescape")).stat().st_size


def test_markup_and_direction_marks_in_a_name_stay_text(visitor: Visitor, served: Served) -> None:
    page = visitor.open("hostile", "index.html").page
    shown = page.locator("main").inner_text()
    assert page.locator("main i").count() == 0
    assert "<i>" in shown
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    names = [path.name for path in served.roots["hostile"].rglob("*.iso")]
    assert max(map(len, names)) >= 190
    assert max(names, key=len) in shown


def test_the_statistics_ask_not_to_be_indexed(visitor: Visitor) -> None:
    for path in STATISTICS:
        page = visitor.open("normal", path).page
        assert page.locator("meta[name=robots]").get_attribute("content") == "noindex"


def test_a_public_page_tells_machines_its_address_languages_feed_and_images(visitor: Visitor, served: Served) -> None:
    page = visitor.open("normal", "en/index.html").page
    site = served.urls["normal"]
    assert page.locator("link[rel=canonical]").get_attribute("href") == f"{site}/en/"
    languages = page.eval_on_selector_all("link[hreflang]", "all => all.map(one => [one.hreflang, one.href])")
    assert languages == [["fr", f"{site}/"], ["en", f"{site}/en/"], ["x-default", f"{site}/"]]
    assert page.locator('link[type="application/atom+xml"]').get_attribute("href") == "./feeds/images.atom.xml"
    assert page.locator('meta[property="og:url"]').get_attribute("content") == f"{site}/en/"
    newest = page.locator('[itemtype="https://schema.org/DataDownload"]').first
    assert newest.locator("[itemprop=name]").count() == 1
    assert str(newest.locator("[itemprop=contentUrl]").get_attribute("href")).endswith(".iso")
    assert len(str(newest.locator("[itemprop=sha256]").get_attribute("content"))) == 64
    assert str(newest.locator("[itemprop=uploadDate]").get_attribute("datetime"))[:2] == "20"


def test_paper_shows_the_digests_that_the_screen_folds_away(visitor: Visitor) -> None:
    page = visitor.open("normal", "index.html").page
    folded = page.locator("details .check code").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()


def test_without_an_image_the_page_says_so_and_offers_the_feed(visitor: Visitor) -> None:
    page = visitor.open("empty", "en/index.html").page
    assert page.get_by_role("heading", name="No image yet").is_visible()
    page.get_by_role("link", name="Follow the feed").click()
    assert page.url.endswith("/en/feeds/images.atom.xml")


def test_pages_stay_light(served: Served) -> None:
    normal, big = served.roots["normal"], served.roots["big"]
    images = len([path for path in normal.rglob("*.iso") if ".incoming" not in path.parts])
    assert (normal / "index.html").stat().st_size * 20 / images < 60_000
    assert (big / ".stats" / "index.html").stat().st_size < 400_000
    theme = normal / "theme"
    of_all_pages = [path for path in theme.rglob("*.css") if path.name != "stats.css"]
    assert sum(path.stat().st_size for path in of_all_pages) < 20_000
    assert (theme / "css" / "stats.css").stat().st_size < 14_000
    assert sum(path.stat().st_size for path in theme.rglob("*.woff2")) < 80_000


def test_no_page_has_a_script_or_a_style_of_its_own(served: Served) -> None:
    for path in served.roots["normal"].rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        assert not any(word in html for word in ("<script", "<style", " style=", "javascript:", " onclick=")), path


def test_a_name_is_quoted_in_the_link_as_the_server_reads_it(served: Served) -> None:
    html = (served.roots["hostile"] / "index.html").read_text(encoding="utf-8")
    name = "été 2026.iso"
    assert f'href="./{quote(name)}"' in html
