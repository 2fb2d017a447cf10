"""Change the program in small ways, one at a time, and see that a test fails each time: make mutants.

What no test notices must stand in survivors.toml, with the reason why nobody else would notice it either.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[2]
PROGRAM = "plugins/download_counter"
# The modules in which a mistake is a wrong number or a lost file, each with the tests that say most of it.
TESTS = {
    "counting/rule.py": "counting/test_other_lines.py counting/test_tally.py counting/test_finished.py logs "
    "test_ingest.py counting/test_rule_properties.py field counting/test_packing.py",
    "counting/tally.py": "counting/test_tally.py field counting/test_packing.py faults/test_hostile.py",
    "counting/clients.py": "counting/test_packing.py counting/test_tally.py counting/test_finished.py",
    "counting/days.py": "counting/test_days.py counting/test_finished.py test_ingest.py counting/test_places.py "
    "counting/test_tally.py lives",
    "counting/agents.py": "counting/test_agents.py counting/test_tally.py",
    "counting/crawlers.py": "counting/test_crawlers.py",
    "counting/places.py": "counting/test_places.py",
    "counting/workers.py": "test_ingest.py field faults/test_once_wrong.py lives faults/test_killed_workers.py",
    "counting/processes.py": "counting/test_processes.py test_ingest.py "
    "faults/test_killed_workers.py faults/test_hostile.py",
    "counting/cluster.py": "counting/test_cluster.py",
    "history/day.py": "history counting/test_finished.py test_ingest.py e2e/test_numbers.py",
    "history/year.py": "history test_ingest.py",
    "history/store.py": "history test_ingest.py lives faults/test_once_wrong.py",
    "ingest.py": "test_ingest.py lives faults/test_once_wrong.py faults/test_links.py",
    "safe_files.py": "test_safe_files.py faults/test_at_once.py faults/test_links.py faults/test_faults.py",
}
PATIENCE = 300  # seconds; one that never ends is noticed

# Of the operators that can stand for another, those that are mistaken for it. The others fail at once, and say nothing.
LIKELY = {
    "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "LtE_Gt", "Gt_Lt", "GtE_Lt", "Is_IsNot",
    "IsNot_Is", "In_NotIn", "NotIn_In", "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "FloorDiv_Mul",
    "Mod_Add", "BitOr_BitAnd", "BitAnd_BitOr", "LShift_RShift", "RShift_LShift", "Pow_Mul",
}  # fmt: skip


class Mutant(NamedTuple):
    """A change: where, which operator of Cosmic Ray's, and the line as it was."""

    module: str
    operator: str
    line: str


# Where a change is none: a cache gives the answers it would give without, a record is as good if it may be changed, a
# signature only says how to call, and two lists that are as long as each other need no guard.
_NO_CHANGE = re.compile(r"@(lru_)?cache|@dataclass|def |class |\) -> ")


def is_likely(operator: str, line: str) -> bool:
    kind = operator.partition("/")[2]
    if _NO_CHANGE.match(line.strip()) or ("strict=True" in line and kind == "ReplaceTrueWithFalse"):
        return False
    if "Operator_" in kind and "Unary" not in kind:
        return kind.partition("Operator_")[2] in LIKELY
    return True


def copies(stack: ExitStack, number: int) -> Iterator[Path]:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for _ in range(number):
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        for name in files.stdout.split("\0")[:-1]:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, copy / name, follow_symlinks=False)
        (copy / ".venv").symlink_to(CHECKOUT / ".venv")
        yield copy


def cosmic_ray(copy: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "cosmic_ray.cli", *arguments], cwd=copy)


def prepare(copy: Path, module: str, part: int, parts: int) -> int:
    """Make a session of every so many-th likely mutant of a module, and return how many these are."""
    tests = " ".join(f"tests/{name}" for name in TESTS[module].split())
    (copy / "session.toml").write_text(
        f'[cosmic-ray]\nmodule-path = "{PROGRAM}/{module}"\ntimeout = {PATIENCE}.0\nexcluded-modules = []\n'
        f'test-command = ".venv/bin/python -m pytest -x -q -p no:cacheprovider --hypothesis-profile=mutants {tests}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    (copy / "session.sqlite").unlink(missing_ok=True)
    if cosmic_ray(copy, "init", "session.toml", "session.sqlite").wait():
        sys.exit("Cosmic Ray finds no mutants.")
    lines = (copy / PROGRAM / module).read_text().splitlines()
    with closing(sqlite3.connect(copy / "session.sqlite")) as session, session:
        jobs = session.execute("SELECT start_pos_row, operator_name, job_id FROM mutation_specs").fetchall()
        likely = [job for row, operator, job in sorted(jobs) if is_likely(operator, lines[row - 1])]
        kept = set(likely[part::parts])
        for *_, job in jobs:
            if job not in kept:
                session.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                session.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    return len(kept)


def survivors(copy: Path, module: str) -> Iterator[Mutant]:
    lines = (copy / PROGRAM / module).read_text().splitlines()
    with closing(sqlite3.connect(copy / "session.sqlite")) as session:
        for operator, row in session.execute(
            "SELECT operator_name, start_pos_row FROM mutation_specs JOIN work_results USING (job_id)"
            " WHERE test_outcome = 'SURVIVED'"
        ):
            yield Mutant(module, operator.partition("/")[2], lines[row - 1].partition("  # ")[0].strip())


def main(modules: Sequence[str]) -> int:
    known = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text())["survivor"]
    equivalent = {Mutant(one["module"], operator, one["line"]) for one in known for operator in one["operators"]}
    mutants = missed = 0
    parts = len(os.sched_getaffinity(0))
    with ExitStack() as stack:
        folders = list(copies(stack, parts))
        for module in modules:
            mutants += sum(prepare(copy, module, part, parts) for part, copy in enumerate(folders))
            for process in [cosmic_ray(copy, "exec", "session.toml", "session.sqlite") for copy in folders]:
                process.wait()
            for one in sorted({one for copy in folders for one in survivors(copy, module)} - equivalent):
                missed += 1
                print(f"{one.module}: {one.operator} survives in: {one.line}", flush=True)
    print(f"{mutants} mutants; {missed} survived for no reason that is known")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(TESTS)))
