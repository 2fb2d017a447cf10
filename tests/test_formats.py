"""Every line that a real server wrote is read as what its client got; see data/formats/README.md."""

import json
from pathlib import Path
from typing import Any

import pytest

from download_counter.counting.tally import tally
from download_counter.settings import Rule
from tallies import of_kind, sent

FORMATS = Path(__file__).parent / "data" / "formats"

JSON_WITH_PATH = (
    '{ "time":"%t", "remoteIP":"%a", "host":"%V", "request":"%U", "query":"%q", "method":"%m", '
    '"status":"%>s", "bytes":"%O", "userAgent":"%{User-agent}i", "referer":"%{Referer}i" }'
)
JSON_WITH_REQUEST = (
    '{"time":"%{%Y-%m-%dT%H:%M:%S%z}t","client":"%h","request":"%r","status":%>s,'
    '"size":%B,"referer":"%{Referer}i","agent":"%{User-Agent}i"}'
)
COMBINED = '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"'

READ_AS = {
    "apache-common": "common",
    "apache-combined": "combined",
    "apache-combined-b": "combined",
    "apache-vhost_combined": "vhost_combined",
    "apache-proxied-a": COMBINED.replace("%h", "%a"),
    "apache-proxied-xff": COMBINED.replace("%h", "%{X-Forwarded-For}i"),
    "apache-json": JSON_WITH_PATH,
    "apache-json-request": JSON_WITH_REQUEST,
    "nginx-combined": "nginx",
    "nginx-json": "json",
    "nginx-json-uri": "json",
    "lighttpd": "lighttpd",
    "caddy-json": "caddy",
    "caddy-json-iso8601": "caddy",
    "rsyncd": "rsyncd",
    "vsftpd": "vsftpd",
    "vsftpd-xferlog": "xferlog",
    "haproxy": "haproxy",
    "python-http-server": "python",
    "nginx-ingress": "nginx-ingress",
    "nginx-proxy-manager": "nginx-proxy-manager",
    "squid": "squid",
    "varnish": "combined",
}
# Where the client is not named by %h or %a, the setting must say by what.
CLIENT = {"apache-proxied-xff": "%{X-Forwarded-For}i"}


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
