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
from operator import attrgetter
from typing import Any

import msgspec

from ..settings import JSON_NEEDS
from .clients import client_in
from .logformat import LogFormat, Row
from .stamps import any_day

NEEDED = ("client", "time", "path", "status", "method")

# Escapes that JSON does not have, and the two backslashes that are none of them.
_FOREIGN = re.compile(r'(\\["\\/bfnrtu])|\\(?:x([0-9A-Fa-f]{2})|(.))')
_REQUEST = re.compile(r"([A-Z]+) +(.+?)(?: HTTP/[0-9.]+)?$")

Path = tuple[str, ...]


class JsonFormat(LogFormat):
    """A format of JSON objects, by a set of keys."""

    day = staticmethod(any_day)

    def __init__(
        self,
        keys: Mapping[str, Sequence[str]],
        methods: tuple[str, ...],
        hosts: tuple[str, ...] = (),
        method: str = "",
        prefix: bytes = b"",
    ) -> None:
        """Make the format.

        Args:
            keys: what a line needs (`JSON_NEEDS`) -> the keys that may have it, the best first. A dot in a key leads
                into an object, or is a part of it.
            methods: the request methods that count.
            hosts: the virtual hosts that count; empty: all.
            method: the method of lines that have none.
            prefix: the pattern of what stands before the object.
        """
        paths = {what: [path for key in keys.get(what, ()) for path in _paths(key)] for what in JSON_NEEDS}
        self.has_host = bool(keys.get("host"))
        self.has_agent = bool(keys.get("agent"))
        self._paths = paths
        self._decoder = msgspec.json.Decoder(_structure([path for some in paths.values() for path in some]))
        self._getters = {what: [_getter(path) for path in some] for what, some in paths.items()}
        self._methods = frozenset(methods)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._method = method
        self._prefix = re.compile(prefix) if prefix else None

    def row(self, line: bytes) -> Row | None:
        found = self._find(line)
        if found is None:
            return None
        request, method, path = found["request"], found["method"] or self._method, found["path"]
        if isinstance(request, str) and (match := _REQUEST.match(request)):
            method, path = match.groups()
        client = client_in(_bytes(_last(found["client"])))
        stamp, status = _stamp(found["time"]), _bytes(found["status"])
        if not (client and stamp and status and method and isinstance(method, str) and isinstance(path, str)):
            return None
        if self._hosts and _bytes(found["host"]).decode("latin-1").partition(":")[0].lower() not in self._hosts:
            client = b""
        agent = found["agent"]
        # In a line that is no JSON a backslash begins an escape, so it is doubled to be one.
        target = _bytes(path.replace("\\", "\\\\")) if method in self._methods else b""
        answer = method.encode() if target else b"", target, status
        return (
            client,
            stamp,
            answer,
            _size(found["size"]),
            _bytes(agent[0] if isinstance(agent, list) and agent else agent),
        )

    def host_of(self, line: bytes) -> bytes:
        found = self._find(line)
        return _bytes(found["host"]).lower().partition(b":")[0] if found else b""

    def lacks(self, line: bytes) -> list[str] | None:
        """Return what a line should have and has no key for, of `NEEDED` and "size"; None if it is no object."""
        found = self._find(line)
        if found is None:
            return None
        if isinstance(found["request"], str) and _REQUEST.match(found["request"]):
            found |= {"method": "GET", "path": "/"}
        found["method"] = found["method"] or self._method
        return [what for what in (*NEEDED, "size") if found[what] in (None, "")]

    def _find(self, line: bytes) -> dict[str, Any] | None:
        """The value of each thing that is wanted; None if the line is no object."""
        if self._prefix is not None:
            match = self._prefix.match(line)
            if match is None:
                return None
            line = line[match.end() :]
        try:
            found = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._find_slowly(line)
        return {what: _first_got(getters, found) for what, getters in self._getters.items()}

    def _find_slowly(self, line: bytes) -> dict[str, Any] | None:
        found = loads(line)
        if not isinstance(found, dict):
            return None
        return {what: _first(_items(found, path) for path in some) for what, some in self._paths.items()}


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


def _structure(paths: Sequence[Path]) -> Any:
    """A structure that has these paths and passes over all other keys."""
    heads: dict[str, list[Path]] = {}
    for path in paths:
        heads.setdefault(path[0], []).append(path[1:])
    fields = []
    for key, rests in heads.items():
        below = [rest for rest in rests if rest]
        inner: Any = _structure(below) | None if below else Any
        if below and () in rests:
            inner = inner | str
        fields.append((_attribute(key), inner, None))
    names = {_attribute(key): key for key in heads}
    return msgspec.defstruct("Line", fields, rename=names, gc=False)


def _getter(path: Path) -> Callable[[Any], Any]:
    """A function that follows a path in a structure, to None where it ends."""
    names = tuple(map(_attribute, path))
    if len(names) == 1:
        return attrgetter(*names)

    def get(found: Any) -> Any:
        for name in names:
            found = getattr(found, name, None)
        return found

    return get


def _first_got(getters: Sequence[Callable[[Any], Any]], found: Any) -> Any:
    for get in getters:
        value = get(found)
        if value is not None and value not in ("", []):
            return value
    return None


def _items(found: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(found, dict):
            return None
        found = found.get(step)
    return found


def _first(values: Iterator[Any]) -> Any:
    return next((value for value in values if value is not None and value not in ("", [])), None)


def _last(value: Any) -> Any:
    """A header may be a list, one entry a proxy."""
    return value[-1] if isinstance(value, list) and value else value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        return b"%d" % value if type(value) is int else b""
    # A newline is between clients where they are kept; it is escaped as in any other log.
    text = value.replace("\n", "\\n")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair of surrogates
        return text.encode("utf-8", "replace")


def _stamp(value: Any) -> bytes:
    """The part of a stamp that has its day, so that all lines of a day have the same."""
    if isinstance(value, float | int) and not isinstance(value, bool):
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
