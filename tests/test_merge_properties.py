"""The history, tried on servers with random days, random clients and random rotation.

Whatever a server does with its logs, what is known at the end is what a slow and plain count of all lines ever
written says, as long as no line was gone before a run could see it.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from accesslog import Line, Truth, truth
from download_counter.history.store import DAYS, Day, History, load, merge_day
from download_counter.ingest import ingest
from download_counter.settings import Settings

FIRST_DAY = date(2026, 4, 20)
SIZES = {"a.iso": 1000, "b/c.iso": 300}

lines = st.builds(
    Line,
    client=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    day=st.integers(0, 4).map(lambda number: FIRST_DAY + timedelta(days=number)),
    target=st.sampled_from([b"/a.iso", b"/b/c.iso", b"/a.iso.md5"]),
    method=st.sampled_from([b"GET", b"GET", b"GET", b"HEAD", b"POST"]),
    status=st.sampled_from([200, 206, 206, 304, 404]),
    size=st.sampled_from([1, 150, 299, 300, 400, 500, 999, 1000, 2500]),
)


def in_order(found: Iterable[Line]) -> list[Line]:
    """Lines as a server writes them: by time, and no two alike."""
    return [replace(line, second=number) for number, line in enumerate(sorted(found, key=lambda line: line.day))]


class Server:
    """A web root and a folder of logs that are written, rotated and compressed as logrotate does it."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.web_root = folder / "www"
        self.web_root.mkdir()
        self.logs = folder / "log"
        self.logs.mkdir()
        self.written: list[Line] = []
        self._keep = keep
        self._copies = 0
        self._time = 1_767_225_600
        self._current = self.logs / "access.log"
        self._write(self._current, b"")

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file at a time of its own: a test is faster than a clock."""
        path.write_bytes(content)
        self._time += 1
        os.utime(path, (self._time, self._time))

    def serve(self, found: Iterable[Line], log: Path | None = None) -> None:
        """Answer requests and log them."""
        log = log or self._current
        more = []
        for line in found:
            more.append(replace(line, second=len(self.written)))
            self.written.append(more[-1])
        self._write(log, log.read_bytes() + b"".join(line.encode() for line in more))

    def begin_a_line(self, line: Line) -> None:
        """Write a line whose end is still to come; it is as good as not written."""
        self._write(self._current, self._current.read_bytes() + line.encode().rstrip(b"\n"))

    def end_the_line(self) -> None:
        """Write that end."""
        self._write(self._current, self._current.read_bytes() + b"\n")

    def copy(self, *, packed: bool) -> None:
        """Leave a copy of the current log beside it, as it is now; it stays when the log goes on."""
        self._copies += 1
        content = self._current.read_bytes()
        copy = self.logs / f"copy-{self._copies}.log"
        self._write(copy, gzip.compress(content) if packed else content)

    def rotated(self) -> list[Path]:
        """The rotated logs, newest first."""
        return sorted(
            self.logs.glob("access.log.*"),
            key=lambda path: int(path.name.split(".")[2]),
        )

    def rotate(self) -> None:
        """Daily, compress, delaycompress, rotate `keep`."""
        for path in reversed(self.rotated()):
            number = int(path.name.split(".")[2])
            if number == self._keep:
                path.unlink()
            elif path.suffix == ".gz":
                path.rename(self.logs / f"access.log.{number + 1}.gz")
            else:
                packed = self.logs / f"access.log.{number + 1}.gz"
                time = path.stat().st_mtime
                packed.write_bytes(gzip.compress(path.read_bytes(), 1))
                os.utime(packed, (time, time))
                path.unlink()
        self._current.rename(self.logs / "access.log.1")
        self._write(self._current, b"")

    def ingest(self, *, forgetful: bool = False) -> History:
        """One run; a forgetful one has forgotten which logs it met, and reads them all."""
        days = self.web_root / DAYS
        if forgetful and days.exists():
            days.write_text(json.dumps(json.loads(days.read_text()) | {"logs": []}))
        ingest(Settings(self.web_root, (f"{self.logs}/*",)), SIZES)
        return load(self.web_root)


@contextmanager
def server(keep: int = 14) -> Iterator[Server]:
    with TemporaryDirectory() as folder:
        yield Server(Path(folder), keep)


def known(history: History) -> Truth:
    """What a history says, in the shape of the truth."""
    figures: dict[str, dict[tuple[str, date], int]] = {"started": {}, "finished": {}, "sent": {}}
    for file, days in history.days.items():
        for day, found in days.items():
            for name, numbers in figures.items():
                if number := getattr(found, name):
                    numbers[file, date.fromisoformat(day)] = number
    return Truth(**figures)


numbers = st.integers(0, 20)
days = st.builds(lambda one, other, sent: Day(max(one, other), min(one, other), sent), numbers, numbers, numbers)


@given(days, days)
def test_merging_never_takes_a_download_or_a_byte_away(old: Day, new: Day) -> None:
    merged = merge_day(old, new)

    assert merged.started == max(old.started, new.started)
    assert merged.sent == max(old.sent or 0, new.sent or 0)
    assert merged.finished is not None
    assert merged.finished <= merged.started


@given(days, days)
def test_merging_the_same_again_changes_nothing(old: Day, new: Day) -> None:
    merged = merge_day(old, new)

    assert merge_day(merged, new) == merged
    assert merge_day(old, old) == old


@given(st.lists(days, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_merges_does_not_matter_to_what_was_started_and_sent(found: list[Day], random: Random) -> None:
    def merge_all(order: list[Day]) -> tuple[int, int | None]:
        merged = order[0]
        for day in order[1:]:
            merged = merge_day(merged, day)
        return merged.started, merged.sent

    shuffled = list(found)
    random.shuffle(shuffled)
    assert merge_all(shuffled) == merge_all(found)


@given(st.lists(lines, max_size=30))
def test_one_run_over_one_log_says_what_a_slow_count_says(found: list[Line]) -> None:
    with server() as site:
        site.serve(in_order(found))
        history = site.ingest()

    expected = truth(site.written, SIZES)
    assert known(history) == expected
    assert history.counts == expected.months()


@settings(max_examples=60)
@given(st.lists(lines, max_size=30), st.randoms(use_true_random=False), st.booleans())
def test_how_lines_are_spread_over_logs_does_not_matter(found: list[Line], random: Random, gzipped: bool) -> None:
    with server() as site:
        for line in in_order(found):
            number = random.randint(1, 4)
            log = site.logs / f"access.log.{number}"
            log.touch()
            site.serve([line], log)
        for log in site.rotated():
            if gzipped:
                (site.logs / f"{log.name}.gz").write_bytes(gzip.compress(log.read_bytes()))
                log.unlink()
        history = site.ingest()

    assert known(history) == truth(site.written, SIZES)


Step = tuple[str, list[Line]]
steps = st.lists(
    st.tuples(
        st.sampled_from(["serve", "serve", "midnight", "midnight", "ingest", "ingest", "late", "half a line", "copy"]),
        st.lists(lines, min_size=1, max_size=4),
    ),
    max_size=30,
)


def live(site: Server, story: list[Step], run: Callable[[], object]) -> None:
    """Let a server go through its days.

    It runs at least before every second rotation, so that no log is gone before a run could see it.
    """
    today = FIRST_DAY
    unseen = 0
    half: Line | None = None

    def today_s(found: list[Line]) -> list[Line]:
        return [replace(line, day=today) for line in found]

    for what, found in story:
        if half and what != "ingest":
            # The server finishes the line before it writes another.
            site.end_the_line()
            half = None
        match what:
            case "serve":
                site.serve(today_s(found))
            case "late":
                # A download that ran over midnight: its line has the day it began.
                site.serve([replace(line, day=today - timedelta(days=1)) for line in found])
            case "half a line":
                half = replace(found[0], day=today, second=len(site.written))
                site.begin_a_line(half)
                site.written.append(half)
            case "copy":
                site.copy(packed=len(found) % 2 == 0)
            case "midnight":
                if unseen:
                    run()
                unseen += 1
                site.rotate()
                today += timedelta(days=1)
            case "ingest":
                run()
                unseen = 0
    if half:
        site.written.pop()
    run()


@settings(max_examples=150)
@given(steps)
def test_daily_runs_say_in_the_end_what_a_slow_count_says(story: list[Step]) -> None:
    with server(keep=4) as site:
        live(site, story, site.ingest)
        history = load(site.web_root)

    expected = truth(site.written, SIZES)
    assert known(history) == expected
    assert history.counts == expected.months()


@settings(max_examples=40)
@given(st.lists(st.sampled_from([0, 100, 400, 500, 600, 900, 1000]), max_size=12))
@example([600, 500, 600, 500, 600])
@example([600, 500, 0, 500, 600])
def test_what_finished_is_told_from_where_its_chain_of_days_began(amounts: list[int]) -> None:
    # Each night only the new log is unknown, but whether its downloads finished hangs on the days before it.
    with server() as site:
        for number, amount in enumerate(amounts):
            day = FIRST_DAY + timedelta(days=number)
            site.serve([Line(day=day, size=amount)] if amount else [])
            site.rotate()
            site.ingest()
        site.ingest()
        history = load(site.web_root)

    assert known(history) == truth(site.written, SIZES)


@settings(max_examples=100)
@given(steps)
def test_a_run_that_knows_its_logs_and_one_that_reads_them_all_agree(story: list[Step]) -> None:
    histories: list[tuple[list[History], bool]] = []
    for forgetful in (False, True):
        with server(keep=4) as site:
            seen: list[History] = []
            live(site, story, lambda: seen.append(site.ingest(forgetful=forgetful)))  # noqa: B023
            histories.append((seen, forgetful))

    (knowing, _), (reading, _) = histories
    assert [history.days for history in knowing] == [history.days for history in reading]
    assert [history.counts for history in knowing] == [history.counts for history in reading]


@settings(max_examples=50)
@given(steps)
def test_no_month_ever_goes_down_and_never_more_is_finished_than_started(story: list[Step]) -> None:
    before: dict[str, dict[str, int]] = {}

    def check() -> None:
        history = site.ingest()
        for file, months in before.items():
            for month, number in months.items():
                assert history.counts[file][month] >= number
        before.update(history.counts)
        for found in history.days.values():
            assert all((day.finished or 0) <= day.started for day in found.values())

    with server(keep=4) as site:
        live(site, story, check)


@settings(max_examples=50)
@given(steps)
def test_running_again_changes_nothing(story: list[Step]) -> None:
    with server(keep=4) as site:
        live(site, story, site.ingest)
        before = load(site.web_root)
        again = site.ingest()
        forgetful = site.ingest(forgetful=True)

    assert again.days == before.days == forgetful.days
    assert again.counts == before.counts == forgetful.counts


def test_forty_days_of_a_server_that_keeps_fourteen_logs_are_counted_whole() -> None:
    random = Random(40)
    with server(keep=14) as site:
        for number in range(40):
            day = FIRST_DAY + timedelta(days=number)
            site.serve(
                Line(f"192.0.2.{random.randint(1, 30)}", day, random.choice([b"/a.iso", b"/b/c.iso"]), size=size)
                for size in random.choices([200, 400, 1000], k=random.randint(0, 40))
            )
            site.rotate()
            site.ingest()
        assert len(site.rotated()) == 14
        history = load(site.web_root)

    expected = truth(site.written, SIZES)
    assert history.counts == expected.months()
    assert known(history) == expected


def test_the_real_logs_of_linuxvillage_count_to_what_was_found_by_hand(tmp_path: Path) -> None:
    data = Path(__file__).parent / "data" / "linuxvillage"
    sizes = {
        name: int(size)
        for name, _, size in (line.partition("\t") for line in (data / "web-root.tsv").read_text().splitlines())
        if name.endswith(".iso")
    }

    outcome = ingest(Settings(tmp_path, (f"{data}/access/*",)), sizes)

    assert outcome.warnings == ()
    assert json.loads((tmp_path / ".stats" / "counts.json").read_text()) == json.loads(
        (data / "expected-counts.json").read_text()
    )
