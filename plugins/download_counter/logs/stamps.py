"""The day of a time stamp, in the ways that logs write it: as written, whatever the zone.

Sources: httpd's mod_log_config for `%t` and `%{...}t` (strftime, in the C locale), RFC 3339 for
ISO stamps, nginx's `$msec` and Caddy's `ts` for seconds since 1970.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache

from .directives import TABLES

Day = Callable[[bytes], str | None]
"""From the part of a stamp that has the date to the day as "YYYY-MM-DD"; None if there is no such day."""

_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)
}

# %{UNIT}t of httpd: how many of them make a second.
EPOCHS = {"sec": 1, "msec": 1_000, "usec": 1_000_000}


def strftime_pattern(layout: str) -> tuple[bytes, bytes, bytes, Day | None]:
    """Return the pattern of a time in three parts, of which the second has the date, and what tells its day.

    Without a date the last is None, and the first part is the whole pattern.

    Raises:
        ValueError: a directive that is not known; its text is that directive.
    """
    for short, long in TABLES["short"].items():
        layout = layout.replace("%" + short, long)
    pieces: list[tuple[str, bytes]] = []
    for literal, letter in re.findall(r"([^%]+)|%(.)", layout):
        if literal:
            pieces.append(("", re.escape(literal.encode())))
        elif letter in TABLES["strftime"]:
            part, pattern = TABLES["strftime"][letter]
            pieces.append((part, pattern.encode()))
        else:
            raise ValueError(f"%{letter}")
    parts = [part for part, _ in pieces]
    kinds = set(parts)
    dated = "mday" in kinds and kinds & {"year", "short_year"} and kinds & {"month", "month_name"}
    if not dated and "seconds" not in kinds:
        return _joined(pieces), b"", b"", None
    first = next(i for i, part in enumerate(parts) if part)
    last = max(i for i, part in enumerate(parts) if part)
    named = re.compile(
        b"".join(
            b"(?P<%b>%b)" % (part.encode(), pattern) if part and part not in parts[:index] else pattern
            for index, (part, pattern) in enumerate(pieces[: last + 1])
            if index >= first
        )
    )
    return _joined(pieces[:first]), _joined(pieces[first : last + 1]), _joined(pieces[last + 1 :]), _strftime_day(named)


def _joined(pieces: list[tuple[str, bytes]]) -> bytes:
    return b"".join(pattern for _, pattern in pieces)


@lru_cache(maxsize=1024)
def written_day(text: bytes) -> str | None:
    """Return the day of `09/May/2026`, `2026-05-09` or `2026/05/09`, whatever comes after it."""
    if text[4:5] in (b"-", b"/"):
        return _day(text[:4], text[5:7], text[8:10])
    return _day(text[7:11], _MONTHS.get(text[3:6], 0), text[:2])


def _day(year: bytes, month: int | bytes, mday: bytes) -> str | None:
    try:
        return date(int(year), int(month), int(mday)).isoformat()
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=16)
def epoch_day(per_second: int) -> Day:
    """Return what tells the day of a number since 1970, of which so many make a second. Its day is that of UTC."""

    @lru_cache(maxsize=1024)
    def day(text: bytes) -> str | None:
        try:
            return datetime.fromtimestamp(int(text) // per_second, UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            return None

    return day


@lru_cache(maxsize=1024)
def any_day(text: bytes) -> str | None:
    """Return the day of a date as `written_day` reads it, or of a number since 1970 in seconds or parts of them."""
    if not text[:8].isdigit():
        return written_day(text)
    # Seconds have ten digits until the year 2286; milli-, micro- and nanoseconds three more each.
    return epoch_day(1000 ** max(0, (len(text) - 8) // 3))(text)


def _strftime_day(pattern: re.Pattern[bytes]) -> Day:
    @lru_cache(maxsize=1024)
    def day(text: bytes) -> str | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        if "seconds" in parts:
            return epoch_day(1)(parts["seconds"])
        # strftime's own pivot for two digits (POSIX): 69 to 99 are of the last century.
        year, month = parts.get("year"), parts.get("month")
        if year is None:
            year = (b"19" if parts["short_year"] >= b"69" else b"20") + parts["short_year"]
        return _day(year, month or _MONTHS.get(parts["month_name"], 0), parts["mday"])

    return day
