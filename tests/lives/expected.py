"""What must be known after some runs, from what each of them could see, by the plainest reading of the rule."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from accesslog import Line, Truth, truth
from download_counter.history.store import History

Key = tuple[str, date]
SizeHistory = dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class Run:
    """One run: the lines that it could see, whether it came to its end, and the sizes it knew then."""

    seen: frozenset[Line]
    ended: bool
    sizes: SizeHistory

    def size_on(self, file: str, day: date) -> int | None:
        """The size of a file on a day, as it was known then."""
        sizes = [size for since, size in self.sizes.get(file, []) if since <= day.isoformat()]
        return sizes[-1] if sizes else None


@dataclass
class Expected:
    """Bounds of every number, and the exact number wherever one run could see all lines that bear on it.

    A day is kept as the most that a run has seen of it. A run that was killed may have counted or not.
    """

    runs: list[Run] = field(default_factory=list)
    _least: dict[str, dict[Key, int]] = field(default_factory=lambda: {"started": {}, "sent": {}})
    _most: dict[str, dict[Key, int]] = field(default_factory=lambda: {"started": {}, "sent": {}})
    _months: dict[str, dict[str, int]] = field(default_factory=dict)
    _most_months: dict[str, dict[str, int]] = field(default_factory=dict)
    _forgotten: dict[Key, int] = field(default_factory=dict)
    _all_forgotten: int = 0

    def set_months(self, counts: dict[str, dict[str, int]]) -> None:
        """Somebody wrote counts.json anew: what it lacks is forgotten."""
        self._months = {file: dict(months) for file, months in counts.items()}
        self._most_months = {file: dict(months) for file, months in counts.items()}
        for numbers in (*self._least.values(), *self._most.values()):
            for file, day in list(numbers):
                if f"{day:%Y-%m}" not in counts.get(file, {}):
                    del numbers[file, day]
                    self._forgotten[file, day] = len(self.runs)

    def forget_days(self) -> None:
        """The days are lost; the months are not."""
        for numbers in (*self._least.values(), *self._most.values()):
            numbers.clear()
        self._all_forgotten = len(self.runs)

    def ran(self, run: Run) -> None:
        """There was a run."""
        self.runs.append(run)
        found = truth(run.seen, {})
        for some in (self._least, self._most) if run.ended else (self._most,):
            for name, numbers in some.items():
                for key, number in getattr(found, name).items():
                    numbers[key] = max(numbers.get(key, 0), number)
        for all_months, bounds in ((self._months, self._least), (self._most_months, self._most)):
            for file, months in self._sums(bounds).items():
                for month, number in months.items():
                    known = all_months.setdefault(file, {})
                    known[month] = max(known.get(month, 0), number)

    @staticmethod
    def _sums(bounds: dict[str, dict[Key, int]]) -> dict[str, dict[str, int]]:
        return Truth(bounds["started"], {}, {}).months()

    def check(self, history: History) -> Iterable[str]:
        """Say what is wrong in what is known after the last run, which came to its end."""
        days = {
            (file, date.fromisoformat(day)): found
            for day, record in history.days.items()
            for file, found in record.files.items()
            if found.started
        }
        for key in sorted({*days, *self._most["started"]}):
            for name in ("started", "sent"):
                value = (getattr(days[key], name) if key in days else 0) or 0
                least, most = self._least[name].get(key, 0), self._most[name].get(key, 0)
                if not least <= value <= most:
                    yield f"{key[0]} on {key[1]}: {name} is {value}, not {least} to {most}"
        for key, day in days.items():
            if day.finished is not None and day.finished > day.started:
                yield f"{key[0]} on {key[1]}: {day.finished} of {day.started} finished"
            expected = self._finished(*key)
            if expected not in (UNCLEAR, day.finished):
                yield f"{key[0]} on {key[1]}: finished is {day.finished}, not {expected}"
        for file in sorted({*history.counts, *self._most_months}):
            for month in sorted({*history.counts.get(file, {}), *self._most_months.get(file, {})}):
                least = self._months.get(file, {}).get(month, 0)
                most = self._most_months.get(file, {}).get(month, 0)
                if not least <= (number := history.counts.get(file, {}).get(month, 0)) <= most:
                    yield f"{file} in {month}: {number}, not {least} to {most}"

    def _finished(self, file: str, day: date) -> int | None:
        """What finished on a day, if one run saw all of it and of the day before."""
        both = (day - timedelta(days=1), day)
        bearing = {
            line for run in self.runs for line in run.seen if line.counts and line.file == file and line.day in both
        }
        since = max(self._all_forgotten, *(self._forgotten.get((file, one), 0) for one in both))
        whole = [run for run in reversed(self.runs[since:]) if run.ended and bearing <= run.seen]
        for run in whole:
            if run.size_on(file, day) is not None:
                return truth(bearing, run.size_on).finished.get((file, day), 0)
        never_sized = all(run.size_on(file, day) is None for run in self.runs)
        return None if whole and never_sized else UNCLEAR


UNCLEAR = -1
