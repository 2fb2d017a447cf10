"""Logs that are rotated, compressed, cut, removed or written while they are read, and things that are no logs."""

import gzip
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from accesslog import Line, truth
from download_counter import ingest as ingest_module
from download_counter.counting import workers as reading
from download_counter.ingest import Outcome, ingest
from download_counter.logs import files as logs
from download_counter.logs.files import NoLogs
from download_counter.settings import Settings

DAY = date(2026, 5, 9)
SIZES = {"a.iso": 1_000_000}


def lines(day: int, clients: range) -> list[Line]:
    return [Line(client=f"192.0.2.{n}", day=DAY + timedelta(days=day), second=n) for n in clients]


class Logs:
    """A folder with logs, and a web root to count them into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "log"
        self.folder.mkdir()
        self.web_root = folder / "www"
        self.web_root.mkdir()
        self.settings = Settings(web_root=self.web_root, logs=(f"{self.folder}/access.log*",))
        self.written: list[Line] = []

    def write(self, name: str, wanted: list[Line]) -> Path:
        self.written += wanted
        path = self.folder / name
        with path.open("ab") as log:
            log.write(b"".join(line.encode() for line in wanted))
        return path

    def ingest(self) -> Outcome:
        return ingest(self.settings, SIZES)

    def counts(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = json.loads((self.web_root / ".stats/counts.json").read_text())
        return found

    def truth(self) -> dict[str, dict[str, int]]:
        return truth(self.written, SIZES).months()

    def finished_and_sent(self) -> tuple[int, int]:
        days = json.loads((self.web_root / ".stats/days.json").read_text())["days"]
        return sum(numbers[1] for numbers in days["a.iso"].values()), sum(
            numbers[2] for numbers in days["a.iso"].values()
        )


@pytest.fixture
def here(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def compress(path: Path) -> None:
    with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()


def rotate(here: Logs) -> None:
    (here.folder / "access.log.1").rename(here.folder / "access.log.2")
    compress(here.folder / "access.log.2")
    (here.folder / "access.log").rename(here.folder / "access.log.1")
    (here.folder / "access.log").touch()


def copytruncate(here: Logs) -> None:
    shutil.copyfile(here.folder / "access.log", here.folder / "access.log.0")
    os.truncate(here.folder / "access.log", 0)


def vanish(here: Logs) -> None:
    (here.folder / "access.log.1").unlink()


def become_a_pipe(here: Logs) -> None:
    (here.folder / "access.log.1").unlink()
    os.mkfifo(here.folder / "access.log.1")


MOVES: dict[str, Callable[[Logs], None]] = {
    "rotated and compressed": rotate,
    "copied and truncated": copytruncate,
    "removed": vanish,
    "made a pipe": become_a_pipe,
}


@pytest.mark.parametrize("when", ["after they were listed", "before one is read", "while one is read"])
@pytest.mark.parametrize("current", [20, 40], ids=["the current log read last", "the current log read first"])
@pytest.mark.parametrize("move", MOVES)
def test_what_a_run_could_not_see_of_logs_that_moved_the_next_run_puts_right(
    here: Logs, monkeypatch: pytest.MonkeyPatch, move: str, when: str, current: int
) -> None:
    kept = here.folder.with_name("kept")
    here.write("access.log.1", lines(0, range(30)))
    here.write("access.log", lines(1, range(current)))
    shutil.copytree(here.folder, kept)
    moved = threading.Event()

    def once() -> None:
        if not moved.is_set():
            moved.set()
            MOVES[move](here)

    if when == "after they were listed":
        find = logs.find

        def listed(patterns: tuple[str, ...]) -> tuple[list[logs.Log], list[str]]:
            found = find(patterns)
            once()
            return found

        monkeypatch.setattr(ingest_module, "find", listed)
    else:
        read = logs.read

        def read_meanwhile(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
            if when == "before one is read":
                once()
            for block in read(path, start, stop):
                yield block[: len(block) // 2]
                once()
                yield block[len(block) // 2 :]

        monkeypatch.setattr(reading, "read", read_meanwhile)
    outcome = here.ingest()
    assert moved.is_set()
    assert all("192.0.2" not in warning for warning in outcome.warnings)
    for month, number in here.counts().get("a.iso", {}).items():
        assert number <= here.truth()["a.iso"][month]
    monkeypatch.undo()
    if move in ("removed", "made a pipe"):  # it comes back, as from a mistake put right
        (here.folder / "access.log.1").unlink(missing_ok=True)
        shutil.copy2(kept / "access.log.1", here.folder)
    here.write("access.log", lines(2, range(5)))
    assert here.ingest().warnings == ()
    assert here.counts() == here.truth()
    downloads = 30 + current + 5
    assert here.finished_and_sent() == (downloads, downloads * SIZES["a.iso"])


@pytest.mark.parametrize("move", ["removed", "made a pipe"])
def test_known_lines_that_could_not_be_looked_up_are_put_right_by_the_next_run(
    here: Logs, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    kept = here.folder.with_name("kept")
    here.write("access.log.1", lines(0, range(30)))
    here.write("access.log", lines(1, range(20)))
    here.ingest()
    here.write("access.log", lines(0, range(25, 35)))  # five were there before, five were not
    shutil.copytree(here.folder, kept)
    read = logs.read

    def read_meanwhile(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if path.name == "access.log.1":
            MOVES[move](here)
            monkeypatch.undo()
        yield from read(path, start, stop)

    monkeypatch.setattr(reading, "read", read_meanwhile)
    here.ingest()
    assert 30 <= here.counts()["a.iso"]["2026-05"] - 20 <= 35
    (here.folder / "access.log.1").unlink(missing_ok=True)
    shutil.copy2(kept / "access.log.1", here.folder)

    here.ingest()

    assert here.counts() == here.truth() == {"a.iso": {"2026-05": 55}}
    assert here.finished_and_sent() == (55, 60 * SIZES["a.iso"])


def test_a_log_whose_first_line_is_long_is_a_log(here: Logs) -> None:
    here.write("access.log", [Line(target=b"/page?" + b"x" * 8000), Line(), *lines(0, range(3))])

    here.ingest()

    assert here.counts() == here.truth()


def test_a_line_that_is_being_written_waits_for_the_next_run(here: Logs) -> None:
    log = here.write("access.log", lines(0, range(3)))
    last = Line(client="198.51.100.9").encode()
    with log.open("ab") as writing:
        writing.write(last[:-1])
        writing.flush()
        here.ingest()
        assert here.counts() == here.truth()
        writing.write(b"\n")
    here.ingest()
    assert here.counts() == {"a.iso": {"2026-05": 4}}


@pytest.mark.parametrize("made", ["a pipe", "a folder", "a device", "a link to a device", "a broken link", "a loop"])
def test_what_is_no_log_is_named_and_left_out_and_holds_nothing_up(here: Logs, made: str) -> None:
    here.write("access.log", lines(0, range(3)))
    path = here.folder / "access.log.odd"
    if made == "a pipe":
        os.mkfifo(path)
    elif made == "a folder":
        path.mkdir()
    elif made == "a device":
        try:
            os.mknod(path, 0o020666, os.makedev(1, 5))  # /dev/zero: it never ends
        except PermissionError:
            pytest.skip("only root makes devices")
    else:
        path.symlink_to({"a link to a device": "/dev/zero", "a broken link": "nowhere", "a loop": path.name}[made])
    try:
        outcome = here.ingest()
    finally:  # what copies or looks through the folder of this test later would read it without end
        path.rmdir() if path.is_dir() else path.unlink()
    assert len(outcome.warnings) == 1
    assert str(path) in outcome.warnings[0]
    assert here.counts() == here.truth()


def test_nothing_but_what_is_no_log_is_as_good_as_nothing(here: Logs) -> None:
    os.mkfifo(here.folder / "access.log")
    with pytest.raises(NoLogs, match=str(here.folder)):
        here.ingest()
