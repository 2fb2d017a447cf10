"""The tally of one log: lines go in, the clients of each file and day come out.

Clients live in memory only, while logs are read.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_network

from msgspec import Struct, field
from msgspec.structs import replace

from ..history.store import Lines
from ..logs.advice import HANDFUL
from ..logs.clients import is_client
from ..logs.formats import format_of
from ..logs.logformat import Answer, LineFormat, LogFormat, Row
from ..settings import Rule
from .agents import kind_of as kind_of_agent
from .clients import Clients, Key, pack
from .rule import (
    DOWNLOAD,
    MISSING,
    are_plain,
    client_namer,
    days_in_time,
    kind_namer,
    line_filter,
    path_namer,
)

# Distinct spellings that are remembered of a day while a log is read. A client can make up as many
# as it likes (`?x=1`, `?x=2`, ...), so the memory has an end; and so it has for days.
_REMEMBERED = 1 << 14
_REMEMBERED_DAYS = 4

# Names of a day that are asked for and are not there: strangers make them up.
_MISSING_NAMES = 1 << 12

# Unreadable lines that are kept, to find out what format they are in.
_SAMPLE = 100

# Rows after which the clients of big files are packed: a dict takes seven times the room.
_ROWS_UNPACKED = 1 << 20
_BIG = 1 << 17


class Tally(Lines):
    """What one log says."""

    clients: list[Clients] = field(default_factory=list)  # who did what
    misdated: int = 0  # unreadable lines whose day is far from all others, or no day of the calendar
    agentless: int = 0  # lines that do not count as they have no user agent, which a setting needs
    sample: list[bytes] = field(default_factory=list)  # some of the unreadable lines

    def days(self) -> set[str]:
        """The days that this log has lines of."""
        return {one.key.day for one in self.clients}


def tally(blocks: Iterable[tuple[bytes, int]], rule: Rule) -> Tally:
    """Count one log, given as `logs.files.whole_lines` gives it. It may be gone through twice.

    Raises:
        DownloadCounterError: the rule's LogFormat is impossible. No line ever raises.
    """
    log_format = format_of(rule)
    try:
        return _tally(blocks, rule, log_format)
    except _NoClient:
        if not isinstance(log_format, LineFormat):
            raise
        return _tally(blocks, rule, replace(log_format, usual=None))


class _NoClient(Exception):
    """What the pattern of usual lines took for a client is none: the lines are to be read one by one."""


def _tally(blocks: Iterable[tuple[bytes, int]], rule: Rule, log_format: LogFormat) -> Tally:
    may_count = line_filter(rule.extensions)
    result = Tally()
    places = _Places(log_format, rule, result)
    count = _counter(places, result, _leave_out(rule))
    since_packed = 0

    for lines, overlong in blocks:
        result.unreadable += overlong
        rows = log_format.rows(lines)
        count(rows)
        since_packed += len(rows)
        if places.met_unusual or log_format.usual is None:
            places.met_unusual = False
            named = [line for line in log_format.unusual_lines(lines) if may_count(line)]
            found = [log_format.row(line) for line in named]
            count(row for row in found if row and row[0])
            unread = [line for line, row in zip(named, found, strict=True) if row is None]
            result.unreadable += len(unread)
            result.sample += unread[: _SAMPLE - len(result.sample)]
            since_packed += len(named)
        if since_packed >= _ROWS_UNPACKED:
            since_packed = 0
            places.pack(_BIG)
    places.pack(0)
    _pass_over_wrong_clocks(result)
    # No line has a client, so none counts. A few may lack it: who asks the server itself sends no proxy's header.
    if result.lines > HANDFUL and not any(one.names.strip(b"-\n") for one in result.clients):
        result.clients = []
        result.unreadable, result.lines = result.unreadable + result.lines, 0
    return result


def _leave_out(rule: Rule) -> Callable[[bytes, bytes], str | None] | None:
    """A function that says why a client with this agent does not count, None if it does; None if all count."""
    tests: list[tuple[str, Callable[[bytes, bytes], bool]]] = []
    if rule.own_networks:
        networks = [ip_network(network) for network in rule.own_networks]
        client_of = client_namer(None, None)

        @lru_cache(maxsize=_REMEMBERED)
        def is_own(client: bytes) -> bool:
            try:
                host = ip_network(client_of(client).decode())
            except ValueError:
                return False
            return any(host.version == network.version and host.subnet_of(network) for network in networks)  # type: ignore[arg-type]

        tests.append(("network", lambda client, _agent: is_own(client)))
    if rule.own_agents:
        patterns = tuple(pattern.lower().encode() for pattern in rule.own_agents)
        tests.append(("agent", lambda _client, agent: any(pattern in agent.lower() for pattern in patterns)))
    if rule.crawlers:
        from .crawlers import crawler_test  # 0.1 s that most sites need not pay

        is_crawler = lru_cache(maxsize=_REMEMBERED)(crawler_test())
        tests.append(("crawler", lambda _client, agent: is_crawler(agent)))
    if not tests:
        return None

    def why(client: bytes, agent: bytes) -> str | None:
        return next((reason for reason, test in tests if test(client, agent)), None)

    return why


class _Agents(dict[bytes, int]):
    """The kind of the agent in the last field of a row, as it is spelled in the log."""

    def __init__(self, agent_of: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._agent_of = agent_of

    def __missing__(self, rest: bytes) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[rest] = kind = kind_of_agent(self._agent_of(rest))
        return kind


def _counter(
    places: "_Places", result: Tally, why_not: Callable[[bytes, bytes], str | None] | None
) -> Callable[[Iterable[Row]], None]:
    """Return the loop that counts rows at their places, with all it needs."""
    day_of, agent_of = places.log_format.day, places.log_format.agent_of
    agents = _Agents(agent_of) if places.rule.programs else None
    needs_agent = places.rule.crawlers or bool(places.rule.own_agents)

    def count(rows: Iterable[Row]) -> None:
        last, today = None, places[None]
        counted = 0
        for client, stamp, answer, size, rest in rows:
            if stamp != last:
                last, today = stamp, places[day_of(stamp) if stamp else None]
            place = today[answer]
            if place is None:  # neither a download nor one of the other kinds
                continue
            counted += 1
            if why_not:
                agent = agent_of(rest)
                if needs_agent and not agent:
                    result.agentless += 1
                    continue
                if reason := why_not(client, agent):
                    place.left_out.setdefault(reason, {})[client] = 0
                    continue
            try:
                sent = int(size)
            except ValueError:  # "-" or nothing
                sent = 0
            if place.head:
                result.heads += 1
                result.heads_sized += sent > 0
                result.heads_silent += size == b"-"
                place.heads += sent
                sent = 0
            clients = place.clients
            before = clients.get(client)
            if before is None:
                clients[client] = sent
                if agents is not None:
                    place.agents.append(agents[rest])
            else:
                clients[client] = before + sent
        result.lines += counted

    return count


class _Place(Struct):
    """Where the answers to one method for one key are counted."""

    # The bytes sent to each client as content, whatever the method.
    clients: dict[bytes, int] = {}
    # The kind of program each first came with, in the order of `clients`.
    agents: bytearray = field(default_factory=bytearray)
    left_out: dict[str, dict[bytes, int]] = {}  # why clients do not count, and who
    head: bool = False  # the method is HEAD
    heads: int = 0  # the bytes of answers to HEAD


class _Places(dict[str | None, "_PlacesOfDay"]):
    """The places of each day; those of no day of the calendar are under None."""

    def __init__(self, log_format: LogFormat, rule: Rule, result: Tally) -> None:
        super().__init__()
        self.log_format = log_format
        self.rule = rule
        self.met_unusual = False  # an answer was looked for that only a line by itself can tell
        self._result = result
        self._path_of = path_namer(rule.url_prefix, decoded=log_format.decoded)
        self._kind_of = kind_namer(rule)
        self._client_of = lru_cache(maxsize=_REMEMBERED)(client_namer(rule.fold_ipv4, rule.fold_ipv6))
        self._folds = bool(rule.fold_ipv4 or rule.fold_ipv6)
        self._known: dict[Key, tuple[_Place, _Place]] = {}
        self._missing: Counter[str] = Counter()

    def __missing__(self, day: str | None) -> "_PlacesOfDay":
        if len(self) >= _REMEMBERED_DAYS:
            self.clear()
        self[day] = places = _PlacesOfDay(self, day)
        return places

    def find(self, day: str | None, method: bytes, target: bytes, status: bytes) -> _Place | None:
        """The place that an answer on a day means."""
        if not method or not target:
            return None
        path = self._path_of(target)
        kind = self._kind_of(method, status, path) if path else None
        if path is None or kind is None:
            return None
        if day is None:
            self._result.unreadable += 1
            self._result.misdated += 1
            return None
        key = Key(kind, day, path.decode("utf-8", "surrogateescape"))
        if key not in self._known:
            if kind == MISSING:
                if self._missing[day] >= _MISSING_NAMES:
                    return None
                self._missing[day] += 1
            place = _Place()
            self._known[key] = place, _Place(place.clients, place.agents, place.left_out, head=True)
        return self._known[key][method == b"HEAD"]

    def pack(self, at_least: int) -> None:
        """Pack the clients of places that have at least so many, and let go of the dicts."""
        result = self._result
        for key, (place, heads) in self._known.items():
            if not at_least and key.kind == DOWNLOAD:
                for reason, clients in place.left_out.items():
                    result.clients.append(pack(key._replace(kind=reason), *self._in_one_spelling(clients, b"")))
            if len(place.clients) >= max(1, at_least):
                result.has_bytes = result.has_bytes or any(place.clients.values())
                result.clients.append(pack(key, *self._in_one_spelling(place.clients, place.agents), heads.heads))
                place.clients.clear()
                place.agents.clear()
                heads.heads = 0
        if not at_least:
            self._known.clear()
            self.clear()  # of the places of days, which know this: what is counted is not held any longer

    def _in_one_spelling(
        self, clients: Mapping[bytes, int], agents: bytes | bytearray
    ) -> tuple[bytes, Collection[int], bytes | bytearray]:
        joined = b"\n".join(clients) + b"\n"
        if not self._folds and are_plain(clients.keys(), joined):
            return joined, clients.values(), agents
        spelled: dict[bytes, int] = {}
        kinds = bytearray()
        for index, (client, sent) in enumerate(clients.items()):
            if self.log_format.usual and not is_client(client):
                raise _NoClient
            name = self._client_of(client)
            if name not in spelled:
                spelled[name] = sent
                kinds += agents[index : index + 1]
            else:
                spelled[name] += sent
        return b"\n".join(spelled) + b"\n", spelled.values(), kinds


class _PlacesOfDay(dict[Answer, _Place | None]):
    """The place that an answer means, as it is spelled in the log; None if it does not count."""

    def __init__(self, places: _Places, day: str | None) -> None:
        super().__init__()
        self.places = places
        self.day = day
        self.most = _REMEMBERED

    def __missing__(self, answer: Answer) -> _Place | None:
        parts = self.places.log_format.answer_parts(answer)
        if parts is None:
            self.places.met_unusual = True
            return None
        place = self.places.find(self.day, *parts)
        if self.day is not None:  # else each answer is looked for, and counted
            if len(self) >= self.most:
                self._make_room()
            self[answer] = place
        return place

    def _make_room(self) -> None:
        """Forget the answers that do not count, which strangers make up; all, if one file has too many spellings."""
        for answer in [answer for answer, place in self.items() if place is None]:
            del self[answer]
        files = len({id(place) for place in self.values()})
        if len(self) > _REMEMBERED // 2 + 4 * files:
            self.clear()
        self.most = len(self) + _REMEMBERED


def _pass_over_wrong_clocks(result: Tally) -> None:
    """Take the days out that no right clock has written."""
    lines: Counter[str] = Counter()
    for one in result.clients:
        lines[one.key.day] += len(one.sent)
    right = days_in_time(lines)
    wrong = sum(len(one.sent) for one in result.clients if one.key.day not in right and one.key.kind == DOWNLOAD)
    result.clients = [one for one in result.clients if one.key.day in right]
    result.unreadable += wrong
    result.misdated += wrong
