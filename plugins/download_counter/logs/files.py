"""Access logs: find them, open them, read them in blocks of whole lines."""

import bz2
import contextlib
import glob
import lzma
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from ..errors import DownloadCounterError
from ..safe_files import explain
from .remote import is_address, listing, open_address, shown

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

try:
    # In three fifths of the time; not every processor has it. Damage is an error of its own.
    from isal import igzip as gzip
    from isal import isal_zlib as zlib
except ImportError:
    import gzip  # type: ignore[no-redef]
    import zlib  # type: ignore[no-redef]

# Bytes asked for at a time: big enough that the work per block does not show, small enough that
# a block and what is read out of it stay in the processor's cache.
BLOCK = 1 << 16

# Bytes at the beginning of a log that tell its format.
BEGINNING = 1 << 16

# A longer line is not one of httpd's (its limits, LimitRequestLine and LimitRequestFieldSize,
# are 8190 bytes each, and escaping makes at most four of one). It is passed over, so that a log
# that is one endless line takes no more memory than any other.
LONGEST_LINE = 1 << 20

# What a compressed file begins with (RFC 1952; bzip2's manual; the .xz format's section 2.1.1.1 and that of LZMA_Alone;
# RFC 8878 section 3.1), told from the content since rotated logs have all sorts of names.
_COMPRESSED: tuple[tuple[re.Pattern[bytes], Callable[[Any], Any]], ...] = (
    (re.compile(rb"\x1f\x8b"), gzip.open),
    (re.compile(rb"BZh"), bz2.open),
    (re.compile(rb"\xfd7zXZ\x00|\x5d\0\0[\0-\xff]{2}"), lzma.open),
    (re.compile(rb"\(\xb5/\xfd|[\x50-\x5f]\x2aM\x18"), zstd.open),  # the second: a frame to skip, as pzstd writes first
)

# What a file begins with that holds no log as it is, and what it is then.
_NO_LOG = (
    (re.compile(rb"PK\x03\x04"), "a zip archive: unpack it"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive: unpack it"),
    (re.compile(rb"Rar!\x1a"), "a rar archive: unpack it"),
    (re.compile(rb"\x1f\x9d|LZIP|\x04\x22M\x18"), "compressed in a way that is not read: use gzip, bzip2, xz or zstd"),
    (re.compile(rb"(?s:.{257})ustar"), "a tar archive: unpack it"),
    (
        re.compile(rb"\xff\xfe|\xfe\xff|(?:[^\0]\0){8}|(?:\0[^\0]){8}"),
        "written in UTF-16: convert it, as with iconv -f UTF-16 -t UTF-8",
    ),
)

_REPLACE = "Put a whole copy in its place, or remove it"

# Bytes without the end of a line after which a file is no log of lines.
_NO_LINE = 1 << 15

# What the decompressors raise for a file that is cut or damaged.
_DAMAGE: tuple[Any, ...] = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, ValueError)


class NoLogs(DownloadCounterError):
    """No access log matches."""


class LogProblem(Exception):
    """Why a log, or the rest of it, could not be read: the text ends a sentence."""


class Log(Struct, frozen=True):
    """A log as the folder lists it."""

    path: Path | str  # where it is; the text is an address on another machine
    size: int  # bytes on the disk
    mtime: int  # time of its last change, in nanoseconds since 1970, as stat(2) gives it

    @property
    def name(self) -> str:
        """Its path, or its address without user and password."""
        return shown(self.path) if isinstance(self.path, str) else str(self.path)

    def look(self) -> tuple["Log", int | None]:
        """Return the log as it is now, and its inode; None by an address, or if it is gone."""
        if isinstance(self.path, str):
            return self, None
        try:
            status = self.path.stat()
        except OSError:
            return self, None
        return Log(self.path, status.st_size, status.st_mtime_ns), status.st_ino


def find(patterns: Iterable[str]) -> tuple[list[Log], list[str]]:
    """Return the logs that the globs match, by path, and sentences about what is not a log.

    A log that vanishes meanwhile (rotation) is left out without a word: it is there again under
    its new name at the next run.

    Raises:
        NoLogs: nothing matches; the message names the globs.
    """
    names: dict[str, str] = {pattern: shown(pattern) if is_address(pattern) else pattern for pattern in patterns}
    paths: set[Path] = set()
    logs: list[Log] = []
    problems: list[str] = []
    unmatched: list[str] = []
    for pattern, name in names.items():
        found: Sequence[object]
        if is_address(pattern):
            try:
                found = items = listing(pattern)
            except OSError as error:
                problems.append(f"{name} cannot be listed: {_why(error)}; its logs are left out.")
                continue
            logs += [log for item in sorted(items) if (log := Log(*item)) not in logs]
        else:
            found = matches = glob.glob(pattern)
            paths.update(map(Path, matches))
        if not found:
            unmatched.append(f"No access log matches {name}, one of several in LOGS. Correct it, or take it out.")
    for path in sorted(paths):
        try:
            status = path.stat()
        except OSError as error:
            if os.path.islink(path):
                problems.append(f"{path} is a link that leads nowhere ({explain(error)}); left out.")
            continue
        if stat.S_ISREG(status.st_mode):
            logs.append(Log(path, status.st_size, status.st_mtime_ns))
        else:
            problems.append(f"{path} is not a plain file; left out.")
    if not logs:
        raise NoLogs(
            f"No access log matches {' '.join(names.values())}. "
            + "".join(f"{problem} " for problem in problems)
            + "Check LOGS (globs, separated by blanks) and that this user may read the folder."
        )
    return logs, problems + unmatched


@contextlib.contextmanager
def _open_plain(path: Path) -> Iterator[BufferedReader]:
    # Without O_NONBLOCK, a FIFO put in the place of the log would hold the run for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a plain file")
        yield file


@contextlib.contextmanager
def open_log(path: Path | str) -> Iterator[BinaryIO]:
    """Open a log for reading, decompressed if its content says it is compressed.

    Raises:
        OSError: it cannot be opened, or is no plain file any more.
    """
    with open_address(path) if isinstance(path, str) else _open_plain(path) as file:
        start = file.peek(6)
        opener = next((opener for magic, opener in _COMPRESSED if magic.match(start)), None)
        if opener is None:
            yield file
        else:
            with opener(file) as opened:  # it does not close `file`
                yield opened


def read(path: Path | str) -> Iterator[bytes]:
    """Give a log, decompressed, in blocks as they come, cut anywhere; lines end with a newline alone.

    What stands before the first line is left out: a byte order mark, or the NULs
    that a server leaves that writes on at its old place after copytruncate.

    Raises:
        LogProblem: it cannot be opened, is no log, or is cut or damaged; what came before was given out.
    """
    blocks = _raw(path)
    first = next(blocks, b"")
    while first and not first.strip(b"\0"):
        first = next(blocks, b"")
    for magic, what in _NO_LOG:
        if magic.match(first):
            raise LogProblem(f"cannot be read: it is {what}")
    first = first.lstrip(b"\0").removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in first and b"\r" in first:  # as old Macs ended lines
        yield from (block.replace(b"\r", b"\n") for block in chain([first], blocks))
    elif b"\r\n" in first:
        yield from _without_returns(chain([first], blocks))
    else:
        given, has_lines = 0, False
        for block in chain([first] if first else [], blocks):
            given += len(block)
            has_lines = has_lines or b"\n" in block
            yield block
        if given >= _NO_LINE and not has_lines:
            raise LogProblem("cannot be read: no line ends in it, so it is no log. Leave it out of LOGS")


def _without_returns(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Take the carriage return off the ends of lines."""
    rest = b""
    for block in blocks:
        text = rest + block
        rest = b"\r" if text.endswith(b"\r") else b""
        yield text.removesuffix(rest).replace(b"\r\n", b"\n")
    if rest:
        yield rest


def _raw(path: Path | str) -> Iterator[bytes]:
    """Give the bytes of a log as they are, decompressed."""
    at = 0
    # A decompressor that meets the damage gives nothing of what that call had read before it:
    # the rest is asked for again in smaller pieces, down to the last byte that is good.
    for step in (BLOCK, 1 << 8, 1):
        try:
            with open_log(path) as file:
                if at:
                    file.seek(at)
                # read1, not read: one call, so that less is lost when the next one meets the damage.
                read1: Callable[[int], bytes] = getattr(file, "read1", file.read)
                while block := read1(step):
                    at += len(block)
                    yield block
                return
        except _DAMAGE as error:
            problem = error
    if at:
        raise LogProblem(f"is cut or damaged: {_why(problem)}. What came before that counts. {_REPLACE}") from problem
    raise LogProblem(unreadable(problem)) from problem


def unreadable(error: BaseException) -> str:
    """Return the end of a sentence on a log that cannot be read: why, and what to do."""
    if isinstance(error, PermissionError):
        todo = "On Debian, members of the group adm may read logs"
    elif isinstance(error, OSError) and error.errno:
        todo = "The next run tries it again"
    else:
        todo = _REPLACE
    return f"cannot be read: {_why(error)}. {todo}"


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or error.__class__.__name__


def whole_lines(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Put blocks together so that each ends with the end of a line.

    A last line without its newline is still being written: it is not given out. A line longer
    than `LONGEST_LINE` is passed over.

    Yields:
        Whole lines, and the number of overlong lines passed over before them.
    """
    rest = b""
    overlong = False
    dropped = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not end:
            if not overlong:
                rest += block
                if len(rest) > LONGEST_LINE:
                    rest, overlong, dropped = b"", True, dropped + 1
            continue
        start = 0
        if overlong:
            start, overlong = block.find(b"\n") + 1, False
        yield rest + block[start:end], dropped
        rest, dropped = block[end:], 0
    if dropped:
        yield b"", dropped


def first_bytes(path: Path | str, most: int) -> bytes:
    """Return the first bytes of a log, decompressed, as far as they can be read."""
    return b"".join(_stream(path, most))


def first_lines(path: Path | str, most: int = BEGINNING) -> bytes:
    """Return the whole lines in the first bytes of a log, as far as they can be read."""
    lines = first_bytes(path, most)
    return lines[: lines.rfind(b"\n") + 1]


def begin_alike(one: Path | str, other: Path | str, length: int) -> bool:
    """Say whether the first bytes of two logs, decompressed, are the same, as far as both can be read."""
    ours, theirs = _stream(one, length), _stream(other, length)
    a = b = b""
    while True:
        a, b = a or next(ours, b""), b or next(theirs, b"")
        if not a or not b:
            return True
        size = min(len(a), len(b))
        if a[:size] != b[:size]:
            return False
        a, b = a[size:], b[size:]


def _stream(path: Path | str, most: int) -> Iterator[bytes]:
    """The first bytes of a log, as far as it can be read."""
    with contextlib.suppress(LogProblem):
        for block in read(path):
            yield block[:most]
            most -= len(block)
            if most <= 0:
                return
