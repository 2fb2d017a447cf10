"""The setting `DOWNLOAD_COUNTER`: its keys, what they may be, and what is taken without them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, convert

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
    """The settings that bear on counting. Two runs with the same rule read a log alike."""

    log_format: str = "combined"  # the name of a known format, or an Apache LogFormat string
    client: str = ""  # the directive that names the client, such as `%a`; empty takes the format's own
    line_prefix: str = ""  # what stands before or around each line: a name such as `syslog`, or its LogFormat
    # The keys that have what a line needs, if the logs are JSON of no named format.
    json_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hosts: tuple[str, ...] = ()  # the virtual hosts that count, of logs that have several; empty: all
    method: str = ""  # the request method of all lines, for logs that do not say it
    methods: tuple[str, ...] = ("GET", "HEAD")  # request methods that count
    extensions: tuple[str, ...] = (".iso",)  # what the name of an image ends with, in any case
    statuses: tuple[int, ...] = (200, 206)  # answers that count
    url_prefix: str = ""  # the path under which the web root is served, such as `/iso/`
    crawlers: bool = False  # leave out clients that call themselves crawlers
    own_networks: tuple[str, ...] = ()  # leave out the clients of these networks, such as `192.0.2.0/24`
    own_agents: tuple[str, ...] = ()  # leave out clients whose user agent has one of these texts in it, in any case
    fold_ipv4: int | None = None  # count IPv4 clients by this prefix length, None by address
    fold_ipv6: int | None = None  # count IPv6 clients by this prefix length, None by address
    programs: bool = True  # count the programs and operating systems of clients
    countries: str = ""  # a database of countries (.mmdb); empty counts none
    networks: str = ""  # a database of networks (.mmdb), which tells data centres; empty counts none

    @property
    def rule(self) -> "Rule":
        """The rule alone, out of all settings."""
        return Rule(**{one.name: getattr(self, one.name) for one in fields(Rule)})


@dataclass(frozen=True)
class Settings(Rule):
    """The checked settings. Each field, here and in `Rule`, is a key of `DOWNLOAD_COUNTER`."""

    web_root: Path  # the folder the web server serves, with the images in it
    logs: tuple[str, ...]  # globs of the access logs, or addresses such as `sftp://host/path*`
    companions: tuple[str, ...] = COMPANIONS  # endings of the files listed with an image
    # What the log's size field means: `wire` (%O, bytes really sent), `body` (%b, the full size even when the client
    # left), or `auto` (told from the log).
    bytes_sent: str = "auto"
    # Regular expressions that tell `series`, `version` or `arch` of a file, by groups of these names.
    names: tuple[str, ...] = ()
    # Names that images had before, each with the name now; their downloads are shown together.
    aliases: tuple[tuple[str, str], ...] = ()
    notes: str = "isos"  # the folder of the notes on images, below Pelican's PATH
    key: str = ""  # fingerprint of the OpenPGP key that signs the images, shown beside the signatures
    show_counts: bool = False  # give the public page the total of each image, and write badges
    scheduler: str | None = None  # address of a Dask scheduler that reads the logs, None for this machine


_Word = Annotated[str, Meta(min_length=1)]
_Words = tuple[_Word, ...]
_Host = Annotated[str, Meta(pattern=r"^[^\x00-\x20\x7f]+$")]
_Method = Annotated[str, Meta(pattern=r"^[A-Za-z]+$")]
_Ending = Annotated[str, Meta(pattern=r"^\.[^/]+$")]
_Status = Annotated[int, Meta(ge=100, le=599)]
_SomeWords = Annotated[_Words, Meta(min_length=1)]
_SomeMethods = Annotated[tuple[_Method, ...], Meta(min_length=1)]
_SomeEndings = Annotated[tuple[_Ending, ...], Meta(min_length=1)]
_SomeStatuses = Annotated[tuple[_Status, ...], Meta(min_length=1)]


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _globs(value: Any) -> tuple[str, ...]:
    return convert(shlex.split(value) if isinstance(value, str) else value, _SomeWords)


def _lower(endings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str.lower, endings))


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(text)) for text in texts)


def _json_keys(keys: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not keys.keys() <= set(JSON_NEEDS):
        raise ValueError
    return tuple((need, convert([one] if isinstance(one, str) else one, _SomeWords)) for need, one in keys.items())


def _patterns(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        groups = re.compile(text).groupindex.keys()
        if not groups or not groups <= {"series", "version", "arch"}:
            raise ValueError
    return texts


def _pairs(names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(names.items())


def _fingerprint(text: str) -> str:
    digits = text.replace(" ", "").upper()
    if not re.fullmatch(r"(?:[0-9A-F]{40}|[0-9A-F]{64})?", digits):
        raise ValueError
    return digits


# Key -> what it may be, the same as a type, and what is made of it, which may raise a ValueError too.
_KEYS: dict[str, tuple[Any, ...]] = {
    "web_root": ("the path of a folder", _Word, _folder),
    "logs": ("globs of access logs: a list of texts, or one text with blanks between", Any, _globs),
    "log_format": ("a text that is not empty", _Word),
    "client": ("a text", str),
    "line_prefix": ("a text", str),
    "json_keys": (
        f"a dict such as {{'client': 'request.remote_ip'}}; its keys may be {', '.join(JSON_NEEDS)}",
        dict[str, Any],
        _json_keys,
    ),
    "hosts": ('a list of host names such as ["downloads.example"]', tuple[_Host, ...]),
    "method": ('a request method such as "GET"', Annotated[str, Meta(pattern="^[A-Za-z]*$")]),
    # Without an ending nothing is an image, and every line of every log would be looked at for nothing.
    "extensions": ('a list of endings such as [".iso"]', _SomeEndings, _lower),
    "companions": ('a list of endings such as [".iso"]', tuple[_Ending, ...], _lower),
    "methods": ('a list of request methods such as ["GET", "HEAD"]', _SomeMethods),
    "statuses": ("a list of HTTP status codes such as [200, 206]", _SomeStatuses),
    "bytes_sent": ('"auto", "wire" (%O) or "body" (%b)', Literal["auto", "wire", "body"]),
    "url_prefix": ("a text", str),
    "crawlers": ("True or False", bool),
    "own_networks": ('a list of networks such as ["192.0.2.0/24", "2001:db8::/32"]', _Words, _networks),
    "own_agents": ('a list of texts such as ["UptimeRobot"]', _Words),
    "fold_ipv4": ("None or a prefix length from 1 to 32", Annotated[int, Meta(ge=1, le=32)] | None),
    "fold_ipv6": ("None or a prefix length from 1 to 128", Annotated[int, Meta(ge=1, le=128)] | None),
    "programs": ("True or False", bool),
    "countries": ("a text", str),
    "networks": ("a text", str),
    "names": (
        r"""a list of regular expressions with a group named series, version or arch: ["-(?P<version>[0-9]+)-"]""",
        _Words,
        _patterns,
    ),
    "aliases": (
        "a dict from a file's name before to its name now, both below the web root",
        dict[_Word, _Word],
        _pairs,
    ),
    "notes": ("a text that is not empty", _Word),
    "key": ("the fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits", str, _fingerprint),
    "show_counts": ("True or False", bool),
    "scheduler": ("a text that is not empty", _Word | None),
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
        if key not in _KEYS:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER has no key {key!r}. It may have: {', '.join(_KEYS)}.")
        wanted, kind, *changes = _KEYS[key]
        try:
            values[key] = convert(str(value) if isinstance(value, Path) else value, kind)
            for change in changes:
                values[key] = change(values[key])
        except (ValueError, re.error):
            raise DownloadCounterError(f"DOWNLOAD_COUNTER[{key!r}] is {value!r}, but must be {wanted}.") from None
    for key, what in (("web_root", "the folder that the web server serves"), ("logs", "globs of its access logs")):
        if key not in values:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER lacks {key!r}, {what}.")
    return Settings(**values)
