"""Runs at the same time, and what is left of runs that are no more."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from accesslog import Line, truth
from download_counter import safe_files as files
from download_counter.errors import DownloadCounterError
from download_counter.history.store import LOCK
from smallsite import IMAGES, SmallSite
from support import CHECKOUT, wait_until

LINES = [
    Line(client=f"192.0.2.{n % 200}", target=b"/a.iso", day=date(2026, 5, 1) + timedelta(days=n % 40), second=n)
    for n in range(3000)
]
EXPECTED = truth(LINES, IMAGES).months()
INGEST = ("-m", "download_counter")
BUILD = ("-m", "pelican", "--log-handler", "plain")


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    made = SmallSite(tmp_path)
    for part in range(10):
        made.log(f"access.log.{part}", LINES[part::10])
    made.log("access.log", [])
    return made


def start(site: SmallSite, program: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *program, "-s", str(site.settings)],
        cwd=site.folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def counts(site: SmallSite) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads((site.web_root / ".stats/counts.json").read_text())
    return found


@pytest.mark.parametrize(
    "programs", [[INGEST] * 2, [INGEST] * 8, [BUILD, INGEST], [BUILD] * 2], ids=["two", "eight", "a preview", "builds"]
)
def test_runs_at_the_same_time_all_end_well_and_count_right(site: SmallSite, programs: list[tuple[str, ...]]) -> None:
    running = [start(site, program) for program in programs]
    ended = [(one.communicate(timeout=120)[1], one.returncode) for one in running]
    assert ended == [("", 0)] * len(programs)
    assert counts(site) == EXPECTED


def test_a_run_waits_for_the_one_before_it(site: SmallSite) -> None:
    (site.web_root / ".stats").mkdir()
    with (site.web_root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = start(site, INGEST)
        asleep = Path(f"/proc/{waiting.pid}/wchan")
        wait_until(lambda: "sleep" in asleep.read_text(), "the run to wait")
        assert not (site.web_root / ".stats/counts.json").exists()
    assert waiting.communicate(timeout=60)[1] == ""
    assert counts(site) == EXPECTED


def test_a_run_that_never_ends_is_named_to_the_one_that_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_PATIENCE", 0.0)
    second = files.lock(tmp_path, LOCK)
    with files.lock(tmp_path, LOCK), pytest.raises(DownloadCounterError, match=f"at work in {tmp_path}"):
        second.__enter__()


def test_a_lock_file_of_a_run_that_was_killed_blocks_nobody(site: SmallSite) -> None:
    (site.web_root / ".stats").mkdir()
    (site.web_root / LOCK).write_text("12345\n")
    assert site.ingest().returncode == 0
    assert counts(site) == EXPECTED


def test_nobody_else_can_open_the_lock_file_and_so_hold_up_every_run(site: SmallSite) -> None:
    site.ingest()
    assert (site.web_root / LOCK).stat().st_mode & 0o777 == 0o600


def test_the_processes_of_a_run_that_was_killed_end_and_free_the_lock(site: SmallSite) -> None:
    # Enough to be worth processes, and to keep them at work for longer than it takes to look.
    day = date(2026, 5, 1)
    block = b"".join(Line(client=f"10.0.{n >> 8}.{n & 255}", day=day, second=n % 60).encode() for n in range(20_000))
    for part in range(4):
        (site.logs / f"access.log.big{part}").write_bytes((b"# log %d\n" % part + block) * 10)
    run = start(site, INGEST)
    of_run = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    wait_until(lambda: len(of_run.read_text().split()) > 1, "the run to start processes")
    processes = [int(pid) for pid in of_run.read_text().split()]
    run.send_signal(signal.SIGKILL)
    run.communicate()
    wait_until(lambda: not any(map(is_alive, processes)), "the processes to end")
    with (site.web_root / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
