"""The LogFormat compiler, tried on formats and lines made up together; apachelogs gives the second opinion."""

from dataclasses import dataclass

import apachelogs
from hypothesis import given
from hypothesis import strategies as st

from accesslog import MONTHS, escape_logitem
from download_counter.logs.logformat import FIELDS
from known_formats import format_of

# Printable, with what httpd escapes in it; apachelogs reads lines as text in latin-1.
texts = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text != "-"
)
clients = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("host.example"))
stamps = st.dates().filter(lambda day: day.year >= 1000)
requests = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST"]),
    texts.map(lambda text: "/" + "".join(text.split()) + ".iso"),
    st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]),
)


def logged(text: str) -> str:
    """As httpd writes a text that came from a client."""
    return escape_logitem(text.encode("latin-1")).decode("ascii")


@dataclass(frozen=True)
class Made:
    """A format, a line in it, and the request's method, target and day."""

    log_format: str
    line: str
    method: str
    target: str
    day: str


@st.composite
def formats_with_lines(draw: st.DrawFn) -> Made:
    """Directives in any order, with a blank or a comma and quotes between, and a line in that format."""
    day = draw(stamps)
    method, target, protocol = draw(requests)
    clock = "10:00:59 +0200"
    request = f"{method} {logged(target)} {protocol}"
    time = draw(
        st.sampled_from(
            [
                ("%t", f"[{day:%d}/{MONTHS[day.month - 1]}/{day:%Y}:{clock}]"),
                ("[%{%d/%b/%Y:%H:%M:%S %z}t]", f"[{day:%d}/{MONTHS[day.month - 1]}/{day:%Y}:{clock}]"),
                ('"%{%Y-%m-%dT%H:%M:%S%z}t"', f'"{day:%Y-%m-%d}T10:00:59+0200"'),
                ("%{%F %T}t", f"{day:%Y-%m-%d} 10:00:59"),
            ]
        )
    )
    needed = [
        ("%h", draw(clients)),
        time,
        ('"%r"', f'"{request}"'),
        ("%>s", str(draw(st.sampled_from([200, 206, 404, 304])))),
        draw(st.sampled_from([("%b", "-"), ("%b", "5"), ("%B", "0"), ("%O", "123456789012")])),
        ('"%{User-Agent}i"', f'"{logged(draw(texts))}"'),
    ]
    others = [
        ("%l", "-"),
        ("%u", draw(st.sampled_from(["-", "J_Doe"]))),
        ("%v:%p", "downloads.example:443"),
        ('"%{Referer}i"', f'"{logged(draw(texts))}"'),
        ("%D", "1234"),
        ("%T", "3"),
        ("%{Host}i", "downloads.example"),
        ("%k", "0"),
        ("%I", "99"),
        ("%%", "%"),
    ]
    fields = draw(st.permutations([*needed, *draw(st.lists(st.sampled_from(others), unique=True, max_size=5))]))
    between = draw(st.sampled_from([" ", " ", " | ", ", "]))
    return Made(
        between.join(directive for directive, _ in fields),
        between.join(text for _, text in fields),
        method,
        target,
        f"{day:%Y-%m-%d}",
    )


@given(formats_with_lines())
def test_a_line_of_any_format_is_read_as_apachelogs_reads_it(made: Made) -> None:
    theirs = apachelogs.LogParser(made.log_format, encoding="latin-1").parse(made.line)

    log_format = format_of(made.log_format, methods=("GET", "HEAD", "POST"), agent=True)
    match = log_format.pattern.match(made.line.encode() + b"\n")
    assert match is not None
    client, stamp, method, target, status, size, agent = (match[name] for name in FIELDS)

    assert client.decode() == theirs.remote_host
    assert log_format.day(stamp) == made.day
    if theirs.request_time is not None:
        assert log_format.day(stamp) == theirs.request_time.date().isoformat()
    assert (method.decode(), target.decode()) == (made.method, logged(made.target))
    assert theirs.request_line.split(" ")[:2] == [made.method, made.target]
    assert status.decode() == str(theirs.final_status)
    sent = theirs.bytes_out if "%O" in made.log_format else theirs.bytes_sent
    assert (None if size == b"-" else int(size)) == sent
    assert log_format.agent_of(agent).decode() == logged(theirs.headers_in["User-Agent"])
