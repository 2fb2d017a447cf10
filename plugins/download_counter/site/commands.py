"""Commands for a visitor to paste: they check a download, and answer OK.

A name is quoted so that a shell takes it literally, whatever characters it has.
"""

import re
from typing import NamedTuple

from ..catalogue import Companion

# PowerShell takes typographic quotes for the plain one: https://learn.microsoft.com/powershell, about_Quoting_Rules.
_POWERSHELL_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")


class Command(NamedTuple):
    """A command, the system that it is for, and what it answers when all is well."""

    system: str
    text: str
    answer: str


def check_commands(digest: Companion, name: str) -> list[Command]:
    """Return the commands that compare a download of this name with one of an image's `digests`, in its folder."""
    bits = digest.kind.removeprefix("sha")
    line = _checksum_line(str(digest.digest), name)
    if digest.kind == "md5":
        macos = f'[ "$(md5 -q {sh(name)})" = {digest.digest} ] && echo OK'
    else:
        macos = f"{line} | shasum -a {bits} --check"
    windows = f"(Get-FileHash -Algorithm {digest.kind.upper()} -LiteralPath {powershell(name)}).Hash"
    return [
        Command("Linux", f"{line} | {digest.kind}sum --check", "OK"),
        Command("Windows", f"{windows} -eq '{digest.digest}'", "True"),
        Command("macOS", macos, "OK"),
    ]


def verify_command(signature: str, signed: str) -> str:
    """Return the command that checks a signature; one that is signed within itself is checked alone."""
    return f"gpg --verify {sh(signature)}" + (f" {sh(signed)}" if signed != signature else "")


def sh(name: str) -> str:
    """Quote a name for a POSIX shell, as an operand of a command."""
    return ("./" if name.startswith("-") else "") + _quoted(name)


def powershell(name: str) -> str:
    """Quote a name for PowerShell."""
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", name) + "'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _checksum_line(digest: str, name: str) -> str:
    """The command that prints a line as sha256sum(1) reads it."""
    if "\\" not in name:
        return "echo " + _quoted(f"{digest}  {name}")
    # A backslash is escaped in such a line, and one before the line says so; some shells' echo would undo it.
    escaped = name.replace("\\", "\\\\")
    return "printf '%s\\n' " + _quoted(f"\\{digest}  {escaped}")
