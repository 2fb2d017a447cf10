"""The work of counting, on the processes of this machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from msgspec import Struct, field

from ..history.day import Record
from ..logs.advice import (
    advice,
    advice_on_clients,
    advice_on_hosts,
    advice_on_requests,
    advice_on_sizes,
    advice_on_start,
)
from ..logs.files import Log, LogProblem, first_lines, read, whole_lines
from ..settings import Rule
from .clients import Clients
from .days import Call, Found, Gathered, Sizes, records, work_out
from .processes import at_once, processors
from .rule import DOWNLOAD, line_filter
from .tally import Tally, tally

T = TypeVar("T")

# Below this many bytes in all (on the disk, so mostly compressed) starting processes costs more than it saves.
_WORTH_PROCESSES = 1 << 21

# Names of images that are looked at to find out where the web root is served.
_FILES = 1000

# Fewer clients than these are put together in no time.
_MANY_CLIENTS = 200_000

# Bytes at the beginning of a log that tell whether another one begins alike.
_BEGINNING = 1 << 12


class Reading(Struct):
    """A log that was read."""

    log: Log  # the log, with the size and time that it had just before
    inode: int | None = None  # its inode then; None by an address
    tally: Tally = field(default_factory=Tally)  # what it says; its clients are elsewhere
    clients: Any = None  # what its clients did, or what stands for that on a cluster
    days: frozenset[str] = frozenset()  # the days that it has lines of
    beginning: bytes = b""  # its first bytes, decompressed
    length: int = 0  # bytes of its whole lines, decompressed
    files: frozenset[str] = frozenset()  # some of the images that it has downloads of
    problem: str = ""  # why it, or the rest of it, could not be read
    advice: str = ""  # what else is wrong with it: its lines do not follow the format, or a clock was wrong


def read_log(log: Log, rule: Rule) -> tuple[Reading, list[Clients]]:
    """Read and count a log as far as it can be read. It runs in a process of its own."""
    now, inode = log.look()
    reading = Reading(now, inode)
    reading.tally = tally(_Lines(reading), rule)
    endless = bool(reading.beginning.strip(b"\0\r\n ")) and not reading.length
    reading.beginning = reading.beginning[: reading.length]
    reading.days = frozenset(reading.tally.days())
    clients, reading.tally.clients = reading.tally.clients, []
    reading.files = frozenset(islice((one.key.path for one in clients if one.key.kind == DOWNLOAD), _FILES))
    reading.advice = "has no line that ends, so nothing of it counts yet" if endless else _advice(reading, rule)
    return reading, clients


class _Lines(Struct):
    """The whole lines of a log, read anew at each turn."""

    reading: Reading

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return whole_lines(self._blocks())

    def _blocks(self) -> Iterator[bytes]:
        reading, given = self.reading, 0
        reading.beginning, reading.length, reading.problem = b"", 0, ""
        try:
            for block in read(reading.log.path):
                if len(reading.beginning) < _BEGINNING:
                    reading.beginning = (reading.beginning + block)[:_BEGINNING]
                if end := block.rfind(b"\n") + 1:
                    reading.length = given + end
                given += len(block)
                yield block
        except LogProblem as error:
            reading.problem = str(error)


def _advice(reading: Reading, rule: Rule) -> str:
    tally = reading.tally
    counts = line_filter(rule.extensions)
    start = first_lines(reading.log.path)
    lines = [line for line in start.split(b"\n") if counts(line)]
    unread = tally.unreadable - tally.misdated
    if unread and (said := advice(rule, tally.sample or lines, unread, tally.lines)):
        return said
    if not (tally.lines or tally.unreadable or reading.problem):
        return advice_on_start(rule, start) or advice_on_requests(rule, lines)
    if tally.agentless:
        keys = " and ".join(f"DOWNLOAD_COUNTER[{key!r}]" for key in ("crawlers", "own_agents") if getattr(rule, key))
        return f"has {tally.agentless} lines without a user agent, which {keys} needs. They do not count"
    if tally.misdated:
        return f"has {tally.misdated} lines with a day far from all others, as of a wrong clock. They do not count"
    asked = tally.lines > tally.heads and not tally.has_bytes
    return (
        advice_on_clients(rule, lines)
        or advice_on_hosts(rule, lines)
        or (advice_on_sizes(rule, lines) if asked else "")
    )


class Workers:
    """Those who read logs and work out days: the processes of this machine. Small work is done without them."""

    def read(self, logs: Sequence[Log], rule: Rule) -> Iterator[Reading]:
        """Read logs, and give them as they are read.

        Raises:
            DownloadCounterError: a process was killed, or the cluster did not answer.
        """
        # The longest first, so that no process is still at work long after the others.
        calls = [(log, rule) for log in sorted(logs, key=lambda log: log.size, reverse=True)]
        for reading, clients in _each(read_log, calls, alone=sum(log.size for log in logs) < _WORTH_PROCESSES):
            reading.clients = clients
            yield reading

    def work_out(self, readings: Sequence[Reading], rule: Rule, sizes: Sizes, *, sized: bool) -> dict[str, Record]:
        """Work out the days that some readings say together; `sized` is whether the logs say how many bytes were sent.

        Raises:
            DownloadCounterError: a process was killed, or the cluster did not answer.
        """
        gathered = Gathered((one for reading in readings for one in reading.clients), rule)
        calls = gathered.calls(sizes, sized=sized)
        # Many small files would cost a message each; of a few big ones each is a job.
        each = max(1, len(calls) // (processors() * 64))
        jobs = [(calls[start : start + each],) for start in range(0, len(calls), each)]
        found = _each(_work_out_files, jobs, alone=gathered.size < _MANY_CLIENTS)
        return records((one for some in found for one in some), [gathered.missing()])


def _each(function: Callable[..., T], calls: Sequence[tuple[Any, ...]], *, alone: bool) -> Iterable[T]:
    """Call a function with each of some lists of arguments: here if the work is small, else by several processes."""
    number = min(len(calls), processors())
    return (function(*call) for call in calls) if alone or number < 2 else at_once(function, calls, number)


def _work_out_files(calls: Sequence[Call]) -> list[Found]:
    return [found for call in calls for found in work_out(*call)]
