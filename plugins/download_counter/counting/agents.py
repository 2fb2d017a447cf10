"""Programs and operating systems, as user agents name them. Nobody must tell the truth there, but most do.

A program's rule is a row: what it is called, and pieces of the agent, in lower case, of which one is enough. The first
row that fits counts, so the order matters: Edge, Opera and Samsung's browser also call themselves Chrome, and
all of them Safari (https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent).
"""

from typing import NamedTuple


class _Row(NamedTuple):
    name: str
    pieces: tuple[bytes, ...]


OTHER = "other"

_PROGRAMS = (
    _Row(OTHER, ()),
    # Those who only look whether the file is there, or copy it for others.
    _Row("mirror checker", (b"mirrorbits", b"mirmon", b"mirrormanager", b"check_http", b"uptimerobot", b"monitoring")),
    _Row(
        "robot",
        (b"bot/", b"bot;", b"robot", b"-bot", b"googlebot", b"bingbot", b"crawl", b"spider", b"slurp", b"facebookext"),
    ),
    # Their own documentation; agents of the last versions in Debian.
    _Row(
        "BitTorrent",
        (
            b"transmission",
            b"qbittorrent",
            b"libtorrent",
            b"utorrent",
            b"deluge",
            b"rtorrent",
            b"bittorrent",
            b"ktorrent",
        ),
    ),
    _Row("aria2", (b"aria2",)),
    _Row("wget", (b"wget",)),
    _Row("curl", (b"curl/",)),
    _Row("zsync", (b"zsync",)),
    _Row(
        "download manager",
        (
            b"fdm ",
            b"free download manager",
            b"idman",
            b"jdownloader",
            b"uget",
            b"axel",
            b"motrix",
            b"xunlei",
            b"download master",
            b"lftp",
            b"getright",
            b"prozilla",
        ),
    ),
    _Row(
        "package tool",
        (
            b"debian apt",
            b"apt-http",
            b"libdnf",
            b"dnf/",
            b"yum",
            b"urlgrabber",
            b"pacman",
            b"zypp",
            b"packagekit",
            b"nala",
        ),
    ),
    _Row(
        "image writer",
        (
            b"etcher",
            b"rufus",
            b"ventoy",
            b"raspberry pi imager",
            b"mediawriter",
            b"usbimager",
            b"netboot",
            b"ipxe",
            b"unetbootin",
        ),
    ),
    _Row(
        "virtual machine",
        (
            b"quickemu",
            b"quickget",
            b"vagrant",
            b"packer",
            b"libvirt",
            b"osinfo",
            b"gnome-boxes",
            b"proxmox",
            b"virtualbox",
        ),
    ),
    # Libraries that programs without a name of their own use.
    _Row("Python", (b"python", b"aiohttp", b"httpx")),
    _Row("Go", (b"go-http-client",)),
    _Row("Java", (b"java/", b"okhttp", b"apache-httpclient", b"jakarta")),
    _Row("PowerShell", (b"powershell",)),
    _Row("library", (b"libwww", b"guzzle", b"node-fetch", b"axios", b"dart/", b"winhttp", b"libsoup", b"php")),
    # Browsers, those that call themselves by another's name as well first.
    _Row("text browser", (b"lynx", b"w3m", b"links (", b"elinks")),
    _Row("Edge", (b"edg/", b"edga/", b"edgios/", b"edge/")),
    _Row("Opera", (b"opr/", b"opera")),
    _Row("Samsung Internet", (b"samsungbrowser",)),
    _Row("Chrome", (b"chrome/", b"chromium", b"crios/")),
    _Row("Firefox", (b"firefox/", b"fxios/", b"iceweasel", b"seamonkey")),
    _Row("Safari", (b"version/",)),
    _Row("other browser", (b"mozilla/", b"trident/")),
)

_SYSTEMS = (
    _Row(OTHER, ()),
    _Row("Windows", (b"windows", b"win64", b"win32", b"mingw")),
    _Row("Android", (b"android",)),
    _Row("iOS", (b"iphone", b"ipad", b"ios/", b"like mac os x")),
    _Row("macOS", (b"macintosh", b"mac os", b"darwin")),
    _Row("ChromeOS", (b"cros ",)),
    _Row("BSD", (b"freebsd", b"openbsd", b"netbsd", b"dragonfly")),
    # wget before 1.17 and curl before 7.20 named the system they were built for.
    _Row("Linux", (b"linux", b"x11", b"ubuntu", b"debian", b"fedora")),
)

PROGRAMS = tuple(row.name for row in _PROGRAMS)
SYSTEMS = tuple(row.name for row in _SYSTEMS)


def kind_of(agent: bytes) -> int:
    """Return one byte that says the program and the system of a user agent, as logged; 0 if nothing is known."""
    lower = agent.lower()
    return _first(_PROGRAMS, lower) * len(_SYSTEMS) + _first(_SYSTEMS, lower)


def program(kind: int) -> str:
    """Return the program's name."""
    return PROGRAMS[kind // len(_SYSTEMS)]


def system(kind: int) -> str:
    """Return the system's name."""
    return SYSTEMS[kind % len(_SYSTEMS)]


def _first(rows: tuple[_Row, ...], agent: bytes) -> int:
    return next((index for index, row in enumerate(rows) if any(piece in agent for piece in row.pieces)), 0)
