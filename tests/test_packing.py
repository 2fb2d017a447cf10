"""What makes counting quick changes nothing of it: rows for a whole block, clients packed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accesslog import Line
from download_counter.logformat import FIELDS
from download_counter.tally import Packed, Rule

FORMATS = ["common", "combined", "vhost_combined", "json", '%m %U %h [%{%Y-%m-%d}t] %>s "%{User-Agent}i"']

texts = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                Line().encode(),
                Line(target=b"/page.html").encode(),
                Line(target=b"/%61.is%6f").encode(),
                Line(client="2001:db8::1", method=b"HEAD").encode(),
                b'{"ts":1778335200,"remote_ip":"192.0.2.1","request":"GET /a.iso HTTP/1.1","status":200,"size":5}\n',
                b'GET /a.iso 192.0.2.1 [2026-05-09] 200 "curl/8"\n',
            ]
        ),
    ),
    max_size=8,
).map(b"".join)


@pytest.mark.parametrize("name", FORMATS)
@given(text=texts)
def test_a_block_has_a_row_for_each_line_with_what_the_line_alone_has(name: str, text: bytes) -> None:
    log_format = Rule(log_format=name).format()
    lines = text.split(b"\n")[:-1]

    rows = list(log_format.rows(text))

    assert len(rows) == len(lines)
    for line, row in zip(lines, rows, strict=True):
        match = log_format.pattern.match(line)
        *found, strange = row
        assert found == ([match[field] or b"" for field in FIELDS] if match else [b""] * len(FIELDS))
        assert strange == (b"" if match else line)


@given(
    st.dictionaries(st.binary(min_size=1).filter(lambda name: b"\n" not in name), st.integers(0, 10**18), min_size=1)
)
def test_clients_come_out_of_the_pack_as_they_went_in(clients: dict[bytes, int]) -> None:
    assert Packed.of(clients).unpack() == clients


def test_more_bytes_than_anyone_has_are_as_many_as_fit() -> None:
    assert Packed.of({b"a": 10**30, b"b": 1}).unpack() == {b"a": 2**64 - 1, b"b": 1}
