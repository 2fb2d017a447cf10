"""The setting `DOWNLOAD_COUNTER`: its keys, what they may be, and what is taken without them."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from .errors import DownloadCounterError

# What may lie beside an image, by the ending added to the image's name.
COMPANIONS = (
    ".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig", ".torrent", ".zsync", ".meta4",
)  # fmt: skip

# Where the data files and the statistics page are, below the web root. A name with a dot
# stays out of the scan, and out of Apache's own listings (IndexIgnore's usual `.??*`).
STATS_FOLDER = Path(".stats")

# The statistics folder as an address names it, plain or percent-encoded, up to what may follow it there. (A class of
# that name in a style sheet is followed by something else.)
MENTION = re.compile(rb"(?<![\w.-])(?:\.|%2[eE])" + STATS_FOLDER.name[1:].encode() + rb"(?=[/\"'<?#\r\n]|$)")

# Names of files that lead visitors and robots, and so may not name it.
LEADS = (".html", ".htm", ".xhtml", ".xml", ".atom", ".rss", ".txt", ".json")


@dataclass(frozen=True)
class Settings:
    """The checked settings. Each field is a key of `DOWNLOAD_COUNTER`.

    Attributes:
        web_root: the folder the web server serves, with the images in it.
        logs: globs of the access logs, or addresses such as `sftp://host/path*`.
        log_format: the name of a known format, or an Apache LogFormat string.
        client: the directive that names the client, such as `%a`; empty takes the format's own.
        line_prefix: what stands before or around each line: a name such as `syslog`, or its LogFormat.
        json_keys: the keys that have what a line needs, if the logs are JSON of no named format.
        hosts: the virtual hosts that count, of logs that have several; empty: all.
        method: the request method of all lines, for logs that do not say it.
        extensions: what the name of an image ends with, in any case.
        companions: endings of the files listed with an image.
        methods: request methods that count.
        statuses: answers that count.
        bytes_sent: what the log's size field means: `wire` (%O, bytes really sent), `body`
            (%b, the full size even when the client left), or `auto` (told from the log).
        url_prefix: the path under which the web root is served, such as `/iso/`.
        crawlers: leave out clients that call themselves crawlers.
        own_networks: leave out the clients of these networks, such as `192.0.2.0/24`.
        own_agents: leave out clients whose user agent has one of these texts in it, in any case.
        fold_ipv4: count IPv4 clients by this prefix length, None by address.
        fold_ipv6: count IPv6 clients by this prefix length, None by address.
        programs: count the programs and operating systems of clients.
        countries: a database of countries (.mmdb); empty counts none.
        networks: a database of networks (.mmdb), which tells data centres; empty counts none.
        notes: the folder of the notes on images, below Pelican's PATH.
        key: fingerprint of the OpenPGP key that signs the images, shown beside the signatures.
        show_counts: give the public page the total of each image, and write badges.
        scheduler: address of a Dask scheduler that reads the logs, None for this machine.
    """

    web_root: Path
    logs: tuple[str, ...]
    log_format: str = "combined"
    client: str = ""
    line_prefix: str = ""
    json_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hosts: tuple[str, ...] = ()
    method: str = ""
    extensions: tuple[str, ...] = (".iso",)
    companions: tuple[str, ...] = COMPANIONS
    methods: tuple[str, ...] = ("GET", "HEAD")
    statuses: tuple[int, ...] = (200, 206)
    bytes_sent: str = "auto"
    url_prefix: str = ""
    crawlers: bool = False
    own_networks: tuple[str, ...] = ()
    own_agents: tuple[str, ...] = ()
    fold_ipv4: int | None = None
    fold_ipv6: int | None = None
    programs: bool = True
    countries: str = ""
    networks: str = ""
    notes: str = "isos"
    key: str = ""
    show_counts: bool = False
    scheduler: str | None = field(default=None)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text that is not empty")
    return value


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("the path of a folder")
    return Path(value).expanduser().absolute()


def _globs(value: Any) -> tuple[str, ...]:
    try:
        globs = shlex.split(value) if isinstance(value, str) else [_text(item) for item in value]
    except (TypeError, ValueError):
        globs = []
    if not globs:
        raise ValueError("globs of access logs: a list of texts, or one text with blanks between")
    return tuple(globs)


def _endings(value: Any) -> tuple[str, ...]:
    wanted = 'a list of endings such as [".iso"]'
    if isinstance(value, str) or not all(
        isinstance(item, str) and len(item) > 1 and item.startswith(".") and "/" not in item
        for item in _items(value, wanted)
    ):
        raise ValueError(wanted)
    return tuple(item.lower() for item in value)


def _image_endings(value: Any) -> tuple[str, ...]:
    # Without one, nothing is an image, and every line of every log would be looked at for nothing.
    return _endings(value or None)


JSON_NEEDS = ("client", "time", "request", "method", "path", "status", "size", "agent", "host")
"""What the setting `json_keys` may name a key for; `request` is a whole request line, `GET /a.iso HTTP/1.1`."""


def _json_keys(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    wanted = f"a dict such as {{'client': 'request.remote_ip'}}; its keys may be {', '.join(JSON_NEEDS)}"
    if not isinstance(value, dict) or not value.keys() <= set(JSON_NEEDS):
        raise ValueError(wanted)
    lists = {need: (keys,) if isinstance(keys, str) else _items(keys, wanted) for need, keys in value.items()}
    if not all(keys and all(isinstance(key, str) and key for key in keys) for keys in lists.values()):
        raise ValueError(wanted)
    return tuple(lists.items())


def _methods(value: Any) -> tuple[str, ...]:
    wanted = 'a list of request methods such as ["GET", "HEAD"]'
    items = _items(value, wanted)
    if not items or not all(isinstance(item, str) and item.isalpha() for item in items):
        raise ValueError(wanted)
    return items


def _method(value: Any) -> str:
    if value and (not isinstance(value, str) or not value.isalpha()):
        raise ValueError('a request method such as "GET"')
    return value or ""


def _hosts(value: Any) -> tuple[str, ...]:
    wanted = 'a list of host names such as ["downloads.example"]'
    items = _items(value, wanted)
    if not all(isinstance(item, str) and item and item.isprintable() for item in items):
        raise ValueError(wanted)
    return items


def _statuses(value: Any) -> tuple[int, ...]:
    wanted = "a list of HTTP status codes such as [200, 206]"
    items = _items(value, wanted)
    if not items or not all(type(item) is int and 100 <= item <= 599 for item in items):
        raise ValueError(wanted)
    return items


def _items(value: Any, wanted: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise ValueError(wanted)
    return tuple(value)


def _bytes_sent(value: Any) -> str:
    if value not in ("auto", "wire", "body"):
        raise ValueError('"auto", "wire" (%O) or "body" (%b)')
    return str(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _prefix(longest: int) -> Callable[[Any], int | None]:
    def check(value: Any) -> int | None:
        if value is not None and (type(value) is not int or not 1 <= value <= longest):
            raise ValueError(f"None or a prefix length from 1 to {longest}")
        return value

    return check


def _networks(value: Any) -> tuple[str, ...]:
    wanted = 'a list of networks such as ["192.0.2.0/24", "2001:db8::/32"]'
    try:
        return tuple(str(ip_network(item)) for item in _items(value, wanted))
    except ValueError:
        raise ValueError(wanted) from None


def _agents(value: Any) -> tuple[str, ...]:
    wanted = 'a list of texts such as ["UptimeRobot"]'
    items = _items(value, wanted)
    if not all(isinstance(item, str) and item for item in items):
        raise ValueError(wanted)
    return items


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _fingerprint(value: Any) -> str:
    digits = value.replace(" ", "").upper() if isinstance(value, str) else "?"
    if not re.fullmatch(r"(?:[0-9A-F]{40}|[0-9A-F]{64})?", digits):
        raise ValueError("the fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits")
    return digits


def _address(value: Any) -> str | None:
    return None if value is None else _text(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "web_root": _path,
    "logs": _globs,
    "log_format": _text,
    "client": _name,
    "line_prefix": _name,
    "json_keys": _json_keys,
    "hosts": _hosts,
    "method": _method,
    "extensions": _image_endings,
    "companions": _endings,
    "methods": _methods,
    "statuses": _statuses,
    "bytes_sent": _bytes_sent,
    "url_prefix": _name,
    "crawlers": _switch,
    "own_networks": _networks,
    "own_agents": _agents,
    "fold_ipv4": _prefix(32),
    "fold_ipv6": _prefix(128),
    "programs": _switch,
    "countries": _name,
    "networks": _name,
    "notes": _text,
    "key": _fingerprint,
    "show_counts": _switch,
    "scheduler": _address,
}


def check(raw: Mapping[str, Any]) -> Settings:
    """Return the settings that `DOWNLOAD_COUNTER` gives.

    Raises:
        DownloadCounterError: names the key that is unknown, missing or wrong, and what it may be.
    """
    if not isinstance(raw, Mapping):
        raise DownloadCounterError(f"DOWNLOAD_COUNTER must be a dict, not {type(raw).__name__}.")
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in _CHECKS:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER has no key {key!r}. It may have: {', '.join(_CHECKS)}.")
        try:
            values[key] = _CHECKS[key](value)
        except ValueError as wanted:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER[{key!r}] is {value!r}, but must be {wanted}.") from None
    for key, what in (("web_root", "the folder that the web server serves"), ("logs", "globs of its access logs")):
        if key not in values:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER lacks {key!r}, {what}.")
    return Settings(**values)
