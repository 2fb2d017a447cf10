r"""The counting rule: which line counts, and what is file, day, client, started, finished.

A log line is a download when its method is GET or HEAD, its status 200 or 206, and its path names
an image (`.iso`, in any case). One key, (client, file, day), is one started download, however many
answers, resumes or logs it is spread over. The sections below are in that order.

Two more kinds of line are kept, for numbers beside the downloads: a client that fetched what checks an image (a
digest, a checksum list, a signature), and an image, or what may lie beside one, that was asked for and is not there
(404, 410).
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from functools import lru_cache
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from urllib.parse import unquote_to_bytes

from ..settings import CHECKSUM_LIST, COMPANIONS, DIGESTS, SIGNATURES, Rule

# --- Which line counts ---

DOWNLOAD, CHECK, MISSING = "download", "check", "missing"
"""The kinds of line that are kept."""

# What of an image a client fetches to check it, by the ending after its name; and lists of digests, signed or not.
_CHECKS = tuple(f".{kind}".encode() for kind in (*DIGESTS, *SIGNATURES))
_LIST = re.compile(rb"%b(?:\.(?:%b))?" % (CHECKSUM_LIST.pattern.encode(), "|".join(SIGNATURES).encode()), re.IGNORECASE)
_GONE = (b"404", b"410")


def kind_namer(rule: Rule) -> Callable[[bytes, bytes, bytes], str | None]:
    """Return a function that says what a line is for the counter: a kind, or None if it is nothing.

    It takes the method (one of the rule's), the status, and the path as `path_namer` gives it.
    """
    images = tuple(extension.encode() for extension in rule.extensions)
    checks = tuple(image + check for image in images for check in _CHECKS)
    missed = (*images, *checks, *(image + one.encode() for image in images for one in COMPANIONS))
    statuses = {str(status).encode() for status in rule.statuses}

    def kind_of(method: bytes, status: bytes, path: bytes) -> str | None:
        name = path.lower()
        if status in statuses:
            if name.endswith(images):
                return DOWNLOAD
            fetched = method != b"HEAD" and (
                name.endswith(checks) or _LIST.fullmatch(name.rpartition(b"/")[2]) is not None
            )
            return CHECK if fetched else None
        return MISSING if status in _GONE and name.endswith(missed) else None

    return kind_of


def checked_by(path: str, extensions: Collection[str]) -> tuple[str, str | None]:
    """Return the image that a fetched digest or signature checks, and None; of a list an empty text and its folder."""
    name = path.lower()
    for extension in extensions:
        at = name.rfind(f"{extension}.")
        if at >= 0 and "/" not in name[at:]:
            return path[: at + len(extension)], None
    return "", path.rpartition("/")[0]


def line_filter(extensions: Collection[str]) -> Callable[[bytes], bool]:
    """Return a function that says whether a line may be one that counts.

    Endings in any case are found, and percent-encoded ones too (RFC 3986 section 2.3 makes
    `%2eiso` and `.iso` the same name), whatever the log escapes of them.
    """
    first, endings = next(iter(extensions)), tuple(extensions)
    spelled = re.compile("|".join("".join(map(_spellings, ending)) for ending in endings)).search
    escape = re.compile(r'\\(?!")').search

    def may_count(line: bytes) -> bool:
        text = line.decode("latin-1")  # text is looked for in text several times as fast as bytes in bytes
        if first in text:
            return True
        text = text.lower()
        for ending in endings:
            if ending in text:
                return True
        if "sum" in text and ("sums" in text or "checksum" in text):
            return True
        # The pattern takes many times as long as to look for what most lines do not have.
        return ("%" in text or escape(text) is not None) and spelled(text) is not None

    return may_count


def _spellings(letter: str) -> str:
    """The pattern of one letter of an ending in lower case: itself, or its number, or that of the upper case."""
    numbers = "|".join(f"{ord(one):02x}" for one in sorted({letter, letter.upper()}))
    return rf"(?:\\?{re.escape(letter)}|(?:%|\\x|\\u00)(?:{numbers}))"


# --- The file ---

# httpd's ap_escape_logitem: \xhh, the C escapes, \" and \\; nginx's default: \xHH. In JSON
# (RFC 8259 section 7) there are \/ and \uhhhh besides, two of them for a character beyond U+FFFF.
_LOG_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*)|([^x]))", re.DOTALL)
_C_ESCAPES = {b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}
# RFC 9112 section 3.2.2, absolute-form: a client may send the whole URL.
_ORIGIN = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+://[^/?#]*+")
_QUERY = re.compile(rb"[?#]")
# A target that is its path, as most are: nothing in it is escaped or to be resolved.
_PLAIN_TARGET = re.compile(rb"(?>(?:/[A-Za-z0-9_+~-][A-Za-z0-9._+~-]*+)+)")


def path_namer(url_prefix: str = "", *, decoded: bool = False) -> Callable[[bytes], bytes | None]:
    r"""Return a function from a request target, as logged, to the path below the web root; None where no file can be.

    It undoes the log's escapes (`\xc3`, `\"`), drops scheme, host, query and fragment, decodes percent-encoding once,
    merges slashes, and resolves dot segments, as httpd does when it looks for the file (RFC 3986 section 5.2.4). It
    takes `url_prefix` off, such as "iso" or "/iso/"; what is outside of it is no file of the web root. A `decoded`
    target is a path that httpd has decoded already (%U).
    """
    is_plain = _PLAIN_TARGET.fullmatch
    below = b"".join(part + b"/" for part in url_prefix.encode().split(b"/") if part)

    def path_of(target: bytes) -> bytes | None:
        if not below and is_plain(target):
            return target[1:]
        path = _LOG_ESCAPE.sub(_unescape, target) if b"\\" in target else target
        if not decoded:
            if not path.startswith(b"/") and (origin := _ORIGIN.match(path)):
                path = path[origin.end() :]
            path = unquote_to_bytes(_QUERY.split(path, maxsplit=1)[0])
        if b"\0" in path or path.endswith((b"/", b"/.", b"/..")):
            return None
        parts: list[bytes] = []
        for part in path.split(b"/"):
            if part == b"..":
                del parts[-1:]
            elif part not in (b"", b"."):
                parts.append(part)
        path = b"/".join(parts)
        if not path.startswith(below):
            return None
        return path[len(below) :]

    return path_of


def _unescape(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes.fromhex(escape[1].decode())
    if escape[2]:
        return str(json.loads(b'"\\' + escape[2] + b'"')).encode(errors="replace")
    return _C_ESCAPES.get(escape[3], escape[3])


# --- The day ---

# Days between two lines of a log that no quiet server explains.
_LONGEST_SILENCE = 366


def days_in_time(lines: Mapping[str, int]) -> set[str]:
    """Return the days of a log that a right clock has written, of a log with so many downloads on each day (log time).

    A machine that starts without a clock writes 1970, a broken one 2106 or 9999. Days more than a year away from all
    others are such ones; most lines are right.
    """
    groups: list[list[str]] = []
    for day in sorted(lines):
        if not groups or (date.fromisoformat(day) - date.fromisoformat(groups[-1][-1])).days > _LONGEST_SILENCE:
            groups.append([])
        groups[-1].append(day)
    return set(max(groups, key=lambda days: (sum(map(lines.__getitem__, days)), days), default=[]))


@lru_cache(maxsize=4096)
def day_before(day: str) -> str:
    """Return the day before a day, both as "YYYY-MM-DD"; the first day of all is its own."""
    return date.fromordinal(max(1, date.fromisoformat(day).toordinal() - 1)).isoformat()


@lru_cache(maxsize=4096)
def day_after(day: str) -> str:
    """Return the day after a day, both as "YYYY-MM-DD"; the last day of all is its own."""
    last = date.max.toordinal()
    return date.fromordinal(min(last, date.fromisoformat(day).toordinal() + 1)).isoformat()


# --- The client ---

# An address in brackets, or an IPv4 address or a name, with a port behind it (Azure, Caddy before 2.5).
_BRACKETS = re.compile(rb"\[([^\]]*)\](?::[0-9]+)?")
_PORT = re.compile(rb"([^:]+):[0-9]+")
_MAPPED = b"\0" * 10 + b"\xff\xff"

# What of IPv6 addresses is not spelled as in RFC 5952 (or may be): IPv4 inside (as behind `::`), a port, a colon
# too many, a zero in front, zeros that are not `::` or stand beside it, `::` for one group.
_MAY_BE_ODD = re.compile(r"\.|^:|(?<!:):$|(?:^|:)0[0-9a-f]|(?:^|:)0:0|::0|(?:^|:)0::|:::|::.*::|^(?=.*::)(?:[^:]*:){7}")


def client_namer(fold_ipv4: int | None, fold_ipv6: int | None) -> Callable[[bytes], bytes]:
    """Return a function from a client, as logged, to its one spelling.

    An IPv6 address is spelled as in RFC 5952, an IPv4 address in one (`::ffff:192.0.2.1`) as IPv4; ports and brackets
    go; a host name is in lower case. Then an address becomes its network, if the rule folds it: privacy addresses (RFC
    8981) give one machine a new IPv6 address every day or hour, all in its /64.
    """

    def client_of(client: bytes) -> bytes:
        text = match[1] if (match := _BRACKETS.fullmatch(client) or _PORT.fullmatch(client)) else client
        address, percent, zone = text.decode("latin-1").partition("%")
        try:
            # The system's functions: many times as fast as ipaddress.
            if ":" in address:
                packed = inet_pton(AF_INET6, address)
                if packed.startswith(_MAPPED):
                    address, percent, zone = inet_ntop(AF_INET, packed[12:]), "", ""
                else:
                    address = inet_ntop(AF_INET6, packed)
            else:
                inet_pton(AF_INET, address)
        except (OSError, ValueError):
            return text.lower()
        prefix = fold_ipv6 if ":" in address else fold_ipv4
        if prefix is None:
            return f"{address}{percent}{zone}".encode()
        return str(ip_network(f"{address}/{prefix}", strict=False)).encode()

    return client_of


def are_plain(clients: Collection[bytes], joined: bytes) -> bool:
    """Say whether clients are addresses, spelled as `client_namer` spells them if nothing is folded: most are.

    `joined` is the same clients, a newline behind each.
    """
    letters = joined.translate(None, b"0123456789.\n")
    if letters.translate(None, b"abcdef:"):
        return False
    ipv6 = [client.decode() for client in with_colon(clients)] if letters else []
    if joined.count(b".") != 3 * (len(clients) - len(ipv6)) or joined[:1] == b".":
        return False
    if b".." in joined or b"\n." in joined or b".\n" in joined:
        return False
    # A look for short pieces takes a tenth of the pattern's time, and finds few.
    few = [one for one in ipv6 if one.count(":") != 7 or ":0" in one or "::" in one or one[0] in ":0" or one[-1] == ":"]
    return not any((one.count(":") != 7 and "::" not in one) or _MAY_BE_ODD.search(one) for one in few)


def with_colon(clients: Iterable[bytes]) -> list[bytes]:
    """Return those clients that are IPv6 addresses: the others have no colon."""
    # Bytes are looked for in bytes as a number first, and the error that this raises takes ten times as long.
    return [client for client in clients if 58 in client]


# --- Started, finished ---

# Less than this much of an image was not to get it (bytes): a link checker, a player's first bytes.
_PROBE = 1 << 20


def probe_below(size: int) -> int:
    """Return the bytes below which a download was only asked for: 1 MiB and 1 % of the file, at least one byte."""
    return max(1, min(_PROBE, -(-size // 100)))


def has_finished(today: int, before: int, size: int) -> bool:
    """Say whether a client's download of a file of `size` bytes finished on a day.

    It did when the bytes of content sent to the client that day reach the file's size; or when those of that day and of
    the day before do, and neither day's alone did.
    """
    return today >= size or (before < size <= today + before)
