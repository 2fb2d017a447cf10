"""What to say of a log that is not as the settings say: never a word of what its lines say, and tested advice only."""

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from ..errors import DownloadCounterError
from ..settings import Rule
from .clients import is_address
from .formats import format_of, formats, prefixes
from .jsonformat import JsonFormat, guess_keys, loads
from .logformat import LogFormat, Row

# A few lines of a log may be damaged or a client's nonsense. More than this share are another format, if they are more
# than a handful, or a fifth of a short log.
_SHARE = 0.01
HANDFUL = 5
_SHARE_OF_FEW = 0.2

# A line of an error log, as httpd and nginx write it: https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat
_ERROR = re.compile(
    rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [^\]\n]*\] \[[a-z0-9_-]*:?[a-z0-9]+\] |[0-9/]{10} [0-9:]{8} \[[a-z]+\] [0-9]+#"
)

# The header that a proxy tells the client in, and the share of lines that have it if all visitors come through one.
_HEADER = "%{X-Forwarded-For}i"
_ADDRESS_LAST = re.compile(rb'[", ][0-9A-Fa-f:.]{3,}(?:\]:[0-9]+)?"\r?$')
_MOST = 0.9

# What stands behind a prefix: those that programs write which log through one.
_BEHIND_PREFIX = ("combined", "common", "vhost", "vhost_combined", "json", "caddy", "haproxy")


def advice(rule: Rule, unread: Sequence[bytes], unreadable: int, read: int) -> str:
    """Say what is wrong with a log of which so many lines could be read and so many not, some of which are given.

    The text is the rest of a sentence that begins with the log's name; it is empty for no more than a few lines.
    """
    part = unreadable / (read + unreadable) if unread else 0
    if part <= (_SHARE if unreadable > HANDFUL or unreadable == read + unreadable else _SHARE_OF_FEW):
        return ""
    share = f"{unreadable} of {unreadable + read} lines" if read else "no line"
    said = f"has {share} {'not ' if read else ''}in the log format {rule.log_format!r}"
    if rule.line_prefix:
        said += f" behind the prefix {rule.line_prefix!r}"
    return f"{said}: {_what_to_do(rule, unread)}"


def _what_to_do(rule: Rule, lines: Sequence[bytes]) -> str:
    if sum(_ERROR.match(line) is not None for line in lines) > len(lines) // 2:
        return "it is an error log. Leave it out of DOWNLOAD_COUNTER['logs']"
    if nearest := _nearest(rule, lines):
        return f"set {_changes(rule, nearest)}, which reads them"
    if (format_ := _made(rule)) and isinstance(format_, JsonFormat) and (lacks := _lacks(format_, lines)):
        methods = " or DOWNLOAD_COUNTER['method']" if lacks == ["method"] else ""
        return f"they have no key that is known for {' and '.join(lacks)}. Set DOWNLOAD_COUNTER['json_keys']{methods}"
    if sum(isinstance(loads(line), dict) for line in lines) > len(lines) // 2:
        return "they are JSON with keys that are not known. Name them in DOWNLOAD_COUNTER['json_keys']"
    return "no format that is known by name reads them. Set DOWNLOAD_COUNTER['log_format'] to their LogFormat"


def _changes(rule: Rule, nearest: Rule) -> str:
    settings = {key: getattr(nearest, key) for key in ("line_prefix", "log_format", "json_keys", "client", "method")}
    changed = {key: value for key, value in settings.items() if value != getattr(rule, key)}
    if "json_keys" in changed:
        changed["json_keys"] = {need: keys[0] if len(keys) == 1 else list(keys) for need, keys in nearest.json_keys}
    return " and ".join(f"DOWNLOAD_COUNTER[{key!r}] = {value!r}" for key, value in changed.items())


def _nearest(rule: Rule, lines: Sequence[bytes]) -> Rule | None:
    """The settings of a known format that read more than half of some lines, and the most of them.

    Of two that read as many, those that find more clients: a proxy's address is the same in many lines.
    """
    plain = replace(rule, client="", json_keys=(), hosts=())
    best, most = None, (len(lines) // 2 + 1, 0)
    for candidate in _candidates(plain, lines):
        in_header = bool(formats().get(candidate.log_format, {}).get("client"))
        if (format_ := _made(candidate)) and (found := _reads(format_, lines, in_header=in_header)) > most:
            best, most = candidate, found
    return best


def _candidates(plain: Rule, lines: Sequence[bytes]) -> Iterator[Rule]:
    # Prefixes first: a time in front of a line could pass for a virtual host.
    for prefix in prefixes():
        for name in (plain.log_format, *_BEHIND_PREFIX):
            yield replace(plain, log_format=name, line_prefix=prefix)
    for name in formats():
        yield replace(plain, log_format=name, line_prefix="")
        yield replace(plain, log_format=name, line_prefix="", method="GET")
    if keys := guess_keys(lines):
        yield replace(plain, log_format="json", line_prefix="", json_keys=keys)


def _made(rule: Rule) -> LogFormat | None:
    try:
        return format_of(rule)
    except DownloadCounterError:
        return None


def _reads(format_: LogFormat, lines: Iterable[bytes], *, in_header: bool = False) -> tuple[int, int]:
    """How many of some lines a format reads, and how many clients it finds; in a proxy's header are no names."""
    rows = [row for line in lines if (row := format_.row(line)) and _is_answer(row) and format_.day(row[1])]
    clients = [row[0] for row in rows if is_address(row[0]) or (b"." in row[0] and not in_header)]
    return len(clients), len(set(clients))


def _is_answer(row: Row) -> bool:
    """Say whether there is a request of a method that counts, and a status."""
    method, target, status = row[2]
    return bool(method and target) and bytes(status).isdigit()


def _lacks(format_: JsonFormat, lines: Iterable[bytes]) -> list[str]:
    """What none of some JSON lines has a key for, of what none can be read without."""
    lacks = [found for line in lines if (found := format_.lacks(line)) is not None]
    missing = set.intersection(*map(set, lacks)) - {"size"} if lacks else set()
    return [need for need in lacks[0] if need in missing] if lacks else []


def advice_on_start(rule: Rule, lines: bytes) -> str:
    """Say what is wrong with a log by its first lines, as `advice` does; for a log of which no line names an image."""
    format_ = format_of(rule)
    format_.rows(lines)
    unread = [line for line in format_.unusual_lines(lines) if line and line[:1] != b"#" and format_.row(line) is None]
    return advice(rule, unread[:100], len(unread), lines.count(b"\n") - len(unread))


def advice_on_sizes(rule: Rule, lines: Iterable[bytes]) -> str:
    """Say that a log does not say how many bytes were sent, if no line does that is not of HEAD."""
    format_ = format_of(rule)
    if isinstance(format_, JsonFormat):
        lacks, what = all("size" in (format_.lacks(line) or ()) for line in lines), "DOWNLOAD_COUNTER['json_keys']"
    else:
        lacks, what = format_.sized, "the server's log format to one with the bytes sent (%O)"
    return f"does not say how many bytes were sent, so nobody knows what finished. Set {what}" if lacks else ""


def advice_on_clients(rule: Rule, lines: Sequence[bytes]) -> str:
    """Say that lines with images have a proxy's header too, at their end or under a key, which tells more clients."""
    counted = format_of(rule)
    if rule.client or not lines:
        return ""
    if isinstance(counted, JsonFormat):
        keys = dict(rule.json_keys) | {need: keys for need, keys in guess_keys(lines) if need == "client"}
        where, header = "has another key for the client", replace(rule, json_keys=tuple(keys.items()))
        times = 2  # an address may have a port behind it, another one each time
    else:
        # Most logs have no such thing, and need no more than a look at how their lines end.
        if sum(_ADDRESS_LAST.search(line[-200:]) is not None for line in lines) < _MOST * len(lines):
            return ""
        text = formats().get(rule.log_format, {}).get("format", rule.log_format)
        if not text.endswith('"'):
            return ""
        where = "ends its lines with the header that a proxy sends"
        header = replace(rule, log_format=f'{text} "{_HEADER}"', client=_HEADER)
        times = 1
    format_ = _made(header)
    behind = [row[0] for line in lines if format_ and (row := format_.row(line))]
    # The name of a host may stand there, or what a cache says.
    clients = set(filter(is_address, behind))
    number = _reads(counted, lines)[1]
    if sum(client in clients for client in behind) < _MOST * len(lines) or len(clients) <= times * number:
        return ""
    return f"{where}, which tells {len(clients)} clients, not {number}: set {_changes(rule, header)}, which reads it"


def advice_on_requests(rule: Rule, lines: Sequence[bytes]) -> str:
    """Say that none of the lines that name an image has a request and a status where the format has them."""
    if len(lines) <= HANDFUL or "methods" in formats().get(rule.log_format, {}):
        return ""
    format_ = format_of(rule)
    rows = [row for line in lines if (row := format_.row(line)) and row[0]]
    if not rows or any(map(_is_answer, rows)):
        return ""
    return (
        f"has {len(lines)} lines that name an image, but none with a request ({' or '.join(rule.methods)}) and a "
        f"status where the log format {rule.log_format!r} has them: {_what_to_do(rule, lines)}"
    )


def advice_on_hosts(rule: Rule, lines: Iterable[bytes]) -> str:
    """Say that lines with images are of several virtual hosts, if nobody has said which of them count."""
    format_ = format_of(rule)
    if rule.hosts or not format_.has_host:
        return ""
    number = len({host for line in lines if (host := format_.host_of(line))})
    if number < 2:
        return ""
    return f"has downloads of {number} virtual hosts, and all count. Name those that do in DOWNLOAD_COUNTER['hosts']"
