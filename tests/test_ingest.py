"""A run reads what it must, counts nothing twice, and keeps nothing of a client."""

import bz2
import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from download_counter.counting.known import start_of

from accesslog import Line
from download_counter import ingest as ingest_module
from download_counter.counting import workers as reading
from download_counter.errors import DownloadCounterError
from download_counter.history.store import COUNTS, DAYS, Day, History, load
from download_counter.ingest import Outcome, ingest
from download_counter.logs import files as logs
from download_counter.logs.logformat import KNOWN, compile_format
from download_counter.settings import Settings

FIRST = date(2026, 5, 1)
NAME = "access.log"


class Server:
    """A web root, and a folder of logs: access.log, .1, .2.gz and so on, a day each."""

    def __init__(self, folder: Path) -> None:
        self.web_root, self.logs = folder / "www", folder / "log"
        self.web_root.mkdir()
        self.logs.mkdir()
        self.sizes = {"a.iso": 1000}
        self.options: dict[str, Any] = {}
        self._time = int(time.time()) - 10_000_000

    def write(self, name: str, lines: Iterable[Line] | bytes) -> Path:
        """Write a log at a time of its own."""
        content = lines if isinstance(lines, bytes) else b"".join(line.encode() for line in lines)
        (self.logs / name).write_bytes(content)
        self._time += 60
        os.utime(self.logs / name, (self._time, self._time))
        return self.logs / name

    def rotate(self) -> None:
        """Do what logrotate does with delaycompress: content and time of a log stay."""
        for number in range(20, 1, -1):
            if (self.logs / f"{NAME}.{number}.gz").exists():
                (self.logs / f"{NAME}.{number}.gz").rename(self.logs / f"{NAME}.{number + 1}.gz")
        if (self.logs / f"{NAME}.1").exists():
            self.compress(f"{NAME}.1", f"{NAME}.2.gz")
        (self.logs / NAME).rename(self.logs / f"{NAME}.1")

    def compress(self, name: str, new_name: str) -> None:
        """Compress a log as gzip(1) does."""
        log = self.logs / name
        times = (log.stat().st_atime_ns, log.stat().st_mtime_ns)
        (self.logs / new_name).write_bytes(gzip.compress(log.read_bytes()))
        os.utime(self.logs / new_name, ns=times)
        log.unlink()

    def fortnight(self) -> None:
        """Live through fourteen days of two clients a day."""
        for number in range(14):
            if number:
                self.rotate()
            self.write(NAME, [line_of(number, "192.0.2.1"), line_of(number, "192.0.2.2", size=400)])

    def run(self) -> Outcome:
        """Ingest once."""
        return ingest(Settings(self.web_root, (f"{self.logs}/*",), **self.options), self.sizes)

    def files(self) -> dict[str, bytes]:
        """The data files."""
        return {path.name: path.read_bytes() for path in (self.web_root / ".stats").iterdir()}

    def days(self) -> dict[str, dict[str, Any]]:
        """The days of days.json: started, finished, sent, left out."""
        days: dict[str, dict[str, Any]] = json.loads((self.web_root / DAYS).read_text())["days"]
        return days


def line_of(number: int, client: str = "192.0.2.1", size: int = 1000) -> Line:
    """A download on the day of that number."""
    return Line(client, FIRST + timedelta(days=number), size=size)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_a_first_run_reads_all_logs(server: Server) -> None:
    server.fortnight()

    outcome = server.run()

    assert outcome.read == 14
    assert outcome.warnings == ()
    assert outcome.history.counts == {"a.iso": {"2026-05": 28}}
    assert server.days()["a.iso"]["2026-05-01"] == [2, 1, 1400, 0]


def test_the_very_same_logs_are_not_read_again_and_nothing_is_written(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.files()

    outcome = server.run()

    assert outcome.read is None
    assert outcome.history == load(server.web_root)
    assert server.files() == before


@pytest.mark.parametrize(
    ("client", "read", "finished"),
    [
        pytest.param("192.0.2.9", 2, 0, id="it was not there the day before"),
        # It got 400 bytes on each day before: what they come to is clear when three days are known.
        pytest.param("192.0.2.2", 3, 1, id="it was there on each day before"),
    ],
)
def test_after_a_night_logs_are_read_as_far_back_as_the_new_clients_downloads_hang_on(
    server: Server, client: str, read: int, finished: int
) -> None:
    server.fortnight()
    server.run()
    server.rotate()
    server.write(NAME, [line_of(14, client, size=600)])

    outcome = server.run()

    assert outcome.read == read
    assert outcome.history.counts == {"a.iso": {"2026-05": 29}}
    assert server.days()["a.iso"]["2026-05-15"] == [1, finished, 600, 0]


def test_only_the_new_log_is_read_if_all_its_downloads_are_whole(server: Server) -> None:
    server.fortnight()
    server.run()
    server.rotate()
    server.write(NAME, [line_of(14)])

    outcome = server.run()

    assert outcome.read == 1
    assert server.days()["a.iso"]["2026-05-15"] == [1, 1, 1000, 0]


def test_a_year_of_logs_costs_a_run_no_more_than_a_week_of_them(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As rotated logs are: too long to be told by their few lines, and with times finer than a second.
    for number in range(365):
        lines = b"".join(replace(line_of(number), second=second).encode() for second in range(1000))
        log = server.write(f"{NAME}-{number:03}.gz", gzip.compress(lines, 1))
        os.utime(log, ns=(0, 1_700_000_000_000_000_001 + number * 86_400_000_000_001))
    server.write(NAME, [line_of(365)])
    server.run()
    server.write(NAME, [replace(line_of(365), second=second) for second in range(200)])
    opened: set[str] = set()
    open_log = logs.open_log

    def opening(path: Path) -> Any:
        opened.add(path.name)
        return open_log(path)

    monkeypatch.setattr(logs, "open_log", opening)
    looked_into: list[str] = []
    monkeypatch.setattr(History, "_open", lambda _self, _file, month: looked_into.append(month))

    outcome = server.run()

    assert outcome.read == 1
    assert opened == {NAME}
    assert set(looked_into) == {"2027-05"}
    assert outcome.history.days["a.iso"]["2027-05-01"].started == 1


def test_what_is_not_read_is_not_looked_into(server: Server) -> None:
    """A log that a run has no reason to read may say anything beyond its first lines."""
    server.write("old.log", [replace(line_of(0), second=n) for n in range(2000)])
    server.write(NAME, [line_of(9)])
    server.run()
    old = server.logs / "old.log"
    times = (old.stat().st_atime_ns, old.stat().st_mtime_ns)
    old.write_bytes(old.read_bytes()[:-100] + b"\0" * 99 + b"\n")
    os.utime(old, ns=times)
    server.write(NAME, [line_of(9), line_of(9, "192.0.2.2")])

    outcome = server.run()

    assert (outcome.read, outcome.warnings) == (1, ())
    assert outcome.history.counts == {"a.iso": {"2026-05": 3}}


def test_the_current_log_is_read_anew_when_it_has_grown(server: Server) -> None:
    server.write(NAME, [line_of(0)])
    server.run()
    server.write(NAME, [line_of(0), line_of(0, "192.0.2.2")])

    outcome = server.run()

    assert outcome.read == 1
    assert server.days()["a.iso"] == {"2026-05-01": [2, 2, 2000, 0]}


def test_a_download_that_ends_after_rotation_is_counted_with_the_day_it_has(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(0, size=400), line_of(1, "192.0.2.9")])

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [1, 1, 1000, 0], "2026-05-02": [1, 1, 1000, 0]}


def test_logs_are_read_as_far_back_as_what_finished_hangs_on(server: Server) -> None:
    # One client resumes every day: whether the last day was finished hangs on the first.
    for number in range(8):
        if number:
            server.rotate()
        server.write(NAME, [line_of(number, size=600)])
        server.run()

    finished = [numbers[1] for _, numbers in sorted(server.days()["a.iso"].items())]

    assert finished == [0, 1, 0, 1, 0, 1, 0, 1]


def test_of_a_log_that_has_grown_only_the_new_lines_are_counted(server: Server) -> None:
    first, second = line_of(0, size=600), line_of(0, "192.0.2.2")
    server.write(NAME, [first, second])
    server.run()
    # Not the same lines any more, as a log never is; whoever counted them again would see it.
    server.write(NAME, [first, replace(second, client="192.0.2.3"), line_of(0, size=400), line_of(0, "192.0.2.4")])

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [3, 3, 3000, 0]}


def test_a_log_that_comes_back_when_others_of_its_day_are_gone_adds_nothing_that_was_counted(server: Server) -> None:
    one, other = [line_of(0), line_of(0, "192.0.2.2")], [line_of(0, "192.0.2.3")]
    server.write("one.log", one)
    server.write("other.log", other)
    server.write(NAME, [line_of(5)])
    server.run()
    (server.logs / "one.log").unlink()
    (server.logs / "other.log").unlink()
    server.write(NAME, [line_of(5), line_of(6)])
    server.run()
    assert load(server.web_root).settled == "2026-05-01"
    server.write("one.log.gz", gzip.compress(b"".join(line.encode() for line in one)))

    server.run()

    assert server.days()["a.iso"]["2026-05-01"] == [3, 3, 3000, 0]
    server.write("other.log.gz", gzip.compress(b"".join(line.encode() for line in other)))
    server.run()
    assert server.days()["a.iso"]["2026-05-01"] == [3, 3, 3000, 0]
    assert load(server.web_root).settled == ""


def test_of_two_logs_that_begin_as_a_known_one_neither_is_taken_for_it(server: Server) -> None:
    known = [line_of(0), line_of(0, "192.0.2.2")]
    server.write(NAME, known)
    server.run()
    (server.logs / NAME).unlink()
    server.write("a.log", [*known, line_of(0, "192.0.2.3")])
    server.write("b.log", [*known, line_of(0, "192.0.2.4")])

    server.run()

    assert server.days()["a.iso"]["2026-05-01"][0] == 4


def test_a_copy_left_behind_does_not_hide_that_its_log_was_known(server: Server) -> None:
    lines = [replace(line_of(0, f"192.0.2.{n}"), second=n) for n in range(200)]
    log = server.write(NAME, lines[:150])
    server.run()
    copy = server.logs / "copy.log"
    copy.write_bytes(log.read_bytes())
    os.utime(copy, ns=(0, log.stat().st_mtime_ns))
    server.write(NAME, lines)

    server.run()

    assert server.days()["a.iso"]["2026-05-01"] == [200, 200, 200_000, 0]


def test_many_processors_read_the_known_beginning_of_a_log_in_pieces_as_well(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [replace(line_of(0, f"192.0.{n % 200}.{n % 211}"), second=n % 3600) for n in range(1000)]
    server.write(NAME, lines[:200])
    server.run()
    server.write(NAME, lines)
    monkeypatch.setattr(reading, "_WORTH_PIECES", 5000)
    monkeypatch.setattr(reading, "processors", lambda: 8)
    monkeypatch.setattr(ingest_module, "processors", lambda: 8)

    outcome = server.run()

    assert outcome.history.days["a.iso"]["2026-05-01"] == Day(1000, 1000, 1_000_000)


def test_a_big_plain_log_is_read_in_pieces_and_counts_the_same(server: Server) -> None:
    lines = [replace(line_of(0, f"192.0.{n % 200}.{n % 211}"), second=n % 3600) for n in range(120_000)]
    server.write(NAME, lines)
    told: list[tuple[int, int]] = []

    outcome = ingest(Settings(server.web_root, (f"{server.logs}/*",)), server.sizes, lambda *step: told.append(step))

    pieces = min(len(os.sched_getaffinity(0)), 3)
    assert told[-1] == (pieces, pieces)
    assert outcome.read == 1
    assert outcome.history.days["a.iso"]["2026-05-01"] == Day(42_200, 42_200, 120_000 * 1000)


def test_what_many_clients_come_to_is_the_same_when_several_processes_work_it_out(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = b"x" * 2_500_000 + b"\n"
    for number in range(3):
        lines = [line_of(number, f"192.0.2.{n}", size=500) for n in range(number, number + 50)]
        server.write(f"{number}.log", b"".join(line.encode() for line in lines) + padding)
    monkeypatch.setattr(ingest_module, "_MANY_CLIENTS", 100)

    server.run()

    assert [numbers[:2] for numbers in server.days()["a.iso"].values()] == [[50, 0], [50, 49], [50, 1]]


def test_a_compressed_log_is_known_by_what_is_in_it(server: Server) -> None:
    server.write("a.log", [line_of(0)])
    server.write(NAME, [line_of(9)])
    server.run()
    server.compress("a.log", "a.log.gz")
    os.utime(server.logs / "a.log.gz")

    assert server.run().read == 0


def test_a_log_with_the_start_of_a_known_one_that_has_grown_is_read(server: Server) -> None:
    server.write("a.log", [line_of(0)])
    server.run()
    (server.logs / "a.log").unlink()
    server.write("b.log", [line_of(0), line_of(0, "192.0.2.2")])

    assert server.run().read == 1
    assert server.days()["a.iso"] == {"2026-05-01": [2, 2, 2000, 0]}


def test_a_long_log_that_begins_as_a_known_one_and_has_grown_is_read(server: Server) -> None:
    lines = [replace(line_of(0), second=number % 60) for number in range(300)]
    log = server.write("a.log", lines)
    server.run()
    log.unlink()
    server.write("b.log", [*lines, line_of(0, "192.0.2.2")])

    server.run()

    assert server.days()["a.iso"]["2026-05-01"][0] == 2


def test_what_finished_stays_when_the_log_it_hung_on_is_gone(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.rotate()
    resumed = line_of(1, size=600)
    server.write(NAME, [resumed])
    server.run()
    assert server.days()["a.iso"]["2026-05-02"] == [1, 1, 600, 0]
    (server.logs / f"{NAME}.1").unlink()
    server.write(NAME, [resumed, replace(line_of(1, "192.0.2.2"), method=b"HEAD", size=0)])

    server.run()

    assert server.days()["a.iso"]["2026-05-02"] == [2, 1, 600, 0]


def test_a_line_that_comes_late_finishes_what_was_begun_the_day_before_it(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(1, "192.0.2.2")])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(1, size=600), line_of(2, "192.0.2.3")])

    server.run()

    assert [server.days()["a.iso"][f"2026-05-0{day}"][1] for day in (1, 2, 3)] == [0, 2, 1]


COPIES: dict[str, Callable[[bytes], bytes]] = {"as it is": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("compress", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("order", ["a copy.log", "zz copy.log"])
def test_a_log_that_is_there_twice_counts_once(server: Server, compress: Callable[[bytes], bytes], order: str) -> None:
    lines = [line_of(0, size=600), line_of(0, "192.0.2.2"), line_of(1)]
    log = server.write(NAME, lines)
    server.write(order, compress(log.read_bytes()))

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [2, 1, 1600, 0], "2026-05-02": [1, 1, 1000, 0]}


def test_a_log_copied_while_it_was_written_counts_once(server: Server) -> None:
    lines = [line_of(0, size=600), line_of(0, "192.0.2.2"), line_of(1)]
    log = server.write(NAME, lines)
    server.write("backup.log", log.read_bytes()[:-30])
    server.write("backup.log.gz", gzip.compress(lines[0].encode()))

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [2, 1, 1600, 0], "2026-05-02": [1, 1, 1000, 0]}


def test_a_copy_that_comes_or_stays_later_changes_nothing(server: Server) -> None:
    log = server.write(NAME, [line_of(0, size=600)])
    server.run()
    before = server.days()
    server.write(f"{NAME}.1.gz", gzip.compress(log.read_bytes()))
    assert server.run().read is not None
    assert server.days() == before

    log.unlink()
    server.run()

    assert server.days() == before


def test_logs_that_begin_alike_but_go_on_differently_both_count(server: Server) -> None:
    first = line_of(0)
    server.write("a.log", [first, line_of(0, "192.0.2.2")])
    server.write("b.log", [first, line_of(0, "192.0.2.3")])

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [3, 3, 4000, 0]}


def test_an_emptied_counts_json_starts_over_from_the_logs_at_hand(server: Server, tmp_path: Path) -> None:
    server.fortnight()
    server.run()
    for path in sorted(server.logs.iterdir())[:5]:
        path.unlink()
    (tmp_path / "fresh").mkdir()
    fresh = Server(tmp_path / "fresh")
    fresh.logs.rmdir()
    server.logs.rename(fresh.logs)
    fresh.run()
    fresh.logs.rename(server.logs)
    (server.web_root / COUNTS).write_text("{}")

    server.run()

    assert server.files()["counts.json"] == fresh.files()["counts.json"]
    assert server.days() == fresh.days()


def test_an_emptied_counts_json_starts_over_although_the_logs_are_the_same(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.files()["counts.json"]
    (server.web_root / COUNTS).write_text("{}")

    assert server.run().read == 14
    assert server.files()["counts.json"] == before


def test_days_with_crawlers_only_leave_an_empty_counts_json_and_harm_no_later_run(server: Server) -> None:
    server.options = {"crawlers": True}
    server.write("old.log", line_of(0).encode().replace(b"curl/7.88.1", b"Googlebot/2.1"))
    server.run()
    assert server.days() == {"a.iso": {"2026-05-01": [0, 0, 0, 1]}}
    assert json.loads((server.web_root / COUNTS).read_text()) == {}
    (server.logs / "old.log").unlink()
    server.write(NAME, [line_of(9)])

    server.run()

    assert json.loads((server.web_root / COUNTS).read_text()) == {"a.iso": {"2026-05": 1}}


def test_a_month_that_was_taken_out_counts_no_more_but_what_the_logs_have_of_it(server: Server) -> None:
    server.write("april.log", [Line(day=date(2026, 4, 29)), Line(day=date(2026, 4, 30))])
    server.write(NAME, [line_of(0)])
    server.run()
    (server.logs / "april.log").unlink()
    (server.web_root / COUNTS).write_text('{"a.iso": {"2026-05": 1}}')

    server.run()

    assert load(server.web_root).counts == {"a.iso": {"2026-05": 1}}
    assert server.days().keys() == {"a.iso"}
    assert server.days()["a.iso"].keys() == {"2026-05-01"}


def test_history_older_than_the_logs_stays(server: Server) -> None:
    (server.web_root / ".stats").mkdir()
    (server.web_root / COUNTS).write_text('{"a.iso": {"2019-01": 99, "2026-05": 12}, "old.iso": {"2020-02": 5}}')
    server.fortnight()

    server.run()

    assert load(server.web_root).counts == {"a.iso": {"2019-01": 99, "2026-05": 28}, "old.iso": {"2020-02": 5}}


def test_a_higher_month_than_the_logs_say_stays(server: Server) -> None:
    (server.web_root / ".stats").mkdir()
    (server.web_root / COUNTS).write_text('{"a.iso": {"2026-05": 100}}')
    server.fortnight()

    server.run()

    assert load(server.web_root).counts == {"a.iso": {"2026-05": 100}}


@pytest.mark.parametrize(
    "options",
    [{"methods": ("GET",)}, {"statuses": (206,)}, {"fold_ipv4": 24}, {"crawlers": True}, {"log_format": "common"}],
)
def test_another_rule_reads_all_logs_again(server: Server, options: dict[str, Any]) -> None:
    server.fortnight()
    server.run()
    server.options = options

    assert server.run().read == 14
    assert server.run().read is None


def test_a_setting_that_bears_on_no_line_reads_none_again(server: Server) -> None:
    server.fortnight()
    server.run()
    server.options = {"show_counts": True, "companions": (), "notes": "images", "bytes_sent": "wire"}

    assert server.run().read is None


def test_damaged_days_are_a_warning_and_read_everything_again(server: Server) -> None:
    server.fortnight()
    server.run()
    (server.web_root / DAYS).write_text("{")

    outcome = server.run()

    assert outcome.read == 14
    assert "days.json is damaged" in outcome.warnings[0]
    assert server.run().warnings == ()


def test_a_damaged_log_counts_as_far_as_it_can_be_read_and_is_read_again(server: Server) -> None:
    lines = b"".join(replace(line_of(0, f"192.0.2.{n}"), second=n).encode() for n in range(200))
    packed = gzip.compress(lines)
    server.write("a.log.gz", packed[:-40])
    server.write(NAME, [line_of(9)])

    outcome = server.run()

    [warning] = outcome.warnings
    assert warning.startswith("The log a.log.gz is cut or damaged: ")
    assert 100 < outcome.history.days["a.iso"]["2026-05-01"].started < 200
    assert server.run().read is None
    server.write("a.log.gz", packed)
    outcome = server.run()
    assert outcome.warnings == ()
    assert outcome.history.days["a.iso"]["2026-05-01"].started == 200


def test_a_log_that_is_still_damaged_is_tried_again_with_the_next_one(server: Server) -> None:
    server.write("a.log.gz", gzip.compress(line_of(0).encode())[:-3])
    server.write(NAME, [line_of(9)])
    server.run()
    server.write(NAME, [line_of(9), line_of(9, "192.0.2.2")])

    outcome = server.run()

    assert outcome.read == 2
    assert [warning for warning in outcome.warnings if "a.log.gz" in warning]


def test_a_log_in_another_format_is_a_warning_that_names_the_format_and_no_client(server: Server) -> None:
    line = line_of(0, "2001:db8::77").encode()
    server.write(NAME, b"dl.example:443 " + line)

    [warning] = server.run().warnings

    assert "access.log has no line in the log format 'combined'" in warning
    assert "'vhost_combined'" in warning
    assert "2001:db8::77" not in warning
    server.options = {"log_format": "vhost_combined"}
    assert server.run().warnings == ()
    assert load(server.web_root).counts == {"a.iso": {"2026-05": 1}}


def test_logs_of_the_future_and_of_long_ago_are_logs(server: Server) -> None:
    log = server.write(NAME, [Line(day=date(2099, 12, 31)), Line(day=date(1970, 1, 1)), Line(day=date(9999, 12, 31))])
    os.utime(log, (4_000_000_000, 4_000_000_000))
    assert server.run().history.counts == {"a.iso": {"1970-01": 1, "2099-12": 1, "9999-12": 1}}
    os.utime(log, ns=(-1_000_000_000, -1_000_000_000))

    assert server.run().history.counts == {"a.iso": {"1970-01": 1, "2099-12": 1, "9999-12": 1}}


def test_logs_by_the_dozen_and_big_ones_are_read_by_several_processes(server: Server) -> None:
    padding = b"x" * 5_000_000 + b"\n"
    for number in range(4):
        server.write(f"{number}.log", line_of(number).encode() + padding)
    told: list[tuple[int, int]] = []

    outcome = ingest(Settings(server.web_root, (f"{server.logs}/*",)), server.sizes, lambda *step: told.append(step))

    assert outcome.history.counts == {"a.iso": {"2026-05": 4}}
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_size_of_a_file_that_is_gone_is_the_last_one_known(server: Server) -> None:
    server.write(NAME, [line_of(0)])
    server.run()
    server.sizes = {}
    server.rotate()
    server.write(NAME, [line_of(1)])

    server.run()

    assert server.days()["a.iso"]["2026-05-02"] == [1, 1, 1000, 0]


def test_a_file_that_was_never_seen_has_no_finished_downloads_known(server: Server) -> None:
    server.sizes = {}
    server.write(NAME, [line_of(0)])

    server.run()

    assert server.days()["a.iso"] == {"2026-05-01": [1, None, 1000, 0]}


def test_an_image_made_anew_has_its_new_size_from_then_on(server: Server) -> None:
    server.write(NAME, [line_of(0), line_of(1, size=900)])
    server.run()
    server.sizes = {"a.iso": 900}
    server.rotate()
    server.write(NAME, [line_of(2, size=900)])

    server.run()

    finished = {day: numbers[1] for day, numbers in server.days()["a.iso"].items()}
    assert (finished["2026-05-01"], finished["2026-05-03"]) == (1, 1)
    assert load(server.web_root).sizes["a.iso"][0] == ("", 1000)


def test_a_format_without_sizes_says_nothing_of_finished_and_bytes(server: Server) -> None:
    server.options = {"log_format": '%h %l %u %t "%r" %>s'}
    server.write(NAME, [line_of(0)])

    assert server.run().history.days == {"a.iso": {"2026-05-01": Day(1)}}


def test_an_empty_log_and_an_empty_answer_are_no_problem(server: Server) -> None:
    server.write(NAME, b"")
    server.write("b.log", [line_of(0, size=0)])

    assert server.run().history.days == {"a.iso": {"2026-05-01": Day(1, 0, 0)}}


def test_an_impossible_format_is_refused_before_anything_is_written(server: Server) -> None:
    server.options = {"log_format": "%h"}
    server.write(NAME, [line_of(0)])

    with pytest.raises(DownloadCounterError, match="cannot be counted by"):
        server.run()

    assert not (server.web_root / ".stats").exists()


CLIENTS = ["192.0.2.77", "198.51.100.23", "2001:db8:dead:beef::42", "host-77.isp.example"]


def test_no_client_is_kept_in_any_form(server: Server) -> None:
    server.options = {"crawlers": True, "fold_ipv6": 64}
    lines = [replace(line_of(0, client), second=n) for n, client in enumerate(CLIENTS)]
    server.write(NAME, lines)
    server.write("crawler.log", lines[0].encode().replace(b"curl/7.88.1", b"Googlebot/2.1"))
    server.write("damaged.log.gz", gzip.compress(b"".join(line.encode() for line in lines[::-1]))[:-20])
    server.write("foreign.log", b"x " + lines[1].encode())
    server.run()

    written = b"\n".join(server.files().values()).lower()

    for client in CLIENTS:
        for form in (client, client.encode().hex(), *hashes(client.encode())):
            assert form.encode() not in written, form


def hashes(text: bytes) -> Iterable[str]:
    """Every hash of a text that Python knows, whole, in hexadecimal digits."""
    for name in hashlib.algorithms_available:
        hashed = hashlib.new(name, text)
        if hashed.digest_size:
            yield hashed.hexdigest()
    for size in range(8, 65):
        yield hashlib.blake2b(text, digest_size=size).hexdigest()


@pytest.mark.parametrize(
    "log_format",
    [
        KNOWN["combined"],
        '%t %h "%r" %>s %O',
        '%t %h %a "%r" %>s %O',
        '%{%F}t %h "%r" %>s',
        '%{%F}t %a %h "%r" %>s',
        "%{sec}t|%a|%h|%m|%U|%>s",
        "%{sec}t|%h|%m|%U|%>s",
        '"%r" %>s %O %t %{X-Forwarded-For}i %h',
    ],
)
def test_what_tells_a_log_from_others_has_nothing_of_a_client_in_it(log_format: str) -> None:
    def logged(client: str) -> bytes:
        values = {
            "%h": client, "%a": client, "%{X-Forwarded-For}i": client, "%l": "-", "%u": "-", "%m": "GET",
            "%t": "[09/May/2026:10:00:00 +0200]", "%{%F}t": "2026-05-09", "%{sec}t": "1778320800", "%U": "/a.iso",
            "%r": "GET /a.iso HTTP/1.1", "%>s": "200", "%O": "5", "%{Referer}i": "-", "%{User-Agent}i": "-",
        }  # fmt: skip
        line = log_format
        for directive, value in values.items():
            line = line.replace(directive, value)
        return line.encode() + b"\n"

    compiled = compile_format(log_format)

    starts = {start_of(logged(client), compiled) for client in CLIENTS}

    assert len(starts) == 1
    assert starts != {""}
