"""The file of a year's days, and how the data files are read and written."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Annotated, TypeVar

import msgspec

from ..errors import DownloadCounterError
from .day import COLUMNS, Record

T = TypeVar("T")

DayText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class _YearFile(msgspec.Struct):
    columns: list[str]
    days: dict[DayText, msgspec.Raw]


class _WholeYearFile(msgspec.Struct):
    columns: list[str]
    days: dict[DayText, Record]


class Damaged(Exception):
    """How a data file is not what it should be."""


class Year:
    """The days of a year, each looked into when it is asked for."""

    def __init__(self, content: bytes | None = None, name: str = "") -> None:
        self._records: dict[str, Record] = {}
        self._raw: dict[str, msgspec.Raw] = {}
        self.changed = False
        if content is not None:
            data: _YearFile | _WholeYearFile
            try:
                data = msgspec.json.decode(content, type=_YearFile)
                self._raw = data.days
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # it may have a name that is not UTF-8
                data = decode(content, _WholeYearFile)
                self._records = data.days
            check_days(data.days)
            known = [column.name for column in COLUMNS]
            if data.columns != known[: len(data.columns)]:
                raise DownloadCounterError(
                    f"{name} was written by a newer version of this program: it has the columns "
                    f"{', '.join(data.columns)}. Use that version; nothing was changed."
                )

    def days(self) -> set[str]:
        """The days that are known."""
        return self._raw.keys() | self._records.keys()

    def months(self) -> set[str]:
        """The months with days that were looked into."""
        return {day[:7] for day in self._records}

    def record(self, day: str) -> Record | None:
        """Return what is known of a day.

        Raises:
            Damaged: it is not what it should be.
        """
        if (raw := self._raw.pop(day, None)) is not None:
            self._records[day] = decode(bytes(raw), Record)
        return self._records.get(day)

    def put(self, day: str, record: Record | None) -> None:
        """Set what is known of a day; None forgets it."""
        self.changed = True
        self._raw.pop(day, None)
        self._records.pop(day, None)
        if record is not None:
            self._records[day] = record

    def forget_unread(self) -> None:
        """Forget the days that were not looked into: they may be damaged."""
        self.changed = True
        self._raw.clear()

    def to_json(self) -> bytes:
        """Return the file's content."""
        lines = {day: bytes(raw) for day, raw in self._raw.items()}
        lines |= {day: _encode(record) for day, record in self._records.items()}
        columns = msgspec.json.encode([column.name for column in COLUMNS])
        days = b",\n".join(b'"%b": %b' % (day.encode(), lines[day]) for day in sorted(lines))
        return b'{"columns": %b,\n"days": {\n%b\n}}\n' % (columns, days)


def decode(content: bytes, kind: type[T]) -> T:
    """Return what a data file holds.

    Raises:
        Damaged: it is not what it should be.
    """
    try:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # A file name that is not UTF-8 is held with JSON's escapes of lone surrogates, which only json reads.
            return msgspec.convert(json.loads(content), kind, strict=True)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Damaged(str(error)) from error


def check_days(days: Iterable[str]) -> None:
    """Look whether some texts of the pattern "YYYY-MM-DD" are days.

    Raises:
        Damaged: one is no day of the calendar.
    """
    for day in days:
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise Damaged(f"{day} is no day of the calendar") from error


def _encode(data: object) -> bytes:
    try:
        return msgspec.json.encode(data, order="sorted")
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(data), sort_keys=True, separators=(",", ":")).encode()


def to_json(data: object, indent: int | None = 1) -> bytes:
    """Return sorted JSON in UTF-8 with a newline at the end.

    A file name that is not UTF-8 is held with surrogate escapes, which UTF-8 cannot hold: then
    the whole is written in ASCII with JSON's own escapes.
    """
    try:
        content = msgspec.json.encode(data, order="sorted")
    except UnicodeEncodeError:
        return json.dumps(data, indent=indent, sort_keys=True).encode() + b"\n"
    return (msgspec.json.format(content, indent=indent) if indent else content) + b"\n"
