"""Run a command to its end: how long it took, or how much memory all its processes held together."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Seconds between two looks at the memory; runs that are timed are not looked at.
POLL = 0.004


@dataclass(frozen=True)
class Command:
    """A command line, or a shell's if `words` is one text; where and with what it runs."""

    words: Sequence[str] | str
    folder: Path
    environment: Mapping[str, str]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words,
            shell=isinstance(self.words, str),
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


class Failed(Exception):
    """The command said no; the text is what it printed."""


def seconds(command: Command) -> tuple[float, str]:
    """Return the seconds from start to end, and what was printed.

    Raises:
        Failed: it left with an exit code.
    """
    begin = time.perf_counter()
    process = command.start()
    printed, _ = process.communicate()
    took = time.perf_counter() - begin
    if process.returncode:
        raise Failed(printed)
    return took, printed


def cpu_seconds(command: Command) -> float:
    """Return the seconds that all processors worked for a command and the processes it started.

    Raises:
        Failed: it left with an exit code.
    """
    before = os.times()
    seconds(command)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def peak_memory(command: Command) -> int:
    """Return the most bytes that the command and all processes it started held at one moment.

    Memory that processes share (after a fork, or a library's text) is counted once: the kernel's
    proportional set size, https://www.kernel.org/doc/html/latest/filesystems/proc.html.

    Raises:
        Failed: it left with an exit code.
    """
    process = command.start()
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(_proportional, _session(process.pid))))
        time.sleep(POLL)
    printed, _ = process.communicate()
    if process.returncode:
        raise Failed(printed)
    return most


def _session(leader: int) -> list[str]:
    """The ids of the processes in a session, which is all that a command started."""
    members = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/stat", encoding="utf-8", errors="replace") as file:
                    # proc(5): the name in brackets may hold anything; the session is 4th after it.
                    if file.read().rpartition(")")[2].split()[3] == str(leader):
                        members.append(entry.name)
            except OSError:
                continue
    return members


def _proportional(process: str) -> int:
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
