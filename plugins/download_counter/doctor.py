"""What on a server stands in the way of right numbers and whole pages, and how to fix it.

The doctor only looks: it writes nothing, so that it may be run at any time, by any user.
"""

import contextlib
import fcntl
import grp
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import Struct

from .catalogue import scan
from .counting.rule import client_namer
from .errors import DownloadCounterError
from .history.store import COUNTS, LOCK, STATE, YEARS, History, load
from .logs.advice import advice_on_start
from .logs.files import NoLogs, find, first_lines, open_log, unreadable
from .logs.formats import format_of
from .logs.logformat import LogFormat
from .safe_files import TEMPORARY, explain, hand_over, of_others, user_name
from .settings import LEADS, MENTION, STATS_FOLDER, Settings, time_zone
from .site.own_files import OwnFiles

# Room that is always asked for (bytes): pages, feeds and the theme are a few megabytes.
_ROOM = 20_000_000

# A run each night has nights on which the machine is down; but not longer than this.
_LONGEST_PAUSE = timedelta(hours=50)

# A failed run must be noticed and fixed before the days it missed are gone from the logs.
_SHORTEST_RETENTION = timedelta(days=3)

# In so many lines of a log, there is more than one client, and some client comes twice.
_BUSY = 200

# What servers write for the last number of an address that they shorten for privacy.
_SHORTENED = (b".0", b".x", b".xxx")

# How much of a page or a feed is looked through (bytes).
_LONGEST_LEAD = 1 << 24

# A text's language in its metadata: Markdown's and reStructuredText's.
_LANGUAGE = re.compile(rb"^:?lang:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE)

# Stamps with a zone: httpd's and nginx's own, and those of RFC 3339.
_CLF_STAMP = re.compile(rb"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_ISO_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)")


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    kind: Literal["ok", "note", "FIX"]  # "ok"; "note", worth knowing; "FIX", numbers or pages suffer until it is fixed
    text: str  # a sentence for the admin, with what to do


class Site(Struct, frozen=True):
    """What Pelican's settings say of the site."""

    output: Path  # where the pages go: the web root, or a folder above it
    timezone: str = "UTC"  # an IANA name
    address: str = ""  # SITEURL, empty if the site has none
    languages: tuple[str, ...] = ()  # the first one and those of the sub-sites; empty for any
    texts: Path | None = None  # the folder of the texts; None if there is none to look at
    not_yet_yours: tuple[str, ...] = ()  # what of the site that came with the program has not been changed


_ok, _note, _fix = (partial(Finding, kind) for kind in ("ok", "note", "FIX"))


def examine(settings: Settings, site: Site, now: datetime) -> Iterator[Finding]:
    """Look at the web root, its data files, the logs and the settings; `now` is in the machine's zone."""
    yield from _user()
    yield from _site(site)
    if settings.web_root.is_dir():
        yield from _web_root(settings)
        yield from _owners(settings.web_root, site.output)
        yield from _room(settings.web_root)
        yield from _leftovers(settings.web_root)
        yield from _references(site.output if settings.web_root.is_relative_to(site.output) else settings.web_root)
    else:
        yield _fix(
            f"The web root {settings.web_root} is missing or no folder. Set WEB_ROOT to the folder that the web server "
            "serves, or make it."
        )
    history = History(settings.web_root)
    try:
        history = load(settings.web_root, keep_damaged=False)
    except DownloadCounterError as error:
        yield _fix(str(error))
    else:
        yield from _data(settings.web_root, history)
    yield from _logs(settings, history, site.timezone, now)


def _user() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield _note(
            "This runs as root. A user of its own is enough: one that may read the logs (on Debian, in the group adm) "
            "and write to the web root."
        )


def _site(site: Site) -> Iterator[Finding]:
    if site.not_yet_yours:
        yield _note(
            f"The site still has from the one that this program was made for: {', '.join(site.not_yet_yours)}. "
            "For your own, run make adopt, and change what it puts into local/."
        )
    if "://" not in site.address:
        yield _note(
            "The site has no address (SITEURL), so its feed has none, and search engines are not told which address of "
            "a page is the one to show."
        )
    others: dict[str, list[str]] = {}
    for text in sorted(site.texts.rglob("*.md")) if site.texts and site.languages else ():
        with contextlib.suppress(OSError), text.open("rb") as file:
            language = _LANGUAGE.search(file.read(4096).split(b"\n\n")[0])
            if language and (code := language[1].decode(errors="replace")) not in site.languages:
                others.setdefault(code, []).append(text.name)
    for code, names in others.items():
        yield _note(f"Texts in the language {code}, which the site does not have, are left out: {', '.join(names)}.")


def _web_root(settings: Settings) -> Iterator[Finding]:
    root = settings.web_root
    if (root / STATS_FOLDER).is_symlink():
        yield _fix(f"{root / STATS_FOLDER} is a link; nothing is written through it. Make it a real folder.")
    refused = not os.access(root, os.W_OK | os.X_OK, effective_ids=True)
    if refused and os.statvfs(root).f_flag & os.ST_RDONLY:
        yield _fix(f"The disk of {root} is mounted read-only.")
    elif refused:
        me, folder = user_name(os.geteuid()), shlex.quote(str(root))
        yield _fix(
            f"The user {me} may not write to {root}, which belongs to {user_name(root.stat().st_uid)}. As root: "
            f"chgrp {grp.getgrgid(os.getegid()).gr_name} {folder} && chmod 1775 {folder}"
        )
    try:
        images, problems = scan(root, settings.extensions, settings.companions)
    except DownloadCounterError as error:
        yield _fix(str(error))
        return
    for one in problems:
        yield _fix(one)
    if not images:
        yield _note(f"No file below {root} ends with {' or '.join(settings.extensions)}: the list is empty.")
    elif not refused:
        yield _ok(f"The web root {root} can be written to. Images below it: {len(images)}.")


def _owners(web_root: Path, output: Path) -> Iterator[Finding]:
    try:
        pages = OwnFiles(web_root).digests
    except DownloadCounterError as error:
        yield _fix(str(error))
        return
    places = [(output, Path(page)) for page in pages]
    places += [(web_root, path.relative_to(web_root)) for path in _files(web_root / STATS_FOLDER)]
    if others := of_others(places):
        yield _fix(hand_over(others))
    if os.geteuid() == 0:
        there = [root / file for root, file in places if os.path.lexists(root / file)]
        of_root = [path for path in there if path.lstat().st_uid == 0]
        if of_root and len(of_root) < len(there):
            user = user_name(max(path.lstat().st_uid for path in there))
            yield _fix(
                f"Some of the counter's files belong to root, others to {user}. If {user} runs the counter, it cannot "
                f"replace files written by root. Give it all of them: chown {user}: {shlex.join(map(str, of_root))}"
            )


def _room(root: Path) -> Iterator[Finding]:
    stats = root / STATS_FOLDER
    # Each file is written beside the one that it takes the place of.
    needed = _ROOM + sum(file.stat().st_size for file in _files(stats) if not file.is_symlink())
    free = shutil.disk_usage(root).free
    text = f"The disk of {root} has {free / 1e6:,.0f} MB free; a run needs {needed / 1e6:,.0f} MB"
    yield _ok(f"{text}.") if free >= needed else _fix(f"{text}: make room, or no page and no count is written.")
    inodes = os.statvfs(root)
    if inodes.f_files and not inodes.f_favail:
        yield _fix(f"The disk of {root} has no room for another file, however small (df -i). Remove some.")


def _files(folder: Path) -> list[Path]:
    return [Path(path, name) for path, _, names in os.walk(folder) for name in names]


def _leftovers(root: Path) -> Iterator[Finding]:
    found = [file for file in _files(root) if file.name.startswith(TEMPORARY)]
    if not found:
        return
    if _is_running(root):
        yield _note(f"A run is under way in {root}.")
    else:
        yield _note(
            f"A run that was killed left files behind, such as {found[0]}. They are of no use, and may be removed."
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
            if not file.lower().endswith(LEADS) or not path.is_file():
                continue
            try:
                with path.open("rb") as opened:
                    content = opened.read(_LONGEST_LEAD)
            except OSError as error:
                yield _note(f"{path} cannot be read: {explain(error)}; it may name {name}/.")
                continue
            if MENTION.search(content):
                leads += 1
                yield _fix(
                    f"{path} names {name}/, which nobody but the maintainer is to know. Take that out. "
                    "(robots.txt tells everybody, too; the statistics page keeps robots away by itself.)"
                )
    if not leads:
        yield _ok(f"No page, feed, sitemap or robots.txt below {root} names {name}/.")


def _data(root: Path, history: History) -> Iterator[Finding]:
    for warning in history.warnings:
        yield _fix(warning)
    aside = sorted((root / STATS_FOLDER).rglob("*.damaged-*.json"))
    if aside:
        yield _note(
            f"{aside[-1]} is a data file that was damaged and set aside. Find out why (a full disk?), then remove it."
        )
    if not history.warnings and (root / COUNTS).exists():
        yield _ok(f"{COUNTS.name}, {STATE.name} and {YEARS.name}/ can be read. Files known: {len(history.counts)}.")


def _logs(settings: Settings, history: History, timezone: str, now: datetime) -> Iterator[Finding]:
    here = [pattern for pattern in settings.logs if "://" not in pattern]
    for pattern in settings.logs:
        if pattern not in here:
            yield _note(f"{pattern} is on another machine; it was not looked at.")
    if not here:
        return
    rule = settings.rule
    try:
        log_format = format_of(rule)
        logs, problems = find(here)
    except NoLogs as error:
        hidden = [folder for folder in {Path(pattern).parent for pattern in here} if _is_hidden(folder)]
        why = f" This user may not look into {hidden[0]}; on Debian, members of the group adm may." if hidden else ""
        yield _fix(f"{error}{why}")
        return
    except DownloadCounterError as error:
        yield _fix(str(error))
        return
    for one in problems:
        yield _fix(one)
    stamps: list[tuple[datetime, bool]] = []
    good = 0
    for log in logs:
        trouble = _cannot_open(log.path)
        lines = first_lines(log.path)
        known = history.known(log.name, log.size, log.mtime)
        trouble = trouble or (known.problem if known else "") or advice_on_start(rule, lines)
        if trouble:
            yield _fix(f"The log {log.name} {trouble}.")
            continue
        good += 1
        yield from _clients(log.name, lines, log_format)
        stamp = first_stamp(lines, log_format)
        if stamp is not None:
            stamps.append(stamp)
    if good:
        yield _ok(f"Logs that can be read and follow the log format {settings.log_format!r}: {good}.")
    yield from _zone([stamp for stamp, zoned in stamps if zoned], timezone, now)
    yield from _reach([stamp for stamp, _ in stamps], history, now)


def _clients(name: str, lines: bytes, log_format: LogFormat) -> Iterator[Finding]:
    spell = client_namer(None, None)
    rows = [row for line in lines.split(b"\n") if (row := log_format.row(line)) and row[0]]
    number, clients = len(rows), len({spell(row[0]) for row in rows})
    if number >= _BUSY and clients == 1:
        yield _note(
            f"The first {number} lines of {name} are of one client. If a proxy stands before the server, that is the "
            "proxy: log the visitor's address, or name the header that has it in DOWNLOAD_COUNTER['client']."
        )
    elif number >= _BUSY and clients == number:
        yield _note(
            f"Each of the first {number} lines of {name} is of another client. If that cannot be, what stands where "
            "DOWNLOAD_COUNTER['log_format'] has the client is not the visitor's address."
        )
    ipv4 = [row[0].lower() for row in rows if row[0].count(b".") == 3]
    if len(ipv4) >= _BUSY and all(client.endswith(_SHORTENED) for client in ipv4):
        yield _note(
            f"The IPv4 addresses in {name} are shortened. Visitors of one network count as one, so the numbers are too "
            "low: let the web server log whole addresses. The counter stores none."
        )


def _is_hidden(folder: Path) -> bool:
    return folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def _cannot_open(path: Path | str) -> str:
    try:
        with open_log(path):
            return ""
    except OSError as error:
        return unreadable(error)


def first_stamp(lines: bytes, log_format: LogFormat) -> tuple[datetime, bool] | None:
    """Return the time of the first line that follows a format, and whether the stamp gives its zone.

    A stamp without a zone, or of a kind of its own, is taken for the start of its day here. None
    if no line follows the format.
    """
    for line in lines.split(b"\n"):
        row = log_format.row(line)
        day = row and log_format.day(row[1])
        if not day:
            continue
        if clf := _CLF_STAMP.search(line):
            exact = _parsed(clf[0].decode(), "%d/%b/%Y:%H:%M:%S %z")
        elif iso := _ISO_STAMP.search(line):
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
        zone = time_zone(timezone)
    except DownloadCounterError as error:
        yield _fix(str(error))
        return
    others = {stamp.utcoffset() for stamp in stamps if stamp.utcoffset() != stamp.astimezone(zone).utcoffset()}
    for other in sorted(others, key=_offset):
        yield _note(
            f"The logs have stamps of the zone {_offset(other)}, the site's TIMEZONE is {timezone}. A download counts "
            "for the day of its stamp. If that is not meant, set the machine's zone (timedatectl set-timezone) and "
            "restart the web server."
        )
    if now.utcoffset() != now.astimezone(zone).utcoffset():
        yield _note(
            f"The machine's clock is in the zone {_offset(now.utcoffset())}, the site's TIMEZONE is {timezone}: cron "
            "goes by the machine's."
        )
    elif not others:
        logs = ", the logs" if stamps else ""
        yield _ok(f"The site{logs} and the machine go by the same time zone, {timezone}.")


def _offset(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _reach(stamps: list[datetime], history: History, now: datetime) -> Iterator[Finding]:
    if history.ingested is None:
        yield _note("The logs have not been read yet: the first run counts all that is in them.")
        return
    last = history.ingested
    if not stamps:
        return
    oldest = min(stamps)
    if oldest > last:
        yield _fix(
            f"The last run was on {last:%Y-%m-%d at %H:%M}, and the oldest log begins on {oldest:%Y-%m-%d at %H:%M}: "
            "the downloads between them are lost. Bring back the logs of that time from a backup, if there is one, "
            "beside the others, and run again."
        )
        return
    pause, reach = now - last, now - oldest
    if pause > _LONGEST_PAUSE:
        yield _fix(
            f"The last run was on {last:%Y-%m-%d at %H:%M}, {pause.days} days ago. Is the cron job there, and what did "
            f"it say? The logs reach back to {oldest:%Y-%m-%d}; what leaves them unread is lost."
        )
    elif reach < _SHORTEST_RETENTION:
        yield _note(
            f"The logs reach back to {oldest:%Y-%m-%d at %H:%M} only. If they are kept no longer, days are lost as "
            "soon as a few runs fail: have logrotate keep 14 of them (rotate 14)."
        )
    else:
        yield _ok(
            f"The last run was on {last:%Y-%m-%d at %H:%M}; the logs reach back to {oldest:%Y-%m-%d}, "
            f"{reach.days} days."
        )
