"""The statistics pages as a maintainer meets them: numbers that add up, and text that keeps its room at any size."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.visits import Served, Visitor
from sample import State
from support import CHECKOUT

STATISTICS = (".stats/index.html", "en/.stats/index.html")
STATES: tuple[State, ...] = ("normal", "empty", "many", "hostile", "big")

MEETING_TEXTS = """() => {
    const shown = [...document.querySelectorAll(".chart text")].filter(one => one.checkVisibility());
    const boxes = shown.map(one => [one.textContent, one.getBoundingClientRect(), one.closest(".chart")]);
    const wrong = [];
    boxes.forEach(([text, box, chart], index) => {
        const frame = chart.closest(".panel").getBoundingClientRect();
        if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom)
            wrong.push(`${text} leaves its panel`);
        boxes.slice(index + 1).filter(other => other[2] === chart).forEach(([other, its]) => {
            const across = box.left < its.right - 1 && its.left < box.right - 1;
            if (across && box.top < its.bottom - 1 && its.top < box.bottom - 1)
                wrong.push(`${text} meets ${other}`);
        });
    });
    shown.filter(one => one.matches(".label, .under")).forEach(one => {
        const plot = one.closest("svg").getBoundingClientRect(), box = one.getBoundingClientRect();
        if (box.top < plot.bottom - 1) wrong.push(`${one.textContent} lies over the bars`);
    });
    return {shown: shown.length, wrong};
}"""
"""Texts of charts that overlap, leave their panel, or lie over the bars; of a glyph's box a pixel may be shared."""


def test_the_style_of_the_statistics_names_no_colour_and_no_font_of_its_own() -> None:
    css = (CHECKOUT / "theme/static/css/stats.css").read_text(encoding="utf-8")
    tokens = (CHECKOUT / "theme/static/css/tokens.css").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", css) == []
    assert [font for font in re.findall(r"font-family:\s*([^;]+);", css) if not font.startswith("var(")] == []
    defined = set(re.findall(r"^\s+(--[\w-]+):", tokens + css, re.MULTILINE))
    assert set(re.findall(r"var\((--[\w-]+)", css)) - defined == set()


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("width", [360, 768, 1280, 2560])
@pytest.mark.parametrize("state", ["normal", "big"])
def test_no_text_of_a_chart_meets_another_or_leaves_its_panel(
    visitor: Visitor, state: State, width: int, size: int
) -> None:
    page = visitor.open(state, ".stats/index.html", width).page
    page.evaluate("size => { document.documentElement.style.fontSize = `${size}px`; }", size)
    found: dict[str, Any] = page.evaluate(MEETING_TEXTS)

    assert found["wrong"] == []
    assert found["shown"] > 10
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "scrolls sideways"


def number(cell: str) -> int:
    return int("".join(filter(str.isdigit, cell)) or 0)


def rows_of(page: Page) -> dict[str, list[int]]:
    """The rows of the table of years or of a year: its first cell, and the numbers in the others."""
    rows: list[list[str]] = page.eval_on_selector_all(
        "table.years tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return {row[0]: [number(cell) for cell in row[1:]] for row in rows}


@pytest.mark.parametrize("path", STATISTICS)
def test_the_statistics_show_what_counts_json_says(visitor: Visitor, served: Served, path: str) -> None:
    counts = json.loads((served.roots["normal"] / ".stats" / "counts.json").read_text())
    by_month: Counter[str] = Counter()
    for months in counts.values():
        by_month.update(months)
    page = visitor.open("normal", path).page

    years = rows_of(page)

    assert {
        f"{year}-{month:02}": started
        for year, row in years.items()
        for month, started in enumerate(row[:12], 1)
        if started
    } == dict(+by_month)
    assert all(sum(row[:12]) == row[12] for row in years.values())


@pytest.mark.parametrize("path", STATISTICS)
def test_the_page_of_a_year_has_its_files_by_month(visitor: Visitor, served: Served, path: str) -> None:
    counts = json.loads((served.roots["normal"] / ".stats" / "counts.json").read_text())
    visit = visitor.open("normal", path)
    links = visit.page.locator("table.years a")
    last = links.last.inner_text()
    links.last.click()

    rows = rows_of(visit.page)
    whole, *files = rows.values()

    expected = [[months.get(f"{last}-{month:02}", 0) for month in range(1, 13)] for months in counts.values()]
    assert sorted(row[:12] for row in files) == sorted(row for row in expected if sum(row))
    assert whole == [sum(column) for column in zip(*files, strict=True)]
    visit.page.locator(".contents a").first.click()
    assert visit.page.url.endswith(path)
    assert visit.wrong == []


@pytest.mark.parametrize("state", STATES)
def test_each_page_of_statistics_stays_below_400_kb(served: Served, state: State) -> None:
    pages = [path for path in Path(served.roots[state]).rglob("*.html") if ".stats" in path.parts]
    assert len(pages) >= 2
    assert {path: size for path in pages if (size := path.stat().st_size) > 400_000} == {}


def test_a_day_that_is_not_known_is_a_dash_with_a_word_and_never_nothing(visitor: Visitor) -> None:
    page = visitor.open("big", "en/.stats/index.html").page
    open_all(page)
    days: list[list[str]] = page.eval_on_selector_all(
        "section:has(#days) tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )

    assert len(days) == 31
    assert days[-1][1:] == ["\N{EN DASH}not known"] * 4
    # Before midnight here it may be tomorrow already at the site: a day that nobody has read, too.
    assert page.locator("section:has(#days) .gap").count() in (1, 2)
    assert page.get_by_text("not known: no log of these days was read").is_visible()


def test_without_a_download_the_page_says_so_also_after_a_run(visitor: Visitor) -> None:
    page = visitor.open("empty", "en/.stats/index.html").page

    assert page.get_by_role("heading", name="No download yet").is_visible()
    assert page.get_by_text("access logs have been read").is_visible()
    assert page.locator(".chart").count() == 0
    assert page.get_by_role("link", name="JSON", exact=True).is_visible()


def test_every_table_has_a_caption_and_every_chart_a_sentence(visitor: Visitor) -> None:
    page = visitor.open("normal", "en/.stats/index.html").page
    open_all(page)

    captions: list[str] = page.eval_on_selector_all("table", "all => all.map(one => one.caption?.textContent ?? '')")
    sentences: list[str] = page.eval_on_selector_all(".plot > svg > desc", "all => all.map(one => one.textContent)")

    assert len(captions) >= 5
    assert all(captions)
    assert len(sentences) == page.locator(".chart").count() >= 2
    assert all(sentences)


def test_no_frame_hides_rows(visitor: Visitor) -> None:
    page = visitor.open("many", ".stats/index.html").page
    open_all(page)
    frames: list[int] = page.eval_on_selector_all(
        "main *",
        """all => all.filter(one => ["auto", "scroll"].includes(getComputedStyle(one).overflowY))
            .map(one => one.scrollHeight - one.clientHeight)""",
    )
    assert max(frames, default=0) <= 4


@pytest.mark.parametrize(
    ("path", "width"),
    [
        (".stats/index.html", 718),
        (".stats/2024/index.html", 1047),
    ],  # A4 without its margins, the second lying, at 96 dpi
)
@pytest.mark.parametrize("state", ["normal", "big"])
def test_paper_has_every_column(visitor: Visitor, state: State, path: str, width: int) -> None:
    page = visitor.open(state, path, width).page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rights: list[float] = page.eval_on_selector_all("table", "all => all.map(one => one.getBoundingClientRect().right)")
    assert max(rights) <= width
