"""A run reads what it must, counts nothing twice, and keeps nothing of a client."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from accesslog import Line
from download_counter.errors import DownloadCounterError
from download_counter.history.day import Day
from download_counter.history.store import COUNTS, YEARS, load
from download_counter.ingest import Outcome, ingest
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
        self._time = 1_770_000_000_000_000_000

    def write(self, name: str, lines: Iterable[Line] | bytes) -> Path:
        """Write a log at a time of its own."""
        content = lines if isinstance(lines, bytes) else b"".join(line.encode() for line in lines)
        (self.logs / name).write_bytes(content)
        self._time += 60_000_000_001
        os.utime(self.logs / name, ns=(self._time, self._time))
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
        stats = self.web_root / ".stats"
        return {str(path.relative_to(stats)): path.read_bytes() for path in stats.rglob("*") if path.is_file()}

    def days(self, file: str = "a.iso") -> dict[str, tuple[int, int | None, int | None, int]]:
        """The days that are kept of a file: started, finished, sent, left out."""
        days = load(self.web_root).days
        return {day: record.files[file][:4] for day, record in days.items() if file in record.files}

    def counts(self) -> dict[str, dict[str, int]]:
        """The months that are kept."""
        return load(self.web_root).counts


def line_of(number: int, client: str = "192.0.2.1", size: int = 1000) -> Line:
    """A download on the day of that number."""
    return Line(client, FIRST + timedelta(days=number), size=size)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


# --- What is read ---


def test_a_first_run_reads_all_logs(server: Server) -> None:
    server.fortnight()

    outcome = server.run()

    assert outcome.read == 14
    assert outcome.warnings == ()
    assert outcome.history.counts == {"a.iso": {"2026-05": 28}}
    # 400 bytes on each of two days are not the file.
    assert server.days()["2026-05-02"] == (2, 1, 1400, 0)


def test_the_very_same_logs_are_not_read_again_and_nothing_is_written(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.files()

    outcome = server.run()

    assert outcome.read is None
    assert outcome.history.counts == {"a.iso": {"2026-05": 28}}
    assert server.files() == before


def test_rotation_alone_reads_nothing_that_was_only_renamed(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.days()
    for number in range(14, 2, -1):
        (server.logs / f"{NAME}.{number - 1}.gz").rename(server.logs / f"{NAME}.{number}.gz")

    assert server.run().read is None
    assert server.days() == before


def test_a_new_day_is_read_with_those_that_bear_on_it_and_no_more(server: Server) -> None:
    server.fortnight()
    server.run()
    server.rotate()
    server.write(NAME, [line_of(14, "192.0.2.2", size=600)])

    outcome = server.run()

    assert outcome.read is not None
    assert outcome.read < 7
    assert outcome.history.counts == {"a.iso": {"2026-05": 29}}
    assert server.days()["2026-05-15"] == (1, 1, 600, 0)
    server.write(NAME, [line_of(14, "192.0.2.2", size=600), line_of(14, "192.0.2.3")])
    assert server.run().read in range(1, outcome.read + 1), "no night reads more than the one before"


def test_a_log_that_has_grown_counts_what_came_to_it(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600), line_of(0, "192.0.2.2")])
    server.run()
    server.write(NAME, [line_of(0, size=600), line_of(0, "192.0.2.2"), line_of(0, size=400), line_of(0, "192.0.2.3")])

    assert server.run().read == 1
    assert server.days() == {"2026-05-01": (3, 3, 3000, 0)}


def test_a_download_that_ends_after_rotation_is_counted_with_the_day_it_has(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(0, size=400), line_of(1, "192.0.2.9")])

    server.run()

    assert server.days() == {"2026-05-01": (1, 1, 1000, 0), "2026-05-02": (1, 1, 1000, 0)}


def test_each_two_days_of_one_who_resumes_for_a_week_are_looked_at_by_themselves(server: Server) -> None:
    for number in range(8):
        if number:
            server.rotate()
        server.write(NAME, [line_of(number, size=600)])
        server.run()

    assert [numbers[1] for _, numbers in sorted(server.days().items())] == [0, 1, 1, 1, 1, 1, 1, 1]


def test_a_line_that_comes_late_finishes_what_was_begun_the_day_before_it(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(1, "192.0.2.2")])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(1, size=600), line_of(2, "192.0.2.3")])

    server.run()

    assert [server.days()[f"2026-05-0{day}"][1] for day in (1, 2, 3)] == [0, 2, 1]


def test_what_finished_stays_when_the_log_of_the_day_before_is_gone(server: Server) -> None:
    server.write(NAME, [line_of(0, size=600)])
    server.rotate()
    resumed = line_of(1, size=600)
    server.write(NAME, [resumed])
    server.run()
    assert server.days()["2026-05-02"] == (1, 1, 600, 0)
    (server.logs / f"{NAME}.1").unlink()
    server.write(NAME, [resumed, replace(line_of(1, "192.0.2.2"), method=b"HEAD", size=0)])

    server.run()

    assert server.days()["2026-05-02"] == (2, 1, 600, 0)


def test_a_reading_that_saw_less_lowers_nothing(server: Server) -> None:
    one, other = [line_of(0), line_of(0, "192.0.2.2")], [line_of(0, "192.0.2.3")]
    server.write("one.log", one)
    server.write("other.log", other)
    server.run()
    before = server.days()
    (server.logs / "one.log").unlink()
    server.write("other.log", [*other, line_of(1)])
    server.run()
    assert server.days() == before | {"2026-05-02": (1, 1, 1000, 0)}

    server.write("one.log.gz", gzip.compress(b"".join(line.encode() for line in one)))
    server.run()

    assert server.days() == before | {"2026-05-02": (1, 1, 1000, 0)}


# --- Copies ---

COPIES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("compress", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("name", ["a copy.log", "zz copy.log"])
def test_a_log_that_is_there_twice_counts_once(server: Server, compress: Callable[[bytes], bytes], name: str) -> None:
    log = server.write(NAME, [line_of(0, size=600), line_of(0, "192.0.2.2"), line_of(1, "192.0.2.3")])
    server.write(name, compress(log.read_bytes()))

    server.run()

    assert server.days() == {"2026-05-01": (2, 1, 1600, 0), "2026-05-02": (1, 1, 1000, 0)}


def test_a_log_copied_while_it_was_written_counts_once(server: Server) -> None:
    lines = [line_of(0, size=600), line_of(0, "192.0.2.2"), line_of(1, "192.0.2.3")]
    log = server.write(NAME, lines)
    server.write("backup.log", log.read_bytes()[:-30])
    server.write("backup.log.gz", gzip.compress(lines[0].encode()))

    server.run()

    assert server.days() == {"2026-05-01": (2, 1, 1600, 0), "2026-05-02": (1, 1, 1000, 0)}


def test_a_copy_that_comes_or_stays_later_changes_nothing(server: Server) -> None:
    log = server.write(NAME, [line_of(0, size=600)])
    server.run()
    before = server.days()
    server.write(f"{NAME}.1.gz", gzip.compress(log.read_bytes()))
    server.run()
    assert server.days() == before

    log.unlink()
    server.run()

    assert server.days() == before


def test_logs_that_begin_alike_but_go_on_differently_both_count(server: Server) -> None:
    server.write("a.log", [line_of(0), line_of(0, "192.0.2.2")])
    server.write("b.log", [line_of(0), line_of(0, "192.0.2.3")])

    server.run()

    assert server.days() == {"2026-05-01": (3, 3, 4000, 0)}


# --- counts.json is the authority ---


def test_emptied_counts_start_over_from_the_logs_at_hand(server: Server) -> None:
    server.fortnight()
    server.run()
    gone = sorted(server.logs.iterdir())[-5:]
    for path in gone:
        path.unlink()
    (server.web_root / COUNTS).write_text("{}")

    server.run()

    assert server.counts() == {"a.iso": {"2026-05": 18}}
    assert len(server.days()) == 9


def test_emptied_counts_start_over_although_the_logs_are_the_same(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.files()["counts.json"]
    (server.web_root / COUNTS).write_text("{}")

    assert server.run().read == 14
    assert server.files()["counts.json"] == before


def test_a_month_that_was_taken_out_counts_no_more_but_what_the_logs_have_of_it(server: Server) -> None:
    server.write("april.log", [Line(day=date(2026, 4, 29)), Line(day=date(2026, 4, 30))])
    server.write(NAME, [line_of(5)])
    server.run()
    (server.logs / "april.log").unlink()
    (server.web_root / COUNTS).write_text('{"a.iso": {"2026-05": 1}}')

    server.run()

    assert server.counts() == {"a.iso": {"2026-05": 1}}
    assert server.days().keys() == {"2026-05-06"}


@pytest.mark.parametrize("month", [12, 28, 100])
def test_history_older_than_the_logs_stays_and_a_month_never_goes_down(server: Server, month: int) -> None:
    (server.web_root / ".stats").mkdir()
    (server.web_root / COUNTS).write_text(
        json.dumps({"a.iso": {"2019-01": 99, "2026-05": month}, "old.iso": {"2020-02": 5}})
    )
    server.fortnight()

    server.run()

    assert server.counts() == {"a.iso": {"2019-01": 99, "2026-05": max(28, month)}, "old.iso": {"2020-02": 5}}


def test_days_with_crawlers_only_leave_empty_counts_and_harm_no_later_run(server: Server) -> None:
    server.options = {"crawlers": True}
    server.write("old.log", line_of(0).encode().replace(b"curl/7.88.1", b"Googlebot/2.1"))
    server.run()
    assert [numbers[0] for numbers in server.days().values()] == [0]
    assert [numbers[3] for numbers in server.days().values()] == [1]
    assert json.loads((server.web_root / COUNTS).read_text()) == {}
    (server.logs / "old.log").unlink()
    server.write(NAME, [line_of(9)])

    server.run()

    assert json.loads((server.web_root / COUNTS).read_text()) == {"a.iso": {"2026-05": 1}}


# --- Another rule, other sizes ---


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ("GET",)},
        {"statuses": (206,)},
        {"fold_ipv4": 24},
        {"crawlers": True},
        {"own_networks": ("198.51.100.0/24",)},
        {"own_agents": ("mirror-check",)},
        {"log_format": "common"},
    ],
)
def test_another_rule_reads_all_logs_again_and_once(server: Server, options: dict[str, Any]) -> None:
    server.fortnight()
    server.run()
    server.options = options

    assert server.run().read == 14
    assert server.run().read is None


def test_a_setting_that_bears_on_no_line_reads_none_again(server: Server) -> None:
    server.fortnight()
    server.run()
    server.options = {"show_counts": True, "companions": (), "notes": "images"}

    assert server.run().read is None


def test_own_networks_and_own_programs_are_left_out_and_counted_apart(server: Server) -> None:
    server.options = {"own_networks": ("198.51.100.0/24",), "own_agents": ("Mirror-Check",)}
    checked = line_of(0, "192.0.2.2").encode().replace(b"curl/7.88.1", b"mirror-check/1.0")
    server.write(NAME, line_of(0).encode() + line_of(0, "198.51.100.7").encode() + checked)

    server.run()

    assert server.days() == {"2026-05-01": (1, 1, 1000, 2)}


def test_the_size_of_a_file_that_is_gone_is_the_last_one_known(server: Server) -> None:
    server.write(NAME, [line_of(0)])
    server.run()
    server.sizes = {}
    server.rotate()
    server.write(NAME, [line_of(1)])

    server.run()

    assert server.days()["2026-05-02"] == (1, 1, 1000, 0)


def test_a_file_that_was_never_seen_has_no_finished_downloads_known_until_it_appears(server: Server) -> None:
    server.sizes = {"b.iso": 1}
    server.write(NAME, [line_of(0), replace(line_of(0), target=b"/b.iso")])
    server.run()
    assert server.days() == {"2026-05-01": (1, None, 1000, 0)}

    server.sizes["a.iso"] = 1000
    server.run()

    assert server.days() == {"2026-05-01": (1, 1, 1000, 0)}


def test_an_image_made_anew_has_its_new_size_from_then_on(server: Server) -> None:
    server.write(NAME, [line_of(0, size=900)])
    server.run()
    server.rotate()
    server.write(NAME, [line_of(1, "192.0.2.2")])
    server.run()
    server.sizes = {"a.iso": 900}
    server.rotate()
    server.write(NAME, [line_of(2, "192.0.2.3", size=900)])

    server.run()

    assert [numbers[1] for _, numbers in sorted(server.days().items())] == [0, 1, 1]


# --- Logs of all kinds ---


def test_lost_days_are_a_warning_once_and_read_everything_again(server: Server) -> None:
    server.fortnight()
    server.run()
    before = server.days()
    (server.web_root / YEARS / "2026.json").write_text("{")

    outcome = server.run()

    assert outcome.read == 14
    assert "2026.json is damaged" in outcome.warnings[0]
    assert server.days() == before
    assert server.run().warnings == ()


def test_a_damaged_log_counts_as_far_as_it_can_be_read_and_is_tried_again(server: Server) -> None:
    lines = b"".join(replace(line_of(0, f"192.0.2.{n}"), second=n).encode() for n in range(200))
    packed = gzip.compress(lines)
    server.write("a.log.gz", packed[:-40])
    server.write(NAME, [line_of(9)])

    [warning] = server.run().warnings
    assert f"{server.logs}/a.log.gz" in warning
    assert 100 < server.days()["2026-05-01"][0] < 200
    assert [again for again in server.run().warnings if "a.log.gz" in again]
    server.write("a.log.gz", packed)

    assert server.run().warnings == ()
    assert server.days()["2026-05-01"][0] == 200


def test_a_log_in_another_format_is_a_warning_that_names_the_format_and_no_client(server: Server) -> None:
    line = line_of(0, "2001:db8::77").encode()
    server.write(NAME, b"dl.example:443 " + line)

    [warning] = server.run().warnings

    assert f"{server.logs}/{NAME}" in warning
    assert "'vhost_combined'" in warning
    assert "2001:db8::77" not in warning
    server.options = {"log_format": "vhost_combined"}
    assert server.run().warnings == ()
    assert server.counts() == {"a.iso": {"2026-05": 1}}


def test_a_log_of_a_web_root_under_a_prefix_is_said_with_the_setting_and_counts_nothing_till_then(
    server: Server,
) -> None:
    server.write(NAME, [replace(line_of(0), target=b"/pub/a.iso")])

    [warning] = server.run().warnings

    assert "url_prefix" in warning
    assert server.counts() == {}
    server.options = {"url_prefix": "/pub/"}
    assert server.run().warnings == ()
    assert server.counts() == {"a.iso": {"2026-05": 1}}


def test_logs_of_the_future_and_of_long_ago_are_logs(server: Server) -> None:
    days = [date(2099, 12, 31), date(1970, 1, 1), date(9999, 12, 31)]
    logs = [server.write(f"{day:%Y}.log", [Line(day=day)]) for day in days]
    expected = {"a.iso": {"1970-01": 1, "2099-12": 1, "9999-12": 1}}
    os.utime(logs[0], (4_000_000_000, 4_000_000_000))
    assert server.run().history.counts == expected
    os.utime(logs[0], ns=(-1_000_000_000, -1_000_000_000))

    assert server.run().history.counts == expected


def test_lines_of_a_wrong_clock_do_not_count_and_are_said(server: Server) -> None:
    server.write(NAME, [Line(day=date(1970, 1, 1)), *(line_of(0, f"192.0.2.{n}") for n in range(9))])

    [warning] = server.run().warnings

    assert f"{server.logs}/{NAME}" in warning
    assert "wrong clock" in warning
    assert server.counts() == {"a.iso": {"2026-05": 9}}


def test_an_image_whose_name_is_no_utf_8_counts_and_is_found_again(server: Server) -> None:
    name = b"x\xff.iso".decode(errors="surrogateescape")
    server.sizes = {name: 1000}
    line = line_of(0).encode().replace(b"/a.iso", b"/x%FF.iso")
    server.write(NAME, line)
    server.run()

    assert server.counts() == {name: {"2026-05": 1}}
    assert server.days(name) == {"2026-05-01": (1, 1, 1000, 0)}
    assert server.run().read is None


def test_many_logs_tell_of_their_progress_one_by_one(server: Server) -> None:
    for number in range(4):
        server.write(f"{number}.log", [line_of(number)])
    told: list[tuple[int, int]] = []

    ingest(Settings(server.web_root, (f"{server.logs}/*",)), server.sizes, lambda *step: told.append(step))

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_format_without_sizes_says_nothing_of_finished_and_bytes(server: Server) -> None:
    server.options = {"log_format": '%h %l %u %t "%r" %>s'}
    server.write(NAME, [line_of(0)])

    server.run()

    assert server.days() == {"2026-05-01": (1, None, None, 0)}


def test_an_empty_log_is_no_problem(server: Server) -> None:
    server.write(NAME, b"")
    server.write("b.log", [line_of(0)])

    outcome = server.run()

    assert outcome.warnings == ()
    assert server.days() == {"2026-05-01": (1, 1, 1000, 0)}


def test_an_impossible_format_is_refused_before_anything_is_written(server: Server) -> None:
    server.options = {"log_format": "%h"}
    server.write(NAME, [line_of(0)])

    with pytest.raises(DownloadCounterError, match="cannot be counted by"):
        server.run()

    assert not (server.web_root / ".stats").exists()


# --- What is kept ---

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

    assert b"curl/7.88.1" not in written
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


def test_the_days_of_before_and_the_columns_are_what_a_run_writes(server: Server) -> None:
    server.write(NAME, [line_of(0)])
    server.run()

    assert {"counts.json", "state.json", "days/2026.json"} <= server.files().keys()
    assert load(server.web_root).days["2026-05-01"].files == {
        "a.iso": Day(1, 1, 1000, 0, 0, 0, 0, 1, None),
    }


def test_an_image_that_is_being_written_over_keeps_its_size_until_it_is_whole(server: Server) -> None:
    server.write(NAME, [line_of(0, "192.0.2.1"), line_of(0, "192.0.2.2", size=400)])
    server.run()
    image = server.web_root / "a.iso"
    image.write_bytes(b"x" * 300)
    server.sizes["a.iso"] = 300
    server.write(NAME, [line_of(0, "192.0.2.1"), line_of(0, "192.0.2.2", size=400), line_of(0, "192.0.2.3", size=400)])

    upload = Timer(0.5, lambda: image.write_bytes(b"x" * 1000))
    upload.start()
    outcome = server.run()
    upload.join()

    assert outcome.warnings == (f"{image} is being written to. Its size counts when it is whole.",)
    assert server.days()["2026-05-01"][:2] == (3, 1)
    server.sizes["a.iso"] = 1000
    assert server.run().warnings == ()
    assert server.days()["2026-05-01"][:2] == (3, 1)
