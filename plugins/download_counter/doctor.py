"""What on a server stands in the way of right numbers and whole pages, and how to mend it.

The doctor only looks: it writes nothing, so that it may be run at any time, by any user.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .catalogue import scan
from .counting.rule import Rule
from .errors import DownloadCounterError
from .history.store import COUNTS, LOCK, STATE, YEARS, History, load
from .logs.advice import problem
from .logs.files import NoLogs, find, first_lines, open_log
from .logs.logformat import LogFormat
from .safe_files import TEMPORARY, explain
from .settings import STATS_FOLDER, Settings

# Room that is always asked for (bytes): pages, feeds and the theme are a few megabytes.
_ROOM = 20_000_000

# A run each night has nights on which the machine is down: longer than this without one is odd.
_LONGEST_PAUSE = timedelta(hours=50)

# A failed run must be noticed and mended before the days it missed are gone from the logs.
_SHORTEST_RETENTION = timedelta(days=3)

# Names of files that lead visitors and robots, and how much of one is looked through (bytes).
_LEADS = (".html", ".htm", ".xhtml", ".xml", ".atom", ".rss", ".txt", ".json")
_LONGEST_LEAD = 1 << 24

# The folder's name in an address, as it is or percent-encoded, up to what may follow it there. (A class of that name
# in a style sheet is followed by something else.)
_MENTION = re.compile(rb"(?<![\w.-])(?:\.|%2[eE])" + STATS_FOLDER.name[1:].encode() + rb"(?=[/\"'<?#\r\n]|$)")

# Stamps with a zone: httpd's and nginx's own, and those of RFC 3339.
_CLF_STAMP = re.compile(rb"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_ISO_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        kind: "well"; "note", worth knowing; "mend", numbers or pages suffer until it is mended.
        text: a sentence for the admin, with what to do.
    """

    kind: Literal["well", "note", "mend"]
    text: str


def examine(settings: Settings, timezone: str, now: datetime) -> Iterator[Finding]:
    """Look at the web root, its data files and the logs.

    Args:
        settings: the checked settings.
        timezone: the site's TIMEZONE, an IANA name.
        now: the time, with a zone: that of the machine.
    """
    yield from _user()
    yield from _crawlers(settings)
    if settings.web_root.is_dir():
        yield from _web_root(settings)
        yield from _room(settings.web_root)
        yield from _leftovers(settings.web_root)
        yield from _references(settings.web_root)
    else:
        yield Finding(
            "mend",
            f"The web root {settings.web_root} is missing or no folder. Set WEB_ROOT to the folder that the web server "
            "serves, or make it.",
        )
    history = History(settings.web_root)
    try:
        history = load(settings.web_root, keep_damaged=False)
    except DownloadCounterError as error:
        yield Finding("mend", str(error))
    else:
        yield from _data(settings.web_root, history)
    yield from _logs(settings, history, timezone, now)


def _user() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield Finding(
            "note",
            "This runs as root, which it need not: a user who may read the logs (on Debian the group adm) and write to "
            "the web root is enough.",
        )


def _crawlers(settings: Settings) -> Iterator[Finding]:
    if settings.crawlers and find_spec("crawleruseragents") is None:
        yield Finding(
            "mend",
            "DOWNLOAD_COUNTER['crawlers'] is True, but the list of crawlers is not installed: "
            "pip install crawler-user-agents",
        )


def _web_root(settings: Settings) -> Iterator[Finding]:
    root = settings.web_root
    refused = [
        folder
        for folder in (root, root / STATS_FOLDER)
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
    ]
    if (root / STATS_FOLDER).is_symlink():
        yield Finding("mend", f"{root / STATS_FOLDER} is a link; nothing is written through it. Make it a real folder.")
    for folder in refused:
        yield Finding(
            "mend",
            f"{folder} cannot be written to by this user. Run as its owner ({_owner(folder)}) or as root, and see that "
            "the disk is not mounted read-only.",
        )
    try:
        images, problems = scan(root, settings.extensions, settings.companions)
    except DownloadCounterError as error:
        yield Finding("mend", str(error))
        return
    for one in problems:
        yield Finding("mend", one)
    if not images:
        yield Finding("note", f"No file below {root} ends with {' or '.join(settings.extensions)}: the list is empty.")
    elif not refused:
        yield Finding("well", f"The web root {root} can be written to. Images below it: {len(images)}.")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


def _room(root: Path) -> Iterator[Finding]:
    stats = root / STATS_FOLDER
    # Each file is written beside the one that it takes the place of.
    needed = _ROOM + sum(file.stat().st_size for file in _files(stats) if not file.is_symlink())
    free = shutil.disk_usage(root).free
    kind: Literal["well", "mend"] = "well" if free >= needed else "mend"
    text = f"The disk of {root} has {free / 1e6:,.0f} MB free; a run needs {needed / 1e6:,.0f} MB"
    yield Finding(kind, text + ("." if kind == "well" else ": make room, or no page and no count is written."))
    inodes = os.statvfs(root)
    if inodes.f_files and not inodes.f_favail:
        yield Finding("mend", f"The disk of {root} has no room for another file, however small (df -i). Remove some.")


def _files(folder: Path) -> list[Path]:
    return [Path(path, name) for path, _, names in os.walk(folder) for name in names]


def _leftovers(root: Path) -> Iterator[Finding]:
    found = [file for file in _files(root) if file.name.startswith(TEMPORARY)]
    if not found:
        return
    if _is_running(root):
        yield Finding("note", f"A run is under way in {root}.")
    else:
        yield Finding(
            "note",
            f"A run that was killed left files behind, such as {found[0]}. They are of no use, and may be removed.",
        )


def _is_running(root: Path) -> bool:
    try:
        with (root / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _references(root: Path) -> Iterator[Finding]:
    name = STATS_FOLDER.name
    leads = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [one for one in folders if not one.startswith(".")]
        for file in sorted(files):
            path = Path(folder, file)
            if not file.lower().endswith(_LEADS) or not path.is_file():
                continue
            try:
                with path.open("rb") as opened:
                    content = opened.read(_LONGEST_LEAD)
            except OSError as error:
                yield Finding("note", f"{path} cannot be read: {explain(error)}; it may name {name}/.")
                continue
            if _MENTION.search(content):
                leads += 1
                yield Finding(
                    "mend",
                    f"{path} names {name}/, which is to be known to nobody but the maintainer. Take that out "
                    "(robots.txt too tells everybody: the page forbids robots by itself).",
                )
    if not leads:
        yield Finding("well", f"No page, feed, sitemap or robots.txt below {root} names {name}/.")


def _data(root: Path, history: History) -> Iterator[Finding]:
    for warning in history.warnings:
        yield Finding("mend", warning)
    aside = sorted((root / STATS_FOLDER).glob("days.damaged-*.json"))
    if aside:
        yield Finding(
            "note",
            f"{aside[-1]} is a days.json that was damaged and set aside. Find out why (a full disk?), then remove it.",
        )
    if not history.warnings and (root / COUNTS).exists():
        yield Finding(
            "well", f"{COUNTS.name}, {STATE.name} and {YEARS.name}/ can be read. Files known: {len(history.counts)}."
        )


def _logs(settings: Settings, history: History, timezone: str, now: datetime) -> Iterator[Finding]:
    here = [pattern for pattern in settings.logs if "://" not in pattern]
    for pattern in settings.logs:
        if pattern not in here:
            yield Finding("note", f"{pattern} is on another machine; it was not looked at.")
    if not here:
        return
    rule = Rule.of(settings)
    try:
        log_format = rule.format()
        logs, problems = find(here)
    except NoLogs as error:
        hidden = [folder for folder in {Path(pattern).parent for pattern in here} if _is_hidden(folder)]
        why = f" This user may not look into {hidden[0]}; on Debian, members of the group adm may." if hidden else ""
        yield Finding("mend", f"{error}{why}")
        return
    except DownloadCounterError as error:
        yield Finding("mend", str(error))
        return
    for one in problems:
        yield Finding("mend", one)
    stamps: list[tuple[datetime, bool]] = []
    good = 0
    for log in logs:
        trouble = _cannot_open(log.path)
        lines = first_lines(log.path)
        trouble = trouble or problem(lines, rule)
        if trouble:
            yield Finding("mend", f"The log {log.name} {trouble}{'' if trouble.endswith('.') else '.'}")
            continue
        good += 1
        stamp = first_stamp(lines, log_format)
        if stamp is not None:
            stamps.append(stamp)
    if good:
        yield Finding("well", f"Logs that can be read and follow the log format {settings.log_format!r}: {good}.")
    yield from _zone([stamp for stamp, zoned in stamps if zoned], timezone, now)
    yield from _reach([stamp for stamp, _ in stamps], history, now)


def _is_hidden(folder: Path) -> bool:
    return folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def _cannot_open(path: Path | str) -> str:
    try:
        with open_log(path):
            return ""
    except OSError as error:
        return f"cannot be read: {explain(error)}. On Debian, members of the group adm may read logs."


def first_stamp(lines: bytes, log_format: LogFormat) -> tuple[datetime, bool] | None:
    """Return the time of the first line that follows a format, and whether the stamp gives its zone.

    A stamp without a zone, or of a kind of its own, is taken for the start of its day here. None
    if no line follows the format.
    """
    for line in lines.split(b"\n"):
        match = log_format.pattern.match(line)
        day = match and log_format.day(match["day"])
        if not match or not day:
            continue
        stamp = line[match.start("day") :]
        if clf := _CLF_STAMP.match(stamp):
            exact = _parsed(clf[0].decode(), "%d/%b/%Y:%H:%M:%S %z")
        elif iso := _ISO_STAMP.match(stamp):
            exact = _parsed(b"".join(iso.groups()).decode(), "%Y-%m-%dT%H:%M:%S%z")
        else:
            exact = None
        return (exact, True) if exact else (datetime.fromisoformat(day).astimezone(), False)
    return None


def _parsed(text: str, layout: str) -> datetime | None:
    try:
        return datetime.strptime(text, layout)  # noqa: DTZ007  (%z gives it its zone)
    except ValueError:
        return None


def _zone(stamps: list[datetime], timezone: str, now: datetime) -> Iterator[Finding]:
    try:
        zone: tzinfo = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Finding("mend", f"TIMEZONE is {timezone!r}, which is no time zone. Give one as in Europe/Paris.")
        return
    others = {stamp.utcoffset() for stamp in stamps if stamp.utcoffset() != stamp.astimezone(zone).utcoffset()}
    for other in sorted(others, key=_offset):
        yield Finding(
            "note",
            f"The logs have stamps of the zone {_offset(other)}, the site's TIMEZONE is {timezone}. A download counts "
            "for the day of its stamp. If that is not meant, set the machine's zone (timedatectl set-timezone) and "
            "restart the web server.",
        )
    if now.utcoffset() != now.astimezone(zone).utcoffset():
        yield Finding(
            "note",
            f"The machine's clock is in the zone {_offset(now.utcoffset())}, the site's TIMEZONE is {timezone}: cron "
            "goes by the machine's.",
        )
    elif not others:
        logs = ", the logs" if stamps else ""
        yield Finding("well", f"The site{logs} and the machine go by the same time zone, {timezone}.")


def _offset(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _reach(stamps: list[datetime], history: History, now: datetime) -> Iterator[Finding]:
    if history.ingested is None:
        yield Finding("note", "The logs have not been read yet: the first run counts all that is in them.")
        return
    last = history.ingested
    if not stamps:
        return
    oldest = min(stamps)
    if oldest > last:
        yield Finding(
            "mend",
            f"The last run was on {last:%Y-%m-%d at %H:%M}, and the oldest log begins on {oldest:%Y-%m-%d at %H:%M}: "
            "the downloads between them are lost. Bring back the logs of that time from a backup, if there is one, "
            "beside the others, and run again.",
        )
        return
    pause, reach = now - last, now - oldest
    if pause > _LONGEST_PAUSE:
        yield Finding(
            "mend",
            f"The last run was on {last:%Y-%m-%d at %H:%M}, {pause.days} days ago. Is the cron job there, and what did "
            f"it say? The logs reach back to {oldest:%Y-%m-%d}; what leaves them unread is lost.",
        )
    elif reach < _SHORTEST_RETENTION:
        yield Finding(
            "note",
            f"The logs reach back to {oldest:%Y-%m-%d at %H:%M} only. If they are kept no longer, days are lost as "
            "soon as a few runs fail: have logrotate keep 14 of them (rotate 14).",
        )
    else:
        yield Finding(
            "well",
            f"The last run was on {last:%Y-%m-%d at %H:%M}; the logs reach back to {oldest:%Y-%m-%d}, "
            f"{reach.days} days.",
        )
