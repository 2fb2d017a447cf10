"""A download is finished when the bytes sent to its client reach the file's size, that day or with the day before."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accesslog import Line, truth
from download_counter.counting.rule import day_after, day_before, has_finished, probe_below
from download_counter.history.day import Day
from download_counter.history.store import load
from download_counter.ingest import ingest
from download_counter.settings import Settings

SIZE = 1000
A, B = "192.0.2.1", "192.0.2.2"
Days = dict[date, dict[str, int]]


def counted(folder: Path, lines: list[Line], size: int | None = SIZE) -> dict[date, Day]:
    """What is known of each day after one run over these lines."""
    folder.mkdir(exist_ok=True)
    (folder / "access.log").write_bytes(b"".join(line.encode() for line in lines))
    ingest(Settings(folder, (f"{folder}/access.log",)), {} if size is None else {"a.iso": size})
    return {date.fromisoformat(day): record.files["a.iso"] for day, record in load(folder).days.items()}


def finished(folder: Path, days: Days) -> list[int | None]:
    """How many finished on each day."""
    lines = [Line(client, day, size=sent) for day, clients in days.items() for client, sent in clients.items()]
    found = counted(folder, lines)
    return [found[day].finished for day in sorted(days) if days[day]]


def may(day: int) -> date:
    return date(2026, 5, day)


@pytest.mark.parametrize(("sent", "number"), [(1, 0), (999, 0), (1000, 1), (1300, 1), (5000, 1)])
def test_a_download_is_finished_when_the_size_is_reached_and_once(tmp_path: Path, sent: int, number: int) -> None:
    assert finished(tmp_path, {may(9): {A: sent}}) == [number]


def test_each_client_finishes_for_itself(tmp_path: Path) -> None:
    assert finished(tmp_path, {may(9): {A: 600, B: 600}, may(11): {A: 1000, B: 1000, "192.0.2.3": 1}}) == [0, 2]


@pytest.mark.parametrize(
    ("one", "next_one"),
    [
        (may(9), may(10)),
        (date(2026, 4, 30), date(2026, 5, 1)),
        (date(2024, 2, 29), date(2024, 3, 1)),
        (date(2025, 12, 31), date(2026, 1, 1)),
    ],
)
def test_a_download_resumed_over_midnight_is_finished_on_the_second_day(
    tmp_path: Path, one: date, next_one: date
) -> None:
    assert finished(tmp_path, {one: {A: 600}, next_one: {A: 400}}) == [0, 1]


@pytest.mark.parametrize(
    ("days", "numbers"),
    [
        ({may(9): {A: 600}, may(11): {A: 400}}, [0, 0]),
        ({may(9): {A: 300}, may(10): {A: 300}, may(11): {A: 400}}, [0, 0, 0]),
    ],
)
def test_what_was_sent_two_days_ago_does_not_count(tmp_path: Path, days: Days, numbers: list[int]) -> None:
    assert finished(tmp_path, days) == numbers


def test_what_finished_on_its_own_day_does_not_count_on_the_next(tmp_path: Path) -> None:
    assert finished(tmp_path, {may(9): {A: 1000}, may(10): {A: 400}}) == [1, 0]


def test_each_two_days_are_looked_at_by_themselves(tmp_path: Path) -> None:
    assert finished(tmp_path, {may(9): {A: 600}, may(10): {A: 400}, may(11): {A: 600}}) == [0, 1, 1]


def test_what_another_client_got_yesterday_does_not_count(tmp_path: Path) -> None:
    assert finished(tmp_path, {may(9): {A: 600}, may(10): {B: 400}}) == [0, 0]


def test_a_client_that_got_nothing_today_finishes_nothing_today(tmp_path: Path) -> None:
    days = counted(tmp_path, [Line(day=may(9), size=999), Line(day=may(10), method=b"HEAD", size=300)])
    assert [days[may(day)].finished for day in (9, 10)] == [0, 0]


def test_an_unknown_size_leaves_unknown_what_finished(tmp_path: Path) -> None:
    day = counted(tmp_path, [Line(day=may(9))], size=None)[may(9)]
    assert (day.started, day.finished, day.asked, day.gave_up) == (1, None, None, None)


@pytest.mark.parametrize(
    ("size", "below"),
    [
        (0, 1),
        (1, 1),
        (100, 1),
        (101, 2),
        (1000, 10),
        (100 << 20, 1 << 20),
        (100 << 20 | 1, 1 << 20),
        (1 << 40, 1 << 20),
    ],
)
def test_a_probe_is_less_than_a_hundredth_of_the_file_and_than_a_mebibyte(size: int, below: int) -> None:
    assert probe_below(size) == below


def test_what_was_started_was_asked_for_or_given_up_or_finished(tmp_path: Path) -> None:
    sent = [0, 9, 10, 99, 100, 999, 1000]
    day = counted(tmp_path, [Line(f"192.0.2.{n}", may(9), size=n) for n in sent])[may(9)]
    assert (day.started, day.asked, day.gave_up, day.finished) == (7, 2, 4, 1)


def test_one_that_asks_for_the_last_bytes_on_the_second_day_has_finished_and_not_asked(tmp_path: Path) -> None:
    lines = [Line(day=may(9), size=999), Line(day=may(10), size=1), Line(B, may(10), size=1)]
    day = counted(tmp_path, lines)[may(10)]
    assert (day.started, day.asked, day.gave_up, day.finished) == (2, 1, 0, 1)


def test_how_far_those_got_who_gave_up_is_told_in_tenths(tmp_path: Path) -> None:
    sent = [5, 10, 99, 100, 550, 999, 1000]
    counted(tmp_path, [Line(f"192.0.2.{n}", may(9), size=n) for n in sent])
    assert load(tmp_path).days["2026-05-09"].tables["broke"] == {"a.iso": {"0": 2, "1": 1, "5": 1, "9": 1}}


amounts = st.lists(st.sampled_from([0, 5, 300, 400, 500, 600, 900, 1000, 1300]), max_size=8)


@given(st.lists(amounts, min_size=1, max_size=3))
def test_days_of_any_clients_finish_as_a_slow_count_says(clients: list[list[int]]) -> None:
    lines = [
        Line(f"192.0.2.{number}", may(day + 1), size=sent)
        for number, days in enumerate(clients)
        for day, sent in enumerate(days)
    ]
    expected = truth(lines, {"a.iso": SIZE}).finished
    content = {(line.client, line.day): line.size for line in lines}
    for day in {line.day for line in lines}:
        number = sum(
            has_finished(sent, content.get((client, date.fromordinal(day.toordinal() - 1)), 0), SIZE)
            for (client, one), sent in content.items()
            if one == day
        )
        assert number == expected.get(("a.iso", day), 0)


def test_the_calendar_has_a_first_and_a_last_day() -> None:
    assert (day_before("2026-01-01"), day_after("2025-12-31")) == ("2025-12-31", "2026-01-01")
    assert (day_before("0001-01-01"), day_after("9999-12-31")) == ("0001-01-01", "9999-12-31")
