"""The statistics: the history, seen as months, years, days, files and totals.

Pure: a history goes in, numbers come out. `Report` is what the theme gets as `stats`.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from ..history.store import Day, History
from ..logs.logformat import KNOWN
from ..settings import Settings

RECENT_DAYS = 31
TREND_MONTHS = 12
RISERS = 5


@dataclass(frozen=True)
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


def _figure(days: Iterable[Day], started: int | None = None) -> Figure:
    """Add up days; `started` overrules their sum, where a month's count is higher."""
    total = known = 0
    finished: int | None = None
    sent: int | None = None
    for day in days:
        total += day.started
        if day.finished is not None:
            finished = (finished or 0) + day.finished
            known += day.started
        if day.sent is not None:
            sent = (sent or 0) + day.sent
    return Figure(total if started is None else max(started, total), finished, sent, known)


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


@dataclass(frozen=True)
class Period:
    """A month ("2026-05") or a day ("2026-05-09"), and its downloads; `date` is its first day."""

    key: str
    date: date
    figure: Figure


@dataclass(frozen=True)
class Year:
    """A year ("2026"), its downloads, and its months, newest first."""

    key: str
    figure: Figure
    months: tuple[Period, ...]


@dataclass(frozen=True)
class FileStats:
    """The downloads of one file.

    Attributes:
        file: its path below the web root.
        name: the last part of that.
        gone: it is no longer in the web root.
        url: percent-encoded, relative to the site's root; None if it is gone.
        figure: of all time.
        months: the months with downloads ("2026-05" -> figure).
        years: the years with downloads ("2026" -> figure).
        trend: downloads of the last twelve months, oldest first.
    """

    file: str
    name: str
    gone: bool
    url: str | None
    figure: Figure
    months: Mapping[str, Figure]
    years: Mapping[str, Figure]
    trend: tuple[int, ...]


@dataclass(frozen=True)
class Riser:
    """A file with more downloads in the last seven whole days than in the seven before."""

    file: str
    recent: int
    before: int


@dataclass(frozen=True)
class Ingest:
    """When and from what the numbers were made.

    Attributes:
        when: when logs were last read; None if never.
        logs: file names of those logs.
        unreadable: lines in them that name an image but do not follow the LogFormat.
        left_out: downloads left out as crawlers', of all time.
        warnings: sentences about logs that could not be read, or not to their end.
        upper_bound: finished is an upper bound, since the log gives the size of an answer and
            not the bytes that were really sent (or may do so).
        first_day: first day that is known day by day.
        last_day: last day with a download.
    """

    when: datetime | None
    logs: tuple[str, ...]
    unreadable: int
    left_out: int
    warnings: tuple[str, ...]
    upper_bound: bool
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True)
class Report:
    """All statistics of a site; the theme gets it as `stats`.

    Attributes:
        total: of all files and all time.
        this_month: of the month that `today` lies in.
        last_month: of the month before.
        this_year: of the year that `today` lies in.
        change: this month so far against the same days of last month (0.12 is 12 % more);
            None if there is nothing to compare with.
        months: newest first, without gaps.
        years: newest first.
        days: the last 31 days, oldest first.
        files: most downloaded first.
        risers: fastest first.
        ingest: when and from what the numbers were made.
        counts_url, table_url, csv_url, json_url: the data files, relative to the site's root.
    """

    total: Figure
    this_month: Figure
    last_month: Figure
    this_year: Figure
    change: float | None
    months: tuple[Period, ...]
    years: tuple[Year, ...]
    days: tuple[Period, ...]
    files: tuple[FileStats, ...]
    risers: tuple[Riser, ...]
    ingest: Ingest
    counts_url: str
    table_url: str
    csv_url: str
    json_url: str


class _Figures:
    """The history's numbers, added up once each way."""

    def __init__(self, history: History) -> None:
        self.history = history
        files = sorted(history.counts.keys() | history.days.keys())
        self.by_file = {file: self._months(file) for file in files}

    def _months(self, file: str) -> dict[str, Figure]:
        days: dict[str, list[Day]] = defaultdict(list)
        for day, numbers in self.history.days.get(file, {}).items():
            days[day[:7]].append(numbers)
        counts = self.history.counts.get(file, {})
        months = {
            month: _figure(days.get(month, ()), counts.get(month, 0)) for month in sorted(days.keys() | counts.keys())
        }
        return {month: figure for month, figure in months.items() if figure.started}

    @cached_property
    def by_month(self) -> dict[str, Figure]:
        gathered: dict[str, list[Figure]] = defaultdict(list)
        for months in self.by_file.values():
            for month, figure in months.items():
                gathered[month].append(figure)
        return {month: add(figures) for month, figures in gathered.items()}

    @cached_property
    def by_day(self) -> dict[str, Figure]:
        gathered: dict[str, list[Day]] = defaultdict(list)
        for days in self.history.days.values():
            for day, numbers in days.items():
                gathered[day].append(numbers)
        return {day: _figure(numbers) for day, numbers in gathered.items()}


def report(
    history: History,
    here: Mapping[str, str],
    settings: Settings,
    today: date,
    data_root: str = "",
) -> Report:
    """Make the statistics.

    Args:
        history: all that is known.
        here: the images in the web root now: file -> URL relative to the site's root.
        settings: for `bytes_sent` and the LogFormat.
        today: the day the report is for, in the site's time zone.
        data_root: the way from the site's root to the web root as a URL, "" or ending in "/".
    """
    figures = _Figures(history)
    by_month, by_day = figures.by_month, figures.by_day
    month, year = f"{today:%Y-%m}", f"{today:%Y}"
    last_month = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
    months = tuple(
        Period(key, date.fromisoformat(f"{key}-01"), by_month.get(key, Figure()))
        for key in _months_between(min(by_month, default=month), max(month, *by_month, ""))
    )[::-1]
    years: dict[str, list[Period]] = defaultdict(list)
    for period in months:
        years[period.key[:4]].append(period)
    trend_keys = list(_months_between(_months_back(month, TREND_MONTHS - 1), month))
    files = []
    for file, file_months in figures.by_file.items():
        file_years: dict[str, list[Figure]] = defaultdict(list)
        for key, figure in file_months.items():
            file_years[key[:4]].append(figure)
        files.append(
            FileStats(
                file=file,
                name=file.rpartition("/")[2],
                gone=file not in here,
                url=here.get(file),
                figure=add(file_months.values()),
                months=file_months,
                years={key: add(values) for key, values in file_years.items()},
                trend=tuple(file_months.get(key, Figure()).started for key in trend_keys),
            )
        )
    files.sort(key=lambda stats: (-stats.figure.started, stats.file))
    recent = [today - timedelta(days=back) for back in range(RECENT_DAYS - 1, -1, -1)]
    return Report(
        total=add(by_month.values()),
        this_month=by_month.get(month, Figure()),
        last_month=by_month.get(last_month, Figure()),
        this_year=add(figure for key, figure in by_month.items() if key[:4] == year),
        change=_change(by_day, today),
        months=months,
        years=tuple(
            Year(key, add(period.figure for period in periods), tuple(periods)) for key, periods in years.items()
        ),
        days=tuple(Period(day.isoformat(), day, by_day.get(day.isoformat(), Figure())) for day in recent),
        files=tuple(files),
        risers=tuple(_risers(history, today)),
        ingest=_ingest(history, settings, by_day),
        counts_url=f"{data_root}.stats/counts.json",
        table_url=f"{data_root}.stats/table.csv",
        csv_url=f"{data_root}.stats/downloads.csv",
        json_url=f"{data_root}.stats/downloads.json",
    )


def _months_between(first: str, last: str) -> Iterator[str]:
    """The months from the first to the last, both included."""
    end = int(last[:4]) * 12 + int(last[5:])
    for number in range(int(first[:4]) * 12 + int(first[5:]) - 1, end):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


def _months_back(month: str, number: int) -> str:
    total = int(month[:4]) * 12 + int(month[5:]) - 1 - number
    return f"{total // 12:04}-{total % 12 + 1:02}"


def _change(by_day: Mapping[str, Figure], today: date) -> float | None:
    """This month before today against the same days of last month; today is not over yet."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    length = min((today - first).days, (first - before).days)

    def downloads(start: date) -> int:
        days = (start + timedelta(days=n) for n in range(length))
        return sum(by_day.get(day.isoformat(), Figure()).started for day in days)

    # Last month's days must be known as days from its first on, or the two do not compare.
    if not length or before.isoformat() < min(by_day, default="9999"):
        return None
    past = downloads(before)
    return downloads(first) / past - 1 if past else None


def _risers(history: History, today: date) -> list[Riser]:
    weeks = [{(today - timedelta(days=back)).isoformat() for back in range(start, start + 7)} for start in (1, 8)]
    risers = []
    for file, days in history.days.items():
        recent, before = (sum(numbers.started for day, numbers in days.items() if day in week) for week in weeks)
        if recent > before:
            risers.append(Riser(file, recent, before))
    risers.sort(key=lambda riser: (riser.before - riser.recent, riser.file))
    return risers[:RISERS]


def _ingest(history: History, settings: Settings, by_day: Mapping[str, Figure]) -> Ingest:
    days = [day for day, figure in by_day.items() if figure.started]
    return Ingest(
        when=history.ingested,
        logs=tuple(log.name for log in history.logs),
        unreadable=sum(log.unreadable for log in history.logs),
        left_out=sum(numbers.left_out for days in history.days.values() for numbers in days.values()),
        warnings=tuple(f"{log.name} {log.problem}" for log in history.logs if log.problem),
        upper_bound=_upper_bound(history, settings),
        first_day=date.fromisoformat(min(days)) if days else None,
        last_day=date.fromisoformat(max(days)) if days else None,
    )


def _upper_bound(history: History, settings: Settings) -> bool:
    """Say whether finished is an upper bound, as it is where the log has %b.

    Measured on httpd 2.4: of a 30 MB download aborted half way, %O logs 15 MB and %b all 30. An
    answer to HEAD tells them apart: %b logs `-`, %O the bytes of the header. nginx, lighttpd and
    Caddy log 0 for it, and what they really sent otherwise.
    """
    if settings.bytes_sent != "auto":
        return settings.bytes_sent == "body"
    silent = sum(log.heads_silent for log in history.logs)
    sized = sum(log.heads_sized for log in history.logs)
    if silent or sized:
        return silent > sized
    text = KNOWN.get(settings.log_format, settings.log_format)
    return "%" in text and "%O" not in text


DAY_COLUMNS = ("file", "day", "started", "finished", "sent", "left_out")


def csv_of_days(history: History) -> bytes:
    """Return `downloads.csv`: UTF-8, RFC 4180, one row per file and day."""
    return _csv(
        DAY_COLUMNS,
        (
            (_cell(file), day, *numbers)
            for file in sorted(history.days)
            for day, numbers in sorted(history.days[file].items())
        ),
    )


def csv_of_months(stats: Report) -> bytes:
    """Return `table.csv`: one row per file, its total, then a column per month, newest first."""
    keys = [period.key for period in stats.months]
    return _csv(
        ("file", "total", *keys),
        (
            (_cell(one.file), one.figure.started, *(one.months.get(k, Figure()).started for k in keys))
            for one in stats.files
        ),
    )


def _csv(header: Iterable[object], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(file: str) -> str:
    # A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV injection").
    return f"'{file}" if file.startswith(("=", "+", "-", "@", "\t", "\r")) else file


def json_of(history: History, stats: Report) -> dict[str, Any]:
    """Return `downloads.json` as plain data: totals, and the months of each file."""
    return {
        "version": 1,
        "ingested": history.ingested.isoformat() if history.ingested else None,
        "finished_is_upper_bound": stats.ingest.upper_bound,
        "total": _plain(stats.total),
        "files": {
            one.file: {
                "gone": one.gone,
                "total": _plain(one.figure),
                "months": {key: _plain(figure) for key, figure in one.months.items()},
            }
            for one in stats.files
        },
    }


def _plain(figure: Figure) -> dict[str, int | None]:
    return {"started": figure.started, "finished": figure.finished, "sent": figure.sent}


def badge(label: str, figure: Figure) -> dict[str, Any]:
    """Return what shields.io's endpoint badge wants (https://shields.io/badges/endpoint-badge)."""
    return {
        "schemaVersion": 1,
        "label": label,
        "message": _short(figure.started),
        "color": "informational",
    }


def _short(number: int) -> str:
    # From 999 950 on, thousands would be rounded to 1000k.
    for size, least, letter in ((1_000_000, 999_950, "M"), (1_000, 1_000, "k")):
        if number >= least:
            return f"{number / size:.1f}".removesuffix(".0") + letter
    return str(number)
