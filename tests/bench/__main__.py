"""`make bench`: the download counter beside other ways to count the same logs, and what it costs in special cases.

All run cold as to what they keep (no earlier result) and warm as to the disk (the logs were just
read). The quick ones take turns, so that what else the machine does falls on all alike, and each
figure is the median of the ratios of one turn; the slow ones run once. Memory is looked at in
runs that are not timed. The table goes to the terminal and to docs/benchmark.md.

    make bench                              all but the slow rows: some minutes
    make bench BENCH=--slow                 everything: half an hour, and 5 GB of disk
    make bench BENCH=--quick                a twentieth of the lines, no page: a minute or two
    make bench BENCH="--beside ../other"    in turns with another checkout of this program
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

from .cases import CASES, is_met
from .logdata import EVERYDAY, FLOOD, QUARTER, Dataset, cache_folder, dataset
from .measure import Failed, peak_memory, seconds
from .tools import REPOSITORY, Ours, Tool, machine, others

OURS = "download counter"
BESIDE = "the other checkout"
NEXT_RUN = "next run"
AGED_RUN = "next run, aged"
IMAGES, YEARS = 300, 10
PAGE = REPOSITORY / "docs" / "benchmark.md"


@dataclass(frozen=True)
class Row:
    """A row of the table: what was measured, what it was to be, what it is; a heading has no figure."""

    what: str
    goal: str = ""
    figure: float | None = None
    digits: int = 2

    @property
    def cells(self) -> tuple[str, str, str]:
        """What stands in the columns."""
        if self.figure is None:
            return self.what, self.goal, ""
        missed = "" if is_met(self.goal, round(self.figure, self.digits)) else " missed"
        return self.what, self.goal, f"{self.figure:.{self.digits}f}{missed}"


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
    parser.add_argument("--quick", action="store_true", help="fewer lines, no page")
    parser.add_argument("--slow", action="store_true", help="the tools and rows that take minutes as well")
    parser.add_argument("--rounds", type=int, default=7, help="turns of the quick tools (%(default)s)")
    parser.add_argument("--only", default="", help="only the cases whose text has this in it, and no page")
    parser.add_argument("--beside", type=Path, help="another checkout, to take turns with")
    arguments = parser.parse_args()
    scale = 0.05 if arguments.quick else 1.0
    rows: list[Row] = []
    measured: list[Figures] = []
    tools: list[Tool] = []
    try:
        if not arguments.only:
            tools = others(slow=arguments.slow)
            quick = [tool for tool in tools if not tool.slow]
            everyday = measure(dataset(EVERYDAY, scale), tools, arguments.rounds, arguments.beside)
            quarter = measure(dataset(QUARTER, scale), [], min(arguments.rounds, 3), None)
            flood = measure(dataset(FLOOD, scale), quick, arguments.rounds, arguments.beside)
            measured = [everyday, quarter, flood]
            rows += compared(everyday, quarter, flood)
            rows += [
                Row(f"**pages of {IMAGES} images and {YEARS} years**"),
                Row("build, with Pelican's start (seconds)", "≤ 2.5", build_seconds(min(arguments.rounds, 3)), 1),
            ]
        rows.append(Row("**special cases**"))
        for case in CASES:
            if arguments.only in case.what and (arguments.slow or not case.slow):
                say(case.what)
                with scratch_folder() as scratch:
                    rows.append(Row(case.what, case.goal, case.measure(scratch, scale), case.digits))
    except Failed as failed:
        sys.exit(f"A program that was to be measured failed:\n{failed}")
    text = page(measured, rows, tools, arguments.rounds)
    print("\n" + text)
    if measured and not arguments.quick:
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


def measure(data: Dataset, tools: list[Tool], rounds: int, beside: Path | None) -> Figures:
    """Run everything on one data set, in turns."""
    figures = Figures(data, defaultdict(list), {})
    with scratch_folder() as scratch:
        ours = Ours(data.logs, data.files, scratch / "here")
        sites = {OURS: ours}
        if beside:
            sites[BESIDE] = Ours(data.logs, data.files, scratch / "beside", checkout=beside.resolve())
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
            for name, site in sites.items():
                say(f"{data.name}: {name}, turn {turn + 1} of {rounds}")
                site.forget()
                took, _ = seconds(site.ingest())
                figures.seconds[name].append(took)
                agree(name, site.downloads(), data)
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
        for name, site in sites.items():
            say(f"{data.name}: memory of {name}")
            site.forget()
            figures.memory[name] = peak_memory(site.ingest())
    return figures


def say(what: str) -> None:
    """Show on a terminal what is under way."""
    if sys.stdout.isatty():
        print(f"\r\033[K{what}", end="", flush=True)


def agree(name: str, downloads: int, data: Dataset) -> None:
    """Stop unless a program counted what was put into the logs."""
    if downloads != data.downloads:
        sys.exit(f"{name} counts {downloads} downloads in {data.name}; there are {data.downloads}.")


def age(web_root: Path) -> int:
    """Add many years to what is known; return how many downloads they have."""
    known = load(web_root)
    before = sum(number for months in known.counts.values() for number in months.values())
    add_years(known)
    return sum(number for months in known.counts.values() for number in months.values()) - before


def add_years(known: History) -> list[str]:
    """Make up what is known after many years, and save it: of each image two years of days, one image after the other.

    Returns:
        The images.
    """
    rng = random.Random(1)
    first_day, days = date(2016, 1, 1), YEARS * 365
    records: dict[str, Record] = {}
    files = [f"{2016 + n * YEARS // IMAGES}/distribution-{n}-amd64.iso" for n in range(IMAGES)]
    for number, file in enumerate(files):
        first = number * days // IMAGES
        for day in range(first, min(first + 2 * 365, days)):
            started = 1 + rng.randrange(300)
            figures = Day(started, started // 2, started << 30, 0, started // 4, 0, started // 9, started, None)
            records.setdefault((first_day + timedelta(day)).isoformat(), Record({}, {})).files[file] = figures
            months = known.counts.setdefault(file, {})
            month = f"{first_day + timedelta(day):%Y-%m}"
            months[month] = months.get(month, 0) + started
    for day_text, record in records.items():
        known.put(day_text, record)
    known.save()
    return files


def build_seconds(rounds: int) -> float:
    """Return the median seconds of a build of the pages from a long history, Pelican's start included."""
    data = dataset(EVERYDAY, 0.05)
    with scratch_folder() as scratch:
        ours = Ours(data.logs, data.files, scratch / "site")
        for number, file in enumerate(add_years(load(ours.web_root))):
            image = ours.web_root / file
            image.parent.mkdir(exist_ok=True)
            with open(image, "wb") as made:
                made.truncate(1_000_000_000 + number)
        seconds(ours.build())
        times = []
        for turn in range(rounds):
            say(f"build, turn {turn + 1} of {rounds}")
            took, _ = seconds(ours.build())
            times.append(took)
    return median(times)


def compared(everyday: Figures, quarter: Figures, flood: Figures) -> list[Row]:
    """The rows that set the counter beside others, and beside itself."""
    rows: list[Row] = []

    def add(what: str, goal: str, figure: float | None, digits: int = 2) -> None:
        if figure is not None:
            rows.append(Row(what, goal, figure, digits))

    def part_of(figures: Figures, other: str) -> float | None:
        theirs = figures.memory.get(other)
        return figures.memory[OURS] / theirs if theirs else None

    for figures, mawk_goal, duckdb_goal, bytes_goal in (
        (everyday, "≤ 0.5", "≤ 1.0", "≤ 128"),
        (flood, "≤ 0.35", "≤ 1.1", "≤ 80"),
    ):
        rows.append(Row(f"**{title(figures)}**"))
        add("time, as part of `zcat \\| mawk` with an array", mawk_goal, figures.ratio(OURS, "zcat | mawk"))
        add("time, as part of DuckDB's `count(distinct)`", duckdb_goal, figures.ratio(OURS, "DuckDB"))
        add("memory, as part of DuckDB's", "< 0.5", part_of(figures, "DuckDB"))
        add("time, as part of the other checkout's", "≤ 1.03", figures.ratio(OURS, BESIDE))
        add("memory, as part of the other checkout's", "≤ 1.3", part_of(figures, BESIDE))
        if figures is everyday:
            for other, goal in (("GoAccess", "≥ 30"), ("Webalizer", "≥ 50"), ("AWStats", "≥ 200")):
                add(f"times faster than {other}", goal, figures.ratio(other, OURS), 0)
            add("next run, only today's log changed, as part of the cold run", "≤ 0.30", figures.ratio(NEXT_RUN, OURS))
            what = f"the same when {IMAGES} images and {YEARS} years are known, times that without"
            add(what, "≤ 1.2", figures.ratio(AGED_RUN, NEXT_RUN))
        add("memory a download (bytes)", bytes_goal, figures.memory[OURS] / figures.data.downloads, 0)
    rows.append(Row(f"**{title(quarter)}**"))
    add("next run, only today's log changed, as part of the cold run", "≤ 0.08", quarter.ratio(NEXT_RUN, OURS))
    return rows


def page(measured: list[Figures], rows: list[Row], tools: list[Tool], rounds: int) -> str:
    """Return the page with the table, in Markdown."""
    missed = [row for row in rows if row.cells[2].endswith("missed")]
    width = max(len(row.what) for row in rows)
    return "\n".join(
        [
            "# Benchmark",
            "",
            *(in_short(figures) for figures in measured if figures.data.name != "quarter"),
            f"Goals missed: {'; '.join(row.what for row in missed)}." if missed else "All goals are met.",
            "",
            f"Made by `make bench` on {datetime.now().astimezone():%Y-%m-%d}. Whole processes, from an empty",
            f"`.stats/`, logs in the page cache; quick programs in turns, medians of the ratios of {rounds} turns;",
            "the slow once. Programs that count downloads were checked to count the same number.",
            "",
            *(f"- {line}" for line in machine()),
            *([f"- {', '.join(tool.version for tool in tools)}"] if tools else []),
            f"- load of the machine at the end {os.getloadavg()[2]:.1f} (15 minutes; alone it stays below 2)",
            "",
            f"| {'what':{width}} | goal   |     measured |",
            f"| {'-' * width} | ------ | -----------: |",
            *("| {:{}} | {:6} | {:>12} |".format(row.cells[0], width, *row.cells[1:]) for row in rows),
            "",
            "| program          | data     | seconds | of all turns     | peak memory, MiB |",
            "| ---------------- | -------- | ------: | ---------------- | ---------------: |",
            *(line for figures in measured for line in times_of(figures)),
            "",
        ]
    )


def in_short(figures: Figures) -> str:
    """What an admin wants to know of a data set, in a line."""
    took, peak = median(figures.seconds[OURS]), figures.memory[OURS]
    text = f"{title(figures)}: {took:.1f} seconds and {peak / 2**20:.0f} MiB"
    if NEXT_RUN in figures.seconds:
        text += f"; the next run, with one more day, {median(figures.seconds[NEXT_RUN]):.1f} seconds"
    return text[0].upper() + text[1:] + ".  "


def times_of(figures: Figures) -> Iterator[str]:
    """The rows of the second table."""
    for name, times in figures.seconds.items():
        peak = figures.memory.get(name)
        yield (
            f"| {name.replace('|', chr(92) + '|'):16} | {figures.data.name:8} | {median(times):7.2f}"
            f" | {f'{min(times):.2f} to {max(times):.2f}':16}"
            f" | {f'{peak / 2**20:.0f}' if peak else '':>16} |"
        )


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
