"""From the history to the report: what each number of the statistics is worked out from."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta

from ..history.day import ALL_FILES, Record
from ..history.store import History
from ..logs.formats import formats
from ..names import Name, name_in
from ..settings import Settings
from .report import (
    NOTHING,
    Arrival,
    Clients,
    Figure,
    FileStats,
    Group,
    Ingest,
    Period,
    Release,
    Report,
    Table,
    Week,
    Year,
    add,
)  # fmt: skip
from .sums import KnownDays, Sums, days_from

RECENT_DAYS = 31
TABLE_DAYS = 30
TREND_MONTHS = 12
WEEKS = 26
# How long a release is followed after its upload (days).
FOLLOWED = 90

# Apache's first release was in April 1995: no log is older.
_FIRST_YEAR = 1995

# Countries of fewer downloads than this are told together: so few could point at a person.
_FEWEST = 5

OTHER = "other"
"""The key of those that a table tells together."""


def report(
    history: History,
    uploads: Mapping[str, date],
    settings: Settings,
    today: date,
    data_root: str = "",
    name_of: Callable[[str], Name] = name_in,
    aliases: Mapping[str, str] | None = None,
) -> Report:
    """Make the statistics for a day in the site's time zone.

    `uploads` has the images in the web root now, and when each was uploaded; `name_of` gives series, version and
    architecture of a file; `aliases` has the name that the downloads of another name are shown under, beside those of
    the settings: the history keeps both.
    """
    sums = Sums(history, today, {**dict(settings.aliases), **(aliases or {})})
    end = min(history.ingested.date(), today) if history.ingested else today
    known = KnownDays({day: figure.started for day, figure in sums.by_day.items()}, end, today)
    files = _files(sums, known, uploads, name_of)
    by_month = _by_month(files)
    total = add(by_month.values())
    months = tuple(_months(by_month, known, today))
    releases = _Releases(sums, known, files, uploads)
    recent = [day for day in sums.by_day if 0 < (today - day).days <= TABLE_DAYS and day < end]
    records = [sums.records[day.isoformat()] for day in recent]
    return Report(
        today=today,
        total=total,
        this_month=months[0],
        last_month=months[1] if len(months) > 1 else _month(_months_back(months[0].key, 1), by_month, known, today),
        windows=known.windows(sums.spans_of(sums.spans)),
        months=months,
        years=tuple(_years(months)),
        days=tuple(_day(day, sums, known) for day in days_from(today - timedelta(RECENT_DAYS - 1), RECENT_DAYS)),
        astray=total.started - sum(month.started for month in months),
        files=files,
        series=_groups(files, sums, known, lambda one: one.series),
        architectures=_groups(files, sums, known, lambda one: one.arch),
        releases=tuple(releases.followed()),
        weeks=tuple(releases.weeks()),
        arrival=_arrival(records),
        clients=_clients(records),
        programs=_table(records, "programs"),
        systems=_table(records, "systems"),
        countries=_table(records, "countries", _FEWEST),
        not_found=_table(records, "not_found"),
        ingest=_ingest(history, settings, sums),
        data_root=data_root,
    )


def _by_month(files: Iterable[FileStats]) -> dict[str, Figure]:
    gathered: dict[str, list[Figure]] = defaultdict(list)
    for one in files:
        for month, figure in one.months.items():
            gathered[month].append(figure)
    return {month: add(figures) for month, figures in gathered.items()}


def _months(by_month: Mapping[str, Figure], known: KnownDays, today: date) -> Iterator[Period]:
    this = f"{today:%Y-%m}"
    first = min((month for month in by_month if f"{_FIRST_YEAR}-01" <= month <= this), default=this)
    for key in reversed(list(_months_between(first, this))):
        yield _month(key, by_month, known, today)


def _month(key: str, by_month: Mapping[str, Figure], known: KnownDays, today: date) -> Period:
    first = date.fromisoformat(f"{key}-01")
    after = (first + timedelta(31)).replace(day=1)
    figure = by_month.get(key, NOTHING)
    days = list(days_from(first, min((after - first).days, (today - first).days + 1)))
    accounted = sum(known.downloads.get(day, 0) for day in days)
    return Period(
        key,
        first,
        figure,
        partial=after > known.end,
        days=len(days),
        known_days=sum(day in known.days for day in days) if figure.started <= accounted else None,
    )


def _months_between(first: str, last: str) -> Iterator[str]:
    """The months from the first to the last, both included."""
    end = int(last[:4]) * 12 + int(last[5:])
    for number in range(int(first[:4]) * 12 + int(first[5:]) - 1, end):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


def _months_back(month: str, number: int) -> str:
    total = int(month[:4]) * 12 + int(month[5:]) - 1 - number
    return f"{total // 12:04}-{total % 12 + 1:02}"


def _day(day: date, sums: Sums, known: KnownDays) -> Period:
    figure = sums.by_day.get(day) or (NOTHING if day in known.days else None)
    return Period(day.isoformat(), day, figure, partial=day >= known.end, known_days=int(figure is not None))


def _years(months: Iterable[Period]) -> Iterator[Year]:
    years: dict[str, dict[int, Period]] = defaultdict(dict)
    for month in months:
        years[month.key[:4]][month.date.month] = month
    for key, of_year in years.items():
        figure = add(month.figure for month in of_year.values() if month.figure)
        yield Year(key, figure, tuple(of_year.get(number) for number in range(1, 13)))


def _files(
    sums: Sums, known: KnownDays, uploads: Mapping[str, date], name_of: Callable[[str], Name]
) -> tuple[FileStats, ...]:
    this = f"{sums.today:%Y-%m}"
    trend = list(_months_between(_months_back(this, TREND_MONTHS - 1), this))
    files = []
    for file, months in sums.months.items():
        years: dict[str, list[Figure]] = defaultdict(list)
        for month, figure in months.items():
            years[month[:4]].append(figure)
        name = name_of(file)
        files.append(
            FileStats(
                file=file,
                name=file.rpartition("/")[2],
                gone=file not in uploads,
                series=name.series,
                version=name.version,
                arch=name.arch,
                figure=add(months.values()),
                months=months,
                years={key: add(figures) for key, figures in years.items()},
                trend=tuple(months.get(month, NOTHING).started for month in trend),
                windows=known.windows(sums.spans[file]) if file in sums.spans else known.empty_windows,
            )
        )
    files.sort(key=lambda one: (*(-one.windows[n].figure.started for n in (0, 1)), -one.figure.started, one.file))
    return tuple(files)


def _groups(
    files: Iterable[FileStats], sums: Sums, known: KnownDays, key: Callable[[FileStats], str]
) -> tuple[Group, ...]:
    members: dict[str, list[FileStats]] = defaultdict(list)
    for one in files:
        members[key(one)].append(one)
    groups = []
    for name, ones in members.items():
        months: Counter[str] = Counter()
        for one in ones:
            for month, figure in one.months.items():
                months[month] += figure.started
        groups.append(Group(name, known.windows(sums.spans_of(one.file for one in ones)), months))
    groups.sort(key=lambda one: (-one.windows[0].figure.started, -sum(one.months.values()), one.name))
    return tuple(groups)


class _Releases:
    """The releases whose images are in the web root, newest first."""

    def __init__(self, sums: Sums, known: KnownDays, files: Iterable[FileStats], uploads: Mapping[str, date]) -> None:
        self.known = known
        self.uploads: dict[tuple[str, str], date] = {}
        release_of: dict[str, tuple[str, str]] = {}
        for one in files:
            if one.version:
                release = release_of[one.file] = one.series, one.version
                if one.file in uploads:
                    self.uploads[release] = min(uploads[one.file], self.uploads.get(release, date.max))
        # A month more than is told of weeks, and all the days that a release of then is followed.
        self.by_day: dict[date, Counter[tuple[str, str]]] = {}
        for day in sums.by_day:
            if (known.today - day).days <= WEEKS * 7 + FOLLOWED:
                of_day = self.by_day[day] = Counter()
                for name, numbers in sums.records[day.isoformat()].files.items():
                    release_or_none = release_of.get(sums.aliases.get(name, name))
                    if release_or_none is not None:
                        of_day[release_or_none] += numbers.started

    def followed(self) -> Iterator[Release]:
        """Give each release with its downloads by days since the upload, those that are old without."""
        for (series, version), uploaded in sorted(self.uploads.items(), key=lambda item: item[1], reverse=True):
            days = list(days_from(uploaded, min(FOLLOWED, max(0, (self.known.end - uploaded).days))))
            if days and days[0] not in self.by_day and days[-1] not in self.by_day:
                days = []
            numbers = (
                self.by_day.get(day, Counter())[series, version] if self.known.is_whole(day) else None for day in days
            )
            yield Release(series, version, uploaded, tuple(numbers))

    def weeks(self) -> Iterator[Week]:
        """Give the whole and known weeks of the last half year, oldest first."""
        monday = self.known.today - timedelta(self.known.today.weekday())
        for back in range(WEEKS, 0, -1):
            first = monday - timedelta(7 * back)
            days = list(days_from(first, 7))
            out = [(uploaded, release) for release, uploaded in self.uploads.items() if uploaded <= days[-1]]
            if out and all(map(self.known.is_whole, days)):
                newest = max(out)[1]
                of_newest = sum(self.by_day.get(day, Counter())[newest] for day in days)
                started = sum(self.known.downloads.get(day, 0) for day in days)
                yield Week(first, started, " ".join(newest).strip(), of_newest)


def _arrival(records: Iterable[Record]) -> Arrival:
    days = started = asked = gave_up = finished = checked = checked_of = 0
    broke = [0] * 10
    for record in records:
        told = [numbers for numbers in record.files.values() if numbers.gave_up is not None]
        days += bool(told)
        for numbers in told:
            started += numbers.started
            asked += numbers.asked or 0
            gave_up += numbers.gave_up or 0
            finished += numbers.finished or 0
            if numbers.checked is not None:
                checked += numbers.checked
                checked_of += numbers.finished or 0
        for tenths in record.tables.get("broke", {}).values():
            for tenth, number in tenths.items():
                if tenth.isdecimal() and int(tenth) < len(broke):
                    broke[int(tenth)] += number
    return Arrival(days, started, asked, gave_up, finished, checked, checked_of, tuple(broke))


def _clients(records: Iterable[Record]) -> Clients:
    started = ipv6 = networks = hosting = hosting_of = 0
    for record in records:
        for numbers in record.files.values():
            if numbers.ipv6 is not None and numbers.networks is not None:
                started += numbers.started
                ipv6 += numbers.ipv6
                networks += numbers.networks
            if numbers.hosting is not None:
                hosting += numbers.hosting
                hosting_of += numbers.started
    return Clients(started, ipv6, networks, hosting, hosting_of)


def _table(records: Iterable[Record], name: str, fewest: int = 0) -> Table:
    rows: Counter[str] = Counter()
    total = days = 0
    for record in records:
        if name in record.tables:
            rows.update(record.tables[name].get(ALL_FILES, {}))
            total += sum(numbers.started for numbers in record.files.values())
            days += 1
    few = [key for key, number in rows.items() if number < fewest]
    if few:
        rows[OTHER] += sum(rows.pop(key) for key in few)
    return Table(tuple(sorted(rows.items(), key=lambda row: (row[0] == OTHER, -row[1], row[0]))), total, days)


def _ingest(history: History, settings: Settings, sums: Sums) -> Ingest:
    reasons: Counter[str] = Counter()
    for record in sums.records.values():
        reasons.update(record.tables.get("left_out", {}).get(ALL_FILES, {}))
    days = [day for day, figure in sums.by_day.items() if figure.started]
    return Ingest(
        when=history.ingested,
        logs=tuple(log.name.rpartition("/")[2] for log in history.logs),
        lines=sum(log.lines + log.unreadable for log in history.logs),
        unreadable=sum(log.unreadable for log in history.logs),
        left_out=sums.left_out,
        reasons=dict(reasons.most_common()),
        problems=tuple((log.name.rpartition("/")[2], log.problem) for log in history.logs if log.problem),
        warnings=tuple(history.warnings),
        upper_bound=_upper_bound(history, settings),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
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
    text = formats().get(settings.log_format, {}).get("format", settings.log_format)
    return "%" in text and "%O" not in text
