"""Which program and which system a user agent names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download_counter.counting.agents import OTHER, PROGRAMS, SYSTEMS, kind_of, program, system

MOZILLA = "Mozilla/5.0"
LIKE_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"


@pytest.mark.parametrize(
    ("agent", "named", "on"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
        (f"{MOZILLA} (X11; FreeBSD amd64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", "BSD"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {LIKE_CHROME} Safari/537.36", "Chrome", "Windows"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {LIKE_CHROME} Safari/537.36 Edg/138.0.0.0", "Edge", "Windows"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {LIKE_CHROME} Safari/537.36 OPR/120.0.0.0", "Opera", "Windows"),
        (f"{MOZILLA} (X11; CrOS x86_64 14541.0.0) {LIKE_CHROME} Safari/537.36", "Chrome", "ChromeOS"),
        (f"{MOZILLA} (Linux; Android 14) {LIKE_CHROME} Mobile Safari/537.36", "Chrome", "Android"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1 Version/18.5 Safari/605.1", "Safari", "macOS"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari", "iOS"),
        (f"{MOZILLA} (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1", "PowerShell", "Windows"),
        (f"{MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "robot", OTHER),
        ("Wget/1.21.3", "wget", OTHER),
        ("Wget/1.12 (linux-gnu)", "wget", "Linux"),
        ("curl/8.14.1", "curl", OTHER),
        ("aria2/1.37.0", "aria2", OTHER),
        ("Transmission/4.0.5", "BitTorrent", OTHER),
        ("Debian APT-HTTP/1.3 (2.6.1)", "package tool", "Linux"),
        ("python-requests/2.31.0", "Python", OTHER),
        ("Go-http-client/1.1", "Go", OTHER),
        ("-", OTHER, OTHER),
        ("", OTHER, OTHER),
    ],
)
def test_an_agent_names_its_program_and_its_system(agent: str, named: str, on: str) -> None:
    kind = kind_of(agent.encode())

    assert (program(kind), system(kind)) == (named, on)


def test_the_case_of_letters_does_not_matter() -> None:
    assert kind_of(b"WGET/1.21.3 (LINUX-GNU)") == kind_of(b"Wget/1.21.3 (linux-gnu)")


def test_every_pair_of_program_and_system_fits_into_a_byte() -> None:
    assert len(PROGRAMS) * len(SYSTEMS) <= 256


@given(st.binary(max_size=2000))
def test_any_agent_gives_a_byte_that_names_something(agent: bytes) -> None:
    kind = kind_of(agent)

    assert 0 <= kind < 256
    assert program(kind) in PROGRAMS
    assert system(kind) in SYSTEMS
