"""The statistics as numbers: what the theme gets as `stats`, and the exports and the mailed report are made of.

Pure: a history goes in, numbers come out. What is drawn of them is in `charts`, what is said of them in `findings`.

What is not known stays None, from the day on which nobody read a log to the share that would have needed it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from ..settings import STATS_FOLDER

# Whole days, up to yesterday, that numbers are told for.
WINDOWS = (7, 30, 90, 365)


@dataclass(frozen=True, slots=True)
class Figure:
    """Downloads of some files over some time.

    Attributes:
        started: downloads, one a client, file and day.
        finished: those that were finished, of the days for which that is known; None if it is
            known of no day.
        sent: bytes sent, likewise.
        known: the downloads started on the days for which finished is known.
    """

    started: int = 0
    finished: int | None = None
    sent: int | None = None
    known: int = 0

    @property
    def share(self) -> float | None:
        """Finished out of started (0 to 1), over the days for which finished is known."""
        return self.finished / self.known if self.finished is not None and self.known else None


NOTHING = Figure()


def add(figures: Iterable[Figure]) -> Figure:
    """Return the sum of figures."""
    started = known = 0
    finished: int | None = None
    sent: int | None = None
    for figure in figures:
        started += figure.started
        known += figure.known
        if figure.finished is not None:
            finished = (finished or 0) + figure.finished
        if figure.sent is not None:
            sent = (sent or 0) + figure.sent
    return Figure(started, finished, sent, known)


@dataclass(frozen=True, slots=True)
class Window:
    """The last so many whole days, up to yesterday, beside as many before them.

    Attributes:
        days: how many: 7, 30, 90 or 365.
        known_days: of how many of them the downloads are known.
        figure: of those.
        before: of as many days before; None unless each of those is known.
    """

    days: int
    known_days: int
    figure: Figure
    before: Figure | None

    @property
    def difference(self) -> int | None:
        """Downloads more than before; None unless every day of both spans is known."""
        if self.before is None or self.known_days < self.days:
            return None
        return self.figure.started - self.before.started

    @property
    def change(self) -> float | None:
        """The difference as a share of before (0.12 is 12 % more); None if that was nothing."""
        if self.before is None or self.difference is None or not self.before.started:
            return None
        return self.difference / self.before.started


@dataclass(frozen=True, slots=True)
class Period:
    """A month ("2026-05") or a day ("2026-05-09"), and its downloads.

    Attributes:
        key: as above.
        date: its first day.
        figure: None if nobody read the logs of that day.
        partial: it is not over yet, or was not when logs were last read.
        days: how many days it has had, up to today.
        known_days: of how many of them the downloads are known one by one; None if more were
            counted than the days account for, by a program that did not keep days.
    """

    key: str
    date: date
    figure: Figure | None
    partial: bool = False
    days: int = 1
    known_days: int | None = None

    @property
    def started(self) -> int:
        """Downloads started, 0 if that is not known."""
        return self.figure.started if self.figure else 0


@dataclass(frozen=True, slots=True)
class Year:
    """A year ("2026"), its downloads, and its months from January to December; None where there were none yet."""

    key: str
    figure: Figure
    months: tuple[Period | None, ...]

    @property
    def dates(self) -> list[date]:
        """The first days of its twelve months."""
        return [date(int(self.key), month, 1) for month in range(1, 13)]


@dataclass(frozen=True, slots=True)
class FileStats:
    """The downloads of one file.

    Attributes:
        file: its path below the web root.
        name: the last part of that.
        gone: it is no longer in the web root.
        series, version, arch: what its note or its name says; "" if neither does.
        figure: of all time.
        months: the months with downloads ("2026-05" -> figure).
        years: the years with downloads ("2026" -> figure).
        trend: downloads of the last twelve months, oldest first.
        windows: one for each of `WINDOWS`.
    """

    file: str
    name: str
    gone: bool
    series: str
    version: str
    arch: str
    figure: Figure
    months: Mapping[str, Figure]
    years: Mapping[str, Figure]
    trend: tuple[int, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The files of a series, or for an architecture; `name` is "" for those of which it is not known."""

    name: str
    windows: tuple[Window, ...]
    months: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a series, with all its images.

    Attributes:
        series, version: as the files say.
        uploaded: when the first of its images was.
        days: downloads on the day of the upload, the day after, and so on, up to yesterday; None
            where that is not known.
    """

    series: str
    version: str
    uploaded: date
    days: tuple[int | None, ...]

    @property
    def name(self) -> str:
        """Series and version."""
        return f"{self.series} {self.version}".strip()

    def first(self, days: int) -> int | None:
        """Return the downloads of its first days, None unless each of them is known."""
        numbers = [number for number in self.days[:days] if number is not None]
        return sum(numbers) if len(numbers) == days else None


@dataclass(frozen=True, slots=True)
class Week:
    """A whole week from a Monday on, and which part of its downloads was of the newest release of then."""

    date: date
    started: int
    newest: str
    of_newest: int


@dataclass(frozen=True, slots=True)
class Table:
    """Downloads by some key, such as the program, over the last 30 whole days.

    Attributes:
        rows: key and number, the highest first.
        total: the downloads that were asked about.
        days: of how many days that is known.
    """

    rows: tuple[tuple[str, int], ...] = ()
    total: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of the downloads of the last 30 whole days; `asked`, `gave_up` and `finished` add up to `started`.

    Attributes:
        days: of how many days all of it is known.
        started: the downloads of those days.
        asked: nothing or next to nothing was fetched: probes, link checkers.
        gave_up: left off on the way.
        finished: got it all.
        checked: of `checked_of` finished ones, those whose client fetched a digest or a signature.
        checked_of: the finished ones of the days for which that is known.
        broke: how far those that gave up got: up to a tenth, up to two, and so on.
    """

    days: int = 0
    started: int = 0
    asked: int = 0
    gave_up: int = 0
    finished: int = 0
    checked: int = 0
    checked_of: int = 0
    broke: tuple[int, ...] = (0,) * 10


@dataclass(frozen=True, slots=True)
class Clients:
    """Of the downloads of the last 30 whole days: how many came by IPv6, and how many there would be by networks.

    Attributes:
        started: downloads on the days for which that is known.
        ipv6: those by IPv6.
        networks: downloads, were all clients of an IPv6 /64 one.
        hosting: of `hosting_of` downloads, those from data centres.
        hosting_of: the downloads of the days for which that is known, 0 without a database of networks.
    """

    started: int = 0
    ipv6: int = 0
    networks: int = 0
    hosting: int = 0
    hosting_of: int = 0


@dataclass(frozen=True, slots=True)
class Ingest:
    """When and from what the numbers were made.

    Attributes:
        when: when logs were last read; None if never.
        logs: file names of those logs.
        lines: lines in them.
        unreadable: lines in them that do not follow the LogFormat.
        left_out: downloads left out, of all time.
        reasons: why those of the days for which it is known were ("crawler", "network", "agent"), and how many.
        problems: name of a log, and why it, or its end, could not be read.
        warnings: sentences about what was mended or missed.
        upper_bound: finished is an upper bound, since the log gives the size of an answer and
            not the bytes that were really sent (or may do so).
        first_day: first day that is known day by day.
        last_day: last day with a download.
    """

    when: datetime | None = None
    logs: tuple[str, ...] = ()
    lines: int = 0
    unreadable: int = 0
    left_out: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    upper_bound: bool = False
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All statistics of a site; the theme gets it as `stats`.

    Attributes:
        today: the day it is for.
        total: of all files and all time.
        this_month, last_month: by the calendar.
        windows: one for each of `WINDOWS`, of all files.
        months: newest first, without gaps, from the first with downloads up to this one.
        years: newest first.
        days: the last 31 days, oldest first.
        astray: downloads of months to come, or from before there were access logs, which cannot be. They
            are in the total, but in no month and no year here.
        files: most downloaded first in the last 7 days, then the last 30, then of all time.
        series, architectures: those with downloads, the highest first in the last 7 days.
        releases: those whose upload is known, newest first.
        weeks: whole and known ones of the last half year, oldest first.
        arrival, clients: of the last 30 whole days.
        programs, systems, countries, not_found: likewise.
        ingest: when and from what the numbers were made.
        data_root: the way from the site's root to the web root as a URL, "" or ending in "/".
    """

    today: date
    total: Figure
    this_month: Period
    last_month: Period
    windows: tuple[Window, ...]
    months: tuple[Period, ...]
    years: tuple[Year, ...]
    days: tuple[Period, ...]
    astray: int
    files: tuple[FileStats, ...]
    series: tuple[Group, ...]
    architectures: tuple[Group, ...]
    releases: tuple[Release, ...]
    weeks: tuple[Week, ...]
    arrival: Arrival
    clients: Clients
    programs: Table
    systems: Table
    countries: Table
    not_found: Table
    ingest: Ingest
    data_root: str = ""

    @property
    def counts_url(self) -> str:
        """The way from the site's root to `counts.json`; the other data files likewise."""
        return f"{self.data_root}{STATS_FOLDER}/counts.json"

    @property
    def table_url(self) -> str:  # noqa: D102
        return f"{self.data_root}{STATS_FOLDER}/table.csv"

    @property
    def csv_url(self) -> str:  # noqa: D102
        return f"{self.data_root}{STATS_FOLDER}/downloads.csv"

    @property
    def json_url(self) -> str:  # noqa: D102
        return f"{self.data_root}{STATS_FOLDER}/downloads.json"

    @property
    def week(self) -> Window:
        """The last seven whole days."""
        return self.windows[0]

    @property
    def most_wanted(self) -> FileStats | None:
        """The file with the most downloads in the last seven whole days, if there were any."""
        return self.files[0] if self.files and self.files[0].windows[0].figure.started else None

    def movers(self, most: int = 5) -> tuple[Sequence[FileStats], Sequence[FileStats]]:
        """Return the files that rose and those that fell the most in the last 7 days, at most so many of each."""
        changed = [(one.windows[0].difference or 0, one) for one in self.files]
        rising = sorted((pair for pair in changed if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].file))
        falling = sorted((pair for pair in changed if pair[0] < 0), key=lambda pair: (pair[0], pair[1].file))
        return [one for _, one in rising[:most]], [one for _, one in falling[:most]]
