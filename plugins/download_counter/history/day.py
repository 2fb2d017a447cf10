"""A day: what is counted of each file on it and of all files together, and how two readings of it merge.

`COLUMNS` and `TABLES` are the one list of what is counted. Storage, CSV, JSON and the documentation go by
it; `counting.days` works each of them out from the clients of a file and day.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0)]


class Day(NamedTuple):
    """The downloads of one file on one day. A tuple: there is one a file and day for years.

    None is what is not known. What each number means, `COLUMNS` says.
    """

    started: Number
    finished: Number | None = None
    sent: Number | None = None
    left_out: Number = 0
    asked: Number | None = None
    checked: Number | None = None
    ipv6: Number | None = None
    networks: Number | None = None
    hosting: Number | None = None

    @property
    def gave_up(self) -> int | None:
        """Downloads that neither finished nor were only asked for."""
        if self.finished is None or self.asked is None:
            return None
        return max(0, self.started - self.finished - self.asked)


class Column(NamedTuple):
    """What is counted of one file on one day."""

    name: str  # the field of `Day`
    meaning: str
    # Whether two readings merge by maximum. If not, one more line can make the number smaller, so it is taken from a
    # reading that saw no less of the day and the day before.
    by_maximum: bool = True


COLUMNS = (
    Column("started", "Downloads: different clients."),
    Column("finished", "Downloads whose client got the whole file, on this day or this and the day before.", False),
    Column("sent", "Bytes sent, answers to HEAD included."),
    Column("left_out", "Clients that do not count: crawlers, own networks, own programs."),
    Column("asked", "Downloads that were only asked for: less than 1 MiB and less than 1 % of the file.", False),
    Column("checked", "Finished downloads whose client fetched a digest or signature that day or the next: at least."),
    Column("ipv6", "Downloads by clients with an IPv6 address."),
    Column("networks", "Downloads if all clients in one IPv6 /64 network are one."),
    Column("hosting", "Downloads from data centres; not known without a database of networks."),
)

ALL_FILES = ""
"""In a table, the row of all files together."""


class Table(NamedTuple):
    """What is counted by a key, such as a program's name, of one file or of all files on one day."""

    name: str
    meaning: str
    of_files: bool = False  # whether there is a row for each file
    of_all: bool = True  # whether there is a row for all files together
    # Whether two readings merge each number by maximum; if not, the row that counts more in all is taken.
    by_maximum: bool = False
    # Of single files it is kept for so many days; None: for good. Of all files together it stays.
    days: int | None = None
    as_finished: bool = False  # whether a row is taken from the readings that finished is taken from
    most: int | None = None  # keys that are kept, the biggest
    least: int = 1  # the smallest number that is kept


TABLES = {
    table.name: table
    for table in (
        Table("programs", "Downloads by the program that the client named first.", of_files=True, days=365),
        Table("systems", "Downloads by the operating system that the client named first.", of_files=True, days=365),
        Table("countries", "Downloads by the country of the client's address."),
        Table(
            "broke",
            "Downloads that were given up, by how far they got, in tenths of the file.",
            of_files=True,
            of_all=False,
            as_finished=True,
        ),
        Table("left_out", "Clients that do not count, by the reason.", by_maximum=True),
        # Names are strangers' text: what one client alone asks for is not kept.
        Table(
            "not_found", "Images that were asked for and are not there, by clients.", by_maximum=True, most=50, least=2
        ),
    )
}

Counts = dict[str, Number]
"""Key -> number."""


class Record(msgspec.Struct):
    """One day of all files."""

    files: dict[str, Day] = {}  # the numbers of each file
    tables: dict[str, dict[str, Counts]] = {}  # table -> file or `ALL_FILES` -> key -> number


def sees(new: Day, old: Day) -> bool:
    """Say whether a reading of a day saw at least what an older one saw of it."""
    return new.started >= old.started and (new.sent or 0) >= (old.sent or 0)


def merge_day(old: Day, new: Day, *, whole: bool) -> Day:
    """Merge what was known of a day with what the logs say now.

    Each number is the maximum, so that no line counts twice, however often it is read. Finished and asked are no
    maximum: they are taken from the new reading if it is `whole`, which is: it saw no less of this day and of the day
    before than was known.
    """
    numbers: dict[str, int | None] = {}
    for column, before, now in zip(COLUMNS, old, new, strict=True):
        if column.by_maximum:
            numbers[column.name] = max((n for n in (before, now) if n is not None), default=None)
        else:
            numbers[column.name] = now if whole and now is not None else before
    day = Day(**numbers)  # type: ignore[arg-type]  # started and left_out are known in both
    if day.finished is None:
        return day
    finished = min(day.finished, day.started)
    asked = None if day.asked is None else min(day.asked, day.started - finished)
    checked = None if day.checked is None else min(day.checked, finished)
    return day._replace(finished=finished, asked=asked, checked=checked)


def add_days(days: Iterable[Day]) -> Day:
    """Add up what different clients did of one file on one day."""
    columns = zip(*days, strict=True)
    sums = [None if None in numbers else sum(numbers) for numbers in columns]
    return Day(*sums)  # type: ignore[arg-type]  # started and left_out are known in all


def merge_row(name: str, old: Mapping[str, int], new: Mapping[str, int], *, whole: bool) -> dict[str, int]:
    """Merge two readings of one row of a table, and return what is kept; an unknown table merges by maximum."""
    table = TABLES.get(name) or Table(name, "", by_maximum=True)
    if table.as_finished:
        merged = new if whole else old
    elif table.by_maximum:
        merged = Counter(old) | Counter(new)
    else:
        merged = new if sum(new.values()) >= sum(old.values()) else old
    kept = {key: number for key, number in merged.items() if number >= table.least}
    if table.most is not None and len(kept) > table.most:
        kept = dict(sorted(kept.items(), key=lambda item: (-item[1], item[0]))[: table.most])
    return kept
