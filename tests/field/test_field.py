"""Logs as people have them, after public reports: each counts right, or is refused in a sentence that names it."""

import json
from pathlib import Path
from typing import Any

import pytest

from download_counter.errors import DownloadCounterError
from download_counter.ingest import ingest
from download_counter.settings import check

FIELD = Path(__file__).parents[1] / "data" / "field"
CASES = sorted(path.parent.name for path in FIELD.glob("*/expected.json"))


# What the message of a case tells to set, and an admin then sets.
THEN_SET: dict[str, dict[str, Any]] = {
    "alias-prefix": {"url_prefix": "/iso/"},
    "bunny": {"method": "GET"},
    "many-vhosts-one-log": {"hosts": ["downloads.example"]},
    "json-matomo-nginx": {"method": "GET", "json_keys": {"size": "length"}},
    "json-unknown-method-key": {"json_keys": {"size": "length"}},
    "nginx-json-latin1-agent": {"method": "GET", "json_keys": {"size": "length"}},
    "nginx-request-uri-escaped": {"log_format": '%h %t %m "%{raw}U" %>s %b'},
    "syslog-prefix": {"line_prefix": "syslog"},
    "journalctl-prefix": {"line_prefix": "syslog"},
    "pri-syslog": {"line_prefix": "syslog"},
    "rsyslog-iso-advised": {"line_prefix": "syslog", "log_format": "combined"},
    "syslog-prefix-json": {"line_prefix": "syslog"},
    "docker-compose-prefix": {"line_prefix": "docker-compose"},
    "docker-timestamps": {"line_prefix": "timestamp"},
    "tai64n-prefix": {"line_prefix": "timestamp"},
    "clock-prefix": {"line_prefix": "timestamp"},
    "epoch-prefix": {"line_prefix": "timestamp"},
    "kubernetes-cri": {"line_prefix": "cri"},
    "vhost-without-port": {"log_format": "vhost"},
    "balancer-second-address": {"log_format": "balancer"},
    "gandi": {"log_format": "gandi"},
    "caddy-before-2.5": {},
}

# The rule looks at two days, and these bytes are three days apart: two started, none finished.
BY_THE_RULE: dict[str, dict[str, Any]] = {"resumed-after-three-days": {"finished": {"linux.iso": 0}}}


def read_case(name: str, web_root: Path, then: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[str]]:
    """What the program makes of a case: counts, finished and unreadable, and what it says."""
    case = FIELD / name
    settings_file = case / "settings.json"
    more = json.loads(settings_file.read_text()) if settings_file.exists() else {}
    settings = check({"web_root": web_root, "logs": [f"{case}/logs/*"], **more, **(then or {})})
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
    expected = json.loads((FIELD / name / "expected.json").read_text()) | BY_THE_RULE.get(name, {})
    try:
        found, said = read_case(name, tmp_path)
    except DownloadCounterError as error:
        found, said = {"counts": {}}, [str(error)]
    if {key: found.get(key) for key in expected} == expected:
        return

    logs = [path.name for path in (FIELD / name / "logs").iterdir()]
    assert any(log in sentence for log in logs for sentence in said) or "counts" not in found or not found["counts"]
    assert said, found
    if name in THEN_SET:
        assert all(any(key in sentence for sentence in said) for key in list(THEN_SET[name])[:1]), said
        (tmp_path / "again").mkdir()
        found, said = read_case(name, tmp_path / "again", THEN_SET[name])
        assert {key: found[key] for key in expected if key != "unreadable"} == {
            key: value for key, value in expected.items() if key != "unreadable"
        }, said
        return
    for file, months in found["counts"].items():
        for month, number in months.items():
            assert number <= expected["counts"].get(file, {}).get(month, 0), (found, said)
