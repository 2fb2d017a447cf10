"""The history by days, as it will be kept: until then made of what is."""

from dataclasses import dataclass, field
from typing import NamedTuple

from ..history.store import History as _Old
from ..history.store import KnownLog as _OldLog

ALL_FILES = ""


class Day(NamedTuple):  # noqa: D101
    started: int
    finished: int | None = None
    sent: int | None = None
    left_out: int = 0
    asked: int | None = None
    checked: int | None = None
    ipv6: int | None = None
    networks: int | None = None
    hosting: int | None = None

    @property
    def gave_up(self) -> int | None:  # noqa: D102
        if self.finished is None or self.asked is None:
            return None
        return max(0, self.started - self.finished - self.asked)


@dataclass
class Record:  # noqa: D101
    files: dict[str, Day] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)


def by_days(history: _Old) -> dict[str, Record]:  # noqa: D103
    found: dict[str, Record] = {}
    for file, days in history.days.items():
        for day, numbers in days.items():
            found.setdefault(day, Record()).files[file] = Day(*numbers)
    return found


def lines(log: _OldLog) -> int:  # noqa: D103
    return getattr(log, "lines", 0)
