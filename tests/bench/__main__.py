"""`make bench`: the download counter beside other ways to count the same logs.

All run cold as to what they keep (no earlier result) and warm as to the disk (the logs were just
read). The quick ones take turns, so that what else the machine does falls on all alike, and each
figure is the median of the ratios of one turn; the slow ones run once. Memory is looked at in
runs that are not timed. The table goes to the terminal and to docs/benchmark.md.

    make bench                 everything: some 15 minutes
    make bench BENCH=--quick   a twentieth of the lines, without the slow tools: a minute
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median

from download_counter.history.day import Day, Record
from download_counter.history.store import History, load

from .logdata import EVERYDAY, FLOOD, Dataset, cache_folder, dataset
from .measure import Failed, peak_memory, seconds
from .tools import REPOSITORY, Ours, Tool, machine, others

OURS = "download counter"
NEXT_RUN = "next run"
AGED_RUN = "next run, aged"
IMAGES, YEARS = 300, 10
PAGE = REPOSITORY / "docs" / "benchmark.md"


@dataclass
class Figures:
    """What was measured on one data set: per program, seconds of each turn and peak bytes."""

    data: Dataset
    seconds: dict[str, list[float]]
    memory: dict[str, int]

    def ratio(self, name: str, other: str) -> float | None:
        """The median over the turns of one program's time as a part of another's; a slow one has but one turn."""
        ours, theirs = self.seconds.get(name), self.seconds.get(other)
        if not ours or not theirs:
            return None
        if len(ours) != len(theirs):
            return median(ours) / median(theirs)
        return median(one / two for one, two in zip(ours, theirs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer lines, no slow tools, no page")
    parser.add_argument("--rounds", type=int, default=7, help="turns of the quick tools (%(default)s)")
    parser.add_argument("--no-slow", action="store_true", help="without the tools that take minutes")
    arguments = parser.parse_args()
    slow = not (arguments.quick or arguments.no_slow)
    scale = 0.05 if arguments.quick else 1.0
    tools = others(slow=slow)
    try:
        everyday = measure(dataset(EVERYDAY, scale), tools, arguments.rounds)
        flood = measure(dataset(FLOOD, scale), [tool for tool in tools if not tool.slow], arguments.rounds)
        build = build_seconds(min(arguments.rounds, 3))
    except Failed as failed:
        sys.exit(f"A program that was to be measured failed:\n{failed}")
    text = page(everyday, flood, build, tools, arguments.rounds)
    print("\n" + text)
    if not arguments.quick:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
        print(f"written to {PAGE.relative_to(REPOSITORY)}")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder on the disk of the data sets that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=cache_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def measure(data: Dataset, tools: list[Tool], rounds: int) -> Figures:
    """Run everything on one data set, in turns."""
    figures = Figures(data, defaultdict(list), {})
    with scratch_folder() as scratch:
        ours = Ours(data, scratch)
        if ours.current.suffix == ".log":
            ours.an_hour_of_today()
            seconds(ours.ingest())
            ours.keep()
            ours.all_of_today()
        for turn in range(rounds):
            for tool in tools:
                if tool.slow and turn:
                    continue
                say(f"{data.name}: {tool.name}, turn {turn + 1} of {rounds}")
                took, printed = seconds(tool.command(data, scratch))
                figures.seconds[tool.name].append(took)
                if tool.counts:
                    agree(tool.name, int(printed), data)
            say(f"{data.name}: {OURS}, turn {turn + 1} of {rounds}")
            ours.forget()
            took, _ = seconds(ours.ingest())
            figures.seconds[OURS].append(took)
            agree(OURS, ours.downloads(), data)
            for name, aged in ((NEXT_RUN, False), (AGED_RUN, True)) if ours.kept.exists() else ():
                ours.recall()
                before = age(ours.web_root) if aged else 0
                took, _ = seconds(ours.ingest())
                figures.seconds[name].append(took)
                agree(name, ours.downloads() - before, data)
        for tool in tools:
            if not tool.slow:
                say(f"{data.name}: memory of {tool.name}")
                figures.memory[tool.name] = peak_memory(tool.command(data, scratch))
        say(f"{data.name}: memory of {OURS}")
        ours.forget()
        figures.memory[OURS] = peak_memory(ours.ingest())
    return figures


def age(web_root: Path) -> int:
    """Add many years to what is known; return how many downloads they have."""
    known, years = load(web_root), long_history()
    known.merge(years.days)
    known.counts |= years.counts
    known.save()
    return sum(number for months in years.counts.values() for number in months.values())


def say(what: str) -> None:
    """Show on a terminal what is under way."""
    if sys.stdout.isatty():
        print(f"\r\033[K{what}", end="", flush=True)


def agree(name: str, downloads: int, data: Dataset) -> None:
    """Stop unless a program counted what was put into the logs."""
    if downloads != data.downloads:
        sys.exit(f"{name} counts {downloads} downloads in {data.name}; there are {data.downloads}.")


def build_seconds(rounds: int) -> float:
    """Return the median seconds of a build of the pages from a long history, Pelican's start included."""
    data = dataset(EVERYDAY, 0.05)
    with scratch_folder() as scratch:
        ours = Ours(data, scratch)
        known = long_history()
        for number, file in enumerate(known.counts):
            image = ours.web_root / file
            image.parent.mkdir(exist_ok=True)
            with open(image, "wb") as made:
                made.truncate(1_000_000_000 + number)
        known.web_root = ours.web_root
        known.save()
        seconds(ours.build())
        times = []
        for turn in range(rounds):
            say(f"build, turn {turn + 1} of {rounds}")
            took, _ = seconds(ours.build())
            times.append(took)
    return median(times)


def long_history() -> History:
    """Make up what is known after many years: of each image two years of days, one image after the other."""
    rng = random.Random(1)
    known = History(Path("/nowhere"), edited=True)
    records: dict[str, Record] = {}
    first_day, days = date(2016, 1, 1), YEARS * 365
    for number in range(IMAGES):
        first = number * days // IMAGES
        file = f"{2016 + number * YEARS // IMAGES}/distribution-{number}-amd64.iso"
        for day in range(first, min(first + 2 * 365, days)):
            started = 1 + rng.randrange(300)
            numbers = Day(started, started // 2, started << 30, 0, started // 4, started // 20, 0, started)
            records.setdefault((first_day + timedelta(day)).isoformat(), Record({}, {})).files[file] = numbers
    known.merge(records)
    known.raise_months()
    return known


def page(everyday: Figures, flood: Figures, build: float, tools: list[Tool], rounds: int) -> str:
    """Return the page with the table, in Markdown."""
    rows: list[tuple[str, str, str]] = []

    def ratio(figures: Figures, other: str, goal: str, what: str) -> None:
        if (value := figures.ratio(OURS, other)) is not None:
            rows.append((what, goal, f"{value:.2f}"))

    def times_faster(other: str, goal: str) -> None:
        if value := everyday.ratio(other, OURS):
            rows.append((f"times faster than {other}", goal, f"{value:.0f}"))

    def memory(figures: Figures, goal: str) -> None:
        if theirs := figures.memory.get("DuckDB"):
            rows.append(("memory, as part of DuckDB's", goal, f"{figures.memory[OURS] / theirs:.2f}"))

    for figures, mawk_goal in ((everyday, "≤ 0.5"), (flood, "≤ 0.4")):
        rows.append((f"**{title(figures)}**", "", ""))
        ratio(figures, "zcat | mawk", mawk_goal, "time, as part of `zcat \\| mawk` with an array")
        ratio(figures, "DuckDB", "≤ 1.0", "time, as part of DuckDB's `count(distinct)`")
        memory(figures, "< 0.5")
        if figures is everyday:
            times_faster("GoAccess", "≥ 30")
            times_faster("Webalizer", "≥ 90")
            times_faster("AWStats", "≥ 200")
            value = figures.ratio(NEXT_RUN, OURS)
            rows.append(("next run, only today's log changed, as part of the cold run", "≤ 0.25", f"{value:.2f}"))
            value = figures.ratio(AGED_RUN, OURS)
            rows.append((f"the same when {IMAGES} images and {YEARS} years are known", "", f"{value:.2f}"))
        bytes_each = figures.memory[OURS] / figures.data.downloads
        rows.append(("memory a download (bytes)", "≤ 130" if figures is flood else "", f"{bytes_each:.0f}"))
    rows.append((f"**pages of {IMAGES} images and {YEARS} years**", "", ""))
    rows.append(("build, with Pelican's start (seconds)", "≤ 2.5", f"{build:.1f}"))
    width = max(len(what) for what, _, _ in rows)
    lines = [
        "# Benchmark",
        "",
        f"Made by `make bench` on {datetime.now().astimezone():%Y-%m-%d}. Whole processes, from an empty `.stats/`,",
        f"logs in the page cache; quick programs in turns, medians of the ratios of {rounds} turns; the slow once.",
        "Programs that count downloads were checked to count the same number.",
        "",
        *(f"- {line}" for line in machine()),
        f"- {', '.join(tool.version for tool in tools)}",
        f"- load of the machine at the end {os.getloadavg()[2]:.1f} (15 minutes; alone it stays below 2)",
        "",
        f"| {'what':{width}} | goal   | measured |",
        f"| {'-' * width} | ------ | -------: |",
        *(f"| {what:{width}} | {goal:6} | {value:>8} |" for what, goal, value in rows),
        "",
        "| program          | data     | seconds | of all turns   | peak memory, MiB |",
        "| ---------------- | -------- | ------: | -------------- | ---------------: |",
    ]
    for figures in (everyday, flood):
        for name, times in figures.seconds.items():
            peak = figures.memory.get(name)
            lines.append(
                f"| {name.replace('|', chr(92) + '|'):16} | {figures.data.name:8} | {median(times):7.2f}"
                f" | {f'{min(times):.2f} to {max(times):.2f}':14}"
                f" | {f'{peak / 2**20:.0f}' if peak else '':>16} |"
            )
    return "\n".join(lines) + "\n"


def title(figures: Figures) -> str:
    """What a data set is, in a line."""
    data = figures.data
    packed = sum(log.suffix == ".gz" for log in data.logs)
    return (
        f"{data.name}: {len(data.logs)} logs ({packed} gzipped), {data.lines / 1e6:.1f} M lines,"
        f" {data.downloads:,} downloads"
    )


if __name__ == "__main__":
    main()
