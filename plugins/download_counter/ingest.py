"""From access logs to the history: what one run reads, and what it makes of it.

What a log said at the last run it still says, so a run counts the lines that are new: unknown logs,
and what has come to the known ones. To know which of their clients were there before, and what
finished with what was sent before, it looks those clients up in the known logs, as far back as
that goes. No client is remembered from run to run.

That needs all lines that were counted of a day to be at hand. Where they are not (the day is
settled: a log of it is gone, and now one comes back from a backup), everything at hand is read and
each day becomes the maximum of what was known and what the logs say now. Either way a run finds
what it would have found by reading everything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

from .history import Day, History, add_to_day, load, save, save_days, sees
from .known import AtHand
from .logs import Log, find
from .reading import Piece, Reader, Reading, at_once, cut, processes, processors
from .settings import Settings
from .tally import Packed, Rule, add_up, day_before, finished_by_day

# Fewer clients than these are put together in no time.
_MANY_CLIENTS = 200_000

Progress = Callable[[int, int], None]
"""Called with the number of pieces of logs read and the number of those to read."""

Found = list[tuple[str, str, Day, bool]]
"""File, day, what was found of it, and whether how many finished is certain."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        history: all that is known now.
        read: how many logs lines were read of; None if they are the very same as at the last ingest.
        warnings: sentences for the admin.
    """

    history: History
    read: int | None
    warnings: tuple[str, ...]


def _silent(_done: int, _total: int) -> None:
    """Show no progress."""


def ingest(settings: Settings, sizes: Mapping[str, int], progress: Progress = _silent) -> Outcome:
    """Bring the history up to the logs, and save it. The caller holds the lock.

    Args:
        settings: the checked settings.
        sizes: bytes of each image in the web root now, by its path below the web root.
        progress: told after each piece of a log.

    Raises:
        DownloadCounterError: no log, an impossible LogFormat, a data file that is wrong or
            cannot be written. Nothing has changed then.
    """
    rule = Rule.of(settings)
    sized = rule.format().sized  # an impossible format is said before anything is done
    history = load(settings.web_root)
    if history.forget_what_counts_lack():
        # Saved before counts.json gets the new numbers: killed between the two, the next run
        # would take the old days for days that the counts have.
        history.forget_logs()
        save_days(settings.web_root, history)
    logs, warnings = find(settings.logs)
    warnings = [*history.warnings, *warnings]
    if history.rule != _plain(rule):
        history.forget_logs()
    if _listing(logs) == {(log.name, log.size, log.mtime) for log in history.logs}:
        return Outcome(history, None, tuple(warnings))

    last = max((day for log in history.logs for day in log.days), default="")
    resized = [file for file, size in sizes.items() if history.note_size(file, size, since=last)]
    at_hand = AtHand(logs, history.logs, rule)
    history.lose(at_hand.gone)
    with Reader(rule, settings.scheduler) as reader:
        run = _Run(history, at_hand, reader, progress, sized)
        run.read_new()
        whole = not resized and run.adds_up()
        found = run.compare() if whole else None
        if found is None:
            run.read_all()
    for file, day, figures, certain in found or ():
        history.add(file, day, figures, certain=certain)
    if found is None:
        run.merge_all()
    history.settle_months()
    history.logs = at_hand.remember(run.new)
    history.rule = _plain(rule)
    history.ingested = datetime.now().astimezone().replace(microsecond=0)
    warnings += [f"The log {log.name} {log.problem}." for log in history.logs if log.problem]
    save(settings.web_root, history)
    return Outcome(history, len(run.seen), tuple(warnings))


def _plain(rule: Rule) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(rule).items()}


def _listing(logs: Iterable[Log]) -> set[tuple[str, int, int]]:
    return {(log.name, log.size, log.mtime) for log in logs}


class _Run:
    """What one run has read.

    Attributes:
        new: of each log with new lines, what they say; None if the log has moved meanwhile. It is
            left to the next run, which finds it under its new name.
        old: what known lines say, of the clients of the new lines only unless all was read.
        seen: the logs that lines were read of.
    """

    def __init__(self, history: History, at_hand: AtHand, reader: Reader, progress: Progress, sized: bool) -> None:
        self.new: dict[Log, list[Reading] | None] = {}
        self.old: list[Reading] = []
        self.seen: set[Log] = set()
        self._history = history
        self._at_hand = at_hand
        self._reader = reader
        self._progress = progress
        self._sized = sized
        self._done = self._to_do = 0

    def _read(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Reading | None]]:
        if len(pieces) < processors():
            pieces = [part for piece in pieces for part in cut(piece)]
        self._to_do += len(pieces)
        for piece, reading in self._reader.read(pieces):
            self._done += 1
            self._progress(self._done, self._to_do)
            if reading.length or reading.problem:
                self.seen.add(piece.log)
            # Rotated meanwhile, another log may have been read in its place.
            yield piece, reading if self._at_hand.still_there(piece.log) else None

    def read_new(self) -> None:
        """Read the new lines."""
        pieces: dict[Log, list[tuple[Piece, Reading | None]]] = {}
        for piece, reading in self._read(self._at_hand.new()):
            pieces.setdefault(piece.log, []).append((piece, reading))
        for log, parts in pieces.items():
            self.new[log] = _joined(sorted(parts, key=lambda part: part[0].start))

    def _new_readings(self) -> list[Reading]:
        return [reading for readings in self.new.values() for reading in readings or ()]

    def adds_up(self) -> bool:
        """Say whether new lines can be added to what is known of their days."""
        for reading in self._new_readings():
            for day, file in {*reading.clients, *reading.tally.left_out}:
                known = self._history.days.get(file, {}).get(day)
                if day <= self._history.settled or (
                    # Of a file whose size was not known then, it is not known who has finished.
                    known and self._sized and known.finished is None and self._history.size_on(file, day) is not None
                ):
                    return False
        return True

    def compare(self) -> Found | None:
        """Work out what the new lines add, with the known lines of their clients.

        Returns:
            What they add; None if known lines that it takes cannot be read.
        """
        new = _gather(self._new_readings())
        if not new:
            return []
        unread = sorted(
            (log for log, known in self._at_hand.known.items() if known.days and log not in self._at_hand.copies),
            key=lambda log: self._at_hand.known[log].days[-1],
        )
        clients = _everybody(new) if unread else frozenset()
        since = _needed_since(new, self._history)
        while True:
            batch = [log for log in unread if self._at_hand.known[log].days[-1] >= since]
            unread = unread[: len(unread) - len(batch)]
            if not self._look_up(batch, clients):
                return None
            horizon = self._at_hand.known[unread[-1]].days[-1] if unread else ""
            found = self._work_out(
                new,
                partial(
                    _added, self._history, new, _gather(self.old), max(horizon, self._history.settled), self._sized
                ),
            )
            if horizon <= self._history.settled or all(certain for *_, certain in found):
                return found
            # Some download hangs on what its client did on a day further back. As many logs are
            # read as are read at once: the day before that one may be asked for next.
            since = self._at_hand.known[unread[-at_once(unread)]].days[-1]

    def _look_up(self, logs: Sequence[Log], clients: frozenset[bytes] | None) -> bool:
        """Read the known lines of some logs, of some clients or of all; say whether all was there."""
        pieces = [Piece(log, 0, self._at_hand.known[log].length, clients) for log in logs]
        there = True
        for piece, reading in self._read(pieces):
            if reading is None or reading.length != (piece.stop or 0) - piece.start:
                there = False
            if reading is not None:
                self.old.append(reading)
        return there

    def read_all(self) -> None:
        """Read the known lines of all logs."""
        self.old = []
        self._look_up([log for log in self._at_hand.known if log not in self._at_hand.copies], None)

    def merge_all(self) -> None:
        """Merge what all lines at hand say into the history."""
        read = _gather([*self._new_readings(), *self.old])
        found = self._work_out(read, partial(_figures, self._history, read, self._sized))
        for file, day, figures, certain in found:
            self._history.merge(file, day, figures, certain=certain)
        self._history.settle({(file, day): figures for file, day, figures, _ in found})

    def _work_out(self, read: "_Read", of_file: Callable[[str], Found]) -> Found:
        """Call a function for each file; by several processes at once if there are many clients."""
        weights = {file: sum(one.weight for one in days.values()) for file, days in read.items()}
        if sum(weights.values()) < _MANY_CLIENTS or processors() < 2 or not self._reader.close():
            return [one for file in read for one in of_file(file)]
        shares: list[list[str]] = [[] for _ in range(processors())]
        heavy = [0] * len(shares)
        for file in sorted(weights, key=weights.__getitem__, reverse=True):
            least = heavy.index(min(heavy))
            shares[least].append(file)
            heavy[least] += weights[file]
        # What was read goes to the processes with the fork, without being sent.
        with processes(len(shares), partial(_INHERITED.append, of_file)) as pool:
            return [one for part in pool.map(_of_share, shares) for one in part]


# What a process of `_Run._work_out` is there for.
_INHERITED: list[Callable[[str], Found]] = []


def _of_share(files: Sequence[str]) -> Found:
    return [one for file in files for one in _INHERITED[-1](file)]


def _joined(parts: Sequence[tuple[Piece, Reading | None]]) -> list[Reading] | None:
    """The readings of a log's pieces, up to the first that could not be read whole."""
    readings: list[Reading] = []
    for piece, reading in parts:
        if reading is None:
            return None
        readings.append(reading)
        if reading.problem or (piece.stop is not None and reading.length < piece.stop - piece.start):
            break
    return readings


@dataclass
class _DayRead:
    """What was read of one file on one day."""

    parts: list[Packed] = field(default_factory=list)
    sent: int = 0
    left_out: set[bytes] = field(default_factory=set)

    @property
    def weight(self) -> int:
        """How many clients there are to look at, those in several logs more than once."""
        return sum(len(part.sent) for part in self.parts)

    def clients(self) -> dict[bytes, int]:
        """The clients in all logs, and the bytes sent to each."""
        if not self.parts:
            return {}
        most, *others = sorted(self.parts, key=lambda part: len(part.sent), reverse=True)
        total = most.unpack()
        for part in others:
            add_up(total, part.unpack())
        return total


_Read = dict[str, dict[str, _DayRead]]
"""file -> day -> what was read of it."""


def _gather(readings: Iterable[Reading]) -> _Read:
    """Put readings together."""
    gathered: _Read = {}

    def of(day: str, file: str) -> _DayRead:
        return gathered.setdefault(file, {}).setdefault(day, _DayRead())

    for reading in readings:
        for (day, file), packed in reading.clients.items():
            of(day, file).parts.append(packed)
            of(day, file).sent += reading.tally.sent[day, file]
        for (day, file), crawlers in reading.tally.left_out.items():
            of(day, file).left_out |= crawlers
    return gathered


def _everybody(read: _Read) -> frozenset[bytes]:
    """All clients, crawlers as well."""
    days = [one for days in read.values() for one in days.values()]
    names = (part.names.split(b"\n") for one in days for part in one.parts)
    return frozenset[bytes]().union(*names, *(one.left_out for one in days))


def _needed_since(new: _Read, history: History) -> str:
    """The first day whose known lines bear on new ones: theirs, or the one before if a download is not whole."""
    since = min(day for days in new.values() for day in days)
    for file, days in new.items():
        for day, one in days.items():
            size = history.size_on(file, day)
            if day_before(day) < since and size is not None and any(0 < n < size for p in one.parts for n in p.sent):
                since = day_before(day)
    return since


def _added(history: History, new: _Read, old: _Read, settled: str, sized: bool, file: str) -> Found:
    """Work out what new lines add to the days of a file.

    Args:
        history: what is known.
        new: what new lines say.
        old: what the known lines after the day `settled` say, of the clients of the new lines at least.
        settled: a day.
        sized: whether bytes are logged.
        file: the file.
    """
    size_on = partial(history.size_on, file)
    whole = settled.__lt__
    known = old.get(file, {})
    result: dict[str, tuple[Day, bool]] = {}
    for day, one in new[file].items():
        crawlers = one.left_out - known[day].left_out if day in known else one.left_out
        finished = 0 if sized and size_on(day) is not None else None
        result[day] = Day(0, finished, one.sent if sized else None, len(crawlers)), True

    def add(day: str, started: int, number: int, certain: bool) -> None:
        figures, sure = result.get(day, (Day(0, 0, 0), True))
        result[day] = add_to_day(figures, Day(started, number if sized else None)), sure and certain

    if not known:
        started: dict[str, int] = {}
        for day, number in finished_by_day(_each(new[file], started), size_on, whole).items():
            add(day, started[day], *(number or (0, True)))
        return [(file, day, more, certain) for day, (more, certain) in result.items()]
    clients = {day: one.clients() for day, one in new[file].items()}
    before = {day: one.clients() for day, one in known.items()}
    for first, ours in _by_first_day(clients):
        then = {day: _those(ours, sent) for day, sent in before.items()}
        now = {day: _those(ours, sent) for day, sent in clients.items()}
        for day, sent in then.items():
            add_up(now.setdefault(day, {}), sent)
        finished_then = finished_by_day(sorted(then.items()), size_on, whole)
        for day, number in finished_by_day(sorted(now.items()), size_on, whole).items():
            if day >= first:  # for these clients, the days before are as they were
                finished_now, certain = number or (0, True)
                finished_before, certain_before = finished_then.get(day) or (0, True)
                add(
                    day,
                    len(now[day]) - len(then.get(day, ())),
                    finished_now - finished_before,
                    certain and certain_before,
                )
    return [(file, day, more, certain) for day, (more, certain) in result.items()]


def _each(days: Mapping[str, _DayRead], started: dict[str, int]) -> Iterator[tuple[str, dict[bytes, int]]]:
    """Give the clients of each day, and note how many they are. One day at a time: of a flood there is much."""
    for day in sorted(days):
        clients = days[day].clients()
        started[day] = len(clients)
        yield day, clients


def _by_first_day(clients: Mapping[str, dict[bytes, int]]) -> Iterator[tuple[str, AbstractSet[bytes]]]:
    """Give each day, and the clients that are there on no earlier one."""
    met: set[bytes] = set()
    for day in sorted(clients):
        yield day, clients[day].keys() - met
        met |= clients[day].keys()


def _those(clients: AbstractSet[bytes], sent: dict[bytes, int]) -> dict[bytes, int]:
    """Return what was sent to some clients."""
    return {client: sent[client] for client in clients & sent.keys()}


def _figures(history: History, read: _Read, sized: bool, file: str) -> Found:
    """Work out the days of a file from all lines at hand."""
    size_on = partial(history.size_on, file)
    started: dict[str, int] = {}
    days = list(_each(read[file], started))
    recorded = history.days.get(file, {})
    seen = {day: Day(started[day], sent=one.sent) for day, one in read[file].items()}
    # Days that this reading saw less of than an older one did, or nothing.
    lost = {day for day, old in recorded.items() if not sees(seen.get(day, Day(0)), old)}
    finished = finished_by_day(
        days,
        size_on,
        lambda day: day not in lost,
        {day: old.finished for day, old in recorded.items() if _same(seen.get(day), old)}.get,
    )
    result: Found = []
    for day, one in read[file].items():
        number, certain = finished[day] or (None, True)
        figures = Day(
            started=started[day],
            finished=number if sized else None,
            sent=one.sent if sized else None,
            left_out=len(one.left_out),
        )
        result.append((file, day, figures, certain))
    return result


def _same(new: Day | None, old: Day) -> bool:
    """Say whether two readings of a day saw the same lines, going by clients and bytes."""
    return new is not None and (new.started, new.sent) == (old.started, old.sent)
