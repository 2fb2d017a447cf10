"""Logs that say themselves what their fields are: W3C's extended format, as IIS and CloudFront write it.

Source: https://www.w3.org/TR/WD-logfile.html. Fields differ from server to server, and where the admin
changes them a new `#Fields` line stands in the middle of a log.
"""

from collections.abc import Iterator

from ..errors import DownloadCounterError
from .compiler import compile_format
from .logformat import LineFormat, LogFormat, Options, Row

# A field -> a directive that says the same; the others stand for anything. The path is as it came.
_FIELDS = {
    "date": "%{%Y-%m-%d}t",
    "c-ip": "%h",
    "cs-method": "%m",
    "cs-uri-stem": "%{raw}U",
    "cs-uri": "%{raw}U",
    "sc-status": "%>s",
    "sc-bytes": "%O",
    "cs-host": "%v",
    "x-host-header": "%{Host}i",
    "cs-username": "%{user}n",
}
_MARK = b"#Fields:"


class W3CFormat(LogFormat):
    """A W3C log. What it reads hangs on the last `#Fields` line, so there is one for each log."""

    in_order = True

    def __init__(self, fields: str, options: Options) -> None:
        """Make the format, with the fields of lines before the first `#Fields` line; empty: they cannot be read."""
        self._options = options
        self._unread: list[bytes] = []
        self._formats: dict[bytes, LineFormat | None] = {}
        self._take(fields)
        self.has_agent = True
        self.has_host = True

    def _take(self, fields: str) -> None:
        """Read by these fields from here on."""
        names = fields.split()
        self._formats = {
            between: self._compiled(between.decode().join(map(_directive, names))) for between in (b"\t", b" ")
        }

    def _compiled(self, text: str) -> LineFormat | None:
        try:
            return compile_format(text, self._options)
        except DownloadCounterError:
            return None

    def rows(self, block: bytes) -> list[Row]:
        found: list[Row] = []
        for line in block.split(b"\n")[:-1]:
            if line[:1] == b"#":
                if line.startswith(_MARK):
                    self._take(line[len(_MARK) :].decode("latin-1"))
                continue
            row = self.row(line)
            if row is None:
                self._unread.append(line)
            elif row[0]:
                found.append(row)
        return found

    def unusual_lines(self, block: bytes) -> Iterator[bytes]:  # noqa: ARG002  # `rows` has met them
        unread, self._unread = self._unread, []
        yield from unread

    def row(self, line: bytes) -> Row | None:
        reader = self._formats[b"\t" if b"\t" in line else b" "]
        row = reader.row(line) if reader else None
        if row is None or reader is None:
            return None
        return *row[:4], reader.agent_of(row[4])

    def host_of(self, line: bytes) -> bytes:
        reader = self._formats[b"\t" if b"\t" in line else b" "]
        return reader.host_of(line) if reader else b""


def _directive(name: str) -> str:
    if name.startswith("cs(") and name.endswith(")"):
        return f"%{{{name[3:-1]}}}i" if name.isascii() and "}" not in name else "%{header}n"
    return _FIELDS.get(name, "%{field}n")
