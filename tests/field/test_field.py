"""Logs as people have them, after public reports: each counts right, or is refused in a sentence that names it."""

import json
from pathlib import Path
from typing import Any

import pytest

from download_counter.ingest import ingest
from download_counter.settings import check

FIELD = Path(__file__).parents[1] / "data" / "field"
CASES = sorted(path.parent.name for path in FIELD.glob("*/expected.json"))


def read_case(name: str, web_root: Path) -> tuple[dict[str, Any], list[str]]:
    """What the program makes of a case: counts, finished and unreadable, and what it says."""
    case = FIELD / name
    settings_file = case / "settings.json"
    more = json.loads(settings_file.read_text()) if settings_file.exists() else {}
    settings = check({"web_root": web_root, "logs": [f"{case}/logs/*"], **more})
    rows = [row.split("\t") for row in (case / "web-root.tsv").read_text().splitlines()]
    outcome = ingest(settings, {file: int(size) for file, size in rows})
    finished: dict[str, int | None] = {}
    for record in outcome.history.days.values():
        for file, day in record.files.items():
            before = finished.get(file, 0)
            finished[file] = None if before is None or day.finished is None else before + day.finished
    found = {
        "counts": outcome.history.counts,
        "finished": finished,
        "unreadable": sum(log.unreadable for log in outcome.history.logs),
    }
    return found, list(outcome.warnings)


@pytest.mark.parametrize("name", CASES)
def test_a_log_as_people_have_it_counts_right_or_is_refused_by_name(name: str, tmp_path: Path) -> None:
    expected = json.loads((FIELD / name / "expected.json").read_text())

    found, said = read_case(name, tmp_path)

    if {key: found[key] for key in expected} == expected:
        return
    logs = [path.name for path in (FIELD / name / "logs").iterdir()]
    assert any(log in sentence for log in logs for sentence in said), (found, said)
    for file, months in found["counts"].items():
        for month, number in months.items():
            assert number <= expected["counts"].get(file, {}).get(month, 0), (found, said)
