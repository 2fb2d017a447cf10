"""The statistics as numbers: what the theme gets as `stats`, and the exports and the mailed report are made of.

Pure: a history goes in, numbers come out. What is drawn of them is in `charts`, what is said of them in `findings`.
What is not known stays None, from the day on which nobody read a log to the share that would have needed it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct

from ..settings import STATS_FOLDER

# Whole days, up to yesterday, that numbers are told for.
WINDOWS = (7, 30, 90, 365)


class Figure(Struct):
    """Downloads of some files over some time."""

    started: int = 0  # one a client, file and day
    finished: int | None = None  # of those in `known`; None if that is known of no day
    sent: int | None = None  # bytes, likewise
    known: int = 0  # started on the days for which finished is known

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


class Window(Struct, frozen=True):
    """The last so many whole days, up to yesterday, beside as many before them."""

    days: int  # one of WINDOWS
    known_days: int  # of how many of them the downloads are known
    figure: Figure  # of those
    before: Figure | None  # of as many days before; None unless each of those is known

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


class Period(Struct, frozen=True):
    """A month ("2026-05") or a day ("2026-05-09"), and its downloads."""

    key: str
    date: date  # its first day
    figure: Figure | None  # None if nobody read the logs of that day
    partial: bool = False  # it is not over, or was not when logs were last read
    days: int = 1  # how many it has had, up to today
    # Of how many of them the downloads are known one by one. None if more were counted than these account for.
    known_days: int | None = None

    @property
    def started(self) -> int:
        """Downloads started, 0 if that is not known."""
        return self.figure.started if self.figure else 0


class Year(Struct, frozen=True):
    """A year ("2026"), its downloads, and its months from January to December; None for one that is not there."""

    key: str
    figure: Figure
    months: tuple[Period | None, ...]

    @property
    def dates(self) -> list[date]:
        """The first days of its twelve months."""
        return [date(int(self.key), month, 1) for month in range(1, 13)]


class FileStats(Struct, frozen=True):
    """The downloads of one file."""

    file: str  # its path below the web root
    name: str  # the last part of that
    gone: bool  # it is no longer in the web root
    series: str  # what its note or its name says, as version and architecture; "" if neither does
    version: str
    arch: str
    figure: Figure  # of all time
    months: Mapping[str, Figure]  # those with downloads, by key
    years: Mapping[str, Figure]
    trend: tuple[int, ...]  # downloads of the last twelve months, oldest first
    windows: tuple[Window, ...]  # one for each of WINDOWS


class Group(Struct, frozen=True):
    """The files of a series, or for an architecture; `name` is "" for those of which it is not known."""

    name: str
    windows: tuple[Window, ...]
    months: Mapping[str, int]


class Release(Struct, frozen=True):
    """A version of a series, with all its images."""

    series: str
    version: str
    uploaded: date  # the first of its images
    days: tuple[int | None, ...]  # downloads from the day of the upload to yesterday; None where that is not known

    @property
    def name(self) -> str:
        """Series and version."""
        return f"{self.series} {self.version}".strip()

    def first(self, days: int) -> int | None:
        """Return the downloads of its first days, None unless each of them is known."""
        numbers = [number for number in self.days[:days] if number is not None]
        return sum(numbers) if len(numbers) == days else None


class Week(Struct, frozen=True):
    """A whole week from a Monday on, and how much of it was of the release that was the newest then."""

    date: date
    started: int
    newest: str
    of_newest: int


class Table(Struct, frozen=True):
    """Downloads by some key, such as the program, over the last 30 whole days."""

    rows: tuple[tuple[str, int], ...] = ()  # the highest first
    total: int = 0  # the downloads of the days for which it is known
    days: int = 0  # how many these are


class Arrival(Struct, frozen=True):
    """What became of the downloads of the last 30 whole days; `asked`, `gave_up` and `finished` add up to `started`."""

    days: int = 0  # of how many days it is known
    started: int = 0  # of the files whose size was known then
    asked: int = 0  # nothing or next to nothing was fetched: probes, link checkers
    gave_up: int = 0
    finished: int = 0
    checked: int = 0  # of `checked_of` finished ones, those whose client fetched a digest or a signature
    checked_of: int = 0
    broke: tuple[int, ...] = (0,) * 10  # how far those that gave up got, in tenths


class Clients(Struct, frozen=True):
    """Where the downloads of the last 30 whole days came from."""

    started: int = 0  # on the days for which the next two are known
    ipv6: int = 0
    networks: int = 0  # were all clients of an IPv6 /64 one
    hosting: int = 0  # of `hosting_of`, those from data centres
    hosting_of: int = 0  # 0 without a database of networks


class Ingest(Struct, frozen=True):
    """When and from what the numbers were made."""

    when: datetime | None = None  # logs were last read
    logs: tuple[str, ...] = ()
    lines: int = 0  # in them, of images
    unreadable: int = 0  # of those
    left_out: int = 0  # downloads, of all time
    reasons: Mapping[str, int] = {}  # as far as known: "crawler", "network", "agent"
    problems: tuple[tuple[str, str], ...] = ()  # name of a log, and why it, or its end, could not be read
    warnings: tuple[str, ...] = ()
    # The log gives the size of an answer and not the bytes that were really sent, or may do so.
    upper_bound: bool = False
    first_day: date | None = None  # known by itself
    last_day: date | None = None  # with a download


class Report(Struct, frozen=True):
    """All statistics of a site; the theme gets it as `stats`."""

    today: date
    total: Figure
    this_month: Period
    last_month: Period
    windows: tuple[Window, ...]  # one for each of WINDOWS
    months: tuple[Period, ...]  # newest first, without gaps, from the first with downloads up to this one
    years: tuple[Year, ...]  # newest first
    days: tuple[Period, ...]  # the last 31, oldest first
    # Downloads of months to come, or from before there were access logs: in the total, in no month and no year.
    astray: int
    files: tuple[FileStats, ...]  # most downloaded first in the last 7 days, then the last 30, then of all time
    series: tuple[Group, ...]  # the highest first in the last 7 days
    architectures: tuple[Group, ...]
    releases: tuple[Release, ...]  # those whose upload is known, newest first
    weeks: tuple[Week, ...]  # whole and known ones of the last half year, oldest first
    arrival: Arrival
    clients: Clients
    programs: Table
    systems: Table
    countries: Table
    not_found: Table
    ingest: Ingest
    data_root: str = ""  # the way from the site's root to the web root as a URL, "" or ending in "/"

    @property
    def data_url(self) -> str:
        """The way from the site's root to the folder of the data files, `counts.json` and others; it ends in "/"."""
        return f"{self.data_root}{STATS_FOLDER}/"

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
        changed = sorted(
            ((one.windows[0].difference or 0, one.file, one) for one in self.files), key=lambda row: row[:2]
        )
        falling = [one for difference, _, one in changed if difference < 0]
        rising = sorted((row for row in changed if row[0] > 0), key=lambda row: (-row[0], row[1]))
        return [one for _, _, one in rising[:most]], falling[:most]
