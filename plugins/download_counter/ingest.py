"""From access logs to the history: what one run reads, and what it makes of it.

A rotated log does not change, so a run reads only the logs it has not met, and those known
ones that share days with them (or hold the days before, which decide what finished). Which days
a known log has is remembered in `days.json`; no client is. What a run finds is the same as if
it had read everything.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

from .cluster import cluster
from .errors import DownloadCounterError
from .formats import problem
from .history import Day, History, KnownLog, load, save, save_days, sees
from .logformat import LogFormat
from .logs import Log, LogProblem, find, first_lines, read, same_start, whole_lines
from .settings import Settings
from .tally import Key, Packed, Rule, Tally, finished_by_day, tally

# Below this many bytes in all (on the disk, so mostly compressed) starting processes costs more than it saves.
_WORTH_PROCESSES = 1 << 21

# Bytes at the beginning of a log that tell whether it is still the same, a moment later.
_BEGINNING = 1 << 12

# Lines at the start of a log that tell it from all others.
_START_LINES = 100
# The time after the date. Nothing else is taken of the line: another address may stand there.
_TIME = re.compile(rb"[:T][0-9]{2}:[0-9]{2}:[0-9]{2}")

Progress = Callable[[int, int], None]
"""Called with the number of logs read and the number of logs to read."""


@dataclass
class Reading:
    """A log that was read.

    Attributes:
        tally: what it says, but for the clients.
        clients: the tally's clients, packed: many logs' worth is kept until all are read.
        length: bytes of the log when decompressed.
        problem: why it, or the rest of it, could not be read.
        whole: it is not known to have moved meanwhile.
    """

    tally: Tally = field(default_factory=Tally)
    clients: dict[Key, Packed] = field(default_factory=dict)
    length: int = 0
    problem: str = ""
    whole: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        history: all that is known now.
        read: how many logs were read; None if they are the very same as at the last ingest.
        warnings: sentences for the admin.
    """

    history: History
    read: int | None
    warnings: tuple[str, ...]


def read_log(path: Path | str, rule: Rule) -> Reading:
    """Read and count one log, as far as it can be read. Runs in a process of its own."""
    reading = Reading()

    def blocks() -> Iterable[bytes]:
        try:
            for block in read(path):
                reading.length += len(block)
                yield block
        except LogProblem as error:
            reading.problem = str(error)

    reading.tally = tally(whole_lines(blocks()), rule)
    reading.clients = {key: Packed.of(clients) for key, clients in reading.tally.clients.items()}
    reading.tally.clients.clear()
    return reading


def _silent(_done: int, _total: int) -> None:
    """Show no progress."""


def ingest(settings: Settings, sizes: Mapping[str, int], progress: Progress = _silent) -> Outcome:
    """Bring the history up to the logs, and save it. The caller holds the lock.

    Args:
        settings: the checked settings.
        sizes: bytes of each image in the web root now, by its path below the web root.
        progress: told after each log.

    Raises:
        DownloadCounterError: no log, an impossible LogFormat, a data file that is wrong or
            cannot be written. Nothing has changed then.
    """
    rule = Rule.of(settings)
    log_format = rule.format()  # an impossible one is said before anything is done
    history = load(settings.web_root)
    if history.forget_what_counts_lack():
        # Saved before counts.json gets the new numbers: killed between the two, the next run
        # would take the old days for days that the counts have.
        history.logs = ()
        save_days(settings.web_root, history)
    logs, warnings = find(settings.logs)
    warnings = [*history.warnings, *warnings]
    if history.rule != _plain(rule):
        history.logs = ()
    if _listing(logs) == {(log.name, log.size, log.mtime) for log in history.logs}:
        return Outcome(history, None, tuple(warnings))

    last = max((day for log in history.logs for day in log.days), default="")
    for file, size in sizes.items():
        history.note_size(file, size, since=last)

    at_hand = _AtHand(logs, history.logs, rule)
    readings: dict[Log, Reading] = {}
    total = len(at_hand.unknown)

    def read_these(these: Sequence[Log]) -> None:
        for log, reading in _read_all(these, rule, settings.scheduler):
            # Rotated meanwhile, another log may have been read in its place, perhaps for the second
            # time. It is left to the next run, which finds it under its new name.
            readings[log] = reading if at_hand.is_in_place(log) else Reading(whole=False)
            progress(len(readings), max(total, len(readings)))

    read_these(at_hand.unknown)
    _merge(history, readings, at_hand, read_these, log_format)
    history.settle_months()
    history.logs = tuple(at_hand.remember(log, readings) for log in logs)
    history.rule = _plain(rule)
    history.ingested = datetime.now().astimezone().replace(microsecond=0)
    warnings += [f"The log {log.name} {log.problem}." for log in history.logs if log.problem]
    save(settings.web_root, history)
    return Outcome(history, len(readings), tuple(warnings))


def _plain(rule: Rule) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(rule).items()}


def _listing(logs: Iterable[Log]) -> set[tuple[str, int, int]]:
    return {(log.name, log.size, log.mtime) for log in logs}


def start_of(lines: bytes, log_format: LogFormat) -> str:
    """Return what tells a log from others: a digest of its first lines, without the clients.

    Only the stamp, the request, the status and the size of each line go into it, so that nothing
    of a client is kept, not even hashed. Empty if no line follows the LogFormat.
    """
    digest = blake2b(digest_size=16)
    told = False
    for line in lines.split(b"\n", _START_LINES)[:_START_LINES]:
        match = log_format.pattern.match(line)
        if match is None:
            continue
        told = True
        time = _TIME.match(line, match.end("day"))
        for part in (match["day"], time and time[0], match["target"], match["status"], match["size"]):
            digest.update(part or b"")
            digest.update(b"\n")
    return digest.hexdigest() if told else ""


class _AtHand:
    """The logs at hand, told into known, unknown, and copies of others."""

    def __init__(self, logs: Sequence[Log], known: Sequence[KnownLog], rule: Rule) -> None:
        lines = {log: first_lines(log.path) for log in logs}
        log_format = rule.format()
        self.foreign = {log: problem(lines[log], rule) for log in logs}
        self.beginnings = {log: lines[log][:_BEGINNING] for log in logs}
        self.starts = {log: start_of(lines[log], log_format) for log in logs}
        self.copies = _copies(logs, lines)
        self.known: dict[Log, KnownLog] = {}
        by_start: dict[str, list[KnownLog]] = {}
        for old in known:
            if old.start and not old.problem:
                by_start.setdefault(old.start, []).append(old)
        for log in logs:
            for old in by_start.get(self.starts[log], ()):
                if self._is(log, old):
                    self.known[log] = old
                    break
        self.unknown = [log for log in logs if log not in self.copies and log not in self.known]

    @staticmethod
    def _is(log: Log, old: KnownLog) -> bool:
        if (log.size, log.mtime) == (old.size, old.mtime):
            return True
        # Compressed since: the same when decompressed. (A log that has grown is longer.)
        return log.name != old.name and _length(log.path) == old.length

    def days(self, log: Log) -> tuple[str, ...]:
        return self.known[log].days

    def is_in_place(self, log: Log) -> bool:
        """Say whether the log still has its name, and no other log has been put there."""
        beginning = self.beginnings[log]
        return first_lines(log.path)[: len(beginning) or 1] == beginning

    def remember(self, log: Log, readings: Mapping[Log, Reading]) -> KnownLog:
        """What to remember of a log for the next run."""
        if log in readings:
            reading = readings[log]
            return KnownLog(
                name=log.name,
                size=log.size if reading.whole else -1,
                mtime=log.mtime,
                start=self.starts[log] if reading.whole else "",
                length=reading.length,
                days=tuple(sorted(reading.tally.days())),
                unreadable=reading.tally.unreadable,
                heads_silent=reading.tally.heads_silent,
                heads_sized=reading.tally.heads_sized,
                problem=reading.problem or self.foreign[log],
            )
        if log in self.known and log not in self.copies:
            return replace(self.known[log], name=log.name, size=log.size, mtime=log.mtime)
        # A copy says nothing of its own. Should it be all that is left, it is read then.
        return KnownLog(log.name, log.size, log.mtime, "", 0, (), 0, 0, 0)


def _length(path: Path | str) -> int:
    """Bytes of a log when decompressed, as far as it can be read."""
    length = 0
    with suppress(LogProblem):
        for block in read(path):
            length += len(block)
    return length


def _copies(logs: Sequence[Log], lines: Mapping[Log, bytes]) -> set[Log]:
    """The logs that are, or begin as, another log does to their end.

    Sums, unlike sets, do not survive a log that is read twice. The same content is looked for,
    not the same name; only logs with the same first line are compared further.
    """
    alike: dict[bytes, list[Log]] = {}
    for log in logs:
        alike.setdefault(lines[log].partition(b"\n")[0], []).append(log)
    copies: set[Log] = set()
    for first, group in alike.items():
        if not first or len(group) < 2:
            continue
        lengths = {log: _length(log.path) for log in group}
        whole: list[Log] = []
        for log in sorted(group, key=lambda log: lengths[log], reverse=True):
            if any(same_start(other.path, log.path) for other in whole):
                copies.add(log)
            else:
                whole.append(log)
    return copies


def _read_all(logs: Sequence[Log], rule: Rule, scheduler: str | None) -> Iterable[tuple[Log, Reading]]:
    """Read logs, each in a process of its own if there is enough of them, the biggest first."""
    logs = sorted(logs, key=lambda log: log.size, reverse=True)
    workers = _at_once(logs)
    if scheduler is None and workers < 2:
        for log in logs:
            yield log, read_log(log.path, rule)
        return
    with _processes(workers) if scheduler is None else cluster(scheduler) as pool:
        jobs = {pool.submit(read_log, log.path, rule): log for log in logs}
        for job in as_completed(jobs):
            yield jobs.pop(job), job.result()


def _at_once(logs: Sequence[Log]) -> int:
    """How many of some logs this machine reads at the same time."""
    return min(len(logs), len(os.sched_getaffinity(0))) if sum(log.size for log in logs) >= _WORTH_PROCESSES else 1


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Processes on this machine."""
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_end_with_parent) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise DownloadCounterError(
            "A process that read a log was killed, perhaps since the memory ran out. Nothing was changed; run again."
        ) from error


def _end_with_parent() -> None:
    """Have this process end when its parent does, killed or not: it has inherited the lock."""

    def watch() -> None:
        wait([parent_process().sentinel])  # type: ignore[union-attr]  # a child has a parent
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _merge(
    history: History,
    readings: Mapping[Log, Reading],
    at_hand: _AtHand,
    read_these: Callable[[Sequence[Log]], None],
    log_format: LogFormat,
) -> None:
    """Merge what was read into the history, reading known logs as far back as it takes."""
    unread = [log for log in at_hand.known if log not in at_hand.copies]
    touched = {day for reading in readings.values() for day in reading.tally.days()}
    if not touched:
        return
    # The days from `since` on are worked out anew; those after `horizon` are read whole.
    since = min(touched) if unread else ""
    wanted = [log for log in unread if max(at_hand.days(log), default="") >= since]
    while True:
        read_these(wanted)
        unread = [log for log in unread if log not in readings and at_hand.days(log)]
        unread.sort(key=lambda log: max(at_hand.days(log)), reverse=True)
        horizon = max(at_hand.days(unread[0])) if unread else ""
        found = _figures(history, readings.values(), since, horizon, log_format.sized)
        if not unread or all(certain for *_, certain in found):
            break
        # Some download hangs on what its client did on a day further back. As many logs are
        # read as are read at once: the day before that one may be asked for next.
        wanted = unread[: _at_once(unread)]
    for file, day, figures, certain in found:
        history.add(file, day, figures, certain=certain)


@dataclass
class _DayRead:
    """What the logs read so far say of one file on one day."""

    parts: list[Packed] = field(default_factory=list)
    sent: int = 0
    left_out: set[bytes] = field(default_factory=set)

    def clients(self) -> dict[bytes, int]:
        """The clients in all logs, and the bytes sent to each."""
        if not self.parts:
            return {}
        most, *others = sorted(self.parts, key=lambda part: len(part.sent), reverse=True)
        total = most.unpack()
        for part in others:
            for client, sent in part.unpack().items():
                total[client] = total.get(client, 0) + sent
        return total


def _gather(readings: Iterable[Reading], horizon: str) -> dict[str, dict[str, _DayRead]]:
    """Put the logs' tallies together: file -> day after `horizon` -> what was read of it."""
    gathered: dict[str, dict[str, _DayRead]] = {}

    def of(day: str, file: str) -> _DayRead:
        return gathered.setdefault(file, {}).setdefault(day, _DayRead())

    for reading in readings:
        for (day, file), packed in reading.clients.items():
            if day > horizon:
                of(day, file).parts.append(packed)
                of(day, file).sent += reading.tally.sent[day, file]
        for (day, file), crawlers in reading.tally.left_out.items():
            if day > horizon:
                of(day, file).left_out |= crawlers
    return gathered


def _figures(
    history: History, readings: Iterable[Reading], since: str, horizon: str, sized: bool
) -> list[tuple[str, str, Day, bool]]:
    """Work out the days from `since` on: file, day, its figures, whether they are certain."""
    found = []
    for file, days in _gather(readings, horizon).items():
        clients = {day: one.clients() for day, one in days.items()}
        recorded = history.days.get(file, {})
        seen = {day: Day(len(clients[day]), sent=one.sent) for day, one in days.items()}
        # Days that this reading saw less of than an older one did, or nothing.
        lost = {day for day, old in recorded.items() if not sees(seen.get(day, Day(0)), old)}
        finished = finished_by_day(
            clients,
            partial(history.size_on, file),
            lambda day, lost=lost: day > horizon and day not in lost,  # type: ignore[misc]
            {day: old.finished for day, old in recorded.items() if _same(seen.get(day), old)}.get,
        )
        for day, one in days.items():
            if day >= since:
                number, certain = finished[day] or (None, True)
                figures = Day(
                    started=len(clients[day]),
                    finished=number if sized else None,
                    sent=one.sent if sized else None,
                    left_out=len(one.left_out),
                )
                found.append((file, day, figures, certain))
    return found


def _same(new: Day | None, old: Day) -> bool:
    """Say whether two readings of a day saw the same lines, going by clients and bytes."""
    return new is not None and (new.started, new.sent) == (old.started, old.sent)
