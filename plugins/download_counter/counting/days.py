"""From the tallies of many logs to days: what the clients of each file did on each day. Pure."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from socket import AF_INET6, inet_pton
from zlib import crc32

from ..history.day import ALL_FILES, TABLES, Counts, Day, Record, add_days, trim_row
from ..settings import Rule
from .agents import program, system
from .clients import Clients, Key
from .places import places
from .rule import (
    CHECK,
    DOWNLOAD,
    MISSING,
    checked_by,
    day_after,
    day_before,
    has_finished,
    probe_below,
    with_colon,
)

Size = tuple[str, int]
"""A size of a file in bytes, and since when it has it: a day, "" for ever."""

Sizes = Mapping[str, Sequence[Size]]
"""file -> its sizes, in their order."""

Share = tuple[int, int]
"""One part of the clients (from 0 on), and how many parts there are; clients of a /64 network stay together."""

ALL_CLIENTS: Share = (0, 1)

# Clients of one file and day that are looked at together; more are looked at in shares, for the memory.
_TOGETHER = 1 << 20


def size_on(sizes: Sequence[Size], day: str) -> int | None:
    """Return the size in bytes that a file of these sizes had on a day, None if it was never seen."""
    size = None
    for since, value in sizes:
        if since <= day or size is None:
            size = value
    return size


@dataclass
class _Part:
    """The clients of one key in one log."""

    clients: Clients
    index: int
    share: Share = ALL_CLIENTS

    @property
    def size(self) -> int:
        return self.clients.size(self.index)

    @cached_property
    def content(self) -> tuple[list[bytes], "array[int]", bytes]:
        """Names, bytes sent and agents."""
        names, sent, agents = self.clients.at(self.index)
        if self.share == ALL_CLIENTS:
            return names, sent, agents
        number, of = self.share
        mine = [crc32(_network(name)) % of == number for name in names]
        return (
            [name for name, is_mine in zip(names, mine, strict=True) if is_mine],
            array("Q", (n for n, is_mine in zip(sent, mine, strict=True) if is_mine)),
            bytes(kind for kind, is_mine in zip(agents, mine, strict=False) if is_mine),
        )

    def ipv6(self) -> list[bytes]:
        """The names that are IPv6 addresses."""
        return with_colon(self.content[0])


def share_of(clients: Clients, number: int, of: int) -> Clients:
    """Return what one share of the clients did."""
    mine = Clients(heads=clients.heads if number == 0 else {})
    for index, key in enumerate(clients.keys):
        names, sent, agents = _Part(clients, index, (number, of)).content
        if names:
            mine.add(key, b"\n".join(names) + b"\n", sent, agents)
    return mine


def _network(client: bytes) -> bytes:
    """The /64 network of an IPv6 address; any other client as it is."""
    if 58 not in client:
        return client
    try:
        return inet_pton(AF_INET6, client.partition(b"%")[0].decode())[:8]
    except OSError:
        return client  # a network already


@dataclass
class _DayOfFile:
    """What was read of one file on one day."""

    downloads: list[_Part] = field(default_factory=list)
    checks: list[_Part] = field(default_factory=list)
    left_out: dict[str, list[_Part]] = field(default_factory=dict)
    heads: int = 0

    def of_share(self, share: Share) -> "_DayOfFile":
        """Return what one share of the clients did."""

        def mine(parts: list[_Part]) -> list[_Part]:
            return [_Part(part.clients, part.index, share) for part in parts]

        left_out = {reason: mine(parts) for reason, parts in self.left_out.items()}
        return _DayOfFile(mine(self.downloads), mine(self.checks), left_out, 0 if share[0] else self.heads)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.downloads)

    @cached_property
    def values(self) -> Iterable[int]:
        """The bytes sent to each client."""
        return self.downloads[0].content[1] if len(self.downloads) == 1 else self.sent.values()

    @cached_property
    def sent(self) -> Mapping[bytes, int]:
        """The clients and the bytes sent to each."""
        if not self.downloads:
            return {}
        most, *others = sorted((part.content for part in self.downloads), key=lambda one: len(one[0]), reverse=True)
        total = dict(zip(most[0], most[1], strict=True))
        for names, sent, _ in others:
            for client, number in zip(names, sent, strict=True):
                total[client] = total.get(client, 0) + number
        return total

    @property
    def names(self) -> Iterable[bytes]:
        return self.downloads[0].content[0] if len(self.downloads) == 1 else self.sent

    def ipv6(self) -> set[bytes]:
        """The clients with an IPv6 address."""
        return {client for part in self.downloads for client in part.ipv6()}

    def forget(self) -> None:
        """Let go of what was unpacked: two days of a file are held at a time."""
        for name in ("sent", "values"):
            self.__dict__.pop(name, None)
        for part in (*self.downloads, *self.checks):
            part.__dict__.pop("content", None)

    def agents(self) -> Counter[int]:
        """How many clients came with each kind of program; where logs disagree, the kind further down its table."""
        if not self.downloads:
            return Counter()
        most, *others = sorted((part.content for part in self.downloads), key=lambda one: len(one[0]), reverse=True)
        kinds = Counter(most[2])
        first = dict(zip(most[0], most[2], strict=False)) if others else {}
        for names, _, agents in others:
            for client, kind in zip(names, agents, strict=False):
                known = first.get(client)
                if known is None or kind > known:
                    first[client] = kind
                    kinds[kind] += 1
                    if known is not None:
                        kinds[known] -= 1
        return kinds


def _distinct(parts: Iterable[_Part]) -> set[bytes]:
    return {client for part in parts for client in part.content[0]}


Found = tuple[str, str, Day, dict[str, Counts]]
"""File, day, what was found of it, and the rows of tables."""

Call = tuple[str, dict[str, _DayOfFile], Sequence[Size], Rule, bool]
"""The arguments of `_work_out` for one file, or one share of its clients."""


class Gathered:
    """What many logs say, by file. Each file is worked out by itself."""

    def __init__(self, read: Iterable[Clients], rule: Rule) -> None:
        self.rule = rule
        self._files: dict[str, dict[str, _DayOfFile]] = {}
        self._missing: dict[str, dict[str, list[_Part]]] = {}
        checks: list[tuple[Key, _Part]] = []
        for clients in read:
            for index, key in enumerate(clients.keys):
                part = _Part(clients, index)
                if key.kind == DOWNLOAD:
                    self._day(key).downloads.append(part)
                elif key.kind == CHECK:
                    checks.append((key, part))
                elif key.kind == MISSING:
                    self._missing.setdefault(key.day, {}).setdefault(key.path, []).append(part)
                else:
                    self._day(key).left_out.setdefault(key.kind, []).append(part)
            for key, sent in clients.heads.items():
                if key.kind == DOWNLOAD:
                    self._day(key).heads += sent
        self._add_checks(checks)

    def _day(self, key: Key) -> _DayOfFile:
        return self._files.setdefault(key.path, {}).setdefault(key.day, _DayOfFile())

    def _add_checks(self, checks: Iterable[tuple[Key, _Part]]) -> None:
        in_folder: dict[str, list[str]] = {}
        for file in self._files:
            in_folder.setdefault(file.rpartition("/")[0], []).append(file)
        for key, part in checks:
            image, folder = checked_by(key.path, self.rule.extensions)
            for file in [image] if folder is None else in_folder.get(folder, []):
                for day in (day_before(key.day), key.day):
                    if (one := self._files.get(file, {}).get(day)) and part not in one.checks:
                        one.checks.append(part)

    @property
    def size(self) -> int:
        """How many clients there are to look at, those of several files, days or logs more than once."""
        return sum(day.size for days in self._files.values() for day in days.values())

    def calls(self, sizes: Sizes, *, sized: bool) -> list[Call]:
        """Return the arguments for `work_out`, the most work first."""
        calls: list[tuple[int, Call]] = []
        for file, days in self._files.items():
            most = max(day.size for day in days.values())
            shares = -(-most // _TOGETHER) or 1
            for number in range(shares):
                mine = days
                if shares > 1:
                    mine = {day: one.of_share((number, shares)) for day, one in days.items()}
                weight = sum(day.size for day in days.values()) // shares
                calls.append((weight, (file, mine, sizes.get(file, ()), self.rule, sized)))
        return [call for _, call in sorted(calls, key=lambda one: one[0], reverse=True)]

    def missing(self) -> dict[str, Counts]:
        """Return per day how many clients asked for each image that is not there."""
        return {
            day: {path: len(_distinct(parts)) for path, parts in paths.items()} for day, paths in self._missing.items()
        }


def work_out(file: str, days: Mapping[str, _DayOfFile], sizes: Sequence[Size], rule: Rule, sized: bool) -> list[Found]:
    """Work out the days that were read of one file; `sized` is whether the logs say how many bytes were sent."""
    found: list[Found] = []
    nothing = _DayOfFile()
    before_name, before = "", nothing
    for day in sorted(days):
        today = days[day]
        yesterday = before if before_name == day_before(day) else nothing
        found.append((file, day, *_work_out_day(today, yesterday, size_on(sizes, day) if sized else None, rule, sized)))
        before.forget()
        before_name, before = day, today
    before.forget()
    return found


def _work_out_day(
    today: _DayOfFile, yesterday: _DayOfFile, size: int | None, rule: Rule, sized: bool
) -> tuple[Day, dict[str, Counts]]:
    tables: dict[str, Counts] = {}
    if rule.programs:
        agents = today.agents()
        tables["programs"] = _by_name(agents, program)
        tables["systems"] = _by_name(agents, system)
    left_out = {reason: len(_distinct(parts)) for reason, parts in today.left_out.items()}
    if left_out:
        tables["left_out"] = left_out
    ipv6 = today.ipv6()
    started = len(today.downloads[0].content[0]) if len(today.downloads) == 1 else len(today.sent)
    finished = asked = checked = hosting = None
    if size is not None:
        finished, asked, broke = _arrived(today, yesterday, size)
        checked = _checked(today, yesterday, size)
        if broke:
            tables["broke"] = broke
    if rule.countries or rule.networks:
        countries, hosting = _places(today.names, rule)
        if countries:
            tables["countries"] = countries
    day = Day(
        started=started,
        finished=finished,
        sent=sum(today.values) + today.heads if sized else None,
        left_out=sum(left_out.values()),
        asked=asked,
        checked=checked,
        ipv6=len(ipv6),
        networks=started - len(ipv6) + len(set(map(_network, ipv6))),
        hosting=hosting,
    )
    return day, tables


def _by_name(kinds: Mapping[int, int], name_of: Callable[[int], str]) -> Counts:
    names: Counter[str] = Counter()
    for kind, number in kinds.items():
        if number:
            names[name_of(kind)] += number
    return dict(names)


def _arrived(today: _DayOfFile, yesterday: _DayOfFile, size: int) -> tuple[int, int, Counts]:
    """How many finished, how many only asked, and how far those got who gave up."""
    probe = probe_below(size)
    finished = sum(map(size.__le__, today.values))
    asked = sum(map(probe.__gt__, today.values)) if size else 0
    tenths = Counter([sent * 10 // size for sent in today.values if probe <= sent < size])
    if yesterday.downloads and finished < len(today.sent):
        before = yesterday.sent
        for client in today.sent.keys() & before.keys():
            sent = today.sent[client]
            if sent < size and has_finished(sent, before[client], size):
                finished += 1
                if sent < probe:
                    asked -= 1
                else:
                    tenths[sent * 10 // size] -= 1
    return finished, asked, {str(tenth): number for tenth, number in sorted(tenths.items()) if number}


def _checked(today: _DayOfFile, yesterday: _DayOfFile, size: int) -> int:
    return sum(
        client in today.sent and has_finished(today.sent[client], yesterday.sent.get(client, 0), size)
        for client in _distinct(today.checks)
    )


def _places(clients: Iterable[bytes], rule: Rule) -> tuple[Counts, int | None]:
    """The countries of some clients, and how many of them are in data centres; None if that is not asked for."""
    place_of = places(rule.countries, rule.networks)
    found = [place_of(client) for client in clients]
    hosting = sum(is_hosting for _, is_hosting in found) if rule.networks else None
    return dict(Counter(country for country, _ in found)) if rule.countries else {}, hosting


def records(found: Iterable[Found], missing: Iterable[Mapping[str, Counts]]) -> dict[str, Record]:
    """Put what was found together by day. What several shares of the clients did is added up."""
    days: dict[str, Record] = {}
    parts: dict[tuple[str, str], list[Day]] = {}
    for file, day, numbers, tables in found:
        parts.setdefault((day, file), []).append(numbers)
        record = days.setdefault(day, Record({}, {}))
        for name, row in tables.items():
            rows = record.tables.setdefault(name, {})
            if TABLES[name].of_files:
                _add(rows, file, row)
            if TABLES[name].of_all:
                _add(rows, ALL_FILES, row)
    for (day, file), numbers_of in parts.items():
        days[day].files[file] = numbers_of[0] if len(numbers_of) == 1 else add_days(numbers_of)
    for by_day in missing:
        for day, row in by_day.items():
            _add(days.setdefault(day, Record({}, {})).tables.setdefault("not_found", {}), ALL_FILES, row)
    for record in days.values():
        for name, rows in record.tables.items():
            for file, row in rows.items():
                rows[file] = trim_row(name, row)
    return days


def _add(rows: dict[str, Counts], file: str, row: Mapping[str, int]) -> None:
    total = rows.setdefault(file, {})
    for key, number in row.items():
        total[key] = total.get(key, 0) + number


def days_around(days: Iterable[str]) -> set[str]:
    """Return some days, the day before and the day after each: what finished on one may have begun on another.

    What was checked hangs on one day more, for who resumes over midnight and checks on the day after that. It is said
    as "at least", and does not make a run read that day as well.
    """
    return {near for day in days for near in (day_before(day), day, day_after(day))}
