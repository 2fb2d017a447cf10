"""A worker process that is killed at any moment ends the run with a sentence, within seconds, and frees the lock.

`FAULTS=all` kills two hundred; otherwise some are killed.
"""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from accesslog import Line, truth
from download_counter.__main__ import main
from faults.injection import begin
from smallsite import IMAGES, SmallSite
from support import open_folder

KILLS = 200 if os.environ.get("FAULTS") == "all" else 16
PATIENCE = 15.0  # seconds; a run that is not disturbed takes less than one
LINES = [
    Line(f"10.{part}.{n >> 8}.{n & 255}", date(2026, 5, 1) + timedelta(days=n % 3), second=n, size=1000 + part * 1000)
    for part in range(4)
    for n in range(12_000)
]


@dataclass
class Site:
    site: SmallSite
    work: Path

    def run(self) -> int:
        return main(["-s", str(self.site.settings)])

    def counts(self) -> object:
        return json.loads((self.site.web_root / ".stats/counts.json").read_text())


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("with one processor, no workers are started")
    with open_folder() as folder:
        made = Site(SmallSite(folder), folder / "work")
        made.work.mkdir()
        made.site.log("access.log", [])
        for part in range(4):
            made.site.log(f"access.log.{part + 1}", LINES[part * 12_000 : (part + 1) * 12_000])
        yield made


def workers_of(run: int) -> list[int]:
    try:
        return [int(number) for number in Path(f"/proc/{run}/task/{run}/children").read_text().split()]
    except OSError:
        return []


def is_sending(worker: int) -> bool:
    """Whether a process waits for another one to take what it sends through a pipe or a socket."""
    with contextlib.suppress(OSError):
        waits_in = Path(f"/proc/{worker}/wchan").read_text()
        return "pipe_write" in waits_in or "send" in waits_in
    return False


def ended(run: int, seconds: float = 0) -> int | None:
    """How a run ended; None if it goes on."""
    end = time.monotonic() + seconds
    while True:
        number, status = os.waitpid(run, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.001)


def kill_one(run: int, chance: Random, *, sending: bool) -> int | None:
    """Kill a worker, when it hands over its result or at any moment; give how the run ended if it was too late."""
    moment = None
    while (code := ended(run)) is None:
        workers = workers_of(run)
        if workers and moment is None:
            moment = time.monotonic() + chance.random() * 0.1
        if moment is not None and not sending:
            workers = workers if time.monotonic() >= moment else []
        else:
            workers = [worker for worker in workers if is_sending(worker)]
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
            return None
    return code


def test_a_worker_that_is_killed_ends_the_run_with_a_sentence_and_frees_the_lock(here: Site) -> None:
    chance = Random("workers")
    stats = here.site.web_root / ".stats"
    kills = broken = number = 0
    while kills < KILLS:
        number += 1
        for path in stats.rglob("*.json"):
            path.unlink()
        run = begin(here.run, here.work)
        code = kill_one(run, chance, sending=number % 2 == 0)
        if code is None:
            kills += 1
            code = ended(run, PATIENCE)
        if code is None:
            os.kill(run, signal.SIGKILL)
            os.waitpid(run, 0)
        said = (here.work / "said").read_text()
        assert code in (0, 1), f"kill {number}: the run did not end" if code is None else said
        broken += code
        if code:
            assert said.startswith("Error: "), said
            assert said.count("\n") == 1, said
            assert list(stats.rglob("*.json")) == []
        else:
            assert said == ""
        with (stats / ".lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert broken > KILLS // 4
    assert ended(begin(here.run, here.work), PATIENCE) == 0
    assert here.counts() == truth(LINES, IMAGES).months()
