"""What makes counting quick changes nothing of it: rows for a whole block, clients packed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accesslog import Line
from download_counter.counting.clients import ALL_CLIENTS, Clients, Key, Share, network, pack
from download_counter.counting.rule import DOWNLOAD
from download_counter.logs import formats
from download_counter.logs.clients import is_client
from download_counter.logs.logformat import FIELDS
from download_counter.settings import Rule
from known_formats import format_of

QUICK = ["common", "combined", "vhost_combined", "nginx", "lighttpd", '%a %t "%r" %>s %B "%{Host}i" %D']
FORMATS = [*QUICK, "json", '%m %U %h [%{%Y-%m-%d}t] %>s "%{User-Agent}i"', '%t %h "%r" %>s %b']

lines = [
    Line().encode(),
    Line(target=b"/page.html").encode(),
    Line(target=b"/%61.is%6f").encode(),
    Line(client="2001:db8::1", method=b"HEAD").encode(),
    Line().encode().replace(b" 200 ", b" 2x0 "),
    b"dl.example:443 " + Line().encode(),
    b'{"ts":1778335200,"remote_ip":"192.0.2.1","request":"GET /a.iso HTTP/1.1","status":200,"size":5}\n',
    b'GET /a.iso 192.0.2.1 [2026-05-09] 200 "curl/8"\n',
    b'[09/May/2026:10:20:30 +0200] 192.0.2.1 "GET /a.iso HTTP/1.1" 200 5\n',
]
# What a line is made of, cut where a field may end, or may only seem to.
pieces = [
    *[b"192.0.2.1", b"2001:db8::1", b"dl.example:443", b"host.example", b"-", b" ", b" - - ", b"J Doe", b"\n", b"\n"],
    *[b"[09/May/2026:10:20:30 +0200]", b"[", b"]", b'"', b'" ', b' "', b'\\"', b"\\", b"\\\\", b'"" ', b"%"],
    *[b'"GET /a.iso HTTP/1.1" 200 5', b'"HEAD /a.iso" 200 -', b"GET /a.iso HTTP/1.1", b"GET ", b"POST /a.iso", b"/b c"],
    *[b" 200", b" 206 ", b" 99", b" 9999 ", b" 1" + b"0" * 17, b" 1" + b"0" * 18, b' "-" "curl/8"', b"\xff"],
]
texts = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(lines),
        st.sampled_from(pieces),
        # A line with one piece of it put, or put in the place of what was there, somewhere in it.
        st.builds(
            lambda line, at, piece, instead: line[:at] + piece + line[at + instead :],
            st.sampled_from(lines),
            st.integers(0, 90),
            st.sampled_from(pieces),
            st.integers(0, 8),
        ),
    ),
    max_size=8,
).map(b"".join)


@pytest.mark.parametrize("agent", [False, True], ids=["", "with the agent"])
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=300)
@given(text=texts)
def test_the_rows_of_a_block_and_its_unusual_lines_say_what_each_line_alone_says(
    name: str, agent: bool, text: bytes
) -> None:
    log_format = formats.format_of(Rule(log_format=name, programs=agent))
    block = text[: text.rfind(b"\n") + 1]

    def said(row: tuple[bytes, bytes, object, bytes, bytes] | None) -> str:
        return repr(row if row and log_format.day(row[1]) else None)  # a line without a day cannot be read

    told = [
        (client, day, log_format.answer_parts(answer), size, agent)
        for client, day, answer, size, agent in log_format.rows(block)
    ]
    alone = [log_format.row(line) for line in log_format.unusual_lines(block)]

    # What looks like a client in the usual line, and is none, makes counting read the whole log line by line.
    found = [said(row if is_client(row[0]) else None) for row in told if row[2]] + [said(row) for row in alone]
    assert sorted(found) == sorted(said(log_format.row(line)) for line in block.split(b"\n")[:-1])


@given(text=texts)
def test_a_line_alone_has_what_the_pattern_says(text: bytes) -> None:
    log_format = format_of("combined", agent=True)
    for line in text.split(b"\n"):
        match = log_format.pattern.match(line)
        row = log_format.row(line)
        if match is None:
            assert row is None
        else:
            assert row is not None
            client, stamp, answer, size, agent = row
            assert [client, stamp, *answer, size, agent] == [match[field] or b"" for field in FIELDS]


@pytest.mark.parametrize("name", QUICK)
def test_the_usual_line_is_read_the_quick_way(name: str) -> None:
    line = Line(client="2001:db8::1").encode()
    if name.startswith("vhost"):
        line = b"dl.example:443 " + line
    elif name.startswith("%a"):
        line = b'192.0.2.1 [09/May/2026:10:20:30 +0200] "GET /a.iso HTTP/1.1" 200 5 "dl.example" 12\n'

    log_format = formats.format_of(Rule(log_format=name))

    assert list(log_format.unusual_lines(line)) == []
    assert [row[1] for row in log_format.rows(line)] == [b"09/May/2026"]


names = st.binary(min_size=1).filter(lambda name: b"\n" not in name)
KEY = Key(DOWNLOAD, "2026-05-09", "a.iso")


def packed(clients: dict[bytes, int]) -> Clients:
    return pack(KEY, b"".join(name + b"\n" for name in clients), clients.values(), bytes(range(len(clients))))


def unpacked(clients: Clients, share: Share = ALL_CLIENTS) -> dict[bytes, tuple[int, int]]:
    names, sent, agents = clients.unpacked(share)
    return {name: (number, agent) for name, number, agent in zip(names, sent, agents, strict=True)}


@given(st.dictionaries(names, st.integers(0, 10**18), min_size=1, max_size=200), st.integers(1, 5))
def test_clients_come_out_of_the_pack_as_they_went_in_whole_or_in_shares(clients: dict[bytes, int], of: int) -> None:
    expected = {name: (number, agent) for agent, (name, number) in enumerate(clients.items())}

    assert unpacked(packed(clients)) == expected
    shares = [unpacked(packed(clients), (number, of)) for number in range(of)]
    assert sum(map(len, shares)) == len(clients)
    assert {name: numbers for share in shares for name, numbers in share.items()} == expected


def test_the_clients_of_an_ipv6_network_are_in_one_share() -> None:
    clients = packed({b"2001:db8::%x" % number: 1 for number in range(1, 100)})

    assert sorted(len(unpacked(clients, (number, 3))) for number in range(3)) == [0, 0, 99]


def test_a_network_is_the_first_eight_bytes_of_an_ipv6_address() -> None:
    here = {network(b"2001:db8:0:1::1"), network(b"2001:db8:0:1:8000::2"), network(b"2001:db8:0:1:ff::%eth0")}
    elsewhere = {network(b"2001:db8:0:2::1"), network(b"192.0.2.1"), network(b"2001:db8::/64"), network(b"host")}

    assert (len(here), len(elsewhere), len(here | elsewhere)) == (1, 4, 5)


def test_more_bytes_than_there_are_leave_what_others_got_as_it_is() -> None:
    found = unpacked(packed({b"192.0.2.3": 7, b"192.0.2.4": 10**30, b"192.0.2.5": 8}))

    assert found == {b"192.0.2.3": (7, 0), b"192.0.2.4": (2**64 - 1, 1), b"192.0.2.5": (8, 2)}
