"""The time that a line takes grows as its length does, whatever a client sends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from download_counter.logs.formats import format_of, formats, prefixes
from download_counter.settings import Rule

# A line that takes the square of its length takes minutes; one that takes its length, milliseconds.
LENGTH = 1 << 16
SECONDS = 20

PIECES = [
    b"a", b" ", b'"', b'" "', b"\\", b'\\"', b"\\x", b":", b"0:", b"::", b"1.", b"-", b" - ", b"- ", b"[", b"] [",
    b"[09/May/2026:", b",", b", ", b"for=", b'for="', b"%2e", b"/", b"../", b"?", b"GET ", b"GET /a.iso ", b"|", b"\t",
    b"{", b'{"a":', b"\x1b[0m", b";",
]  # fmt: skip
STARTS = [
    b"",
    b"192.0.2.1 ",
    b"192.0.2.1 - ",
    b'192.0.2.1 - - [09/May/2026:10:00:00 +0200] "GET /',
    b'192.0.2.1 - - [09/May/2026:10:00:00 +0200] "GET /a.iso HTTP/1.1" 200 1 "',
    b"May  9 10:00:00 web1 nginx",
    b"<190>1 2026-05-09T10:00:00Z web1 nginx 1 - [",
]


@contextmanager
def in_time() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


SETTINGS = [Rule(log_format=name, method="GET") for name in formats()]
SETTINGS += [Rule(line_prefix=name) for name in prefixes()]
SETTINGS += [
    Rule(log_format='%h %l %u %t "%m %U%q %H" %>s'),
    Rule(log_format='%{Forwarded}i %t "%r" %>s %b', client="%{Forwarded}i"),
    Rule(log_format='%{X-Forwarded-For}i %t "%r" %>s %b', client="%{X-Forwarded-For}i"),
    Rule(log_format="vhost_combined", hosts=("dl.example",)),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: f"{one.line_prefix}{one.log_format}{one.client}")
def test_a_long_line_takes_no_more_than_its_length(settings: Rule) -> None:
    format_ = format_of(settings)
    for start in STARTS:
        for piece in PIECES:
            line = start + piece * (LENGTH // len(piece))
            with in_time():
                row = format_.row(line)
                list(format_.unusual_lines(line + b"\n"))
                format_.rows(line + b"\n")
                if row is not None:
                    format_.agent_of(row[4])
