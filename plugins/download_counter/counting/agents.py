"""The program and the operating system of a client, by the rows of agents.toml."""

import tomllib
from functools import lru_cache
from pathlib import Path

OTHER = "other"

_TABLES: dict[str, dict[str, list[str]]] = tomllib.loads(Path(__file__).with_name("agents.toml").read_text("utf-8"))
PROGRAMS = (OTHER, *_TABLES["programs"])
SYSTEMS = (OTHER, *_TABLES["systems"])


def _pieces(table: str) -> tuple[tuple[str, int], ...]:
    rows = enumerate(_TABLES[table].values(), start=1)
    return tuple((piece, number) for number, pieces in rows for piece in pieces)


_PROGRAM_PIECES, _SYSTEM_PIECES = _pieces("programs"), _pieces("systems")


@lru_cache(maxsize=1 << 14)
def kind_of(agent: bytes) -> int:
    """Return one byte that says the program and the system of a user agent, as logged; 0 if nothing is known."""
    lower = agent.decode("latin-1").lower()
    return _first(_PROGRAM_PIECES, lower) * len(SYSTEMS) + _first(_SYSTEM_PIECES, lower)


def program(kind: int) -> str:
    """Return the program's name."""
    return PROGRAMS[kind // len(SYSTEMS)]


def system(kind: int) -> str:
    """Return the system's name."""
    return SYSTEMS[kind % len(SYSTEMS)]


def _first(pieces: tuple[tuple[str, int], ...], agent: str) -> int:
    for piece, number in pieces:
        if piece in agent:
            return number
    return 0
