"""The programs that are measured: how each is had, called, and what number of downloads it gives."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .logdata import Dataset, cache_folder
from .measure import Command

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

# An installed program has its bytecode beside it; this machine may be told to write none.
BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache_folder() / "bytecode")}

# One key is one download, as the counter has it: client, file, day.
MAWK = r"""
($6 == "\"GET" || $6 == "\"HEAD") && ($9 == 200 || $9 == 206) && tolower($7) ~ /\.iso$/ {
    key = $1 " " $7 " " substr($4, 2, 11)
    if (!(key in seen)) { seen[key]; downloads++ }
}
END { print downloads }
"""

WEBALIZER = "Incremental no\nDNSChildren 0\nQuiet yes\nHostName bench.invalid\n"
AWSTATS = (
    'LogFile="{logs} |"\nLogFormat=1\nLogType=W\nSiteDomain="bench.invalid"\nDNSLookup=0\n'
    'DirData="{folder}"\nAllowFullYearView=3\n'
)


@dataclass(frozen=True)
class Tool:
    """A program that reads the logs of a data set.

    Attributes:
        name: as the table has it.
        command: the call for a data set, with a scratch folder to write to.
        slow: minutes rather than seconds, so it runs once.
        counts: it prints the number of downloads and nothing else.
        version: what it calls itself.
    """

    name: str
    command: Callable[[Dataset, Path], Command]
    slow: bool
    counts: bool
    version: str


def _logs(data: Dataset) -> str:
    """The names of the logs, oldest first, for a shell in the folder of the data set."""
    return " ".join(log.name for log in data.logs)


def _mawk(data: Dataset, _scratch: Path) -> Command:
    return Command(f"zcat -f {_logs(data)} | mawk '{MAWK}'", data.folder, {})


def _goaccess(data: Dataset, scratch: Path) -> Command:
    return Command(
        f"zcat -f {_logs(data)} | goaccess --no-global-config --no-progress --log-format=COMBINED"
        f" -o {scratch}/goaccess.json -",
        data.folder,
        {},
    )


def _webalizer(data: Dataset, scratch: Path) -> Command:
    (scratch / "webalizer.conf").write_text(WEBALIZER)
    return Command(
        f"zcat -f {_logs(data)} | webalizer -c {scratch}/webalizer.conf -o {scratch} -",
        data.folder,
        {},
    )


def _awstats(data: Dataset, scratch: Path) -> Command:
    for old in scratch.glob("awstats*"):
        old.unlink()
    logs = f"cd {data.folder} && zcat -f {_logs(data)}"
    (scratch / "awstats.bench.conf").write_text(AWSTATS.format(logs=logs, folder=scratch))
    return Command(["perl", _AWSTATS_SCRIPT, "-config=bench", f"-configdir={scratch}", "-update"], scratch, {})


def _duckdb(data: Dataset, _scratch: Path) -> Command:
    return Command([str(_duckdb_python()), str(HERE / "duckdb_count.py"), "."], data.folder, {})


def _duckdb_python() -> Path:
    """The Python of DuckDB's own environment, which is the same that the download counter runs on."""
    return cache_folder() / f"duckdb-{_python()}".replace(" ", "-") / "bin" / "python"


def _python() -> str:
    """The version of this Python, and whether it came with the system: others may be built for less speed."""
    return f"{platform.python_version()}{' of the system' if sys.base_prefix == '/usr' else ''}"


_AWSTATS_SCRIPT = "/usr/lib/cgi-bin/awstats.pl"


def first_line(*words: str) -> str:
    """What a program prints first, such as its version; nothing if it cannot be run."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ((done.stdout or done.stderr).splitlines() or [""])[0].strip()


def _version(name: str, said: str) -> str:
    """A program's name and the first thing in what it says that looks like a version."""
    number = re.search(r"[0-9]+(?:[.-][0-9]+)+", said)
    return f"{name} {number[0]}" if number else name


def _have(program: str, package: str) -> bool:
    """Say whether a program is there; root gets it from Debian's packages first."""
    if shutil.which(program) or os.path.exists(program):
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {package} …", flush=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", package],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return bool(shutil.which(program) or os.path.exists(program))


def _have_duckdb() -> bool:
    python = _duckdb_python()
    if not python.exists():
        print("installing DuckDB …", flush=True)
        venv.create(python.parents[1], with_pip=True)
    if not first_line(str(python), "-c", "import duckdb; print(duckdb.__version__)").count("."):
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "duckdb"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return "." in first_line(str(python), "-c", "import duckdb; print(duckdb.__version__)")


def others(*, slow: bool) -> list[Tool]:
    """The other programs of this machine, and a word about each that is not there."""
    found: list[Tool] = []
    if _have("mawk", "mawk"):
        found.append(Tool("zcat | mawk", _mawk, False, True, first_line("mawk", "-W", "version")))
    if _have_duckdb():
        said = first_line(str(_duckdb_python()), "-c", "import duckdb; print(duckdb.__version__)")
        found.append(Tool("DuckDB", _duckdb, False, True, f"DuckDB {said}"))
    if slow and _have("goaccess", "goaccess"):
        found.append(
            Tool("GoAccess", _goaccess, True, False, _version("GoAccess", first_line("goaccess", "--version")))
        )
    if slow and _have("webalizer", "webalizer"):
        said = first_line("webalizer", "-V")
        found.append(Tool("Webalizer", _webalizer, True, False, _version("Webalizer", said)))
    if slow and _have(_AWSTATS_SCRIPT, "awstats"):
        said = next(
            (
                line.strip()
                for line in subprocess.run(
                    ["perl", _AWSTATS_SCRIPT], capture_output=True, text=True, check=False
                ).stdout.splitlines()
                if line.startswith("----- awstats")
            ),
            "AWStats",
        )
        found.append(Tool("AWStats", _awstats, True, False, _version("AWStats", said)))
    return found


class Ours:
    """The download counter as an admin runs it, over a copy of some logs.

    Attributes:
        logs: the folder of the logs.
        web_root: the folder of the images.
        current: the log that is still written, the last one of the data set.
    """

    def __init__(
        self,
        logs: Sequence[Path],
        files: Mapping[str, int],
        scratch: Path,
        options: Mapping[str, object] = MappingProxyType({}),
        checkout: Path = REPOSITORY,
    ) -> None:
        self.web_root = scratch / "web-root"
        self.logs = scratch / "logs"
        self.kept = scratch / "kept"
        self._given = logs
        self._checkout = checkout
        self.current = self.logs / logs[-1].name
        self.logs.mkdir(parents=True)
        for log in logs:
            shutil.copy2(log, self.logs)
        for file, size in files.items():
            image = self.web_root / file
            image.parent.mkdir(parents=True, exist_ok=True)
            with open(image, "wb") as made:
                made.truncate(size)
        self.settings = scratch / "settings.py"
        settings = {"web_root": str(self.web_root), "logs": [str(self.logs / "access.log*")], **options}
        self.settings.write_text(f"DOWNLOAD_COUNTER = {settings!r}\n")

    def ingest(self) -> Command:
        return Command(
            [sys.executable, "-m", "download_counter", "-s", str(self.settings)],
            self._checkout,
            {"PYTHONPATH": str(self._checkout / "plugins"), **BYTECODE},
        )

    def build(self) -> Command:
        return Command(
            [sys.executable, "-m", "pelican", "-s", "pelicanconf.py"],
            REPOSITORY,
            {
                "WEB_ROOT": str(self.web_root),
                "LOGS": str(self.logs / "access.log*"),
                "SITEURL": "https://bench.invalid",
                **BYTECODE,
            },
        )

    def forget(self) -> None:
        """Back to before the first run."""
        shutil.rmtree(self.web_root / ".stats", ignore_errors=True)

    def keep(self) -> None:
        """Keep what is known now, for `recall`."""
        shutil.copytree(self.web_root / ".stats", self.kept)

    def recall(self) -> None:
        """Back to what was known at `keep`."""
        self.forget()
        shutil.copytree(self.kept, self.web_root / ".stats")

    def an_hour_of_today(self) -> None:
        """Leave of the current log what is there an hour after midnight."""
        lines = self._given[-1].read_bytes()
        self.current.write_bytes(lines[: lines.find(b"\n", len(lines) // 24) + 1])

    def all_of_today(self) -> None:
        """Have the current log as the data set has it."""
        shutil.copy2(self._given[-1], self.logs)

    def downloads(self) -> int:
        counts = json.loads((self.web_root / ".stats" / "counts.json").read_text())
        return sum(number for months in counts.values() for number in months.values())


def machine() -> list[str]:
    """What the figures hold for: processor, memory, system, Python."""
    try:
        cpu = next(
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        cpu = platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = first_line("sh", "-c", ". /etc/os-release && echo $PRETTY_NAME") or platform.system()
    return [
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB",
        f"{system}, Linux {platform.release()}",
        f"Python {_python()}",
    ]
