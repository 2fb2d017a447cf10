"""Make up access logs: lines as httpd writes them, and the truth about them, for tests of the counting rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_C_ESCAPES = {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0B: b"\\v", 0x0D: b"\\r", 0x22: b'\\"', 0x5C: b"\\\\"}


def escape_logitem(raw: bytes) -> bytes:
    """What httpd's ap_escape_logitem makes of what a client sent."""
    return b"".join(
        _C_ESCAPES.get(byte) or (b"\\x%02x" % byte if byte < 0x20 or byte >= 0x7F else bytes([byte])) for byte in raw
    )


@dataclass(frozen=True)
class Line:
    """One request; `size` is what %O says, headers included (a HEAD answer is headers only)."""

    client: str = "192.0.2.1"
    day: date = date(2026, 5, 9)
    target: bytes = b"/a.iso"
    method: bytes = b"GET"
    status: int = 200
    size: int = 1_000_000
    second: int = 0

    def encode(self) -> bytes:
        """The line in Debian's combined format, with its newline."""
        minute, second = divmod(self.second, 60)
        hour, minute = divmod(minute, 60)
        stamp = f"{self.day:%d}/{MONTHS[self.day.month - 1]}/{self.day:%Y}:{hour:02}:{minute:02}:{second:02} +0200"
        return b'%b - - [%b] "%b %b HTTP/1.1" %d %d "-" "curl/7.88.1"\n' % (
            self.client.encode(),
            stamp.encode(),
            self.method,
            escape_logitem(self.target),
            self.status,
            self.size,
        )

    @property
    def counts(self) -> bool:
        """Whether it is a download."""
        return self.method in (b"GET", b"HEAD") and self.status in (200, 206) and self.target.endswith(b".iso")

    @property
    def file(self) -> str:
        """The file of a target that is spelled plainly."""
        return self.target.decode().lstrip("/")


@dataclass(frozen=True)
class Truth:
    """What the rule makes of lines, in the plainest words: (file, day) -> number."""

    started: dict[tuple[str, date], int]
    finished: dict[tuple[str, date], int]
    sent: dict[tuple[str, date], int]

    def months(self) -> dict[str, dict[str, int]]:
        """The shape of counts.json."""
        months: dict[str, dict[str, int]] = {}
        for (file, day), number in self.started.items():
            month = months.setdefault(file, {})
            month[f"{day:%Y-%m}"] = month.get(f"{day:%Y-%m}", 0) + number
        return months


def truth(lines: Iterable[Line], sizes: dict[str, int]) -> Truth:
    """Count slowly: look at every client, file and day by itself.

    A download is finished on a day when what its client got that day, and the day before unless it was finished
    then, reaches the file's size.
    """
    lines = [line for line in lines if line.counts]
    keys = {(line.client, line.file, line.day) for line in lines}

    def content(client: str, file: str, day: date) -> int:
        return sum(
            line.size
            for line in lines
            if (line.client, line.file, line.day, line.method) == (client, file, day, b"GET")
        )

    def is_finished(client: str, file: str, day: date) -> bool:
        if (client, file, day) not in keys:
            return False
        before = date.fromordinal(day.toordinal() - 1)
        carried = 0 if is_finished(client, file, before) else content(client, file, before)
        today = content(client, file, day)
        return today > 0 and today + carried >= sizes[file]

    started: dict[tuple[str, date], int] = {}
    finished: dict[tuple[str, date], int] = {}
    sent: dict[tuple[str, date], int] = {}
    for client, file, day in keys:
        started[file, day] = started.get((file, day), 0) + 1
        if is_finished(client, file, day):
            finished[file, day] = finished.get((file, day), 0) + 1
    for line in lines:
        sent[line.file, line.day] = sent.get((line.file, line.day), 0) + line.size
    return Truth(started, finished, sent)
