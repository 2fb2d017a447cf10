"""Reading logs: pieces of them, in processes on this machine or on a cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from ..errors import DownloadCounterError
from ..logs.files import Log, LogProblem, is_plain, line_start, read, whole_lines
from .cluster import cluster
from .tally import Key, Packed, Rule, Tally, tally

# Below this many bytes in all (on the disk, so mostly compressed) starting processes costs more than it saves.
_WORTH_PROCESSES = 1 << 21

# No piece of a plain log that is cut is smaller (bytes).
_WORTH_PIECES = 1 << 22


T = TypeVar("T")


@dataclass(frozen=True)
class Piece:
    """What is to be read of a log.

    Attributes:
        log: the log.
        start: the byte to begin at, the start of a line, of the log as it is when decompressed.
        stop: the byte to stop before; None reads to the end.
        clients: nothing but what these did is wanted; None wants everybody's.
    """

    log: Log
    start: int = 0
    stop: int | None = None
    clients: frozenset[bytes] | None = None

    @property
    def weight(self) -> int:
        """How much work it is to read, in bytes on the disk."""
        return min(self.log.size, self.stop or self.log.size) - min(self.log.size, self.start)


@dataclass
class Reading:
    """A piece of a log that was read.

    Attributes:
        tally: what it says, but for the clients.
        clients: the tally's clients, packed: many logs' worth is kept until all are read.
        length: bytes of the whole lines in it, when decompressed.
        problem: why it, or the rest of it, could not be read.
    """

    tally: Tally = field(default_factory=Tally)
    clients: dict[Key, Packed] = field(default_factory=dict)
    length: int = 0
    problem: str = ""


def read_piece(
    path: Path | str, rule: Rule, start: int = 0, stop: int | None = None, only: frozenset[bytes] | None = None
) -> Reading:
    """Read and count a piece of a log, as far as it can be read. Runs in a process of its own.

    Args:
        path: the log.
        rule: the rule to count by.
        start: as in `Piece`.
        stop: as in `Piece`.
        only: as `clients` in `Piece`.
    """
    reading = Reading()

    def blocks() -> Iterable[bytes]:
        given = 0
        try:
            for block in read(path, start, stop):
                if end := block.rfind(b"\n") + 1:
                    reading.length = given + end
                given += len(block)
                yield block
        except LogProblem as error:
            reading.problem = str(error)

    lines = whole_lines(blocks())
    if only is not None and not rule.folds:
        of_clients = rule.format().of_clients
        lines = ((of_clients(block, only), overlong) for block, overlong in lines)
    reading.tally = tally(lines, rule)
    for key, clients in reading.tally.clients.items():
        wanted = clients if only is None else {client: sent for client, sent in clients.items() if client in only}
        if wanted:
            reading.clients[key] = Packed.of(wanted)
    reading.tally.clients.clear()
    return reading


class Reader:
    """Reads pieces of logs; its processes live as long as it is entered."""

    def __init__(self, rule: Rule, scheduler: str | None) -> None:
        self._rule = rule
        self._scheduler = scheduler
        self._open = ExitStack()
        self._pool: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, trace)

    def read(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Reading]]:
        """Read pieces, the biggest first, and give them as they are read.

        Raises:
            DownloadCounterError: a process was killed, or the cluster did not answer.
        """
        pieces = sorted(pieces, key=lambda piece: piece.weight, reverse=True)
        pool = self._pool_for(pieces)
        if pool is None:
            for piece in pieces:
                yield piece, read_piece(piece.log.path, self._rule, piece.start, piece.stop, piece.clients)
            return
        jobs = {
            pool.submit(read_piece, piece.log.path, self._rule, piece.start, piece.stop, piece.clients): piece
            for piece in pieces
        }
        for job in as_completed(jobs):
            yield jobs.pop(job), job.result()

    def spread(self, function: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> Iterator[T]:
        """Call a function with each of some lists of arguments, by several processes on this machine.

        Raises:
            DownloadCounterError: a process was killed.
        """
        if self._scheduler is not None:  # its client has threads, beside which no process is to be forked
            yield from starmap(function, calls)
            return
        # The processes that read hold memory for good. New ones have the arguments from the fork, without being sent.
        self._open.close()
        self._pool = None
        with processes(processors(), partial(_call, function, calls)) as pool:
            yield from pool.map(_inherited, range(len(calls)))

    def _pool_for(self, pieces: Sequence[Piece]) -> Executor | None:
        if self._pool is None and self._scheduler is not None:
            self._pool = self._open.enter_context(cluster(self._scheduler))
        elif self._pool is None and (number := at_once(pieces)) > 1:
            self._pool = self._open.enter_context(processes(number))
        return self._pool


def at_once(pieces: Sequence[Piece] | Sequence[Log]) -> int:
    """How many of some pieces, or logs, this machine reads at the same time."""
    return min(len(pieces), processors()) if sum(piece.weight for piece in pieces) >= _WORTH_PROCESSES else 1


def processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0))


def cut(piece: Piece, share: int) -> list[Piece]:
    """Cut a piece that is more than a processor's share of the work (bytes), if it can be.

    A compressed log is read from its beginning anyway. Lines that come meanwhile are in the last piece.
    """
    number = min(processors(), -(-piece.weight // max(share, _WORTH_PIECES)))
    if number < 2 or isinstance(piece.log.path, str) or not is_plain(piece.log.path):
        return [piece]
    try:
        cuts = [line_start(piece.log.path, piece.start + piece.weight * n // number) for n in range(1, number)]
    except OSError:
        return [piece]
    starts = [piece.start, *cuts]
    return [
        Piece(piece.log, start, stop, piece.clients) for start, stop in zip(starts, [*cuts, piece.stop], strict=True)
    ]


@contextmanager
def processes(number: int, inherited: Callable[[int], Any] | None = None) -> Iterator[Executor]:
    """Give processes on this machine, which begin as copies of this one.

    Args:
        number: how many.
        inherited: what `_inherited` calls in them.

    Raises:
        DownloadCounterError: one of them was killed.
    """
    try:
        with ProcessPoolExecutor(
            number, mp_context=get_context("fork"), initializer=_begin, initargs=(inherited,)
        ) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise DownloadCounterError(
            "A process that read a log was killed, perhaps since the memory ran out. Nothing was changed; run again."
        ) from error


_INHERITANCE: list[Callable[[int], Any] | None] = []


def _begin(inherited: Callable[[int], Any] | None) -> None:
    """Have this process end when its parent does, killed or not: it has inherited the lock."""
    _INHERITANCE.append(inherited)

    def watch() -> None:
        wait([parent_process().sentinel])  # type: ignore[union-attr]  # a child has a parent
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _inherited(number: int) -> Any:
    """Call what this process was made for."""
    function = _INHERITANCE[-1]
    return function and function(number)


def _call(function: Callable[..., T], calls: Sequence[tuple[Any, ...]], number: int) -> T:
    return function(*calls[number])
