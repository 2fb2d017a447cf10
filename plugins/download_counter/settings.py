"""The setting `DOWNLOAD_COUNTER`: its keys, what they may be, and what is taken without them."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
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


DIGESTS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""The kinds of digest, each with its number of hexadecimal digits."""

SIGNATURES = ("asc", "sig", "sign", "gpg")
"""What is added to the name of a file that is signed."""

CHECKSUM_LIST = re.compile(
    r"(?:.*[._-])?(?:(?:md5|sha[0-9]{1,3}|b2)(?:sums?|-checksums?)|checksums?)(?:\.txt)?", re.IGNORECASE
)
"""SHA256SUMS (Debian, Ubuntu), sha256sum.txt (Mint), Fedora-Workstation-41-1.4-x86_64-CHECKSUM."""

JSON_NEEDS = ("client", "time", "request", "method", "path", "status", "size", "agent", "host")
"""What a line needs, and `json_keys` may name a key for; `request` is a whole request line, `GET /a.iso HTTP/1.1`."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The settings that bear on counting. Two runs with the same rule read a log alike.

    Attributes:
        log_format: the name of a known format, or an Apache LogFormat string.
        client: the directive that names the client, such as `%a`; empty takes the format's own.
        line_prefix: what stands before or around each line: a name such as `syslog`, or its LogFormat.
        json_keys: the keys that have what a line needs, if the logs are JSON of no named format.
        hosts: the virtual hosts that count, of logs that have several; empty: all.
        method: the request method of all lines, for logs that do not say it.
        methods: request methods that count.
        extensions: what the name of an image ends with, in any case.
        statuses: answers that count.
        url_prefix: the path under which the web root is served, such as `/iso/`.
        crawlers: leave out clients that call themselves crawlers.
        own_networks: leave out the clients of these networks, such as `192.0.2.0/24`.
        own_agents: leave out clients whose user agent has one of these texts in it, in any case.
        fold_ipv4: count IPv4 clients by this prefix length, None by address.
        fold_ipv6: count IPv6 clients by this prefix length, None by address.
        programs: count the programs and operating systems of clients.
        countries: a database of countries (.mmdb); empty counts none.
        networks: a database of networks (.mmdb), which tells data centres; empty counts none.
    """

    log_format: str = "combined"
    client: str = ""
    line_prefix: str = ""
    json_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hosts: tuple[str, ...] = ()
    method: str = ""
    methods: tuple[str, ...] = ("GET", "HEAD")
    extensions: tuple[str, ...] = (".iso",)
    statuses: tuple[int, ...] = (200, 206)
    url_prefix: str = ""
    crawlers: bool = False
    own_networks: tuple[str, ...] = ()
    own_agents: tuple[str, ...] = ()
    fold_ipv4: int | None = None
    fold_ipv6: int | None = None
    programs: bool = True
    countries: str = ""
    networks: str = ""

    @property
    def rule(self) -> "Rule":
        """The rule alone, out of all settings."""
        return Rule(**{one.name: getattr(self, one.name) for one in fields(Rule)})


@dataclass(frozen=True)
class Settings(Rule):
    """The checked settings. Each field, here and in `Rule`, is a key of `DOWNLOAD_COUNTER`.

    Attributes:
        web_root: the folder the web server serves, with the images in it.
        logs: globs of the access logs, or addresses such as `sftp://host/path*`.
        companions: endings of the files listed with an image.
        bytes_sent: what the log's size field means: `wire` (%O, bytes really sent), `body`
            (%b, the full size even when the client left), or `auto` (told from the log).
        names: regular expressions that tell `series`, `version` or `arch` of a file, by groups of these names.
        aliases: names that images had before, each with the name now; their downloads are shown together.
        notes: the folder of the notes on images, below Pelican's PATH.
        key: fingerprint of the OpenPGP key that signs the images, shown beside the signatures.
        show_counts: give the public page the total of each image, and write badges.
        scheduler: address of a Dask scheduler that reads the logs, None for this machine.
    """

    web_root: Path
    logs: tuple[str, ...]
    companions: tuple[str, ...] = COMPANIONS
    bytes_sent: str = "auto"
    names: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    notes: str = "isos"
    key: str = ""
    show_counts: bool = False
    scheduler: str | None = None


Check = Callable[[Any], Any]
"""From what a setting is in the site's settings to what it is here. Raises a ValueError that says what it may be."""


def _value(wanted: str, is_good: Callable[[Any], bool]) -> Check:
    def check(value: Any) -> Any:
        if not is_good(value):
            raise ValueError(wanted)
        return value

    return check


def _list(wanted: str, is_good: Callable[[Any], bool], least: int = 0) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple | set | frozenset) or len(value) < least or not all(map(is_good, value)):
            raise ValueError(wanted)
        return tuple(value)

    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_method(value: Any) -> bool:
    return isinstance(value, str) and value.isalpha()


def _is_network(value: Any) -> bool:
    try:
        return bool(ip_network(value))
    except ValueError:
        return False


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("the path of a folder")
    return Path(value).expanduser().absolute()


def _globs(value: Any) -> tuple[str, ...]:
    wanted = "globs of access logs: a list of texts, or one text with blanks between"
    try:
        globs: tuple[str, ...] = _list(wanted, _is_word, 1)(shlex.split(value) if isinstance(value, str) else value)
    except ValueError:
        raise ValueError(wanted) from None
    return globs


def _endings(least: int) -> Check:
    def is_ending(item: Any) -> bool:
        return isinstance(item, str) and len(item) > 1 and item.startswith(".") and "/" not in item

    check = _list('a list of endings such as [".iso"]', is_ending, least)
    return lambda value: tuple(item.lower() for item in check(value))


def _json_keys(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    wanted = f"a dict such as {{'client': 'request.remote_ip'}}; its keys may be {', '.join(JSON_NEEDS)}"
    if not isinstance(value, dict) or not value.keys() <= set(JSON_NEEDS):
        raise ValueError(wanted)
    lists = {need: [keys] if isinstance(keys, str) else keys for need, keys in value.items()}
    return tuple((need, _list(wanted, _is_word, 1)(keys)) for need, keys in lists.items())


def _is_pattern(value: Any) -> bool:
    try:
        groups = re.compile(value).groupindex.keys() if _is_word(value) else set()
    except re.error:
        return False
    return bool(groups) and groups <= {"series", "version", "arch"}


def _aliases(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(map(_is_word, [*value, *value.values()])):
        raise ValueError("a dict from a file's name before to its name now, both below the web root")
    return tuple(value.items())


def _prefix(longest: int) -> Check:
    def is_prefix(value: Any) -> bool:
        return value is None or (type(value) is int and 1 <= value <= longest)

    return _value(f"None or a prefix length from 1 to {longest}", is_prefix)


def _fingerprint(value: Any) -> str:
    digits = value.replace(" ", "").upper() if isinstance(value, str) else "?"
    if not re.fullmatch(r"(?:[0-9A-F]{40}|[0-9A-F]{64})?", digits):
        raise ValueError("the fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits")
    return digits


_NAME = _value("a text", _is_text)
_TEXT = _value("a text that is not empty", _is_word)
_SWITCH = _value("True or False", lambda value: isinstance(value, bool))
_NETWORKS = _list('a list of networks such as ["192.0.2.0/24", "2001:db8::/32"]', _is_network)

_CHECKS: dict[str, Check] = {
    "web_root": _path,
    "logs": _globs,
    "log_format": _TEXT,
    "client": _NAME,
    "line_prefix": _NAME,
    "json_keys": _json_keys,
    "hosts": _list(
        'a list of host names such as ["downloads.example"]', lambda item: _is_word(item) and item.isprintable()
    ),
    "method": _value('a request method such as "GET"', lambda value: value == "" or _is_method(value)),
    # Without an ending nothing is an image, and every line of every log would be looked at for nothing.
    "extensions": _endings(1),
    "companions": _endings(0),
    "methods": _list('a list of request methods such as ["GET", "HEAD"]', _is_method, 1),
    "statuses": _list(
        "a list of HTTP status codes such as [200, 206]", lambda item: type(item) is int and 100 <= item <= 599, 1
    ),
    "bytes_sent": _value('"auto", "wire" (%O) or "body" (%b)', lambda value: value in ("auto", "wire", "body")),
    "url_prefix": _NAME,
    "crawlers": _SWITCH,
    "own_networks": lambda value: tuple(str(ip_network(item)) for item in _NETWORKS(value)),
    "own_agents": _list('a list of texts such as ["UptimeRobot"]', _is_word),
    "fold_ipv4": _prefix(32),
    "fold_ipv6": _prefix(128),
    "programs": _SWITCH,
    "countries": _NAME,
    "networks": _NAME,
    "names": _list(
        "a list of regular expressions with a group named series, version or arch, such as "
        r'["^noble-(?P<series>[a-z]+)"]',
        _is_pattern,
    ),
    "aliases": _aliases,
    "notes": _TEXT,
    "key": _fingerprint,
    "show_counts": _SWITCH,
    "scheduler": _value("a text that is not empty", lambda value: value is None or _is_word(value)),
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
