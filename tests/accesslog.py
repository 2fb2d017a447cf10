"""Make up access logs: lines as httpd writes them, and the truth about them, for tests of the counting rule."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

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
        return self.method in (b"GET", b"HEAD") and self.status in (200, 206) and self.file.endswith(".iso")

    @property
    def file(self) -> str:
        """The file of a target that is spelled plainly, with a query or without."""
        return self.target.decode().partition("?")[0].lstrip("/")


Sizes = Mapping[str, int] | Callable[[str, date], int | None]


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


def truth(lines: Iterable[Line], sizes: Sizes) -> Truth:
    """Count slowly and plainly, from all lines at once.

    A download is finished on a day when the bytes sent to its client that day reach the file's size; or when those
    of that day and of the day before do, and neither day's alone did.

    Args:
        lines: in any order; the same one twice counts twice.
        sizes: bytes of each file, or a function that gives those of a file on a day, None if they are not known.
    """
    lines = [line for line in lines if line.counts]
    size_on = sizes if callable(sizes) else lambda file, _day: sizes.get(file)
    content: dict[tuple[str, str, date], int] = {}
    sent: dict[tuple[str, date], int] = {}
    for line in lines:
        key = line.client, line.file, line.day
        content[key] = content.get(key, 0) + (line.size if line.method == b"GET" else 0)
        sent[line.file, line.day] = sent.get((line.file, line.day), 0) + line.size
    started: dict[tuple[str, date], int] = {}
    finished: dict[tuple[str, date], int] = {}
    for (client, file, day), today in content.items():
        started[file, day] = started.get((file, day), 0) + 1
        before = content.get((client, file, day - timedelta(days=1)), 0)
        size = size_on(file, day)
        if size is not None and (today >= size or (before < size <= today + before)):
            finished[file, day] = finished.get((file, day), 0) + 1
    return Truth(started, finished, sent)
