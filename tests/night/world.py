"""A Debian server of its own, for one test: namespaces in which the paths and ports of a real server are the test's.

/etc, /opt, /run, /var/log, /var/www and /var/lib/logrotate are folders of the test, mounted there for the processes
started here alone, and so are the network and its ports 80 and 443. The files of `deploy/` are used as they are, and
nothing of the machine is touched. It needs root and a kernel that gives out mount and network namespaces.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from support import CHECKOUT, Clock, find_program

DEPLOY = CHECKOUT / "deploy"
HOST = "downloads.linuxvillage.org"
WEB_ROOT = Path("/var/www/file-server")
LOG = Path("/var/log/apache2/downloads-ssl-access.log")
PROGRAM = Path("/opt/download_stats")
RELOADED = "resuming normal operations"
FOLDERS = ("etc", "opt", "run", "var/log", "var/www", "var/lib/logrotate")

USER, USER_ID, ADM = "download-stats", 64999, 4

# What cron gives a job: crontab(5), and Debian's cron, which takes LANG from /etc/default/locale.
CRON_ENVIRONMENT = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "LANG": "C"}


def can_unshare() -> bool:
    """Whether this machine lets the tests make such a server."""
    unshare = find_program("unshare")
    return (
        os.geteuid() == 0
        and unshare is not None
        and subprocess.run([unshare, "--mount", "--net", "true"], capture_output=True, check=False).returncode == 0
    )


class World:
    """The server. `folder` holds its files and its clock; `path` says where one of its files is outside of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock(folder / "clock")
        for name in FOLDERS:
            (folder / name).mkdir(parents=True)
        self._install()
        self._holder: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def path(self, inside: Path) -> Path:
        """Where a file of the server is for the test."""
        return self.folder / inside.relative_to("/")

    def _install(self) -> None:
        """What an admin does by the words of the files in deploy/."""
        etc = self.folder / "etc"
        for name in (
            "apache2",
            "logrotate.conf",
            "ld.so.cache",
            "mime.types",
            "nsswitch.conf",
            "passwd",
            "group",
            "ssl",
        ):
            source = Path("/etc", name)
            if source.is_dir():
                shutil.copytree(source, etc / name, symlinks=True)
            elif source.exists():
                shutil.copy(source, etc / name)
        with (etc / "passwd").open("a") as users:
            users.write(f"{USER}:x:{USER_ID}:{USER_ID}::{PROGRAM}:/usr/sbin/nologin\n")
        groups = re.sub(r"(?m)^adm:x:\d+:.*$", f"adm:x:{ADM}:{USER}", (etc / "group").read_text())
        (etc / "group").write_text(f"{groups}{USER}:x:{USER_ID}:\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        apache2 = etc / "apache2"
        shutil.rmtree(apache2 / "sites-enabled")
        (apache2 / "sites-enabled").mkdir()
        (apache2 / "sites-available").mkdir(exist_ok=True)
        shutil.copy(DEPLOY / "apache2/downloads.conf", apache2 / "sites-available")
        (apache2 / "sites-enabled/downloads.conf").symlink_to("../sites-available/downloads.conf")
        (apache2 / "conf-enabled/name.conf").write_text("ServerName localhost\n")
        for module in ("headers", "ssl", "socache_shmcb"):
            for ending in (".load", ".conf"):
                if (apache2 / "mods-available" / (module + ending)).exists():
                    link = apache2 / "mods-enabled" / (module + ending)
                    link.unlink(missing_ok=True)
                    link.symlink_to(f"../mods-available/{module}{ending}")
        (etc / "logrotate.d").mkdir()
        shutil.copy(DEPLOY / "logrotate.d/apache2", etc / "logrotate.d")
        (etc / "cron.d").mkdir()
        shutil.copy(DEPLOY / "cron.d/download-counter", etc / "cron.d")
        certificates = etc / "letsencrypt/live" / HOST
        certificates.mkdir(parents=True)
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "9000", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
                *("-keyout", certificates / "privkey.pem", "-out", certificates / "fullchain.pem"),
            ],
            check=True,
            capture_output=True,
        )
        for name in ("run/apache2", "run/lock", "var/log/apache2"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "var/log/apache2", 0, ADM)
        (self.folder / "var/log/apache2").chmod(0o750)
        web_root = self.path(WEB_ROOT)
        web_root.mkdir()
        os.chown(web_root, 0, USER_ID)
        web_root.chmod(0o1775)

    def __enter__(self) -> Self:
        mounts = [*self._open_python(), *(f"mount --bind {self.folder}/{name} /{name}" for name in FOLDERS)]
        ready = "ip link set lo up && echo ready && exec sleep infinity"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", " && ".join([*mounts, ready])],
            stdout=subprocess.PIPE,
            cwd="/",
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_server()
        assert self._holder is not None
        self._holder.kill()
        self._holder.communicate()

    def _open_python(self) -> list[str]:
        """The mounts that let an ordinary user run this Python, should it lie in root's own home."""
        mounts: list[str] = []
        over: set[Path] = set()
        for needed in sorted({Path(sys.base_prefix), Path(sysconfig.get_path("purelib"))}):
            shut = [folder for folder in reversed(needed.parents) if folder.stat().st_mode & 0o005 != 0o005]
            if shut:
                inside = self.folder / "python" / needed.relative_to("/")
                inside.mkdir(parents=True)
                mounts.append(f"mount --bind {needed} {inside}")
                over.add(shut[0])
        return [*mounts, *(f"mount --rbind {self.folder}/python{folder} {folder}" for folder in sorted(over))]

    def command(self, command: Sequence[str | Path]) -> list[str | Path]:
        """The command line that runs another inside."""
        assert self._holder is not None
        return ["nsenter", f"--target={self._holder.pid}", "--mount", "--net", "--wdns=/", "--", *command]

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run something as root, in this server's time."""
        return subprocess.run(
            self.command(command),
            env={**self.clock.environment(), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def start_server(self) -> None:
        """Start Debian's Apache with Debian's configuration and the virtual hosts of deploy/."""
        done = self.run("apache2ctl", "configtest")
        assert done.stderr == "Syntax OK\n"
        self._server = subprocess.Popen(
            self.command(["apache2ctl", "-D", "FOREGROUND"]),
            env=self.clock.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.curl("/", "--retry", "20", "--retry-delay", "0", "--retry-connrefused")

    def reload_server(self) -> None:
        """Let Apache read its configuration again, and wait until it has: it opens its logs again meanwhile."""
        errors = self.path(LOG).with_name("error.log")
        before = errors.read_text().count(RELOADED)
        self.run("apache2ctl", "graceful")
        deadline = time.monotonic() + 20
        while errors.read_text().count(RELOADED) == before:
            assert time.monotonic() < deadline, errors.read_text()
            time.sleep(0.05)

    def stop_server(self) -> None:
        """Stop Apache, and with it all that logs."""
        if self._server is not None:
            pid = int((self.folder / "run/apache2/apache2.pid").read_text())
            os.kill(pid, 15)
            self._server.wait(timeout=20)
            self._server = None

    def curl(self, path: str, *options: str, scheme: str = "https") -> "Answer":
        """Ask the server for something; the client's address is one of 127.0.0.0/8 (`--interface`)."""
        done = self.run(
            *("curl", "--disable", "--silent", "--noproxy", "*", "--insecure", "--path-as-is", "--include"),
            *("--max-time", "20", *options, f"{scheme}://{HOST}{path}"),
        )
        return Answer.of(done.stdout)

    def rotate(self) -> None:
        """What logrotate.timer does at midnight."""
        done = self.run("logrotate", "/etc/logrotate.conf")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def night(self) -> str:
        """Run the job of deploy/cron.d as cron does, and return what it would mail."""
        variables, user, command = read_crontab((self.folder / "etc/cron.d/download-counter").read_text())
        environment = {**CRON_ENVIRONMENT, "LOGNAME": user, "HOME": str(PROGRAM), **variables}
        # The moment itself and not a file with it: many small programs run, and each would read that again and again.
        faketime = {
            "LD_PRELOAD": self.clock.environment()["LD_PRELOAD"],
            "FAKETIME": f"@{self.now:%Y-%m-%d %H:%M:%S}",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }
        done = subprocess.run(
            self.command(
                [
                    *("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", "env", "-i"),
                    *(f"{name}={value}" for name, value in {**environment, **faketime}.items()),
                    *(environment["SHELL"], "-c", command),
                ]
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,
        )
        self.exit_code = done.returncode
        return done.stdout

    def turn_to(self, moment: datetime) -> None:
        """Set this server's clock."""
        self.now = moment
        self.clock.set(moment)
        if self._server is not None:
            self.curl("/what-time-is-it")  # as `Apache.note_time`


class Answer:
    """An answer of the server: status, header (names in lower case), body."""

    def __init__(self, status: int, header: dict[str, str], body: str) -> None:
        self.status, self.header, self.body = status, header, body

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `curl --include` gives."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines() or ["HTTP/1.1 000"]
        header = dict(line.split(": ", 1) for line in lines if ": " in line)
        return cls(int(first.split()[1]), {name.lower(): value for name, value in header.items()}, body)


def read_crontab(text: str) -> tuple[dict[str, str], str, str]:
    """The variables, the user and the command of a file for /etc/cron.d with one job: crontab(5)."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    [job] = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    *_, user, command = job.split(None, 6)
    return variables, user, command
