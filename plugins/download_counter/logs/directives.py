r"""What a LogFormat string is made of: httpd's directives and nginx's variables, as tables.

Sources: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, mod_logio, mod_ssl;
https://nginx.org/en/docs/varindex.html.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import DownloadCounterError

# No answer is 10^18 bytes long, and Python refuses to read a number of 5000 digits.
_BYTES = rb"[0-9]{1,18}+(?![0-9])|-"


class Directive(NamedTuple):
    """What is known of a directive."""

    means: str  # what it stands for
    pattern: bytes | None = None  # what a line may have there; None for whatever there is, up to what follows it
    usual: bytes | None = None  # the same in a usual line, if it is more than can be told fast; None: as `pattern`


DIRECTIVES = {
    "a": Directive("client address, mod_remoteip's if that is on; %{c}a the peer's"),
    "A": Directive("local address"),
    # %b is "-" for no byte, %B is 0. Both are the size of the answer's content, sent or not;
    # lighttpd and nginx write what was sent.
    "b": Directive("size", _BYTES),
    "B": Directive("size", _BYTES),
    "c": Directive("mod_ssl"),
    "C": Directive("a cookie"),
    "D": Directive("microseconds taken"),
    "e": Directive("an environment variable"),
    "f": Directive("file name"),
    "h": Directive("client; its host name with HostnameLookups on"),
    "H": Directive("protocol"),
    "i": Directive("a header of the request"),
    "I": Directive("bytes received (mod_logio)"),
    "k": Directive("requests before on the connection"),
    # A name with blanks is not to be had of identd (RFC 1413), so it is one word.
    "l": Directive("remote log name"),
    "L": Directive("error log id (2.4)"),
    "m": Directive("method"),
    "n": Directive("a note of a module"),
    "o": Directive("a header of the answer"),
    # What was really sent, headers and all. With mod_http2 before 1.15 it is 0 for HTTP/2
    # (https://github.com/icing/mod_h2/issues/203).
    "O": Directive("bytes sent (mod_logio)", _BYTES),
    "p": Directive("port"),
    "P": Directive("process"),
    "q": Directive("query, with its question mark"),
    "r": Directive("request line, as it came"),
    "R": Directive("handler (2.4)"),
    "s": Directive("status; %>s after internal redirects", b"[0-9]{3}|-", b"[0-9]{3}+"),
    "S": Directive("bytes both ways (mod_logio, 2.4.7)"),
    "t": Directive("time"),
    "T": Directive("seconds taken; %{ms}T since 2.4.13"),
    "u": Directive("user, as the client claims if it was not asked; nginx too"),
    "U": Directive("path, decoded"),
    "v": Directive("virtual host"),
    "V": Directive("virtual host, or the client's with UseCanonicalName off"),
    "x": Directive("mod_ssl"),
    "X": Directive("state of the connection"),
    "^FB": Directive("microseconds until the first byte (mod_logio, 2.4.13)"),
    "^FU": Directive("microseconds until the first byte came (mod_logio, 2.4.13)"),
    "^ti": Directive("a trailer of the request"),
    "^to": Directive("a trailer of the answer"),
    "^tn": Directive("a trailer"),
}

# nginx's variables with a directive that says the same; the others stand for anything. Those of bytes are what was
# sent. $request_uri is what httpd has no directive for: path and query as they came, not decoded.
_NGINX = {
    "remote_addr": "h",
    "proxy_protocol_addr": "a",
    "remote_user": "u",
    "time_local": "t{%d/%b/%Y:%H:%M:%S %z}",
    "time_iso8601": "t{%Y-%m-%dT%H:%M:%S%z}",
    "msec": "t{sec}",
    "request": "r",
    "request_method": "m",
    "request_uri": "U{raw}",
    "uri": "U",
    "document_uri": "U",
    "args": "q",
    "query_string": "q",
    "status": "s",
    "bytes_sent": "O",
    "body_bytes_sent": "b",
    "host": "v",
    "http_host": "v",
    "server_name": "v",
    "proxy_add_x_forwarded_for": "i{x-forwarded-for}",
}

# %, an optional condition on the status (%!200,304{...}i), < or >, an optional {...}, a letter;
# or $ and the name of a variable of nginx, which may stand in braces.
_PIECE = re.compile(
    r"%(?:(?P<percent>%)|(?P<condition>!?[0-9,]*)(?P<which>[<>]?)"
    r"(?:\{(?P<argument>[^}]*)\})?(?P<letter>\^[A-Za-z]{2}|[A-Za-z]))"
    r"|\$(?:(?P<variable>[a-z][a-z0-9_]*)|\{(?P<braced>[a-z][a-z0-9_]*)\})"
)
# A string as it stands in httpd.conf: in quotes, with those inside it escaped.
_PASTED = re.compile(r'\s*(?:LogFormat\s+)?"(?P<string>(?:[^"\\]|\\.)*)"(?:\s+[\w.-]+)?\s*')


@dataclass(frozen=True)
class Token:
    """A piece of a format: literal text (`letter` is empty) or a directive."""

    text: str
    letter: str = ""
    argument: str = ""

    @property
    def header(self) -> str:
        """The name of the request's header that it stands for, in lower case; else empty."""
        return self.argument.lower() if self.letter == "i" else ""

    def is_the(self, wanted: "Token") -> bool:
        """Say whether it stands for the same as another one, whichever way both are spelled."""
        same = self.argument.lower().replace("_", "-") == wanted.argument.lower().replace("_", "-")
        return bool(self.letter) and self.letter == wanted.letter and same


def tokens(text: str) -> list[Token]:
    r"""Cut a LogFormat string into its pieces.

    In httpd.conf the string stands in quotes, and inside them \" is a quote, \\ a backslash,
    \t a tab; admins paste the string with or without them, or the whole directive.

    Raises:
        DownloadCounterError: a directive that httpd does not know; the message has it.
    """
    pasted = _PASTED.fullmatch(text)
    plain = (pasted["string"] if pasted else text).replace('\\"', '"').replace("\\t", "\t").replace("\\\\", "\\")
    found: list[Token] = []
    at = 0
    for match in _PIECE.finditer(plain):
        found += _literal(text, plain[at : match.start()])
        found.append(_token(text, match))
        at = match.end()
    return found + _literal(text, plain[at:])


def _literal(text: str, literal: str) -> list[Token]:
    stray = literal.find("%")
    if stray >= 0:
        raise DownloadCounterError(f"The LogFormat {text!r} has a stray % at {literal[stray : stray + 10]!r}.")
    return [Token(literal)] if literal else []


def _token(text: str, match: re.Match[str]) -> Token:
    if match["percent"]:
        return Token("%")
    if name := match["variable"] or match["braced"]:
        if name.startswith("http_") and name not in _NGINX:
            return Token(match[0], "i", name.removeprefix("http_").replace("_", "-"))
        letter, _, argument = _NGINX.get(name, f"n{{{name}}}").partition("{")
        return Token(match[0], letter, argument.removesuffix("}"))
    if match["letter"] not in DIRECTIVES:
        raise DownloadCounterError(f"The LogFormat {text!r} has an unknown directive %{match['letter']}.")
    return Token(match[0], match["letter"], match["argument"] or "")
