"""How the logs are written, as the settings say it, and the format that this makes.

Formats and prefixes by name are rows of formats.toml and prefixes.toml.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..errors import DownloadCounterError
from ..settings import Rule
from .compiler import compile_format, compile_prefix
from .jsonformat import JsonFormat, loads
from .logformat import LogFormat, Options, Row
from .w3c import W3CFormat

_W3C = "#Fields:"


@cache
def formats() -> Mapping[str, Mapping[str, Any]]:
    """Return the formats that can be asked for by name."""
    return _table("formats.toml")


@cache
def prefixes() -> Mapping[str, Mapping[str, Any]]:
    """Return what may stand before or around a line, by name."""
    return _table("prefixes.toml")


def _table(name: str) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


def format_of(rule: Rule) -> LogFormat:
    """Make the format of the logs, for one log.

    Raises:
        DownloadCounterError: a name that is none, a LogFormat that cannot be counted by, or one that lacks what
            another setting needs.
    """
    needs_agent = "crawlers" if rule.crawlers else "own_agents" if rule.own_agents else ""
    found = _format_of(rule, agent=bool(needs_agent) or rule.programs)
    if needs_agent and not found.has_agent:
        raise DownloadCounterError(
            f"The log format {rule.log_format!r} has no user agent (%{{User-Agent}}i), which "
            f"DOWNLOAD_COUNTER[{needs_agent!r}] needs."
        )
    return found


def _format_of(rule: Rule, *, agent: bool) -> LogFormat:
    if rule.line_prefix in prefixes() and "key" in prefixes()[rule.line_prefix]:
        inner = _format_of(replace(rule, line_prefix=""), agent=agent)
        return Enveloped(prefixes()[rule.line_prefix]["key"], inner)
    known = formats().get(rule.log_format, {})
    options = Options(
        methods=tuple(known.get("methods", rule.methods)),
        client=rule.client or known.get("client", ""),
        agent=agent,
        hosts=frozenset(host.lower().encode() for host in rule.hosts),
        method=rule.method,
        status=known.get("status", ""),
        prefix=_prefix(rule.line_prefix),
    )
    if rule.json_keys or "keys" in known:
        keys = {**known.get("keys", {}), **dict(rule.json_keys)}
        return JsonFormat({**keys, "client": (rule.client,)} if rule.client else keys, options)
    if "fields" in known or rule.log_format.startswith(_W3C):
        return W3CFormat(known.get("fields", rule.log_format.removeprefix(_W3C)), options)
    text = known.get("format", rule.log_format)
    if "%" not in text and "$" not in text:
        raise DownloadCounterError(
            f"DOWNLOAD_COUNTER['log_format'] is {text!r}, which is neither a LogFormat nor the name of a format. "
            f"It may be: {', '.join(formats())}."
        )
    found = compile_format(text, options)
    return replace(found, other=re.compile(known["other"].encode())) if "other" in known else found


@lru_cache(maxsize=16)
def _prefix(name: str) -> bytes:
    if not name:
        return b""
    if name in prefixes():
        colours = rb"(?:\x1b\[[0-9;]*m)*"
        pattern = str(prefixes()[name]["pattern"]).encode("latin-1")
        return colours + b"(?:" + pattern + b")" + colours
    if "%" not in name and "$" not in name and name.isidentifier():
        raise DownloadCounterError(
            f"DOWNLOAD_COUNTER['line_prefix'] is {name!r}, which is no name of a prefix. It may be: "
            f"{', '.join(prefixes())}; or the text in front of each line, as a LogFormat."
        )
    return compile_prefix(name)


class Enveloped(LogFormat):
    """Lines that stand in JSON objects, under one key."""

    def __init__(self, key: str, inner: LogFormat) -> None:
        """Make the format of lines under this key, which the inner format reads."""
        self._key = key
        self._inner = inner
        self.day = inner.day
        self.decoded, self.sized = inner.decoded, inner.sized
        self.has_agent, self.has_host, self.in_order = inner.has_agent, inner.has_host, inner.in_order
        self.agent_of = inner.agent_of  # type: ignore[method-assign]

    def line_in(self, line: bytes) -> bytes | None:
        """Return the line that an object has, None if it has none."""
        whole = loads(line)
        found = whole.get(self._key) if isinstance(whole, dict) else None
        try:
            # systemd writes a message that is not UTF-8 as the numbers of its bytes.
            text = bytes(found) if isinstance(found, list) else str(found or "").encode("utf-8", "surrogateescape")
        except (ValueError, TypeError):
            return None
        return text.rstrip(b"\r\n").replace(b"\n", b"\\n") or None

    def rows(self, block: bytes) -> list[Row]:
        if not self.in_order:
            return []  # most lines name no image, and need not be opened
        lines = [found for line in block.split(b"\n")[:-1] if (found := self.line_in(line))]
        return self._inner.rows(b"\n".join([*lines, b""]))

    def unusual_lines(self, block: bytes) -> Iterator[bytes]:
        return self._inner.unusual_lines(block) if self.in_order else super().unusual_lines(block)

    def row(self, line: bytes) -> Row | None:
        found = line if self.in_order else self.line_in(line)
        return self._inner.row(found) if found else None

    def host_of(self, line: bytes) -> bytes:
        found = self.line_in(line)
        return self._inner.host_of(found) if found else b""
