"""Every line that a real server wrote is read as what its client got; see data/formats/README.md."""

import json
from typing import Any

import pytest

from download_counter.counting.tally import tally
from download_counter.settings import Rule
from known_formats import CLIENT, FORMATS, READ_AS
from tallies import of_kind, sent

# Squid alone writes a backslash as it came, where all others write an escape. No browser sends one.
NOT_SO = {"squid-14": pytest.mark.xfail(strict=True)}


def cases() -> list[Any]:
    return [
        pytest.param(name, line, expected, id=f"{name}-{number}", marks=NOT_SO.get(f"{name}-{number}", ()))
        for name in READ_AS
        for number, (line, expected) in enumerate(
            zip(
                (FORMATS / f"{name}.log").read_bytes().splitlines(keepends=True),
                json.loads((FORMATS / f"{name}.json").read_text()),
                strict=True,
            ),
            start=1,
        )
    ]


@pytest.mark.parametrize(("name", "line", "expected"), cases())
def test_a_real_line_counts_as_what_its_client_got(name: str, line: bytes, expected: dict[str, Any] | None) -> None:
    found = tally([(line, 0)], Rule(log_format=READ_AS[name], client=CLIENT.get(name, "")))

    assert found.unreadable == 0
    if expected is None:
        assert not of_kind(found)
        return
    key = (expected["day"], expected["file"])
    assert {file: list(clients) for file, clients in of_kind(found).items()} == {key: [expected["client"].encode()]}
    assert sent(found)[key] == expected["bytes"]
