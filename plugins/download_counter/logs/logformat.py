"""How the lines of a log are read: what counting asks of any format, and formats of fields in a line."""

import re
from collections.abc import Iterator
from io import BytesIO

from msgspec import Struct

from .stamps import Day, written_day

FIELDS = ("client", "day", "method", "target", "status", "size", "agent")
"""Where a pattern takes what it needs. `day` is the stretch of the time stamp that has the date."""

Answer = bytes | tuple[bytes, bytes, bytes]
"""Method, target and status of a line: as they stand in the log, `GET /a.iso HTTP/1.1" 200`, or apart."""

Row = tuple[bytes, bytes, Answer, bytes, bytes]
"""What counting needs of a line: client, stamp, answer, size, and what `LogFormat.agent_of` tells the
agent from. Empty is what the line does not have; one of another virtual host has no client."""

NOTHING: Row = (b"", b"", (b"", b"", b""), b"", b"")
"""The row of a line that is in order and says nothing."""


class Options(Struct, frozen=True, kw_only=True):
    """What the settings say of a format."""

    methods: tuple[str, ...] = ("GET", "HEAD")  # the request methods that count
    client: str = ""  # the directive, or the key, that names the client; empty: the format's own
    agent: bool = False  # the user agent is wanted, if the format has it
    hosts: frozenset[bytes] = frozenset()  # the virtual hosts that count, in lower case; empty: all
    method: str = ""  # of all lines, if the format has none
    status: str = ""  # likewise
    prefix: bytes = b""  # the pattern of what stands before the format's own fields


class LogFormat:
    """How the lines of a log are read. One is made for each log: it may remember what came before in it."""

    # Gives the day of a row's stamp as "YYYY-MM-DD", or None if there is no such day.
    day: Day = staticmethod(written_day)
    decoded = False  # the target is a path that the server has decoded already, such as httpd's %U
    sized = True  # the format says how many bytes were sent
    has_agent = True  # the format has the user agent
    has_host = False  # the format has the virtual host
    in_order = False  # what a line says may hang on lines before it, so a log is read from its start
    # What finds the rows of a block in one go; None if `rows` gives none or in another way.
    usual: re.Pattern[bytes] | None = None

    def rows(self, block: bytes) -> list[Row]:  # noqa: ARG002
        """Return the rows of a block of whole lines, but for unusual ones: `answer_parts` knows no answer of theirs."""
        return []

    def answer_parts(self, answer: Answer) -> tuple[bytes, bytes, bytes] | None:
        """Return method, target and status; None if the line, or lines, of this answer are unusual.

        Method and target are empty if the request is not one that counts.
        """
        return answer if isinstance(answer, tuple) else None

    def unusual_lines(self, block: bytes) -> Iterator[bytes]:
        """Give the lines of a block that `rows` says nothing of, without their newlines."""
        return (line[:-1] for line in BytesIO(block))  # in a third of the time of a split

    def row(self, line: bytes) -> Row | None:
        """Return the row of any line, None if it does not follow the format."""
        raise NotImplementedError

    def agent_of(self, rest: bytes) -> bytes:
        """Return the user agent, as logged, of the last field of a row; empty if the line has none."""
        return rest

    def host_of(self, line: bytes) -> bytes:  # noqa: ARG002
        """Return the virtual host of a line in lower case, without a port; empty if it has none."""
        return b""


class LineFormat(LogFormat, Struct):
    """A format of fields in a line."""

    # Matches a line from its start; its named groups are `FIELDS`, of which `method` and `target` are None where the
    # request is not one that counts.
    pattern: re.Pattern[bytes]
    day: Day
    decoded: bool
    sized: bool
    has_agent: bool
    has_host: bool
    usual: re.Pattern[bytes] | None = None
    # Tells an answer that `usual` found apart, with the named groups of `pattern`.
    answer: re.Pattern[bytes] | None = None
    # Finds the agent in the rest of the line. To catch that rest costs 3 % of the time of a line, to cut the agent out
    # of each line 80 %; so it is cut out of those that count.
    rest: re.Pattern[bytes] | None = None
    hosts: frozenset[bytes] = frozenset()  # the virtual hosts that count; empty: all
    elsewhere: re.Pattern[bytes] | None = None  # finds the lines of other virtual hosts in a block
    method: bytes = b""  # the method of a log that does not say it
    status: bytes = b""  # the status of a log that does not say it
    other: re.Pattern[bytes] | None = None  # finds what else the program writes into the log

    def rows(self, block: bytes) -> list[Row]:
        # One call that finds all lines takes a fraction of the time of a call for each.
        return self.usual.findall(self._of_hosts(block)) if self.usual else []

    def _of_hosts(self, block: bytes) -> bytes:
        return self.elsewhere.sub(b"", block) if self.elsewhere else block

    def answer_parts(self, answer: Answer) -> tuple[bytes, bytes, bytes] | None:
        if isinstance(answer, tuple):
            return answer
        if self.answer is None or b"\n" in answer:
            return None
        match = self.answer.fullmatch(answer)
        return (match["method"] or b"", match["target"] or b"", match["status"]) if match else None

    def unusual_lines(self, block: bytes) -> Iterator[bytes]:
        block = self._of_hosts(block)
        if self.usual is None:
            yield from block.split(b"\n")[:-1]
            return
        for match in self.usual.finditer(block):
            if self.answer_parts(match["answer"] or b"") is None:
                yield from match[0].split(b"\n")[:-1]

    def row(self, line: bytes) -> Row | None:
        match = self.pattern.match(line)
        if match is None:
            return NOTHING if self.other and self.other.match(line) else None
        client, day, method, target, status, size, agent = [one or b"" for one in match.group(*FIELDS)]
        if self.hosts and _plain_host(match["host"]) not in self.hosts:
            client = b""
        return client, day, (method or self.method, target, status or self.status), size, agent

    def agent_of(self, rest: bytes) -> bytes:
        if self.rest is None:
            return rest
        match = self.rest.match(rest)
        return match["agent"] if match else b""

    def host_of(self, line: bytes) -> bytes:
        match = self.pattern.match(line) if self.has_host else None
        return _plain_host(match["host"]) if match else b""


def _plain_host(host: bytes) -> bytes:
    return re.sub(rb":[0-9]*$", b"", host.lower())
