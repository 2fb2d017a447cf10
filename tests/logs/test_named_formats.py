"""The formats and prefixes that can be asked for by name: each reads the line that its documentation shows."""

import json

import pytest

from download_counter.counting.tally import tally
from download_counter.errors import DownloadCounterError
from download_counter.logs.formats import format_of, formats, prefixes
from download_counter.settings import Rule
from tallies import of_kind

COMBINED = str(formats()["combined"]["line"])

# They do not say the method.
WITHOUT_METHOD = {"bunny", "matomo"}


@pytest.mark.parametrize("name", formats())
def test_a_format_reads_the_line_of_its_documentation(name: str) -> None:
    row = formats()[name]
    assert str(row["source"]).startswith("http")
    rule = Rule(log_format=name, method="GET" if name in WITHOUT_METHOD else "")

    found = tally([(str(row["line"]).encode() + b"\n", 0)], rule)

    [((day, file), clients)] = of_kind(found).items()
    assert (day, file, list(clients), found.unreadable) == ("2026-05-09", "linux.iso", [b"192.0.2.1"], 0)


@pytest.mark.parametrize("name", prefixes())
def test_a_line_counts_behind_the_prefix_of_its_documentation_and_the_prefix_is_no_client(name: str) -> None:
    shown = str(prefixes()[name]["line"])
    line = shown.replace("…", json.dumps(COMBINED)[1:-1]) if "key" in prefixes()[name] else shown + COMBINED

    found = tally([(line.encode() + b"\n", 0)], Rule(line_prefix=name))

    assert list(of_kind(found).values()) == [{b"192.0.2.1": 30000285}]
    if "key" not in prefixes()[name]:
        assert of_kind(tally([(line.encode() + b"\n", 0)], Rule())) == {}


@pytest.mark.parametrize("settings", [{"log_format": "combinde"}, {"line_prefix": "sislog"}])
def test_a_misspelt_name_is_an_error_with_the_names_that_there_are(settings: dict[str, str]) -> None:
    with pytest.raises(DownloadCounterError, match=r"It may be: .*(nginx-ingress|docker-compose)"):
        format_of(Rule(**settings))  # type: ignore[arg-type]
