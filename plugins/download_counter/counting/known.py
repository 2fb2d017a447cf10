"""Which of the logs at hand were read before, and how much of each is new.

A log is known again by a digest of its first lines, without the clients, whatever its name has become and
however it was compressed since. Of a known log that has grown only what came since is new.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from ..history.store import KnownLog
from ..logs.advice import problem
from ..logs.files import BEGINNING, Log, first_lines, is_plain, length_of, same_start
from ..logs.logformat import LogFormat
from .tally import Rule
from .workers import Piece, Reading

# Lines at the start of a log that tell it from all others.
_START_LINES = 100

# The time after the date. Nothing else is taken of the line: another address may stand there.
_TIME = re.compile(rb"[:T][0-9]{2}:[0-9]{2}:[0-9]{2}")

# Bytes at the beginning of a log that tell whether it is still the same, a moment later.
_STILL = 1 << 12


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


class AtHand:
    """The logs at hand, told into known ones, unknown ones, and copies of others.

    Attributes:
        logs: all of them.
        known: what was known of those that were met before; such a log may have grown.
        copies: those that are, or begin as, another one does to their end. They are not read.
        gone: what was known of logs that are not at hand.
    """

    def __init__(self, logs: Sequence[Log], known: Sequence[KnownLog], rule: Rule) -> None:
        self.logs = logs
        self._rule = rule
        self._format = rule.format()
        self._lines: dict[Log, bytes] = {}
        self.known = _unchanged(logs, known)
        self._open([log for log in logs if log not in self.known])
        self._open(self._like_opened())
        self.known = {log: old for log, old in self.known.items() if log not in self._lines}
        self._recognize([old for old in self._not_met(known) if old.start])
        self.copies = _copies(self._lines)
        self.gone = self._not_met(known)

    def _not_met(self, known: Sequence[KnownLog]) -> list[KnownLog]:
        met = {id(old) for old in self.known.values()}
        return [old for old in known if id(old) not in met]

    def _open(self, logs: Iterable[Log]) -> None:
        for log in logs:
            self._lines[log] = first_lines(log.path)

    def _like_opened(self) -> list[Log]:
        """The logs left closed so far that an opened one may be a copy of, or they of it."""
        if not self.known:
            return []
        lines = self._lines.values()
        if any(one.count(b"\n", 0, BEGINNING) < _START_LINES for one in lines):
            return list(self.known)  # too short to tell
        starts = {start_of(one, self._format) for one in lines}
        return [log for log, old in self.known.items() if old.start in starts]

    def _recognize(self, known: Sequence[KnownLog]) -> None:
        """Find which opened log is which known one; what is not clear without doubt stays unknown."""
        by_start: dict[str, list[KnownLog]] = {}
        for old in known:
            by_start.setdefault(old.start, []).append(old)
        short = [old for old in known if old.length < BEGINNING]
        found: dict[Log, list[KnownLog]] = {}
        for log, lines in self._lines.items():
            fitting = by_start.get(start_of(lines, self._format)) or [
                # Met when there were but a few lines in it: their digest was another.
                old
                for old in short
                if old.length < len(lines) and start_of(lines[: old.length], self._format) == old.start
            ]
            if fitting := [old for old in fitting if _may_be(log, old)]:
                surer = [old for old in fitting if (log.size, log.mtime) == (old.size, old.mtime)]
                found[log] = surer or [old for old in fitting if old.name == log.name] or fitting
        claims: dict[int, list[Log]] = {}
        for log, fitting in found.items():
            for old in fitting:
                claims.setdefault(id(old), []).append(log)
        for log, fitting in found.items():
            if len(fitting) == 1 and self._first_of(claims[id(fitting[0])]) == log:
                self.known[log] = fitting[0]

    def _first_of(self, logs: Sequence[Log]) -> Log | None:
        """The one of some logs that all others are copies of, None if there is none."""
        if len(logs) == 1:
            return logs[0]
        whole = [log for log in logs if log not in _copies({log: self._lines[log] for log in logs})]
        return whole[0] if len(whole) == 1 else None

    def new(self) -> list[Piece]:
        """What is to be read: the unknown logs, and what has come to the known ones."""
        pieces = []
        for log in self.logs:
            if log in self.copies:
                continue
            old = self.known.get(log)
            if old is None:
                pieces.append(Piece(log))
            elif old.problem or (old.size, old.mtime) != (log.size, log.mtime):
                pieces.append(Piece(log, old.length))
        return pieces

    def still_there(self, log: Log) -> bool:
        """Say whether the log still has its name, and no other log has been put there."""
        if log not in self._lines:
            old = self.known[log]
            return start_of(first_lines(log.path)[: old.length], self._format) == old.start
        beginning = self._lines[log][:_STILL]
        again = first_lines(log.path, _STILL)
        if len(beginning) < _STILL or not again:  # a log that has just begun, and may go on; or a long line
            self._lines[log] = again = first_lines(log.path)
        return again[: len(beginning) or 1] == beginning[: len(again) or 1]

    def remember(self, readings: Mapping[Log, Sequence[Reading] | None], lost: Collection[Log]) -> tuple[KnownLog, ...]:
        """Return what to remember of the logs for the next run.

        Args:
            readings: of each log that was read, what is new in it; None if it has moved meanwhile.
            lost: known logs that could not be read again; they are forgotten, so that the next run reads them.
        """
        return tuple(self._remember(log, readings, lost) for log in self.logs)

    def _remember(self, log: Log, readings: Mapping[Log, Sequence[Reading] | None], lost: Collection[Log]) -> KnownLog:
        nothing = KnownLog(log.name, log.size, log.mtime, "", 0, (), 0, 0, 0)
        if log in self.copies:
            # It says nothing of its own. Should it be all that is left, it is read then.
            return nothing
        if log in lost:
            return replace(nothing, size=-1)
        old = self.known.get(log, nothing)
        if log not in readings:
            return replace(old, name=log.name, size=log.size, mtime=log.mtime)
        found = readings[log]
        if found is None:
            return replace(old, size=-1)  # so that the next run looks at it, under whatever name
        length = old.length + sum(one.length for one in found)
        return KnownLog(
            name=log.name,
            size=log.size,
            mtime=log.mtime,
            start=start_of(self._lines[log][:length], self._format),
            length=length,
            days=tuple(sorted(set(old.days).union(*(one.tally.days() for one in found)))),
            unreadable=old.unreadable + sum(one.tally.unreadable for one in found),
            heads_silent=old.heads_silent + sum(one.tally.heads_silent for one in found),
            heads_sized=old.heads_sized + sum(one.tally.heads_sized for one in found),
            problem=next((one.problem for one in found if one.problem), "") or problem(self._lines[log], self._rule),
        )


def _may_be(log: Log, old: KnownLog) -> bool:
    """Say whether a log that begins as a known one may be that, as it was or grown: as far as can be seen at once."""
    if not isinstance(log.path, Path) or not is_plain(log.path):
        return True
    if log.size < old.length:
        return False
    with suppress(OSError), log.path.open("rb") as file:
        file.seek(old.length - 1)
        return file.read(1) == b"\n"
    return False


def _unchanged(logs: Sequence[Log], known: Sequence[KnownLog]) -> dict[Log, KnownLog]:
    """The logs that are known by their size and time, without a look into them.

    Rotation leaves both as they are. No two logs have the same of both, if the time is finer than
    a second; one that was given a time by hand, or comes from a machine that keeps no finer one,
    must have its name as well. A short log is looked into anyway.
    """
    by_stat: dict[tuple[int, int], list[KnownLog]] = {}
    for old in known:
        by_stat.setdefault((old.size, old.mtime), []).append(old)
    alike: dict[tuple[int, int], list[Log]] = {}
    for log in logs:
        alike.setdefault((log.size, log.mtime), []).append(log)
    return {
        same[0]: old
        for stat, same in alike.items()
        if len(same) == 1 == len(by_stat.get(stat, ()))
        for old in by_stat[stat]
        if old.start
        and not old.problem
        and old.length >= BEGINNING
        and (old.name == same[0].name or old.mtime % 1_000_000_000)
    }


def _copies(lines: Mapping[Log, bytes]) -> set[Log]:
    """The logs that are, or begin as, another log does to their end.

    Sums, unlike sets, do not survive a log that is read twice. The same content is looked for,
    not the same name; only logs with the same first line are compared further.
    """
    alike: dict[bytes, list[Log]] = {}
    for log, beginning in lines.items():
        alike.setdefault(beginning.partition(b"\n")[0], []).append(log)
    copies: set[Log] = set()
    for first, group in alike.items():
        if not first or len(group) < 2:
            continue
        lengths = {log: length_of(log.path) for log in group}
        whole: list[Log] = []
        for log in sorted(group, key=lambda log: lengths[log], reverse=True):
            if any(same_start(other.path, log.path) for other in whole):
                copies.add(log)
            else:
                whole.append(log)
    return copies
