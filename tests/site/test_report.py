"""The history, seen as windows, months, years, days, files, groups and releases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download_counter.history.day import Day
from download_counter.history.store import History, KnownLog
from download_counter.settings import check
from download_counter.site.report import WINDOWS, Figure, add
from histories import TODAY, counted, days_of, known, made, named


def ago(days: int) -> str:
    return (TODAY - timedelta(days)).isoformat()


def test_nothing_known_is_a_report_with_this_month_and_zeros() -> None:
    found = made(known())

    assert found.total == found.this_month.figure == found.last_month.figure == Figure()
    assert [period.key for period in found.months] == ["2026-05"]
    assert (found.files, found.series, found.releases, found.weeks) == ((), (), (), ())
    assert [day.figure for day in found.days] == [None] * 31
    assert [(one.known_days, one.figure, one.before) for one in found.windows] == [(0, Figure(), None)] * 4
    assert found.most_wanted is None
    assert found.ingest.when is None
    assert (found.ingest.first_day, found.ingest.last_day) == (None, None)


def test_a_month_is_what_counts_json_says_where_that_is_more_than_its_days() -> None:
    history = known(counts={"a.iso": {"2026-05": 40}}, days={"a.iso": {"2026-05-09": Day(4, 3, 3000)}})

    found = made(history).this_month

    assert found.figure == Figure(40, 3, 3000, 4)
    assert found.figure.share == 0.75
    assert found.known_days is None, "the days do not account for all that was counted"


def test_months_come_newest_first_without_gaps_and_years_too() -> None:
    found = made(known(counts={"a.iso": {"2025-11": 1, "2026-02": 2}, "b.iso": {"2026-02": 3}}))

    assert [(one.key, one.started) for one in found.months] == [
        ("2026-05", 0), ("2026-04", 0), ("2026-03", 0), ("2026-02", 5), ("2026-01", 0), ("2025-12", 0), ("2025-11", 1),
    ]  # fmt: skip
    assert found.months[-1].date == date(2025, 11, 1)
    assert [(one.key, one.figure.started) for one in found.years] == [("2026", 5), ("2025", 1)]
    months = found.years[0].months
    assert [one.started if one else None for one in months] == [0, 5, 0, 0, 0, *[None] * 7]
    assert found.total.started == 6


@pytest.mark.parametrize("month", ["2026-06", "2099-12", "9999-12", "0001-01", "1994-12"])
def test_a_month_that_cannot_be_is_in_the_total_and_answer_parts(month: str) -> None:
    found = made(known(counts={"a.iso": {month: 2, "2026-05": 1}}))

    assert [one.key for one in found.months] == ["2026-05"]
    assert (found.total.started, found.this_month.started, found.astray) == (3, 1, 2)


def test_this_month_is_not_over_and_says_how_many_of_its_days_are_known() -> None:
    found = made(counted({"a.iso": days_of(3, date(2026, 4, 20), date(2026, 5, 19))}))

    this, last = found.this_month, found.last_month
    assert (this.partial, this.days, this.known_days) == (True, 20, 20)
    assert (last.partial, last.days, last.known_days) == (False, 30, 11)


def test_a_first_of_january_looks_back_to_december() -> None:
    found = made(known(counts={"a.iso": {"2025-12": 5, "2026-01": 1}}), today=date(2026, 1, 1))

    assert (found.last_month.started, found.this_month.started) == (5, 1)


def test_files_come_most_downloaded_this_week_first_then_this_month_then_ever() -> None:
    history = counted({
        "old": {"2025-01-01": Day(1000)},
        "month": {ago(20): Day(90)},
        "week": {ago(1): Day(2)},
        "today": {ago(0): Day(2000)},
    })  # fmt: skip

    assert [one.file for one in made(history).files] == ["week", "month", "today", "old"]


def test_a_file_that_is_no_longer_there_is_marked_and_years_and_months_add_up() -> None:
    history = known(counts={"b.iso": {"2026-05": 1}, "x/a.iso": {"2026-05": 5, "2024-01": 2}, "c.iso": {"2026-05": 1}})

    found = made(history, uploads=dict.fromkeys(("b.iso", "x/a.iso", "never.iso"), TODAY))

    assert [(one.file, one.name, one.gone) for one in found.files] == [
        ("x/a.iso", "a.iso", False),
        ("b.iso", "b.iso", False),
        ("c.iso", "c.iso", True),
    ]
    first = found.files[0]
    assert first.figure.started == 7
    assert {key: one.started for key, one in first.years.items()} == {"2024": 2, "2026": 5}
    assert first.trend == (0,) * 11 + (5,)


def test_the_trend_is_the_last_twelve_months_oldest_first() -> None:
    counts = {f"{year}-{month:02}": month for year in (2025, 2026) for month in range(1, 13)}

    assert made(known(counts={"a.iso": counts})).files[0].trend == (6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5)


def test_months_without_a_download_are_not_in_a_files_row() -> None:
    found = made(known(counts={"a.iso": {"2026-04": 0, "2026-05": 1}}, days={"a.iso": {"2026-03-01": Day(0, 0, 0, 2)}}))

    assert found.files[0].months.keys() == {"2026-05"}


def test_a_renamed_file_keeps_its_count_under_its_new_name() -> None:
    history = counted({"a.iso": {ago(9): Day(3, 2)}, "archives/a.iso": {ago(2): Day(4, 4)}})

    [one] = made(history, aliases={"a.iso": "archives/a.iso"}).files

    assert (one.file, one.figure.started, one.figure.finished) == ("archives/a.iso", 7, 6)
    assert [window.figure.started for window in one.windows] == [4, 7, 7, 7]
    assert history.counts.keys() == {"a.iso", "archives/a.iso"}, "the history stays as it was"


# --- Days ---


def test_the_days_are_the_last_31_oldest_first_and_today_is_not_over() -> None:
    found = made(
        counted({"a.iso": days_of(2, date(2026, 4, 1), TODAY), "b.iso": {"2026-05-20": Day(8)}})
    ).days  # fmt: skip

    assert (found[0].key, found[-1].key, len(found)) == ("2026-04-20", "2026-05-20", 31)
    assert (found[0].started, found[-1].started) == (2, 10)
    assert [day.partial for day in found] == [False] * 30 + [True]


def test_days_before_the_first_known_one_and_a_hole_in_busy_days_are_not_known() -> None:
    busy = {**days_of(90, date(2026, 5, 10), date(2026, 5, 12)), **days_of(90, date(2026, 5, 15), date(2026, 5, 19))}

    found = {day.key: day.figure for day in made(counted({"a.iso": busy})).days}

    assert found["2026-05-09"] is None
    assert found["2026-05-13"] is found["2026-05-14"] is None
    assert found["2026-05-15"] == Figure(90)


def test_a_day_without_a_download_is_one_of_none_where_downloads_are_rare() -> None:
    rare = {"2026-05-01": Day(1), "2026-05-05": Day(1), "2026-05-10": Day(1)}

    found = made(counted({"a.iso": rare}))

    assert [day.figure for day in found.days if "2026-05-01" < day.key < "2026-05-05"] == [Figure()] * 3
    assert found.windows[0].known_days == 7, "up to the day that logs were read"
    assert found.days[-1].figure == Figure(), "which has none so far"


def test_the_day_on_which_logs_were_read_is_not_over() -> None:
    days = days_of(50, date(2026, 5, 1), date(2026, 5, 18))
    found = made(counted({"a.iso": days}, ingested=datetime(2026, 5, 18, 1, tzinfo=UTC)))

    assert {day.key for day in found.days if day.partial} == {"2026-05-18", "2026-05-19", "2026-05-20"}
    assert found.windows[0].known_days == 5
    assert found.windows[0].difference is None


# --- Windows ---


def test_a_window_stands_beside_the_same_span_before_it() -> None:
    days = {**days_of(10, date(2026, 5, 6), date(2026, 5, 12)), **days_of(12, date(2026, 5, 13), date(2026, 5, 19))}

    week = made(counted({"a.iso": {**days, "2026-05-20": Day(999)}})).week

    assert (week.days, week.known_days, week.figure.started) == (7, 7, 84)
    assert week.before == Figure(70)
    assert week.difference == 14
    assert week.change == pytest.approx(0.2)


def test_nothing_is_compared_with_days_that_are_not_all_known() -> None:
    days = days_of(10, date(2026, 5, 7), date(2026, 5, 19))

    week = made(counted({"a.iso": days})).week

    assert week.before is None
    assert week.difference is week.change is None


def test_more_than_nothing_is_a_difference_and_no_percentage() -> None:
    days = {"a.iso": days_of(1, date(2026, 5, 1), date(2026, 5, 19)), "b.iso": {"2026-05-18": Day(3)}}

    [b] = [one for one in made(counted(days)).files if one.file == "b.iso"]

    assert (b.windows[0].difference, b.windows[0].change) == (3, None)


@given(st.dictionaries(st.integers(0, 800), st.integers(0, 50), max_size=80))
def test_windows_are_the_sums_of_their_days(numbers: dict[int, int]) -> None:
    history = counted({"a": {ago(age): Day(n, n // 2) for age, n in numbers.items()}})

    for window in made(history).windows:
        inside = [number for age, number in numbers.items() if 1 <= age <= window.days]
        assert window.figure.started == sum(inside)
        assert (window.figure.finished or 0) == sum(number // 2 for number in inside)


def test_those_that_moved_most_are_told_both_ways() -> None:
    def weeks(before: int, recent: int) -> dict[str, Day]:
        return {ago(8): Day(before), ago(7): Day(recent), ago(0): Day(999), ago(15): Day(999)}

    history = counted({
        "slow": weeks(5, 6), "fast": weeks(1, 50), "new": weeks(0, 3), "same": weeks(5, 5), "down": weeks(9, 2),
        "steady": days_of(1, date(2026, 5, 1), date(2026, 5, 19)),
    })  # fmt: skip

    rising, falling = made(history).movers()

    assert [one.file for one in rising] == ["fast", "new", "slow"]
    assert [one.file for one in falling] == ["down"]
    assert len(made(history).movers(1)[0]) == 1


# --- Groups and releases ---

RELEASES = {
    "noble-24.04-amd64.iso": date(2026, 1, 10),
    "noble-24.04-i386.iso": date(2026, 1, 12),
    "noble-24.05-amd64.iso": date(2026, 5, 5),
    "antix-23-amd64.iso": date(2025, 1, 1),
}


def released() -> History:
    return counted({
        "noble-24.04-amd64.iso": days_of(4, date(2026, 1, 10), date(2026, 5, 19)),
        "noble-24.04-i386.iso": days_of(2, date(2026, 1, 12), date(2026, 5, 19)),
        "noble-24.05-amd64.iso": days_of(10, date(2026, 5, 5), date(2026, 5, 19)),
        "antix-23-amd64.iso": days_of(1, date(2026, 1, 10), date(2026, 5, 19)),
    })  # fmt: skip


def test_files_are_told_together_by_series_and_by_architecture() -> None:
    found = made(released(), uploads=RELEASES, name_of=named)

    assert [(one.name, one.windows[0].figure.started) for one in found.series] == [("noble", 112), ("antix", 7)]
    assert [(one.name, one.windows[0].figure.started) for one in found.architectures] == [("amd64", 105), ("i386", 14)]
    assert found.architectures[1].months["2026-02"] == 56
    assert sum(one.windows[3].figure.started for one in found.series) == found.windows[3].figure.started


def test_releases_are_followed_by_days_since_their_upload() -> None:
    newest, before, oldest = made(released(), uploads=RELEASES, name_of=named).releases

    assert (newest.name, newest.uploaded, newest.days) == ("noble 24.05", date(2026, 5, 5), (10,) * 15)
    assert (newest.first(7), newest.first(30)) == (70, None)
    assert before.name == "noble 24.04"
    assert before.days[:4] == (4, 4, 6, 6)
    assert len(before.days) == 90
    assert oldest.first(1) is None, "its first days are not known"


def test_the_share_of_the_newest_release_is_told_of_whole_and_known_weeks() -> None:
    weeks = made(released(), uploads=RELEASES, name_of=named).weeks

    assert weeks[0].date == date(2026, 1, 12)
    assert (weeks[0].newest, weeks[0].started, weeks[0].of_newest) == ("noble 24.04", 49, 42)
    assert (weeks[-1].date, weeks[-1].newest, weeks[-1].of_newest) == (date(2026, 5, 11), "noble 24.05", 70)


# --- How it was made ---


def log(**values: Any) -> KnownLog:
    return KnownLog(**{
        "name": "access.log", "size": 1, "mtime": 1, "days": (), "unreadable": 0,
        "heads_silent": 0, "heads_sized": 0, "complete": True, "problem": "", **values,
    })  # fmt: skip


def test_it_says_when_and_from_what_it_was_made() -> None:
    when = datetime(2026, 5, 20, 1, tzinfo=UTC)
    history = known(
        ingested=when,
        logs=(
            log(name="/var/log/a", lines=95, unreadable=2),
            log(name="b", unreadable=3, problem="is cut or damaged: EOF"),
        ),
        days={"a.iso": {"2026-05-01": Day(0, 0, 0, 4), "2026-05-03": Day(1, left_out=1), "2026-05-07": Day(2)}},
        warnings=["Something was mended."],
    )

    found = made(history).ingest

    assert (found.when, found.logs, found.unreadable, found.left_out) == (when, ("a", "b"), 5, 5)
    assert found.lines == 100
    assert found.problems == (("b", "is cut or damaged: EOF"),)
    assert found.warnings == ("Something was mended.",)
    assert (found.first_day, found.last_day) == (date(2026, 5, 3), date(2026, 5, 7))


@pytest.mark.parametrize(
    ("logs", "settings", "bound"),
    [
        ((), {}, False),
        ((), {"log_format": '%h %t "%r" %>s %b'}, True),
        ((), {"log_format": "json"}, False),
        ((log(heads_silent=1),), {}, True),
        ((log(heads_sized=1),), {}, False),
        ((log(heads_sized=1),), {"log_format": '%h %t "%r" %>s %b'}, False),
        ((log(heads_silent=1), log(heads_sized=5)), {}, False),
        ((log(heads_sized=9),), {"bytes_sent": "body"}, True),
        ((log(heads_silent=9),), {"bytes_sent": "wire"}, False),
    ],
)
def test_finished_is_an_upper_bound_where_the_log_counts_what_was_meant_to_be_sent(
    logs: tuple[KnownLog, ...], settings: dict[str, Any], bound: bool
) -> None:
    found = made(known(logs=logs), settings=check({"web_root": "/srv", "logs": "x", **settings}))

    assert found.ingest.upper_bound is bound


def test_figures_add_up_and_what_is_not_known_stays_so() -> None:
    assert add([]) == Figure()
    assert add([Figure(1), Figure(2)]) == Figure(3)
    assert add([Figure(1), Figure(2, 1, 500, 2), Figure(4, 4, None, 4)]) == Figure(7, 5, 500, 6)
    assert Figure(7, 5, 500, 6).share == pytest.approx(5 / 6)
    assert Figure(7).share is None
    assert Figure(0, 0, 0, 0).share is None


def test_the_data_files_are_named_from_where_the_site_is() -> None:
    assert made(known(), data_root="../").data_url == "../.stats/"


def test_there_is_a_window_for_a_week_a_month_a_quarter_and_a_year() -> None:
    assert WINDOWS == (7, 30, 90, 365)
