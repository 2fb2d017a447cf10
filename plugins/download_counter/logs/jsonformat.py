r"""A log line that is a JSON object, read by its keys.

A generated structure has the wanted keys only; the parser passes over all others without making
anything of them. What a client sends cannot pass for a key: it is inside of strings, and the names
of Caddy's headers are inside of an object of their own.

Sources: RFC 8259; httpd writes `\xhh` in JSON too, which has no such escape, and nginx with
`escape=json` leaves bytes as they are that are not UTF-8: such a line is read again, slower.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Any

import msgspec

from ..settings import JSON_NEEDS
from .clients import client_in, is_address, is_client
from .logformat import LogFormat, Options, Row
from .stamps import any_day

NEEDED = ("client", "time", "path", "status", "method")

# Escapes that JSON does not have, and the two backslashes that are none of them.
_FOREIGN = re.compile(r'(\\["\\/bfnrtu])|\\(?:x([0-9A-Fa-f]{2})|(.))')
_REQUEST = re.compile(r"([A-Z]+) +(.+?)(?: HTTP/[0-9.]+)?$")

Path = tuple[str, ...]

_NOTHING = "nothing"  # what each structure has besides its keys, and is None


class JsonFormat(LogFormat):
    """A format of JSON objects, by a set of keys."""

    day = staticmethod(any_day)

    def __init__(self, keys: Mapping[str, Sequence[str]], options: Options) -> None:
        """Make the format.

        `keys` are those that may have what a line needs (`JSON_NEEDS`), the best first; a dot in a key leads into an
        object, or is a part of it.
        """
        self.has_host = bool(keys.get("host"))
        self.has_agent = bool(keys.get("agent"))
        candidates = [[path for key in keys.get(what, ()) for path in _paths(key)] for what in JSON_NEEDS]
        self._paths = [path for some in candidates for path in some]
        ends = list(accumulate(map(len, candidates)))
        self._spans = list(zip([0, *ends], ends, strict=False))
        self._decoder = msgspec.json.Decoder(_structure(self._paths))
        # One call for all values: many times as fast as one for each. One name alone would give no tuple.
        self._values = attrgetter(*map(_attributes, [*self._paths, *self._paths[:1]]))
        # Most lines have all values under the best keys.
        self._best = attrgetter(*(_attributes(some[0]) if some else _NOTHING for some in candidates))
        self._lacking = candidates.count([])
        self._options = options
        self._prefix = re.compile(options.prefix) if options.prefix else None
        self._answer = lru_cache(maxsize=1 << 14)(self._make_answer)

    def row(self, line: bytes) -> Row | None:
        found = self._find(line)
        if found is None:
            return None
        client, time, request, method, path, status, size, agent, host = found
        client, stamp = _client(client), _stamp(time)
        answer = self._answer(_text(request), _text(method), _text(path), _bytes(status))
        if not client or not stamp or answer is None:
            return None
        if self._options.hosts and _bytes(host).partition(b":")[0].lower() not in self._options.hosts:
            client = b""
        return client, stamp, answer, _size(size), _bytes(agent[0] if isinstance(agent, list) and agent else agent)

    def _make_answer(self, request: str, method: str, path: str, status: bytes) -> tuple[bytes, bytes, bytes] | None:
        if match := _REQUEST.match(request):
            method, path = match.groups()
        method = method or self._options.method
        if not (method and path and status):
            return None
        if method not in self._options.methods:
            return b"", b"", status
        # In a line that is no JSON a backslash begins an escape, so it is doubled to be one.
        return method.encode(), _bytes(path.replace("\\", "\\\\")), status

    def host_of(self, line: bytes) -> bytes:
        found = self._find(line)
        return _bytes(found[-1]).lower().partition(b":")[0] if found else b""

    def lacks(self, line: bytes) -> list[str] | None:
        """Return what a line should have and has no key for, of `NEEDED` and "size"; None if it is no object."""
        values = self._find(line)
        if values is None:
            return None
        found = dict(zip(JSON_NEEDS, values, strict=True))
        if _REQUEST.match(_text(found["request"])):
            found |= {"method": "GET", "path": "/"}
        found["method"] = found["method"] or self._options.method
        return [what for what in (*NEEDED, "size") if found[what] in (None, "")]

    def _find(self, line: bytes) -> Sequence[Any] | None:
        """The values of `JSON_NEEDS`, None for each that is not there; None if the line is no object."""
        if self._prefix is not None:
            match = self._prefix.match(line)
            if match is None:
                return None
            line = line[match.end() :]
        try:
            parsed = self._decoder.decode(line)
            found = self._best(parsed)
            if found.count(None) == self._lacking and "" not in found:
                return found
            values = self._values(parsed)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
            whole = loads(line)
            if not isinstance(whole, dict):
                return None
            values = tuple(_item(whole, path) for path in self._paths)
        some = []
        for start, end in self._spans:
            value = values[start] if start < end else None
            if value is None or value == "":
                value = next((one for one in values[start:end] if one is not None and one != ""), None)
            some.append(value)
        return some


def loads(line: bytes) -> Any:
    """Return what a line says that may have escapes which are not JSON's, and bytes which are not UTF-8; else None."""
    text = line.decode("utf-8", "surrogateescape")
    try:
        return json.loads(_FOREIGN.sub(_known_escape, text), strict=False)
    except (ValueError, RecursionError):
        return None


def _known_escape(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    if match[2]:
        byte = int(match[2], 16)
        return f"\\u{byte if byte < 0x80 else 0xDC00 + byte:04x}"
    return match[3]


def _paths(key: str) -> list[Path]:
    parts = tuple(key.split("."))
    return [parts] if len(parts) == 1 else [parts, (key,)]


def _attribute(key: str) -> str:
    """The name of a key in the structure: any key is a name in it."""
    return "k" + key.encode().hex()


def _attributes(path: Path) -> str:
    return ".".join(map(_attribute, path))


def _structure(paths: Sequence[Path]) -> Any:
    """A structure that has these paths and passes over all other keys."""
    heads: dict[str, list[Path]] = {}
    for path in paths:
        heads.setdefault(path[0], []).append(path[1:])
    fields: list[Any] = []
    for key, rests in heads.items():
        if () in rests:  # where it is an object as well, the line is read again, slower
            fields.append((_attribute(key), Any, None))
        else:
            inner = _structure(rests)
            fields.append((_attribute(key), inner, msgspec.field(default_factory=inner)))
    return msgspec.defstruct(
        "Line", fields, rename={_attribute(key): key for key in heads}, namespace={_NOTHING: None}, gc=False
    )


def _item(found: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(found, dict):
            return None
        found = found.get(step)
    return found


def _client(value: Any) -> bytes:
    if isinstance(value, list) and value:  # a header may be a list, one entry a proxy
        value = value[-1]
    client = _bytes(value)
    return client if is_client(client) else client_in(client)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        return b"%d" % value if type(value) is int else b""
    # A newline is between clients where they are kept; it is escaped as in any other log.
    text = value.replace("\n", "\\n") if "\n" in value else value
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair of surrogates
        return text.encode("utf-8", "replace")


def _stamp(value: Any) -> bytes:
    """The part of a stamp that has its day, so that all lines of a day have the same."""
    if type(value) in (float, int):
        return _day_in_seconds(value)
    if not isinstance(value, str):
        return b""
    text = value.lstrip("[")
    if re.fullmatch(r"[0-9]{9,19}(?:\.[0-9]+)?", text):
        return _day_in_seconds(float(text))
    return _bytes(text[:11] if "/" in text[:3] else text[:10])


def _day_in_seconds(value: float) -> bytes:
    # Seconds have ten digits until the year 2286; milli-, micro- and nanoseconds three more each.
    while value >= 1e11:
        value /= 1000
    return b"%d" % (value // 86400 * 86400) if value >= 0 else b""


def _size(value: Any) -> bytes:
    text = _bytes(value)
    return text if text.isdigit() and len(text) <= 18 else b"-" if text == b"-" else b""


# What a line needs -> how its values look, and how its key is called. A number or a word may be anything, so there
# the key decides. Where nothing is an alternative (a bar at the end), any key will do, but such a one is better.
_LOOKS: dict[str, tuple[Callable[[Any], object], str]] = {
    # Another server's address is not the client's.
    "client": (
        lambda value: is_address(_client(value)),
        "^(?!.*(?:upstream|backend|server|local|dest|dst|target))",
    ),
    "time": (lambda value: "1995" < (any_day(_stamp(value) or b"-") or "") < "2100", "time|date|ts$|"),
    "request": (lambda value: _REQUEST.match(_text(value)), ""),
    "method": (lambda value: re.fullmatch("[A-Z]{3,8}", _text(value)), "method|verb"),
    "path": (lambda value: re.match(r"/|https?://", _text(value)), "ur[il]|path|resource|target"),
    "status": (lambda value: re.fullmatch(rb"[1-5][0-9]{2}|-", _bytes(value)), "status|code|response"),
    "size": (_size, "(?<!request_)(?:bytes|size|length|sent)"),
    "agent": (_text, "agent|ua$"),
}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_@-]+(?:\.[A-Za-z0-9_@-]+){0,4}")
_MOST = 0.9


def guess_keys(lines: Sequence[bytes]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the keys that seem to have what a line needs, by what stands under them in most of some lines."""
    values: dict[str, list[Any]] = {}
    for line in lines:
        for key, value in _flat(loads(line)):
            values.setdefault(key, []).append(value)
    found = {}
    for need, (looks, name) in _LOOKS.items():
        fitting = []
        for key, some in values.items():
            called = _PLAIN_KEY.fullmatch(key) and re.search(name, key, re.IGNORECASE)
            if called and sum(map(bool, map(looks, some))) > _MOST * len(lines):
                # Of two that are called so, the one with more values: a proxy's address is the same in many lines.
                fitting.append((called[0] != "", len({*map(str, some)}), key))
        if fitting and (need != "client" or max(fitting)[1] > 1):  # one address for all is a proxy's or the server's
            found[need] = (max(fitting)[2],)
    return tuple(found.items())


def _flat(found: Any, before: str = "", depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Give each value in an object with its key, dots between the steps."""
    for key, value in found.items() if isinstance(found, dict) and depth else ():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.", depth - 1)
        else:
            yield before + key, value
