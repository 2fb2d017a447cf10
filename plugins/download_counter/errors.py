"""What goes wrong, said in a sentence that is fit to be shown."""


class DownloadCounterError(Exception):
    """Something an admin has to fix: its text says what, where, and what to do.

    `exitcode` is what the command line and Pelican's own `main` leave with.
    """

    exitcode = 1

    def __str__(self) -> str:
        """Return the text without control characters: it may name a file, or what a log says."""
        return printable(super().__str__())


def printable(name: str) -> str:
    r"""Return a file name fit to be shown.

    Control characters and those that turn the direction of writing (Unicode's class Cf) are shown as escapes, as
    `\u202e`: left as they are, `gpj.exe` can look like `exe.jpg`. Bytes that are not UTF-8 become U+FFFD.
    """
    return name if name.isprintable() else "".join(map(_printable, name))


def _printable(character: str) -> str:
    import unicodedata  # most names need it not, and the ingest is short

    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Cf", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character
