"""Does a log follow its format, and which other one does it follow, if it does not?"""

import re
from collections.abc import Iterator
from dataclasses import replace

from ..counting.rule import Rule
from .jsonformat import JSON_FORMATS
from .logformat import KNOWN

# The formats that can be asked for by name, the likelier first of those that read alike.
NAMES = ("combined", *KNOWN, "caddy", *JSON_FORMATS)

# Anything that may be an address, IPv4 or IPv6: a warning goes into mails, and no client's
# address is written anywhere.
_ADDRESS = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*+(?::[0-9A-Fa-f]*+){2,}")
_SHOWN = 160


def follows(lines: bytes, rule: Rule) -> bool:
    """Say whether any of some lines follows the rule's log format."""
    match = rule.format().pattern.match
    return any(match(line) for line in _lines(lines))


def nearest(lines: bytes, rule: Rule) -> str | None:
    """Return the known format that most of some lines follow, None if there is none."""
    best, most = None, 0
    for name in NAMES:
        match = _plainly(rule, name).format().pattern.match
        number = sum(match(line) is not None for line in _lines(lines))
        if number > most:
            best, most = name, number
    return best


def _plainly(rule: Rule, log_format: str) -> Rule:
    """The rule by another format, which need not have what only some settings ask for."""
    return replace(rule, log_format=log_format, client="", crawlers=False, own_agents=())


def problem(lines: bytes, rule: Rule) -> str:
    """Say what is wrong with a log whose first lines do not follow the rule's log format.

    Args:
        lines: whole lines from the start of the log.
        rule: the rule it is to be counted by.

    Returns:
        The rest of a sentence that begins with the log's name; empty if nothing is wrong.
    """
    if not lines or follows(lines, rule):
        return ""
    known = nearest(lines, rule)
    first = next(_lines(lines), b"")
    if known is not None:
        match = _plainly(rule, known).format().pattern.match(first)
        if match is not None:
            first = first[: match.start("client")] + b"..." + first[match.end("client") :]
    shown = _ADDRESS.sub(b"...", first)[:_SHOWN].decode("ascii", "backslashreplace")
    advice = f"the nearest known format is {known!r}" if known else "no known format is near"
    return (
        f"has no line in the log format {rule.log_format!r}; {advice}. "
        f"Set DOWNLOAD_COUNTER['log_format']. Its first line is: {shown}"
    )


def _lines(lines: bytes) -> Iterator[bytes]:
    return (line for line in lines.split(b"\n", 100)[:100] if line)
