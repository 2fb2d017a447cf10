"""Some random lives of servers; `make lives` lives two thousand."""

import pytest

from lives.life import live, steps_of

LIVES = 60


@pytest.mark.parametrize("seed", range(LIVES))
def test_whatever_happens_to_the_logs_of_a_server_no_number_is_wrong(seed: int) -> None:
    assert live(seed, steps_of(seed)) == ""
