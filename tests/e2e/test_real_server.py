"""A real Apache, real clients and the real logrotate, through many days; what is counted is what the clients did."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from download_counter.history.store import load
from support import (
    COMBINED,
    COMBINED_PLAIN,
    Apache,
    Clients,
    Clock,
    Ledger,
    Logrotate,
    ingest,
    needs,
    open_folder,
    random_file,
)

pytestmark = needs("apache2", "faketime", "logrotate", "curl", "wget", "aria2c")

FIRST_DAY = date(2026, 4, 22)
UPLOADED = datetime(2026, 4, 1, tzinfo=UTC)

NEW = "bento-openbox-noble-24.04-amd64.iso"
OLD = "archives/2019/bento to tori alpha1.iso"
FRENCH = "dérivés/été à l'île.iso"
LOUD = "BENTO.ISO"
PERCENT = "100%25 sûr [v1] #2.iso"
SIZES = {NEW: 32_000_000, OLD: 2_000_000, FRENCH: 1_000_000, LOUD: 300_000, PERCENT: 200_000}

OLD_SPELLINGS = (
    "/archives/2019/bento%20to%20tori%20alpha1.iso",
    "//archives///2019//bento%20to%20tori%20alpha1.iso",
    "/./archives/2019/../2019/./bento%20to%20tori%20alpha1.iso",
    "/nowhere/../archives/%2e/2019/%2E%2e/2019/bento%20to%20tori%20alpha1.iso",
    "/%61rchives/2019/bento%20to%20tori%20alpha1%2eis%6F",
    "/%61rchives/2019/bento%20to%20tori%20alpha1%2Eis%6f",
    "/archives/2019/bento%20to%20tori%20alpha1.iso?",
    "/archives/2019/bento%20to%20tori%20alpha1.iso?mirror=1&f=/x.iso",
    '/archives/2019/bento%20to%20tori%20alpha1.iso?q="a\\b"',
    "http://downloads.example/archives/2019/bento%20to%20tori%20alpha1.iso",
    "HTTP://other.example:8080/archives/2019/bento%20to%20tori%20alpha1.iso?x",
)
"""Request targets that Apache answers with one and the same file."""

FRENCH_SPELLINGS = (
    "/d%C3%A9riv%C3%A9s/%C3%A9t%C3%A9%20%C3%A0%20l'%C3%AEle.iso",
    "/d%c3%a9riv%c3%a9s/%c3%a9t%c3%a9%20%c3%a0%20l%27%c3%aele.iso",
    "/dérivés/été%20à%20l'île.iso",
)

REFUSED_SPELLINGS = (
    ("/archives/2019/bento%20to%20tori%20alpha1.iso#top", 400),
    ("/../../etc/passwd.iso", 400),
    ("/%2e%2e/" + NEW, 400),
    ("/archives%2f2019/bento%20to%20tori%20alpha1.iso", 404),
    (f"/{NEW}/", 404),
    (f"/{NEW};v=1", 404),
    (f"/{NEW}%00", 404),
    ("//downloads.example/" + NEW, 404),
    ("/100%2525%20s%C3%BBr.iso", 404),
    ("/gone.iso", 404),
    ('/"quoted\\".iso', 404),
    ("/?file=/x.iso", 200),
)
"""Request targets that name an image, or seem to, and are answered with something else."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


class Site:
    """A web root, its server, its clients and its nights."""

    def __init__(self, folder: Path, log_format: str) -> None:
        self.web_root = folder / "www"
        for file, size in SIZES.items():
            random_file(self.web_root / file, size, UPLOADED)
        random_file(self.web_root / f"{NEW}.md5", 68, UPLOADED)
        (folder / "downloads").mkdir()
        self.clock = Clock(folder / "clock")
        self.day = FIRST_DAY
        self.clock.set(datetime.combine(FIRST_DAY, time(10)))
        self.server = Apache(folder, self.web_root, log_format, self.clock)
        self.ledger = Ledger(SIZES)
        self.clients = Clients(self.server, self.ledger, folder / "downloads")
        self.clients.day = FIRST_DAY
        self._folder = folder

    def turn_to(self, day: date, at: time) -> None:
        self.clock.set(datetime.combine(day, at))
        self.server.note_time()

    def start_rotating(self) -> None:
        self._logrotate = Logrotate(self._folder, self.server, self.clock)
        # logrotate takes the first sight of a log for its last rotation.
        self._logrotate.run()

    def midnight(self) -> None:
        """The date changes and logrotate runs; clients now act on the new day."""
        self.day += timedelta(days=1)
        self.turn_to(self.day, time(0, 0, 5))
        self._logrotate.run()

    def morning(self) -> None:
        self.turn_to(self.day, time(10))
        self.clients.day = self.day

    def ingest(self) -> None:
        done = ingest(self.web_root, f"{self.server.log}*", environment=self.clock.environment())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = json.loads((self.web_root / ".stats" / "counts.json").read_text())
        return counts

    def days(self, what: str) -> dict[str, dict[date, int]]:
        """One of the numbers that are known of each day, where it is not 0."""
        numbers: dict[str, dict[date, int]] = {}
        for day, record in load(self.web_root).days.items():
            for file, found in record.files.items():
                if number := getattr(found, what):
                    numbers.setdefault(file, {})[date.fromisoformat(day)] = number
        return numbers


STARTED, FINISHED, SENT = "started", "finished", "sent"


def url(file: str) -> str:
    """How a browser asks for a file."""
    return "/" + quote(file)


def test_seventeen_days_of_clients_are_counted_as_what_the_clients_did(folder: Path) -> None:
    site = Site(folder, COMBINED)
    clients = site.clients
    with site.server:
        site.start_rotating()

        # Day 1: one client each for the ways to fetch a file, and some that fetch none.
        clients.curl("127.0.1.1", url(NEW), file=NEW)
        clients.curl("::1", url(NEW), file=NEW)
        clients.curl("::1", url(NEW), file=NEW)
        clients.wget("127.0.1.2", NEW, url(NEW))
        clients.aria2("127.0.1.3", NEW, url(NEW))
        clients.curl("127.0.1.4", url(NEW), "--head", file=NEW)
        clients.curl("127.0.1.5", url(NEW), "--range", "0-999", status=206, file=NEW)
        clients.curl("127.0.1.5", url(NEW), "--range", "-1", status=206, file=NEW)
        clients.curl("127.0.1.6", url(NEW), "--range", "0-9,20-29", status=206, file=NEW)
        clients.curl("127.0.1.7", url(NEW), "--range", f"{SIZES[NEW]}-", status=416)
        clients.curl("127.0.1.7", url(NEW), "--header", "If-Modified-Since: Wed, 15 Apr 2026 00:00:00 GMT", status=304)
        clients.curl("127.0.1.7", url(NEW), "--request", "POST")
        clients.curl("127.0.1.7", url(NEW + ".md5"))
        clients.curl("127.0.1.7", "/")
        clients.curl("127.0.1.8", url(LOUD), "--http1.0", file=LOUD)
        clients.curl("127.0.1.8", url(PERCENT), "--user-agent", 'a "quoted\\ agent\té', file=PERCENT)
        given_up = [
            clients.begin("127.0.1.9", NEW, url(NEW)),
            clients.begin("127.0.1.20", NEW, url(NEW)),
            clients.begin_wget("127.0.1.21", NEW, url(NEW)),
            clients.begin("127.0.1.22", NEW, url(NEW)),
        ]
        _, by_curl, by_wget, _ = [download.abort(1_000_000) for download in given_up]
        site.ingest()
        assert site.counts() == site.ledger.months()

        # Over midnight: what was begun is fetched to its end on the next day.
        site.midnight()
        site.ingest()
        site.morning()
        clients.curl("127.0.1.20", url(NEW), "--continue-at", "-", status=206, file=NEW, to=by_curl)
        clients.wget("127.0.1.21", NEW, url(NEW), to=by_wget)
        # Begun again from the start, on the other side of midnight, and given up again.
        clients.begin("127.0.1.22", NEW, url(NEW)).abort(1_000_000)
        # Day 2: ranges that overlap, and ranges that are the same again.
        clients.curl("127.0.1.30", url(NEW), "--range", "0-19999999", status=206, file=NEW)
        clients.curl("127.0.1.30", url(NEW), "--range", "12000000-", status=206, file=NEW)
        clients.curl("127.0.1.31", url(NEW), "--range", "0-9999999", status=206, file=NEW)
        clients.curl("127.0.1.31", url(NEW), "--range", "0-9999999", status=206, file=NEW)
        # One client and one file, however it is spelled.
        for spelling in OLD_SPELLINGS:
            clients.curl_raw("127.0.1.40", spelling, file=OLD)
        for spelling in FRENCH_SPELLINGS:
            clients.curl_raw("127.0.1.40", spelling, file=FRENCH)
        for number, spelling in enumerate(OLD_SPELLINGS):
            clients.curl_raw(f"127.0.2.{number}", spelling, "--range", "0-9", status=206, file=OLD)
        for spelling, status in REFUSED_SPELLINGS:
            clients.curl_raw("127.0.1.41", spelling, status=status)

        # A download that runs while the date changes and the log is rotated: it belongs to the day it began,
        # and its line is written into a log that has been moved away already.
        site.turn_to(site.day, time(23, 59, 30))
        late = clients.begin("127.0.1.50", NEW, url(NEW), rate="12M")
        late.wait_for(1)
        site.midnight()
        late.wait()
        site.ingest()
        assert site.counts() == site.ledger.months()

        # Two quiet weeks, until the log of day 1 is gone; on two nights cron did not run.
        for number in range(15):
            site.morning()
            clients.curl("127.0.1.1", url(OLD), file=OLD)
            clients.curl(f"127.0.3.{number}", url(NEW), "--head", file=NEW)
            site.midnight()
            if number not in (4, 5):
                site.ingest()
        logs = list(site.server.log.parent.iterdir())
        assert len(logs) == 15
        assert b"22/Apr/2026" not in b"".join(
            gzip.decompress(log.read_bytes()) if log.suffix == ".gz" else log.read_bytes() for log in logs
        )

        site.ingest()

    assert site.counts() == site.ledger.months()
    assert site.days(STARTED) == site.ledger.started()
    assert site.days(FINISHED) == site.ledger.finished()
    sent = site.days(SENT)
    for file, days in site.ledger.sent().items():
        for day, (low, high) in days.items():
            assert low <= sent[file][day] <= high, (file, day)


def test_a_log_of_declared_sizes_counts_the_same_downloads_and_takes_all_for_finished(folder: Path) -> None:
    site = Site(folder, COMBINED_PLAIN)
    clients = site.clients
    with site.server:
        site.start_rotating()
        aborted = clients.begin("127.0.1.1", NEW, url(NEW))
        clients.curl("127.0.1.2", url(NEW), file=NEW)
        clients.curl("127.0.1.3", url(NEW), "--head", file=NEW)
        clients.curl("127.0.1.4", url(NEW), "--range", "0-999", status=206, file=NEW)
        aborted.abort(1_000_000)
        site.midnight()
        site.ingest()
        site.morning()
        clients.curl("127.0.1.5", url(OLD), file=OLD)
        site.ingest()

    assert site.counts() == site.ledger.months()
    assert site.days(STARTED) == site.ledger.started()
    # The client that left is taken for one that stayed: %b does not tell them apart.
    assert site.days(FINISHED) == site.ledger.finished_as_declared() != site.ledger.finished()
