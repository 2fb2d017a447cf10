"""The patterns read a line in a time that grows as its length, whatever a client puts into it."""

import itertools
import re

import pytest

from download_counter.counting.rule import Rule
from faults.steps import Steps
from known_formats import JSON_FORMATS, KNOWN

FORMATS = (
    *KNOWN,
    *JSON_FORMATS,
    '%{X-Forwarded-For}i %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    '%h %l %u %{%d/%b/%Y %T}t.%{msec_frac}t "%m %U%q %H" %>s %B %D',
)
STARTS = (
    b"",
    b"192.0.2.1 - ",
    b'192.0.2.1 - - [09/May/2026:01:02:03 +0200] "GET /',
    b'192.0.2.1 - - [09/May/2026:01:02:03 +0200] "GET / HTTP/1.1" 200 1 "',
    b'www:443 192.0.2.1 - - [09/May/2026:01:02:03 +0200] "GET /',
    b'{"ts":1778284800,"request":{"remote_ip":"192.0.2.1","method":"GET","uri":"',
    b'{"status":200,',
)
PIECES = tuple(rb'a|"|\|\"| |[|]|,|:|%|, a|/| HTTP/1.1|"uri":"|"request":"GET |"ip"|{|1|\u00e9|.iso'.split(b"|"))
SHORT = 200


def rule(log_format: str) -> Rule:
    client = "%{X-Forwarded-For}i" if "X-Forwarded" in log_format else ""
    agent = log_format not in JSON_FORMATS and "User-Agent" in KNOWN.get(log_format, log_format)
    return Rule(log_format=log_format, client=client, crawlers=agent)


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("which", ["pattern", "usual"])
def test_twice_the_line_takes_no_more_than_twice_the_steps(log_format: str, which: str) -> None:
    pattern = getattr(rule(log_format).format(), which)
    if pattern is None:
        pytest.skip("this format has none")
    steps = Steps(pattern.pattern)

    def taken(line: bytes) -> int:
        steps.taken = 0
        end = steps.match(line)
        real = pattern.match(line)
        assert end == (real and real.end()), line  # the counting matcher is a matcher
        return steps.taken

    for start, piece, end in itertools.product(STARTS, PIECES, (b"", b'" 200 1\n')):
        short = taken(start + piece * SHORT + end)
        twice = taken(start + piece * SHORT * 2 + end)
        assert twice <= 2.1 * short, (log_format, start, piece, end)


def test_a_pattern_that_goes_back_is_found_out() -> None:
    steps, text = Steps(rb"(?:a*+)?[^\n]*?b*?c"), b"a" * 100
    assert re.match(rb"(?:a*+)?[^\n]*?b*?c", text) is None
    assert steps.match(text) is None
    once, steps.taken = steps.taken, 0
    steps = Steps(rb"[^\n]*?[^\n]*?c")
    steps.match(text)
    assert steps.taken > 10 * once
