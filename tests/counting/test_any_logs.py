"""The same lines say the same, in whatever order, in however many logs, and with however many copies of them."""

import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from accesslog import Line
from download_counter.history.day import Record
from download_counter.history.store import load
from download_counter.ingest import ingest
from download_counter.settings import Settings

SIZE = 2000
LINES = st.lists(
    st.builds(
        Line,
        client=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]),
        day=st.sampled_from([date(2026, 5, day) for day in (30, 31)] + [date(2026, 6, 1)]),
        target=st.sampled_from([b"/a.iso", b"/a.iso.sha256", b"/SHA256SUMS", b"/gone.iso", b"/index.html"]),
        method=st.sampled_from([b"GET", b"GET", b"HEAD", b"POST"]),
        status=st.sampled_from([200, 206, 304, 404]),
        size=st.sampled_from([0, 1, 900, SIZE - 1, SIZE, 5 * SIZE]),
    ),
    min_size=1,
    max_size=25,
)


def known(logs: dict[str, bytes]) -> dict[str, Record]:
    """What one run makes of logs."""
    with TemporaryDirectory() as folder:
        for name, content in logs.items():
            Path(folder, name).write_bytes(content)
        ingest(Settings(Path(folder), (f"{folder}/*.log*",)), {"a.iso": SIZE})
        return dict(load(Path(folder)).days)


@given(LINES, st.data())
def test_order_logs_and_copies_change_no_number(some: list[Line], data: st.DataObject) -> None:
    lines = [replace(line, second=second).encode() for second, line in enumerate(some)]
    whole = known({"access.log": b"".join(lines)})

    shuffled = data.draw(st.permutations(lines))
    places = data.draw(st.lists(st.integers(0, 2), min_size=len(lines), max_size=len(lines)))
    logs = {
        f"{number}.log": b"".join(line for line, place in zip(shuffled, places, strict=True) if place == number)
        for number in range(3)
    }
    copied = data.draw(st.sampled_from(sorted(logs)))
    parts = known({**logs, "copy.log": logs[copied], f"{copied}.gz": gzip.compress(logs[copied])})

    assert parts == whole
    for record in parts.values():
        for file in record.files.values():
            if None not in (ends := (file.asked, file.gave_up, file.finished)):
                assert sum(number or 0 for number in ends) == file.started
