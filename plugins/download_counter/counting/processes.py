"""Work for several processes of this machine at once."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, TypeVar

from ..errors import DownloadCounterError

T = TypeVar("T")


def processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0))


def at_once(function: Callable[..., T], calls: Sequence[tuple[Any, ...]], number: int) -> Iterator[T]:
    """Call a function with each of some lists of arguments, by so many processes, and give the results as they come.

    They begin as copies of this process, so the arguments are not sent. Each has a pipe of its own: one that is killed
    while it sends its result blocks nobody (in a pool of the standard library all share one pipe, and its lock).

    Raises:
        DownloadCounterError: a process was killed; or what the function raised.
    """
    context = get_context("fork")
    ours: list[Connection] = []
    processes = []
    try:
        for _ in range(number):
            one, other = context.Pipe()
            ours.append(one)
            process = context.Process(target=_work, args=(function, calls, other, tuple(ours)))
            process.start()
            processes.append(process)
            other.close()
        waiting = iter(range(len(calls)))
        at_work = set(ours)
        for pipe in ours:
            pipe.send(next(waiting))
        while at_work:
            for pipe in at_work.intersection(wait(list(at_work))):
                result, error = pipe.recv()
                if error is not None:
                    raise error
                following = next(waiting, None)
                pipe.send(following)  # None ends the process, and frees its memory
                if following is None:
                    at_work.remove(pipe)
                yield result
    except (EOFError, OSError) as error:  # the end of the pipe, before an answer or within one
        raise DownloadCounterError(
            "A process that counted was killed, perhaps because the memory ran out. Nothing was changed; run again."
        ) from error
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def _work(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], pipe: Connection, ours: Sequence[Connection]
) -> None:
    """Do calls until there are no more, or the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; the parent ends this one
    for one in ours:  # the parent's ends: as long as a copy is open, nobody sees that the parent is gone
        one.close()

    def watch() -> None:
        # Killed or not: this process has inherited the lock, and must not outlive its parent.
        wait([parent_process().sentinel])  # type: ignore[union-attr]  # a child has a parent
        os._exit(1)

    Thread(target=watch, daemon=True).start()
    with contextlib.suppress(EOFError, ConnectionError, MemoryError):
        while (number := pipe.recv()) is not None:
            pipe.send(_answer(function, calls[number]))  # and do not hold it while the next one is made
    os._exit(0)


def _answer(function: Callable[..., T], call: tuple[Any, ...]) -> tuple[T | None, DownloadCounterError | None]:
    try:
        return function(*call), None
    except DownloadCounterError as error:
        return None, error
