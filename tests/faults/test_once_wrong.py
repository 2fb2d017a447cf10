"""What once went wrong on servers or on desks of testers, each said as what must be.

Logs that move while they are read, at every moment, are in `lives/test_looks.py`.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from accesslog import Line
from download_counter.errors import DownloadCounterError
from download_counter.history.day import Day
from download_counter.history.store import load
from download_counter.ingest import Outcome, ingest
from download_counter.settings import Settings
from lives.life import as_nobody
from support import open_folder

MAY = [date(2026, 5, 1) + timedelta(days=number) for number in range(31)]
SIZE = 1000


class Server:
    """A web root with one image, and logs."""

    def __init__(self, folder: Path) -> None:
        self.web_root, self.logs = folder / "www", folder / "log"
        self.web_root.mkdir()
        self.logs.mkdir()
        self.sizes = {"a.iso": SIZE}
        self.options: dict[str, Any] = {}
        self._time = 1_770_000_000_000_000_000

    def log(self, name: str, lines: Iterable[Line]) -> Path:
        """Write a log, at a time of its own."""
        path = self.logs / name
        data = b"".join(line.encode() for line in lines)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        self._time += 1_000_001
        os.utime(path, ns=(self._time, self._time))
        return path

    def add(self, name: str, lines: Iterable[Line]) -> None:
        """Write more lines into a log."""
        path = self.logs / name
        path.write_bytes(path.read_bytes() + b"".join(line.encode() for line in lines))

    def run(self) -> Outcome:
        """Ingest once."""
        return ingest(Settings(self.web_root, (f"{self.logs}/*",), **self.options), self.sizes)

    def day(self, day: date, file: str = "a.iso") -> Day:
        """What is known of a day."""
        return load(self.web_root).days[day.isoformat()].files[file]

    def figures(self, day: date) -> tuple[int, int | None, int | None]:
        """What is known of a day: started, finished, bytes."""
        found = self.day(day)
        return found.started, found.finished, found.sent

    def edit(self, change: Callable[[dict[str, dict[str, int]]], None]) -> None:
        """Edit counts.json by hand."""
        path = self.web_root / ".stats/counts.json"
        counts = json.loads(path.read_text())
        change(counts)
        path.write_text(json.dumps(counts))

    def stored(self) -> bytes:
        """All that is kept below .stats/."""
        return b"".join(path.read_bytes() for path in (self.web_root / ".stats").rglob("*") if path.is_file())


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def clients(day: date, number: int, size: int = SIZE, first: int = 0) -> list[Line]:
    return [Line(f"192.0.2.{first + n}", day, size=size, second=n) for n in range(number)]


@pytest.mark.parametrize("mirrors", [1, 2])
def test_a_log_that_comes_back_after_others_of_its_days_went_away_counts_once(server: Server, mirrors: int) -> None:
    logs = {}
    for day in MAY[:4]:
        for mirror in range(mirrors):
            # A line of the next day in each: that of a clock before the other's, or of a late rotation.
            name = f"mirror{mirror}-{day:%d}.log"
            server.log(name, [*clients(day, 1, first=mirror), *clients(day + timedelta(days=1), 1, first=10 + mirror)])
            logs[name] = (server.logs / name).read_bytes()
    server.run()
    before = {day: server.figures(day) for day in MAY[:5]}

    def lose(*names: str) -> None:
        for name in names:
            (server.logs / name).unlink()
        server.run()

    lose("mirror0-03.log")
    lose("mirror0-01.log")
    (server.logs / "mirror0-03.log").write_bytes(logs["mirror0-03.log"])
    server.run()

    assert {day: server.figures(day) for day in MAY[:5]} == before
    assert before[MAY[2]] == (2 * mirrors, 2 * mirrors, 2 * mirrors * SIZE)


def test_a_log_without_user_agents_is_a_warning_and_the_others_count_when_crawlers_are_left_out(server: Server) -> None:
    server.options["crawlers"] = True
    server.log("access.log", clients(MAY[0], 2))
    common = [line.encode().partition(b' "-" ')[0] + b"\n" for line in clients(MAY[0], 100, first=100)]
    (server.logs / "other.log").write_bytes(b"".join(common))

    warnings = server.run().warnings

    assert any("other.log" in warning for warning in warnings)
    assert server.day(MAY[0]).started == 2


def test_a_log_that_begins_with_a_line_of_73_kilobytes_is_known_again(server: Server) -> None:
    long = Line(target=b"/page?" + b"\xff" * 18_000).encode()
    assert len(long) > 72_000
    server.log("access.log", clients(MAY[0], 3))
    path = server.logs / "access.log"
    path.write_bytes(long + path.read_bytes())
    server.run()
    assert server.run().read is None
    server.add("access.log", clients(MAY[0], 2, first=2))
    server.run()
    assert server.figures(MAY[0]) == (4, 4, 5 * SIZE)


@pytest.mark.parametrize("event", ["the rule changes", "a month is taken out of the counts", "the counts are emptied"])
def test_an_image_that_is_replaced_has_its_old_size_for_its_past_whatever_else_happens(
    server: Server, event: str
) -> None:
    server.log("access.log.1", clients(MAY[0], 2))
    server.log("access.log", clients(MAY[3], 1))
    server.log("other.log", [Line(target=b"/b.iso", day=date(2026, 4, 1))])
    server.run()
    server.sizes["a.iso"] = 3 * SIZE
    server.add("access.log", clients(MAY[4], 1, size=3 * SIZE))
    if event == "the rule changes":
        server.options["extensions"] = (".iso", ".img")
    elif event == "a month is taken out of the counts":
        server.edit(lambda counts: counts.__delitem__("b.iso"))
    else:
        server.edit(lambda counts: counts.clear())

    server.run()

    assert server.day(MAY[0]).finished == 2
    assert server.day(MAY[4]).finished == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else for a while")
def test_a_log_that_could_not_be_read_is_read_as_soon_as_it_can() -> None:
    with open_folder() as folder:
        server = Server(folder)
        server.web_root.chmod(0o777)
        read_when_it_can(server)


def read_when_it_can(server: Server) -> None:
    server.log("access.log", clients(MAY[1], 1))
    shut = server.log("access.log.1", clients(MAY[0], 2))
    shut.chmod(0)
    with as_nobody():
        for _ in range(2):
            warnings = server.run().warnings
            assert any("access.log.1" in warning and "Permission denied" in warning for warning in warnings)
    shut.chmod(0o644)
    with as_nobody():
        assert server.run().warnings == ()
    assert server.figures(MAY[0]) == (2, 2, 2 * SIZE)


def test_downloads_resumed_over_midnight_finish_in_a_second_run_of_the_day_as_well(server: Server) -> None:
    server.log("access.log.1", clients(MAY[0], 19, size=600))
    server.log("access.log", clients(MAY[1], 9, size=400))
    server.run()
    assert server.day(MAY[1]).finished == 9
    server.add("access.log", clients(MAY[1], 10, size=400, first=9))

    server.run()

    assert server.figures(MAY[1]) == (19, 19, 19 * 400)


def test_a_log_of_another_file_that_goes_away_costs_no_finish(server: Server) -> None:
    server.log("access.log.1", clients(MAY[0], 3, size=600))
    other = server.log("other.log", [Line(target=b"/b.iso", day=MAY[0])])
    server.log("access.log", [])
    server.run()
    other.unlink()
    server.log("access.log", clients(MAY[1], 3, size=400))

    server.run()

    assert server.day(MAY[1]).finished == 3


def test_an_image_that_appears_after_its_downloads_has_them_finished_while_logs_are_there(server: Server) -> None:
    server.log("access.log.1", clients(MAY[0], 3))
    server.log("access.log.2", clients(MAY[0], 4, first=3))
    size = server.sizes.pop("a.iso")
    server.run()
    assert server.day(MAY[0]).finished is None
    server.sizes["a.iso"] = size

    server.run()

    assert server.figures(MAY[0]) == (7, 7, 7 * SIZE)


def test_a_part_of_the_logs_of_a_day_is_not_shown_as_its_whole(server: Server) -> None:
    server.log("access.log.1", clients(MAY[0], 3))
    rest = server.log("access.log.2", clients(MAY[0], 4, first=3))
    size = server.sizes.pop("a.iso")
    server.run()
    rest.unlink()
    server.sizes["a.iso"] = size

    server.run()

    assert server.figures(MAY[0]) == (7, None, 7 * SIZE)


def test_a_number_that_was_lowered_by_hand_is_raised_again_by_what_days_know(server: Server) -> None:
    server.log("access.log", clients(MAY[0], 5))
    server.run()
    server.edit(lambda counts: counts["a.iso"].update({"2026-05": 2}))
    server.run()
    assert load(server.web_root).counts == {"a.iso": {"2026-05": 5}}


@pytest.mark.parametrize("since", [0, None, [], {}, "yesterday"])
def test_sizes_that_were_edited_by_hand_are_a_warning_or_an_error_in_a_sentence(server: Server, since: object) -> None:
    server.log("access.log", clients(MAY[0], 5))
    server.run()
    path = server.web_root / ".stats/state.json"
    state = json.loads(path.read_text())
    state["sizes"]["a.iso"] = [[since, 1000]]
    path.write_text(json.dumps(state))

    try:
        warnings = server.run().warnings
    except DownloadCounterError as error:
        warnings = (str(error),)

    assert any("state" in warning for warning in warnings)
    assert load(server.web_root).counts == {"a.iso": {"2026-05": 5}}


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 100, b"[]"])
def test_days_that_are_damaged_are_counted_again_from_the_logs_at_hand(server: Server, damage: bytes) -> None:
    server.log("access.log", clients(MAY[0], 5))
    server.run()
    [path] = (server.web_root / ".stats/days").iterdir()
    path.write_bytes(damage)

    assert any(path.name in warning for warning in server.run().warnings)

    assert server.figures(MAY[0]) == (5, 5, 5 * SIZE)
    assert server.run().warnings == ()


def test_a_year_of_logs_costs_a_run_no_more_than_a_week_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def counted(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(os.fsdecode(path))
        return real(path, *arguments, **options)

    numbers = {}
    for days in (7, 365):
        folder = tmp_path / str(days)
        folder.mkdir()
        server = Server(folder)
        for number in range(days):
            day = MAY[-1] - timedelta(days=number)
            server.log(f"access.log.{number}", [*clients(day, 2, size=600), *clients(day - timedelta(days=1), 1)])
        server.run()
        server.add("access.log.0", clients(MAY[-1], 2, size=400))
        opened.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", counted)
            server.run()
        numbers[days] = len([path for path in opened if path.startswith(str(server.logs))])

    assert numbers[365] == numbers[7] > 0
