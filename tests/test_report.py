"""The history, seen as months, years, days, files and totals."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from download_counter.history.store import Day, History, KnownLog, to_json
from download_counter.settings import Settings, check
from download_counter.site.report import Figure, Report, add, badge, csv_of_days, csv_of_months, json_of, report

TODAY = date(2026, 5, 20)
SETTINGS = check({"web_root": "/srv", "logs": "x"})


def made(history: History, *, today: date = TODAY, settings: Settings = SETTINGS, here: tuple[str, ...] = ()) -> Report:
    return report(history, {file: f"url/{file}" for file in here}, settings, today)


def days_of(number: int, first: date, last: date) -> dict[str, Day]:
    """So many downloads on each day."""
    length = (last - first).days + 1
    return {(first + timedelta(days=n)).isoformat(): Day(number) for n in range(length)}


def counted(days: dict[str, dict[str, Day]]) -> History:
    """A history whose months are the sums of its days."""
    history = History(days=days)
    history.settle_months()
    return history


def test_nothing_known_is_a_report_with_this_month_and_zeros() -> None:
    found = made(History())

    assert found.total == found.this_month == found.last_month == found.this_year == Figure()
    assert found.change is None
    assert [period.key for period in found.months] == ["2026-05"]
    assert (found.files, found.risers) == ((), ())
    assert len(found.days) == 31
    assert found.ingest.when is None
    assert (found.ingest.first_day, found.ingest.last_day) == (None, None)


def test_a_month_is_what_counts_json_says_where_that_is_more_than_its_days() -> None:
    history = History(counts={"a.iso": {"2026-05": 40}}, days={"a.iso": {"2026-05-09": Day(4, 3, 3000)}})

    found = made(history)

    assert found.this_month == Figure(40, 3, 3000, 4)
    assert found.this_month.share == 0.75


def test_months_come_newest_first_without_gaps_and_years_too() -> None:
    found = made(History(counts={"a.iso": {"2025-11": 1, "2026-02": 2}, "b.iso": {"2026-02": 3}}))

    assert [(one.key, one.figure.started) for one in found.months] == [
        ("2026-05", 0), ("2026-04", 0), ("2026-03", 0), ("2026-02", 5), ("2026-01", 0), ("2025-12", 0), ("2025-11", 1),
    ]  # fmt: skip
    assert found.months[-1].date == date(2025, 11, 1)
    assert [(one.key, one.figure.started, len(one.months)) for one in found.years] == [("2026", 5, 5), ("2025", 1, 2)]
    assert (found.total.started, found.this_year.started) == (6, 5)


@pytest.mark.parametrize("month", ["2026-06", "2099-12", "9999-12"])
def test_a_month_to_come_is_shown_since_it_is_in_the_data(month: str) -> None:
    found = made(History(counts={"a.iso": {month: 2, "2026-05": 1}}))

    assert (found.months[0].key, found.months[-1].key) == (month, "2026-05")
    assert (found.total.started, found.this_month.started) == (3, 1)


def test_a_month_of_long_ago_is_shown_too() -> None:
    assert made(History(counts={"a.iso": {"0001-01": 1}})).months[-1].key == "0001-01"


def test_a_first_of_january_looks_back_to_december() -> None:
    found = made(History(counts={"a.iso": {"2025-12": 5, "2026-01": 1}}), today=date(2026, 1, 1))

    assert (found.last_month.started, found.this_month.started, found.this_year.started) == (5, 1, 1)


def test_files_come_most_downloaded_first_with_what_is_gone_marked() -> None:
    history = History(
        counts={"b.iso": {"2026-05": 1}, "x/a.iso": {"2026-05": 5, "2024-01": 2}, "c.iso": {"2026-05": 1}}
    )

    found = made(history, here=("b.iso", "x/a.iso", "never.iso"))

    assert [(one.file, one.name, one.gone, one.url) for one in found.files] == [
        ("x/a.iso", "a.iso", False, "url/x/a.iso"),
        ("b.iso", "b.iso", False, "url/b.iso"),
        ("c.iso", "c.iso", True, None),
    ]
    first = found.files[0]
    assert first.figure.started == 7
    assert {key: one.started for key, one in first.years.items()} == {"2024": 2, "2026": 5}
    assert first.trend == (0,) * 11 + (5,)


def test_the_trend_is_the_last_twelve_months_oldest_first() -> None:
    counts = {f"{year}-{month:02}": month for year in (2025, 2026) for month in range(1, 13)}

    assert made(History(counts={"a.iso": counts})).files[0].trend == (6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5)


def test_months_without_a_download_are_not_in_a_files_row() -> None:
    found = made(
        History(counts={"a.iso": {"2026-04": 0, "2026-05": 1}}, days={"a.iso": {"2026-03-01": Day(0, 0, 0, 2)}})
    )

    assert found.files[0].months.keys() == {"2026-05"}


def test_the_days_are_the_last_31_oldest_first() -> None:
    found = made(
        counted(
            {
                "a.iso": {"2026-05-20": Day(1), "2026-04-20": Day(2), "2026-04-19": Day(4)},
                "b.iso": {"2026-05-20": Day(8)},
            }
        )
    )

    assert (found.days[0].key, found.days[-1].key) == ("2026-04-20", "2026-05-20")
    assert (found.days[0].figure.started, found.days[-1].figure.started) == (2, 9)


def test_the_change_compares_whole_days_of_this_month_with_the_same_of_the_last() -> None:
    before, now = days_of(10, date(2026, 4, 1), date(2026, 4, 30)), days_of(12, date(2026, 5, 1), date(2026, 5, 19))

    assert made(counted({"a.iso": {**before, **now, "2026-05-20": Day(999)}})).change == pytest.approx(0.2)


def test_at_the_end_of_a_long_month_no_more_days_are_compared_than_the_last_one_had() -> None:
    days = {**days_of(10, date(2026, 2, 1), date(2026, 2, 28)), **days_of(10, date(2026, 3, 1), date(2026, 3, 31))}

    assert made(counted({"a.iso": days}), today=date(2026, 3, 31)).change == 0


@pytest.mark.parametrize(
    ("days", "today"),
    [
        (days_of(10, date(2026, 4, 1), date(2026, 4, 30)), date(2026, 5, 1)),
        (days_of(10, date(2026, 4, 2), date(2026, 5, 19)), TODAY),
        (days_of(10, date(2026, 5, 1), date(2026, 5, 19)), TODAY),
        ({"2026-03-01": Day(1), "2026-05-01": Day(1)}, TODAY),
    ],
    ids=["on the first", "last month is not known whole", "nor at all", "nothing to compare with"],
)
def test_there_is_no_change_where_the_two_do_not_compare(days: dict[str, Day], today: date) -> None:
    assert made(counted({"a.iso": days}), today=today).change is None


def test_risers_are_those_with_more_in_the_last_seven_whole_days_fastest_first() -> None:
    def weeks(before: int, recent: int) -> dict[str, Day]:
        return {"2026-05-12": Day(before), "2026-05-13": Day(recent), "2026-05-20": Day(999), "2026-05-05": Day(999)}

    history = counted(
        {"slow": weeks(5, 6), "fast": weeks(1, 50), "new": weeks(0, 3), "same": weeks(5, 5), "down": weeks(9, 2)}
    )

    assert [one.file for one in made(history).risers] == ["fast", "new", "slow"]
    assert made(history).risers[0].recent == 50


def test_at_most_five_risers_are_told() -> None:
    history = counted({f"{n}.iso": {"2026-05-18": Day(n + 1)} for n in range(9)})

    assert [one.file for one in made(history).risers] == ["8.iso", "7.iso", "6.iso", "5.iso", "4.iso"]


def log(**values: Any) -> KnownLog:
    return KnownLog(**{
        "name": "access.log", "size": 1, "mtime": 1, "start": "", "length": 1, "days": (), "unreadable": 0,
        "heads_silent": 0, "heads_sized": 0, **values,
    })  # fmt: skip


def test_it_says_when_and_from_what_it_was_made() -> None:
    when = datetime(2026, 5, 20, 1, tzinfo=UTC)
    history = History(
        ingested=when,
        logs=(log(name="a", unreadable=2), log(name="b", unreadable=3, problem="is cut or damaged: EOF")),
        days={"a.iso": {"2026-05-01": Day(0, 0, 0, 4), "2026-05-03": Day(1, left_out=1), "2026-05-07": Day(2)}},
    )

    found = made(history).ingest

    assert (found.when, found.logs, found.unreadable, found.left_out) == (when, ("a", "b"), 5, 5)
    assert found.warnings == ("b is cut or damaged: EOF",)
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
    found = made(History(logs=logs), settings=check({"web_root": "/srv", "logs": "x", **settings}))

    assert found.ingest.upper_bound is bound


def test_figures_add_up_and_what_is_not_known_stays_so() -> None:
    assert add([]) == Figure()
    assert add([Figure(1), Figure(2)]) == Figure(3)
    assert add([Figure(1), Figure(2, 1, 500, 2), Figure(4, 4, None, 4)]) == Figure(7, 5, 500, 6)
    assert Figure(7, 5, 500, 6).share == pytest.approx(5 / 6)
    assert Figure(7).share is None
    assert Figure(0, 0, 0, 0).share is None


def test_the_data_files_are_named_from_where_the_site_is() -> None:
    found = report(History(), {}, SETTINGS, TODAY, "../")

    assert (found.counts_url, found.csv_url, found.json_url, found.table_url) == (
        "../.stats/counts.json", "../.stats/downloads.csv", "../.stats/downloads.json", "../.stats/table.csv",
    )  # fmt: skip


HISTORY = counted(
    {"b.iso": {"2026-05-09": Day(4, 3, 3000, 1), "2026-04-09": Day(1)}, 'a, "b".iso': {"2026-05-01": Day(2)}}
)


def rows(written: bytes) -> list[list[str]]:
    assert b"\r\n" in written
    return list(csv.reader(io.StringIO(written.decode())))


def test_downloads_csv_has_a_row_for_each_file_and_day() -> None:
    assert rows(csv_of_days(HISTORY)) == [
        ["file", "day", "started", "finished", "sent", "left_out"],
        ['a, "b".iso', "2026-05-01", "2", "", "", "0"],
        ["b.iso", "2026-04-09", "1", "", "", "0"],
        ["b.iso", "2026-05-09", "4", "3", "3000", "1"],
    ]


def test_table_csv_has_a_row_for_each_file_and_a_column_for_each_month() -> None:
    assert rows(csv_of_months(made(HISTORY))) == [
        ["file", "total", "2026-05", "2026-04"],
        ["b.iso", "5", "4", "1"],
        ['a, "b".iso', "2", "2", "0"],
    ]


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_name_is_a_formula_in_a_spreadsheet(name: str) -> None:
    history = counted({name: {"2026-05-09": Day(1)}})

    assert rows(csv_of_days(history))[1][0] == f"'{name}"
    assert rows(csv_of_months(made(history)))[1][0] == f"'{name}"


def test_downloads_json_has_the_totals_and_the_months() -> None:
    found = json.loads(to_json(json_of(HISTORY, made(HISTORY, here=("b.iso",)))))

    assert found["total"] == {"started": 7, "finished": 3, "sent": 3000}
    assert found["finished_is_upper_bound"] is False
    assert found["ingested"] is None
    b = found["files"]["b.iso"]
    assert (b["gone"], b["total"]["started"], b["months"]["2026-05"]) == (
        False, 5, {"started": 4, "finished": 3, "sent": 3000},
    )  # fmt: skip
    assert found["files"]['a, "b".iso']["gone"] is True


def test_names_that_are_no_utf_8_do_not_break_the_files() -> None:
    history = counted({"\udcff.iso": {"2026-05-09": Day(1)}})

    assert rows(csv_of_days(history))[1][0] == "?.iso"
    assert json.loads(to_json(json_of(history, made(history))))["files"].keys() == {"\udcff.iso"}


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (12_000, "12k"), (2_600_000, "2.6M")]
)
def test_a_badge_shows_a_short_number(number: int, shown: str) -> None:
    assert badge("downloads", Figure(number)) == {
        "schemaVersion": 1, "label": "downloads", "message": shown, "color": "informational",
    }  # fmt: skip


def test_a_badge_of_nearly_a_million_says_so() -> None:
    assert badge("downloads", Figure(999_999))["message"] == "1M"
