"""What is measured by itself, each in a row of the table: lines, clients or images of a special kind.

Each makes its logs, runs the counter, looks that the number of downloads is right, and returns the figure.
"""

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from .logdata import EVERYDAY, dataset
from .measure import Command, cpu_seconds, peak_memory
from .tools import Ours

IMAGE_BYTES = 1_000_000_000
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"

Lines = Iterable[str]


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        what: what is measured.
        goal: what it is to be, such as "≤ 1.2".
        measure: gives the figure; takes a folder to work in, and the part of the lines that is wanted.
        slow: it takes minutes, or gigabytes.
        digits: how many digits of the figure are shown behind the point.
    """

    what: str
    goal: str
    measure: Callable[[Path, float], float]
    slow: bool = False
    digits: int = 2


def combined(number: int, path: str, agent: str = AGENT, client: str = "") -> str:
    """A line of httpd's `combined`, of a client of its own."""
    client = client or f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return f'{client} - - [09/May/2026:12:00:00 +0000] "GET {path} HTTP/1.1" 206 500000000 "-" "{agent}"\n'


def caddy(number: int, path: str) -> str:
    """The same as Caddy writes it."""
    client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return (
        f'{{"level":"info","ts":{NOON.timestamp():.4f},"logger":"http.log.access.log0","msg":"handled request",'
        f'"request":{{"remote_ip":"{client}","remote_port":"51234","client_ip":"{client}","proto":"HTTP/2.0",'
        f'"method":"GET","host":"downloads.example","uri":"{path}",'
        f'"headers":{{"User-Agent":["{AGENT}"],"Accept":["*/*"],"Accept-Encoding":["gzip, br"]}},'
        '"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"downloads.example"}},'
        '"bytes_read":0,"user_id":"","duration":0.51,"size":500000000,"status":206,"resp_headers":{"Server":["Caddy"],'
        '"Etag":["\\"d5b0\\""],"Content-Type":["application/octet-stream"],"Accept-Ranges":["bytes"]}}\n'
    )


def write(log: Path, lines: Lines) -> Path:
    """Write a log, gzipped if it is called so."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(log, "wt", compresslevel=1) if log.suffix == ".gz" else log.open("w") as file:
        file.writelines(lines)
    return log


def ours(
    folder: Path, name: str, lines: Mapping[str, Lines], files: Iterable[str] = ("a.iso",), **options: object
) -> Ours:
    """The counter over some logs."""
    logs = [write(folder / f"{name}-given" / log, content) for log, content in lines.items()]
    return Ours(logs, dict.fromkeys(files, IMAGE_BYTES), folder / name, options)


def cold(site: Ours, downloads: int, measure: Callable[[Command], float] = cpu_seconds) -> float:
    """The seconds, or what else is measured, of a first run that counts so many downloads."""
    site.forget()
    figure = measure(site.ingest())
    if site.downloads() != downloads:
        raise SystemExit(f"{site.downloads()} downloads were counted in {site.logs}; there are {downloads}.")
    return figure


def in_turns(sites: Mapping[str, tuple[Ours, int]], turns: int = 5) -> dict[str, float]:
    """The median CPU seconds of first runs, each with the downloads it is to count, in turns."""
    times: dict[str, list[float]] = {name: [] for name in sites}
    for _ in range(turns):
        for name, (site, downloads) in sites.items():
            times[name].append(cold(site, downloads))
    return {name: median(found) for name, found in times.items()}


def per_line(times: Mapping[str, float], name: str, small: int, big: int) -> float:
    """The seconds of one line, without what a run takes to start."""
    return (times[f"{name}, big"] - times[f"{name}, small"]) / (big - small)


def json_lines(folder: Path, scale: float) -> float:
    """Caddy's JSON, a line, as a multiple of combined's; half of the lines name an image."""
    return _beside_combined(folder, scale, caddy, log_format="caddy")


def one_by_one(folder: Path, scale: float) -> float:
    """A line of fields in an order that the pattern of usual lines does not know, as a multiple of combined's."""

    def swapped(number: int, path: str) -> str:
        return combined(number, path).replace(" 206 500000000 ", " 500000000 206 ")

    return _beside_combined(
        folder, scale, swapped, log_format=r'%h %l %u %t "%r" %O %>s "%{Referer}i" "%{User-Agent}i"'
    )


def _beside_combined(folder: Path, scale: float, other: Callable[[int, str], str], **options: Any) -> float:
    small, big = round(40_000 * scale), round(400_000 * scale)

    def lines(spell: Callable[[int, str], str], number: int) -> Iterator[str]:
        return (spell(n, "/a.iso" if n % 2 else "/theme/main.css") for n in range(number))

    sites = {}
    for size, number in (("small", small), ("big", big)):
        for name, spell, settings in (("combined", combined, {}), ("other", other, options)):
            site = ours(folder, f"{name}-{size}", {"access.log": lines(spell, number)}, **settings)
            sites[f"{name}, {size}"] = site, number // 2
    times = in_turns(sites)
    return per_line(times, "other", small, big) / per_line(times, "combined", small, big)


def many_images(folder: Path, scale: float) -> float:
    """CPU a line with 20,000 images, and 200,000 names in the log, as a multiple of that with 200 and 200."""
    lines = round(1_000_000 * scale)

    def log(images: int, names: int) -> Lines:
        # Strangers ask for what is not there: those lines are no downloads.
        for n in range(lines):
            image = n * 7919 % images
            if names > images and n % 5 == 0:
                yield combined(n, f"/odd-{n % names}.iso").replace(" 206 ", " 404 ")
            else:
                yield combined(n, f"/{image % 100}/image-{image}.iso")

    times = []
    for images, names in ((200, 200), (20_000, 200_000)):
        files = [f"{n % 100}/image-{n}.iso" for n in range(images)]
        site = ours(folder, f"images-{images}", {"access.log": log(images, names)}, files)
        downloads = lines if names == images else lines - -(-lines // 5)
        times.append(median(cold(site, downloads) / lines for _ in range(3)))
    return times[1] / times[0]


def agents(folder: Path, scale: float) -> float:
    """CPU of a run that leaves out crawlers, a multiple of one that does not; each line has an agent of its own."""
    lines = round(100_000 * scale)
    log = [combined(n, "/a.iso", agent=f"{AGENT} Reader/{n}") for n in range(lines)]
    times = in_turns(
        {
            str(crawlers): (ours(folder, f"crawlers-{crawlers}", {"access.log": log}, crawlers=crawlers), lines)
            for crawlers in (True, False)
        }
    )
    return times["True"] / times["False"]


def programs(folder: Path, scale: float) -> float:
    """CPU of an everyday run with the programs of the downloaders, as a multiple of one without."""
    data = dataset(EVERYDAY, scale)
    return _ratio(folder, {"programs": True}, {"programs": False}, data.downloads, data.logs, data.files)


def programs_memory(folder: Path, scale: float) -> float:
    """The same for the memory that the runs take at most."""
    data = dataset(EVERYDAY, scale)
    peaks = [
        cold(Ours(data.logs, data.files, folder / f"programs-{on}", {"programs": on}), data.downloads, peak_memory)
        for on in (True, False)
    ]
    return peaks[0] / peaks[1]


def _ratio(
    folder: Path,
    one: Mapping[str, object],
    other: Mapping[str, object],
    downloads: int,
    logs: Iterable[Path],
    files: Mapping[str, int],
) -> float:
    sites = {
        name: (Ours(list(logs), files, folder / name, options), downloads)
        for name, options in (("one", one), ("other", other))
    }
    times = in_turns(sites, 7)
    return times["one"] / times["other"]


def one_file_and_day(folder: Path, scale: float) -> float:
    """Bytes of memory a download, if five million clients take one file on one day."""
    clients = round(5_000_000 * scale)
    parts = {f"access.log.{part}.gz": (combined(n, "/a.iso") for n in range(part, clients, 8)) for part in range(8)}
    return cold(ours(folder, "one-day", parts), clients, peak_memory) / clients


def on_a_cluster(workers: int) -> Callable[[Path, float], float]:
    """MiB of memory of the process that asks a cluster of so many local workers, with sixteen million keys."""

    def measure(folder: Path, scale: float) -> float:
        keys = round(16_000_000 * scale)
        parts = {
            f"access.log.{part}.gz": (combined(n, f"/{n % 50}.iso") for n in range(part, keys, 32))
            for part in range(32)
        }
        files = [f"{n}.iso" for n in range(50)]
        with scheduler(folder, workers) as address:
            site = ours(folder, f"cluster-{workers}", parts, files, scheduler=address)
            return cold(site, keys, peak_memory) / 2**20

    return measure


@contextmanager
def scheduler(folder: Path, workers: int) -> Iterator[str]:
    """The address of a scheduler with so many local workers, which count by the code of this checkout."""
    program = (
        "import sys, time\nfrom distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        f"    with LocalCluster(n_workers={workers}, threads_per_worker=1, dashboard_address=None,"
        " memory_limit=0) as one:\n"
        "        print(one.scheduler_address, flush=True)\n        sys.stdin.read()\n"
    )
    script = folder / f"cluster-{workers}.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "plugins")}
    with subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def is_met(goal: str, figure: float) -> bool:
    """Say whether a figure is what its goal, such as "≤ 1.2", says."""
    match = re.fullmatch(r"([≤≥<]) ([0-9.]+)", goal)
    if match is None:
        return True
    bound = float(match[2])
    return {"≤": figure <= bound, "≥": figure >= bound, "<": figure < bound}[match[1]]


CASES = (
    Case(
        "Caddy's JSON, half of the lines naming an image: time a line, times `combined`'s", "≤ 4", json_lines, digits=1
    ),
    Case("fields in another order, read line by line: time a line, times `combined`'s", "", one_by_one, digits=1),
    Case("20,000 images, 200,000 names in the log: CPU a line, times that of 200 and 200", "≤ 1.3", many_images),
    Case("crawlers left out, each line another agent: CPU, times that without", "≤ 2", agents, digits=1),
    Case("programs and systems counted: CPU of an everyday run, times that without", "≤ 1.15", programs),
    Case("programs and systems counted: its memory, times that without", "≤ 1.3", programs_memory),
    Case("5 M clients of one file and day: memory a download (bytes)", "≤ 130", one_file_and_day, slow=True, digits=0),
    Case("16 M keys on a cluster of 2: memory here (MiB)", "< 100", on_a_cluster(2), slow=True, digits=0),
    Case("16 M keys on a cluster of 4: memory here (MiB)", "< 100", on_a_cluster(4), slow=True, digits=0),
)
