"""Logs that move at any look that a run takes at them: at no moment is a number too high, and the next run is right.

A look is a call into the operating system or a decompressor that opens, lists, measures or reads. `LOOKS=all` tries
every one of them, with every move; otherwise some are tried.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Self

import pytest

from accesslog import Line, Truth, truth
from download_counter.history.store import load
from download_counter.ingest import ingest
from download_counter.settings import Settings
from lives.servers import Clock, Habits, Server, lines_in

STRIDE = 1 if os.environ.get("LOOKS") == "all" else 11
SIZES = {"a.iso": 1000, "b.iso": 300}
FIRST_DAY = date(2026, 4, 29)
LOOKS = {
    *("open", "stat", "lstat", "fstat", "scandir", "listdir", "access", "readlink"),
    *("read", "read1", "readinto", "peek", "seek", "readline", "decompress"),
}


def lines(day: int, number: int) -> list[Line]:
    """Requests of one day, many of which are parts of downloads that go on over midnight."""
    chance = Random(day * 1000 + number)
    return [
        Line(
            client=f"192.0.2.{chance.randrange(6)}",
            day=FIRST_DAY + timedelta(days=day),
            target=b"/%b.iso?%d" % (chance.choice([b"a", b"b"]), day * 1000 + second),
            status=206,
            size=chance.choice([100, 400, 600]),
            second=second,
        )
        for second in range(number)
    ]


@dataclass(frozen=True)
class Place:
    """A folder with a server's logs and a web root."""

    folder: Path
    server: Server

    @property
    def web_root(self) -> Path:
        return self.folder / "www"

    def ingest(self) -> None:
        ingest(Settings(self.web_root, (f"{self.server.folder}/access.log*",)), SIZES)

    def known(self) -> Truth:
        found = Truth({}, {}, {})
        for day, record in load(self.web_root).days.items():
            for file, one in record.files.items():
                for name in ("started", "finished", "sent"):
                    if number := getattr(one, name):
                        getattr(found, name)[file, date.fromisoformat(day)] = number
        return found

    def says(self) -> frozenset[Line]:
        return frozenset(line for path in self.server.logs() for line in lines_in(path))


def a_first_run(place: Place) -> None:
    """Nothing is known yet."""


def a_run_at_noon(place: Place) -> None:
    """The logs are known, and then much is logged into the current one, some of it for the day before."""
    place.ingest()
    place.server.write([*lines(3, 40)[20:], *lines(2, 30)[20:]])


def a_run_with_one_new_log(place: Place) -> None:
    """All but the current log is known."""
    current = place.server.current.read_bytes()
    place.server.put(place.server.current, b"")
    place.ingest()
    place.server.put(place.server.current, current)


STATES: dict[str, Callable[[Place], None]] = {
    "a first run": a_first_run,
    "a run at noon": a_run_at_noon,
    "a run with one new log": a_run_with_one_new_log,
}
Phases = list[Callable[[Server], None]]


def rotate(server: Server) -> None:
    server.rotate()
    server.write(lines(4, 5))


def rotate_by_copying(server: Server) -> None:
    shutil.copy2(server.current, server.folder / "access.log.copy")


def empty(server: Server) -> None:
    server.put(server.current, b"")


def begin_to_pack(server: Server) -> None:
    server.pack(server.folder / "access.log.1", ".gz", keep_plain=True)
    packed = server.folder / "access.log.1.gz"
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])


def end_packing(server: Server) -> None:
    server.pack(server.folder / "access.log.1", ".gz", keep_plain=True)


def remove_the_plain_one(server: Server) -> None:
    (server.folder / "access.log.1").unlink()


def rename_only(server: Server) -> None:
    (server.folder / "access.log.1").rename(server.folder / "access.log.7")


def write(server: Server) -> None:
    server.write(lines(3, 60)[40:50])


def write_more(server: Server) -> None:
    server.write(lines(3, 60)[50:])


def replace(server: Server) -> None:
    """Two logs change their names with each other."""
    one, two = server.folder / "access.log.1", server.folder / "access.log"
    one.rename(server.folder / "other")
    two.rename(one)
    (server.folder / "other").rename(two)


MOVES: dict[str, Phases] = {
    "rotated and packed": [rotate],
    "rotated twice": [rotate, lambda server: server.rotate()],
    "copied and emptied": [rotate_by_copying, empty, write],
    "packed": [begin_to_pack, end_packing, remove_the_plain_one],
    "renamed": [rename_only],
    "renamed while the server writes": [write, rename_only, write_more],
    "exchanged": [replace],
}


class Moving:
    """Has a server's logs move at one look of what is run meanwhile, and move on some looks later."""

    def __init__(self, server: Server, phases: Phases, first: int, gap: int) -> None:
        self.looks = 0
        self._server = server
        self._due = [(first + number * gap, phase) for number, phase in enumerate(phases)]

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, _frame: FrameType, event: str, what: object) -> None:
        if event == "c_call" and getattr(what, "__name__", "") in LOOKS:
            sys.setprofile(None)
            self._move(self.looks)
            self.looks += 1
            sys.setprofile(self._called)

    def _move(self, look: int) -> None:
        while self._due and self._due[0][0] <= look:
            self._due.pop(0)[1](self._server)

    def end(self) -> bool:
        """Do what is left to do, and say whether anything was done before."""
        some = not self._due or self._due[0][0] < self.looks
        self._move(sys.maxsize)
        return some


def place_in(folder: Path, today: date) -> Place:
    habits = Habits(False, False, 14, ".gz", delay=True, copytruncate=False, steps=1_000_003)
    return Place(folder, Server(folder / "log", habits, Clock(today)))


@pytest.fixture(scope="module", params=STATES)
def before(request: pytest.FixtureRequest) -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        place = place_in(Path(name) / "before", FIRST_DAY)
        place.web_root.mkdir()
        for day in range(4):
            place.server.write(lines(day, 20))
            if day < 3:
                place.server.rotate()
        STATES[request.param](place)
        yield place.folder


def too_high(known: Truth, says: frozenset[Line]) -> list[str]:
    """The numbers that are higher than what the logs say."""
    most = truth(says, SIZES)
    return [
        f"{file} on {day}: {name} is {number}, the logs say {getattr(most, name).get((file, day), 0)}"
        for name in ("started", "sent", "finished")
        for (file, day), number in getattr(known, name).items()
        if number > getattr(most, name).get((file, day), 0)
    ]


@pytest.mark.parametrize("move", MOVES)
def test_logs_that_move_while_they_are_read_are_never_counted_twice_and_soon_counted_right(
    before: Path, move: str
) -> None:
    chance = Random(move)
    wrong = []
    first, met = chance.randrange(STRIDE), True
    while met:
        folder = before.with_name("now")
        shutil.copytree(before, folder)
        place = place_in(folder, FIRST_DAY + timedelta(days=4))
        gap = chance.choice([0, 1, 2, 5, 10, 20])
        with Moving(place.server, MOVES[move], first, gap) as moving:
            place.ingest()
        met = moving.end()
        says = place.says()
        wrong += [f"look {first}, then {gap}: {problem}" for problem in too_high(place.known(), says)]
        place.ingest()
        if place.known() != truth(says, SIZES):
            wrong.append(f"look {first}, then {gap}: the next run is not right")
        shutil.rmtree(folder)
        first += chance.randint(1, 2 * STRIDE - 1)
    assert first > 20, "no look was found"
    assert wrong == []


def test_logs_that_are_removed_while_they_are_read_are_never_counted_twice(before: Path) -> None:
    chance = Random("removed")
    wrong = []
    first, met = chance.randrange(STRIDE), True
    while met:
        folder = before.with_name("now")
        shutil.copytree(before, folder)
        place = place_in(folder, FIRST_DAY + timedelta(days=4))
        says = place.says()
        removed = chance.choice(place.server.logs()[1:])
        data, time = removed.read_bytes(), removed.stat().st_mtime_ns
        with Moving(place.server, [lambda _: removed.unlink()], first, 0) as moving:  # noqa: B023
            place.ingest()
        met = moving.end()
        wrong += [f"look {first}: {problem}" for problem in too_high(place.known(), says)]
        place.server.put(removed, data, time)
        place.ingest()
        if place.known() != truth(says, SIZES):
            wrong.append(f"look {first}: the run after it came back is not right")
        shutil.rmtree(folder)
        first += chance.randint(1, 2 * STRIDE - 1)
    assert first > 20, "no look was found"
    assert wrong == []
