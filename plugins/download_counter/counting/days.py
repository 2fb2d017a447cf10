"""From what was read of the logs to the figures of days. Pure: one file of the web root at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from ..history.store import Day, Size, add_to_day, sees, size_on
from .tally import Packed, add_up, day_before, finished_by_day
from .workers import Reading

Found = tuple[str, str, Day, bool]
"""File, day, what was found of it, and whether how many finished is certain."""


@dataclass
class DayRead:
    """What was read of one file on one day.

    Attributes:
        parts: the clients and the bytes sent to each, as different logs say.
        sent: all bytes sent.
        left_out: the clients left out as crawlers.
        unpacked: what `parts` say together, if that is to be kept.
    """

    parts: list[Packed] = field(default_factory=list)
    sent: int = 0
    left_out: set[bytes] = field(default_factory=set)
    unpacked: Mapping[bytes, int] | None = None

    @property
    def weight(self) -> int:
        """How many clients there are to look at, those in several logs more than once."""
        return sum(len(part.sent) for part in self.parts) + len(self.unpacked or ())

    def clients(self) -> Mapping[bytes, int]:
        """Return the clients in all logs, and the bytes sent to each."""
        if self.unpacked is not None:
            return self.unpacked
        if not self.parts:
            return {}
        most, *others = sorted(self.parts, key=lambda part: len(part.sent), reverse=True)
        total = most.unpack()
        for part in others:
            add_up(total, part.unpack())
        return total

    def unpack(self) -> None:
        """Keep the clients at hand: they take five times the room, but will be asked for again."""
        self.unpacked = self.clients()
        self.parts = []


Days = dict[str, DayRead]
"""Day -> what was read of a file on it."""


def gather(readings: Iterable[Reading]) -> dict[str, Days]:
    """Put readings together, by file."""
    gathered: dict[str, Days] = {}

    def of(day: str, file: str) -> DayRead:
        return gathered.setdefault(file, {}).setdefault(day, DayRead())

    for reading in readings:
        for (day, file), packed in reading.clients.items():
            of(day, file).parts.append(packed)
            of(day, file).sent += reading.tally.sent[day, file]
        for (day, file), crawlers in reading.tally.left_out.items():
            of(day, file).left_out |= crawlers
    return gathered


def everybody(read: Mapping[str, Days]) -> frozenset[bytes]:
    """Unpack what was read, and return all clients in it, crawlers as well."""
    days = [one for days in read.values() for one in days.values()]
    for one in days:
        one.unpack()
    return frozenset[bytes]().union(*(one.clients() for one in days), *(one.left_out for one in days))


def needed_since(new: Mapping[str, Days], sizes: Mapping[str, Sequence[Size]]) -> str:
    """Return the first day whose known lines bear on new ones.

    It is the first day of those, or the one before if a download of it is not whole.

    Args:
        new: what new lines say, by file.
        sizes: the sizes of the files.
    """
    since = min(day for days in new.values() for day in days)
    for file, days in new.items():
        for day, one in days.items():
            size = size_on(sizes.get(file, ()), day)
            if day_before(day) < since and size is not None and any(0 < n < size for n in one.clients().values()):
                since = day_before(day)
    return since


def added(file: str, new: Days, old: Days, sizes: Sequence[Size], settled: str, sized: bool) -> list[Found]:
    """Work out what new lines add to the days of a file.

    Args:
        file: the file.
        new: what new lines say.
        old: what the known lines after the day `settled` say, of the clients of the new lines at least.
        sizes: the sizes of the file.
        settled: a day.
        sized: whether bytes are logged.
    """
    size_then = partial(size_on, sizes)
    whole = settled.__lt__
    result: dict[str, tuple[Day, bool]] = {}
    for day, one in new.items():
        crawlers = one.left_out - old[day].left_out if day in old else one.left_out
        finished = 0 if sized and size_then(day) is not None else None
        result[day] = Day(0, finished, one.sent if sized else None, len(crawlers)), True

    def add(day: str, started: int, number: int, certain: bool) -> None:
        figures, sure = result.get(day, (Day(0, 0, 0), True))
        result[day] = add_to_day(figures, Day(started, number if sized else None)), sure and certain

    if not old:
        started: dict[str, int] = {}
        for day, number in finished_by_day(_each(new, started), size_then, whole).items():
            add(day, started[day], *(number or (0, True)))
        return [(file, day, *found) for day, found in result.items()]
    clients = {day: one.clients() for day, one in new.items()}
    before = {day: one.clients() for day, one in old.items()}
    for first, ours in _by_first_day(clients):
        then = {day: _those(ours, sent) for day, sent in before.items()}
        now = {day: _those(ours, sent) for day, sent in clients.items()}
        for day, sent in then.items():
            add_up(now.setdefault(day, {}), sent)
        finished_then = finished_by_day(sorted(then.items()), size_then, whole)
        for day, number in finished_by_day(sorted(now.items()), size_then, whole).items():
            if day >= first:  # for these clients, the days before are as they were
                finished_now, certain = number or (0, True)
                finished_before, certain_before = finished_then.get(day) or (0, True)
                more = len(now[day]) - len(then.get(day, ()))
                add(day, more, finished_now - finished_before, certain and certain_before)
    return [(file, day, *found) for day, found in result.items()]


def _each(days: Days, started: dict[str, int]) -> Iterator[tuple[str, Mapping[bytes, int]]]:
    """Give the clients of each day, and note how many they are. One day at a time: of a flood there is much."""
    for day in sorted(days):
        clients = days[day].clients()
        started[day] = len(clients)
        yield day, clients


def _by_first_day(clients: Mapping[str, Mapping[bytes, int]]) -> Iterator[tuple[str, AbstractSet[bytes]]]:
    """Give each day, and the clients that are there on no earlier one."""
    met: set[bytes] = set()
    for day in sorted(clients):
        yield day, clients[day].keys() - met
        met |= clients[day].keys()


def _those(clients: AbstractSet[bytes], sent: Mapping[bytes, int]) -> dict[bytes, int]:
    """Return what was sent to some clients."""
    return {client: sent[client] for client in clients & sent.keys()}


def figures(file: str, read: Days, recorded: Mapping[str, Day], sizes: Sequence[Size], sized: bool) -> list[Found]:
    """Work out the days of a file from all lines at hand.

    Args:
        file: the file.
        read: what all lines say.
        recorded: what was known of its days before.
        sizes: the sizes of the file.
        sized: whether bytes are logged.
    """
    started: dict[str, int] = {}
    days = list(_each(read, started))
    seen = {day: Day(started[day], sent=one.sent) for day, one in read.items()}
    # Days that this reading saw less of than an older one did, or nothing.
    lost = {day for day, old in recorded.items() if not sees(seen.get(day, Day(0)), old)}
    told: Callable[[str], int | None] = {
        day: old.finished for day, old in recorded.items() if _same(seen.get(day), old)
    }.get
    finished = finished_by_day(days, partial(size_on, sizes), lambda day: day not in lost, told)
    result: list[Found] = []
    for day, one in read.items():
        number, certain = finished[day] or (None, True)
        found = Day(
            started=started[day],
            finished=number if sized else None,
            sent=one.sent if sized else None,
            left_out=len(one.left_out),
        )
        result.append((file, day, found, certain))
    return result


def _same(new: Day | None, old: Day) -> bool:
    """Say whether two readings of a day saw the same lines, going by clients and bytes."""
    return new is not None and (new.started, new.sent) == (old.started, old.sent)
