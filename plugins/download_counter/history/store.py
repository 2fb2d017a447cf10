r"""What is known of downloads beyond the logs at hand: `counts.json` and `days.json`.

`counts.json` is `{"file": {"YYYY-MM": n}}`, sorted, for people and other programs. On every run
each month becomes the maximum of what it was and what is known now, so that history older than
the logs stays and nothing is counted twice.

Why days are kept as well: a server keeps 14 days of logs and a month has 30. The maximum, over
the runs of a month, of what the last 14 days of logs hold of it is half of that month. (Over 40
days of one download a day it loses 46 %.) A day, though, is whole in at least one run; so each
day is kept, and a month is at least the sum of its days.

`counts.json` is the authority: what is no longer in it counts no more in `days.json`.

`days.json`, version 3::

    {"version": 3,
     "ingested": "2026-05-09T01:00:02+02:00",        when logs were last read
     "rule": {...},                                  tally.Rule it was counted by
     "sizes": {"a.iso": [["", 1079126], ...]},       bytes of the file, from that day on
     "settled": "2026-04-25",                        days up to that one are settled, see `History`
     "days": {"a.iso": {"2026-05-09": [4, 3, 4316504, 0], ...}},
                                    started, finished, bytes sent, left out as crawlers;
                                    finished and bytes are null where they are not known
     "past": {"a.iso": {"2026-02": [71, "[[9,4,3,4316504,0],...]"], ...}},
                                    months long past, which a run need not look into: started in
                                    the month; the days as JSON, each with its number before the rest
     "logs": [{"name": ..., ...}]}                   the logs at hand then, see `KnownLog`

Version 2 had no `past`, and version 1 was `{"version": 1, "days": {"a.iso": {"2026-05-09": 4}}}`; they
are read and brought forward.
"""

import contextlib
import gc
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DownloadCounterError
from ..safe_files import read_plain, set_aside, write_whole
from ..settings import STATS_FOLDER

COUNTS = STATS_FOLDER / "counts.json"
DAYS = STATS_FOLDER / "days.json"
LOCK = STATS_FOLDER / ".lock"
VERSION = 3

# So many months are at hand, the last one counted; older ones are past. Logs are rarely kept for longer.
_MONTHS_AT_HAND = 3

# The days of a month that is past.
_PAST = re.compile(
    r"\[(?:\[(?:[1-9]|[12][0-9]|3[01]),[0-9]{1,18},(?:[0-9]{1,18}|null),(?:[0-9]{1,18}|null),[0-9]{1,18}\](?:,(?=\[))?)+\]"
)

Counts = dict[str, dict[str, int]]
"""file -> month ("YYYY-MM") -> downloads."""


class Day(NamedTuple):
    """The downloads of one file on one day. A tuple: there is one a file and day for years.

    Attributes:
        started: different clients.
        finished: downloads that reached the file's size; None if that is not known.
        sent: bytes sent; None if that is not known.
        left_out: clients left out as crawlers.
    """

    started: int
    finished: int | None = None
    sent: int | None = None
    left_out: int = 0


def merge_day(old: Day, new: Day, *, certain: bool = True) -> Day:
    """Merge what was known of a day with what the logs say now.

    Started, sent and left out are the maximum: a log that is gone takes nothing away. Finished
    is not a sum of lines (one more line on the day before can make a download finish there
    instead), so it is taken from the newer reading, if that saw no less of the day than the
    older one and is certain.
    """
    sent = old.sent if new.sent is None else max(new.sent, old.sent or 0)
    started = max(old.started, new.started)
    finished = old.finished
    if new.finished is not None and (old.finished is None or (certain and sees(new, old))):
        finished = new.finished
    if finished is not None:
        finished = min(finished, started)
    return Day(started, finished, sent, max(old.left_out, new.left_out))


def add_to_day(old: Day, more: Day, *, certain: bool = True) -> Day:
    """Add what new lines make of a day; how many more finished may be negative, and counts only if it is certain."""
    started = old.started + more.started
    finished = old.finished
    if finished is not None and more.finished is not None and certain:
        finished += more.finished
    sent = None if old.sent is None else old.sent + (more.sent or 0)
    return Day(started, finished, sent, old.left_out + more.left_out)


def sees(new: Day, old: Day) -> bool:
    """Say whether a reading of a day saw at least what an older one saw of it."""
    return new.started >= old.started and (new.sent or 0) >= (old.sent or 0)


@dataclass(frozen=True)
class KnownLog:
    """A log that was read, remembered so that it need not be read again.

    Attributes:
        name: its file name then.
        size: bytes on the disk then.
        mtime: nanoseconds since 1970.
        start: digest of how it starts, without the clients; see `ingest.start_of`.
        length: bytes when decompressed.
        days: the days it has downloads of.
        unreadable: lines that name an image but do not follow the LogFormat.
        heads_silent: answers to HEAD logged without bytes.
        heads_sized: answers to HEAD logged with bytes.
        problem: why it, or its end, could not be read; empty if it could.
    """

    name: str
    size: int
    mtime: int
    start: str
    length: int
    days: tuple[str, ...]
    unreadable: int
    heads_silent: int
    heads_sized: int
    problem: str = ""


Size = tuple[str, int]
"""A size of a file in bytes, and since when it has it: a day, "" for ever."""


def size_on(sizes: Iterable[Size], day: str) -> int | None:
    """Return the size in bytes that a file of these sizes had on a day, None if it was never seen."""
    size = None
    for since, value in sizes:
        if since <= day or size is None:
            size = value
    return size


@dataclass
class History:
    """All that is known; the one thing that lives from run to run.

    Attributes:
        counts: the months of each file.
        days: the days of each file, but for those in `past`.
        past: per file and month long past, what was started, and the days as in `days.json`. Most runs
            have no need to look into them, and there are ever more.
        sizes: the sizes of each file.
        logs: the logs at hand when logs were last read.
        settled: days up to this one ("" for none) have lines that are in none of `logs` any more; what
            is known of the days after it is what `logs` say, no more and no less.
        rule: the rule they were counted by, as plain data.
        ingested: when that was.
        warnings: sentences about what was mended on loading.
    """

    counts: Counts = field(default_factory=dict)
    days: dict[str, dict[str, Day]] = field(default_factory=dict)
    past: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)
    sizes: dict[str, list[Size]] = field(default_factory=dict)
    logs: tuple[KnownLog, ...] = ()
    settled: str = ""
    rule: dict[str, Any] = field(default_factory=dict)
    ingested: datetime | None = None
    warnings: list[str] = field(default_factory=list)

    def day(self, file: str, day: str) -> Day | None:
        """Return what is known of a file on a day."""
        self._open(file, day[:7])
        return self.days.get(file, {}).get(day)

    def open_past(self) -> None:
        """Have all days in `days`."""
        with _no_garbage():
            for file, months in list(self.past.items()):
                for month in list(months):
                    self._open(file, month)

    def _open(self, file: str, month: str) -> None:
        months = self.past.get(file, {})
        if month in months:
            _, text = months.pop(month)
            days = self.days.setdefault(file, {})
            for mday, *numbers in json.loads(text):
                if _is_day(day := f"{month}-{mday:02}"):
                    days[day] = Day._make(numbers)
            if not months:
                del self.past[file]

    def close_past(self) -> None:
        """Have the days of months long past in `past`."""
        last = max((max(days) for days in self.days.values() if days), default="0001-01")
        year, month = int(last[:4]), int(last[5:7]) - _MONTHS_AT_HAND
        first_at_hand = f"{year - (month < 0):04}-{month % 12 + 1:02}"
        for file, days in list(self.days.items()):
            if min(days, default=first_at_hand) < first_at_hand:
                rows: dict[str, list[list[int | None]]] = {}
                for day in sorted(day for day in days if day < first_at_hand):
                    rows.setdefault(day[:7], []).append([int(day[8:]), *days.pop(day)])
                for month_, row in rows.items():
                    started = sum(numbers[1] or 0 for numbers in row)
                    self.past.setdefault(file, {})[month_] = started, json.dumps(row, separators=(",", ":"))
                if not days:
                    del self.days[file]

    def size_on(self, file: str, day: str) -> int | None:
        """The size in bytes that a file had on a day, None if it was never seen."""
        return size_on(self.sizes.get(file, ()), day)

    def note_size(self, file: str, size: int, since: str) -> bool:
        """Remember the size a file has now, and say whether it had another before.

        An image made anew under its old name has its new size since the day of the last
        ingest; the first size that is seen holds for all the days before.
        """
        known = self.sizes.setdefault(file, [])
        if not known:
            known.append(("", size))
            return False
        if known[-1][1] == size:
            return False
        if known[-1][0] == since:
            known.pop()
        known.append((since, size))
        return True

    def lose(self, logs: Iterable[KnownLog]) -> None:
        """Settle the days that some logs have which are not at hand any more."""
        self.settled = max((day for log in logs for day in log.days), default=self.settled) or self.settled

    def forget_logs(self) -> None:
        """Take all logs at hand for logs that were never met."""
        self.lose(self.logs)
        self.logs = ()

    def merge(self, file: str, day: str, new: Day, *, certain: bool = True) -> None:
        """Merge what the logs say of a day into what was known of it."""
        old = self.day(file, day)
        self.days.setdefault(file, {})[day] = merge_day(old, new, certain=certain) if old else new

    def add(self, file: str, day: str, more: Day, *, certain: bool = True) -> None:
        """Add what new lines make of a day to what was known of it."""
        old = self.day(file, day)
        self.days.setdefault(file, {})[day] = add_to_day(old, more, certain=certain) if old else more

    def settle(self, figures: Mapping[tuple[str, str], Day]) -> None:
        """Settle the days of which more is known than all logs at hand say.

        Args:
            figures: what they say, by file and day.
        """
        self.open_past()
        self.settled = ""
        for file, days in self.days.items():
            for day, known in days.items():
                if day > self.settled:
                    found = figures.get((file, day))
                    if found is None or known != found._replace(finished=known.finished):
                        self.settled = day

    def settle_months(self) -> None:
        """Bring each month up to the sum of its days; a month never goes down."""
        for file in [*self.days, *(file for file in self.past if file not in self.days)]:
            sums = {month: started for month, (started, _) in self.past.get(file, {}).items()}
            for day, numbers in self.days.get(file, {}).items():
                sums[day[:7]] = sums.get(day[:7], 0) + numbers.started
            months = self.counts.setdefault(file, {})
            for month, number in sums.items():
                if number:
                    months[month] = max(months.get(month, 0), number)
            if not months:
                del self.counts[file]

    def forget_what_counts_lack(self) -> bool:
        """Drop the days whose file or month is no longer in the counts; say if there were any."""
        dropped = False
        for file, past in list(self.past.items()):
            months = self.counts.get(file, {})
            for month in [month for month, (n, _) in past.items() if month not in months and (n or not self.counts)]:
                del past[month]
                dropped = True
            if not past:
                del self.past[file]
        for file in list(self.days):
            months = self.counts.get(file, {})
            kept = {
                day: numbers
                for day, numbers in self.days[file].items()
                if day[:7] in months or (self.counts and not numbers.started)
            }
            dropped |= len(kept) < len(self.days[file])
            if kept:
                self.days[file] = kept
            else:
                del self.days[file]
        return dropped


def load(web_root: Path, *, keep_damaged: bool = True) -> History:
    """Read both files.

    Args:
        web_root: the folder that has `.stats/`.
        keep_damaged: set a damaged `days.json` aside under another name (the lock is held).

    Raises:
        DownloadCounterError: `counts.json` is not what it should be, `days.json` is from a newer
            version or stands without `counts.json`, or a file cannot be read.
    """
    raw_counts = read_plain(web_root, COUNTS)
    raw_days = read_plain(web_root, DAYS)
    history = History()
    if raw_counts is not None:
        history.counts = parse_counts(raw_counts, str(web_root / COUNTS))
    elif raw_days is not None:
        raise DownloadCounterError(
            f"{web_root / COUNTS} is missing, but {DAYS.name} is there. Bring it back from a "
            f"backup, or start over from the logs at hand: echo '{{}}' > {web_root / COUNTS}"
        )
    if raw_days is None:
        return history
    try:
        with _no_garbage():
            _parse_days(raw_days, history, str(web_root / DAYS))
    except _Damaged as damage:
        history.days, history.past, history.sizes, history.logs, history.rule = {}, {}, {}, (), {}
        history.settled, history.ingested = "", None
        where = f"{web_root / DAYS} is damaged ({damage})"
        if keep_damaged:
            aside = f"days.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
            # Renamed, not copied: should somebody have put another file there, none but who
            # could read it before can read it under the new name.
            set_aside(web_root, DAYS, aside)
            where += f" and was set aside as {aside}"
        history.warnings.append(f"{where}. Months stay as counts.json has them; days start over from the logs.")
    return history


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Keep the garbage collector away.

    A million small tuples make no cycles, and looking for some again and again takes as long
    as loading them (measured).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Damaged(Exception):
    """Where and how days.json is not what it should be."""


def parse_counts(raw: bytes, where: str) -> Counts:
    """Check and return the content of a `counts.json`.

    Raises:
        DownloadCounterError: it is not `{file: {"YYYY-MM": n >= 0}}`; names the place.
    """

    def wrong(what: str) -> DownloadCounterError:
        return DownloadCounterError(
            f"{where} {what}. It must be {{file: {{YYYY-MM: number}}}}. Mend it or bring it back "
            "from a backup; nothing was changed."
        )

    try:
        counts = json.loads(raw)
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
            if type(number) is not int or number < 0:
                raise wrong(f"has at {file!r}, {month!r} {number!r} instead of a number")
    return counts


def _is_month(text: str) -> bool:
    return len(text) == 7 and _is_day(f"{text}-01")


@lru_cache(maxsize=1 << 14)
def _is_day(text: object) -> bool:
    if not isinstance(text, str) or len(text) != 10:
        return False
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _parse_days(raw: bytes, history: History, where: str) -> None:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _Damaged(str(error)) from error
    if not isinstance(data, dict) or type(data.get("version")) is not int:
        raise _Damaged("it has no version")
    if data["version"] > VERSION:
        raise DownloadCounterError(
            f"{where} was written by a newer version of this program (its version is "
            f"{data['version']}, this program knows {VERSION}). Use that one; nothing was changed."
        )
    try:
        for file, days in data["days"].items():
            history.days[file] = {_checked_day(day): _day(numbers) for day, numbers in days.items()}
        last = max((max(days, default="") for days in history.days.values()), default="")
        history.settled = last
        if data["version"] == 1:
            return
        if data["version"] > 2:
            for file, months in data["past"].items():
                history.past[file] = {_checked_month(month): _past(*days) for month, days in months.items()}
            if not data["logs"] or (settled := data["settled"]) > last:
                settled = max(data["settled"], last)
            history.settled = _checked_day(settled) if settled else ""
        for file, sizes in data["sizes"].items():
            history.sizes[file] = [_size(*since_size) for since_size in sizes]
        history.logs = tuple(_known_log(log) for log in data["logs"])
        history.rule = dict(data["rule"])
        if data["ingested"] is not None:
            history.ingested = datetime.fromisoformat(data["ingested"]).astimezone()
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _Damaged(f"{error.__class__.__name__}: {error}") from error


def _checked_day(day: str) -> str:
    if not _is_day(day):
        raise ValueError(f"{day!r} is no day")
    return day


def _checked_month(month: str) -> str:
    if not _is_month(month):
        raise ValueError(f"{month!r} is no month")
    return month


def _past(started: int, days: str) -> tuple[int, str]:
    if type(started) is not int or started < 0 or not _PAST.fullmatch(days):
        raise ValueError("a month long past is not what it should be")
    return started, days


def _size(since: str, size: int) -> Size:
    if type(size) is not int or size < 0:
        raise ValueError(f"{size!r} is no size")
    return (_checked_day(since) if since else since, size)


def _day(numbers: Any) -> Day:
    day = Day(numbers) if type(numbers) is int else Day._make(numbers)
    for value in day:
        if value is not None and (type(value) is not int or value < 0):
            raise ValueError(f"{value!r} is no number of downloads or bytes")
    if None in (day.started, day.left_out):
        raise ValueError("a day without a number")
    return day


def _known_log(data: Mapping[str, Any]) -> KnownLog:
    log = KnownLog(**{**data, "days": tuple(data["days"])})
    numbers = (log.size, log.mtime, log.length, log.unreadable, log.heads_silent, log.heads_sized)
    if not all(type(number) is int for number in numbers) or not all(map(_is_day, log.days)):
        raise ValueError(f"the log {log.name!r} is described wrongly")
    if not all(isinstance(text, str) for text in (log.name, log.start, log.problem)):
        raise ValueError("a log without a name")
    return log


def save(web_root: Path, history: History) -> None:
    """Write both files, each in one step.

    counts.json goes first: killed in between, the next run finds a days.json that knows less
    than the counts, and reads the logs it does not know again. The other way round it would
    take the missing months for removed by the admin.

    Raises:
        DownloadCounterError: a file cannot be written; both stay as they were, or only
            counts.json is new, which is as good as a run that was killed there.
    """
    write_whole(web_root, COUNTS, to_json(history.counts))
    save_days(web_root, history)


def save_days(web_root: Path, history: History) -> None:
    """Write days.json alone, in one step.

    Raises:
        DownloadCounterError: it cannot be written; it stays as it was.
    """
    history.close_past()
    write_whole(
        web_root,
        DAYS,
        to_json(
            {
                "version": VERSION,
                "ingested": history.ingested.isoformat() if history.ingested else None,
                "rule": history.rule,
                "sizes": history.sizes,
                "settled": history.settled,
                "days": history.days,
                "past": history.past,
                "logs": [asdict(log) for log in history.logs],
            },
            indent=None,
        ),
    )


def to_json(data: object, indent: int | None = 1) -> bytes:
    """Return sorted JSON in UTF-8 with a newline at the end.

    A file name that is not UTF-8 is held with surrogate escapes, which UTF-8 cannot hold: then
    the whole is written in ASCII with JSON's own escapes.
    """
    text = json.dumps(data, indent=indent, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        text = json.dumps(data, indent=indent, sort_keys=True) + "\n"
        return text.encode()
