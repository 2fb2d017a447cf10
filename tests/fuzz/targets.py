"""What is fuzzed: one function for each way in which bytes of others come in.

Each takes any bytes and fails if they make the program raise what it does not say it raises, or give what it may
never give. They need no fuzzer: `__main__.py` drives them by coverage, `test_corpus.py` replays what was found.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from download_counter.catalogue import digest_in, quote_file
from download_counter.counting.rule import DOWNLOAD, kind_namer, path_namer
from download_counter.counting.tally import tally
from download_counter.errors import DownloadCounterError, printable
from download_counter.history.store import COUNTS, YEARS, History, load, parse_counts
from download_counter.history.year import to_json
from download_counter.logs import formats
from download_counter.logs.files import whole_lines
from download_counter.settings import Rule, Settings
from download_counter.site.exports import csv_of_days, csv_of_months, json_of
from download_counter.site.numbers import report
from known_formats import JSON_FORMATS, KNOWN, format_of
from tallies import of_kind, sent

EXTENSIONS = (".iso",)
RULES = (
    *(Rule(log_format=name, method="GET") for name in (*KNOWN, *JSON_FORMATS)),
    Rule(log_format='%h %l %u %{%Y-%m-%d}t "%m %U" %>s %b "%{User-Agent}i"'),
    Rule(log_format='%{X-Forwarded-For}i %t "%r" %>s %B "%{User-Agent}i"', client="%{X-Forwarded-For}i"),
)
TODAY = date(2026, 5, 9)


def check_file(file: str) -> None:
    """A counted file is a plain relative path to an image, whatever the client sent."""
    parts = file.split("/")
    assert file.lower().endswith(EXTENSIONS)
    assert "" not in parts[:-1]
    assert not {".", ".."} & set(parts)
    assert "\0" not in file
    assert Path("/web/root", file).is_relative_to("/web/root")
    quote_file(file)
    printable(file).encode()


def lines(data: bytes) -> None:
    """A log: the first byte picks the LogFormat and where the blocks are cut, the rest is what lies in the file."""
    pick, text = data[0] if data else 0, data[1:]
    crawlers = bool(pick & 0x80) and formats.format_of(RULES[pick % len(RULES)]).has_agent
    rule = replace(RULES[pick % len(RULES)], crawlers=crawlers, fold_ipv6=64, fold_ipv4=24)
    block = 1 + pick % 61
    whole = tally(whole_lines([text]), rule)
    pieces = tally(whole_lines(text[at : at + block] for at in range(0, len(text), block)), rule)
    # Keys stand in the order in which they were met, and lines that are read by themselves are met later.
    assert (of_kind(pieces), sent(pieces)) == (of_kind(whole), sent(whole))
    assert (pieces.lines, pieces.unreadable) == (whole.lines, whole.unreadable)
    assert len(whole.days()) <= text.count(b"\n")
    for (day, file), clients in of_kind(whole).items():
        check_file(file)
        assert date.fromisoformat(day).isoformat() == day
        assert 0 <= sum(clients.values()) <= sent(whole)[day, file]


def log_format(data: bytes) -> None:
    """A LogFormat string, and after its first newline a line to read with it."""
    text, _, line = data.partition(b"\n")
    try:
        compiled = format_of(text.decode("utf-8", "replace"))
    except DownloadCounterError:
        return
    match = compiled.pattern.match(line)
    if match is not None:
        assert b"\n" not in match[0]
        assert match["client"]
        if match["size"] not in (None, b"-"):
            int(match["size"])
        day = compiled.day(match["day"])
        assert day is None or date.fromisoformat(day).isoformat() == day


def path(data: bytes) -> None:
    """A request target, as httpd logs it."""
    for decoded in (False, True):
        file = path_namer(decoded=decoded)(data)
        if file is not None and kind_namer(Rule())(b"GET", b"200", file) == DOWNLOAD:
            check_file(file.decode("utf-8", "surrogateescape"))


def counts(data: bytes) -> None:
    """A counts.json, and all that is made of it."""
    try:
        found = parse_counts(data, "counts.json")
    except DownloadCounterError:
        return
    assert parse_counts(to_json(found), "counts.json") == found
    show(History(Path("/web/root"), found))


def days(data: bytes) -> None:
    """A year of days; its first line is the counts.json beside it."""
    counts_json, _, days_json = data.partition(b"\n")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / YEARS).mkdir(parents=True)
        (root / COUNTS).write_bytes(counts_json)
        year = root / YEARS / "2026.json"
        year.write_bytes(days_json)
        try:
            history = load(root)
            _ = history.days
        except DownloadCounterError:
            assert year.read_bytes() == days_json
            return
        finally:
            assert (root / COUNTS).read_bytes() == counts_json
        before = {file: dict(months) for file, months in history.counts.items()}
        history.forget_what_counts_lack()
        history.raise_months()
        for file, months in before.items():
            for month, number in months.items():
                assert history.counts[file][month] >= number
        history.warnings.clear()
        known = history.days
        history.save()
        assert load(root).days == known
        show(history)


def checksums(data: bytes) -> None:
    """A checksums file of an image."""
    for kind, length in (("md5", 32), ("sha256", 64)):
        digest = digest_in(data, kind, b"a.iso")
        assert digest is None or (len(digest) == length and set(digest) <= set("0123456789abcdef"))


def show(history: History) -> None:
    """Make of a history all that is published of it."""
    stats = report(history, {}, Settings(web_root=Path("/web/root"), logs=("*",)), TODAY)
    csv_of_days(history)
    csv_of_months(stats)
    to_json(json_of(history, stats))
    for one in stats.files:
        printable(one.name).encode()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "lines": lines,
    "log_format": log_format,
    "path": path,
    "counts": counts,
    "days": days,
    "checksums": checksums,
}


def corpus(target: str) -> Iterator[Path]:
    """The kept inputs of a target."""
    yield from sorted((Path(__file__).parent / "corpus" / target).iterdir())
