"""The programs and systems that download."""


def kind_of(_agent: bytes) -> int:
    """Return one byte that says the program and the system of a user agent; 0 if nothing is known."""
    return 0


def program(_kind: int) -> str:
    """Return the program's name."""
    return "other"


def system(_kind: int) -> str:
    """Return the system's name."""
    return "other"
