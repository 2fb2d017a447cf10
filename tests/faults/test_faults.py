"""A run that is killed, or met by a failing disk, at any call that changes a file leaves all whole; the next is right.

By itself this looks at every call of the ingest and at some of the build; FAULTS=all looks at every one of both.
"""

import errno
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pelican
import pytest

from accesslog import Line, truth
from download_counter.__main__ import main as ingest_main
from download_counter.history.store import load
from faults.injection import Call, Job, can_trace, changing, kill_after, run
from smallsite import SmallSite
from support import needs, open_folder

ALL = os.environ.get("FAULTS") == "all"
RANDOM_KILLS = 200 if ALL else 10
ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EDQUOT")

pytestmark = needs("strace")

FIRST = date(2026, 5, 9)
# What a night adds: downloads of the day before, and of a new day, in a new month.
OLD_LINES = [Line(client=f"192.0.2.{n}", target=b"/a.iso", day=FIRST) for n in range(3)]
NEW_LINES = [
    *(Line(client=f"198.51.100.{n}", target=b"/a.iso", day=FIRST, second=7) for n in range(2)),
    *(Line(client=f"192.0.2.{n}", target=b"/archives/2019/b.iso", day=FIRST + timedelta(days=30)) for n in range(4)),
]
SIZES = {"a.iso": 1000, "archives/2019/b.iso": 2000}


@dataclass
class Night:
    """A site in the state before a night's run, to be brought back to it again and again."""

    site: SmallSite
    work: Path

    @property
    def root(self) -> Path:
        return self.site.web_root

    def ingest(self) -> int:
        return ingest_main(["-s", str(self.site.settings)])

    def build(self) -> None:
        pelican.main(["-s", str(self.site.settings), "--log-handler", "plain"])

    def keep(self) -> None:
        shutil.copytree(self.root, self.work / "before", symlinks=True)

    def bring_back(self) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self.work / "before", self.root, symlinks=True)

    def file(self, name: str) -> Path:
        return self.root / ".stats" / name

    def counts(self, root: Path | None = None) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = json.loads(((root or self.root) / ".stats/counts.json").read_text())
        return found


@pytest.fixture(scope="module", params=["a first night", "a later night"])
def night(request: pytest.FixtureRequest) -> Iterator[Night]:
    with open_folder() as folder:
        site = SmallSite(folder)
        made = Night(site, folder / "work")
        made.work.mkdir()
        if not can_trace(made.work):
            pytest.skip("strace may not attach to a process here (kernel.yama.ptrace_scope, or no CAP_SYS_PTRACE)")
        site.log("access.log", OLD_LINES)
        made.keep()
        assert run(made.build, made.work).code == 0  # compiles the translations too, which no later run does
        if request.param == "a first night":
            made.bring_back()
        site.log("access.log", [*OLD_LINES, *NEW_LINES])
        site.template("base.html", (site.theme / "templates/base.html").read_text() + "<!-- as of this night -->\n")
        shutil.rmtree(made.work / "before")
        made.keep()
        yield made


def check_whole(night: Night) -> None:
    """Look at all that a visitor, another program or the next run could stumble over."""
    before = night.work / "before"
    for image in SIZES:
        for status in ("st_size", "st_mtime_ns"):
            assert getattr((night.root / image).stat(), status) == getattr((before / image).stat(), status)
    had = night.counts(before) if (before / ".stats/counts.json").exists() else {}
    has = night.counts() if night.file("counts.json").exists() else {}
    expected = truth([*OLD_LINES, *NEW_LINES], SIZES).months()
    for file in expected:
        for month, number in expected[file].items():
            assert had.get(file, {}).get(month, 0) <= has.get(file, {}).get(month, 0) <= number
    if night.file("counts.json").exists():
        history = load(night.root, keep_damaged=False)
        assert set(history.days) <= {f"{line.day}" for line in [*OLD_LINES, *NEW_LINES]}
        assert history.warnings == []
    for path in night.root.rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o755, path
        elif path.name.startswith(".download-counter-") or path.name == ".lock":
            continue
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix in (".html", ".css", ".csv", ".xml"):
            assert path.stat().st_mode & 0o777 == 0o644, path
            old = before / path.relative_to(night.root)
            text = path.read_text()
            whole = {".html": "<!-- as of this night -->", ".xml": "</feed>"}.get(path.suffix, "\n")
            assert text.rstrip("\n ").endswith(whole.strip()) or text == old.read_text(), path


def check_next_run(night: Night) -> None:
    """The next run ends well and silently, counts right, and leaves nothing lying about."""
    for job in (night.ingest, night.build):
        done = run(job, night.work)
        assert (done.code, done.said) == (0, "")
    assert night.counts() == truth([*OLD_LINES, *NEW_LINES], SIZES).months()
    check_whole(night)
    left = [path for path in night.root.rglob(".*") if path.is_file() and path.name != ".lock"]
    assert left == []


JOBS: dict[str, Callable[[Night], Job]] = {"ingest": lambda night: night.ingest, "build": lambda night: night.build}


def faults(night: Night, job: str) -> Sequence[Call]:
    """The calls of a run to look at."""
    night.bring_back()
    done = run(JOBS[job](night), night.work)
    assert (done.code, done.said) == (0, "")
    found = changing(done.calls, night.root)
    assert {"openat", "write", "fsync"} < {call.name for call in found}
    return found if ALL or job == "ingest" else found[:: max(1, len(found) // 12)]


@pytest.mark.parametrize("job", JOBS)
def test_what_is_written_is_on_the_disk_before_it_takes_its_place_and_then_the_place_is(night: Night, job: str) -> None:
    night.bring_back()
    written, renamed, places = set[str](), 0, set[str]()
    for call in run(JOBS[job](night), night.work).calls:
        [path, *_] = re.findall(r"<(/[^>]*)>", call.line) or [""]
        if not path.startswith(str(night.root)):
            continue
        if call.name == "write":
            written.add(path)
        elif call.name == "fsync":
            written.discard(path)
            places.discard(path)
        elif call.name.startswith("rename"):
            assert not written, "after a power cut the file would be empty"
            renamed += 1
            places.add(path)
    assert renamed > 2
    assert not places, "after a power cut the old file might be back"


@pytest.mark.parametrize("job", JOBS)
def test_a_kill_at_any_call_that_changes_a_file_leaves_everything_whole(night: Night, job: str) -> None:
    calls = faults(night, job)
    for call in calls:
        night.bring_back()
        done = run(JOBS[job](night), night.work, inject=f"{call.name}:signal=KILL:when={call.number}")
        assert done.code == -9, call
        check_whole(night)
        check_next_run(night)
    print(f"\n{job}: killed at {len(calls)} calls")


@pytest.mark.parametrize("job", JOBS)
def test_an_error_of_the_disk_at_any_such_call_is_said_and_leaves_everything_whole(night: Night, job: str) -> None:
    calls = faults(night, job)
    for number, call in enumerate(calls):
        for error in ERRORS if ALL else (ERRORS[number % len(ERRORS)],):
            night.bring_back()
            done = run(JOBS[job](night), night.work, inject=f"{call.name}:error={error}:when={call.number}")
            assert changing([one for one in done.calls if "(INJECTED)" in one.line], night.root), call
            check_whole(night)
            assert list(night.root.rglob(".download-counter-*")) == [], call
            if done.code == 0:  # a call that may fail: a folder that is there, a file to remove that is not
                assert call.name in ("mkdirat", "mkdir", "unlinkat", "unlink"), (call, error)
                assert done.said == ""
            else:
                assert done.code == 1, (call, error, done.said)
                assert str(night.root) in done.said, (call, error)
                assert os.strerror(getattr(errno, error)) in done.said, (call, error)
                assert done.said.count("\n") == 1, done.said
    check_next_run(night)
    print(f"\n{job}: an error at {len(calls)} calls")


def test_a_kill_at_any_moment_leaves_everything_whole(night: Night) -> None:
    chance = random.Random("moments")
    killed = number = 0
    while killed < RANDOM_KILLS:
        number += 1
        night.bring_back()
        job, longest = (night.ingest, 0.05) if number % 2 else (night.build, 0.5)
        ended = kill_after(job, night.work, chance.random() * longest)
        assert ended in (0, -9)
        killed += ended == -9
        check_whole(night)
        if ALL or number % 5 == 0:
            check_next_run(night)
    print(f"\nkilled at {killed} of {number} moments")
