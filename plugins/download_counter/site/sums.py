"""The history, added up in one pass: by month and file, by day, and by windows of the last days."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, pairwise

from msgspec import Struct

from ..history.day import Record
from ..history.store import History
from .report import NOTHING, WINDOWS, Figure, Window, add

# A span without any download between known days is taken for quiet if fewer downloads than this were to be
# expected in it; that so many would all have stayed away by chance has a probability below 1 % (exp(-5)).
_QUIET = 5

# The ages in days at which a window ends, or the span before one; today has age 0.
_EDGES = sorted({0, *WINDOWS, *(2 * days for days in WINDOWS)})
_SPANS = len(_EDGES) - 1
_SPAN_OF_AGE = [bisect_left(_EDGES, age) - 1 for age in range(_EDGES[-1] + 1)]


Spans = list[Figure | None]
"""Downloads by the spans between the edges of windows."""


class Sums:
    """The sums of a history, with windows that count back from `today`, and names shown under others (`aliases`)."""

    def __init__(self, history: History, today: date, aliases: Mapping[str, str]) -> None:
        self.history, self.today, self.aliases = history, today, aliases
        self.records = history.days
        self.by_day: dict[date, Figure] = {}
        self.left_out = 0
        self.spans: dict[str, Spans] = {}
        self._by_month: dict[str, dict[str, Figure]] = defaultdict(dict)
        for key, record in sorted(self.records.items()):
            self._add_day(date.fromisoformat(key), record, self._by_month[key[:7]])

    def _add_day(self, day: date, record: Record, of_month: dict[str, Figure]) -> None:
        age = (self.today - day).days
        span = _SPAN_OF_AGE[age] if 0 < age <= _EDGES[-1] else None
        total = Figure()
        # A million numbers: they are added up in place, and without a call.
        for name, numbers in record.files.items():
            file = self.aliases.get(name, name) if self.aliases else name
            sums = [total, of_month.get(file) or of_month.setdefault(file, Figure())]
            if span is not None:
                spans = self.spans.get(file) or self.spans.setdefault(file, [None] * _SPANS)
                if (of_span := spans[span]) is None:
                    of_span = spans[span] = Figure()
                sums.append(of_span)
            started, finished, sent = numbers.started, numbers.finished, numbers.sent
            for one in sums:
                one.started += started
                if finished is not None and started:
                    one.known += started
                    one.finished = (one.finished or 0) + finished
                if sent is not None:
                    one.sent = (one.sent or 0) + sent
            self.left_out += numbers.left_out
        self.by_day[day] = total

    @cached_property
    def months(self) -> dict[str, dict[str, Figure]]:
        """The months with downloads of each file, oldest first; a month is at least what counts.json says."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for name, months in self.history.counts.items():
            counts[self.aliases.get(name, name)].update(months)
        found: dict[str, dict[str, Figure]] = {}
        for file in sorted({*counts, *(file for files in self._by_month.values() for file in files)}):
            found[file] = {month: Figure(number) for month, number in sorted(counts[file].items()) if number}
        for month, files in sorted(self._by_month.items()):
            for file, total in files.items():
                total.started = max(total.started, counts[file][month])
                if total.started:
                    found[file][month] = total
        return {file: dict(sorted(months.items())) for file, months in found.items() if months}

    def spans_of(self, files: Iterable[str]) -> Spans:
        """Add up the spans of some files."""
        total: Spans = [None] * _SPANS
        for file in files:
            for number, one in enumerate(self.spans.get(file, ())):
                if one is not None:
                    total[number] = add((total[number] or NOTHING, one))
        return total


class KnownDays(Struct, dict=True):
    """Which days are known."""

    downloads: Mapping[date, int]  # by day, of the days that have a record
    end: date  # the first day that is not over, or was not when logs were last read
    today: date  # the day that windows count back from

    @cached_property
    def days(self) -> set[date]:
        """The days that have a record, and those between them and up to `end` that were only quiet."""
        days = sorted(self.downloads)
        if not days:
            return set()
        pace = sum(self.downloads.values()) / ((days[-1] - days[0]).days + 1)
        known = set(days)
        for one, other in pairwise([*days, max(self.end + timedelta(1), days[-1])]):
            gap = (other - one).days - 1
            if pace * gap < _QUIET:
                known.update(days_from(one + timedelta(1), gap))
        return known

    def is_whole(self, day: date) -> bool:
        """Say whether a day is known and was over when logs were last read."""
        return day < self.end and day in self.days

    @cached_property
    def _of_windows(self) -> list[tuple[int, int]]:
        """For each window, how many of its days and of those before it are known."""
        whole = [self.is_whole(self.today - timedelta(age)) for age in range(_EDGES[-1] + 1)]
        up_to = list(accumulate(whole))
        return [(up_to[days] - up_to[0], up_to[2 * days] - up_to[days]) for days in WINDOWS]

    def windows(self, spans: Spans) -> tuple[Window, ...]:
        """Return the windows that spans make."""
        figures = [one or NOTHING for one in spans]
        found = []
        for days, (known_days, known_before) in zip(WINDOWS, self._of_windows, strict=True):
            now, then = _EDGES.index(days), _EDGES.index(2 * days)
            before = add(figures[now:then]) if known_before == days else None
            found.append(Window(days, known_days, add(figures[:now]), before))
        return tuple(found)

    @cached_property
    def empty_windows(self) -> tuple[Window, ...]:
        """The windows of a file without a recent download: one object, however many such files there are."""
        return self.windows([None] * _SPANS)


def days_from(first: date, number: int) -> Iterator[date]:
    """Give so many days from the first on."""
    return (first + timedelta(n) for n in range(number))
