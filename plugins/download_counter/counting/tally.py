r"""The counting rule: access logs -> downloads per file and day.

A log line is a download when its method is GET or HEAD, its status 200 or 206, and its path
names an image (`.iso`, in any case). One (client, file, day) is one download, however many
answers, resumes or logs it is spread over:

- **file** is the path below the web root that the server served, however the client spelled it;
- **day** is the date in the line's own stamp, as written, whatever its zone;
- **client** is the address in the log, or the network it belongs to if the settings fold it.

Pure: blocks of lines go in, numbers come out. Clients live in memory only, while logs are read.
"""

import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from ..logs.jsonformat import JSON_FORMATS, compile_json
from ..logs.logformat import Answer, LogFormat, Row, compile_format
from ..settings import Settings

# Distinct spellings that are remembered of a day while a log is read. A client can make up as many
# as it likes (`?x=1`, `?x=2`, ...), so the memory has an end; and so it has for days.
_REMEMBERED = 1 << 14
_REMEMBERED_DAYS = 4

Key = tuple[str, str]
"""(day, file): the day as "YYYY-MM-DD"; the file's path below the web root, with `/` between
its parts, bytes that are not UTF-8 as Python's surrogate escapes."""


@dataclass(frozen=True)
class Rule:
    """What of the settings bears on counting. Two runs with the same rule read a log alike."""

    log_format: str = "combined"
    client: str = ""
    extensions: tuple[str, ...] = (".iso",)
    methods: tuple[str, ...] = ("GET", "HEAD")
    statuses: tuple[int, ...] = (200, 206)
    crawlers: bool = False
    fold_ipv4: int | None = None
    fold_ipv6: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Rule":
        """Take the rule out of the settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__})

    @property
    def folds(self) -> bool:
        """Whether clients are counted by their networks."""
        return bool(self.fold_ipv4 or self.fold_ipv6)

    def format(self) -> LogFormat:
        """Compile the rule's log format.

        Raises:
            DownloadCounterError: as `compile_format`.
        """
        if self.log_format in JSON_FORMATS:
            return compile_json(self.methods, self.client, self.crawlers)
        return compile_format(self.log_format, methods=self.methods, client=self.client, agent=self.crawlers)


@dataclass
class Tally:
    """What one log says.

    Attributes:
        clients: per (day, file), the clients and the bytes sent to each as the content of the
            file. A HEAD answer has no content: it adds nothing, but its client is there.
        sent: per (day, file), all bytes sent, answers to HEAD included.
        left_out: per (day, file), the clients left out as crawlers.
        unreadable: lines that name an image but do not follow the LogFormat.
        heads_silent: answers to HEAD logged without a byte, as %b does.
        heads_sized: answers to HEAD logged with the bytes of their header, as %O does.
    """

    clients: dict[Key, dict[bytes, int]] = field(default_factory=lambda: defaultdict(dict))
    sent: Counter[Key] = field(default_factory=Counter)
    left_out: dict[Key, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    unreadable: int = 0
    heads_silent: int = 0
    heads_sized: int = 0

    def days(self) -> set[str]:
        """The days this log has downloads of."""
        return {day for day, _ in self.sent} | {day for day, _ in self.left_out}


@dataclass(frozen=True)
class Packed:
    """Clients and the bytes sent to each, in a fifth of the room that a dict takes.

    Attributes:
        names: the clients, a newline between them; no log has a newline in a client.
        sent: the bytes, in the order of the names.
    """

    names: bytes
    sent: "array[int]"

    @classmethod
    def of(cls, clients: Mapping[bytes, int]) -> "Packed":
        """Pack clients, of which there is at least one."""
        try:
            sent = array("Q", clients.values())
        except OverflowError:  # more than anyone has sent: the log says nonsense
            sent = array("Q", (min(number, 2**64 - 1) for number in clients.values()))
        return cls(b"\n".join(clients), sent)

    def unpack(self) -> dict[bytes, int]:
        """Return the clients and the bytes sent to each."""
        return dict(zip(self.names.split(b"\n"), self.sent, strict=True))


def tally(blocks: Iterable[tuple[bytes, int]], rule: Rule) -> Tally:
    """Count one log.

    Args:
        blocks: whole lines, and the overlong lines passed over, as `logs.whole_lines` gives them.
        rule: the rule to count by.

    Raises:
        DownloadCounterError: the rule's LogFormat is impossible. No line ever raises.
    """
    log_format = rule.format()
    names_image = image_finder(rule.extensions)
    places = _Places(log_format, rule)
    result = Tally()
    count = _counter(places, result, crawler_test() if rule.crawlers else None)

    for lines, overlong in blocks:
        result.unreadable += overlong
        count(log_format.rows(lines))
        if places.met_odd or log_format.usual is None:
            places.met_odd = False
            named = [line for line in log_format.odd_lines(lines) if names_image(line)]
            rows = [row for row in map(log_format.row, named) if row]
            result.unreadable += len(named) - len(rows)
            count(rows)
    places.into(result)
    if rule.folds:
        _fold(result, rule)
    return result


def _counter(
    places: "_Places", result: Tally, is_crawler: Callable[[bytes | None], bool] | None
) -> Callable[[Iterable[Row]], None]:
    """Return the loop that counts rows at their places, with all it needs at hand."""
    day_of = places.log_format.day

    def count(rows: Iterable[Row]) -> None:
        last, today = None, places[None]
        for client, stamp, answer, size, agent in rows:
            if stamp != last:
                last, today = stamp, places[day_of(stamp) if stamp else None]
            place = today[answer]
            if place is None:  # not an image, or not one of the methods and statuses that count
                continue
            if is_crawler and is_crawler(agent):
                place.left_out.add(client)
                continue
            try:
                sent = int(size)
            except ValueError:  # "-" or nothing
                sent = 0
            if place.head:
                result.heads_sized += sent > 0
                result.heads_silent += size == b"-"
                place.heads += sent
                sent = 0
            clients = place.clients
            clients[client] = clients.get(client, 0) + sent

    return count


@dataclass(slots=True)
class _Place:
    """Where the answers to one method for one file on one day are counted.

    Attributes:
        clients: the bytes sent to each client as content, whatever the method.
        left_out: the clients left out as crawlers.
        head: the method is HEAD.
        heads: the bytes of answers to HEAD.
    """

    clients: dict[bytes, int] = field(default_factory=dict)
    left_out: set[bytes] = field(default_factory=set)
    head: bool = False
    heads: int = 0


class _Places(dict[str | None, "_PlacesOfDay"]):
    """The places of each day; those of no day of the calendar are under None.

    Attributes:
        met_odd: an answer of odd lines was looked for.
        undated: how often an image was looked for on no day of the calendar.
    """

    def __init__(self, log_format: LogFormat, rule: Rule) -> None:
        super().__init__()
        self.log_format = log_format
        self.file_of = file_namer(rule.extensions, decoded=log_format.decoded)
        self.statuses = {str(status).encode() for status in rule.statuses}
        self.known: dict[Key, tuple[_Place, _Place]] = {}
        self.met_odd = False
        self.undated = 0

    def __missing__(self, day: str | None) -> "_PlacesOfDay":
        if len(self) >= _REMEMBERED_DAYS:
            self.clear()
        self[day] = places = _PlacesOfDay(self, day)
        return places

    def find(self, day: str | None, method: bytes, target: bytes, status: bytes) -> _Place | None:
        """The place that an answer on a day means."""
        if not method or not target or status not in self.statuses:
            return None
        file = self.file_of(target)
        if file is None:
            return None
        if day is None:
            self.undated += 1
            return None
        if (day, file) not in self.known:
            place = _Place()
            self.known[day, file] = place, _Place(place.clients, place.left_out, head=True)
        return self.known[day, file][method == b"HEAD"]

    def into(self, result: Tally) -> None:
        """Give out all that was counted."""
        result.unreadable += self.undated
        for key, (place, heads) in self.known.items():
            if place.clients:
                result.clients[key] = place.clients
                result.sent[key] = sum(place.clients.values()) + heads.heads
            if place.left_out:
                result.left_out[key] = place.left_out
        self.clear()  # of the places of days, which know this: what is counted is not held any longer


class _PlacesOfDay(dict[Answer, _Place | None]):
    """The place that an answer means, as it is spelled in the log; None if it does not count."""

    def __init__(self, places: _Places, day: str | None) -> None:
        super().__init__()
        self.places = places
        self.day = day

    def __missing__(self, answer: Answer) -> _Place | None:
        told = self.places.log_format.told_apart(answer)
        if told is None:
            self.places.met_odd = True
            return None
        place = self.places.find(self.day, *told)
        if self.day is not None:  # else each answer is looked for, and counted
            if len(self) >= _REMEMBERED:
                self.clear()
            self[answer] = place
        return place


def image_finder(extensions: tuple[str, ...]) -> Callable[[bytes], bool]:
    """Return a function that says whether a line names an image.

    Endings in any case are found, and percent-encoded ones too (RFC 3986 section 2.3 makes
    `%2eiso` and `.iso` the same name), whatever the log escapes of them.
    """
    endings = [extension.encode() for extension in extensions]
    spelled = re.compile(b"|".join(b"".join(map(_spellings, ending)) for ending in endings))

    def names_image(line: bytes) -> bool:
        line = line.lower()
        for ending in endings:
            if ending in line:
                return True
        # The pattern takes many times as long as to look for what most lines do not have.
        return (b"%" in line or b"\\" in line) and spelled.search(line) is not None

    return names_image


def _spellings(byte: int) -> bytes:
    """The pattern of one byte of an ending in lower case: itself, or its number, or that of the upper case."""
    both = {bytes([byte]), bytes([byte]).upper()}
    return b"(?:\\\\?%b|(?:%%|\\\\x|\\\\u00)(?:%b))" % (
        re.escape(bytes([byte])),
        b"|".join(b"%02x" % one[0] for one in sorted(both)),
    )


# httpd's ap_escape_logitem: \xhh, the C escapes, \" and \\; nginx's default: \xHH. In JSON
# (RFC 8259 section 7) there are \/ and \uhhhh besides, two of them for a character beyond U+FFFF.
_LOG_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*)|([^x]))", re.DOTALL)
_C_ESCAPES = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}
# RFC 9112 section 3.2.2, absolute-form: a client may send the whole URL.
_ORIGIN = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+://[^/?#]*+")
_QUERY = re.compile(rb"[?#]")


def file_namer(extensions: tuple[str, ...], *, decoded: bool = False) -> Callable[[bytes], str | None]:
    r"""Return a function from a request target, as logged, to the file below the web root.

    It undoes the log's escapes (`\xc3`, `\"`), drops scheme, host, query and fragment, decodes
    percent-encoding once, merges slashes, and resolves dot segments, as httpd does when it looks
    for the file (RFC 3986 section 5.2.4). It gives None for what is not an image.

    Args:
        extensions: the endings of images, lower case.
        decoded: the target is a path that httpd has decoded already (%U).
    """
    endings = tuple(extension.encode() for extension in extensions)

    def file_of(target: bytes) -> str | None:
        path = _LOG_ESCAPE.sub(_unescape, target) if b"\\" in target else target
        if not decoded:
            if not path.startswith(b"/") and (origin := _ORIGIN.match(path)):
                path = path[origin.end() :]
            path = unquote_to_bytes(_QUERY.split(path, maxsplit=1)[0])
        if not path.lower().endswith(endings) or b"\0" in path:
            return None
        parts: list[bytes] = []
        for part in path.split(b"/"):
            if part == b"..":
                del parts[-1:]
            elif part not in (b"", b"."):
                parts.append(part)
        return b"/".join(parts).decode("utf-8", "surrogateescape")

    return file_of


def _unescape(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes.fromhex(escape[1].decode())
    if escape[2]:
        return str(json.loads(b'"\\' + escape[2] + b'"')).encode(errors="replace")
    return _C_ESCAPES.get(escape[3], escape[3])


def crawler_test() -> Callable[[bytes | None], bool]:
    """Return a function that says whether a user agent, as logged, is a known crawler's.

    The patterns are those of the crawler-user-agents package, but for its "http-library": curl
    and wget are what people fetch images with.
    """
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # 0.1 s that most sites need not pay

    patterns = (
        crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA if "http-library" not in crawler.get("tags", ())
    )
    pattern = re.compile("|".join(f"(?:{one})" for one in patterns))

    @lru_cache(maxsize=_REMEMBERED)
    def is_crawler(agent: bytes | None) -> bool:
        return bool(agent and pattern.search(agent.decode("utf-8", "replace")))

    return is_crawler


def _fold(result: Tally, rule: Rule) -> None:
    network = network_namer(rule.fold_ipv4, rule.fold_ipv6)
    for key, seen in result.clients.items():
        folded: dict[bytes, int] = {}
        for client, size in seen.items():
            name = network(client)
            folded[name] = folded.get(name, 0) + size
        result.clients[key] = folded
    for key, crawlers in result.left_out.items():
        result.left_out[key] = {network(client) for client in crawlers}


def network_namer(ipv4: int | None, ipv6: int | None) -> Callable[[bytes], bytes]:
    """Return a function from a client's address to its network by these prefix lengths.

    Privacy addresses (RFC 8981) give one machine a new IPv6 address every day or hour, all in
    its network's /64. What is not an address, such as a host name, stays as it is.
    """
    from ipaddress import ip_network  # 1 ms that most sites need not pay

    def network(client: bytes) -> bytes:
        prefix = ipv6 if b":" in client else ipv4
        if prefix is None:
            return client
        try:
            return str(ip_network((client.decode(), prefix), strict=False)).encode()
        except ValueError:
            return client

    return network


def add_up(total: dict[bytes, int], more: Mapping[bytes, int]) -> None:
    """Add bytes sent to clients to others."""
    for client, sent in more.items():
        total[client] = total.get(client, 0) + sent


def finished_by_day(
    days: Iterable[tuple[str, Mapping[bytes, int]]],
    size_on: Callable[[str], int | None],
    whole: Callable[[str], bool],
    told: Callable[[str], int | None] = lambda _day: None,
) -> dict[str, tuple[int, bool] | None]:
    """Say how many downloads of one file finished on each day.

    A download is finished on the day when the bytes sent to its client reach the file's size:
    those of that day, and those of the day before unless it was finished then. So a download
    resumed over midnight finishes once, and never more finish than started.

    Args:
        days: the days in their order, each with its clients and the bytes sent to each as content.
            Two of them are held at a time.
        size_on: the file's size in bytes on a day, None if it never was known.
        whole: whether all lines of a day are in `days` (a day without downloads is whole too).
        told: how many finished on a day, if that was worked out before from these very lines.

    Returns:
        Per day of `days`, the number, and whether it is certain: it is not if it hangs on what
        was sent on a day that is not whole, and was not told. None where the size is unknown.
    """
    result: dict[str, tuple[int, bool] | None] = {}
    before = _Yesterday()
    for day, today in days:
        size = size_on(day)
        if before.day != day_before(day):
            before = _Yesterday()
        if size is None:
            result[day], before = None, _Yesterday()
            continue
        known = whole(day_before(day))
        finished = sum(map(size.__le__, today.values()))
        if not known and told(day) == finished:
            # Nobody finished what was begun on the day before, so that day does not matter.
            known, before = True, _Yesterday()
        certain = known or all(sent >= size or not sent for sent in today.values())
        # Only those who were there yesterday as well have to be looked at one by one.
        back: dict[bytes, tuple[bool, bool]] = {}
        for client in today.keys() & before.clients.keys():
            sent = today[client]
            if 0 < sent < size:
                had, was_finished, was_certain = before.of(client)
                done = sent + had >= size and not was_finished
                sure = known and (was_certain or sent + had < size)
                back[client] = (done, sure)
                finished += done
                certain &= sure
        number = None if known else told(day)
        result[day] = (finished, certain) if number is None else (number, True)
        before = _Yesterday(day, today, size, known, back)
    return result


@dataclass
class _Yesterday:
    """What the day before says of the clients of a file."""

    day: str = ""
    clients: Mapping[bytes, int] = field(default_factory=dict)
    size: int = 0
    known: bool = True
    back: Mapping[bytes, tuple[bool, bool]] = field(default_factory=dict)

    def of(self, client: bytes) -> tuple[int, bool, bool]:
        """The bytes sent to one of its clients, whether it finished, whether that is certain."""
        had = self.clients[client]
        if client in self.back:
            return had, *self.back[client]
        return had, had >= self.size, self.known or not 0 < had < self.size


@lru_cache(maxsize=4096)
def day_before(day: str) -> str:
    """Return the day before a day, both as "YYYY-MM-DD"; the first day of all is its own."""
    ordinal = date.fromisoformat(day).toordinal()
    return date.fromordinal(max(1, ordinal - 1)).isoformat()
