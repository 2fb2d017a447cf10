"""Each number of a day against a slow and plain count of the same lines, however they are spread over logs."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accesslog import MONTHS
from download_counter.counting.days import Gathered, days_around, records, size_on, work_out
from download_counter.counting.tally import tally
from download_counter.history.day import ALL_FILES, Day, Record
from download_counter.settings import Rule

DAYS = [date(2026, 5, 9) + timedelta(days) for days in range(4)]
BIG, SMALL, GREW, UNKNOWN = "a.iso", "iso/small.iso", "iso/grew.iso", "unknown.iso"
MIB = 1 << 20
SIZES = {
    BIG: [("", 300 * MIB)],
    SMALL: [("", 100)],
    GREW: [("", 1000), (DAYS[2].isoformat(), 2000)],
    "empty.iso": [("", 0)],
}
AGENTS = {"Wget/1.24.5": ("wget", "other"), "Mozilla/5.0 (X11; Linux) Firefox/128.0": ("Firefox", "Linux")}
CLIENTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "host.example"]
OWN = "198.51.100.7"
RULE = Rule(own_networks=("198.51.100.0/24",))

# What is fetched, and the images that this checks; of a list, all images beside it.
CHECKS = {
    "a.iso.sha256": [BIG],
    "iso/small.iso.asc": [SMALL],
    "SHA256SUMS": [BIG, UNKNOWN, "empty.iso"],
    "iso/SHA512SUMS.gpg": [SMALL, GREW],
}


class Line(NamedTuple):
    client: str
    day: date
    path: str
    method: str
    status: int
    size: int
    agent: str

    def encode(self) -> bytes:
        stamp = f"{self.day:%d}/{MONTHS[self.day.month - 1]}/{self.day:%Y}:10:20:30 +0200"
        request = f'"{self.method} /{self.path} HTTP/1.1" {self.status} {self.size}'
        return f'{self.client} - - [{stamp}] {request} "-" "{self.agent}"\n'.encode()


lines = st.builds(
    Line,
    client=st.sampled_from([*CLIENTS, OWN]),
    day=st.sampled_from(DAYS),
    path=st.sampled_from([*SIZES, UNKNOWN, *CHECKS]),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD"]),
    status=st.sampled_from([200, 206, 206, 404, 403]),
    size=st.sampled_from([0, 1, 49, 50, 51, 99, 100, 999, 1000, 1999, 3 * MIB, 150 * MIB, 290 * MIB, 300 * MIB]),
    agent=st.sampled_from(list(AGENTS)),
)


def counted(logs: Sequence[Sequence[Line]], rule: Rule = RULE, *, sized: bool = True) -> dict[str, Record]:
    told = [tally([(b"".join(line.encode() for line in log), 0)], rule) for log in logs]
    gathered = Gathered(chain.from_iterable(one.clients for one in told), rule)
    found = [one for call in gathered.calls(SIZES, sized=sized) for one in work_out(*call)]
    return records(found, [gathered.missing()])


def network_of(client: str) -> str:
    return client[: client.index("::")] if ":" in client else client


class Slow:
    """The same numbers, one after the other."""

    def __init__(self, logs: Sequence[Sequence[Line]]) -> None:
        self.sent: dict[tuple[str, date], dict[str, int]] = defaultdict(dict)
        self.heads: Counter[tuple[str, date]] = Counter()
        self.left_out: dict[tuple[str, date], set[str]] = defaultdict(set)
        self.agents: dict[tuple[str, date], dict[str, str]] = defaultdict(dict)
        self.checkers: dict[tuple[str, date], set[str]] = defaultdict(set)
        self.missing: dict[tuple[str, date], set[str]] = defaultdict(set)
        for log in logs:
            agents: dict[tuple[str, date], dict[str, str]] = defaultdict(dict)
            for line in log:
                self._add(line, agents)
            for key, of_clients in agents.items():
                for client, agent in of_clients.items():
                    # Firefox is further down the table of programs, so it counts where two logs disagree.
                    self.agents[key][client] = min(agent, self.agents[key].get(client, agent))

    def _add(self, line: Line, agents: dict[tuple[str, date], dict[str, str]]) -> None:
        key = line.path, line.day
        is_image = line.path.endswith(".iso")
        if line.status == 404 and (is_image or line.path in ("a.iso.sha256", "iso/small.iso.asc")):
            if line.client != OWN:
                self.missing[key].add(line.client)
        elif line.status in (200, 206) and is_image:
            if line.client == OWN:
                self.left_out[key].add(line.client)
                return
            sent = self.sent[key]
            sent[line.client] = sent.get(line.client, 0) + (line.size if line.method == "GET" else 0)
            self.heads[key] += line.size if line.method == "HEAD" else 0
            agents[key].setdefault(line.client, line.agent)
        elif line.status in (200, 206) and line.method == "GET" and line.client != OWN:
            for image in CHECKS[line.path]:
                self.checkers[image, line.day].add(line.client)

    def size(self, file: str, day: date) -> int | None:
        known = [size for since, size in SIZES.get(file, []) if since <= day.isoformat()]
        return known[-1] if known else None

    def finished(self, file: str, day: date) -> set[str]:
        size = self.size(file, day)
        before = self.sent.get((file, day - timedelta(1)), {})
        assert size is not None
        return {
            client
            for client, sent in self.sent.get((file, day), {}).items()
            if sent >= size or before.get(client, 0) < size <= sent + before.get(client, 0)
        }

    def day(self, file: str, day: date) -> Day:
        sent, size = self.sent.get((file, day), {}), self.size(file, day)
        ipv6 = [client for client in sent if ":" in client]
        plain = Day(
            started=len(sent),
            sent=sum(sent.values()) + self.heads[file, day],
            left_out=len(self.left_out.get((file, day), ())),
            ipv6=len(ipv6),
            networks=len({network_of(client) for client in sent}),
        )
        if size is None:
            return plain
        done = self.finished(file, day)
        probe = max(1, min(MIB, -(-size // 100)))
        checkers = self.checkers.get((file, day), set()) | self.checkers.get((file, day + timedelta(1)), set())
        return plain._replace(
            finished=len(done),
            asked=sum(number < probe for client, number in sent.items() if client not in done),
            checked=len(done & checkers),
        )

    def broke(self, file: str, day: date) -> dict[str, int]:
        size = self.size(file, day)
        if not size:
            return {}
        done, probe = self.finished(file, day), max(1, min(MIB, -(-size // 100)))
        sent = self.sent.get((file, day), {})
        return dict(Counter(str(n * 10 // size) for client, n in sent.items() if client not in done and n >= probe))


# So few that they meet: the same client in two logs, and on two days of a file.
few = st.builds(
    Line,
    client=st.sampled_from(CLIENTS[1:3]),
    day=st.sampled_from(DAYS[1:3]),
    path=st.sampled_from([SMALL, SMALL, GREW, "iso/small.iso.asc"]),
    method=st.just("GET"),
    status=st.just(206),
    size=st.sampled_from([0, 1, 40, 50, 60, 99, 100, 960]),
    agent=st.sampled_from(list(AGENTS)),
)


# The last byte of a file the day after: just enough to be no probe.
LAST_BYTE = [
    Line(CLIENTS[0], day, SMALL, "GET", 206, size, "Wget/1.24.5") for day, size in zip(DAYS[:2], (99, 1), strict=True)
]


@example([LAST_BYTE])
@settings(max_examples=200)
@given(st.one_of(*(st.lists(st.lists(some, max_size=30), min_size=1, max_size=3) for some in (lines, few))))
def test_every_number_of_a_day_is_that_of_a_slow_and_plain_count(logs: list[list[Line]]) -> None:
    found, slow = counted(logs), Slow(logs)

    files = {*slow.sent, *slow.left_out}
    assert {(file, day) for day, record in found.items() for file in record.files} == {
        (file, day.isoformat()) for file, day in files
    }
    for file, day in files:
        record = found[day.isoformat()]
        tables = {name: rows.get(file, {}) for name, rows in record.tables.items()}
        agents = [AGENTS[agent] for agent in slow.agents.get((file, day), {}).values()]
        assert record.files[file] == slow.day(file, day)
        assert tables.get("broke", {}) == slow.broke(file, day)
        assert tables.get("programs", {}) == Counter(program for program, _ in agents)
        assert tables.get("systems", {}) == Counter(system for _, system in agents)
    for day_text, record in found.items():
        day = date.fromisoformat(day_text)
        for table in ("programs", "systems"):
            rows = record.tables.get(table, {})
            parts = [Counter(row) for file, row in rows.items() if file != ALL_FILES]
            assert sum(parts, Counter()) == rows.get(ALL_FILES, {})
        asked = {path: len(clients) for (path, on), clients in slow.missing.items() if on == day}
        assert record.tables.get("not_found", {}).get(ALL_FILES, {}) == asked
        left_out = sum(len(clients) for (_, on), clients in slow.left_out.items() if on == day)
        assert record.tables.get("left_out", {}).get(ALL_FILES, {}).get("network", 0) == left_out


@given(st.lists(lines, max_size=40))
def test_without_sizes_in_the_log_no_number_that_needs_them_is_told(log: list[Line]) -> None:
    sized, unsized = counted([log]), counted([log], sized=False)

    for day, record in sized.items():
        assert unsized[day].files == {
            file: numbers._replace(finished=None, sent=None, asked=None, checked=None)
            for file, numbers in record.files.items()
        }
        assert "broke" not in unsized[day].tables


@given(st.lists(lines, max_size=40))
def test_programs_are_counted_only_if_they_are_wanted(log: list[Line]) -> None:
    wanted, unwanted = counted([log]), counted([log], Rule(own_networks=RULE.own_networks, programs=False))

    assert {day: record.files for day, record in unwanted.items()} == {d: record.files for d, record in wanted.items()}
    assert not any({"programs", "systems"} & record.tables.keys() for record in unwanted.values())


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], [None, None, None]),
        ([("", 5)], [5, 5, 5]),
        ([("", 5), ("2026-05-10", 7)], [5, 7, 7]),
        ([("2026-05-10", 7), ("2026-05-11", 8)], [7, 7, 8]),
    ],
)
def test_a_file_has_its_size_since_a_day_and_the_first_one_before_too(
    sizes: list[tuple[str, int]], expected: list[int | None]
) -> None:
    assert [size_on(sizes, day) for day in ("2026-05-09", "2026-05-10", "2026-05-11")] == expected


def test_around_a_day_are_the_day_before_and_the_day_after() -> None:
    assert days_around(["2026-02-28", "2026-12-31"]) == {
        "2026-02-27", "2026-02-28", "2026-03-01", "2026-12-30", "2026-12-31", "2027-01-01",
    }  # fmt: skip
    assert days_around([]) == set()
