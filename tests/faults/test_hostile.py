"""What clients, uploaders and writers of notes send does no harm and takes no more than a bounded room."""

import bz2
import gzip
import json
import lzma
import os
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from accesslog import Line
from download_counter.catalogue import scan
from download_counter.history import store as history
from download_counter.history.year import to_json
from download_counter.settings import COMPANIONS
from smallsite import SmallSite
from support import CHECKOUT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GIB = 1 << 30
# What a run takes with an ordinary log (some 40 MB), and the blocks and the longest line besides (bytes).
ENOUGH = 160 << 20

GOOD = Line(client="192.0.2.7").encode()


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    made = SmallSite(tmp_path)
    (made.logs / "access.log").unlink()
    return made


def ingest_measured(site: SmallSite) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run the ingest with little memory to be had, and give the most it took (bytes)."""
    read, write = os.pipe()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    # VmHWM is this program's own. getrusage(2) begins with the most that the tests took, which started it.
    code = (
        "import re, sys; from download_counter.__main__ import main; code = main(sys.argv[2:]); "
        "most = re.search('VmHWM:\\\\s+([0-9]+) kB', open('/proc/self/status').read())[1]; "
        "open(int(sys.argv[1]), 'w').write(most); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(write), "-s", str(site.settings)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
        pass_fds=[write],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(write)
    with open(read) as said:
        return done, int(said.read() or 0) * 1024


def plain(path: Path, line: bytes) -> None:
    with path.open("wb") as log:
        log.write(line)
        log.truncate(GIB)
        log.seek(0, os.SEEK_END)
        log.write(b"\n" + GOOD)


def packed(compress: Callable[[bytes], bytes]) -> Callable[[Path, bytes], None]:
    def write(path: Path, line: bytes) -> None:
        step = 1 << 24
        piece = compress(b" " * step)
        path.write_bytes(compress(line) + piece * (GIB // step) + compress(b"\n" + GOOD))

    return write


BOMBS: dict[str, Callable[[Path, bytes], None]] = {
    "plain": plain,
    "gzip": packed(gzip.compress),
    "bzip2": packed(bz2.compress),
    "xz": packed(lambda data: lzma.compress(data, preset=0)),
    "zstd": packed(zstd.compress),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_line_of_a_gibibyte_takes_little_memory_and_the_lines_after_it_count(site: SmallSite, kind: str) -> None:
    BOMBS[kind](site.logs / "access.log.1", b'192.0.2.1 - - [09/May/2026:01:02:03 +0200] "GET /a.iso?')
    done, memory = ingest_measured(site)
    assert (done.returncode, done.stderr) == (0, "")
    print(f"\n{kind}: {memory >> 20} MiB")
    assert memory < ENOUGH
    assert json.loads((site.web_root / ".stats/counts.json").read_text()) == {"a.iso": {"2026-05": 1}}
    assert sum(log.unreadable for log in history.load(site.web_root).logs) == 1


def test_a_packed_log_that_is_all_one_line_without_an_end_counts_as_one_that_could_not_be_read(site: SmallSite) -> None:
    step = 1 << 24
    (site.logs / "access.log.1.gz").write_bytes(gzip.compress(b".iso" * (step // 4)) * (GIB // step))
    done, memory = ingest_measured(site)
    assert done.returncode == 0
    assert "access.log.1.gz cannot be read: no line ends in it" in done.stderr
    assert memory < ENOUGH
    assert sum(log.unreadable for log in history.load(site.web_root).logs) == 1


def test_a_client_that_spells_one_name_in_countless_ways_takes_little_memory(site: SmallSite) -> None:
    with (site.logs / "access.log").open("wb") as log:
        for number in range(100_000):
            log.write(Line(client="192.0.2.1", target=b"/a.iso?%d-%064d" % (number, number)).encode())
    done, memory = ingest_measured(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert memory < ENOUGH
    assert json.loads((site.web_root / ".stats/counts.json").read_text()) == {"a.iso": {"2026-05": 1}}


HOSTILE_TARGETS = (
    b"/../../etc/x.iso",
    b"/%2e%2e/%2e%2e/etc/x.iso",
    b"/..%2f..%2fetc%2fx.iso",
    b"//etc//x.iso",
    b"/<script>alert(1)</script>.iso",
    b"/\"'><img src=x onerror=alert(1)>.iso",
    b"/=cmd|' /C calc'!A0.iso",
    "/\u202egpj.iso".encode(),
    b"/\x1b[2J\x07.iso",
    b"/\xff\xfe\xc3.iso",
    b"/{{ 7*7 }}{% raw %}.iso",
    b"/__proto__.iso",
    b"/" + b"a/" * 2000 + b"x.iso",
)
NAMES = (
    b"<script>alert(1)</script>.iso",
    b"\"'><img src=x onerror=alert(1)>.iso",
    "\u202egpj.iso".encode(),
    b"\x1b[2J\x07\n.iso",
    b"\xff\xfe\xc3.iso",
    b"{{ 7*7 }}{% raw %}.iso",
    b"-rf.iso",
    b"a" * 251 + b".iso",
    b"%2e%2e%2fx.iso",
    b"#?&;.iso",
)


class Read(HTMLParser):
    """What a browser makes of a page: its tags, its attributes, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]


def fill(site: SmallSite) -> None:
    for name in NAMES:
        path = site.web_root / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    site.log("access.log", [Line(client=f"192.0.2.{n}", target=t) for n, t in enumerate(HOSTILE_TARGETS)])


def test_hostile_names_are_shown_as_text_and_stay_in_the_web_root(site: SmallSite) -> None:
    fill(site)
    site.counter(show_counts=True)
    done = site.pelican("--log-handler", "plain")
    assert done.returncode == 0, done.stderr
    for page in ("index.html", ".stats/index.html", "en/index.html"):
        text = site.page(page)
        assert Read(text).tags <= {"title", "a", "p", "meta"}
        assert Read(text).attributes <= {"href", "name", "content"}
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    for feed in ("feeds/images.atom.xml", "en/feeds/images.atom.xml"):
        assert len(ET.fromstring(site.page(feed)).findall("{*}entry")) == len(NAMES) + 2
    for cell in (site.web_root / ".stats/downloads.csv").read_text().splitlines():
        assert not cell.startswith(("=", "+", "-", "@"))
    for file in json.loads(site.page(".stats/counts.json")):
        assert not {"..", "."} & set(file.split("/"))
    links = Read(site.page("index.html")).links
    for image in scan(site.web_root, (".iso",), COMPANIONS)[0]:
        assert f"./{image.url}" in links
        assert os.fsencode(image.file) == unquote_to_bytes(image.url)


def test_data_with_hostile_names_is_read_back_as_it_was_written(site: SmallSite) -> None:
    fill(site)
    assert site.ingest().returncode == 0
    before = (site.web_root / ".stats/counts.json").read_bytes()
    found = history.load(site.web_root)
    assert found.warnings == []
    assert to_json(found.counts) == before


@pytest.mark.parametrize("content", ["a gibibyte", "binary", "no line end", "many names"])
def test_checksums_that_are_none_cost_nothing_and_show_nothing(site: SmallSite, content: str) -> None:
    checksums = site.web_root / "a.iso.sha256"
    with checksums.open("wb") as file:
        if content == "a gibibyte":
            file.truncate(GIB)
        else:
            file.write(
                {"binary": bytes(range(256)) * 200, "no line end": b"ab" * 30_000}.get(content, b"x  y\n" * 9000)
            )
    [image] = [one for one in scan(site.web_root, (".iso",), COMPANIONS)[0] if one.file == "a.iso"]
    assert [companion.digest for companion in image.companions] == [None]


HOSTILE_NOTES = {
    "a script": b"Title: <script>alert(1)</script>\nFiles: *.iso\nLang: fr\n\n<script>alert(2)</script>",
    "handlers": b"Title: x\nFiles: *.iso\nLang: fr\n\n<img src=x onerror=alert(3)><svg onload=a(4)><style>*{}</style>",
    "an address that is a script": b"Title: x\nFiles: *.iso\nLang: fr\n\n[x](javascript:a(5)) <iframe src=//x.example>",
    "control characters": b"Title: a\x0b\x01b\nFiles: *.iso\nLang: fr\n\nhello \x0c\x08\x00 world \xef\xbf\xbe",
    "no title": b"Files: *.iso\nLang: fr\n\nhello",
    "a template": b"Title: {{ SITEURL }}\nFiles: *.iso\nLang: fr\n\n{% include '/etc/passwd' %}{{ 7*7 }}",
    "odd patterns": b"Title: x\nFiles: [[*?!a- *" + b"*a" * 200 + b"\nLang: fr\n\nhello",
}


@pytest.mark.parametrize("note", HOSTILE_NOTES)
def test_what_a_note_holds_is_shown_as_text_or_not_at_all(site: SmallSite, note: str) -> None:
    (site.content / "isos").mkdir()
    (site.content / "isos/x.md").write_bytes(HOSTILE_NOTES[note])
    site.log("access.log", [Line()])
    done = site.pelican("--log-handler", "plain")
    assert (done.returncode, done.stderr) == (0, "")
    text = site.page("index.html")
    assert not re.search(r"<(script|style|iframe|svg)|onerror=|onload=|javascript:|root:x:", text, re.IGNORECASE)
    ET.fromstring(site.page("feeds/images.atom.xml"))


@pytest.mark.parametrize("note", [b"Title: \xff\nFiles: *.iso\n\nx", b"Title: x\nDate: nonsense\nFiles: *.iso\n\nx"])
def test_a_note_that_cannot_be_read_is_named_and_the_pages_are_made(site: SmallSite, note: bytes) -> None:
    (site.content / "isos").mkdir()
    (site.content / "isos/x.md").write_bytes(note)
    site.log("access.log", [Line()])
    done = site.pelican("--log-handler", "plain")
    assert done.returncode == 0
    assert "The note isos/x.md cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert "a.iso" in site.page("index.html")


def test_a_text_of_this_site_puts_no_other_file_into_its_page(site: SmallSite) -> None:
    secret = site.folder / "secret"
    secret.write_text("hush hush")
    site.write(
        "pages/x.rst",
        f"X\n=\n\n:lang: fr\n:slug: x\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n",
    )
    site.log("access.log", [Line()])
    [line] = [
        line for line in (CHECKOUT / "pelicanconf.py").read_text().splitlines() if line.startswith("DOCUTILS_SETTINGS")
    ]
    site.set(line)
    site.pelican()
    assert not [path for path in site.web_root.rglob("*.html") if "hush" in path.read_text()]


@pytest.mark.parametrize("month", ["0001-01", "9999-12"])
def test_counts_of_the_first_and_the_last_month_of_all_stay_and_end(site: SmallSite, month: str) -> None:
    (site.web_root / ".stats").mkdir()
    (site.web_root / ".stats/counts.json").write_text(json.dumps({"a.iso": {month: 1}}))
    site.log("access.log", [Line(day=date(2026, 5, 9))])
    assert site.pelican().returncode == 0
    assert json.loads(site.page(".stats/counts.json"))["a.iso"] == {month: 1, "2026-05": 1}
    assert len(site.page(".stats/table.csv")) < 1000
