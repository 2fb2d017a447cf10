"""counts.json, the years of days, and the state: what is read, what is refused, what is kept."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from download_counter.errors import DownloadCounterError
from download_counter.history.day import COLUMNS, Day, Record
from download_counter.history.store import COUNTS, STATE, YEARS, History, KnownLog, State, load, parse_counts
from download_counter.history.year import to_json

LOG = KnownLog(
    name="access.log.1", size=1200, mtime=1_778_320_800_123_456_789, days=("2026-05-08", "2026-05-09"), lines=9,
    unreadable=3, heads=3, heads_silent=1, heads_sized=2, has_bytes=True, complete=True, problem="",
)  # fmt: skip


@pytest.fixture
def web_root(tmp_path: Path) -> Path:
    (tmp_path / ".stats" / "days").mkdir(parents=True)
    return tmp_path


def write(web_root: Path, path: Path, data: Any) -> None:
    (web_root / path).write_text(data if isinstance(data, str) else json.dumps(data))


def names(web_root: Path) -> set[str]:
    return {str(path.relative_to(web_root)) for path in (web_root / ".stats").rglob("*") if path.is_file()}


def fill(history: History) -> None:
    """Put into a history some of all that it can hold."""
    history.counts = {"a.iso": {"2025-12": 7, "2026-05": 4}, "archives/ü \udcff.iso": {"2026-05": 1}}
    history.put("2025-12-31", Record({"a.iso": Day(7)}))
    history.put(
        "2026-05-09",
        Record(
            {"a.iso": Day(3, 2, 3000, 1, 1, 2, 1, 3, 0), "archives/ü \udcff.iso": Day(1, None, 7)},
            {"programs": {"": {"Firefox": 3}, "a.iso": {"wget": 1}}, "broke": {"a.iso": {"9": 1}}},
        ),
    )
    history.state = State(
        ingested=datetime(2026, 5, 9, 1, 0, 2, tzinfo=timezone(timedelta(hours=2))),
        rule={"log_format": "combined", "extensions": [".iso"]},
        sizes={"a.iso": [("", 900), ("2026-05-09", 1000)]},
        logs=(LOG,),
    )


def test_what_is_saved_is_loaded(web_root: Path) -> None:
    saved = load(web_root)
    fill(saved)
    saved.save()

    loaded = load(web_root)

    assert (loaded.counts, loaded.days) == (saved.counts, saved.days)
    assert msgspec.to_builtins(loaded.state) == msgspec.to_builtins(saved.state)
    assert (loaded.edited, loaded.warnings) == (False, [])
    assert names(web_root) == {
        ".stats/counts.json",
        ".stats/state.json",
        ".stats/days/2025.json",
        ".stats/days/2026.json",
    }


def test_a_year_of_days_says_its_columns_and_has_a_line_a_day(web_root: Path) -> None:
    history = load(web_root)
    fill(history)
    history.save()

    lines = (web_root / YEARS / "2025.json").read_text().splitlines()

    columns = ", ".join(f'"{column.name}"' for column in COLUMNS).replace(", ", ",")
    assert lines == [
        f'{{"columns": [{columns}],', '"days": {',
        '"2025-12-31": {"files":{"a.iso":[7,null,null,0,null,null,null,null,null]},"tables":{}}', "}}",
    ]  # fmt: skip


def test_only_years_that_changed_are_written(web_root: Path) -> None:
    history = load(web_root)
    fill(history)
    history.save()
    before = (web_root / YEARS / "2025.json").stat().st_ino

    again = load(web_root)
    assert len(again.days) == 2
    again.put("2026-05-10", Record({"a.iso": Day(1)}))
    again.save()

    assert (web_root / YEARS / "2025.json").stat().st_ino == before
    assert sorted(load(web_root).days) == ["2025-12-31", "2026-05-09", "2026-05-10"]


def test_a_year_with_fewer_columns_is_read(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 3}})
    old = {"columns": ["started", "finished", "sent"], "days": {"2026-05-09": {"files": {"a.iso": [3, 2, 3000]}}}}
    write(web_root, YEARS / "2026.json", old)

    assert load(web_root).days == {"2026-05-09": Record({"a.iso": Day(3, 2, 3000)})}


def test_a_table_that_this_version_does_not_know_stays(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 3}})
    day = {"files": {"a.iso": [3]}, "tables": {"moons": {"a.iso": {"new": 2}}}}
    write(web_root, YEARS / "2026.json", {"columns": ["started"], "days": {"2026-05-09": day}})
    history = load(web_root)

    history.merge({"2026-05-09": Record({"a.iso": Day(4)}, {"systems": {"": {"Linux": 4}}})})
    history.save()

    tables = load(web_root).days["2026-05-09"].tables
    assert tables == {"moons": {"a.iso": {"new": 2}}, "systems": {"": {"Linux": 4}}}


@pytest.mark.parametrize(
    "columns", [[*[column.name for column in COLUMNS], "moon"], ["begun"], ["finished", "started"]]
)
def test_columns_of_a_newer_version_are_refused_and_stay(web_root: Path, columns: list[str]) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 3}})
    write(web_root, YEARS / "2026.json", {"columns": columns, "days": {}})
    before = (web_root / YEARS / "2026.json").read_bytes()

    with pytest.raises(DownloadCounterError, match=r"2026\.json was written by a newer version"):
        assert load(web_root).days

    assert (web_root / YEARS / "2026.json").read_bytes() == before


def test_programs_of_a_single_file_are_kept_for_a_year_and_looked_through_once_a_month(web_root: Path) -> None:
    history = load(web_root)
    tables = {"programs": {"": {"wget": 2}, "a.iso": {"wget": 2}}, "broke": {"a.iso": {"9": 1}}}
    for day in ("2025-05-08", "2025-05-09", "2025-05-10"):
        history.put(day, Record({"a.iso": Day(2)}, {**tables, "systems": tables["programs"]}))

    history.trim(datetime(2026, 5, 9, 12, tzinfo=UTC))
    without = {"programs": {"": {"wget": 2}}, "systems": {"": {"wget": 2}}, "broke": {"a.iso": {"9": 1}}}
    tables["systems"] = tables["programs"]
    assert history.days["2025-05-08"].tables == without
    assert history.days["2025-05-09"].tables == history.days["2025-05-10"].tables == tables

    history.state.ingested = datetime(2026, 5, 9, 12, tzinfo=UTC)
    history.trim(datetime(2026, 5, 31, 12, tzinfo=UTC))
    assert history.days["2025-05-10"].tables == tables
    history.trim(datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert history.days["2025-05-10"].tables == without


def test_counts_are_sorted_and_for_people(web_root: Path) -> None:
    history = load(web_root)
    history.counts = {"b.iso": {"2026-05": 1}, "a é.iso": {"2026-05": 2, "2025-12": 3}}
    history.save()

    assert (web_root / COUNTS).read_text() == (
        '{\n "a é.iso": {\n  "2025-12": 3,\n  "2026-05": 2\n },\n "b.iso": {\n  "2026-05": 1\n }\n}\n'
    )


def test_a_name_that_is_no_utf_8_makes_json_that_is() -> None:
    written = to_json({"x\udcff é.iso": 1, "a.iso": 2})

    assert written.isascii()
    assert json.loads(written) == {"x\udcff é.iso": 1, "a.iso": 2}
    assert written.index(b"a.iso") < written.index(b"x"), "sorted, as all data files are"


@pytest.mark.parametrize("name", ["x.iso", "x\udcff.iso"])
def test_a_days_line_is_the_same_in_whatever_order_its_files_were_found(web_root: Path, name: str) -> None:
    written = set()
    for files in ({name: Day(1), "a.iso": Day(2)}, {"a.iso": Day(2), name: Day(1)}):
        history = load(web_root)
        history.put("2026-05-09", Record(files))
        history.save()
        written.add((web_root / YEARS / "2026.json").read_bytes())
    assert len(written) == 1


def test_nothing_at_all_is_an_empty_history(tmp_path: Path) -> None:
    history = load(tmp_path)

    assert (history.counts, history.days, history.logs, history.ingested) == ({}, {}, (), None)
    assert not history.edited


def test_the_old_scripts_counts_are_taken_as_they_are(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2019-03": 12, "2019-04": 0}, "b.iso": {}})

    assert load(web_root).counts == {"a.iso": {"2019-03": 12, "2019-04": 0}, "b.iso": {}}


ODD_NAMES = [
    "",
    "/",
    "..",
    "=1+1",
    "a\nb.iso",
    "a\u202eb.iso",
    "<b>.iso",
    'q".iso',
    "\0",
    "💿.iso",
    "x\udcff.iso",
    "no image",
]


def test_any_text_may_be_a_file(web_root: Path) -> None:
    counts = {name: {"2026-05": number} for number, name in enumerate(ODD_NAMES)}
    write(web_root, COUNTS, counts)
    history = load(web_root)
    history.put("2026-05-09", Record({name: Day(number) for number, name in enumerate(ODD_NAMES)}))

    history.save()

    assert load(web_root).counts == counts
    assert load(web_root).days == history.days


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a.iso": {"2026-05": 1}', "is not JSON (Expecting ',' delimiter: line 1 column 25"),
        ("[" * 100_000, "is not JSON"),
        ("\udcff\udcfe", "is not JSON"),
        ("[]", "holds a list instead of an object"),
        ("null", "holds a NoneType instead of an object"),
        ('"{}"', "holds a str instead of an object"),
        ('{"a.iso": 3}', "has at 'a.iso' 3 instead of months"),
        ('{"a.iso": []}', "has at 'a.iso' [] instead of months"),
        ('{"a.iso": {"2026": 1}}', "has at 'a.iso' the month '2026'"),
        ('{"a.iso": {"2026-13": 1}}', "has at 'a.iso' the month '2026-13'"),
        ('{"a.iso": {"2026-5": 1}}', "has at 'a.iso' the month '2026-5'"),
        ('{"a.iso": {"20260-1": 1}}', "has at 'a.iso' the month '20260-1'"),
        ('{"a.iso": {"2026-05": -1}}', "has at 'a.iso', '2026-05' -1 instead of a number"),
        ('{"a.iso": {"2026-05": 1.5}}', "has at 'a.iso', '2026-05' 1.5 instead of a number"),
        ('{"a.iso": {"2026-05": "1"}}', "has at 'a.iso', '2026-05' '1' instead of a number"),
        ('{"a.iso": {"2026-05": true}}', "has at 'a.iso', '2026-05' True instead of a number"),
        ('{"a.iso": {"2026-05": null}}', "has at 'a.iso', '2026-05' None instead of a number"),
        ('{"a.iso": {"2026-05": NaN}}', "has at 'a.iso', '2026-05' nan instead of a number"),
    ],
)
def test_wrong_counts_are_refused_with_the_place_and_stay_as_they_are(web_root: Path, content: str, place: str) -> None:
    raw = content.encode("utf-8", "surrogateescape")
    (web_root / COUNTS).write_bytes(raw)

    with pytest.raises(DownloadCounterError) as caught:
        load(web_root)

    assert f"{web_root}/.stats/counts.json {place}" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert (web_root / COUNTS).read_bytes() == raw


def test_counts_with_a_byte_order_mark_are_read() -> None:
    assert parse_counts(b'\xef\xbb\xbf{"a.iso": {"2026-05": 1}}', "counts.json") == {"a.iso": {"2026-05": 1}}


def test_days_without_counts_are_refused_with_the_ways_out(web_root: Path) -> None:
    write(web_root, STATE, {})

    with pytest.raises(DownloadCounterError) as caught:
        load(web_root)

    assert f"{web_root}/.stats/counts.json is missing, but other data of the counter is there" in str(caught.value)
    assert f"echo '{{}}' > {web_root}/.stats/counts.json" in str(caught.value)


DAY = {"files": {"a.iso": [3, 2, 3000, 0]}, "tables": {}}
FIRST_COLUMNS = ["started", "finished", "sent", "left_out"]


@pytest.mark.parametrize(
    "year",
    [
        "",
        "{",
        "[" * 100_000,
        [],
        {},
        {"columns": FIRST_COLUMNS},
        {"columns": "started", "days": {}},
        {"columns": FIRST_COLUMNS, "days": []},
        '{"columns": ["started"], "days": {"2026-05-09": ' + "[" * 100_000,
        {"columns": FIRST_COLUMNS, "days": {"2026-05": DAY}},
        {"columns": FIRST_COLUMNS, "days": {"20260509": DAY}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": 5}},
        {"columns": FIRST_COLUMNS, "days": {"2026-02-30": {"files": {"a.iso": [1, 0, 0, 0]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": 5}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": [-1, 0, 0, 0]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": [None, 0, 0, 0]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": [1.5, 0, 0, 0]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": ["1", 0, 0, 0]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {"a.iso": [1, 0, 0, None]}}}},
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": {"files": {}, "tables": {"programs": {"": {"x": -1}}}}}},
    ],
)
def test_a_damaged_year_is_set_aside_with_a_warning_and_months_stay(web_root: Path, year: Any) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    write(web_root, YEARS / "2026.json", year)
    before = (web_root / YEARS / "2026.json").read_bytes()

    history = load(web_root)

    assert (history.days, history.counts) == ({}, {"a.iso": {"2026-05": 40}})
    [aside] = names(web_root) - {".stats/counts.json"}
    assert "2026.damaged-" in aside
    assert (web_root / aside).read_bytes() == before
    [warning] = history.warnings
    assert warning.startswith(f"{web_root}/.stats/days/2026.json is damaged (")
    assert f"set aside as {aside.rpartition('/')[2]}. Months stay as counts.json has them" in warning


def test_of_a_year_with_one_damaged_day_what_was_put_into_it_stays(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    write(
        web_root,
        YEARS / "2026.json",
        {"columns": FIRST_COLUMNS, "days": {"2026-05-09": DAY, "2026-05-08": {"files": 5}}},
    )
    history = load(web_root)

    found = {day: Record({"a.iso": Day(1, 1, 1000)}) for day in ("2026-05-10", "2026-05-09")}
    history.merge(found)
    history.save()

    assert load(web_root).days == found | {"2026-05-09": Record({"a.iso": Day(3, 2, 3000, 0)})}
    assert history.lost_days


def test_of_a_year_with_two_damaged_days_one_warning_is_enough(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    days = {"2026-05-08": {"files": 5}, "2026-05-09": {"files": 6}, "2026-05-10": DAY}
    write(web_root, YEARS / "2026.json", {"columns": FIRST_COLUMNS, "days": days})
    history = load(web_root)

    assert history.days == {}
    assert len(history.warnings) == 1


def test_a_history_that_was_saved_is_not_edited_and_has_lost_no_days(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    history = load(web_root)
    before = history.edited

    history.save()

    assert (before, history.edited, history.lost_days, load(web_root).edited) == (True, False, False, False)


def test_rows_of_the_year_before_are_dropped_in_january_too(web_root: Path) -> None:
    history = load(web_root)
    row = {"programs": {"a.iso": {"wget": 2}}}
    for day in ("2024-12-31", "2025-01-14", "2025-01-15"):
        history.put(day, Record({"a.iso": Day(2)}, dict(row)))

    history.trim(datetime(2026, 1, 15, 12, tzinfo=UTC))

    assert [record.tables for record in history.days.values()] == [{"programs": {}}, {"programs": {}}, row]


def test_a_month_may_have_as_many_downloads_as_a_number_of_json_holds_exactly() -> None:
    assert parse_counts(b'{"a.iso": {"2026-05": %d}}' % (2**53 - 1), "here") == {"a.iso": {"2026-05": 2**53 - 1}}
    with pytest.raises(DownloadCounterError, match="instead of a number of downloads"):
        parse_counts(b'{"a.iso": {"2026-05": %d}}' % 2**53, "here")


LOG_AS_DATA = msgspec.to_builtins(LOG)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        [],
        {"sizes": {"a.iso": [["", -1]]}},
        {"sizes": {"a.iso": [["soon", 1]]}},
        {"sizes": {"a.iso": [[None, 1]]}},
        {"sizes": {"a.iso": [[]]}},
        {"sizes": {"a.iso": 1000}},
        {"rule": 7},
        {"ingested": "yesterday"},
        {"ingested": 5},
        {"ingested": "2026-05-09T02:50:00"},
        {"sizes": {"a.iso": [["2026-02-30", 1]]}},
        {"logs": [{**LOG_AS_DATA, "days": ["2026-02-30"]}]},
        {"logs": [{}]},
        {"logs": [{**LOG_AS_DATA, "size": "1"}]},
        {"logs": [{**LOG_AS_DATA, "days": ["x"]}]},
        {"logs": [{**LOG_AS_DATA, "name": None}]},
        {"logs": [{**LOG_AS_DATA, "lines": -1}]},
    ],
)
def test_a_damaged_state_is_set_aside_with_a_warning_and_all_logs_are_new(web_root: Path, state: Any) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    write(web_root, STATE, state)

    history = load(web_root)

    assert (history.logs, history.ingested, history.counts) == ((), None, {"a.iso": {"2026-05": 40}})
    assert history.known(LOG.name, LOG.size, LOG.mtime) is None
    [aside] = names(web_root) - {".stats/counts.json"}
    assert "state.damaged-" in aside
    [warning] = history.warnings
    assert f"{web_root}/.stats/state.json is damaged (" in warning


@pytest.mark.parametrize("path", [STATE, YEARS / "2026.json"])
def test_damaged_data_stays_where_it_is_for_one_who_only_looks(web_root: Path, path: Path) -> None:
    write(web_root, COUNTS, {})
    write(web_root, path, "damaged")

    history = load(web_root, keep_damaged=False)

    assert history.days == {}
    assert names(web_root) == {".stats/counts.json", str(path)}
    assert len(history.warnings) == 1


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_data_file_that_is_no_plain_file_is_refused(web_root: Path, tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (web_root / COUNTS).mkdir()
    else:
        (tmp_path / "elsewhere").write_text("{}")
        (web_root / COUNTS).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DownloadCounterError, match=r"counts\.json (is not a plain file|cannot be read)"):
        load(web_root)


def with_counts(web_root: Path, counts: Any, days: dict[str, Record]) -> History:
    """A history of some days, whose counts.json somebody wrote anew."""
    history = load(web_root)
    history.counts = {"x.iso": {"2001-01": 1}}
    for day, record in days.items():
        history.put(day, record)
    history.save()
    write(web_root, COUNTS, counts)
    return load(web_root)


def test_what_is_no_longer_in_the_counts_counts_no_more(web_root: Path) -> None:
    history = with_counts(
        web_root,
        {"a.iso": {"2026-05": 9}},
        {
            "2026-04-30": Record({"a.iso": Day(1)}, {"programs": {"": {"wget": 1}, "a.iso": {"wget": 1}}}),
            "2026-05-01": Record(
                {"a.iso": Day(2), "gone.iso": Day(3)}, {"broke": {"a.iso": {"3": 1}, "gone.iso": {"4": 2}}}
            ),
        },
    )

    assert history.forget_what_counts_lack()
    assert history.days == {"2026-05-01": Record({"a.iso": Day(2)}, {"broke": {"a.iso": {"3": 1}}})}


def test_what_the_counts_have_stays(web_root: Path) -> None:
    days = {"2026-05-01": Record({"a.iso": Day(2)}, {"programs": {"": {"wget": 1}}})}
    history = with_counts(web_root, {"a.iso": {"2026-05": 0}}, days)

    assert not history.forget_what_counts_lack()
    assert history.days == days


def test_days_with_crawlers_only_have_no_month_and_stay_until_all_is_reset(web_root: Path) -> None:
    days = {"2026-05-01": Record({"a.iso": Day(0, 0, 0, 4)})}

    history = with_counts(web_root, {"b.iso": {"2026-05": 1}}, days)
    assert not history.forget_what_counts_lack()
    assert history.days == days
    history = with_counts(web_root, {}, days)
    assert history.forget_what_counts_lack()
    assert history.days == {}


def test_counts_that_nobody_edited_are_not_looked_through(web_root: Path) -> None:
    history = load(web_root)
    history.put("2026-05-01", Record({"a.iso": Day(2)}))
    history.save()
    again = load(web_root)
    assert not again.edited
    assert not again.forget_what_counts_lack()


def test_a_month_is_the_sum_of_its_days_and_never_goes_down(web_root: Path) -> None:
    counts = {"a.iso": {"2026-04": 9, "2026-05": 2}, "old.iso": {"2019-01": 5}, "new.iso": {"2026-05": 0}}
    history = with_counts(
        web_root,
        counts,
        {
            "2026-04-30": Record({"a.iso": Day(4)}),
            "2026-05-01": Record({"a.iso": Day(2)}),
            "2026-05-02": Record({"a.iso": Day(3), "new.iso": Day(1), "crawled.iso": Day(0, left_out=3)}),
        },
    )

    assert history.raise_months()
    assert history.counts == {
        "a.iso": {"2026-04": 9, "2026-05": 5}, "old.iso": {"2019-01": 5}, "new.iso": {"2026-05": 1},
    }  # fmt: skip
    assert not history.raise_months()


def test_months_are_raised_by_days_that_come_without_an_edit(web_root: Path) -> None:
    history = load(web_root)
    fill(history)
    history.save()
    again = load(web_root)

    again.merge({"2026-05-10": Record({"a.iso": Day(8)})})

    assert again.raise_months()
    assert again.counts["a.iso"] == {"2025-12": 7, "2026-05": 11}


def test_a_file_has_its_first_size_for_ever_and_another_since_the_last_day_of_the_last_run(web_root: Path) -> None:
    history = load(web_root)

    assert history.note_sizes({"a.iso": 1000, "b.iso": 5})
    assert not history.note_sizes({"a.iso": 1000})
    history.state.logs = (LOG,)
    assert history.note_sizes({"a.iso": 2000, "b.iso": 5})
    assert history.note_sizes({"a.iso": 3000})
    assert not history.note_sizes({})

    assert history.state.sizes == {"a.iso": [("", 1000), ("2026-05-09", 3000)], "b.iso": [("", 5)]}


def test_a_size_that_changes_before_any_log_was_read_is_the_first_one(web_root: Path) -> None:
    history = load(web_root)
    history.note_sizes({"a.iso": 1000})

    assert history.note_sizes({"a.iso": 2000})
    assert history.state.sizes == {"a.iso": [("", 2000)]}


MORE = msgspec.structs.replace(LOG, name="access.log.2")


@pytest.mark.parametrize(
    ("logs", "name", "mtime", "known"),
    [
        ((LOG,), "access.log.1", LOG.mtime, LOG),
        ((LOG,), "access.log.2", LOG.mtime, LOG),
        ((LOG,), "access.log.1", LOG.mtime + 1, None),
        # Which of two that are alike is it under a new name?
        ((LOG, MORE), "access.log.3", LOG.mtime, None),
        ((LOG, MORE), "access.log.2", LOG.mtime, MORE),
        # A time in whole seconds may be that of two logs.
        ((msgspec.structs.replace(LOG, mtime=5 * 10**9),), "access.log.2", 5 * 10**9, None),
        ((msgspec.structs.replace(LOG, mtime=5 * 10**9),), "access.log.1", 5 * 10**9, ...),
    ],
)
def test_a_log_is_known_by_its_size_and_time_and_if_need_be_its_name(
    web_root: Path, logs: tuple[KnownLog, ...], name: str, mtime: int, known: Any
) -> None:
    history = load(web_root)
    history.state.logs = logs

    assert history.known(name, LOG.size, mtime) == (logs[0] if known is ... else known)
    assert history.known(name, LOG.size + 1, mtime) is None


def test_a_time_of_another_zone_is_the_same_time(web_root: Path) -> None:
    write(web_root, COUNTS, {})
    write(web_root, STATE, {"ingested": "2026-05-09T01:00:02+00:00"})

    assert load(web_root).ingested == datetime(2026, 5, 9, 1, 0, 2, tzinfo=UTC)


def test_an_image_that_gets_its_first_size_back_has_it_from_then_on(web_root: Path) -> None:
    history = load(web_root)
    history.note_sizes({"a.iso": 900})
    for day, size in (("2026-05-09", 1000), ("2026-05-12", 900)):
        history.state.logs = (msgspec.structs.replace(LOG, days=(day,)),)
        assert history.note_sizes({"a.iso": size})
        assert not history.note_sizes({"a.iso": size})

    assert history.state.sizes == {"a.iso": [("", 900), ("2026-05-09", 1000), ("2026-05-12", 900)]}


@pytest.mark.parametrize("text", ['{"a.iso": {}, "a.iso": {"2026-05": 1}}', '{"a": {"2026-05": 1, "2026-05": 2}}'])
def test_counts_that_have_a_name_twice_are_refused_since_one_would_be_lost(text: str) -> None:
    with pytest.raises(DownloadCounterError, match=r"counts\.json has '(a\.iso|2026-05)' twice\."):
        parse_counts(text.encode(), "counts.json")


def test_a_number_that_nobody_can_have_is_kept_out_of_the_counts(web_root: Path) -> None:
    write(web_root, COUNTS, {"a.iso": {"2026-05": 40}})
    days = {"2026-05-09": {"files": {"a.iso": [2**63, None, None, 0]}}}
    write(web_root, YEARS / "2026.json", {"columns": FIRST_COLUMNS, "days": days})

    history = load(web_root)
    history.raise_months()
    history.save()

    assert load(web_root).counts == {"a.iso": {"2026-05": 2**53 - 1}}
