"""A real Apache over two days, and clients that each do one thing: every number is what they did."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from download_counter.history.day import ALL_FILES
from download_counter.history.store import load
from support import COMBINED, Apache, Clock, ingest, needs, open_folder, random_file, wait_until

pytestmark = needs("apache2", "faketime")

SIZE = 8_000_000
IMAGE = "linux-24.04-amd64.iso"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
WGET, ARIA2, CHROME = "Wget/1.21.3", "aria2/1.36.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0"
ONE, TWO = date(2026, 5, 9), date(2026, 5, 10)


class Server:
    """A web root with one image and what checks it, and an Apache before it."""

    def __init__(self, folder: Path) -> None:
        self.web_root = folder / "www"
        random_file(self.web_root / IMAGE, SIZE, datetime(2026, 5, 1, tzinfo=UTC))
        for name in (f"{IMAGE}.sha256", f"{IMAGE}.asc", "SHA256SUMS"):
            (self.web_root / name).write_text("what checks it\n")
        self.clock = Clock(folder / "clock")
        self.clock.set(datetime.combine(ONE, time(10)))
        self.apache = Apache(folder, self.web_root, COMBINED, self.clock)

    def turn_to(self, day: date) -> None:
        self.clock.set(datetime.combine(day, time(10)))
        self.apache.note_time()

    def ask(
        self, client: int, file: str, agent: str = WGET, *, method: str = "GET", part: tuple[int, int] | None = None
    ) -> int:
        """Let a client ask for a file, or a part of it up to its last byte; give the status of the answer."""
        logged = len(self.apache.lines())
        link = HTTPConnection("127.0.0.1", self.apache.port, source_address=(f"127.0.2.{client}", 0), timeout=20)
        headers = {"User-Agent": agent, **({"Range": f"bytes={part[0]}-{part[1]}"} if part else {})}
        link.request(method, f"/{file}", headers=headers)
        answer = link.getresponse()
        answer.read()
        link.close()
        # Apache answers first, and logs then.
        wait_until(lambda: len(self.apache.lines()) > logged, "the request in the log")
        return answer.status

    def ingest(self) -> None:
        done = ingest(self.web_root, f"{self.apache.log}*", environment=self.clock.environment())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def server() -> Iterator[Server]:
    with open_folder() as folder:
        made = Server(folder)
        with made.apache:
            yield made


def test_every_number_is_what_the_clients_did(server: Server) -> None:
    server.ask(1, IMAGE, CHROME, method="HEAD")
    server.ask(2, IMAGE, CHROME, part=(0, 1))  # as a player does
    server.ask(3, IMAGE, FIREFOX, part=(0, SIZE // 3))
    server.ask(4, IMAGE, WGET, part=(0, SIZE // 2 - 1))  # the rest comes tomorrow
    for client, agent in ((5, ARIA2), (6, FIREFOX), (7, FIREFOX), (8, WGET)):
        server.ask(client, IMAGE, agent)
    server.ask(5, f"{IMAGE}.sha256", ARIA2)
    server.ask(7, f"{IMAGE}.asc", FIREFOX)
    server.ask(9, "SHA256SUMS", FIREFOX)  # and no image
    assert [server.ask(client, "removed.iso") for client in (1, 2, 2)] == [404] * 3
    server.ask(3, "mistyped-by-one.iso")
    server.ingest()

    server.turn_to(TWO)
    server.ask(4, IMAGE, WGET, part=(SIZE // 2, SIZE - 1))
    server.ask(6, "SHA256SUMS", FIREFOX)  # what it got yesterday
    server.ingest()

    one, two = (load(server.web_root).days[day.isoformat()] for day in (ONE, TWO))
    day = one.files[IMAGE]
    assert (day.started, day.asked, day.gave_up, day.finished, day.checked) == (8, 2, 2, 4, 3)
    assert one.tables["broke"][IMAGE] == {"3": 1, "5": 1}
    assert one.tables["programs"][IMAGE] == {"Chrome": 2, "Firefox": 3, "wget": 2, "aria2": 1}
    assert one.tables["systems"][IMAGE] == {"Windows": 2, "Linux": 3, "other": 3}
    assert one.tables["not_found"][ALL_FILES] == {"removed.iso": 2}
    day = two.files[IMAGE]
    assert (day.started, day.asked, day.gave_up, day.finished, day.checked) == (1, 0, 0, 1, 0)
    assert (day.ipv6, day.networks) == (0, 1)
    assert "broke" not in two.tables
