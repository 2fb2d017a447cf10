r"""What a LogFormat string is made of: httpd's directives and nginx's variables, as directives.toml has them."""

import re
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import DownloadCounterError

TABLES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("directives.toml").read_text("utf-8"))
"""What is known of each: tables -> names or letters -> what directives.toml says there."""

# %, an optional condition on the status (%!200,304{...}i), < or >, an optional {...}, a letter;
# or $ and the name of a variable of nginx, which may stand in braces.
_PIECE = re.compile(
    r"%(?:(?P<percent>%)|(?P<condition>!?[0-9,]*)(?P<which>[<>]?)"
    r"(?:\{(?P<argument>[^}]*)\})?(?P<letter>\^[A-Za-z]{2}|[A-Za-z]))"
    r"|\$(?:(?P<variable>[a-z][a-z0-9_]*)|\{(?P<braced>[a-z][a-z0-9_]*)\})"
)
# A string as it stands in httpd.conf: in quotes, with those inside it escaped.
_PASTED = re.compile(r'\s*(?:LogFormat\s+)?"(?P<string>(?:[^"\\]|\\.)*)"(?:\s+[\w.-]+)?\s*')


class Token(Struct, frozen=True):
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
        if name.startswith("http_") and name not in TABLES["nginx"]:
            return Token(match[0], "i", name.removeprefix("http_").replace("_", "-"))
        letter, _, argument = TABLES["nginx"].get(name, f"n{{{name}}}").partition("{")
        return Token(match[0], letter, argument.removesuffix("}"))
    if match["letter"] not in TABLES["httpd"]:
        raise DownloadCounterError(f"The LogFormat {text!r} has an unknown directive %{match['letter']}.")
    return Token(match[0], match["letter"], match["argument"] or "")
