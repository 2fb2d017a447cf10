r"""What is known of downloads beyond the logs that are still there, in three kinds of files.

`counts.json` is `{"file": {"YYYY-MM": n}}`, sorted, for people and other programs. Each month is the
maximum of what it was and of the sum of its days, so that history older than the logs stays. It
is the authority: what is no longer in it counts no more.

`days/2026.json` has the days of a year, one a line, since months alone are wrong: a server keeps
14 days of logs and a month has 30::

    {"columns": ["started", "finished", ...],          `day.COLUMNS`
     "days": {
    "2026-05-09": {"files": {"a.iso": [4, 3, 4316504, 0, 1, 0, 0, 4, null]},
                   "tables": {"programs": {"": {"Firefox": 3, "wget": 1}, "a.iso": ...}}},     `day.TABLES`
    ...}}

A year is read when it is needed, and each of its days is looked into when it is needed. A file
with fewer columns is one of an older version; new numbers are added at the end.

`state.json` has the logs of the last run, the rule they were read by, and the sizes of the files.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from zlib import crc32

import msgspec
from msgspec import Struct, field

from ..errors import DownloadCounterError
from ..safe_files import list_plain, read_plain, set_aside, write_whole
from ..settings import STATS_FOLDER
from .day import ALL_FILES, TABLES, Day, Record, merge_day, merge_row, sees
from .year import Damaged, DayText, Year, check_days, decode, to_json

COUNTS = STATS_FOLDER / "counts.json"
STATE = STATS_FOLDER / "state.json"
YEARS = STATS_FOLDER / "days"
LOCK = STATS_FOLDER / ".lock"

_DAYS_LOST = "Months stay as counts.json has them; days start over from the logs."

# Nobody has had more downloads; a longer number is a slip, and more than JSON's readers agree on (RFC 8259 section 6).
_MOST = 2**53 - 1

Counts = dict[str, dict[str, int]]
"""file -> month ("YYYY-MM") -> downloads."""

Since = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Number = Annotated[int, msgspec.Meta(ge=0)]


class Lines(msgspec.Struct):
    """How many lines of a log say what, of those that name an image, or what checks one."""

    lines: Number = 0  # those that can be read; other virtual hosts' are not among them
    unreadable: Number = 0  # those that cannot, or whose day is far from all others
    heads: Number = 0  # answers to HEAD
    heads_silent: Number = 0  # answers to HEAD logged without a byte, as %b does
    heads_sized: Number = 0  # answers to HEAD logged with the bytes of their header, as %O does
    has_bytes: bool = False  # some answer was logged with bytes that were sent as content


class KnownLog(Lines, kw_only=True):
    """A log that was read. Nothing that came from a line is kept of it."""

    name: str  # its path, or its address without user and password
    size: int  # bytes on the disk then
    mtime: int  # nanoseconds since 1970
    days: tuple[DayText, ...]  # the days it has lines of
    complete: bool  # it could be read to its end; if not, it is read again at every run
    problem: str  # what is wrong with it, as the end of a sentence; empty if nothing is


class State(msgspec.Struct, kw_only=True):
    """What is remembered of the last run."""

    ingested: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # when logs were last read
    rule: dict[str, Any] = {}  # what they were counted by, as plain data
    counts: str = ""  # the digest of counts.json as that run wrote it, which tells whether it was edited
    # Bytes of each file, and since which day it has them; "" is for ever.
    sizes: dict[str, list[tuple[Since, Number]]] = {}
    years: tuple[str, ...] = ()  # the years that have days
    logs: tuple[KnownLog, ...] = ()  # the logs of that run


class History(Struct):
    """All that is known; the one thing that lives from run to run."""

    web_root: Path  # the folder that has `.stats/`
    counts: Counts = {}  # the months of each file
    state: State = field(default_factory=State)  # what is remembered of the last run
    edited: bool = False  # counts.json is not as the last run wrote it
    lost_days: bool = False  # some days were set aside, as their file was damaged
    warnings: list[str] = []  # sentences about what was set aside
    keep_damaged: bool = True
    _years: dict[str, Year] = {}

    @property
    def logs(self) -> tuple[KnownLog, ...]:
        """The logs of the last run."""
        return self.state.logs

    @property
    def ingested(self) -> datetime | None:
        """When logs were last read."""
        return self.state.ingested

    # --- The days ---

    def year(self, year: str) -> Year:
        """Return the days of a year ("2026"), empty if none is known.

        Raises:
            DownloadCounterError: the file cannot be read, or is of a newer version.
        """
        if year not in self._years:
            path = YEARS / f"{year}.json"
            content = read_plain(self.web_root, path)
            try:
                self._years[year] = Year(content, str(self.web_root / path))
            except Damaged as damage:
                self._lose_days(path, damage)
                self._years[year] = Year()
        return self._years[year]

    def record(self, day: str) -> Record | None:
        """Return what is known of a day ("YYYY-MM-DD")."""
        try:
            return self.year(day[:4]).record(day)
        except Damaged as damage:
            self._lose_days(YEARS / f"{day[:4]}.json", damage)
            self.year(day[:4]).forget_unread()
            return None

    def years(self) -> list[str]:
        """The years that have days, the first one first."""
        names = list_plain(self.web_root, YEARS)
        stored = {name[:4] for name in names if re.fullmatch(r"[0-9]{4}\.json", name)}
        return sorted(stored | {year for year, days in self._years.items() if days.days()})

    @property
    def days(self) -> dict[str, Record]:
        """All days that are known, the first one first."""
        days = sorted(day for year in self.years() for day in self.year(year).days())
        return {day: record for day in days if (record := self.record(day))}

    def lacks_days(self) -> bool:
        """Say whether the days of a year that logs of the last run have lines of are gone: damaged, or taken away."""
        years = {day[:4] for log in self.state.logs for day in log.days}
        return any(not self.year(year).days() for year in years.intersection(self.state.years))

    def put(self, day: str, record: Record) -> None:
        """Set what is known of a day."""
        self.year(day[:4]).put(day, record)

    def merge(self, found: Mapping[str, Record]) -> None:
        """Merge what was found of days into what was known of them."""
        nothing = Record({}, {})
        for day in found:
            new, old = found[day], self.record(day) or nothing
            before = (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day > "0001-01-01" else day
            new_before, old_before = found.get(before, nothing), self.record(before) or nothing
            whole = {
                file: _saw_whole(file, new, old) and _saw_whole(file, new_before, old_before) for file in new.files
            }
            files = old.files | {
                file: merge_day(old.files[file], numbers, whole=whole[file]) if file in old.files else numbers
                for file, numbers in new.files.items()
            }
            tables = {
                name: {
                    row: merged
                    for row in sorted(old.tables.get(name, {}).keys() | new.tables.get(name, {}).keys())
                    if (
                        merged := merge_row(
                            name,
                            old.tables.get(name, {}).get(row, {}),
                            new.tables.get(name, {}).get(row, {}),
                            whole=whole.get(row, False),
                        )
                    )
                }
                for name in sorted(old.tables.keys() | new.tables.keys())
            }
            merged_record = Record(files, {name: rows for name, rows in tables.items() if rows})
            if merged_record != old:
                self.put(day, merged_record)

    def trim(self, now: datetime) -> None:
        """At the first run of a month, drop the rows of single files that their tables keep no longer."""
        last = self.state.ingested
        if last and (last.year, last.month) == (now.year, now.month):
            return
        ends = {name: f"{now - timedelta(table.days):%Y-%m-%d}" for name, table in TABLES.items() if table.days}
        newest = max(ends.values())[:4]
        for year in (str(int(newest) - 1), newest):  # those before were trimmed in their time
            for day in self.year(year).days():
                record = self.record(day) or Record()
                tables = {
                    name: {row: n for row, n in rows.items() if row == ALL_FILES or day >= ends.get(name, "")}
                    for name, rows in record.tables.items()
                }
                if tables != record.tables:
                    self.put(day, Record(record.files, tables))

    # --- The months ---

    def forget_what_counts_lack(self) -> bool:
        """Drop the days whose file or month is no longer in the counts; say if there were any."""
        if not self.edited:
            return False
        dropped = False
        for year in self.years():
            for day in sorted(self.year(year).days()):
                record = self.record(day)
                if record is None:
                    continue
                kept = {
                    file: numbers
                    for file, numbers in record.files.items()
                    if day[:7] in self.counts.get(file, {}) or (self.counts and not numbers.started)
                }
                if len(kept) < len(record.files) or not self.counts:
                    dropped = True
                    tables = {
                        name: mine
                        for name, rows in record.tables.items()
                        if (mine := {row: n for row, n in rows.items() if row in kept})
                    }
                    self.year(year).put(day, Record(kept, tables) if kept else None)
        return dropped

    def raise_months(self) -> bool:
        """Bring each month up to the sum of its days, and say whether one was lower; a month never goes down.

        All months are looked at if the counts were edited, else those with days that were looked into.
        """
        raised = False
        sums: dict[tuple[str, str], int] = {}
        for year in self.years() if self.edited else sorted(self._years):
            months = self.year(year).months()
            for day in self.year(year).days():
                if (self.edited or day[:7] in months) and (record := self.record(day)):
                    for file, numbers in record.files.items():
                        sums[file, day[:7]] = sums.get((file, day[:7]), 0) + numbers.started
        for (file, month), total in sums.items():
            number = min(total, _MOST)
            if number > self.counts.get(file, {}).get(month, 0):
                self.counts.setdefault(file, {})[month] = number
                raised = True
        return raised

    # --- The logs and the sizes of the last run ---

    def known(self, name: str, size: int, mtime: int) -> KnownLog | None:
        """Return the log of the last run that this one is, if nothing has come to it.

        Rotation leaves size and time as they are. A time in whole seconds may be that of another log
        of the same size, so then the name must be the same, too.
        """
        alike = [log for log in self.state.logs if (log.size, log.mtime) == (size, mtime)]
        named = [log for log in alike if log.name == name]
        if not named and (len(alike) != 1 or mtime % 1_000_000_000 == 0):
            return None
        return (named or alike)[0]

    def size_of(self, file: str) -> int | None:
        """Return the last size of a file that is known, in bytes."""
        known = self.state.sizes.get(file)
        return known[-1][1] if known else None

    def note_sizes(self, sizes: Mapping[str, int]) -> bool:
        """Remember the sizes that files have now, and say whether one is new.

        An image made anew under its old name has its new size since the last day of the last run; the first size
        that is seen holds for all the days before.
        """
        since = max((day for log in self.state.logs for day in log.days), default="")
        noted = False
        for file, size in sizes.items():
            if self.size_of(file) == size:
                continue
            known = self.state.sizes.setdefault(file, [])
            noted = True
            if known and known[-1][0] == since:
                known.pop()
            known.append((since if known else "", size))
        return noted

    # --- The files ---

    def save(self) -> None:
        """Write what has changed: years, counts, then the state, each in one step.

        Killed in between, the next run finds logs that it does not know, reads them again, and merges by maximum.

        Raises:
            DownloadCounterError: a file cannot be written; it and those after it stay as they were.
        """
        if not (self.state.counts or self.edited):
            # There is none yet. Days without it are refused, so it comes first; what it lacks is read again.
            write_whole(self.web_root, COUNTS, to_json({}))
        for name, year in sorted(self._years.items()):
            if year.changed:
                write_whole(self.web_root, YEARS / f"{name}.json", year.to_json())
                year.changed = False
        counts = to_json(self.counts)
        write_whole(self.web_root, COUNTS, counts)
        self.state.counts = _digest(counts)
        unseen = set(self.state.years).difference(self._years)
        self.state.years = tuple(sorted(unseen.union(name for name, year in self._years.items() if year.days())))
        self.edited = False
        write_whole(self.web_root, STATE, to_json(msgspec.to_builtins(self.state)))

    def _lose_days(self, path: Path, damage: Damaged) -> None:
        self._set_aside(path, damage, _DAYS_LOST)
        self.lost_days = True

    def _set_aside(self, path: Path, damage: Damaged, outlook: str) -> None:
        where = f"{self.web_root / path} is damaged ({damage})"
        if self.keep_damaged:
            aside = f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
            # Renamed, not copied: none but who could read it before can read it under the new name.
            set_aside(self.web_root, path, aside)
            where += f" and was set aside as {aside}"
        self.warnings.append(f"{where}. {outlook}")


def _saw_whole(file: str, new: Record, old: Record) -> bool:
    return sees(new.files.get(file, Day(0)), old.files.get(file, Day(0)))


def load(web_root: Path, *, keep_damaged: bool = True) -> History:
    """Read counts and state; days are read when they are asked for.

    A damaged file is set aside under another name with `keep_damaged`, which needs the lock.

    Raises:
        DownloadCounterError: `counts.json` is not what it should be, or is missing beside other data;
            or a file cannot be read.
    """
    history = History(web_root, keep_damaged=keep_damaged)
    counts, state = read_plain(web_root, COUNTS), read_plain(web_root, STATE)
    if counts is not None:
        history.counts = parse_counts(counts, str(web_root / COUNTS))
    elif state is not None or history.years():
        raise DownloadCounterError(
            f"{web_root / COUNTS} is missing, but other data of the counter is there. Bring it back from a "
            f"backup, or start over from the logs at hand: echo '{{}}' > {web_root / COUNTS}"
        )
    if state is not None:
        try:
            found = decode(state, State)
            check_days(day for log in found.logs for day in log.days)
            check_days(since for sizes in found.sizes.values() for since, _ in sizes if since)
            history.state = found
        except Damaged as damage:
            history._set_aside(STATE, damage, "All logs are read again.")
    history.edited = counts is not None and history.state.counts != _digest(counts)
    return history


def _digest(content: bytes) -> str:
    # Not against an enemy: whoever edits the counts may say what he likes. And hashlib brings OpenSSL, 4 MB.
    return f"{crc32(content):08x}-{len(content)}"


def parse_counts(raw: bytes, where: str) -> Counts:
    """Check and return the content of a `counts.json`.

    Raises:
        DownloadCounterError: it is not `{file: {"YYYY-MM": n >= 0}}`; names the place.
    """

    def wrong(what: str) -> DownloadCounterError:
        return DownloadCounterError(
            f"{where} {what}. It must be {{file: {{YYYY-MM: number}}}}. Fix it or bring it back "
            "from a backup; nothing was changed."
        )

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise wrong(f"has {name!r} twice")
        return found

    try:
        counts = json.loads(raw, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise wrong(f"is not JSON ({error})") from error
    if not isinstance(counts, dict):
        raise wrong(f"holds a {type(counts).__name__} instead of an object")
    for file, months in counts.items():
        if not isinstance(months, dict):
            raise wrong(f"has at {file!r} {months!r} instead of months")
        for month, number in months.items():
            if not _is_month(month):
                raise wrong(f"has at {file!r} the month {month!r}")
            if type(number) is not int or not 0 <= number <= _MOST:
                raise wrong(f"has at {file!r}, {month!r} {number!r} instead of a number of downloads")
    return counts


@lru_cache(maxsize=1 << 12)
def _is_month(text: str) -> bool:
    try:
        return len(text) == 7 and date.fromisoformat(f"{text}-01").isoformat() == f"{text}-01"
    except ValueError:
        return False
