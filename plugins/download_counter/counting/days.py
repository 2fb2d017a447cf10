"""From the tallies of many logs to days: what the clients of each file did on each day. Pure."""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from ..history.day import ALL_FILES, TABLES, Counts, Day, Record, add_days
from ..settings import Rule
from .agents import program, system
from .clients import ALL_CLIENTS, Clients, Key, Share, network
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

# Clients of one file and day that are looked at together; more are looked at in shares, for the memory.
_TOGETHER = 1 << 20


def size_on(sizes: Sequence[Size], day: str) -> int | None:
    """Return the size in bytes that a file of these sizes had on a day, None if it was never seen."""
    size = None
    for since, value in sizes:
        if since <= day or size is None:
            size = value
    return size


class _DayOfFile(Struct, dict=True):
    """What was read of one file on one day, of all clients or a share of them."""

    downloads: list[Clients] = []
    checks: list[Clients] = []
    left_out: dict[str, list[Clients]] = {}
    heads: int = 0
    share: Share = ALL_CLIENTS

    @cached_property
    def content(self) -> list[tuple[list[bytes], "array[int]", bytes]]:
        """Names, bytes sent and agents by each log, the longest first."""
        return sorted((one.unpacked(self.share) for one in self.downloads), key=lambda one: len(one[0]), reverse=True)

    @property
    def size(self) -> int:
        return sum(len(one.sent) for one in self.downloads)

    @cached_property
    def sent(self) -> Mapping[bytes, int]:
        """The clients and the bytes sent to each."""
        total: dict[bytes, int] = dict(zip(*self.content[0][:2], strict=True)) if self.content else {}
        for names, sent, _ in self.content[1:]:
            for client, number in zip(names, sent, strict=True):
                total[client] = total.get(client, 0) + number
        return total

    @property
    def values(self) -> Collection[int]:
        """The bytes sent to each client."""
        return self.content[0][1] if len(self.content) == 1 else self.sent.values()

    @property
    def names(self) -> Collection[bytes]:
        return self.content[0][0] if len(self.content) == 1 else self.sent

    def ipv6(self) -> set[bytes]:
        """The clients with an IPv6 address."""
        return {client for names, _, _ in self.content for client in with_colon(names)}

    def distinct(self, some: Iterable[Clients]) -> set[bytes]:
        """The clients, of this share, in what several logs say."""
        return {client for one in some for client in one.unpacked(self.share)[0]}

    def forget(self) -> None:
        """Let go of what was unpacked: two days of a file are held at a time."""
        self.__dict__.pop("sent", None)
        self.__dict__.pop("content", None)

    def agents(self) -> Counter[int]:
        """How many clients came with each kind of program; where logs disagree, the kind further down its table."""
        if not self.content:
            return Counter()
        most, *others = self.content
        kinds = Counter(most[2])
        first = dict(zip(most[0], most[2], strict=True)) if others else {}
        for names, _, agents in others:
            for client, kind in zip(names, agents, strict=True):
                known = first.get(client)
                if known is None or kind > known:
                    first[client] = kind
                    kinds[kind] += 1
                    if known is not None:
                        kinds[known] -= 1
        return kinds


Found = tuple[str, str, Day, dict[str, Counts]]
"""File, day, what was found of it, and the rows of tables."""

Call = tuple[str, dict[str, _DayOfFile], Sequence[Size], Rule, bool]
"""The arguments of `_work_out` for one file, or one share of its clients."""


class Gathered:
    """What many logs say, by file. Each file is worked out by itself."""

    def __init__(self, read: Iterable[Clients], rule: Rule) -> None:
        self.rule = rule
        self._files: dict[str, dict[str, _DayOfFile]] = {}
        self._missing: dict[str, dict[str, list[Clients]]] = {}
        checks: list[Clients] = []
        for one in read:
            key = one.key
            if key.kind == DOWNLOAD:
                self._day(key).downloads.append(one)
                self._day(key).heads += one.heads
            elif key.kind == CHECK:
                checks.append(one)
            elif key.kind == MISSING:
                self._missing.setdefault(key.day, {}).setdefault(key.path, []).append(one)
            else:
                self._day(key).left_out.setdefault(key.kind, []).append(one)
        self._add_checks(checks)

    def _day(self, key: Key) -> _DayOfFile:
        return self._files.setdefault(key.path, {}).setdefault(key.day, _DayOfFile())

    def _add_checks(self, checks: Iterable[Clients]) -> None:
        in_folder: dict[str, list[str]] = {}
        for file in self._files:
            in_folder.setdefault(file.rpartition("/")[0], []).append(file)
        for one in checks:
            image, folder = checked_by(one.key.path, self.rule.extensions)
            for file in [image] if folder is None else in_folder.get(folder, []):
                for day in (day_before(one.key.day), one.key.day):
                    if of_file := self._files.get(file, {}).get(day):
                        of_file.checks.append(one)

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
                    mine = {day: replace(one, share=(number, shares)) for day, one in days.items()}
                weight = sum(day.size for day in days.values()) // shares
                calls.append((weight, (file, mine, sizes.get(file, ()), self.rule, sized)))
        return [call for _, call in sorted(calls, key=lambda one: one[0], reverse=True)]

    def missing(self) -> dict[str, Counts]:
        """Return per day how many clients asked for each image that is not there."""
        return {
            day: {path: len(_DayOfFile().distinct(some)) for path, some in paths.items()}
            for day, paths in self._missing.items()
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
    left_out = {reason: len(today.distinct(some)) for reason, some in today.left_out.items()}
    if left_out:
        tables["left_out"] = left_out
    ipv6 = today.ipv6()
    started = len(today.names)
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
        sent=sum(today.values) + (0 if today.share[0] else today.heads) if sized else None,
        left_out=sum(left_out.values()),
        asked=asked,
        checked=checked,
        ipv6=len(ipv6),
        networks=started - len(ipv6) + len(set(map(network, ipv6))),
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
    if yesterday.downloads and finished < len(today.names):
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
        for client in today.distinct(today.checks)
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
