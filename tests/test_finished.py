"""A download is finished when the bytes sent to its client reach the file's size."""

import pytest

from download_counter.counting.tally import day_before, finished_by_day

SIZE = 1000
Days = dict[str, dict[bytes, int]]
A, B = b"192.0.2.1", b"192.0.2.2"


def finished(days: Days, *, size: int | None = SIZE, whole: bool = True) -> dict[str, tuple[int, bool] | None]:
    """How many finished on each day, and whether that is certain."""
    return finished_by_day(sorted(days.items()), lambda _: size, lambda _: whole)


def numbers(days: Days) -> list[int]:
    """How many finished on each day, all days being whole."""
    found = finished(days)
    assert all(one and one[1] for one in found.values())
    return [one[0] for _, one in sorted(found.items()) if one]


@pytest.mark.parametrize(("sent", "number"), [(0, 0), (999, 0), (1000, 1), (1300, 1), (5000, 1)])
def test_a_download_is_finished_when_the_size_is_reached_and_once(sent: int, number: int) -> None:
    assert numbers({"2026-05-09": {A: sent}}) == [number]


def test_each_client_finishes_for_itself() -> None:
    assert numbers({"2026-05-09": {A: 600, B: 600}}) == [0]
    assert numbers({"2026-05-09": {A: 1000, B: 1000, b"c": 1}}) == [2]


def test_a_download_resumed_over_midnight_is_finished_on_the_second_day() -> None:
    assert numbers({"2026-05-09": {A: 600}, "2026-05-10": {A: 400}}) == [0, 1]


def test_over_a_month_and_a_year_as_well() -> None:
    assert numbers({"2026-04-30": {A: 600}, "2026-05-01": {A: 400}}) == [0, 1]
    assert numbers({"2024-02-29": {A: 600}, "2024-03-01": {A: 400}}) == [0, 1]
    assert numbers({"2025-12-31": {A: 600}, "2026-01-01": {A: 400}}) == [0, 1]


def test_what_was_sent_two_days_ago_does_not_count() -> None:
    assert numbers({"2026-05-09": {A: 600}, "2026-05-11": {A: 400}}) == [0, 0]
    assert numbers({"2026-05-09": {A: 600}, "2026-05-10": {}, "2026-05-11": {A: 400}}) == [0, 0, 0]
    assert numbers({"2026-05-09": {A: 300}, "2026-05-10": {A: 300}, "2026-05-11": {A: 400}}) == [0, 0, 0]


def test_what_finished_yesterday_does_not_count_today() -> None:
    assert numbers({"2026-05-09": {A: 1000}, "2026-05-10": {A: 400}}) == [1, 0]
    assert numbers({"2026-05-09": {A: 600}, "2026-05-10": {A: 400}, "2026-05-11": {A: 600}}) == [0, 1, 0]


def test_a_client_that_got_nothing_today_finishes_nothing_today() -> None:
    """A HEAD on the day after makes no second download of the first."""
    assert numbers({"2026-05-09": {A: 999}, "2026-05-10": {A: 0}}) == [0, 0]


def test_what_another_client_got_yesterday_does_not_count() -> None:
    assert numbers({"2026-05-09": {A: 600}, "2026-05-10": {B: 400}}) == [0, 0]


def test_an_unknown_size_is_told_as_such() -> None:
    assert finished({"2026-05-09": {A: 1000}}, size=None) == {"2026-05-09": None}


def test_the_size_is_the_one_of_the_day() -> None:
    days: Days = {"2026-05-09": {A: 600}, "2026-05-10": {A: 400, B: 600}}

    def size_on(day: str) -> int:
        return 600 if day < "2026-05-10" else 1000

    found = finished_by_day(sorted(days.items()), size_on, lambda _: True)

    assert found == {"2026-05-09": (1, True), "2026-05-10": (0, True)}


def test_a_day_after_one_that_is_not_whole_is_certain_only_where_that_does_not_matter() -> None:
    assert finished({"2026-05-10": {A: 1000}}, whole=False) == {"2026-05-10": (1, True)}
    assert finished({"2026-05-10": {A: 0}}, whole=False) == {"2026-05-10": (0, True)}
    assert finished({"2026-05-10": {A: 400}}, whole=False) == {"2026-05-10": (0, False)}


def test_uncertainty_goes_on_while_a_client_resumes_day_by_day() -> None:
    days: Days = {"2026-05-09": {A: 600}, "2026-05-10": {A: 600}, "2026-05-11": {A: 600}}

    found = finished_by_day(sorted(days.items()), lambda _: SIZE, lambda day: day >= "2026-05-09")

    # Whether the 9th was finished hangs on the 8th; so does, then, the 10th, and then the 11th.
    assert {day: one and one[1] for day, one in found.items()} == {
        "2026-05-09": False, "2026-05-10": False, "2026-05-11": False,
    }  # fmt: skip


def test_the_day_before_is_found_in_the_calendar_which_has_a_first_day() -> None:
    assert day_before("2026-01-01") == "2025-12-31"
    assert day_before("0001-01-01") == "0001-01-01"
