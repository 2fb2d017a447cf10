"""Every Python that this machine has reads lines alike.

Before 3.11.5 the `re` module got some patterns wrong (https://github.com/python/cpython/issues/100061), and Debian 12
has 3.11.2: a server counted nothing, and nobody who tried it with a newer Python saw that.
"""

import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import pytest

import download_counter
from download_counter.logs.formats import format_of
from download_counter.settings import Rule
from known_formats import CLIENT, FORMATS, JSON_FORMATS, KNOWN, READ_AS
from line_by_line import said

TESTS = Path(__file__).parent

# Lines that a pattern tries to read in one way, halfway fails, and has to read in another.
ODD = rb"""
host.example:8080 - - [09/May/2026:18:00:00 +0200] "GET /a.iso HTTP/1.1" 200 1 "-" "curl"
2001:db8::5 - - [09/May/2026:18:00:00 +0200] "GET /a.iso HTTP/1.1" 200 1 "-" "curl"
fe80::1%eth0 - - [09/May/2026:18:00:00 +0200] "GET /a.iso HTTP/1.1" 206 1 "-" "curl"
192.0.2.1 - J Doe [09/May/2026:18:00:00 +0200] "GET /a \"b\"\xc3\xa9.iso HTTP/1.1" 200 1 "\"" "curl \" "
192.0.2.1 - - [09/May/2026:18:00:00 +0200] "GET /a b.iso HTTP/1.1" 200 1 "-" "curl"
192.0.2.1 - - [09/May/2026:18:00:00 +0200] "GET /a.iso HTTP/2.0 HTTP/1.1" 200 1 "-" "curl"
192.0.2.1 - - [09/May/2026:18:00:00 +0200] "GET /a.iso\" 200 1 "-" "curl"
192.0.2.1 - - [09/May/2026:18:00:00 +0200] "GET /a.iso?x=\" 206" HTTP/1.1" 200 - "-" "curl"
192.0.2.1 - - [09/May/2026:18:00:00 +0200] "HEAD /a.iso HTTP/1.1" 200 999999999999999999999 "-" "curl"
"""


def asked() -> list[tuple[str, str, str]]:
    """Formats, clients and logs to read by them: those of real servers, and odd ones in all formats with a name."""
    real = [
        (log_format, CLIENT.get(name, ""), (FORMATS / f"{name}.log").read_bytes().decode("latin-1"))
        for name, log_format in READ_AS.items()
    ]
    return real + [(name, "", ODD.decode("latin-1")) for name in KNOWN]


def other_pythons() -> list[str]:
    """Pythons of this minor version that are not this one, such as Debian's 3.11.2 beside a 3.11.9."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin", "/usr/bin"])
    names = {
        program
        for folder in path.split(os.pathsep)
        for minor in ("3", "3.11", "3.12", "3.13", "3.14")
        if (program := shutil.which(f"python{minor}", path=folder))
    }
    found: dict[str, str] = {}
    for program in sorted(names):
        version = subprocess.run(
            [
                program,
                "-c",
                "import sys; print('%d.%d.%d' % sys.version_info[:3], (3, 11) <= sys.version_info < (3, 15))",
            ],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        # The parser of JSON is compiled for this minor version.
        if version[1:] == ["True"] and version[0].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}."):
            found.setdefault(version[0], program)
    found.pop(".".join(map(str, sys.version_info[:3])), None)
    return [found[version] for version in sorted(found)]


def test_other_pythons_of_this_machine_read_every_line_as_this_one_does() -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("needs a second Python of this minor version, such as that of Debian's package python3")
    here = [said(*one) for one in asked()]
    assert all(any(clients for _, clients in lines) for lines in here[: len(READ_AS)])

    packages = os.pathsep.join([str(TESTS.parent / "plugins"), str(TESTS), sysconfig.get_path("purelib")])
    for python in pythons:
        there = subprocess.run(
            [python, TESTS / "line_by_line.py"],
            input=json.dumps(asked()),
            env={"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(there.stdout) == here, python


def patterns() -> list[re.Pattern[bytes] | re.Pattern[str]]:
    """All patterns of the program: those of log formats, and those that its modules have ready."""
    rules = [Rule(log_format=text, method="GET") for text in (*KNOWN, *JSON_FORMATS, '%h %t "%m %U%q %H" %>s')]
    rules += [Rule(log_format=text, client=CLIENT.get(name, "")) for name, text in READ_AS.items()]
    rules += [Rule(log_format=name, crawlers=True) for name in ("combined", "json")]
    formats = [format_of(rule) for rule in rules]
    ready = [
        value
        for module in pkgutil.walk_packages(download_counter.__path__, "download_counter.")
        if not module.name.endswith("__main__")
        for value in vars(import_module(module.name)).values()
        if isinstance(value, re.Pattern)
    ]
    of_formats = [value for one in formats for name in dir(one) if isinstance(value := getattr(one, name), re.Pattern)]
    assert len(of_formats) > len(formats)
    assert len(ready) > 2
    return [*of_formats, *ready]


def test_no_pattern_repeats_a_group_in_the_way_that_older_pythons_get_wrong() -> None:
    possessive_group = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+")

    assert possessive_group.search("(?:a|b)*+")
    texts = (text if isinstance(text, str) else text.decode() for text in (one.pattern for one in patterns()))
    assert [text for text in texts if possessive_group.search(text)] == []
