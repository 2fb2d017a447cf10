"""counts.json and days.json: what is read, what is refused, what is kept."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from download_counter.errors import DownloadCounterError
from download_counter.history.store import (
    COUNTS,
    DAYS,
    Day,
    History,
    KnownLog,
    load,
    merge_day,
    parse_counts,
    save,
    sees,
    to_json,
)

KNOWN_LOG = KnownLog(
    "access.log.1", 1200, 1_778_320_800_123_456_789, "ab12", 5000, ("2026-05-08", "2026-05-09"), 3, 1, 2
)


@pytest.fixture
def web_root(tmp_path: Path) -> Path:
    (tmp_path / ".stats").mkdir()
    return tmp_path


def write(web_root: Path, counts: Any = None, days: Any = None) -> None:
    for path, data in ((COUNTS, counts), (DAYS, days)):
        if data is not None:
            (web_root / path).write_text(data if isinstance(data, str) else json.dumps(data))


def names(web_root: Path) -> set[str]:
    return {path.name for path in (web_root / ".stats").iterdir()}


def full_history() -> History:
    return History(
        counts={"a.iso": {"2026-04": 7, "2026-05": 4}, "archives/ü \udcff.iso": {"2026-05": 1}},
        days={
            "a.iso": {"2026-05-08": Day(1), "2026-05-09": Day(3, 2, 3000, 1)},
            "archives/ü \udcff.iso": {"2026-05-09": Day(1, None, 7)},
        },
        sizes={"a.iso": [("", 900), ("2026-05-09", 1000)]},
        logs=(KNOWN_LOG,),
        rule={"log_format": "combined", "extensions": [".iso"]},
        ingested=datetime(2026, 5, 9, 1, 0, 2, tzinfo=timezone(timedelta(hours=2))),
    )


def test_what_is_saved_is_loaded(web_root: Path) -> None:
    save(web_root, full_history())

    assert load(web_root) == full_history()
    assert names(web_root) == {"counts.json", "days.json"}


def test_counts_are_sorted_and_for_people(web_root: Path) -> None:
    save(web_root, History(counts={"b.iso": {"2026-05": 1}, "a é.iso": {"2026-05": 2, "2025-12": 3}}))

    assert (web_root / COUNTS).read_text() == (
        '{\n "a é.iso": {\n  "2025-12": 3,\n  "2026-05": 2\n },\n "b.iso": {\n  "2026-05": 1\n }\n}\n'
    )


def test_a_name_that_is_no_utf_8_makes_json_that_is() -> None:
    written = to_json({"x\udcff é.iso": 1})

    assert written.isascii()
    assert json.loads(written) == {"x\udcff é.iso": 1}


def test_nothing_at_all_is_an_empty_history(tmp_path: Path) -> None:
    assert load(tmp_path) == History()


def test_the_old_scripts_counts_are_taken_as_they_are(web_root: Path) -> None:
    write(web_root, {"a.iso": {"2019-03": 12, "2019-04": 0}, "b.iso": {}})

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
    write(web_root, counts)
    history = load(web_root)

    save(web_root, history)

    assert load(web_root).counts == counts


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
    write(web_root, days={"version": 1, "days": {}})

    with pytest.raises(DownloadCounterError) as caught:
        load(web_root)

    assert f"{web_root}/.stats/counts.json is missing, but days.json is there" in str(caught.value)
    assert f"echo '{{}}' > {web_root}/.stats/counts.json" in str(caught.value)


def test_version_1_is_brought_forward(web_root: Path) -> None:
    write(web_root, {"a.iso": {"2026-05": 4}}, {"version": 1, "days": {"a.iso": {"2026-05-09": 4}}})

    history = load(web_root)

    assert history.days == {"a.iso": {"2026-05-09": Day(4)}}
    assert (history.logs, history.rule, history.ingested, history.warnings) == ((), {}, None, [])
    save(web_root, history)
    assert json.loads((web_root / DAYS).read_text())["version"] == 3
    assert load(web_root).days == history.days


def test_version_2_is_brought_forward_and_all_its_days_are_settled(web_root: Path) -> None:
    days = {"2025-12-31": [2, None, 9, 0], "2026-05-08": [1, 0, 5, 0], "2026-05-09": [3, 2, 3000, 1]}
    write(web_root, {"a.iso": {"2025-12": 2, "2026-05": 4}}, {**GOOD_DAYS, "days": {"a.iso": days}, "logs": [LOG]})

    history = load(web_root)

    assert history.settled == "2026-05-09"
    save(web_root, history)
    again = load(web_root)
    assert again.settled == "2026-05-09"
    assert again.day("a.iso", "2025-12-31") == Day(2, None, 9)


def test_days_of_a_newer_version_are_refused_and_stay(web_root: Path) -> None:
    write(web_root, {}, {"version": 4, "days": "in a way not known yet"})
    before = (web_root / DAYS).read_bytes()

    with pytest.raises(DownloadCounterError, match=r"days\.json was written by a newer version .* \(its version is 4,"):
        load(web_root)

    assert (web_root / DAYS).read_bytes() == before
    assert names(web_root) == {"counts.json", "days.json"}


GOOD_DAYS: dict[str, Any] = json.loads(
    json.dumps(
        {
            "version": 2,
            "ingested": "2026-05-09T01:00:02+02:00",
            "rule": {},
            "sizes": {"a.iso": [["", 1000]]},
            "days": {"a.iso": {"2026-05-09": [3, 2, 3000, 0]}},
            "logs": [],
        }
    )
)
LOG: dict[str, Any] = {
    "name": "a", "size": 1, "mtime": 1, "start": "", "length": 1, "days": [], "unreadable": 0, "heads_silent": 0,
    "heads_sized": 0, "problem": "",
}  # fmt: skip


@pytest.mark.parametrize(
    "days",
    [
        "",
        "{",
        "[" * 100_000,
        [],
        {},
        {"version": "2"},
        {"version": True},
        {"version": 1},
        {"version": 1, "days": []},
        {"version": 1, "days": {"a.iso": {"2026-05-09": -1}}},
        {**GOOD_DAYS, "days": None},
        {**GOOD_DAYS, "days": {"a.iso": 3}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05": [1, 0, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"20260509": [1, 0, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": [1, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": [-1, 0, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": [None, 0, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": [1, 0, 0, None]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": [1.5, 0, 0, 0]}}},
        {**GOOD_DAYS, "days": {"a.iso": {"2026-05-09": "1000"}}},
        {**GOOD_DAYS, "sizes": {"a.iso": [["", -1]]}},
        {**GOOD_DAYS, "sizes": {"a.iso": [["soon", 1]]}},
        {**GOOD_DAYS, "sizes": {"a.iso": 1000}},
        {**GOOD_DAYS, "rule": 7},
        {**GOOD_DAYS, "ingested": "yesterday"},
        {**GOOD_DAYS, "ingested": 5},
        {name: value for name, value in GOOD_DAYS.items() if name != "logs"},
        {**GOOD_DAYS, "logs": [{}]},
        {**GOOD_DAYS, "logs": [{**LOG, "size": "1"}]},
        {**GOOD_DAYS, "logs": [{**LOG, "days": ["x"]}]},
        {**GOOD_DAYS, "logs": [{**LOG, "name": None}]},
        {**GOOD_DAYS, "logs": [{**LOG, "more": 1}]},
        {**GOOD_DAYS, "version": 3},
        {**GOOD_DAYS, "version": 3, "past": {}, "settled": 5},
        {**GOOD_DAYS, "version": 3, "past": {}, "settled": "soon"},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": 3}},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": {"2026": [1, "[[1,1,1,1,0]]"]}}},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": {"2026-01": [-1, "[[1,1,1,1,0]]"]}}},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": {"2026-01": [1, "[[1,1,1,1]]"]}}},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": {"2026-01": [1, "[[1,1,1,1,0],]"]}}},
        {**GOOD_DAYS, "version": 3, "settled": "", "past": {"a.iso": {"2026-01": [1, [[1, 1, 1, 1, 0]]]}}},
    ],
)
def test_damaged_days_are_set_aside_with_a_warning_and_months_stay(web_root: Path, days: Any) -> None:
    write(web_root, {"a.iso": {"2026-05": 40}}, days)
    before = (web_root / DAYS).read_bytes()

    history = load(web_root)

    assert history.counts == {"a.iso": {"2026-05": 40}}
    assert (history.days, history.sizes, history.logs, history.rule) == ({}, {}, (), {})
    assert history.ingested is None
    [aside] = names(web_root) - {"counts.json", "days.json"}
    assert aside.startswith("days.damaged-")
    assert (web_root / ".stats" / aside).read_bytes() == before
    [warning] = history.warnings
    assert warning.startswith(f"{web_root}/.stats/days.json is damaged (")
    assert f"set aside as {aside}. Months stay as counts.json has them" in warning


def test_good_days_are_no_warning(web_root: Path) -> None:
    write(web_root, {"a.iso": {"2026-05": 3}}, {**GOOD_DAYS, "logs": [LOG]})

    assert load(web_root).warnings == []


def test_damaged_days_stay_where_they_are_for_one_who_only_looks(web_root: Path) -> None:
    write(web_root, {}, "damaged")

    history = load(web_root, keep_damaged=False)

    assert names(web_root) == {"counts.json", "days.json"}
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


def forget(counts: Any, days: dict[str, dict[str, Day]]) -> tuple[bool, dict[str, dict[str, Day]]]:
    history = History(counts=counts, days=days)
    return history.forget_what_counts_lack(), history.days


def test_what_is_no_longer_in_the_counts_counts_no_more() -> None:
    days = {
        "a.iso": {"2026-04-30": Day(1), "2026-05-01": Day(2)},
        "gone.iso": {"2026-05-01": Day(3)},
    }

    assert forget({"a.iso": {"2026-05": 9}}, days) == (True, {"a.iso": {"2026-05-01": Day(2)}})


def test_what_the_counts_have_stays() -> None:
    days = {"a.iso": {"2026-05-01": Day(2)}}

    assert forget({"a.iso": {"2026-05": 0}}, dict(days)) == (False, days)


def test_days_with_crawlers_only_have_no_month_and_stay_until_all_is_reset() -> None:
    days = {"a.iso": {"2026-05-01": Day(0, 0, 0, 4)}}

    assert forget({"b.iso": {"2026-05": 1}}, dict(days)) == (False, days)
    assert forget({}, dict(days)) == (True, {})


def test_a_month_is_the_sum_of_its_days_and_never_goes_down() -> None:
    history = History(
        counts={"a.iso": {"2026-04": 9, "2026-05": 2}, "old.iso": {"2019-01": 5}},
        days={
            "a.iso": {"2026-04-30": Day(4), "2026-05-01": Day(2), "2026-05-02": Day(3)},
            "new.iso": {"2026-05-02": Day(1)},
            "crawled.iso": {"2026-05-02": Day(0, left_out=3)},
        },
    )

    history.settle_months()

    assert history.counts == {
        "a.iso": {"2026-04": 9, "2026-05": 5},
        "old.iso": {"2019-01": 5},
        "new.iso": {"2026-05": 1},
    }


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        # A log that is gone takes nothing away.
        (Day(4, 3, 4000), Day(2, 2, 2000), Day(4, 3, 4000)),
        (Day(2, 2, 2000), Day(4, 3, 4000), Day(4, 3, 4000)),
        # One more line on the day before may make a download finish there instead.
        (Day(4, 3, 4000), Day(4, 2, 4000), Day(4, 2, 4000)),
        # What the newer format does not tell stays known, and the other way round.
        (Day(4, 3, 4000), Day(4, None, None), Day(4, 3, 4000)),
        (Day(4), Day(4, 3, 4000), Day(4, 3, 4000)),
        (Day(5), Day(4, 3, 4000), Day(5, 3, 4000)),
        (Day(4), Day(4), Day(4)),
        (Day(1, 0, 0, 5), Day(2, 0, 0, 3), Day(2, 0, 0, 5)),
    ],
)
def test_days_are_merged_by_what_saw_more(old: Day, new: Day, merged: Day) -> None:
    assert merge_day(old, new) == merged


def test_an_uncertain_number_of_finished_does_not_replace_one_that_is_known() -> None:
    assert merge_day(Day(4, 3, 4000), Day(4, 1, 4000), certain=False).finished == 3
    assert merge_day(Day(4), Day(4, 1, 4000), certain=False).finished == 1


def test_a_reading_sees_a_day_if_it_has_no_less_of_it() -> None:
    assert sees(Day(4, sent=10), Day(4, sent=10))
    assert not sees(Day(4, sent=9), Day(4, sent=10))
    assert not sees(Day(3, sent=11), Day(4, sent=10))


def test_a_file_has_the_size_it_had_on_a_day() -> None:
    history = History()
    history.note_size("a.iso", 1000, since="")
    history.note_size("a.iso", 1000, since="2026-05-09")
    history.note_size("a.iso", 2000, since="2026-05-10")

    assert history.sizes == {"a.iso": [("", 1000), ("2026-05-10", 2000)]}
    assert [history.size_on("a.iso", day) for day in ("2020-01-01", "2026-05-09", "2026-05-10", "2030-01-01")] == [
        1000, 1000, 2000, 2000,
    ]  # fmt: skip
    assert history.size_on("b.iso", "2026-05-09") is None


def test_of_two_new_sizes_on_one_day_the_last_one_counts() -> None:
    history = History(sizes={"a.iso": [("", 1000), ("2026-05-10", 2000)]})

    history.note_size("a.iso", 3000, since="2026-05-10")

    assert history.sizes == {"a.iso": [("", 1000), ("2026-05-10", 3000)]}


def test_a_time_of_another_zone_is_the_same_time(web_root: Path) -> None:
    write(web_root, {}, {**GOOD_DAYS, "days": {}, "ingested": "2026-05-09T01:00:02+00:00"})

    assert load(web_root).ingested == datetime(2026, 5, 9, 1, 0, 2, tzinfo=UTC)


def ten_years() -> History:
    """One download on the first of each month, from 2016 on."""
    history = History()
    for number in range(120):
        history.days.setdefault("a.iso", {})[f"{2016 + number // 12}-{number % 12 + 1:02}-01"] = Day(1, None, number)
    history.settle_months()
    return history


def test_months_long_past_are_put_by_and_come_back_as_they_were(web_root: Path) -> None:
    save(web_root, ten_years())

    history = load(web_root)

    assert sorted(history.days["a.iso"]) == ["2025-10-01", "2025-11-01", "2025-12-01"]
    assert history.past["a.iso"]["2016-02"] == (1, "[[1,1,null,1,0]]")
    assert history.day("a.iso", "2016-02-01") == Day(1, None, 1)
    assert history.day("a.iso", "2016-02-02") is None
    history.open_past()
    assert history.days == ten_years().days
    assert history.past == {}


def test_a_month_long_past_that_the_counts_lack_is_forgotten_for_good(web_root: Path) -> None:
    save(web_root, ten_years())
    history = load(web_root)
    del history.counts["a.iso"]["2016-02"]

    assert history.forget_what_counts_lack()

    history.settle_months()
    assert "2016-02" not in history.counts["a.iso"]
    save(web_root, history)
    assert load(web_root).day("a.iso", "2016-02-01") is None
    assert load(web_root).day("a.iso", "2016-03-01") == Day(1, None, 2)


def test_a_month_long_past_is_no_less_than_its_days_and_takes_up_what_comes_late(web_root: Path) -> None:
    save(web_root, ten_years())
    history = load(web_root)
    history.counts["a.iso"]["2016-02"] = 0
    history.merge("a.iso", "2016-03-02", Day(5, 4, 500))
    history.merge("b.iso", "2016-03-02", Day(2, 1, 20))

    history.settle_months()
    save(web_root, history)

    history = load(web_root)
    assert (history.counts["a.iso"]["2016-02"], history.counts["a.iso"]["2016-03"]) == (1, 6)
    assert history.counts["b.iso"] == {"2016-03": 2}
    assert history.day("a.iso", "2016-03-01") == Day(1, None, 2)
    assert history.day("a.iso", "2016-03-02") == Day(5, 4, 500)


def test_a_day_that_no_calendar_has_is_left_out_of_a_month_long_past(web_root: Path) -> None:
    past = {"a.iso": {"2016-02": [3, "[[1,1,0,1,0],[30,2,0,1,0]]"]}}
    write(web_root, {"a.iso": {"2016-02": 3}}, {**GOOD_DAYS, "version": 3, "settled": "", "past": past})

    history = load(web_root)
    history.open_past()

    assert history.days["a.iso"] == {"2016-02-01": Day(1, 0, 1), "2026-05-09": Day(3, 2, 3000)}
