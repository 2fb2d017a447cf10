"""The work of counting: on the processes of this machine, or on a cluster, with the same functions."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..history.day import Record
from ..logs.files import Log, LogProblem, read, whole_lines
from .days import Call, Found, Gathered, Sizes, records, work_out
from .processes import at_once, processors
from .rule import Rule
from .tally import Clients, Tally, tally

# Below this many bytes in all (on the disk, so mostly compressed) starting processes costs more than it saves.
_WORTH_PROCESSES = 1 << 21

# Fewer clients than these are put together in no time.
_MANY_CLIENTS = 200_000

# Bytes at the beginning of a log that tell whether another one begins alike.
_BEGINNING = 1 << 12


@dataclass
class Reading:
    """A log that was read.

    Attributes:
        log: the log, with the size and time that it had just before.
        inode: its inode then; None by an address.
        tally: what it says; its clients are elsewhere.
        clients: what its clients did, or what stands for that on a cluster.
        days: the days that it has lines of.
        beginning: its first bytes, decompressed.
        length: bytes of its whole lines, decompressed.
        problem: why it, or the rest of it, could not be read.
    """

    log: Log
    inode: int | None = None
    tally: Tally = field(default_factory=Tally)
    clients: Any = None
    days: frozenset[str] = frozenset()
    beginning: bytes = b""
    length: int = 0
    problem: str = ""


def read_log(log: Log, rule: Rule) -> tuple[Reading, Clients]:
    """Read and count a log, as far as it can be read. Runs in a process of its own.

    Args:
        log: the log.
        rule: the rule to count by.
    """
    now, inode = log.look()
    reading = Reading(now, inode)

    def blocks() -> Iterable[bytes]:
        given = 0
        try:
            for block in read(log.path):
                if len(reading.beginning) < _BEGINNING:
                    reading.beginning = (reading.beginning + block)[:_BEGINNING]
                if end := block.rfind(b"\n") + 1:
                    reading.length = given + end
                given += len(block)
                yield block
        except LogProblem as error:
            reading.problem = str(error)

    reading.tally = tally(whole_lines(blocks()), rule)
    reading.beginning = reading.beginning[: reading.length]
    reading.days = frozenset(reading.tally.days())
    clients, reading.tally.clients = reading.tally.clients, Clients()
    return reading, clients


class Workers(Protocol):
    """Those who read logs and work out days."""

    def read(self, logs: Sequence[Log], rule: Rule) -> Iterator[Reading]:
        """Read logs, and give them as they are read.

        Raises:
            DownloadCounterError: a process was killed, or the cluster did not answer.
        """

    def work_out(self, readings: Sequence[Reading], rule: Rule, sizes: Sizes, *, sized: bool) -> dict[str, Record]:
        """Work out the days that some readings say together.

        Args:
            readings: as `read` gave them.
            rule: the rule they were counted by.
            sizes: the sizes of the files.
            sized: whether the logs say how many bytes were sent.

        Raises:
            DownloadCounterError: a process was killed, or the cluster did not answer.
        """


def workers(scheduler: str | None) -> AbstractContextManager[Workers]:
    """Give the workers: the processes of this machine, or those of the cluster of this scheduler.

    Raises:
        DownloadCounterError: a process was killed, or the cluster does not answer. Nothing was changed.
    """
    if scheduler is None:
        return nullcontext(_Here())
    from .cluster import cluster

    return cluster(scheduler)


class _Here:
    """The processes of this machine. Small work is done without them."""

    def read(self, logs: Sequence[Log], rule: Rule) -> Iterator[Reading]:
        calls = [(log, rule) for log in sorted(logs, key=lambda log: log.size, reverse=True)]
        number = min(len(calls), processors())
        if number < 2 or sum(log.size for log in logs) < _WORTH_PROCESSES:
            read = (read_log(*call) for call in calls)
        else:
            read = (result for _, result in at_once(read_log, calls, number))
        for reading, clients in read:
            reading.clients = clients
            yield reading

    def work_out(self, readings: Sequence[Reading], rule: Rule, sizes: Sizes, *, sized: bool) -> dict[str, Record]:
        gathered = Gathered((reading.clients for reading in readings), rule)
        calls = gathered.calls(sizes, sized=sized)
        if gathered.size < _MANY_CLIENTS or processors() < 2:
            some: Iterable[list[Found]] = (work_out(*call) for call in calls)
        else:
            # Many small files would cost a message each; of a few big ones each is a job.
            each = max(1, len(calls) // (processors() * 64))
            jobs = [(calls[start : start + each],) for start in range(0, len(calls), each)]
            some = (found for _, found in at_once(_work_out_files, jobs, processors()))
        return records((one for found in some for one in found), [gathered.missing()])


def _work_out_files(calls: Sequence[Call]) -> list[Found]:
    return [found for call in calls for found in work_out(*call)]
