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
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from .counting.days import Days, Found, added, everybody, figures, gather, needed_since
from .counting.known import AtHand
from .counting.tally import Rule
from .counting.workers import Piece, Reader, Reading, at_once, cut, processors
from .history.store import History, load, save, save_days
from .logs.files import Log, find
from .settings import Settings

# Fewer clients than these are put together in no time.
_MANY_CLIENTS = 200_000

Progress = Callable[[int, int], None]
"""Called with the number of pieces of logs read and the number of those to read."""


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
        if resized or not run.add_new():
            run.merge_all()
    history.settle_months()
    history.logs = at_hand.remember(run.new, run.lost)
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
        lost: the known logs whose lines were to be read again, and could not.
    """

    def __init__(self, history: History, at_hand: AtHand, reader: Reader, progress: Progress, sized: bool) -> None:
        self.new: dict[Log, list[Reading] | None] = {}
        self.old: list[Reading] = []
        self.seen: set[Log] = set()
        self.lost: set[Log] = set()
        self._history = history
        self._at_hand = at_hand
        self._reader = reader
        self._progress = progress
        self._sized = sized
        self._looked_up: set[Log] = set()
        self._done = self._to_do = 0

    def _read(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Reading | None]]:
        share = sum(piece.weight for piece in pieces) // processors()
        pieces = [part for piece in pieces for part in cut(piece, share)]
        self._to_do += len(pieces)
        for piece, reading in self._reader.read(pieces):
            self._done += 1
            self._progress(self._done, self._to_do)
            if reading.length or reading.problem:
                self.seen.add(piece.log)
            # Rotated meanwhile, another log may have been read in its place.
            yield piece, reading if self._at_hand.still_there(piece.log) else None

    def read_new(self) -> None:
        """Read the new lines, and the few known ones before them in a log that was met when it had just begun."""
        new = self._at_hand.new()
        begun = [Piece(piece.log, 0, piece.start) for piece in new if 0 < piece.start < piece.weight // 4]
        self._looked_up = {piece.log for piece in begun}
        pieces: dict[Log, list[tuple[Piece, Reading | None]]] = {}
        for piece, reading in self._read([*new, *begun]):
            known = self._at_hand.known.get(piece.log)
            if known and piece.start < known.length:
                self._keep(piece, reading)
            else:
                pieces.setdefault(piece.log, []).append((piece, reading))
        for log, parts in pieces.items():
            self.new[log] = _joined(sorted(parts, key=lambda part: part[0].start))

    def _keep(self, piece: Piece, reading: Reading | None) -> None:
        """Keep what known lines say."""
        if reading is None or reading.length != (piece.stop or 0) - piece.start:
            self.lost.add(piece.log)
        if reading is not None:
            self.old.append(reading)

    def _new_readings(self) -> list[Reading]:
        return [reading for readings in self.new.values() for reading in readings or ()]

    def add_new(self) -> bool:
        """Add what new lines say to the history; say whether that can be done.

        It cannot where not all lines that were counted of a day are at hand, or cannot be read.
        """
        if not all(map(self._adds_up, self._new_readings())):
            return False
        new = gather(self._new_readings())
        found = self._compare(new) if new else []
        for file, day, more, certain in found or ():
            self._history.add(file, day, more, certain=certain)
        return found is not None

    def _adds_up(self, reading: Reading) -> bool:
        for day, file in {*reading.clients, *reading.tally.left_out}:
            if day <= self._history.settled:
                return False
            known = self._history.day(file, day)
            if known and self._sized and known.finished is None and self._history.size_on(file, day) is not None:
                return False  # the size was not known then, so it is not known who has finished
        return True

    def _compare(self, new: Mapping[str, Days]) -> list[Found] | None:
        """Work out what new lines add, with the known lines of their clients; None if some cannot be read."""
        known = self._at_hand.known
        unread = sorted(
            (
                log
                for log, old in known.items()
                if old.days and log not in self._at_hand.copies and log not in self._looked_up
            ),
            key=lambda log: known[log].days[-1],
        )
        clients, since = frozenset[bytes](), ""
        if unread or self.old:
            clients = everybody(new)
            since = needed_since(new, self._history.sizes)
        while True:
            batch = [log for log in unread if known[log].days[-1] >= since]
            unread = unread[: len(unread) - len(batch)]
            self._look_up(batch, clients)
            if self.lost:
                return None
            old = gather(self.old)
            horizon = max(known[unread[-1]].days[-1] if unread else "", self._history.settled)
            found = self._work_out(
                new,
                added,
                lambda file: (
                    new[file],
                    old.get(file, {}),  # noqa: B023  # called before the loop goes on
                    self._history.sizes.get(file, ()),
                    horizon,  # noqa: B023
                    self._sized,
                ),
            )
            if horizon == self._history.settled or all(certain for *_, certain in found):
                return found
            # Some download hangs on what its client did on a day further back. As many logs are
            # read as are read at once: the day before that one may be asked for next.
            since = known[unread[-at_once(unread)]].days[-1]

    def _look_up(self, logs: Sequence[Log], clients: frozenset[bytes] | None) -> None:
        """Read the known lines of some logs, of some clients or of all."""
        pieces = [Piece(log, 0, self._at_hand.known[log].length, clients) for log in logs]
        for piece, reading in self._read(pieces):
            self._keep(piece, reading)

    def merge_all(self) -> None:
        """Read the known lines as well, and merge what all lines at hand say into the history."""
        self.old = []
        self.lost = set()
        self._look_up([log for log in self._at_hand.known if log not in self._at_hand.copies], None)
        read = gather([*self._new_readings(), *self.old])
        self._history.open_past()
        found = self._work_out(
            read,
            figures,
            lambda file: (
                read[file],
                self._history.days.get(file, {}),
                self._history.sizes.get(file, ()),
                self._sized,
            ),
        )
        for file, day, known, certain in found:
            self._history.merge(file, day, known, certain=certain)
        self._history.settle({(file, day): known for file, day, known, _ in found})

    def _work_out(
        self,
        read: Mapping[str, Days],
        of_file: Callable[..., list[Found]],
        arguments: Callable[[str], tuple[Any, ...]],
    ) -> list[Found]:
        """Call a function for each file that was read of; by several processes at once if there are many clients."""
        weights = {file: sum(one.weight for one in days.values()) for file, days in read.items()}
        calls = [(file, *arguments(file)) for file in sorted(read, key=weights.__getitem__, reverse=True)]
        spread = self._reader.spread if sum(weights.values()) >= _MANY_CLIENTS else starmap
        return [one for found in spread(of_file, calls) for one in found]


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
