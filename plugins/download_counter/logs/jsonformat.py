r"""A log line that is a JSON object, as Caddy writes it and nginx and httpd often are set to.

The keys are looked for by name, whatever their order, with one pattern of lookaheads. What a
client sends cannot pass for a key: inside a JSON string a quote is written `\"`, so `"status":`
with plain quotes stands only where the server wrote it; and the headers of Caddy's log, whose
names are the client's, have lists for values, which no key here has.

Sources: https://caddyserver.com/docs/caddyfile/directives/log (fields, `time_format`), nginx's
`log_format` with `escape=json`, and lines of those servers, which the tests read.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

from .logformat import FORWARDED, QUOTED, LogFormat, clf_day, client_pattern, iso_day, repeated

# Names this format can be asked for by. Both read alike; the second says what it is for.
JSON_FORMATS = ("json", "caddy")

# What a key is called, the best source first: Caddy's `client_ip` is the client behind trusted
# proxies, `remote_ip` the peer; nginx's `$uri` is no longer what the client asked for.
_CLIENT = ("client_ip", "remote_ip", "remote_addr", "remoteIP", "client", "clientip", "ip")
_TIME = ("ts", "time_iso8601", "time_local", "time", "timestamp", "@timestamp", "date", "msec")
_METHOD = ("request", "request_method", "method", "verb")
_TARGET = ("request_uri", "requestURI", "uri", "url", "path")
_STATUS = ("status", "status_code", "response")
_SIZE = ("bytes_sent", "body_bytes_sent", "size", "bytes", "response_size")
_AGENT = ("http_user_agent", "user_agent", "userAgent", "agent", "User-Agent")

# Days as "2026-05-09", "2026/05/09", "09/May/2026", or seconds since 1970 and parts of them.
_DAY = rb"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}|[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}|[0-9]{9,19}+"


@lru_cache(maxsize=16)
def compile_json(methods: tuple[str, ...], client: str, agent: bool) -> LogFormat:
    """Compile the pattern of a JSON line.

    Args:
        methods: the request methods that count.
        client: the key that names the client; empty takes the known ones.
        agent: whether the user agent is needed.
    """
    method = b"(?P<method>" + "|".join(map(re.escape, methods)).encode() + rb')[ "]'
    target = b"(?P<target>" + repeated(rb'[^ "\\\n]++|\\[^\n]| (?!HTTP/)', b"+") + b")"
    # "request":"GET /a.iso HTTP/1.1" has both method and target; else each has its key.
    request = rb'[^\n]*?"request"[ \t]*+:[ \t]*+"[A-Z]++ '
    keyed = _key(_TARGET) + rb'"'
    parts = (
        _look(_key((client,) if client else _CLIENT) + b'"' + FORWARDED + b"(?P<client>" + client_pattern() + b")"),
        _look(_key(_TIME) + rb'"?\[?(?P<day>' + _DAY + b")"),
        _look(_key(_STATUS) + rb'"?(?P<status>[0-9]{1,3})(?![0-9])'),
        _maybe(_key(_METHOD) + rb'"' + method),
        _maybe(b"(?:" + request + b"|" + keyed + b")" + target),
        _maybe(_key(_SIZE) + rb'"?(?P<size>[0-9]{1,18}+(?![0-9])|-)'),
        _maybe(_key(_AGENT) + rb'\[?"(?P<agent>' + QUOTED + b")") if agent else b"(?P<agent>(?!))?",
    )
    return LogFormat(re.compile(rb"[ \t]*+\{" + b"".join(parts)), _json_day, decoded=False, sized=True)


def _key(names: tuple[str, ...]) -> bytes:
    """The pattern of the first of some keys that a line has, up to its value."""
    wanted = b"|".join(rb'[^\n]*?"' + re.escape(name).encode() + b'"' for name in names)
    return b"(?:" + wanted + rb")[ \t]*+:[ \t]*+"


def _look(pattern: bytes) -> bytes:
    return b"(?=" + pattern + b")"


def _maybe(pattern: bytes) -> bytes:
    return b"(?:" + _look(pattern) + b")?"


@lru_cache(maxsize=1024)
def _json_day(text: bytes) -> str | None:
    """The date of a stamp as "YYYY-MM-DD": as written, or in UTC for a number of seconds."""
    if b"-" in text or text[4:5] == b"/":
        return iso_day(text[:4], text[5:7], text[8:10])
    if b"/" in text:
        return clf_day(text)
    # Seconds have ten digits until the year 2286; milli-, micro- and nanoseconds three more each.
    seconds = int(text) // 1000 ** max(0, (len(text) - 8) // 3)
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
