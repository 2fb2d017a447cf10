"""Servers whose access logs are written, rotated, packed, copied, lost and restored, as on real ones."""

import bz2
import gzip
import lzma
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from accesslog import MONTHS, Line

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".gz": (lambda data: gzip.compress(data, 1), gzip.decompress),
    ".bz2": (bz2.compress, bz2.decompress),
    ".xz": (lambda data: lzma.compress(data, preset=0), lzma.decompress),
    ".zst": (zstd.compress, zstd.decompress),
}
"""Of each ending that a packed log may have, how it is packed and unpacked."""

_REQUEST = re.compile(
    rb"(\S+) - - \[(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) \+0200\] "
    rb'"(\w+) (\S+) HTTP/1\.1" (\d+) (\d+) "-" "[^"]*"\n'
)
_ROTATED = re.compile(r"access\.log[.-](\d+)(\.[a-z]+\d?)?")


class Clock:
    """The time of the servers. It goes on with each thing that happens, by nanoseconds or by minutes."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.hour = 0
        self._now = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp() * 1e9)

    def tick(self, nanoseconds: int) -> int:
        """Go on a little; return the nanoseconds since 1970."""
        self._now += nanoseconds
        return self._now

    def next_hour(self) -> None:
        """Go on to the next hour in which something happens; after the third comes midnight."""
        self.hour += 1
        if self.hour == 3:
            self.hour = 0
            self.today += timedelta(days=1)


@dataclass(frozen=True)
class Habits:
    """How logrotate is set up on a server.

    Attributes:
        hourly: rotate in every hour of the clock, not only at midnight.
        dated: `dateext`: rotated logs have a date in their names, not a number.
        keep: how many rotated logs are kept.
        packing: the ending of packed logs, empty to leave them plain.
        delay: `delaycompress`: the newest rotated log stays plain.
        copytruncate: copy the log and empty it, rather than rename it.
        steps: by how many nanoseconds the clock goes on for each write.
    """

    hourly: bool
    dated: bool
    keep: int
    packing: str
    delay: bool
    copytruncate: bool
    steps: int


class Server:
    """The folder of one server's access log and the logs rotated from it, made if it is not there."""

    def __init__(self, folder: Path, habits: Habits, clock: Clock) -> None:
        self.folder = folder
        self.habits = habits
        self.current = folder / "access.log"
        self._clock = clock
        self._half = b""
        if not folder.exists():
            folder.mkdir(parents=True)
            self.put(self.current, b"")

    def put(self, path: Path, data: bytes, time: int | None = None) -> None:
        """Write a file, with the time it is, or with another one."""
        mode = path.stat().st_mode if path.exists() else 0o644
        path.write_bytes(data)
        path.chmod(mode)
        time = time or self._clock.tick(self.habits.steps)
        os.utime(path, ns=(time, time))

    def write(self, lines: Iterable[Line], path: Path | None = None) -> None:
        """Log some requests, after the rest of a line that was begun."""
        path = path or self.current
        begun = self._half if path == self.current else b""
        if begun:
            self._half = b""
        self.put(path, path.read_bytes() + begun + b"".join(line.encode() for line in lines))

    def begin(self, line: Line) -> None:
        """Write a line whose end is still to come."""
        self.write([])
        data = line.encode()
        at = data.index(b"[") + 1 + line.second % (len(data) - data.index(b"[") - 2)
        self.put(self.current, self.current.read_bytes() + data[:at])
        self._half = data[at:]

    def logs(self) -> list[Path]:
        """All logs in the folder."""
        return sorted(self.folder.glob("access.log*"))

    def rotated(self) -> list[Path]:
        """The rotated logs, newest first."""
        found = [(path, match) for path in self.logs() if (match := _ROTATED.fullmatch(path.name))]
        found.sort(key=lambda one: int(one[1][1]), reverse=self.habits.dated)
        return [path for path, _ in found]

    def rotate(self) -> None:
        """Do what logrotate does."""
        new = self.folder / f"access.log-{self._clock.today:%Y%m%d}{self._clock.hour:02}"
        if not self.habits.dated:
            new = self.folder / "access.log.1"
            for path in reversed(self.rotated()):
                number, packing = _ROTATED.fullmatch(path.name).groups("")  # type: ignore[union-attr]
                path.rename(self.folder / f"access.log.{int(number) + 1}{packing}")
        elif list(self.folder.glob(f"{new.name}*")):
            return  # as logrotate does
        if self.habits.copytruncate:
            self.put(new, self.current.read_bytes())
            new.chmod(self.current.stat().st_mode)
            self.put(self.current, b"")  # what was begun goes on in the emptied log, and is no line
        else:
            self.write([])  # a server ends its line, in the log that was renamed
            self.current.rename(new)
            self.put(self.current, b"")
        for path in self.rotated():
            if self.habits.packing and path.suffix not in PACKINGS and not (self.habits.delay and path == new):
                self.pack(path, self.habits.packing)
        for path in self.rotated()[self.habits.keep :]:
            path.unlink()

    def pack(self, path: Path, packing: str, *, keep_plain: bool = False, keep_time: bool = True) -> None:
        """Pack a log, or pack it anew by another program."""
        if path.suffix == packing:
            return
        name = path.name.removesuffix(path.suffix) if path.suffix in PACKINGS else path.name
        packed = self.folder / (name + packing)
        status = path.stat()
        self.put(packed, PACKINGS[packing][0](unpacked(path)), status.st_mtime_ns if keep_time else None)
        packed.chmod(status.st_mode)
        if not keep_plain:
            path.unlink()


def unpacked(path: Path) -> bytes:
    """What a log says."""
    data = path.read_bytes()
    return PACKINGS[path.suffix][1](data) if path.suffix in PACKINGS else data


def lines_in(path: Path) -> Iterable[Line]:
    """Read the whole lines of a log, slowly and plainly."""
    for line in unpacked(path).splitlines(keepends=True):
        if match := _REQUEST.fullmatch(line):
            client, day, month, year, hour, minute, second, method, target, status, size = match.groups()
            yield Line(
                client.decode(),
                date(int(year), MONTHS.index(month.decode()) + 1, int(day)),
                target,
                method,
                int(status),
                int(size),
                int(hour) * 3600 + int(minute) * 60 + int(second),
            )
