"""What the charts say: findings by rules, with the plain title where none holds; and which charts there are."""

from datetime import date, timedelta

import pytest

from download_counter.history.day import Day, Record
from download_counter.history.store import History
from download_counter.site.filters import filters
from download_counter.site.findings import Finding, findings
from download_counter.site.pictures import Pictures
from download_counter.site.report import Report
from histories import TODAY, counted, days_of, known, made, named

ENGLISH = filters("en", "UTC")


def months(*numbers: int) -> Report:
    """So many downloads in each month, the last of them this one."""
    counts = {}
    for back, number in enumerate(reversed(numbers)):
        year, month = divmod(2026 * 12 + 5 - 1 - back, 12)
        counts[f"{year}-{month + 1:02}"] = number
    return made(known({"a.iso": counts}))


@pytest.mark.parametrize(
    ("numbers", "finding"),
    [
        ((5, 6, 7, 5, 6, 7, 5, 9), Finding("best", when=date(2026, 5, 1))),
        ((5, 6, 7, 5, 6, 7, 9, 3), Finding("best", when=date(2026, 4, 1))),
        ((9, 6, 7, 5, 6, 7, 5, 8), Finding("best_since", when=date(2026, 5, 1), since=date(2025, 10, 1))),
        ((9, 6, 7, 5, 6, 7, 5, 6, 8, 3), Finding("best_since", when=date(2026, 4, 1), since=date(2025, 8, 1))),
        ((1, 6, 7, 5, 6, 7, 5, 6, 2, 3), Finding("weakest_since", when=date(2026, 4, 1), since=date(2025, 8, 1))),
        ((5, 6, 7, 5, 6, 7, 6, 5), None),
        ((1, 2, 3), None),
        ((0,), None),
    ],
    ids=[
        "best, though not over",
        "last month best",
        "this best since",
        "last best since",
        "weakest",
        "none",
        "few",
        "0",
    ],
)
def test_a_month_is_the_best_or_the_weakest_only_if_half_a_year_lies_between(
    numbers: tuple[int, ...], finding: Finding | None
) -> None:
    assert findings(months(*numbers))["months"] == finding


def test_this_month_is_not_called_weak_before_it_is_over() -> None:
    assert findings(months(9, 9, 9, 9, 9, 9, 9, 9, 1))["months"] is None


def releases() -> Report:
    uploads = {
        "noble-24.04-amd64.iso": date(2026, 2, 1),
        "noble-24.05-amd64.iso": date(2026, 5, 10),
        "noble-24.04-i386.iso": date(2026, 2, 1),
    }
    history = counted({
        "noble-24.04-amd64.iso": days_of(10, date(2026, 2, 1), date(2026, 5, 19)),
        "noble-24.05-amd64.iso": days_of(30, date(2026, 5, 10), date(2026, 5, 19)),
        "noble-24.04-i386.iso": days_of(5, date(2026, 2, 1), date(2026, 5, 19)),
    })  # fmt: skip
    return made(history, uploads=uploads, name_of=named)


def test_a_new_release_is_what_the_days_tell_of() -> None:
    found = findings(releases())

    assert found["days"] == Finding("since_release", 45, "noble 24.05")
    assert found["adoption"] == Finding("adoption", 300, "noble 24.05", 150, "noble 24.04", days=10)
    assert found["newest"] == Finding("newest", 30 / 45, "noble 24.05", when=date(2026, 5, 11))
    assert found["shares"] == Finding("shares", 40 / 45, "amd64", 5 / 45, "i386")
    assert found["series"] is None, "there is one alone"


def test_without_a_new_release_the_days_tell_of_the_week_and_unknown_days_of_nothing() -> None:
    steady = counted({"a.iso": days_of(9, date(2026, 3, 1), date(2026, 5, 19))})

    assert findings(made(steady))["days"] == Finding("week", 9)
    assert findings(made(known({"a.iso": {"2026-05": 100}})))["days"] is None


def test_shares_of_a_few_downloads_are_no_finding() -> None:
    few = counted({"a-1-amd64.iso": {"2026-05-19": Day(3)}, "b-1-i386.iso": {"2026-05-19": Day(2)}})

    found = findings(made(few, name_of=named))

    assert found["shares"] is found["series"] is found["arrival"] is None


# --- What is counted of the last 30 days ---


def history_of(records: dict[int, Record]) -> History:
    """Records by age in days."""
    history = known()
    for age, record in records.items():
        history.put((TODAY - timedelta(age)).isoformat(), record)
    return history


def test_what_became_of_downloads_adds_up_and_is_told_of_days_that_know_it() -> None:
    whole = Record(
        {
            "a.iso": Day(100, 80, 1, 0, asked=5, checked=8, ipv6=40, networks=98),
            "b.iso": Day(10, 6, 1, 0, asked=1),
            "of unknown size.iso": Day(40),
        },
        {"broke": {"a.iso": {"0": 9, "9": 6}, "b.iso": {"0": 1}}, "programs": {"": {"Firefox": 90, "wget": 20}}},
    )
    old = Record({"a.iso": Day(50, 40)})
    long_ago = Record({"a.iso": Day(7, 7, 7, 0, 0, 7, 7, 7)})

    found = made(history_of({3: whole, 4: old, 40: long_ago}))

    arrival = found.arrival
    assert (arrival.days, arrival.started) == (1, 110)
    assert (arrival.finished, arrival.gave_up, arrival.asked) == (86, 18, 6)
    assert arrival.finished + arrival.gave_up + arrival.asked == arrival.started
    assert (arrival.checked, arrival.checked_of) == (8, 80)
    assert arrival.broke == (10, 0, 0, 0, 0, 0, 0, 0, 0, 6)
    assert (found.clients.started, found.clients.ipv6, found.clients.networks) == (100, 40, 98)
    assert found.clients.hosting_of == 0
    assert (found.programs.rows, found.programs.total, found.programs.days) == ((("Firefox", 90), ("wget", 20)), 150, 1)


def test_countries_of_few_downloads_are_told_together() -> None:
    record = Record({"a.iso": Day(30)}, {"countries": {"": {"FR": 20, "BE": 5, "LU": 4, "MC": 1}}})

    assert made(history_of({1: record})).countries.rows == (("FR", 20), ("BE", 5), ("other", 5))


def test_what_was_left_out_is_told_with_its_reasons() -> None:
    record = Record({"a.iso": Day(1, left_out=7)}, {"left_out": {"": {"crawler": 5, "agent": 2}}})

    ingest = made(history_of({1: record, 400: record})).ingest

    assert (ingest.left_out, dict(ingest.reasons)) == (14, {"crawler": 10, "agent": 4})


# --- Charts ---


def test_releases_are_marked_where_they_came_out() -> None:
    charts = Pictures(releases(), ENGLISH)

    [mark] = charts.days.marks
    [day] = [bar for bar in charts.days.bars if bar.of.key == "2026-05-10"]
    assert mark == day.middle
    assert [name.text for name in charts.days.names] == ["noble 24.05"]
    assert len(charts.months.marks) == 2


def test_charts_that_have_nothing_to_show_are_none() -> None:
    charts = Pictures(made(known({"a.iso": {"2026-05": 3}})), ENGLISH)

    assert charts.shares is charts.adoption is charts.newest is None
    assert list(charts.days.gaps) == [(0, 100)]
    assert [len(bar.parts) for bar in charts.months.bars] == [1]


def test_releases_are_laid_over_each_other_from_their_uploads_on() -> None:
    chart = Pictures(releases(), ENGLISH).adoption

    assert chart is not None
    assert [(line.of.name, line.end) for line in chart.lines] == [("noble 24.05", 300), ("noble 24.04", 1350)]
    assert all(line.path.startswith("M0.0 100.0") for line in chart.lines)


def test_shares_of_a_month_fill_its_bar() -> None:
    chart = Pictures(releases(), ENGLISH).shares

    assert chart is not None
    assert not chart.shortened
    for bar in chart.bars:
        if bar.parts:
            assert sum(part.height for part in bar.parts) == pytest.approx(100, abs=0.1)
