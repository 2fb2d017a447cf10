"""A log in any format counts right, or right after what its message says to set, or is refused: never in silence."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from download_counter.ingest import ingest
from download_counter.settings import check
from field.test_advice import advised

SIZES = {"linux.iso": 30_000_000, "old/linux.iso": 20_000_000}
AGENTS = ("Wget/1.24.5", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0")

# What servers write of a request, and what stands beside it in the logs of some.
FIELDS: dict[str, Callable[[random.Random, str], str]] = {
    "client": lambda _, client: client,
    "client and port": lambda rng, client: f"[{client}]:443" if ":" in client else f"{client}:{rng.randrange(65536)}",
    "header": lambda rng, client: f'"{client}"' if rng.random() < 0.5 else f'"203.0.113.5, {client}"',
    "nothing": lambda *_: "-",
    "user": lambda rng, _: rng.choice(["-", "-", "alice"]),
    "quoted dash": lambda *_: '"-"',
    "host": lambda *_: "dl.example",
    "host and port": lambda *_: "dl.example:443",
    "proxy": lambda *_: "10.0.0.4",
    "port": lambda rng, _: str(rng.randrange(65536)),
    "stamp": lambda rng, _: f"[09/May/2026:12:00:{rng.randrange(10, 60)} +0200]",
    "ISO stamp": lambda rng, _: f"2026-05-09T12:00:{rng.randrange(10, 60)}+02:00",
    "seconds": lambda rng, _: f"17783208{rng.randrange(10, 60)}.123",
    "syslog": lambda rng, _: f"May  9 12:00:{rng.randrange(10, 60)} web1 nginx[812]:",
    "taken": lambda rng, _: f"0.{rng.randrange(1000):03}",
    "id": lambda rng, _: f"{rng.getrandbits(64):016x}",
    "word": lambda rng, _: rng.choice(["HIT", "MISS", "https"]),
    "agent": lambda rng, _: f'"{rng.choice(AGENTS)}"',
}
COMBINED = ["client", "nothing", "user", "stamp", "request", "status", "size", "quoted dash", "agent"]

KEYS = {
    "client": ["remote_addr", "client_ip", "c-ip", "RemoteAddr", "source.ip", "http_x_forwarded_for", "peer"],
    "proxy": ["remote_ip", "host", "clientip", "upstream"],
    "time": ["time", "ts", "@timestamp", "time_local", "StartUTC", "when"],
    "request": ["request", "req", "http_request"],
    "method": ["method", "verb", "RequestMethod", "http.request.method"],
    "path": ["uri", "url", "request_path", "url.path"],
    "status": ["status", "status_code", "responseCode", "http.response.status_code"],
    "size": ["bytes_sent", "size", "response_size", "http.response.bytes"],
    "agent": ["user_agent", "agent", "http_user_agent", "UA"],
}


def requests(rng: random.Random) -> list[tuple[str, str, int, int]]:
    """Client, file, status and bytes of some requests, of which some are downloads."""
    clients = [f"198.51.100.{number}" for number in range(1, 20)] + [f"2001:db8::{number}" for number in range(1, 5)]
    files = [*SIZES, "index.html"]
    return [
        (rng.choice(clients), file, rng.choice((200, 206, 404)), rng.choice((1000, SIZES.get(file, 500))))
        for file in rng.choices(files, k=80)
    ]


def text(rng: random.Random) -> Callable[[str, str, int, int], str]:
    """A kind of lines of fields: those of combined, changed here and there."""
    fields = COMBINED if rng.random() < 0.8 else COMBINED[:7]
    fields = fields[:]
    for _ in range(rng.choice((1, 1, 2, 3))):
        fields.insert(rng.choice((0, 0, 1, 2, 3, len(fields), rng.randrange(len(fields)))), rng.choice([*FIELDS]))
    if rng.random() < 0.3:
        one, other = rng.sample(range(len(fields)), 2)
        fields[one], fields[other] = fields[other], fields[one]

    def line(client: str, file: str, status: int, sent: int) -> str:
        said = {"request": f'"GET /{file} HTTP/1.1"', "status": str(status), "size": str(sent)}
        return " ".join(said.get(field) or FIELDS[field](rng, client) for field in fields)

    return line


def objects(rng: random.Random) -> Callable[[str, str, int, int], str]:
    """A kind of JSON lines."""
    keys = {need: rng.choice(some) for need, some in KEYS.items()}
    stamp = rng.choice(
        ["09/May/2026:12:00:00 +0200", "2026-05-09T12:00:00Z", 1778320800.5, "1778320800.5", 1778320800500]
    )
    left_out = rng.choice(["time", "client", "status", *[""] * 9])
    whole, numbers, proxied = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.3 and left_out != "client"

    def line(client: str, file: str, status: int, sent: int) -> str:
        said: dict[str, Any] = {"client": client, "time": stamp, "status": status, "size": sent, "agent": AGENTS[0]}
        said |= {"request": f"GET /{file} HTTP/1.1"} if whole else {"method": "GET", "path": f"/{file}"}
        said |= {"proxy": "10.0.0.4"} if proxied else {}
        found: dict[str, Any] = {"level": "info"}
        for need, value in said.items():
            *steps, last = keys[need].split(".")
            place = found
            for step in steps:
                place = place.setdefault(step, {})
            if need != left_out:
                place[last] = value if numbers or isinstance(value, float) else str(value)
        return json.dumps(found)

    return line


@pytest.mark.parametrize("kind", [text, objects])
@pytest.mark.parametrize("seed", range(60))
def test_no_format_counts_wrong_in_silence(
    kind: Callable[[random.Random], Callable[[str, str, int, int], str]], seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    line, asked = kind(rng), requests(rng)
    truth = len({(client, file) for client, file, status, _ in asked if file in SIZES and status != 404})
    lines = [line(*one) for one in asked]
    (tmp_path / "access.log").write_text("\n".join([*lines, ""]))
    needed: dict[str, Any] = {"web_root": tmp_path, "logs": [str(tmp_path / "access.log")]}

    outcome = ingest(check(needed), SIZES)
    while (said := advised(outcome.warnings)) and not said.items() <= needed.items():
        needed |= said
        outcome = ingest(check(needed), SIZES)

    counted = sum(sum(months.values()) for months in outcome.history.counts.values())
    assert outcome.warnings or counted == truth, (needed, lines[0])
