"""An Apache LogFormat string becomes a pattern that reads its lines."""

from datetime import UTC, datetime
from typing import Any

import apachelogs
import pytest

from download_counter.counting.tally import tally
from download_counter.errors import DownloadCounterError
from download_counter.logs import formats
from download_counter.logs.logformat import FIELDS
from download_counter.settings import Rule
from known_formats import KNOWN, format_of
from tallies import of_kind

STAMP = "[09/May/2026:10:20:30 +0200]"
EPOCH = int(datetime(2026, 5, 9, 8, 20, 30, tzinfo=UTC).timestamp())


def fields(log_format: str, line: str, **options: Any) -> dict[str, str | None]:
    """What a format reads in a line, by name; the day as a date."""
    compiled = format_of(log_format, **options)
    match = compiled.pattern.match(line.encode() + b"\n")
    assert match is not None, f"{log_format} does not read {line}"
    found = {name: match[name].decode() if match[name] is not None else None for name in FIELDS}
    agent = compiled.agent_of(match["agent"]).decode() if match["agent"] else found["agent"]
    return {**found, "day": compiled.day(match["day"]), "agent": agent}


def downloads(log_format: str, line: str, **options: Any) -> list[tuple[str, str, str]]:
    """The downloads (day, file, client) that a line counts for."""
    found = tally([(line.encode() + b"\n", 0)], Rule(log_format=log_format, **options))
    assert found.unreadable == 0
    return [(day, file, client.decode()) for (day, file), clients in of_kind(found).items() for client in clients]


COUNTED = [("2026-05-09", "a.iso", "192.0.2.1")]


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        ("common", f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234'),
        ("common", f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234 "-" "curl/8"'),
        ("combined", f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234 "-" "curl/8"'),
        ("combined", f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234'),
        ("vhost_combined", f'dl.example:443 192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234 "-" "-"'),
    ],
)
def test_a_known_format_is_read_by_its_name(log_format: str, line: str) -> None:
    assert fields(log_format, line) == {
        "client": "192.0.2.1",
        "day": "2026-05-09",
        "method": "GET",
        "target": "/a.iso",
        "status": "200",
        "size": "1234",
        "agent": None,
    }


@pytest.mark.parametrize("name", ["J Doe", "-", '\\"', "ü"])
def test_a_user_name_may_hold_blanks_and_quotes(name: str) -> None:
    assert downloads("combined", f'192.0.2.1 - {name} {STAMP} "GET /a.iso HTTP/1.1" 200 5 "-" "-"') == COUNTED


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        ("%t", STAMP),
        ("%{begin}t", STAMP),
        ("%{end}t", STAMP),
        ("[%{%d/%b/%Y:%H:%M:%S %z}t]", STAMP),
        ("[%{begin:%d/%b/%Y:%T %z}t]", STAMP),
        ("[%{end:%d/%h/%Y:%T %Z}t]", "[09/May/2026:10:20:30 CEST]"),
        ("[%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t]", "[09/May/2026 10:20:30.123 +0200]"),
        ("%{usec_frac}t %{%F}t", "123456 2026-05-09"),
        ("%{%Y-%m-%dT%H:%M:%S%z}t", "2026-05-09T10:20:30+0200"),
        ("%{%FT%T}t", "2026-05-09T10:20:30"),
        ("%{%D %r}t", "05/09/26 10:20:30 AM"),
        ("%{%e %b %y %R}t", " 9 May 26 10:20"),
        ("%{%a %A %j %d.%m.%Y}t", "Sat Saturday 129 09.05.2026"),
        ("%{%k:%M %I %l %p %d %m %Y}t", "10:20 10 10 AM 09 05 2026"),
        ("%{at %d%%%m%%%Y}t", "at 09%05%2026"),
        ("%{%H:%M}t %{%F}t", "10:20 2026-05-09"),
        ("%{%s}t", f"{EPOCH}"),
        ("%{sec}t", f"{EPOCH}"),
        ("%{msec}t", f"{EPOCH}123"),
        ("%{begin:usec}t", f"{EPOCH}123456"),
        ("%{end:sec}t", f"{EPOCH}"),
        # The first time that has a date tells the day, whatever follows.
        ("%t %t", f"{STAMP} [10/May/2026:00:00:00 +0200]"),
        ("%{sec}t %{sec}t", f"{EPOCH} 0"),
        ("%{%F}t %{%F}t", "2026-05-09 2026-05-10"),
    ],
)
def test_every_way_to_write_the_time_tells_the_day(stamp: str, text: str) -> None:
    log_format = f'%h {stamp} "%r" %>s'

    assert downloads(log_format, f'192.0.2.1 {text} "GET /a.iso HTTP/1.1" 200') == COUNTED


@pytest.mark.parametrize(("short", "day"), [("68", "2068-05-09"), ("69", "1969-05-09"), ("00", "2000-05-09")])
def test_two_digits_of_a_year_are_of_the_century_that_strftime_says(short: str, day: str) -> None:
    assert fields('%h %{%y%m%d}t "%r" %>s', f'192.0.2.1 {short}0509 "GET /a.iso HTTP/1.1" 200')["day"] == day


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        ("%t", "[31/Feb/2026:10:00:00 +0000]"),
        ("%t", "[09/Foo/2026:10:00:00 +0000]"),
        ("%t", "[yesterday]"),
        ("%{%F}t", "2026-13-01"),
        ("%{%d %b %Y}t", "09 Foo 2026"),
        ("%{sec}t", "9" * 18),
        ("%{sec}t", "9" * 30),
    ],
)
def test_a_day_that_never_was_makes_a_line_unreadable(stamp: str, text: str) -> None:
    line = f'192.0.2.1 {text} "GET /a.iso HTTP/1.1" 200\n'

    found = tally([(line.encode(), 0)], Rule(log_format=f'%h {stamp} "%r" %>s'))

    assert (found.unreadable, of_kind(found)) == (1, {})


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        # The virtual host or anything else may come first or between, in any order.
        ('%s %b %h %t "%r"', f'200 - 192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1"'),
        (
            '%V %D %T %% %!200{Referer}i %400,501{X}i %h %t "%r" %>s',
            f'v 1 2 % - - 192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1" 200',
        ),
        ('%h\\t%t\\t"%r"\\t%>s', f'192.0.2.1\t{STAMP}\t"GET /a.iso HTTP/1.1"\t200'),
        ("%h|%t|%r|%>s", f"192.0.2.1|{STAMP}|GET /a.iso HTTP/1.1|200"),
        ("%h;%{sec}t;%m;%U;%s", f"192.0.2.1;{EPOCH};GET;/a.iso;200"),
        ('%h%t"%r"%>s', f'192.0.2.1{STAMP}"GET /a.iso HTTP/1.1"200'),
        ("%h %t %r %>s %b", f"192.0.2.1 {STAMP} GET /a.iso HTTP/1.1 200 5"),
        ("%h %t %r %>s %b", f"192.0.2.1 {STAMP} GET /a.iso 200 5"),
        ("%^ti %^FB %h %t %r %>s", f"- 12 192.0.2.1 {STAMP} GET /a.iso HTTP/1.1 200"),
        ('%>h %>a %t "%r" %<s', f'192.0.2.1 192.0.2.2 {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('%a %t "%r" %s', f'192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('%{c}a %t "%r" %s', f'192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('%h:%{remote}p %t "%r" %s', f'192.0.2.1:4711 {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('"%h" %t "%r" %s', f'"192.0.2.1" {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('[%h] %t "%r" %s', f'[192.0.2.1] {STAMP} "GET /a.iso HTTP/1.1" 200'),
        # Query and path apart; the path is what httpd decoded.
        ('%h %t "%m %U%q %H" %>s', f'192.0.2.1 {STAMP} "GET /a.iso?x=\\"1 HTTP/1.1" 200'),
        ('%h %t "%m %U%q %H" %>s', f'192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1" 200'),
        ('%h %t %m "%U%q" %>s', f'192.0.2.1 {STAMP} GET "/a.iso?b.iso" 200'),
        ("%h %t %m %U%q %>s", f"192.0.2.1 {STAMP} GET /a.iso?b 200"),
        (
            '{"c":"%h","t":"%t","m":"%m","p":"%U","q":"%q","s":%>s}',
            f'{{"c":"192.0.2.1","t":"{STAMP}","m":"GET","p":"/a.iso","q":"?\\"","s":200}}',
        ),
    ],
)
def test_an_odd_format_is_read(log_format: str, line: str) -> None:
    assert downloads(log_format, line) == COUNTED


@pytest.mark.parametrize(
    "line",
    [
        f"192.0.2.1 {STAMP} POST /a.iso HTTP/1.1 200 5",
        f"192.0.2.1 {STAMP} - 408 -",
        f"192.0.2.1 {STAMP} GET /a.iso HTTP/1.1 404 5",
    ],
)
def test_a_request_without_quotes_that_does_not_count_is_read_all_the_same(line: str) -> None:
    assert fields("%h %t %r %>s %b", line)["client"] == "192.0.2.1"
    assert downloads("%h %t %r %>s %b", line) == []


@pytest.mark.parametrize(
    "pasted",
    [
        r"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"",
        r'"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""',
        r'LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined',
    ],
)
def test_a_format_pasted_from_httpd_conf_reads_as_the_format(pasted: str) -> None:
    line = f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234 "-" "curl/8"'

    assert fields(pasted, line) == fields("combined", line)


def test_an_ipv6_client_is_told_from_its_port() -> None:
    line = f'2001:db8::1:4711 {STAMP} "GET /a.iso HTTP/1.1" 200'

    assert downloads('%a:%{remote}p %t "%r" %s', line) == [("2026-05-09", "a.iso", "2001:db8::1")]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("10.9.9.9, 198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("10.9.9.9,192.0.2.1", "192.0.2.1"),
        ("10.9.9.9, 2001:db8::5", "2001:db8::5"),
        ("-", "-"),
    ],
)
def test_behind_a_proxy_the_client_is_the_last_one_that_the_proxy_wrote(forwarded: str, client: str) -> None:
    log_format, header = '%{X-Forwarded-For}i %h %t "%r" %>s', "%{X-Forwarded-For}i"

    found = downloads(log_format, f'{forwarded} 10.0.0.1 {STAMP} "GET /a.iso HTTP/1.1" 200', client=header)

    assert found == [("2026-05-09", "a.iso", client)]


def test_the_client_is_what_the_setting_names_and_else_the_host() -> None:
    log_format = '%a %{c}a %h %t "%r" %>s'
    line = f'192.0.2.1 192.0.2.2 192.0.2.3 {STAMP} "GET /a.iso HTTP/1.1" 200'

    found = {named: downloads(log_format, line, client=named)[0][2] for named in ("", "%h", "%a", "%{c}a")}

    assert found == {"": "192.0.2.3", "%h": "192.0.2.3", "%a": "192.0.2.1", "%{c}a": "192.0.2.2"}


@pytest.mark.parametrize("path", ["/a b.iso", "/%41.iso", "/a.iso.iso", "/ä.iso"])
def test_a_decoded_path_is_taken_as_it_is(path: str) -> None:
    assert downloads('%h %t %m "%U" %>s', f'192.0.2.1 {STAMP} GET "{path}" 200') == [
        ("2026-05-09", path.lstrip("/"), "192.0.2.1")
    ]


def test_a_decoded_path_is_not_cut_where_the_query_is_elsewhere() -> None:
    assert downloads('%h %t %m "%U" %>s', f'192.0.2.1 {STAMP} GET "/what?.iso" 200')[0][1] == "what?.iso"


@pytest.mark.parametrize(("size", "expected"), [("%O", 700), ("%b", 500), ("%B", 500), ("%b %O", 700), ("%O %b", 700)])
def test_bytes_really_sent_are_preferred_to_the_size_of_the_answer(size: str, expected: int) -> None:
    text = size.replace("%O", "700").replace("%b", "500").replace("%B", "500")

    found = fields(f'%h %t "%r" %>s {size}', f'192.0.2.1 {STAMP} "GET /a.iso HTTP/1.1" 200 {text}')

    assert found["size"] == str(expected)
    assert format_of(f'%h %t "%r" %>s {size}').sized


def test_a_format_without_a_size_says_so() -> None:
    assert not format_of('%h %t "%r" %>s').sized


@pytest.mark.parametrize(
    ("log_format", "lacks"),
    [
        ('%t "%r" %>s', "no client (%h)"),
        ('%h "%r" %>s', "no time (%t"),
        ('%h %{%H:%M}t "%r" %>s', "no time (%t"),
        ('%h %{%d %b}t "%r" %>s', "no time (%t"),
        ('%h %{msec_frac}t "%r" %>s', "no time (%t"),
        ('%h %t "%{Referer}i" %>s', "no request (%r, or %m and %U)"),
        ('%h %t "%U" %>s', "no request method (%r, or %m;"),
        ("%h %t %m %>s", "no request (%r, or %m and %U)"),
        ('%h %t "%r"', "no status (%>s)"),
        ("words", "neither a LogFormat nor the name of a format"),
    ],
)
def test_a_format_that_cannot_be_counted_by_is_refused_with_what_it_lacks(log_format: str, lacks: str) -> None:
    with pytest.raises(DownloadCounterError) as caught:
        format_of(log_format)

    assert lacks in str(caught.value)
    assert repr(log_format) in str(caught.value)


def test_a_format_without_the_client_or_the_agent_that_is_asked_for_is_refused() -> None:
    with pytest.raises(DownloadCounterError, match=r"no client \(%\{X-Forwarded-For\}i\)"):
        format_of("combined", client="%{X-Forwarded-For}i")
    with pytest.raises(
        DownloadCounterError, match=r"no user agent \(%\{User-Agent\}i\), which DOWNLOAD_COUNTER\['crawlers'\]"
    ):
        formats.format_of(Rule(log_format="common", crawlers=True))


@pytest.mark.parametrize(
    ("log_format", "names"),
    [
        ("%h %t %r %>s %", "stray % at '%'"),
        ("%h %t % r %>s", "stray % at '% r '"),
        ("%h %{x %t %r", "stray % at '%{x '"),
        ("%h %^xx %t", "unknown directive %^xx"),
        ("%h %{%c}t %r %s", "a time with %c"),
    ],
)
def test_a_format_that_is_no_format_is_refused_with_the_place(log_format: str, names: str) -> None:
    with pytest.raises(DownloadCounterError) as caught:
        format_of(log_format)

    assert names in str(caught.value)


def test_only_the_methods_that_count_are_told() -> None:
    line = f'192.0.2.1 - - {STAMP} "HEAD /a.iso HTTP/1.1" 200 5 "-" "-"'

    assert fields("combined", line)["method"] == "HEAD"
    assert fields("combined", line, methods=("GET",))["method"] is None
    assert fields('%h %t %m "%U" %>s', f'192.0.2.1 {STAMP} GETTY "/a.iso" 200')["method"] is None


def test_the_user_agent_is_read_when_it_is_asked_for() -> None:
    line = f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 5 "\\"x\\"" "a \\"b\\" c"'

    assert fields("combined", line, agent=True)["agent"] == 'a \\"b\\" c'


@pytest.mark.parametrize(
    "line",
    [
        f'192.0.2.1 - - {STAMP} "GET /a.iso HTTP/1.1" 200 1234 "-" "curl/8"',
        f'2001:db8::1 - J_Doe {STAMP} "HEAD /b%20c.iso?x HTTP/2.0" 206 0 "https://x.example/" "a \\"b\\""',
        f'host.example - - {STAMP} "POST / HTTP/1.0" 404 315 "-" "x"',
    ],
)
def test_a_line_is_read_as_apachelogs_reads_it(line: str) -> None:
    theirs = apachelogs.LogParser(KNOWN["combined"]).parse(line)

    ours = fields("combined", line, methods=("GET", "HEAD", "POST"), agent=True)

    assert f"{ours['method']} {ours['target']}" == theirs.request_line.rpartition(" ")[0]
    assert (ours["agent"] or "").replace('\\"', '"') == theirs.headers_in["User-Agent"]
    assert {name: ours[name] for name in ("client", "day", "status", "size")} == {
        "client": theirs.remote_host,
        "day": theirs.request_time.date().isoformat(),
        "status": str(theirs.final_status),
        "size": str(theirs.bytes_out),
    }
