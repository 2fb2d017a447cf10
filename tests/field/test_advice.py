"""What a message says to set is set, word for word, and then the log counts right."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from download_counter.history.store import load
from download_counter.ingest import ingest
from download_counter.settings import check

SIZE = 30_000_000
CLIENTS = ("192.0.2.11", "192.0.2.12", "198.51.100.13")
STAMP = "09/May/2026:10:00:0{n} +0200"
REQUEST = '"GET {path} HTTP/1.1" 200 {size}'
COMBINED = "{client} - - [" + STAMP + "] " + REQUEST + ' "-" "Wget/1.24.5"'
JSON = json.dumps(
    {"time": "2026-05-09T10:00:0#+02:00", "remote_addr": "@", "request": "GET ~ HTTP/1.1", "status": 200, "size": "&"}
)
JSON = JSON.replace("{", "{{").replace("}", "}}")
JSON = JSON.replace("#", "{n}").replace("@", "{client}").replace("~", "{path}").replace('"&"', "{size}")


def enveloped(key: str, line: str = COMBINED) -> str:
    """A line in a JSON object, under a key."""
    return '{{"before":1,"' + key + '":"' + line.replace('"', '\\"') + '","after":{{}}}}'


# After public reports and documents: goaccess#2329 and #2117 (OpenLiteSpeed), #2002 and #984 (a proxy's header),
# AWS re:Post (elb), and the sources in formats.toml and prefixes.toml.
KINDS = {
    "a virtual host": "dl.example " + COMBINED,
    "a virtual host with its port": "dl.example:443 " + COMBINED,
    "a balancer first": "10.0.0.4 " + COMBINED,
    "a balancer second": COMBINED.replace("{client}", "{client} 10.0.0.4"),
    "a proxy's header first": COMBINED.replace("{client}", "203.0.113.77, {client}"),
    "a proxy's header, then the proxy": COMBINED.replace("{client}", "203.0.113.77, {client} 10.0.0.4"),
    "a proxy's header last": COMBINED.replace("{client}", "10.0.0.4") + ' "{client}"',
    "a proxy's header with two last": COMBINED.replace("{client}", "10.0.0.4") + ' "203.0.113.77, {client}"',
    "a proxy's header behind a virtual host": "dl.example:80 "
    + COMBINED.replace("{client}", "10.0.0.4")
    + ' "{client}"',
    "OpenLiteSpeed": '"' + COMBINED + '"',
    "OpenLiteSpeed, common": '"dl.example {client} - - [' + STAMP + "] " + REQUEST + '"',
    "OpenLiteSpeed, one log for all": '["dl.example"] ' + COMBINED,
    "Filebeat": enveloped("message"),
    "Filebeat and JSON": enveloped("message", JSON),
    "GELF": enveloped("short_message"),
    "docker": enveloped("log"),
    "docker and JSON": enveloped("log", JSON),
    "the journal": enveloped("MESSAGE"),
    "syslog": "May  9 10:00:0{n} web1 nginx: " + COMBINED,
    "syslog and a virtual host": "May  9 10:00:0{n} web1 nginx: dl.example " + COMBINED,
    "syslog and JSON": "<134>May  9 10:00:0{n} web1 nginx[1]: " + JSON,
    "syslog, RFC 5424": "<134>1 2026-05-09T10:00:0{n}.123456+02:00 web1 nginx 12 - - " + COMBINED,
    "syslog and HAProxy": "May  9 10:00:0{n} lb haproxy[1]: {client}:51000 [09/May/2026:10:00:0{n}.123] http bk/s1 "
    '0/0/0/1/5 200 {size} - - ---- 1/1/1/1/0 0/0 "GET {path} HTTP/1.1"',
    "vsftpd": 'Sat May  9 10:00:0{n} 2026 [pid 7] [ftp] OK DOWNLOAD: Client "{client}", "{path}", {size} bytes, 9Kb/s',
    "JSON": JSON,
    "kubectl": "[pod/web-5d4f/nginx] 2026-05-09T08:00:00.1Z " + COMBINED,
    "Kubernetes": "2026-05-09T08:00:00.123456789Z stdout F " + COMBINED,
    "docker compose": "web-1  | " + COMBINED,
    "colours": "\x1b[36mweb-1  | \x1b[0m" + COMBINED,
    "a time in front": "2026-05-09T08:00:00.123Z " + COMBINED,
    "a request's id first": "{n}3a9be01f7c{n} " + COMBINED,
    "JSON with keys of its own": JSON.replace("remote_addr", "peer")
    .replace("time", "when")
    .replace('"req', '"http_req'),
    "JSON with a proxy's header under another key": JSON.replace(
        '"remote_addr": "{client}"', '"remote_addr": "10.0.0.4", "x_forwarded_for": "{client}"'
    ),
}


def a_log(kind: str) -> str:
    """Each client gets the image, and asks for a page."""
    lines = [
        KINDS[kind].format(client=client, path=path, size=size, n=n)
        for n, client in enumerate(CLIENTS)
        for path, size in (("/linux.iso", SIZE), ("/index.html", 512))
    ]
    return "\n".join([*lines, ""])


def advised(warnings: tuple[str, ...]) -> dict[str, Any]:
    return {
        match[1]: ast.literal_eval(match[2])
        for warning in warnings
        for match in re.finditer(r"DOWNLOAD_COUNTER\['(\w+)'\] = ('(?:[^'\\]|\\.)*'|{[^}]*})", warning)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_counts_right_after_what_its_message_says_to_set(kind: str, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(a_log(kind))
    needed = {"web_root": tmp_path, "logs": [tmp_path.joinpath("access.log").as_posix()]}

    outcome = ingest(check(needed), {"linux.iso": SIZE})
    assert outcome.warnings
    for _ in range(2):  # one thing after the other
        needed |= advised(outcome.warnings)
        outcome = ingest(check(needed), {"linux.iso": SIZE})

    assert not outcome.warnings
    assert load(tmp_path).counts == {"linux.iso": {"2026-05": 3}}
    assert [day.files["linux.iso"].finished for day in outcome.history.days.values()] == [3]


def test_a_log_with_a_proxys_header_that_few_visitors_send_is_left_as_it_is(tmp_path: Path) -> None:
    lines = [COMBINED.format(client=client, path="/linux.iso", size=SIZE, n=1) for client in CLIENTS]
    (tmp_path / "access.log").write_text("\n".join([*(f'{line} "-"' for line in lines), lines[0] + ' "10.0.0.9"', ""]))
    settings = check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")]})

    outcome = ingest(settings, {"linux.iso": SIZE})

    assert not outcome.warnings
    assert outcome.history.counts == {"linux.iso": {"2026-05": 3}}


def test_the_address_of_the_server_behind_is_not_taken_for_a_client(tmp_path: Path) -> None:
    behind = JSON.replace("{client}", "10.0.0.4").replace('"status"', '"upstream_addr": "{client}", "status"')
    lines = [behind.format(client=client, path="/linux.iso", size=SIZE, n=1) for client in CLIENTS]
    (tmp_path / "access.log").write_text("\n".join([*lines, ""]))
    settings = check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")], "log_format": "json"})

    assert not ingest(settings, {"linux.iso": SIZE}).warnings


def test_a_log_in_which_no_line_has_a_size_says_that_nobody_knows_what_finished(tmp_path: Path) -> None:
    line = COMBINED.replace("{size}", "-")
    (tmp_path / "access.log").write_text(line.format(client=CLIENTS[0], path="/linux.iso", n=1) + "\n")
    settings = check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")]})

    outcome = ingest(settings, {"linux.iso": SIZE})

    assert "does not say how many bytes were sent" in outcome.warnings[0]
    assert [day.files["linux.iso"].finished for day in outcome.history.days.values()] == [None]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(COMBINED.replace("- -", "{client} -").replace("{client}", "10.0.0.4", 1), id="a client second"),
        pytest.param(COMBINED.replace("{client} - -", "alice - {client}"), id="a client in the user's place"),
        pytest.param("https " + COMBINED.replace(" - ", ' "{client}" - ', 1), id="a word first, and a header third"),
        pytest.param(COMBINED.replace("{client}", "-"), id="no client"),
        pytest.param(COMBINED.replace("GET {path} HTTP/1.1", "-").replace('"-" "', '"GET {path}" "'), id="no request"),
        pytest.param(COMBINED.replace("200", "-"), id="no status"),
    ],
)
def test_a_log_in_a_format_that_nobody_knows_counts_nothing_and_says_so(line: str, tmp_path: Path) -> None:
    lines = [line.format(client=client, path="/linux.iso", size=SIZE, n=n) for n, client in enumerate(CLIENTS * 3)]
    (tmp_path / "access.log").write_text("\n".join([*lines, ""]))

    outcome = ingest(check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")]}), {"linux.iso": SIZE})

    assert outcome.history.counts == {}
    assert "Set DOWNLOAD_COUNTER['log_format'] to their LogFormat" in outcome.warnings[0]
    assert [log.lines for log in outcome.history.logs] == [0]


def test_a_few_lines_without_a_proxys_header_are_no_reason_to_write_a_mail(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(COMBINED.format(client="-", path="/linux.iso", size=SIZE, n=1) + "\n")
    options = {"log_format": '%{X-Forwarded-For}i %l %u %t "%r" %>s %O', "client": "%{X-Forwarded-For}i"}

    outcome = ingest(
        check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")], **options}), {"linux.iso": SIZE}
    )

    assert not outcome.warnings


LINE = COMBINED.format(client=CLIENTS[0], path="/linux.iso", size=SIZE, n=1)
APACHE = "[Sat May 09 10:00:00.1 2026] [core:error] [pid 7:tid 8] [client 192.0.2.11:5000] AH00126: GET /linux.iso\n"
NGINX = '2026/05/09 10:00:00 [error] 7#7: *1 open() failed, client: 192.0.2.11, request: "GET /linux.iso HTTP/1.1"\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (APACHE.encode() * 3, "it is an error log. Leave it out of DOWNLOAD_COUNTER['logs']"),
        (NGINX.encode() * 3, "it is an error log. Leave it out of DOWNLOAD_COUNTER['logs']"),
        (LINE.encode(), "has no line that ends, so nothing of it counts yet"),
        (f"{LINE}\n".encode("utf-16-le"), "it is written in UTF-16"),
        (f"{LINE}\n".encode("utf-16-be"), "it is written in UTF-16"),
    ],
)
def test_what_is_no_access_log_says_what_it_is_and_counts_nothing(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_bytes(content)

    outcome = ingest(check({"web_root": tmp_path, "logs": [str(tmp_path / "access.log")]}), {"linux.iso": SIZE})

    assert outcome.history.counts == {}
    assert said in outcome.warnings[0]
    assert "192.0.2" not in outcome.warnings[0]
