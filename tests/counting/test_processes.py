"""How many processes there may be, and that each call is answered by one of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from download_counter.counting.processes import at_once, processors
from download_counter.errors import DownloadCounterError


def test_a_process_counts_on_the_processors_that_it_may_run_on() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert processors() == len(allowed)


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


@pytest.mark.parametrize(("calls", "processes"), [(1, 1), (2, 2), (7, 3)])
def test_each_call_is_answered_once_and_by_another_process(calls: int, processes: int) -> None:
    answers = list(at_once(square, [(number,) for number in range(calls)], processes))

    assert sorted(number for number, _ in answers) == [number * number for number in range(calls)]
    assert os.getpid() not in {process for _, process in answers}


def refuse(number: int, processes: Path) -> int:
    (processes / str(os.getpid())).touch()
    if number == 3:
        raise DownloadCounterError("3 is refused.")
    return number


def test_an_error_is_the_callers_and_leaves_no_process_behind(tmp_path: Path) -> None:
    with pytest.raises(DownloadCounterError, match=r"^3 is refused\.$"):
        list(at_once(refuse, [(number, tmp_path) for number in range(9)], 2))

    for process in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(process.name), 0)


def run_out_of_memory() -> None:
    raise MemoryError


def fail() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("function", [run_out_of_memory, fail])
def test_a_process_that_fails_ends_the_run_with_a_sentence(
    function: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DownloadCounterError, match="was killed, perhaps because the memory ran out"):
        list(at_once(function, [(), ()], 2))

    said = capfd.readouterr().err
    assert ("Traceback" in said) == (function is fail)  # a mistake of the program shows where it is
