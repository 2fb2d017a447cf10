"""From access logs to the history: what one run reads, and what it makes of it.

A run reads whole logs and merges by maximum. So reading anything twice, at any moment, can never count it twice.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from .counting.cluster import workers
from .counting.days import days_around
from .counting.places import places
from .counting.workers import Reading, Workers
from .history.store import History, KnownLog, Lines, load
from .logs.files import Log, begin_alike, find, first_bytes
from .logs.formats import format_of
from .settings import Rule, Settings

Progress = Callable[[int, int], None]
"""Called with the number of logs read and the number of those to read."""


# An image that was written to so few seconds ago may not be whole yet.
_STILL_WRITTEN = 60


class Outcome(Struct, frozen=True):
    """What a run came to."""

    history: History  # all that is known now
    read: int | None  # how many logs were read; None if they are the very same as at the last run
    warnings: tuple[str, ...]  # sentences for the admin


def _silent(_done: int, _total: int) -> None:
    """Show no progress."""


def ingest(settings: Settings, sizes: Mapping[str, int], progress: Progress = _silent) -> Outcome:
    """Bring the history up to the logs, and save it. The caller holds the lock.

    `sizes` are the bytes of each image in the web root now; `progress` is told after each log.

    Raises:
        DownloadCounterError: no log, an impossible LogFormat, a data file that is wrong or
            cannot be written. Nothing has changed then.
    """
    rule = settings.rule
    log_format = format_of(rule)  # an impossible format is said before anything is done, and so is a wrong database
    if rule.countries or rule.networks:
        places(rule.countries, rule.networks)
    history = load(settings.web_root)
    logs, warnings = find(settings.logs)
    whole, growing = _whole(settings.web_root, sizes, history)
    warnings += [f"{image} is being written to. Its size counts when it is whole." for image in growing]

    emptied, resized = history.forget_what_counts_lack(), history.note_sizes(whole)
    read_all = emptied or resized or history.lacks_days() or history.state.rule != _plain(rule)
    known = {} if read_all else _known(history, logs)
    changed = [log for log in logs if log not in known]
    if not changed:
        if history.edited:
            history.raise_months()
            history.save()
        return Outcome(history, None, (*history.warnings, *warnings))

    had_bytes = _bytes_are_logged(history.state.logs)
    with workers(settings.scheduler) as some:
        read = _read(some, rule, changed, known, _guess(history, changed), progress)
        for one in read:
            one.problem = one.problem or _served_elsewhere(one, sizes)
        good = _without_copies([one for one in read if not _has_moved(one) and not _is_refused(one)])
        history.state.logs = _remember(logs, known, read)
        sized = log_format.sized and _bytes_are_logged(history.state.logs)
        history.merge(some.work_out(good, rule, history.state.sizes, sized=sized))
    history.raise_months()
    now = datetime.now().astimezone().replace(microsecond=0)
    history.trim(now)
    # Where it turns out only now whether bytes are logged, or that days are lost, the next run reads all logs.
    read_all_next = (sized != had_bytes or history.lost_days) and known
    history.state.rule = {} if read_all_next else _plain(rule)
    history.state.ingested = now
    history.save()
    warnings += [f"The log {log.name} {log.problem}." for log in history.state.logs if log.problem]
    return Outcome(history, len(read), (*history.warnings, *warnings))


def _whole(web_root: Path, sizes: Mapping[str, int], history: History) -> tuple[dict[str, int], list[Path]]:
    """The sizes of images that are whole, and those that grow: by the size of a half, half a download is finished."""
    new = [file for file, size in sizes.items() if history.size_of(file) not in (None, size)]
    just_now = time.time() - _STILL_WRITTEN
    changed = [file for file in new if (status := _status(web_root / file)) and status.st_mtime > just_now]
    if changed:
        time.sleep(1)  # a second look shows whether it grows
    growing = [file for file in changed if (status := _status(web_root / file)) and status.st_size != sizes[file]]
    whole = {file: size for file, size in sizes.items() if file not in growing}
    return whole, [web_root / file for file in growing]


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _plain(rule: Rule) -> dict[str, object]:
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(rule))
    return plain


def _known(history: History, logs: Iterable[Log]) -> dict[Log, KnownLog]:
    """The logs to which nothing has come since the last run. One that could not be read to its end is tried again."""
    found = {log: history.known(log.name, log.size, log.mtime) for log in logs}
    return {log: known for log, known in found.items() if known and known.complete}


def _guess(history: History, changed: Iterable[Log]) -> set[str]:
    """The days that changed logs had at the last run: most have them still, so what is near them is read at once."""
    names = {log.name for log in changed}
    return {day for log in history.state.logs if log.name in names for day in log.days}


def _read(
    some: Workers,
    rule: Rule,
    changed: Sequence[Log],
    known: Mapping[Log, KnownLog],
    guess: Iterable[str],
    progress: Progress,
) -> list[Reading]:
    """Read the logs that have changed, and each other one that has a day of theirs, or one near it."""
    read: list[Reading] = []
    rest, days = dict(known), days_around(guess)
    unread = [*changed, *_near(rest, days)]
    while unread:
        total = len(read) + len(unread)
        for one in some.read(unread, rule):
            read.append(one)
            progress(len(read), total)
        days |= days_around(day for one in read if one.log.path in {log.path for log in changed} for day in one.days)
        unread = _near(rest, days)
    return read


def _near(rest: dict[Log, KnownLog], days: set[str]) -> list[Log]:
    """Take those logs out of the rest that have one of some days."""
    near = [log for log, known in rest.items() if not days.isdisjoint(known.days)]
    for log in near:
        del rest[log]
    return near


def _has_moved(one: Reading) -> bool:
    """Say whether a log is no longer where it was read, as after a rotation. The next run finds it where it is then."""
    now, inode = one.log.look()
    return (
        inode != one.inode or now.size < one.log.size or first_bytes(one.log.path, len(one.beginning)) != one.beginning
    )


def _without_copies(read: Sequence[Reading]) -> list[Reading]:
    """Leave out each log that is, or begins, another one: as `.1` and `.1.gz` while logrotate compresses it."""
    kept: list[Reading] = []
    for one in sorted(read, key=lambda one: one.length, reverse=True):
        if not any(_begins(one, other) for other in kept):
            kept.append(one)
    return kept


def _begins(one: Reading, other: Reading) -> bool:
    if not other.beginning.startswith(one.beginning):
        return False
    # Not to be compared any more: it may be a copy, and none counts twice.
    return begin_alike(one.log.path, other.log.path, one.length) or _has_moved(one) or _has_moved(other)


def _remember(logs: Iterable[Log], known: Mapping[Log, KnownLog], read: Sequence[Reading]) -> tuple[KnownLog, ...]:
    """What to remember of the logs: of those that were read now, and of those that were known."""
    now = {one.log.path: _remembered(one) for one in read if not _has_moved(one)}
    # One that moved while it was read is not known any more: what was to be read with it is read again with it.
    tried = {one.log.path for one in read}
    left = {
        log.path: msgspec.structs.replace(old, name=log.name) for log, old in known.items() if log.path not in tried
    }
    return tuple((now | left)[log.path] for log in logs if log.path in now or log.path in left)


def _remembered(one: Reading) -> KnownLog:
    return KnownLog(
        **{field: getattr(one.tally, field) for field in Lines.__struct_fields__},
        name=one.log.name,
        size=one.log.size,
        mtime=one.log.mtime,
        days=tuple(sorted(one.days)),
        complete=not one.problem,
        problem=one.problem or one.advice,
    )


_REFUSED = "is not counted: it names no image of the web root"


def _served_elsewhere(one: Reading, sizes: Mapping[str, int]) -> str:
    """Say that a log's paths are not those of the web root, if all of its images would be there by other paths."""
    if not one.files or not one.files.isdisjoint(sizes):
        return ""
    below = {file[: -len(image)] for file in one.files for image in sizes if file.endswith(f"/{image}")}
    if len(below) == 1:
        return f"{_REFUSED}, but all below /{below.pop()}. Set DOWNLOAD_COUNTER['url_prefix'] to that path"
    if not {unquote(file) for file in one.files}.isdisjoint(sizes):
        return f"{_REFUSED}, but would percent-decoded. In DOWNLOAD_COUNTER['log_format'], write %{{raw}}U for %U"
    return ""


def _is_refused(one: Reading) -> bool:
    return one.problem.startswith(_REFUSED)


def _bytes_are_logged(logs: Iterable[KnownLog]) -> bool:
    """Say whether the logs say how many bytes were sent. Where that is always 0 or -, it is not known."""
    asked = [log for log in logs if log.lines > log.heads]
    return not asked or any(log.has_bytes for log in asked)
