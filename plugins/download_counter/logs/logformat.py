r"""An Apache LogFormat string becomes one compiled pattern over the bytes of a log line.

The pattern reads a line up to the last field that is needed and no further, so that `common` and
`combined` read alike and what a client sent as its referrer is never looked at. All its loops
are possessive (`*+`, Python 3.11): it never goes back, so its time is linear in the line.

It says what a line says. Beside it stands a second one, over all lines of a block, which says the
same of the usual lines in less than half the time; the others are left to the first.

Sources: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html (directives, escaping),
mod_logio for `%O`; httpd's `ap_escape_logitem` for `\xhh`, `\"` and the C escapes.
"""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from ..errors import DownloadCounterError

# The formats that can be asked for by name (see `jsonformat` for more). The first three are
# the ones that Debian's apache2.conf defines. nginx's `combined` has the same shape, and so has
# lighttpd's default, with the virtual host for %l; both write the bytes they really sent, of
# the content only, which is what %O says but for the header.
KNOWN = {
    "common": '%h %l %u %t "%r" %>s %O',
    "combined": '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
    "vhost_combined": '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
    "nginx": '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
    "lighttpd": '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
}

# Where a pattern takes what it needs. `day` is the stretch of the time stamp that has the date.
FIELDS = ("client", "day", "method", "target", "status", "size", "agent")

_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)
}


def repeated(piece: bytes, times: bytes = b"*") -> bytes:
    """Return the pattern of a group that repeats and never goes back.

    Not `(?:...)*+`: before Python 3.11.5 that forgets where it stood when a turn fails halfway, so that what follows
    is looked for at the wrong place (https://github.com/python/cpython/issues/100061; Debian 12 has 3.11.2). One
    set of bytes may be repeated with `*+`, and `(?>...|)` stands for `(?:...)?+`.
    """
    return b"(?>(?:%b)%b)" % (piece, times)


def _field(plain: bytes, odd: bytes, end: bytes) -> bytes:
    """The pattern of a field of `plain` bytes, and rarely `odd` pieces, up to what is `end`.

    The engine loops over a set of bytes several times as fast as over a group, so the usual
    field, without an odd piece, is tried first; the group takes what is not usual.
    """
    return rb"(?>%b*+(?=%b)|%b)" % (plain, end, repeated(plain + b"++|" + odd))


# What a field may hold that stands in quotes: httpd writes a quote inside it as \".
QUOTED = _field(rb'[^"\\\n]', rb"\\[^\n]", rb'"')
# X-Forwarded-For is "client, proxy, …", but only its last entry was written by the proxy in front
# of this server; those before it are whatever the client sent.
FORWARDED = repeated(rb'[^ ",\n]++, ?')

# strftime directives in %{...}t -> (part of a date or "", pattern). httpd writes them in the
# C locale, whatever the locale of the site that reads them.
_STRFTIME: dict[str, tuple[str, bytes]] = {
    "Y": ("year", rb"[0-9]{4}"),
    "y": ("short_year", rb"[0-9]{2}"),
    "m": ("month", rb"[0-9]{2}"),
    "b": ("month_name", rb"[A-Z][a-z]{2}"),
    "h": ("month_name", rb"[A-Z][a-z]{2}"),
    "d": ("mday", rb"[0-9]{2}"),
    "e": ("mday", rb"[ 0-9][0-9]"),
    "s": ("seconds", rb"[0-9]++"),
    "j": ("", rb"[0-9]{3}"),
    "H": ("", rb"[0-9]{2}"),
    "I": ("", rb"[0-9]{2}"),
    "k": ("", rb"[ 0-9][0-9]"),
    "l": ("", rb"[ 0-9][0-9]"),
    "M": ("", rb"[0-9]{2}"),
    "S": ("", rb"[0-9]{2}"),
    "z": ("", rb"[-+][0-9]{4}"),
    "Z": ("", rb"[A-Za-z]++"),
    "p": ("", rb"[A-Z]{2}"),
    "a": ("", rb"[A-Z][a-z]{2}"),
    "A": ("", rb"[A-Z][a-z]++"),
    "%": ("", rb"%"),
}
_STRFTIME_SHORT = {
    "F": "%Y-%m-%d",
    "D": "%m/%d/%y",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
}
# %{UNIT}t: how many of them make a second.
_EPOCHS = {"sec": 1, "msec": 1_000, "usec": 1_000_000}
_FRACTIONS = ("msec_frac", "usec_frac")


# Method, target and status of a line: as they stand in the log, `GET /a.iso HTTP/1.1" 200`, or apart.
Answer = bytes | tuple[bytes, bytes, bytes]

Row = tuple[bytes, bytes, Answer, bytes, bytes]
"""What counting needs of a line: client, day (as in the log), answer, size, agent; empty what it does not have."""


@dataclass(frozen=True)
class LogFormat:
    """A compiled format.

    Attributes:
        pattern: matches a line from its start; its named groups are `FIELDS`, of which
            `method` and `target` are None where the request is not one that counts.
        day: gives the date in the group `day` as "YYYY-MM-DD", or None if there is no such day.
        decoded: the group `target` is httpd's %U, a path that is decoded already.
        sized: the format says how many bytes were sent.
        usual: matches any line, with its newline; the groups of a line with nothing odd in it are
            those of a `Row`. None if this format has no such pattern.
        answer: tells an answer that `usual` found apart, with the named groups of `pattern`.
        after_client: what comes after the client at the beginning of a line; empty if the client is not there.
    """

    pattern: re.Pattern[bytes]
    day: Callable[[bytes], str | None]
    decoded: bool
    sized: bool
    usual: re.Pattern[bytes] | None = None
    answer: re.Pattern[bytes] | None = None
    after_client: bytes = b""

    def rows(self, block: bytes) -> list[Row]:
        """Return the rows of a block of whole lines, but for odd ones, whose answers `told_apart` does not know.

        One call that finds all lines takes a fraction of the time of a call for each.
        """
        return self.usual.findall(block) if self.usual else []

    def told_apart(self, answer: Answer) -> tuple[bytes, bytes, bytes] | None:
        """Return method, target and status; None if the line, or lines, of this answer are odd.

        Method and target are empty if the request is not one that counts.
        """
        if isinstance(answer, tuple):
            return answer
        if self.answer is None or b"\n" in answer:
            return None
        match = self.answer.fullmatch(answer)
        return (match["method"] or b"", match["target"] or b"", match["status"]) if match else None

    def odd_lines(self, block: bytes) -> Iterator[bytes]:
        """Give the lines of a block that `rows` says nothing of, without their newlines."""
        if self.usual is None:
            yield from block.split(b"\n")[:-1]
            return
        for match in self.usual.finditer(block):
            if self.told_apart(match["answer"] or b"") is None:
                yield from match[0].split(b"\n")[:-1]

    def of_clients(self, block: bytes, clients: Container[bytes]) -> bytes:
        """Return the lines of a block of whole lines that are, or may be, of some clients."""
        end = self.after_client
        if not end:
            return block
        return b"".join([line + b"\n" for line in block.split(b"\n") if line.partition(end)[0] in clients])

    def row(self, line: bytes) -> Row | None:
        """Return the row of any line, None if it does not follow the format."""
        match = self.pattern.match(line)
        if match is None:
            return None
        client, day, method, target, status, size, agent = [field or b"" for field in match.group(*FIELDS)]
        return client, day, (method, target, status), size, agent


@lru_cache(maxsize=16)
def compile_format(
    log_format: str,
    *,
    methods: tuple[str, ...] = ("GET", "HEAD"),
    client: str = "",
    agent: bool = False,
) -> LogFormat:
    """Compile a known name or a LogFormat string.

    Args:
        log_format: a key of `KNOWN`, or a string as in httpd's configuration.
        methods: the request methods that count.
        client: the directive that names the client; empty takes `%h`, else `%a`.
        agent: whether the user agent is needed.

    Raises:
        DownloadCounterError: the format has no client, time, request or status, or a directive
            this program does not know; the message names it.
    """
    text = KNOWN.get(log_format, log_format)
    tokens = _tokens(text)
    return _Compiler(text, tokens, methods, client, agent).compile()


# %, an optional condition on the status (%!200,304{...}i), < or >, an optional {...}, a letter.
_DIRECTIVE = re.compile(
    r"%(?:(?P<percent>%)|(?P<condition>!?[0-9,]*)(?P<which>[<>]?)"
    r"(?:\{(?P<argument>[^}]*)\})?(?P<letter>\^?[A-Za-z]{1,2}))"
)
# A string as it stands in httpd.conf: in quotes, with those inside it escaped.
_PASTED = re.compile(r'\s*(?:LogFormat\s+)?"(?P<string>(?:[^"\\]|\\.)*)"(?:\s+[\w.-]+)?\s*')
_TWO_LETTERS = ("^FB", "^FU", "^ti", "^to", "^tn")


@dataclass(frozen=True)
class _Token:
    """A piece of a format: literal text (`letter` is empty) or a directive."""

    text: str
    letter: str = ""
    argument: str = ""

    def is_client(self, wanted: str) -> bool:
        return bool(self.letter) and self.text.replace(">", "").replace("<", "") == wanted


def client_pattern(end: bytes = b"") -> bytes:
    """Return the pattern of a client: a name or an IPv4 address, or with two colons or more an IPv6 address (RFC 4291).

    The `host:port` that a log with virtual hosts begins with is none: read as `combined`, such
    a log would have one client only.

    Args:
        end: a byte that ends the field, besides blanks, commas and quotes.
    """
    no = rb' ",\n' + re.escape(end)
    ipv6 = rb":[0-9A-Fa-f.]*+:[0-9A-Fa-f.:]*+(?>%[^" + no + rb"]++|)"
    # All in one go: each place the engine may come back to costs as much as the address itself.
    return b"(?=[^" + no + b"])[^:" + no + b"]*+(?:" + ipv6 + b"|)(?!:)"


def _tokens(log_format: str) -> list[_Token]:
    # In httpd.conf the string stands in quotes, and inside them \" is a quote, \\ a backslash,
    # \t a tab; admins paste the string with or without them, or the whole directive.
    pasted = _PASTED.fullmatch(log_format)
    text = (pasted["string"] if pasted else log_format).replace('\\"', '"').replace("\\t", "\t").replace("\\\\", "\\")
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = text.find("%", at)
        if found < 0:
            tokens.append(_Token(text[at:]))
            break
        if found > at:
            tokens.append(_Token(text[at:found]))
        match = _DIRECTIVE.match(text, found)
        if match is None:
            raise DownloadCounterError(f"The LogFormat {log_format!r} has a stray % at {text[found : found + 10]!r}.")
        if match["percent"]:
            tokens.append(_Token("%"))
            at = match.end()
            continue
        letter = match["letter"]
        at = match.end()
        if letter.startswith("^"):
            letter = text[match.start("letter") : match.start("letter") + 3]
            if letter not in _TWO_LETTERS:
                raise DownloadCounterError(f"The LogFormat {log_format!r} has an unknown directive %{letter}.")
            at = match.start("letter") + 3
        elif len(letter) == 2:
            letter, at = letter[0], at - 1
        tokens.append(_Token(text[found:at], letter, match["argument"] or ""))
    return tokens


class _Compiler:
    """Turns the tokens of one format into a pattern; lives as long as that takes."""

    def __init__(
        self,
        text: str,
        tokens: list[_Token],
        methods: tuple[str, ...],
        client: str,
        agent: bool,
    ) -> None:
        self.text = text
        self.tokens = tokens
        self.methods = methods
        self.client = client or next(
            (name for name in ("%h", "%a", "%{c}a") if any(t.is_client(name) for t in tokens)),
            "%h",
        )
        letters = [token.letter for token in tokens]
        self.has_request = "r" in letters
        # %O counts what was really sent; %b and %B the size of the answer, sent or not.
        self.size = "O" if "O" in letters else next((x for x in "bB" if x in letters), "")
        self.agent = agent
        self.taken: set[str] = set()
        self.day: Callable[[bytes], str | None] = clf_day

    def compile(self) -> LogFormat:
        parts = self._parts()
        letters = [token.letter for token in self.tokens]
        missing = [
            name
            for name, group in (
                (f"client ({self.client})", "client"),
                ("time (%t, or %{...}t with a date)", "day"),
                ("request (%r, or %m and %U)", "target"),
                ("request method (%r, or %m)", "method"),
                ("status (%>s)", "status"),
                *([("user agent (%{User-Agent}i)", "agent")] if self.agent else []),
            )
            if group not in self.taken
        ]
        if missing:
            raise DownloadCounterError(
                f"The LogFormat {self.text!r} cannot be counted by: it has no {' and no '.join(missing)}."
            )
        # Every format has every group, so that the counting loop is one loop.
        unused = b"".join(b"(?P<%b>(?!))?" % f.encode() for f in FIELDS if f not in self.taken)
        usual = answer = None
        request = letters.index("r") if self.has_request else -1
        if letters[request:][:3] == ["r", "", "s"] and self._quoted(request):
            usual = _UsualCompiler(self.text, self.tokens, self.methods, self.client, self.agent).pattern()
            answer = re.compile(b"".join(parts[request : request + 3]))
        return LogFormat(
            re.compile(b"".join(parts) + unused),
            self.day,
            decoded=not self.has_request,
            sized=bool(self.size),
            usual=usual,
            answer=answer,
            after_client=self._after_client(),
        )

    def _after_client(self) -> bytes:
        """The byte after a client at the beginning of a line; empty if a client may have it in it, too."""
        first = self.tokens[0]
        end = self._following(0)[:1]
        return end if first.is_client(self.client) and first.letter != "i" and end in (b" ", b"\t", b'"') else b""

    def _parts(self) -> list[bytes]:
        """The patterns of the tokens, up to the last one that is needed."""
        parts: list[bytes] = []
        wanted = self._wanted()
        for index, token in enumerate(self.tokens):
            parts.append(self._part(index, token))
            if wanted <= self.taken:
                break
        return parts

    def _wanted(self) -> set[str]:
        wanted = set(FIELDS)
        if not self.agent:
            wanted.discard("agent")
        if not self.size:
            wanted.discard("size")
        return wanted

    def _part(self, index: int, token: _Token) -> bytes:
        if not token.letter:
            return re.escape(token.text.encode())
        if token.is_client(self.client) and "client" not in self.taken:
            return self._client(index, token)
        match token.letter:
            case "t":
                return self._time(token)
            case "r" if "target" not in self.taken:
                return self._request(index)
            case "m" if not self.has_request and "method" not in self.taken:
                method = self._group("method", self._method())
                return b"(?:" + method + b"(?![A-Za-z])|" + self._any(index) + b")"
            case "U" if not self.has_request and "target" not in self.taken:
                return self._group("target", self._path(index))
            case "s" if "status" not in self.taken:
                return self._status()
            case self.size if "size" not in self.taken:
                # No answer is 10^18 bytes long, and Python refuses to read a number of 5000 digits.
                return self._group("size", b"[0-9]{1,18}+(?![0-9])|-")
            case "i" if self.agent and token.argument.lower() == "user-agent":
                return self._group("agent", self._any(index))
        return self._any(index)

    def _group(self, name: str, pattern: bytes) -> bytes:
        self.taken.add(name)
        return b"(?P<%b>%b)" % (name.encode(), pattern)

    def _quoted(self, index: int) -> bool:
        return index > 0 and self.tokens[index - 1].text.endswith('"')

    def _following(self, index: int) -> bytes:
        """The literal text that ends the field at `index`; %t begins with a literal bracket."""
        rest = self.tokens[index + 1 :]
        text = "" if not rest else rest[0].text if not rest[0].letter else ""
        after = rest[1:] if text else rest
        if after and after[0].letter == "t" and not after[0].argument:
            text += "["
        return text.encode()

    def _any(self, index: int) -> bytes:
        """Whatever a field may hold, up to what follows it."""
        following = self._following(index)
        if self._quoted(index) or following.startswith(b'"'):
            return QUOTED
        if not following:
            return rb"[^ \n]*+"
        if len(following) == 1:
            return rb"[^\n" + re.escape(following) + rb"]*+"
        # A user name may have blanks in it: it ends where all that follows it begins.
        end = re.escape(following)
        return _field(rb"[^\n" + re.escape(following[:1]) + rb"]", rb"(?!" + end + rb")[^\n]", end)

    def _path(self, index: int) -> bytes:
        """The path of a request; in `%U%q` the query begins with a question mark."""
        if index + 1 == len(self.tokens) or self.tokens[index + 1].letter != "q":
            return self._any(index)
        blank = b"" if self._quoted(index) else b" "
        return repeated(rb'[^?"\\\n' + blank + rb"]++|\\[^\n]")

    def _client(self, index: int, token: _Token) -> bytes:
        before = FORWARDED if token.letter == "i" else b""
        end = self._following(index)[:1]
        if end == b":":  # a port comes after the address, which may have colons itself: the last one counts
            return before + self._group("client", rb'[^ ",\n]+')
        return before + self._group("client", client_pattern(end))

    def _request(self, index: int) -> bytes:
        # Anything that is not a request of ours still makes a line that parses.
        self.taken.update(("method", "target"))
        end = b'"' if self._quoted(index) else re.escape(self._following(index)[:1] or b" ")
        rest = QUOTED if end == b'"' else rb"[^\n" + end + rb"]*+"
        if end == rb"\ ":  # a request without quotes around it has blanks all the same
            rest += rb"(?: [^ \n]++)?(?: HTTP/[0-9.]++)?"
        # lighttpd, and nginx before 1.21.1, serve a target with blanks in it; httpd refuses it
        # (400). The last blank is the one before the protocol.
        blank = rb' (?!HTTP/[0-9.]++")' if end == b'"' else b"(?!)"
        target = repeated(rb'[^ "\\\n]++|\\[^\n]|' + blank, b"+")
        request = b"(?P<method>%b) (?P<target>%b)" % (self._method(), target)
        return b"(?:%b%b(?=%b)|%b)" % (request, rest, end, rest)

    def _method(self) -> bytes:
        return "|".join(re.escape(method) for method in self.methods).encode()

    def _status(self) -> bytes:
        return self._group("status", b"[0-9]{3}|-")

    def _time(self, token: _Token) -> bytes:
        argument = re.sub("^(?:begin|end)(?::|$)", "", token.argument)
        if not argument:
            if "day" in self.taken:
                return rb"\[[^\]\n]*+\]"
            # Always as long: [09/May/2026:18:00:00 +0200]
            return rb"\[" + self._group("day", rb".{11}+") + rb":.{14}+\]"
        if argument in _EPOCHS:
            if "day" in self.taken:
                return rb"[0-9]++"
            self.day = _epoch_day(_EPOCHS[argument])
            return self._group("day", rb"[0-9]++")
        if argument in _FRACTIONS:
            return rb"[0-9]++"
        return self._strftime(argument)

    def _strftime(self, argument: str) -> bytes:
        for short, long in _STRFTIME_SHORT.items():
            argument = argument.replace("%" + short, long)
        pieces: list[tuple[str, bytes]] = []
        for literal, letter in re.findall(r"([^%]+)|%(.)", argument):
            if literal:
                pieces.append(("", re.escape(literal.encode())))
            elif letter in _STRFTIME:
                pieces.append(_STRFTIME[letter])
            else:
                raise DownloadCounterError(
                    f"The LogFormat {self.text!r} has a time with %{letter}, which this program does not read."
                )
        parts = [part for part, _ in pieces]
        whole = b"".join(pattern for _, pattern in pieces)
        kinds = set(parts)
        dated = "seconds" in kinds or (
            "mday" in kinds and kinds & {"year", "short_year"} and kinds & {"month", "month_name"}
        )
        if "day" in self.taken or not dated:
            return whole
        first = next(i for i, part in enumerate(parts) if part)
        last = max(i for i, part in enumerate(parts) if part)
        named = re.compile(
            b"".join(
                b"(?P<%b>%b)" % (part.encode(), pattern) if part and part not in parts[:index] else pattern
                for index, (part, pattern) in enumerate(pieces[: last + 1])
                if index >= first
            )
        )
        self.day = _strftime_day(named)
        before, after = pieces[:first], pieces[last + 1 :]
        return (
            b"".join(pattern for _, pattern in before)
            + self._group("day", b"".join(p for _, p in pieces[first : last + 1]))
            + b"".join(pattern for _, pattern in after)
        )


class _UsualCompiler(_Compiler):
    r"""Makes the pattern of the usual line, which says of it what the format's own pattern says.

    The request, the longest field, is all that is not a quote: the engine runs over "all but this
    one byte" several times as fast as over any other set. In an odd line it may run into the next
    line, or end at a quote that belongs to it; `told_apart` sees the one by the newline, the other by
    the quote that is missing then. In other fields, what ends with a backslash is odd.
    """

    def pattern(self) -> re.Pattern[bytes] | None:
        """Return the pattern; None if the format has the fields in another order than the rows."""
        parts = self._parts()
        unused = [b"(?P<%b>)" % name.encode() for name in ("size", "agent") if name not in self.taken]
        usual = re.compile(b"(?:" + b"".join([*parts, *unused]) + rb".*+|.*+)\n")
        return usual if list(usual.groupindex) == ["client", "day", "answer", "size", "agent"] else None

    def _any(self, index: int) -> bytes:
        following = self._following(index)
        if self._quoted(index) or following.startswith(b'"'):
            return rb'[^"\n]*+(?<!\\)'
        return rb"[^\n%b]*+" % re.escape(following[:1]) if following else super()._any(index)

    def _request(self, index: int) -> bytes:  # noqa: ARG002  # all requests are alike
        self.taken.update(("method", "target"))
        return rb'(?P<answer>[^"]*+'

    def _status(self) -> bytes:
        self.taken.add("status")
        return b"[0-9]{3}+)"


@lru_cache(maxsize=1024)
def clf_day(text: bytes) -> str | None:
    """Return `09/May/2026` as "2026-05-09": as written, whatever the zone of the stamp."""
    mday, _, rest = text.partition(b"/")
    month, _, year = rest.partition(b"/")
    return iso_day(year, _MONTHS.get(month, 0), mday)


def iso_day(year: bytes, month: int | bytes, mday: bytes) -> str | None:
    """Return a day as "YYYY-MM-DD", None if there is no such day."""
    try:
        return date(int(year), int(month), int(mday)).isoformat()
    except (ValueError, OverflowError):
        return None


def _epoch_day(per_second: int) -> Callable[[bytes], str | None]:
    @lru_cache(maxsize=1024)
    def day(text: bytes) -> str | None:
        # Seconds since 1970 have no zone: their day is that of UTC.
        try:
            return datetime.fromtimestamp(int(text) // per_second, UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            return None

    return day


def _strftime_day(pattern: re.Pattern[bytes]) -> Callable[[bytes], str | None]:
    epoch = _epoch_day(1)

    @lru_cache(maxsize=1024)
    def day(text: bytes) -> str | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        if "seconds" in parts:
            return epoch(parts["seconds"])
        # strftime's own pivot for two digits (POSIX): 69 to 99 are of the last century.
        year, month = parts.get("year"), parts.get("month")
        if year is None:
            year = (b"19" if parts["short_year"] >= b"69" else b"20") + parts["short_year"]
        return iso_day(year, month or _MONTHS.get(parts["month_name"], 0), parts["mday"])

    return day
