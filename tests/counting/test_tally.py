"""The counting rule, in plain examples."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from accesslog import Line
from download_counter.counting.days import Gathered, work_out
from download_counter.counting.rule import MISSING, path_namer
from download_counter.counting.tally import Tally, tally
from download_counter.history.day import Day, add_days
from download_counter.logs.advice import HANDFUL
from download_counter.settings import Rule, check
from known_formats import KNOWN
from tallies import of_kind, sent


def count(*lines: Line | bytes, **rule: Any) -> Tally:
    """Count some lines."""
    content = b"".join(line.encode() if isinstance(line, Line) else line for line in lines)
    return tally([(content, 0)], Rule(**rule))


def started(found: Tally) -> dict[tuple[str, str], int]:
    """Downloads per day and file."""
    return {key: len(clients) for key, clients in of_kind(found).items()}


MAY_9 = "2026-05-09"


@pytest.mark.parametrize(
    ("method", "status", "counts"),
    [
        (b"GET", 200, True),
        (b"GET", 206, True),
        (b"HEAD", 200, True),
        (b"POST", 200, False),
        (b"OPTIONS", 200, False),
        (b"get", 200, False),
        (b"GET", 301, False),
        (b"GET", 304, False),
        (b"GET", 404, False),
        (b"GET", 416, False),
        (b"GET", 500, False),
    ],
)
def test_a_get_or_head_that_was_answered_with_200_or_206_is_a_download(
    method: bytes, status: int, counts: bool
) -> None:
    found = count(Line(method=method, status=status))

    assert started(found) == ({(MAY_9, "a.iso"): 1} if counts else {})
    assert found.unreadable == 0


@pytest.mark.parametrize(
    "target",
    [
        b"/a.iso",
        b"//a.iso",
        b"/./a.iso",
        b"/x/../a.iso",
        b"/../a.iso",
        b"/a%2eiso",
        b"/%61.is%6F",
        b"/a.iso?mirror=2",
        b"/a.iso?b.iso",
        b"/a.iso#top",
        b"http://downloads.example/a.iso",
        b"https://user@downloads.example:8443/a.iso?x",
    ],
)
def test_every_spelling_of_a_file_is_that_file(target: bytes) -> None:
    assert started(count(Line(target=target))) == {(MAY_9, "a.iso"): 1}


@pytest.mark.parametrize(
    "ending", [rb".iso", rb".ISO", rb"%2eis%6F", rb"\x2eiso", rb"\u002Eiso", rb".\u0049\x73o", rb".is\o"]
)
def test_an_ending_is_seen_however_the_log_escapes_it(ending: bytes) -> None:
    line = b'{"ts":1778335200,"remote_ip":"192.0.2.1","request":"GET /a%b HTTP/1.1","status":200}\n' % ending

    assert sum(started(tally([(line, 0)], Rule(log_format="json"))).values()) == 1


@pytest.mark.parametrize(
    ("escaped", "name"), [(rb"a\u0001b", "a\x01b"), (rb"a\u00e9", "aé"), (rb"\ud83d\ude00", "😀"), (rb"a\/b", "a/b")]
)
def test_escapes_of_json_in_a_format_that_looks_like_it_are_the_character(escaped: bytes, name: str) -> None:
    """Nginx with escape=json, read by its own log_format."""
    log_format = '{"c":"$remote_addr","t":"$time_local","r":"$request","s":$status,"b":$body_bytes_sent}'
    line = b'{"c":"192.0.2.1","t":"09/May/2026:10:00:00 +0200","r":"GET /%b.iso HTTP/1.1","s":200,"b":1}\n' % escaped

    assert started(count(line, log_format=log_format)) == {(MAY_9, f"{name}.iso"): 1}


@pytest.mark.parametrize(
    "log_format", ["combined", '%t "%r" %>s %O %h "%{Referer}i"', '%t "%r" %>s %h %O "%{Referer}i"']
)
def test_no_field_is_cut_to_what_could_be_counted_wherever_it_stands(log_format: str) -> None:
    def unreadable(client: bytes, size: bytes) -> int:
        line = KNOWN.get(log_format, log_format)
        for directive, text in (
            ("%t", b"[09/May/2026:10:20:30 +0200]"),
            ("%r", b"GET /a.iso HTTP/1.1"),
            ("%>s", b"200"),
            ("%h", client),
            ("%O", size),
        ):
            line = line.replace(directive, text.decode())
        return tally([(line.encode() + b"\n", 0)], Rule(log_format=log_format)).unreadable

    assert unreadable(b"192.0.2.1", b"9" * 18) == 0
    assert unreadable(b"192.0.2.1", b"9" * 19) == 1
    assert unreadable(b"host.example:8080", b"5") == 1


def test_two_lines_that_ran_together_are_no_request_that_nobody_made() -> None:
    """As when a log is copied and emptied while the server writes a line, and the copy is written on."""
    cut, behind = Line().encode(), Line(client="192.0.2.9", target=b"/b.iso").encode()
    for at in range(cut.index(b"["), len(cut) - 1):
        found = count(cut[:at] + behind)

        assert started(found) == ({(MAY_9, "a.iso"): 1} if found.lines else {}), at
        assert found.lines + found.unreadable == 1, at


@pytest.mark.parametrize(
    ("target", "file"),
    [
        (b"/A.ISO", "A.ISO"),
        (b"/archives/2019/b.iso", "archives/2019/b.iso"),
        (b"/a%20b.iso", "a b.iso"),
        (b"/a+b.iso", "a+b.iso"),
        (b"/caf%C3%A9.iso", "café.iso"),
        ("/café.iso".encode(), "café.iso"),
        (b"/%2541.iso", "%41.iso"),
        (b"/a%3Fb.iso", "a?b.iso"),
        (b'/say"hi.iso', 'say"hi.iso'),
        (b"/back\\slash.iso", "back\\slash.iso"),
        (b"/x%ff.iso", "x\udcff.iso"),
        (b"/100%.iso", "100%.iso"),
        (b"/.iso", ".iso"),
        (b"/a.iso/../b.iso", "b.iso"),
    ],
)
def test_the_file_is_what_the_server_served(target: bytes, file: str) -> None:
    assert started(count(Line(target=target))) == {(MAY_9, file): 1}


@pytest.mark.parametrize(
    "target",
    [b"/", b"/a.iso.md5", b"/a.iso.torrent", b"/aiso", b"/a.iso/", b"/?a.iso", b"/x#a.iso", b"*", b"/a.iso%00"],
)
def test_what_names_no_image_is_no_download(target: bytes) -> None:
    found = count(Line(target=target))

    assert started(found) == {}
    assert found.unreadable == 0


def test_one_client_one_file_and_one_day_are_one_download() -> None:
    found = count(
        Line(status=206, size=300),
        Line(status=206, size=500),
        Line(status=200, target=b"//a.iso"),
        Line(method=b"HEAD"),
    )

    assert started(found) == {(MAY_9, "a.iso"): 1}


def test_another_client_file_or_day_is_another_download() -> None:
    line = Line()
    found = count(
        line, replace(line, client="192.0.2.2"), replace(line, target=b"/b.iso"), replace(line, day=date(2026, 5, 10))
    )

    assert started(found) == {(MAY_9, "a.iso"): 2, (MAY_9, "b.iso"): 1, ("2026-05-10", "a.iso"): 1}
    assert found.days() == {MAY_9, "2026-05-10"}


@pytest.mark.parametrize("zone", [b"+0200", b"-1200", b"+1400", b"+0000"])
def test_the_day_is_the_one_in_the_line_whatever_its_zone(zone: bytes) -> None:
    line = Line(second=86_399).encode().replace(b"+0200", zone)

    assert started(count(line)) == {(MAY_9, "a.iso"): 1}


def test_the_bytes_of_a_client_add_up_and_heads_have_no_content() -> None:
    found = count(Line(size=300), Line(size=500), Line(client="192.0.2.2", method=b"HEAD", size=250))

    assert of_kind(found)[MAY_9, "a.iso"] == {b"192.0.2.1": 800, b"192.0.2.2": 0}
    assert sent(found) == {(MAY_9, "a.iso"): 1050}


def test_answers_to_head_tell_whether_the_log_counts_what_was_sent() -> None:
    head = Line(method=b"HEAD", size=250)

    wire, plain, neither = count(head), count(head.encode().replace(b" 250 ", b" - ")), count(Line())

    zero = count(head.encode().replace(b" 250 ", b" 0 "))

    assert (wire.heads, wire.heads_sized, wire.heads_silent) == (1, 1, 0)
    assert (plain.heads, plain.heads_sized, plain.heads_silent) == (1, 0, 1)
    assert (zero.heads, zero.heads_sized, zero.heads_silent) == (1, 0, 0)
    assert (neither.heads, neither.heads_sized, neither.heads_silent) == (0, 0, 0)


def test_lines_about_images_that_do_not_follow_the_format_are_counted_as_unreadable() -> None:
    found = count(
        Line(),
        b"a.iso, what of it?\n",
        b"no image, no matter\n",
        b"\n",
        Line().encode().replace(b"09/May", b"39/May"),
        Line().encode().replace(b"200 1000000", b"twohundred"),
    )

    assert started(found) == {(MAY_9, "a.iso"): 1}
    assert found.unreadable == 3


def test_of_lines_that_cannot_be_read_a_few_are_kept_to_find_out_their_format() -> None:
    blocks = [(b"a.iso, what of it?\n" * 70, 0)] * 3

    found = tally(blocks, Rule())

    assert (found.unreadable, len(found.sample)) == (210, 100)


def test_lines_too_long_to_be_read_are_unreadable() -> None:
    assert tally([(b"", 2), (Line().encode(), 1)], Rule()).unreadable == 3


def test_what_a_client_says_of_itself_makes_no_download() -> None:
    line = b'192.0.2.1 - - [09/May/2026:10:00:00 +0200] "GET / HTTP/1.1" 200 5 "http://x/a.iso" "GET /b.iso HTTP/1.1"\n'

    found = count(line)

    assert (started(found), found.unreadable) == ({}, 0)


def test_other_endings_count_if_the_setting_says_so() -> None:
    lines = [Line(target=b"/a.iso"), Line(target=b"/b.IMG"), Line(target=b"/c.img.xz"), Line(target=b"/d%2eimg")]

    found = count(*lines, extensions=(".img", ".img.xz"))

    assert started(found) == {(MAY_9, "b.IMG"): 1, (MAY_9, "c.img.xz"): 1, (MAY_9, "d.img"): 1}


def test_other_methods_and_statuses_count_if_the_setting_says_so() -> None:
    lines = [Line(), Line(method=b"HEAD", client="192.0.2.2"), Line(status=304, client="192.0.2.3")]

    assert started(count(*lines, methods=("GET",))) == {(MAY_9, "a.iso"): 1}
    assert started(count(*lines, statuses=(304,))) == {(MAY_9, "a.iso"): 1}
    assert started(count(*lines, methods=("GET",), statuses=(200, 304))) == {(MAY_9, "a.iso"): 2}


GOOGLEBOT = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def agent(line: Line, name: bytes) -> bytes:
    return line.encode().replace(b"curl/7.88.1", name)


def test_crawlers_are_left_out_and_counted_apart_if_the_setting_says_so() -> None:
    lines = (
        Line(),
        agent(Line(client="192.0.2.2"), GOOGLEBOT),
        agent(Line(client="192.0.2.2", target=b"//a.iso"), GOOGLEBOT),
        agent(
            Line(client="192.0.2.3", day=date(2026, 5, 10)), b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"
        ),
        agent(Line(client="192.0.2.4"), b"\\xff\\xfe caf\xe9"),
    )

    assert started(count(*lines)) == {(MAY_9, "a.iso"): 3, ("2026-05-10", "a.iso"): 1}
    without = count(*lines, crawlers=True)
    assert started(without) == {(MAY_9, "a.iso"): 2, ("2026-05-10", "a.iso"): 1}
    assert of_kind(without, "crawler") == {(MAY_9, "a.iso"): {b"192.0.2.2": 0}}
    assert sent(without)[MAY_9, "a.iso"] == 2_000_000


def test_a_crawler_that_fetched_no_image_is_none_that_was_left_out() -> None:
    lines = [Line(target=b"/a.iso.sha256"), Line(target=b"/b.iso", status=404)]

    found = count(*(agent(line, GOOGLEBOT) for line in lines), crawlers=True)

    assert of_kind(found, "crawler") == {}


def test_a_log_in_which_nobody_has_a_client_is_unreadable_but_for_a_few_lines() -> None:
    few = count(*[Line(client="-")] * HANDFUL)
    many = count(*[Line(client="-")] * (HANDFUL + 1))

    assert (few.lines, few.unreadable, started(few)) == (5, 0, {(MAY_9, "a.iso"): 1})
    assert (many.lines, many.unreadable, started(many)) == (0, 6, {})


@pytest.mark.parametrize("name", [b"curl/8.14.1", b"Wget/1.25.0", b"aria2/1.37.0", b"-", b"Transmission/4.0"])
def test_programs_that_people_fetch_images_with_are_no_crawlers(name: bytes) -> None:
    assert started(count(agent(Line(), name), crawlers=True)) == {(MAY_9, "a.iso"): 1}


def test_a_day_with_crawlers_only_is_a_day_of_the_log() -> None:
    found = count(agent(Line(), GOOGLEBOT), crawlers=True)

    assert (started(found), found.days()) == ({}, {MAY_9})


def test_clients_of_one_network_are_one_client_if_the_setting_folds_them() -> None:
    lines = [
        Line(client="2001:db8:0:1::1", size=1),
        Line(client="2001:db8:0:1:ffff::2", size=2),
        Line(client="2001:db8:0:2::1", size=4),
        Line(client="192.0.2.1", size=8),
        Line(client="192.0.2.99", size=16),
        Line(client="host.example", size=32),
        Line(client="1:2:3:4:5:6:7:8:9", size=64),
    ]

    assert started(count(*lines)) == {(MAY_9, "a.iso"): 7}
    assert of_kind(count(*lines, fold_ipv6=64))[MAY_9, "a.iso"] == {
        b"2001:db8:0:1::/64": 3,
        b"2001:db8:0:2::/64": 4,
        b"192.0.2.1": 8,
        b"192.0.2.99": 16,
        b"host.example": 32,
        b"1:2:3:4:5:6:7:8:9": 64,
    }
    assert of_kind(count(*lines, fold_ipv4=24))[MAY_9, "a.iso"][b"192.0.2.0/24"] == 24


def test_crawlers_are_folded_too() -> None:
    lines = [agent(Line(client=f"2001:db8::{n}"), GOOGLEBOT) for n in (1, 2)]

    assert of_kind(count(*lines, crawlers=True, fold_ipv6=64), "crawler") == {(MAY_9, "a.iso"): {b"2001:db8::/64": 0}}


def test_the_rule_is_taken_from_the_settings() -> None:
    settings = check({"web_root": "/srv", "logs": "x", "crawlers": True, "fold_ipv6": 64, "methods": ["GET"]})

    assert settings.rule == Rule(crawlers=True, fold_ipv6=64, methods=("GET",))


@pytest.mark.parametrize(
    ("logged", "file"),
    [
        (rb"/caf\xc3\xa9.iso", "café.iso"),
        (rb"/say\"hi\".iso", 'say"hi".iso'),
        (rb"/back\\slash.iso", "back\\slash.iso"),
        (rb"/tab\tb.iso", "tab\tb.iso"),
        (rb"/\x2541.iso", "A.iso"),
        (rb"/odd\q.iso", "oddq.iso"),
    ],
)
def test_the_escapes_of_httpds_log_are_undone_before_the_clients(logged: bytes, file: str) -> None:
    assert path_namer()(logged) == file.encode()


def test_a_path_that_httpd_decoded_is_not_decoded_again() -> None:
    assert path_namer(decoded=True)(b"/a%41?#.iso") == b"a%41?#.iso"
    assert path_namer(decoded=True)(b"/x/../a.iso") == b"a.iso"


def test_a_log_of_more_than_a_million_lines_is_packed_on_the_way_and_says_the_same() -> None:
    many = 1_200_000
    line = '{} - - [09/May/2026:10:00:00 +0200] "GET /{}.iso HTTP/1.1" 206 1 "-" "Wget"\n'
    block = 60_000
    # Each client of big.iso comes twice: 600,000 lines apart, so that some come before the packing and some after it.
    clients = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(many // 2)]

    def blocks() -> Iterator[tuple[bytes, int]]:
        for start in range(0, many, block):
            numbers = range(start, start + block)
            lines = [line.format(clients[n % len(clients)], "small" if n % 1000 == 0 else "big") for n in numbers]
            yield "".join(lines).encode(), 0

    found = tally(blocks(), Rule())

    assert (found.lines, found.unreadable) == (many, 0)
    big, small = day_of(found, "big.iso"), day_of(found, "small.iso")
    assert (big.started, big.sent) == (len(clients) - len(clients) // 1000, many - many // 1000)
    assert (small.started, small.sent) == (len(clients) // 1000, many // 1000)


def day_of(found: Tally, file: str) -> Day:
    calls = Gathered(found.clients, Rule()).calls({}, sized=True)
    return add_days(numbers for call in calls if call[0] == file for _, _, numbers, _ in work_out(*call))


def test_a_method_that_does_not_count_counts_nothing_where_it_stands_by_itself() -> None:
    line = b"192.0.2.1 [09/May/2026:10:00:00 +0200] %b /a.iso 200 5\n"
    log_format = "%h %t %m %U %>s %O"

    assert started(count(line % b"GET", line % b"HEAD", log_format=log_format)) == {(MAY_9, "a.iso"): 1}
    assert started(count(line % b"POST", line % b"GETS", line % b"-", log_format=log_format)) == {}


def test_strangers_names_are_kept_up_to_a_number_and_images_without_end() -> None:
    names = range(6000)
    found = count(
        *(Line(target=b"/%d.iso" % n) for n in names), *(Line(target=b"/x%d.iso" % n, status=404) for n in names)
    )

    assert len(of_kind(found)) == len(names)
    assert 1000 < len(of_kind(found, MISSING)) < 5000


def test_each_client_has_the_program_that_it_came_with_first_however_it_is_spelled() -> None:
    agents = {"2001:DB8::1": b"Wget/1", "2001:db8::1": b"aria2/1", "192.0.2.1": b"Firefox/120", "192.0.2.2": b"curl/8"}
    found = count(
        *(Line(client=client).encode().replace(b"curl/7.88.1", agent) for client, agent in agents.items()),
        crawlers=False,
    )

    [call] = Gathered(found.clients, Rule()).calls({}, sized=True)
    [(*_, tables)] = work_out(*call)
    assert tables["programs"] == {"wget": 1, "Firefox": 1, "curl": 1}


def test_own_networks_leave_out_their_addresses_and_no_host_name() -> None:
    clients = ("192.0.2.1", "192.0.3.1", "2001:db8::1", "2001:db9::1", "host.example", "192.0.2.example")
    found = count(*(Line(client=client) for client in clients), own_networks=("192.0.2.0/24", "2001:db8::/32"))

    assert of_kind(found)[MAY_9, "a.iso"].keys() == {b"192.0.3.1", b"2001:db9::1", b"host.example", b"192.0.2.example"}
    assert of_kind(found, "network")[MAY_9, "a.iso"].keys() == {b"192.0.2.1", b"2001:db8::1"}


@pytest.mark.parametrize("rule", [{"own_agents": ("uptime",)}, {"crawlers": True}])
def test_a_line_without_the_user_agent_that_a_setting_needs_is_told_and_does_not_count(rule: dict[str, Any]) -> None:
    line = Line().encode()
    found = count(line, line.replace(b' "-" "curl/7.88.1"', b""), line.replace(b' "-" "curl/7.88.1"', b' "-"'), **rule)

    assert (found.agentless, started(found)) == (2, {(MAY_9, "a.iso"): 1})


def test_an_own_network_needs_no_user_agent() -> None:
    found = count(Line().encode().replace(b' "-" "curl/7.88.1"', b""), own_networks=("198.18.0.0/15",))

    assert (found.agentless, started(found)) == (0, {(MAY_9, "a.iso"): 1})


def test_each_line_of_a_day_that_is_in_no_calendar_is_told() -> None:
    line = Line().encode().replace(b"09/May", b"31/Feb")
    found = count(Line(), line, line, line)

    assert (found.lines, found.unreadable, found.misdated) == (1, 3, 3)


def test_json_of_another_virtual_host_does_not_count() -> None:
    line = b'{"time":"2026-05-09","client":"192.0.2.1","request":"GET /a.iso HTTP/1.1","status":200,"host":"%b"}\n'

    assert started(count(line % b"a.example", log_format="json", hosts=("a.example",))) == {(MAY_9, "a.iso"): 1}
    assert started(count(line % b"b.example", log_format="json", hosts=("a.example",))) == {}
