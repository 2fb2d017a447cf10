"""Real servers and real clients on loopback, for tests that look at the whole way from a request to a count.

Everything runs from a temporary folder with a configuration of its own, on free ports of the loopback addresses,
and ends with the test. Time is told by libfaketime: a server lives through many days in a few seconds, and the
stamps in its access log are the server's own.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self, TypeVar

import pytest

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parent.parent

COMBINED = r'"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""'
"""What Debian's apache2.conf calls "combined": %O of mod_logio, the bytes really sent, headers and all."""

COMBINED_PLAIN = COMBINED.replace("%O", "%b")
"""What httpd's own documentation calls "combined": %b, the size of the answer's body, sent or not."""

UNREAD = 4_000_000
"""Bytes that a server may have sent, and logged, that a client which went away had not read: the socket buffers
of both ends. Linux lets them grow to 6 MB (tcp_rmem); what is seen on loopback is 0.3 to 1.5 MB."""

_PACKAGES = {
    "apache2": "apache2",
    "aria2c": "aria2",
    "curl": "curl",
    "faketime": "faketime",
    "logrotate": "logrotate",
    "wget": "wget",
}


def find_program(name: str) -> str | None:
    """The path of a program, looked for in the sbin folders too, which an ordinary user's PATH often lacks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")


def needs(*programs: str) -> pytest.MarkDecorator:
    """A mark that skips a test where a program is missing, and says what to install."""
    missing = [name for name in programs if find_program(name) is None]
    packages = " ".join(_PACKAGES.get(name, name) for name in missing)
    return pytest.mark.skipif(
        bool(missing),
        reason=f"{', '.join(missing)} not found; on Debian: apt-get install {packages}",
    )


def free_port() -> int:
    """A TCP port that nobody listens on now, on 127.0.0.1 and on ::1."""
    while True:
        with socket.socket(socket.AF_INET) as four, socket.socket(socket.AF_INET6) as six:
            four.bind(("127.0.0.1", 0))
            port = int(four.getsockname()[1])
            try:
                six.bind(("::1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait for something that will come; a test that waits in vain fails with `what`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.01)


def random_file(path: Path, size: int, modified: datetime) -> None:
    """Write a file nobody can compress or guess, with a date of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    os.utime(path, (modified.timestamp(), modified.timestamp()))


class Clock:
    """The time of day for the programs started with `environment()`: it runs on from where `set` put it.

    libfaketime reads it from a file, so that a running server follows when the test turns to the next day. File
    times stay the kernel's (NO_FAKE_STAT): they are what Last-Modified and logrotate's work stand on.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # What a program that was killed leaves of libfaketime stops the next one with its process number.
        for left in Path("/dev/shm").glob("*faketime_s*"):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                left.unlink(missing_ok=True)
        self._library = subprocess.run(
            [find_program("faketime") or "faketime", "-f", "+0", "printenv", "LD_PRELOAD"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def set(self, moment: datetime) -> None:
        """Turn the hands to a moment, in UTC."""
        # An offset to the true time. "@2026-05-01 10:00:00" would count from when each program was started.
        offset = moment.replace(tzinfo=UTC).timestamp() - time.time()
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{offset:+.3f}\n")
        beside.replace(self._file)

    def environment(self) -> dict[str, str]:
        """The environment in which a program lives in this time."""
        return {
            **os.environ,
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that a server's unprivileged user may enter too (pytest's own is its owner's alone)."""
    with tempfile.TemporaryDirectory(prefix="download-counter-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


class Apache:
    """Apache httpd with Debian's default MPM, serving `web_root` on 127.0.0.1 and ::1, and logging to `log`."""

    def __init__(self, folder: Path, web_root: Path, log_format: str, clock: Clock) -> None:
        self.folder = folder
        self.web_root = web_root
        self.log = folder / "log" / "downloads-access.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._clock = clock
        self._pid_file = folder / "httpd.pid"
        self._errors = folder / "error.log"
        self._configuration = folder / "httpd.conf"
        modules = Path("/usr/lib/apache2/modules")
        load = "\n".join(
            f"LoadModule {name}_module {modules}/mod_{name}.so"
            for name in ("mpm_event", "authz_core", "mime", "dir", "autoindex")
        )
        # Apache as root insists on another user to serve as; as anybody else it stays who it is.
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        self._configuration.write_text(
            f"""
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{self._pid_file}"
Mutex "file:{folder}" default
ServerName downloads.example
Listen 127.0.0.1:{self.port}
Listen [::1]:{self.port}
{load}
{user}
TypesConfig /etc/mime.types
ErrorLog "{self._errors}"
# Small, so that a client which goes away leaves little behind that was sent and never read.
SendBufferSize 65536
DocumentRoot "{web_root}"
<Directory "{web_root}">
    Require all granted
    Options Indexes FollowSymLinks
</Directory>
LogFormat {log_format} asked
CustomLog "{self.log}" asked
"""
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [find_program("apache2") or "apache2", "-DFOREGROUND", "-f", str(self._configuration)],
            env=self._clock.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            wait_until(self._answers, "Apache to answer")
        except AssertionError:
            self._process.kill()
            _, said = self._process.communicate()
            errors = self._errors.read_text() if self._errors.exists() else ""
            raise AssertionError(f"Apache does not start: {said.decode()}{errors}") from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The main process, the one that takes signals."""
        assert self._process is not None
        return self._process.pid

    def graceful(self) -> None:
        """What logrotate's postrotate does on Debian: new log files for new requests, running ones end in peace."""
        os.kill(self.pid, signal.SIGUSR1)

    def note_time(self) -> None:
        """Have Apache look at the clock after it was turned.

        The first answer after that may be cut: its event MPM takes a connection that is newer than the time it knows
        for one of a clock that went back, and ends it (process_timeout_queue in server/mpm/event/event.c).
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(b"GET /what-time-is-it HTTP/1.0\r\n\r\n")
            while connection.recv(4096):
                pass

    def lines(self) -> list[bytes]:
        """The lines of the current access log."""
        return self.log.read_bytes().splitlines(keepends=True)


class Logrotate:
    """The real logrotate, with the rule that Debian's apache2 package ships, and a state of its own."""

    def __init__(self, folder: Path, server: Apache, clock: Clock, keep: int = 14) -> None:
        self._clock = clock
        self._state = folder / "logrotate.state"
        self._configuration = folder / "logrotate.conf"
        su = "su root root" if os.geteuid() == 0 else ""
        self._configuration.write_text(
            f"""
"{server.log}" {{
    {su}
    daily
    missingok
    rotate {keep}
    compress
    delaycompress
    notifempty
    create 640
    sharedscripts
    postrotate
        kill -USR1 {server.pid}
    endscript
}}
"""
        )
        self._configuration.chmod(0o644)

    def run(self) -> None:
        """One nightly run."""
        done = subprocess.run(
            [find_program("logrotate") or "logrotate", "-s", str(self._state), str(self._configuration)],
            env=self._clock.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def ingest(
    web_root: Path, logs: str, *options: str, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run the ingest by itself, as the Makefile does; the caller looks at what it said and how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "download_counter", *options],
        cwd=CHECKOUT,
        env={
            **environment,
            "PYTHONPATH": str(CHECKOUT / "plugins"),
            "WEB_ROOT": str(web_root),
            "LOGS": logs,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Answer:
    """One answer that counts, as its client saw it.

    `at_least` and `at_most` bound the bytes that the server sent, headers included: what the client received, and
    that plus what may have been under way when it left. `declared` is the length of the body as announced.
    """

    day: date
    client: str
    file: str
    at_least: int
    at_most: int
    declared: int


class Ledger:
    """What clients did and got, written down as they do it, and what follows from it: the truth to hold counts to.

    It never looks at a log. The rule is written here a second time, plainly, from the prose.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self.answers: list[Answer] = []

    def started(self) -> dict[str, dict[date, int]]:
        """Downloads per file and day: the clients that got something of it."""
        clients: dict[tuple[str, date], set[str]] = defaultdict(set)
        for answer in self.answers:
            clients[answer.file, answer.day].add(answer.client)
        return _nested({key: len(found) for key, found in clients.items()})

    def months(self) -> dict[str, dict[str, int]]:
        """Downloads per file and month, in the shape of counts.json."""
        months: dict[str, dict[str, int]] = {}
        for file, days in self.started().items():
            for day, number in days.items():
                month = months.setdefault(file, {})
                month[f"{day:%Y-%m}"] = month.get(f"{day:%Y-%m}", 0) + number
        return months

    def finished(self) -> dict[str, dict[date, int]]:
        """Downloads that reached the file's size; the story must be clear whatever was still under way."""
        low = self._finished(lambda answer: answer.at_least)
        high = self._finished(lambda answer: answer.at_most)
        assert low == high, "the test's story leaves open what is finished"
        return low

    def finished_as_declared(self) -> dict[str, dict[date, int]]:
        """The same for a log with %b, which knows only what the server meant to send."""
        return self._finished(lambda answer: answer.declared)

    def _finished(self, sent: Callable[[Answer], int]) -> dict[str, dict[date, int]]:
        received: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
        for answer in self.answers:
            received[answer.client, answer.file][answer.day] += sent(answer)
        numbers: dict[tuple[str, date], int] = defaultdict(int)
        for (_, file), days in received.items():
            finished_on: date | None = None
            for day in sorted(days):
                carried = sum(
                    sent_then
                    for earlier, sent_then in days.items()
                    if (day - earlier).days == 1 and earlier != finished_on
                )
                if days[day] + carried >= self._sizes[file]:
                    numbers[file, day] += 1
                    finished_on = day
        return _nested(numbers)

    def sent(self) -> dict[str, dict[date, tuple[int, int]]]:
        """Bytes per file and day, at least and at most."""
        low: dict[tuple[str, date], int] = defaultdict(int)
        high: dict[tuple[str, date], int] = defaultdict(int)
        for answer in self.answers:
            low[answer.file, answer.day] += answer.at_least
            high[answer.file, answer.day] += answer.at_most
        return _nested({key: (low[key], high[key]) for key in low})


def _nested(flat: Mapping[tuple[str, date], T]) -> dict[str, dict[date, T]]:
    nested: dict[str, dict[date, T]] = {}
    for (file, day), value in flat.items():
        nested.setdefault(file, {})[day] = value
    return nested


class Clients:
    """curl, wget and aria2, each from the address it is told, fetching from one server on the day it is told.

    Every method checks that what came is what lies in the web root, so that the ledger's file is the file served.
    """

    def __init__(self, server: Apache, ledger: Ledger, folder: Path) -> None:
        self.server = server
        self.ledger = ledger
        self._folder = folder
        self._number = 0
        self.day = date(1970, 1, 1)

    def path(self) -> Path:
        """A new place to download to."""
        self._number += 1
        return self._folder / f"download-{self._number}"

    def _host(self, client: str) -> str:
        return f"[::1]:{self.server.port}" if ":" in client else f"127.0.0.1:{self.server.port}"

    def _curl(self, client: str, spelling: str, *options: str, to: Path) -> list[str]:
        return [
            "curl",
            "--disable",
            "--silent",
            "--globoff",
            "--noproxy",
            "*",
            "--path-as-is",
            "--interface",
            client,
            "--output",
            str(to),
            "--write-out",
            "%{http_code} %{size_header} %{size_download}",
            *options,
            f"http://{self._host(client)}{spelling}",
        ]

    def _note(self, client: str, file: str, low: int, high: int, declared: int) -> None:
        self.ledger.answers.append(Answer(self.day, client, file, low, high, declared))

    def curl(
        self,
        client: str,
        spelling: str,
        *options: str,
        status: int = 200,
        file: str | None = None,
        to: Path | None = None,
    ) -> None:
        """Fetch with curl; `file` is what a download of it counts for, None when it must not count."""
        to = to or self.path()
        had = to.stat().st_size if to.exists() else 0
        done = subprocess.run(
            self._curl(client, spelling, *options, to=to), capture_output=True, text=True, check=False
        )
        got, header, body = (int(number) for number in done.stdout.split())
        assert got == status, (client, spelling, options)
        if file is None:
            return
        content = (self.server.web_root / file).read_bytes()
        if body and status == 200:
            assert to.read_bytes() == content
        elif body and had:
            assert to.read_bytes() == content[: had + body]
        self._note(client, file, header + body, header + body, body)

    def curl_raw(self, client: str, target: str, *options: str, status: int = 200, file: str | None = None) -> None:
        """Fetch with curl and a request target that is sent as it stands."""
        self.curl(client, "/", "--request-target", target, *options, status=status, file=file)

    def begin(self, client: str, file: str, spelling: str, rate: str = "2M") -> "Running":
        """Begin a slow download with curl, to be waited for or aborted."""
        to = self.path()
        process = subprocess.Popen(
            self._curl(client, spelling, "--limit-rate", rate, to=to),
            stdout=subprocess.PIPE,
            text=True,
        )
        return Running(self, client, file, to, process, self.day)

    def wget(self, client: str, file: str, spelling: str, to: Path | None = None) -> None:
        """Fetch, or with `to` go on fetching, the whole file with wget -c."""
        to = to or self.path()
        had = to.stat().st_size if to.exists() else 0
        subprocess.run(self._wget(client, spelling, to), check=True)
        content = (self.server.web_root / file).read_bytes()
        assert to.read_bytes() == content
        rest = len(content) - had
        self._note(client, file, rest, rest + _HEADERS, rest)

    def begin_wget(self, client: str, file: str, spelling: str, rate: str = "2M") -> "Running":
        """Begin a slow download with wget, to be aborted."""
        to = self.path()
        process = subprocess.Popen([*self._wget(client, spelling, to), f"--limit-rate={rate}"], text=True)
        return Running(self, client, file, to, process, self.day)

    def _wget(self, client: str, spelling: str, to: Path) -> list[str]:
        return [
            "wget",
            "--no-config",
            "--no-proxy",
            "--quiet",
            "--continue",
            f"--bind-address={client}",
            f"--output-document={to}",
            f"http://{self._host(client)}{spelling}",
        ]

    def aria2(self, client: str, file: str, spelling: str) -> None:
        """Fetch with aria2 in four pieces at once; it asks for more than it needs and drops the rest."""
        to = self.path()
        subprocess.run(
            [
                "aria2c",
                "--no-conf",
                "--quiet",
                "--all-proxy=",
                "--max-connection-per-server=4",
                "--split=4",
                "--min-split-size=1M",
                f"--interface={client}",
                f"--dir={to.parent}",
                f"--out={to.name}",
                f"http://{self._host(client)}{spelling}",
            ],
            check=True,
        )
        content = (self.server.web_root / file).read_bytes()
        assert to.read_bytes() == content
        self._note(client, file, len(content), len(content) + UNREAD + 8 * _HEADERS, 4 * len(content))


_HEADERS = 1000
"""More than Apache's answer to a plain request has in headers."""


@dataclass(frozen=True)
class Running:
    """A download under way; it counts for the day on which it was asked for."""

    clients: Clients
    client: str
    file: str
    to: Path
    process: subprocess.Popen[str]
    day: date

    def received(self) -> int:
        """Bytes written by the client so far."""
        return self.to.stat().st_size if self.to.exists() else 0

    def wait_for(self, size: int) -> None:
        """Wait until that much has come."""
        wait_until(lambda: self.received() >= size, f"{size} bytes of {self.file}")

    def abort(self, size: int) -> Path:
        """Kill the client once it has so much; gives where its part lies."""
        self.wait_for(size)
        self.process.kill()
        self.process.communicate()
        got = self.received()
        whole = (self.clients.server.web_root / self.file).stat().st_size
        assert got + UNREAD + _HEADERS < whole, "the abort came too late to be one"
        self.clients.ledger.answers.append(
            Answer(self.day, self.client, self.file, got, got + UNREAD + _HEADERS, whole)
        )
        return self.to

    def wait(self) -> None:
        """Let it come to its end."""
        out, _ = self.process.communicate(timeout=60)
        content = (self.clients.server.web_root / self.file).read_bytes()
        assert self.process.returncode == 0
        assert self.to.read_bytes() == content
        _, header, body = (int(number) for number in out.split())
        self.clients.ledger.answers.append(Answer(self.day, self.client, self.file, header + body, header + body, body))
