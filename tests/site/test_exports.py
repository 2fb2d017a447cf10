"""The data files beside the statistics, and the badges."""

import csv
import io
import json
from datetime import date

import pytest

from download_counter.history.day import Day, Record
from download_counter.history.year import to_json
from download_counter.site.exports import badge, csv_of_days, csv_of_months, json_of
from download_counter.site.report import Figure
from histories import counted, days_of, made, named

HISTORY = counted(
    {"b.iso": {"2026-05-09": Day(4, 3, 3000, 1), "2026-04-09": Day(1)}, 'a, "b".iso': {"2026-05-01": Day(2)}}
)


def rows(written: bytes) -> list[list[str]]:
    assert b"\r\n" in written
    return list(csv.reader(io.StringIO(written.decode())))


def test_downloads_csv_has_a_row_for_each_file_and_day() -> None:
    unknown = [""] * 5
    assert rows(csv_of_days(HISTORY)) == [
        [
            *("file", "day", "started", "finished", "sent", "left_out"),
            *("asked", "checked", "ipv6", "networks", "hosting"),
        ],
        ['a, "b".iso', "2026-05-01", "2", "", "", "0", *unknown],
        ["b.iso", "2026-04-09", "1", "", "", "0", *unknown],
        ["b.iso", "2026-05-09", "4", "3", "3000", "1", *unknown],
    ]


def test_a_name_with_a_line_break_or_the_word_none_stays_one_cell() -> None:
    history = counted({"None\nof, it.iso": {"2026-05-09": Day(1), "2026-05-10": Day(2)}})

    assert [row[:3] for row in rows(csv_of_days(history))[1:]] == [
        ["None\nof, it.iso", "2026-05-09", "1"],
        ["None\nof, it.iso", "2026-05-10", "2"],
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
    found = json.loads(to_json(json_of(HISTORY, made(HISTORY, uploads={"b.iso": date(2026, 5, 1)}))))

    assert found["total"] == {"started": 7, "finished": 3, "sent": 3000}
    assert found["finished_is_upper_bound"] is False
    assert found["ingested"] is None
    b = found["files"]["b.iso"]
    assert (b["gone"], b["total"]["started"], b["months"]["2026-05"]) == (
        False, 5, {"started": 4, "finished": 3, "sent": 3000},
    )  # fmt: skip
    assert found["files"]['a, "b".iso']["gone"] is True


def test_downloads_json_has_the_windows_of_all_of_each_file_series_and_architecture() -> None:
    history = counted(
        {
            "noble-24.04-amd64.iso": days_of(2, date(2026, 5, 1), date(2026, 5, 19)),
            "noble-24.04-i386.iso": days_of(1, date(2026, 5, 1), date(2026, 5, 19)),
        }
    )

    found = json_of(history, made(history, name_of=named))

    week = {"known_days": 7, "finished": None, "sent": None}
    assert found["windows"]["7"] == {**week, "started": 21, "before": 21}
    assert found["windows"].keys() == {"7", "30", "90", "365"}
    assert found["series"]["noble"]["7"] == {**week, "started": 21, "before": 21}
    assert found["architectures"]["amd64"]["7"] == {**week, "started": 14, "before": 14}
    image = found["files"]["noble-24.04-i386.iso"]
    assert (image["series"], image["version"], image["arch"]) == ("noble", "24.04", "i386")
    assert image["windows"]["7"] == {**week, "started": 7, "before": 7}


def test_downloads_json_has_the_shares_of_programs_and_systems() -> None:
    history = counted({"a.iso": {"2026-05-09": Day(4)}})
    history.put(
        "2026-05-09",
        Record({"a.iso": Day(4)}, {"programs": {"": {"wget": 3, "curl": 1}}, "systems": {"": {"other": 4}}}),
    )

    found = json_of(history, made(history))

    assert (found["programs"], found["systems"]) == ({"wget": 0.75, "curl": 0.25}, {"other": 1.0})
    assert found["countries"] == {}


def test_names_that_are_no_utf_8_do_not_break_the_files() -> None:
    history = counted({"\udcff.iso": {"2026-05-09": Day(1)}})

    assert rows(csv_of_days(history))[1][0] == "?.iso"
    assert json.loads(to_json(json_of(history, made(history))))["files"].keys() == {"\udcff.iso"}


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (12_000, "12k"), (2_600_000, "2.6M")]
)
def test_a_badge_shows_a_short_number_and_that_it_is_of_all_time(number: int, shown: str) -> None:
    assert badge("downloads", Figure(number)) == {
        "schemaVersion": 1, "label": "downloads", "message": f"{shown} total", "color": "informational",
    }  # fmt: skip


def test_a_badge_of_nearly_a_million_says_so() -> None:
    assert badge("downloads", Figure(999_999))["message"] == "1M total"
