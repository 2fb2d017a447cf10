"""The setting `DOWNLOAD_COUNTER`: its keys, what they may be, and what is taken without them."""

import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from msgspec import Meta, Struct, ValidationError, convert

from .errors import DownloadCounterError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

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


Word = Annotated[str, Meta(min_length=1)]
Words = tuple[Word, ...]
SomeWords = Annotated[Words, Meta(min_length=1)]
Host = Annotated[str, Meta(pattern=r"^[^\x00-\x20\x7f]+$")]
Method = Annotated[str, Meta(pattern=r"^[A-Za-z]+$")]
Ending = Annotated[str, Meta(pattern=r"^\.[^/]+$")]
Status = Annotated[int, Meta(ge=100, le=599)]


class Rule(Struct, frozen=True, kw_only=True):
    """The settings that bear on counting. Two runs with the same rule read a log alike."""

    log_format: Word = "combined"  # the name of a known format, or an Apache LogFormat string
    client: str = ""  # the directive that names the client, such as `%a`; empty takes the format's own
    line_prefix: str = ""  # what stands before or around each line: a name such as `syslog`, or its LogFormat
    # The keys that have what a line needs, if the logs are JSON of no named format.
    json_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hosts: tuple[Host, ...] = ()  # the virtual hosts that count, of logs that have several; empty: all
    method: Annotated[str, Meta(pattern="^[A-Za-z]*$")] = (
        ""  # the request method of all lines, for logs that do not say it
    )
    methods: Annotated[tuple[Method, ...], Meta(min_length=1)] = ("GET", "HEAD")  # request methods that count
    # What the name of an image ends with, in any case. Without one, each line would be looked at for nothing.
    extensions: Annotated[tuple[Ending, ...], Meta(min_length=1)] = (".iso",)
    statuses: Annotated[tuple[Status, ...], Meta(min_length=1)] = (200, 206)  # answers that count
    url_prefix: str = ""  # the path under which the web root is served, such as `/iso/`
    crawlers: bool = False  # leave out clients that call themselves crawlers
    own_networks: Words = ()  # leave out the clients of these networks, such as `192.0.2.0/24`
    own_agents: Words = ()  # leave out clients whose user agent has one of these texts in it, in any case
    fold_ipv4: Annotated[int, Meta(ge=1, le=32)] | None = None  # count IPv4 clients by this prefix length
    fold_ipv6: Annotated[int, Meta(ge=1, le=128)] | None = None  # count IPv6 clients by this prefix length
    programs: bool = True  # count the programs and operating systems of clients
    countries: str = ""  # a database of countries (.mmdb); empty counts none
    networks: str = ""  # a database of networks (.mmdb), which tells data centres; empty counts none

    @property
    def rule(self) -> "Rule":
        """The rule alone, out of all settings."""
        return Rule(**{name: getattr(self, name) for name in Rule.__struct_fields__})


class Settings(Rule, frozen=True):
    """The checked settings. Each field, here and in `Rule`, is a key of `DOWNLOAD_COUNTER`."""

    web_root: Path  # the folder the web server serves, with the images in it
    logs: tuple[str, ...]  # globs of the access logs, or addresses such as `sftp://host/path*`
    companions: tuple[Ending, ...] = COMPANIONS  # endings of the files listed with an image
    # What the log's size field means: `wire` (%O, bytes really sent), `body` (%b, the full size even when the client
    # left), or `auto` (told from the log).
    bytes_sent: Annotated[str, Meta(pattern="^(?:auto|wire|body)$")] = "auto"
    # Regular expressions that tell `series`, `version` or `arch` of a file, by groups of these names.
    names: Words = ()
    # Names that images had before, each with the name now; their downloads are shown together.
    aliases: tuple[tuple[str, str], ...] = ()
    notes: Word = "isos"  # the folder of the notes on images, below Pelican's PATH
    key: str = ""  # fingerprint of the OpenPGP key that signs the images, shown beside the signatures
    show_counts: bool = False  # give the public page the total of each image, and write badges
    scheduler: Word | None = None  # address of a Dask scheduler that reads the logs, None for this machine


def _json_keys(keys: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not keys.keys() <= set(JSON_NEEDS):
        raise ValueError
    return tuple((need, convert([one] if isinstance(one, str) else one, SomeWords)) for need, one in keys.items())


def _patterns(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        groups = re.compile(text).groupindex.keys()
        if not groups or not groups <= {"series", "version", "arch"}:
            raise ValueError
    return texts


def _fingerprint(text: str) -> str:
    digits = text.replace(" ", "").upper()
    if not re.fullmatch(r"(?:[0-9A-F]{40}|[0-9A-F]{64})?", digits):
        raise ValueError
    return digits


# What is given, where that is not what its field holds, and what is made of it, which may raise a ValueError.
_GIVEN: dict[str, Any] = {"web_root": Word, "logs": Any, "json_keys": dict[str, Any], "aliases": dict[Word, Word]}
_MADE: dict[str, Callable[[Any], Any]] = {
    "web_root": lambda text: Path(text).expanduser().absolute(),
    "logs": lambda value: convert(shlex.split(value) if isinstance(value, str) else value, SomeWords),
    "json_keys": _json_keys,
    "extensions": lambda endings: tuple(map(str.lower, endings)),
    "companions": lambda endings: tuple(map(str.lower, endings)),
    "own_networks": lambda texts: tuple(str(ip_network(text)) for text in texts),
    "names": _patterns,
    "aliases": lambda names: tuple(names.items()),
    "key": _fingerprint,
}


def time_zone(name: object) -> "ZoneInfo":
    """Return the time zone of Pelican's `TIMEZONE`, an IANA name such as "Europe/Paris"; UTC if it is not set.

    Raises:
        DownloadCounterError: there is no such zone.
    """
    from zoneinfo import ZoneInfo  # the ingest has no need of it

    try:
        return ZoneInfo(str(name or "UTC"))
    except (KeyError, ValueError, OSError) as error:
        raise DownloadCounterError(
            f"TIMEZONE is {name!r}, which is no time zone. Give one as in Europe/Paris."
        ) from error


def check(raw: Mapping[str, Any]) -> Settings:
    """Return the settings that `DOWNLOAD_COUNTER` gives.

    Raises:
        DownloadCounterError: names the key that is unknown, missing or wrong, and what it may be.
    """
    if not isinstance(raw, Mapping):
        raise DownloadCounterError(f"DOWNLOAD_COUNTER must be a dict, not {type(raw).__name__}.")
    kinds = get_type_hints(Settings, include_extras=True) | _GIVEN
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in kinds:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER has no key {key!r}. It may have: {', '.join(_wanted())}.")
        try:
            given = convert(str(value) if isinstance(value, Path) else value, kinds[key])
            values[key] = _MADE[key](given) if key in _MADE else given
        except (ValueError, ValidationError, re.error):
            raise DownloadCounterError(
                f"DOWNLOAD_COUNTER[{key!r}] is {value!r}, but must be {_wanted()[key]}."
            ) from None
    for key, what in (("web_root", "the folder that the web server serves"), ("logs", "globs of its access logs")):
        if key not in values:
            raise DownloadCounterError(f"DOWNLOAD_COUNTER lacks {key!r}, {what}.")
    return Settings(**values)


def _wanted() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
