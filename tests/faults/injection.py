"""Runs of the program in which strace makes one system call fail, or kills the process in the place of it.

A run is a fork of the test's own process, so the seconds it takes to import Pelican are not paid a thousand times. It
stops before it begins, strace attaches, and it goes on.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import find_program, wait_until

CALLS = (
    *("write", "pwrite64", "writev", "sendfile", "copy_file_range", "ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "open", "openat", "creat"),
    *("fsync", "fdatasync", "sync_file_range", "flock", "chmod", "fchmod", "fchmodat", "utimensat", "fchown"),
)
"""Every call by which a file or folder can be made, changed, renamed, removed, locked or flushed."""

Job = Callable[[], int | None]


@dataclass(frozen=True)
class Call:
    """A system call of a run: the `number`-th one of this name, and the line strace wrote of it."""

    name: str
    number: int
    line: str

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, or minus the signal; what it said on stderr; its calls."""

    code: int
    said: str
    calls: tuple[Call, ...]


def can_trace(folder: Path) -> bool:
    """Whether strace is here and may attach."""
    return find_program("strace") is not None and run(lambda: 0, folder).code == 0


def run(job: Job, folder: Path, *, inject: str = "", before: Callable[[], None] = lambda: None) -> Ended:
    """Run a job in a process of its own under strace.

    Args:
        job: gives the exit code, or raises SystemExit.
        folder: for what strace and the job say.
        inject: what strace's option `--inject` takes; empty injects nothing.
        before: done in the new process first; it does not count.
    """
    said, log = folder / "said", folder / "strace"
    log.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _be(job, said, before)
    os.waitpid(child, os.WUNTRACED)
    command = [find_program("strace") or "strace", "-y", "-s", "0", "-p", str(child), "-o", str(log)]
    options = ["--inject=" + inject] if inject else []
    tracer = subprocess.Popen(
        [*command, f"--trace={','.join(f'?{name}' for name in CALLS)}", *options],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    status = Path(f"/proc/{child}/status")
    wait_until(lambda: "TracerPid:\t0\n" not in status.read_text() or tracer.poll() is not None, "strace to attach")
    os.kill(child, signal.SIGCONT)
    _, ended = os.waitpid(child, 0)
    _, problem = tracer.communicate()
    if not log.exists():
        return Ended(-1, problem.decode(), ())
    return Ended(os.waitstatus_to_exitcode(ended), said.read_text(), tuple(_read(log.read_text())))


def _be(job: Job, said: Path, before: Callable[[], None]) -> None:
    code: object = 99
    try:
        before()
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        logging.getLogger().handlers.clear()  # pytest's
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)  # where make sends what Pelican prints of its progress
        os.dup2(descriptor, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.kill(os.getpid(), signal.SIGSTOP)
        code = job()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


def _read(log: str) -> list[Call]:
    counted: Counter[str] = Counter()
    calls = []
    for line in log.splitlines():
        if match := re.match(r"(\w+)\(", line):
            counted[match[1]] += 1
            calls.append(Call(match[1], counted[match[1]], line))
    return calls


def changing(calls: Sequence[Call], root: Path) -> list[Call]:
    """The calls that bear on what lies below a folder, without the ones that only read."""
    return [
        call
        for call in calls
        if str(root) in call.line
        and "O_DIRECTORY" not in call.line
        and (not call.name.startswith("open") or "O_CREAT" in call.line)
    ]


def begin(job: Job, folder: Path) -> int:
    """Begin a job in a process of its own, and return its number; what it says is in the file `said`."""
    child = os.fork()
    if child == 0:
        _be(job, folder / "said", lambda: None)
    os.waitpid(child, os.WUNTRACED)
    os.kill(child, signal.SIGCONT)
    return child


def kill_after(job: Job, folder: Path, seconds: float) -> int:
    """Run a job in a process of its own and kill it after a while; give how it ended."""
    child = begin(job, folder)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
