"""The counting rule, tried on requests, lines and logs that nobody would think of."""

import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accesslog import Line, escape_logitem
from download_counter.counting.rule import are_plain, client_namer, with_colon
from download_counter.counting.tally import Tally, tally
from download_counter.logs.clients import is_client
from download_counter.logs.files import LogProblem, read, whole_lines
from download_counter.settings import Rule
from known_formats import JSON_FORMATS, KNOWN
from tallies import of_kind, sent

DAY = date(2026, 5, 9)

# A part of a path: any bytes but what a path cannot hold, and no dot segment.
parts = st.binary(min_size=1, max_size=12).filter(
    lambda part: b"/" not in part and b"\0" not in part and part not in (b".", b"..")
)
files = st.tuples(st.lists(parts, max_size=3), parts, st.sampled_from([b".iso", b".ISO", b".IsO"])).map(
    lambda found: b"/".join([*found[0], found[1] + found[2]])
)

# RFC 3986 section 2.2, 2.3 and 3.3: what a client may leave as it is in a path; and what httpd lets pass all the same.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@\"\\<>[]^`{|}")


@st.composite
def spellings(draw: st.DrawFn, file: bytes) -> bytes:
    """A request target that httpd answers with this file, as the client sends it."""

    def escape(byte: int) -> bytes:
        how = draw(st.integers(0, 9))
        if how > 1 and (byte in _PLAIN or byte >= 0x80):
            return bytes([byte])
        return b"%%%02X" % byte if how % 2 else b"%%%02x" % byte

    def detour() -> bytes:
        slashes = b"/" * draw(st.integers(1, 3))
        nowhere = draw(
            st.sampled_from([b"", b"", b".", b"%2e", b"%2E", b"x/..", b"x/%2e.", b"a/b/../.%2E", b"c.iso/.."])
        )
        return slashes + nowhere + (b"/" if nowhere else b"")

    path = b"".join(detour() + b"".join(map(escape, part)) for part in file.split(b"/"))
    path += draw(st.sampled_from([b"", b"", b"?", b"?a=b.iso", b"?/../x.iso", b'?"\\', b"#top", b"?x#y", b"?%zz"]))
    origin = draw(
        st.sampled_from([b"", b"", b"http://downloads.example", b"HTTPS://[::1]:8443", b"http://user@host:80"])
    )
    return origin + path


def only_file(line: bytes) -> str:
    """The one file that the line is a download of."""
    ((_, file),) = of_kind(tally([(line, 0)], Rule()))
    return file


@given(st.data(), files)
def test_any_spelling_of_a_request_is_a_download_of_the_file_served(data: st.DataObject, file: bytes) -> None:
    target = data.draw(spellings(file))

    assert only_file(Line(target=target).encode()) == file.decode("utf-8", "surrogateescape")


@given(st.data(), files)
def test_all_spellings_by_one_client_on_one_day_are_one_download(data: st.DataObject, file: bytes) -> None:
    targets = data.draw(st.lists(spellings(file), min_size=1, max_size=6))

    found = tally([(b"".join(Line(target=target).encode() for target in targets), 0)], Rule())

    ((key, clients),) = of_kind(found).items()
    assert key == ("2026-05-09", file.decode("utf-8", "surrogateescape"))
    assert clients == {b"192.0.2.1": 1_000_000 * len(targets)}


def escape_json(raw: bytes) -> bytes:
    """What nginx with escape=json, and Caddy, make of what a client sent."""
    short = {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r", 0x22: b'\\"', 0x5C: b"\\\\"}
    return b"".join(short.get(byte) or (b"\\u%04x" % byte if byte < 0x20 else bytes([byte])) for byte in raw)


@given(st.data(), files, st.binary(max_size=30))
@example(None, b"a.iso", b'","status":500,"uri":"/b.iso","remote_ip":"198.51.100.1","x":"')
@example(None, b"a.iso", b"status")
def test_a_request_in_json_is_read_whatever_the_client_says_of_itself(
    data: st.DataObject | None, file: bytes, agent: bytes
) -> None:
    target = escape_json(data.draw(spellings(file)) if data else b"/" + file)
    says = escape_json(agent)
    lines = [
        b'{"time_local":"09/May/2026:10:00:00 +0200","remote_addr":"192.0.2.1","remote_user":"%b",'
        b'"request":"GET %b HTTP/1.1","status":"200","body_bytes_sent":"5","http_user_agent":"%b"}\n'
        % (says, target, says),
        b'{"http_user_agent":"%b","time":"2026-05-09T10:00:00+02:00","remote_addr":"192.0.2.1","request_method":"GET",'
        b'"request_uri":"%b","status":200,"bytes_sent":5}\n' % (says, target),
        b'{"level":"info","ts":1778320000.5,"logger":"http.log.access.log0","msg":"handled request","request":'
        b'{"remote_ip":"192.0.2.1","remote_port":"1","proto":"HTTP/1.1","method":"GET","host":"%b","uri":"%b","headers":'
        b'{"User-Agent":["%b"],"Status":["%b"]}},"user_id":"","duration":0.005,"size":5,"status":200,'
        b'"resp_headers":{"Server":["Caddy"]}}\n' % (says, target, says, says),
    ]

    for line in lines:
        found = tally([(line, 0)], Rule(log_format="caddy" if b"http.log" in line else "json"))

        assert of_kind(found) == {("2026-05-09", file.decode("utf-8", "surrogateescape")): {b"192.0.2.1": 5}}


@given(parts.filter(lambda name: not name.lower().endswith(b".iso")))
@example(b"a.iso.md5")
@example(b"a.iso%")
@example(b"a.isosize")
@example(b"iso")
def test_a_file_that_is_no_image_is_no_download(name: bytes) -> None:
    target = b"/" + b"".join(b"%%%02x" % byte for byte in name)

    assert not of_kind(tally([(Line(target=target).encode(), 0)], Rule()))


@given(st.binary(max_size=12))
def test_a_name_is_percent_decoded_once(name: bytes) -> None:
    # The file is called "%41.iso" or the like, percent sign and all.
    hexed = b"".join(b"%%%02X" % byte for byte in name) + b".iso"

    assert only_file(Line(target=b"/" + hexed.replace(b"%", b"%25")).encode()) == hexed.decode()


@given(st.binary())
def test_what_httpd_escapes_in_its_log_is_put_back(raw: bytes) -> None:
    # Nothing in it is special to a URL, so that the log's own escapes are all there is.
    name = re.sub(rb"[/%?#\0. ]", b"-", raw)

    target = b"/" + name + b".iso"
    line = Line(target=target).encode()
    assert escape_logitem(target) in line
    assert only_file(line) == (name + b".iso").decode("utf-8", "surrogateescape")


# Pieces of lines and noise, so that much of what is tried nearly is a line.
pieces = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"192.0.2.1 - - [",
            b"09/May/2026:10:00:00 +0200",
            b"99/Foo/0000:",
            b'] "',
            b"GET ",
            b"HEAD /a.iso",
            b"/b%2eis%6f",
            b".iso",
            b"\\x",
            b"\\",
            b"%",
            b' HTTP/1.1" ',
            b"200 ",
            b"206 ",
            b"9" * 5000,
            b" -",
            b"\n",
            b"\r\n",
            b"\0",
            Line().encode(),
            Line(target=b"/\xff.iso").encode(),
            b'{"ts":',
            b"1795359712.45,",
            b'"time":"2026-05-09T10:00:00+02:00",',
            b'"request":{"remote_ip":"192.0.2.1","method":"GET","uri":"/a\\u00e9.iso"',
            b'"request":"GET /a.iso HTTP/1.1",',
            b'"remote_addr":"192.0.2.1",',
            b'"size":5,"status":200}',
        ]
    ),
)
noise = st.lists(pieces, max_size=30).map(b"".join)


def is_sound(found: Tally) -> bool:
    """Whether a tally is one that the next step can count on."""
    numbers = [size for clients in of_kind(found).values() for size in clients.values()]
    return (
        all(date.fromisoformat(day).isoformat() == day for day, _ in of_kind(found))
        and all(file.lower().endswith(".iso") and not file.startswith("/") for _, file in of_kind(found))
        and all(size >= 0 for size in [*numbers, *sent(found).values()])
        and found.unreadable >= 0
    )


@given(noise, st.sampled_from(sorted([*KNOWN, *JSON_FORMATS])))
@example(Line().encode().replace(b" 1000000 ", b" " + b"9" * 5000 + b" "), "common")
@example(Line().encode().replace(b" 200 ", b" " + b"2" * 5000 + b" "), "combined")
@example(Line().encode().replace(b"2026", b"2" * 5000), "combined")
@example(Line().encode().replace(b"09/May", b"00/May"), "combined")
@example(Line().encode().replace(b"09/May", b"\xb2/May"), "combined")
def test_no_bytes_in_a_log_ever_raise(data: bytes, log_format: str) -> None:
    assert is_sound(tally(whole_lines([data]), Rule(log_format=log_format, method="GET")))


@given(noise)
def test_no_bytes_in_a_log_ever_change_the_lines_around_them(data: bytes) -> None:
    before, after = Line(client="192.0.2.98").encode(), Line(client="192.0.2.99").encode()

    found = tally(whole_lines([before + data + b"\n" + after]), Rule())

    assert {b"192.0.2.98", b"192.0.2.99"} <= of_kind(found)["2026-05-09", "a.iso"].keys()
    assert is_sound(found)


@given(noise, st.data())
def test_where_a_log_is_cut_into_blocks_does_not_matter(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    blocks = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    assert tally(whole_lines(blocks), Rule()) == tally(whole_lines([data]), Rule())


@given(st.lists(noise, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(data: list[bytes], random: Random) -> None:
    lines = b"\n".join(data).splitlines(keepends=True)
    lines = [line for line in lines if line.endswith(b"\n")]
    shuffled = list(lines)
    random.shuffle(shuffled)

    one, other = (tally([(b"".join(found), 0)], Rule()) for found in (shuffled, lines))
    assert (of_kind(one), sent(one), one.unreadable) == (of_kind(other), sent(other), other.unreadable)


# Nearly addresses: what the check for plain ones must not take for one.
NEARLY = st.from_regex(
    r"[0-9a-f:.]{1,20}|([0-9]{1,3}\.){3}[0-9]{1,3}|([0-9a-f]{0,4}:){2,8}[0-9a-f]{0,4}", fullmatch=True
) | st.lists(st.sampled_from(["", "0", "1", "a0", "01", "ffff"]), min_size=2, max_size=9).map(":".join)


def is_spelled_so(client: bytes) -> bool:
    return is_client(client) and client_namer(None, None)(client) == client


@given(NEARLY.map(str.encode))
def test_what_is_taken_for_plain_addresses_has_one_spelling_already(client: bytes) -> None:
    assert is_spelled_so(client) or not are_plain([client], client + b"\n")


@pytest.mark.parametrize(
    "client",
    [
        ".1.2.3", "1.2.3.", "1..2.3", "1.2.3", "01:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:08", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4", "::ffff:102:304", "::1:0", ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:", "2001:db8:0:0:1::1",
    ],
)  # fmt: skip
def test_what_is_nearly_an_address_is_not_taken_for_plain(client: str) -> None:
    assert not are_plain([client.encode()], f"{client}\n".encode())


def test_plain_addresses_are_taken_for_plain() -> None:
    for clients in ([b"192.0.2.1", b"198.51.100.255"], [b"2001:db8::1"], [b"1:2:3:4:5:6:7:8", b"10.0.0.1"]):
        assert are_plain(clients, b"\n".join(clients) + b"\n")
    assert with_colon([b"192.0.2.9", b"2001:db8::1", b"host"]) == [b"2001:db8::1"]


@given(noise)
def test_a_last_line_without_its_newline_waits(data: bytes) -> None:
    unfinished = Line(client="192.0.2.99").encode().rstrip(b"\n")

    found = tally(whole_lines([data + b"\n" + unfinished]), Rule())

    assert found == tally(whole_lines([data + b"\n"]), Rule())


@settings(max_examples=50)
@given(noise, st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"(\xb5/\xfd"]))
def test_a_file_that_only_calls_itself_compressed_is_a_log_problem_at_worst(data: bytes, magic: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "access.log"
        path.write_bytes(magic + data)
        given_out: list[bytes] = []
        with suppress(LogProblem):
            given_out += read(path)

    if not magic and not data.startswith(b"\0") and b"\r" not in data:
        assert b"".join(given_out) == data
