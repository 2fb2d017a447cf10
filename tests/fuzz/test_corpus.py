"""Every input that the fuzzer ever found worth keeping does no harm."""

from pathlib import Path

import pytest

from fuzz.targets import TARGETS, corpus


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_reached_new_code_raise_nothing_and_give_nothing_wrong(target: str) -> None:
    inputs = list(corpus(target))
    assert inputs
    for kept in inputs:
        TARGETS[target](kept.read_bytes())


def test_every_corpus_has_its_target() -> None:
    assert {folder.name for folder in (Path(__file__).parent / "corpus").iterdir()} == set(TARGETS)
