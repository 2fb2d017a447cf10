r"""A LogFormat string becomes a compiled pattern over the bytes of a log line.

The pattern reads a line up to the last field that is needed and no further, so that `common` and
`combined` read alike and what a client sent as its referrer is never looked at. Its loops are
possessive (`*+`, Python 3.11): it never goes back far, so its time is linear in the line.

It says what a line says. Beside it stands a second one, made of the same table with a flag, over all lines of a block.
It says the same of the usual lines in less than half of the time; the others are left to the first.

Sources: httpd's `ap_escape_logitem` for `\xhh`, `\"` and the C escapes; see `directives` for more.
"""

import re
from functools import lru_cache

from msgspec import Struct

from ..errors import DownloadCounterError
from .clients import ADDRESS, ADDRESS_BEFORE_PORT, CLIENT, FORWARDED_FOR, LIST_BEFORE, MAY_BE_CLIENT
from .directives import TABLES, Token, tokens
from .logformat import FIELDS, LineFormat, Options
from .stamps import EPOCHS, Day, epoch_day, strftime_pattern, written_day


def repeated(piece: bytes, times: bytes = b"*") -> bytes:
    """Return the pattern of a group that repeats and never goes back.

    Not `(?:...)*+`: before Python 3.11.5 that forgets where it stood when a turn fails halfway, so that what follows
    is looked for at the wrong place (https://github.com/python/cpython/issues/100061; Debian 12 has 3.11.2). One
    set of bytes may be repeated with `*+`, and `(?>...|)` stands for `(?:...)?+`.
    """
    return b"(?>(?:%b)%b)" % (piece, times)


def _field(plain: bytes, rare: bytes, end: bytes) -> bytes:
    """The pattern of a field of `plain` bytes, and `rare` pieces, up to what is `end`.

    The engine loops over a set of bytes several times as fast as over a group, so the usual
    field, without a rare piece, is tried first; the group takes what is not usual.
    """
    return rb"(?>%b*+(?=%b)|%b)" % (plain, end, repeated(plain + b"++|" + rare))


# What a field may hold that stands in quotes: httpd writes a quote inside it as \".
QUOTED = _field(rb'[^"\\\n]', rb"\\[^\n]", rb'"')
_USUALLY_QUOTED = rb'[^"\n]*+(?<!\\)'


@lru_cache(maxsize=64)
def compile_format(log_format: str, options: Options) -> LineFormat:
    """Compile a string of httpd's directives, or of nginx's variables.

    Raises:
        DownloadCounterError: the format has no client, time, request or status, or a directive
            that nobody knows; the message names it.
    """
    return _Compiler(log_format, options).compile()


class _Compiler(Struct, dict=True):
    """Turns the tokens of one format into a pattern; lives as long as that takes."""

    text: str
    options: Options
    # Makes the pattern of the usual line. There the request, the longest field, is all that is not a quote: the engine
    # runs over "all but this one byte" several times as fast as over any other set. In an unusual line it may run into
    # the next line, or end at a quote that belongs to it; `answer_parts` sees the one by the newline, the other by the
    # quote that is missing then. In other fields, what ends with a backslash is unusual.
    usual: bool = False
    taken: set[str] = set()  # the fields that have their place in the pattern
    day: Day = written_day

    def __post_init__(self) -> None:
        self.tokens = tokens(self.text)
        self.letters = letters = [token.letter for token in self.tokens]
        names = (Token("%h", "h"), Token("%a", "a"), Token("%{c}a", "a", "c"))
        own = next((name for name in names if any(token.is_the(name) for token in self.tokens)), names[0])
        self.client = tokens(self.options.client)[0] if self.options.client else own
        self.given = {name for name in ("method", "status") if getattr(self.options, name)}
        # %O counts what was really sent; %b and %B the size of the answer, sent or not.
        self.size = "O" if "O" in letters else next((x for x in "bB" if x in letters), "")
        self.path = "r" if "r" in letters else "U"
        self.has_agent = any(token.header == "user-agent" for token in self.tokens)
        self.host = next((token for x in "Vvi" for token in self.tokens if _is_host(token, x)), None)
        self.last = -1

    def compile(self) -> LineFormat:
        options = self.options
        parts = self._parts()
        self._check()
        rest = None
        if options.agent and self.has_agent and "agent" not in self.taken:
            after = _Compiler(self.text, options, taken={"client", "day"})
            rest = re.compile(b"".join(after._part(index) for index in range(self.last + 1, self._agent_at() + 1)))
            parts.append(rb"(?P<agent>[^\n]*+)")
            self.taken.add("agent")
        unused = b"".join(b"(?P<%b>(?!))?" % name.encode() for name in (*FIELDS, "host") if name not in self.taken)
        usual = answer = None
        request = self.letters.index("r") if self.path == "r" else -1
        if self.letters[request:][:3] == ["r", "", "s"] and self._quoted(request):
            usual = _Compiler(self.text, options, usual=True)._usual_pattern(rest is not None)
            answer = re.compile(b"".join(parts[request : request + 3]))
        return LineFormat(
            re.compile(options.prefix + b"".join(parts) + unused),
            self.day,
            decoded=any(token.letter == "U" and token.argument != "raw" for token in self.tokens) and self.path == "U",
            sized=bool(self.size),
            has_agent=self.has_agent,
            has_host=self.host is not None,
            usual=usual,
            answer=answer,
            rest=rest,
            hosts=options.hosts,
            elsewhere=self._elsewhere(),
            method=options.method.encode(),
            status=options.status.encode(),
        )

    def _check(self) -> None:
        needed = {
            "client": f"client ({self.client.text})",
            "day": "time (%t, or %{...}t with a date)",
            "target": "request (%r, or %m and %U)",
            "method": "request method (%r, or %m; or say it in DOWNLOAD_COUNTER['method'])",
            "status": "status (%>s)",
            **({"host": "virtual host (%v), which DOWNLOAD_COUNTER['hosts'] needs"} if self.options.hosts else {}),
        }
        missing = [text for name, text in needed.items() if name not in self.taken | self.given]
        if missing:
            raise DownloadCounterError(
                f"The LogFormat {self.text!r} cannot be counted by: it has no {' and no '.join(missing)}."
            )

    def _elsewhere(self) -> re.Pattern[bytes] | None:
        """The pattern of a line of another virtual host; None if all count."""
        if not self.options.hosts or self.host is None:
            return None
        counts = b"|".join(re.escape(host) for host in sorted(self.options.hosts))
        before = _Compiler(self.text, self.options, taken={*FIELDS, "host"})
        at = self.tokens.index(self.host)
        parts = [before._part(index) for index in range(at)]
        ours = b"(?i:%b)(?>:[0-9]*+|)(?![A-Za-z0-9.:_-])" % b"(?:%b)" % counts
        return re.compile(
            b"(?m)^%b%b(?!%b)(?=[^\n])%b[^\n]*+\n" % (self.options.prefix, b"".join(parts), ours, before._part(at))
        )

    def _usual_pattern(self, with_rest: bool) -> re.Pattern[bytes] | None:
        """The pattern of usual lines; None if the format has the fields in another order than the rows."""
        parts = self._parts()
        if with_rest:
            parts.append(b"(?P<agent>.*+)")
        unused = [b"(?P<%b>)" % name.encode() for name in ("size", "agent") if name not in self.taken | {"rest"}]
        if with_rest:
            unused = [one for one in unused if b"agent" not in one]
        usual = re.compile(b"(?:" + self.options.prefix + b"".join([*parts, *unused]) + rb".*+|.*+)\n")
        return usual if list(usual.groupindex) == ["client", "day", "answer", "size", "agent"] else None

    def _agent_at(self) -> int:
        return next(index for index, token in enumerate(self.tokens) if token.header == "user-agent")

    def _parts(self) -> list[bytes]:
        """The patterns of the tokens, up to the last one that is needed; of the agent if that is before it."""
        wanted = {*FIELDS} - {"agent"} - ({"size"} if not self.size else set())
        if self.host is not None and not self.usual and (self.options.hosts or self.host in self.tokens[:1]):
            wanted.add("host")
        parts: list[bytes] = []
        for index in range(len(self.tokens)):
            parts.append(self._part(index))
            self.last = index
            if wanted <= self.taken | self.given:
                break
        return parts

    def _part(self, index: int) -> bytes:
        token = self.tokens[index]
        if not token.letter:
            # Some servers pad numbers, so two blanks stand for any number of them.
            return re.sub(rb"(?:\\ ){2,}", rb" ++", re.escape(token.text.encode()))
        if token.is_the(self.client) and "client" not in self.taken:
            return self._client(index, token)
        if token is self.host and not self.usual and "host" not in self.taken:
            return self._group("host", self._any(index))
        match token.letter:
            case "t":
                return self._time(token)
            case "r" if "target" not in self.taken:
                return self._request(index)
            case "m" if self.path == "U" and "method" not in self.taken:
                return b"(?:" + self._group("method", self._method()) + b"(?![A-Za-z])|" + self._any(index) + b")"
            case "U" if self.path == "U" and "target" not in self.taken:
                # A whole URL is what a CDN logs.
                origin = rb"(?>[A-Za-z][A-Za-z0-9+.-]*+://[^/\"\s]*+|)"
                return origin + self._group("target", self._path(index))
            case "s" if "status" not in self.taken:
                return self._group("status", self._known(token))
            case self.size if "size" not in self.taken:
                return self._group("size", self._known(token))
            case "i" if self.options.agent and token.header == "user-agent" and "agent" not in self.taken:
                return self._group("agent", self._any(index))
            case "u" | "h" | "a" if not self._quoted(index):
                return self._user(index) if token.letter == "u" else b"(?:" + CLIENT + b"|-)"
        return self._any(index)

    def _known(self, token: Token) -> bytes:
        known = TABLES["httpd"][token.letter]
        return str((known.get("usual") if self.usual else None) or known["pattern"]).encode()

    def _group(self, name: str, pattern: bytes) -> bytes:
        self.taken.add(name)
        if self.usual and name in ("status", "host"):
            return pattern + b")" if name == "status" else pattern
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
            return _USUALLY_QUOTED if self.usual else QUOTED
        if not following:
            return rb"[^ \r\n]*+"
        first = re.escape(following[:1])
        # A user name that is an address shows another format: that is the client. Servers escape quotes in names.
        is_name = self.tokens[index].letter in ("l", "u")
        kept_out, escaped = (rb'"\\', rb"\\[^\n]|") if is_name else (b"", b"")
        none = b"(?!%b%b)" % (ADDRESS, first) if is_name else b""
        plain = rb"[^\n" + first + kept_out + b"]"
        if self.usual:
            return b"(?:-|" + none + plain + b"*+)"  # most often it is nothing, and a dash is soon compared
        if len(following) == 1:
            return none + (repeated(escaped + plain + b"++") if is_name else plain + b"*+")
        # A user name may have blanks in it: it ends where all that follows it begins.
        end = re.escape(following)
        return none + _field(plain, escaped + b"(?!" + end + rb")[^\n" + kept_out + b"]", end)

    def _user(self, index: int) -> bytes:
        """A user name; a dash by itself in it is the name that the next field has: the line is in another format."""
        following = self._following(index)
        if self.usual or len(following) < 2:  # then there is no blank in it
            return self._any(index)
        end = re.escape(following)
        return rb"(?!-(?!%b) |(?:(?!%b)[^\n\"])*? -(?: |%b))" % (end, end, end) + self._any(index)

    def _path(self, index: int) -> bytes:
        """The path of a request; in `%U%q` the query begins with a question mark."""
        if self.tokens[index].argument == "rest":  # up to the last field
            return rb"[^\n]*(?= )"
        if index + 1 == len(self.tokens) or self.tokens[index + 1].letter != "q":
            return self._any(index)
        blank = b"" if self._quoted(index) else b" "
        return repeated(rb'[^?"\\\n' + blank + rb"]++|\\[^\n]")

    def _client(self, index: int, token: Token) -> bytes:
        end = self._following(index)[:1]
        if token.letter == "i":
            before = FORWARDED_FOR if token.header == "forwarded" else LIST_BEFORE
            client = self._group("client", CLIENT + b"|-")
            after = rb'[^",\n]*+' if token.header == "forwarded" or self._quoted(index) else b""
            return before + client + rb"(?![0-9A-Za-z.:%_-])" + after
        if end == b":":  # a port comes after the address, which may have colons itself: the last one counts
            return self._group("client", ADDRESS_BEFORE_PORT)
        return self._group("client", MAY_BE_CLIENT if self.usual else CLIENT)

    def _request(self, index: int) -> bytes:
        self.taken.update(("method", "target"))
        if self.usual:  # all requests are alike
            return rb'(?P<answer>[^"]*+'
        # Anything that is not a request of ours still makes a line that parses.
        end = b'"' if self._quoted(index) else re.escape(self._following(index)[:1] or b" ")
        rest = QUOTED if end == b'"' else rb"[^\n" + end + rb"]*+"
        if end == rb"\ ":  # a request without quotes around it has blanks all the same
            rest += rb"(?: [^ \n]++)?(?: HTTP/[0-9.]++)?"
        # lighttpd, and nginx before 1.21.1, serve a target with blanks in it; httpd refuses it (400). The last blank
        # is the one before the protocol. They and httpd before 2.4.25 take more than one blank after the method, too.
        blank = rb' (?!HTTP/[0-9.]++")' if end == b'"' else b"(?!)"
        target = rb"(?! )" + repeated(rb'[^ "\\\n]++|\\[^\n]|' + blank, b"+")
        request = b"(?P<method>%b) ++(?P<target>%b)" % (self._method(), target)
        return b"(?:%b%b(?=%b)|%b)" % (request, rest, end, rest)

    def _method(self) -> bytes:
        return "|".join(re.escape(method) for method in self.options.methods).encode()

    def _time(self, token: Token) -> bytes:
        argument = re.sub("^(?:begin|end)(?::|$)", "", token.argument)
        if not argument:
            if "day" in self.taken:
                return rb"\[[^\]\n]*+\]"
            if self.usual:  # always as long: [09/May/2026:18:00:00 +0200]
                return rb"\[" + self._group("day", rb".{11}") + rb":.{14}\]"
            # Others write an ISO stamp there, or a fraction of the second.
            dates = rb"[0-9]{2}/[A-Za-z]{3}/[0-9]{4}(?=:)|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]|.{11}(?=:.{14}\])"
            return rb"\[" + self._group("day", dates) + rb"(?>:.{14}(?=\])|[^\[\]\n]*+)\]"
        if argument in EPOCHS:
            fraction = rb"(?:\.[0-9]{1,9})?" if argument == "sec" else b""
            if "day" in self.taken:
                return rb"[0-9]++" + fraction
            self.day = epoch_day(EPOCHS[argument])
            return self._group("day", rb"[0-9]++") + fraction
        if argument in ("msec_frac", "usec_frac"):
            return rb"[0-9]++"
        return self._strftime(argument)

    def _strftime(self, layout: str) -> bytes:
        try:
            before, dated, after, day = strftime_pattern(layout)
        except ValueError as unknown:
            raise DownloadCounterError(
                f"The LogFormat {self.text!r} has a time with {unknown}, which this program does not read."
            ) from None
        if day is None or "day" in self.taken:
            return before + dated + after
        self.day = day
        return before + self._group("day", dated) + after


def compile_prefix(text: str) -> bytes:
    """Compile a LogFormat string for what stands before a line: it says nothing that counts.

    Raises:
        DownloadCounterError: it has a directive that nobody knows.
    """
    compiler = _Compiler(text, Options(), taken={*FIELDS, "host"})
    return b"".join(map(compiler._part, range(len(compiler.tokens))))


def _is_host(token: Token, letter: str) -> bool:
    return token.letter == letter and (letter != "i" or token.header == "host")
