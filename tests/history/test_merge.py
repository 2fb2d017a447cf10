"""Two readings of a day become one: nothing counts twice, and nothing that was seen is lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download_counter.history.day import COLUMNS, TABLES, Day, Record, add_days, merge_day, merge_row, sees
from download_counter.history.store import History

MAY_8, MAY_9 = "2026-05-08", "2026-05-09"


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
        (Day(4), Day(4), Day(4)),
        (Day(1, 0, 0, 5), Day(2, 0, 0, 3), Day(2, 0, 0, 5)),
        (Day(3, 1, 9, 0, 1, 1, 1, 3, 2), Day(3, 2, 9, 0, 0, 0, 2, 2, None), Day(3, 2, 9, 0, 0, 1, 2, 3, 2)),
    ],
)
def test_days_are_merged_by_what_saw_more(old: Day, new: Day, merged: Day) -> None:
    history = History(Path("/nowhere"))
    history.merge({MAY_9: Record({"a.iso": old})})
    history.merge({MAY_9: Record({"a.iso": new})})

    assert history.days == {MAY_9: Record({"a.iso": merged})}


@pytest.mark.parametrize(
    ("before", "finished"),
    [
        (Day(5, 0, 500), 1),
        (Day(6, 0, 600), 1),
        (Day(4, 0, 500), 3),
        (Day(5, 0, 499), 3),
        (None, 3),
    ],
)
def test_finished_is_taken_from_a_reading_that_saw_no_less_of_the_day_before(before: Day | None, finished: int) -> None:
    history = History(Path("/nowhere"))
    history.merge({MAY_8: Record({"a.iso": Day(5, 0, 500)}), MAY_9: Record({"a.iso": Day(4, 3, 400)})})

    found = {MAY_9: Record({"a.iso": Day(4, 1, 400)})}
    history.merge(found if before is None else {MAY_8: Record({"a.iso": before}), **found})

    assert history.days[MAY_9].files["a.iso"].finished == finished


def test_a_file_that_a_reading_does_not_have_stays(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.merge({MAY_9: Record({"a.iso": Day(1)}, {"broke": {"a.iso": {"1": 1}}})})
    history.merge({MAY_9: Record({"b.iso": Day(2)}, {"broke": {"b.iso": {"2": 1}}})})

    assert history.days[MAY_9] == Record(
        {"a.iso": Day(1), "b.iso": Day(2)}, {"broke": {"a.iso": {"1": 1}, "b.iso": {"2": 1}}}
    )


def test_the_first_day_of_all_has_none_before_it(tmp_path: Path) -> None:
    history = History(tmp_path)
    for _ in range(2):
        history.merge({"0001-01-01": Record({"a.iso": Day(1, 1, 5)})})
    assert history.days == {"0001-01-01": Record({"a.iso": Day(1, 1, 5)})}


def test_what_is_known_already_changes_no_year(tmp_path: Path) -> None:
    history = History(tmp_path)
    found = {MAY_9: Record({"a.iso": Day(2, 1, 9)}, {"programs": {"": {"wget": 2}}})}
    history.merge(found)
    history.save()
    before = (tmp_path / ".stats/days/2026.json").stat().st_ino

    history.merge(found)
    history.save()

    assert (tmp_path / ".stats/days/2026.json").stat().st_ino == before


@pytest.mark.parametrize(
    ("table", "old", "new", "whole", "merged"),
    [
        # A row that counts more in all is the better one; of two that count alike, the newer.
        ("programs", {"wget": 3}, {"curl": 2}, True, {"wget": 3}),
        ("programs", {"wget": 3}, {"curl": 3}, False, {"curl": 3}),
        # How far those got who gave up goes with what finished.
        ("broke", {"1": 3}, {"2": 1}, True, {"2": 1}),
        ("broke", {"1": 3}, {"2": 9}, False, {"1": 3}),
        # Each reason and each name is counted by itself.
        ("left_out", {"crawler": 3, "agent": 1}, {"crawler": 1, "network": 2}, False,
         {"crawler": 3, "agent": 1, "network": 2}),
        ("not_found", {"/a.iso": 3}, {"/a.iso": 2, "/b.iso": 2, "/c.iso": 1}, False, {"/a.iso": 3, "/b.iso": 2}),
        ("of a newer version", {"a": 3, "b": 1}, {"a": 1, "c": 2}, False, {"a": 3, "b": 1, "c": 2}),
    ],
)  # fmt: skip
def test_rows_of_tables_are_merged_as_each_table_says(
    table: str, old: dict[str, int], new: dict[str, int], whole: bool, merged: dict[str, int]
) -> None:
    assert merge_row(table, old, new, whole=whole) == merged


def kept_of(table: str, row: dict[str, int]) -> dict[str, int]:
    """What is kept of a row of which nothing was known."""
    return merge_row(table, {}, row, whole=True)


def test_of_the_names_that_are_not_there_the_fifty_that_most_ask_for_are_kept() -> None:
    asked = {f"/{number:03}.iso": 2 + number // 2 for number in range(70)}

    kept = kept_of("not_found", asked)

    assert set(kept) == {f"/{number:03}.iso" for number in range(20, 70)}
    assert kept_of("not_found", {f"/{number:03}.iso": 2 for number in reversed(range(70))}).keys() == {
        f"/{number:03}.iso" for number in range(50)
    }
    assert len(kept_of("systems", {str(number): 1 for number in range(70)})) == 70


def test_what_different_clients_did_adds_up_and_is_not_known_where_one_part_is_not() -> None:
    one, other = Day(3, 2, 9, 1, 0, 1, 2, 3, None), Day(1, 0, 5, 0, 1, 0, 0, 1, 1)

    assert add_days([one, other]) == Day(4, 2, 14, 1, 1, 1, 2, 4, None)


def test_who_gave_up_is_the_rest_and_not_known_without_both_others() -> None:
    assert [Day(4, 2, 9, 0, 1).gave_up, Day(3, 2, 9, 0, 1).gave_up] == [1, 0]
    assert [Day(3, 2).gave_up, Day(3, None, 9, 0, 1).gave_up, Day(3).gave_up] == [None, None, None]


@pytest.mark.parametrize(
    ("new", "old", "enough"),
    [
        (Day(2, 0, 9), Day(2, 0, 9), True),
        (Day(1, 0, 9), Day(2, 0, 9), False),
        (Day(2, 0, 8), Day(2, 0, 9), False),
        (Day(2), Day(2, 0, 1), False),
        (Day(2, 0, 0), Day(2), True),
        (Day(2), Day(2), True),
    ],
)
def test_a_reading_sees_a_day_if_it_has_no_fewer_downloads_and_bytes(new: Day, old: Day, enough: bool) -> None:
    assert sees(new, old) is enough


numbers = st.integers(0, 20)


@st.composite
def days(draw: st.DrawFn) -> Day:
    """A day as one reading finds it."""
    started = draw(numbers)
    finished = draw(st.integers(0, started))
    asked = draw(st.integers(0, started - finished))
    of_started = st.integers(0, started)
    return Day(
        started, finished, draw(numbers), draw(numbers), asked, draw(st.integers(0, finished)), draw(of_started),
        draw(of_started), draw(of_started),
    )  # fmt: skip


BY_MAXIMUM = [column.name for column in COLUMNS if column.by_maximum and column.name != "checked"]


@given(days(), days(), st.booleans())
def test_merging_takes_nothing_away_and_adds_nothing(old: Day, new: Day, whole: bool) -> None:
    merged = merge_day(old, new, whole=whole)

    for name in BY_MAXIMUM:
        assert getattr(merged, name) == max(getattr(old, name), getattr(new, name))
    assert merged.finished in (old.finished, new.finished)


@given(days(), days(), st.booleans())
def test_asked_and_gave_up_and_finished_are_what_was_started(old: Day, new: Day, whole: bool) -> None:
    merged = merge_day(old, new, whole=whole)

    assert (merged.asked or 0) + (merged.gave_up or 0) + (merged.finished or 0) == merged.started
    assert (merged.checked or 0) <= (merged.finished or 0)


@given(days(), days(), st.booleans())
def test_merging_the_same_again_changes_nothing(old: Day, new: Day, whole: bool) -> None:
    merged = merge_day(old, new, whole=whole)

    assert merge_day(merged, new, whole=sees(new, merged)) == merged or not sees(new, merged) or not whole
    assert merge_day(old, old, whole=True) == old


@given(st.lists(days(), min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_readings_does_not_matter_to_what_is_a_maximum(found: list[Day], random: object) -> None:
    def merge_all(order: list[Day]) -> list[int]:
        merged = order[0]
        for day in order[1:]:
            merged = merge_day(merged, day, whole=False)
        return [getattr(merged, name) for name in BY_MAXIMUM]

    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge_all(shuffled) == merge_all(found)


rows = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9))


@given(st.sampled_from([name for name, table in TABLES.items() if not table.as_finished]), rows, rows)
def test_merging_rows_loses_nothing_of_what_was_kept(table: str, old: dict[str, int], new: dict[str, int]) -> None:
    merged = merge_row(table, old, new, whole=False)

    assert sum(merged.values()) >= max(sum(kept_of(table, old).values()), sum(kept_of(table, new).values()))
    assert merge_row(table, merged, new, whole=False) == merged
