"""What README and docs say holds: their commands run, their examples count as they say, their links lead somewhere.

A code block says by the words after its language what becomes of it:

- `run`: its commands are run, in order, in a sandbox of its page. `console run` shows what they print as well,
  with `…` for what is never the same.
- `file=NAME`: the sandbox has it as that file.
- `settings`: a DOWNLOAD_COUNTER that the program takes.
- `line`: log lines that count as downloads of `linux.iso` by 192.0.2.x, with the settings before them.
- the name of a data file: what the program writes there for the log of docs/counting.md.

The sandbox has the paths that the pages name (/opt/download_stats, /var/www, ...) below a folder of its own.
"""

import ast
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import unquote

import pytest

import sample
from checkout import CHECKOUT, copy_checkout
from download_counter.counting.tally import tally
from download_counter.history.day import COLUMNS, TABLES
from download_counter.history.store import COUNTS, History
from download_counter.ingest import ingest
from download_counter.logs.formats import format_of, formats, prefixes
from download_counter.settings import Settings, check
from download_counter.site.exports import badge, csv_of_days, csv_of_months, json_of
from download_counter.site.numbers import report
from download_counter.site.report import Report
from known_formats import KNOWN, NAMES
from tallies import of_kind

PAGES = sorted([CHECKOUT / "README.md", CHECKOUT / "README.fr.md", *CHECKOUT.glob("docs/*.md")])
MEASURED = "benchmark.md"  # by `make bench`, which writes it


@dataclass(frozen=True)
class Block:
    """A fenced code block: where it begins, its language, the words after that, and its lines."""

    page: Path
    number: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.number}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    found = []
    for match in re.finditer(r"^```(\S+)(.*)\n((?s:.*?))^```$", page.read_text(), re.MULTILINE):
        number = page.read_text()[: match.start()].count("\n") + 1
        found.append(Block(page, number, match[1], tuple(match[2].split()), match[3]))
    return tuple(found)


def named(*words: str, language: str | None = None) -> list[Any]:
    """The blocks of all pages that have one of these words, as parameters of a test."""
    return [
        pytest.param(block, id=block.place)
        for page in PAGES
        for block in blocks(page)
        if set(words) & set(block.words) and language in (None, block.language)
    ]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```(?s:.*?)^```$", "", page.read_text(), flags=re.MULTILINE)


def table(page: Path, header: str) -> list[list[str]]:
    """The rows of the table of a page whose header has this first cell."""
    found = re.search(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    assert found, f"{page.name} has no table that begins with {header!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[1].splitlines()]


# --- Commands ---

# README.fr.md has the commands of README.md; another test looks after that.
RUNNABLE = [
    page for page in PAGES if page.name != "README.fr.md" and any("run" in block.words for block in blocks(page))
]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout that needs no network: its .venv finds the packages of the running Python."""
    copy = tmp_path_factory.mktemp("opt") / "download_stats"
    copy_checkout(copy)
    return copy


class Sandbox:
    """A machine as the pages describe it: the checkout, a web root with images, two weeks of logs."""

    def __init__(self, root: Path, checkout: Path) -> None:
        self.work = root / "work"
        web_root = root / "var/www/file-server"
        log_folder = root / "var/log/apache2"
        today = datetime.now(UTC).date()
        images = sample.make_web_root(web_root, end=today)
        sample.make_history(web_root, images, end=today)
        sample.make_logs(log_folder, images, end=today)
        for mirror, age in (("mirror1", ".1"), ("mirror2", ".2.gz")):
            (root / "srv/logs" / mirror).mkdir(parents=True)
            shutil.copy(log_folder / f"{sample.LOG_NAME}{age}", root / "srv/logs" / mirror / sample.LOG_NAME)
        (root / "var/backups").mkdir()
        (root / "bin").mkdir()
        self.work.mkdir()
        self.paths = {
            "/opt/download_stats": str(checkout),
            "/var/www/": f"{root}/var/www/",
            "/var/log/apache2/": f"{log_folder}/",
            "/var/backups/": f"{root}/var/backups/",
            "/srv/logs/": f"{root}/srv/logs/",
        }
        # As if the plugin were installed: pelican finds it in the checkout.
        pelican = root / "bin/pelican"
        plugins = json.dumps([str(checkout / "plugins")])
        command = [sys.executable, "-m", "pelican", "--extra-settings", f"PLUGIN_PATHS={plugins}"]
        pelican.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        pelican.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{pelican.parent}:{os.environ['PATH']}",
            # The defaults of the Makefile, here.
            "WEB_ROOT": str(web_root),
            "LOGS": f"{log_folder}/downloads-ssl-access.log*",
            "COLUMNS": "200",
        }

    def write(self, block: Block, name: str) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)

    def run(self, commands: str, folder: Path) -> str:
        for path, here in self.paths.items():
            commands = commands.replace(path, here)
        done = subprocess.run(
            ["bash", "-e", "-c", commands],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="install make")
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_commands_do_what_their_page_says(page: Path, tmp_path: Path, checkout: Path) -> None:
    sandbox = Sandbox(tmp_path, checkout)
    for block in blocks(page):
        for word in block.words:
            if word.startswith("file="):
                sandbox.write(block, word.removeprefix("file="))
        if "run" not in block.words:
            continue
        # A page's console is in the reader's folder, the other commands in the checkout.
        if block.language == "console":
            for command, printed in console(block):
                said = sandbox.run(command, sandbox.work).replace("\r", "")
                assert re.fullmatch(re.escape(printed).replace("…", ".*"), said), block.place
        else:
            sandbox.run(block.text, checkout)


def console(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console and what each prints."""
    for entry in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = entry.partition("\n")
        yield command, printed


def test_shell_commands_that_are_not_run_are_shell() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "bash":
                done = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{block.place}: {done.stderr}"


def test_make_is_told_targets_and_variables_that_it_has() -> None:
    listed = subprocess.run(["make", "-s", "-C", CHECKOUT, "help"], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^  ([a-z]+) +\S", listed, re.MULTILINE))
    variables = set(re.findall(r"^  ([A-Z_]+) +\S", listed, re.MULTILINE))
    shown = 0
    for page in PAGES:
        text = page.read_text()
        code = re.findall(r"`([^`\n]+)`", text) + [line for block in blocks(page) for line in block.text.splitlines()]
        for command in code:
            for words in re.findall(r"(?<!install )(?<!\S)make ([^;&|>]+)", command):
                shown += 1
                for word in shlex.split(re.sub(r"-s?C \S+", "", words)):
                    name, equals, _ = word.partition("=")
                    assert name in (variables if equals else targets), f"{page.name}: {command}"
    assert shown > 20


def test_the_crontab_lines_are_one_line_and_run_ingest_and_publish() -> None:
    lines = {block.text for page in PAGES for block in blocks(page) if block.language == "crontab"}
    assert lines == {"0 1 * * * make -sC /opt/download_stats ingest publish\n"}


# --- Settings ---

KINDS = {
    "Path": "path",
    "str": "text",
    "bool": "switch",
    "int | None": "number or `None`",
    "str | None": "text or `None`",
    "typing.Optional[int]": "number or `None`",  # before Python 3.14
    "typing.Optional[str]": "text or `None`",
    "tuple[str, ...]": "list of texts",
    "tuple[tuple[str, str], ...]": "dict",
    "tuple[int, ...]": "list of numbers",
    "tuple[tuple[str, tuple[str, ...]], ...]": "dict",
}


def kind_of(annotation: object) -> str:
    name = annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else None
    return KINDS[name or str(annotation)]


def code(cell: str) -> Any:
    return ast.literal_eval(cell.strip("`"))


NEEDED = {"web_root": "/srv/files", "logs": ["access.log"]}


def test_the_table_of_settings_is_that_of_the_program() -> None:
    rows = table(CHECKOUT / "docs/settings.md", "key")
    known = get_type_hints(Settings)
    keys = [re.findall(r"`(\w+)`", row[0])[0] for row in rows]
    assert sorted(keys) == sorted(known)
    defaults = check(NEEDED)
    for (link, kind, default, example), key in zip(rows, keys, strict=True):
        assert link == f"[`{key}`](#{key})"
        assert kind == kind_of(known[key]), key
        if key not in NEEDED:
            assert code(default) == getattr(defaults, key), key
        taken = getattr(check({**NEEDED, key: code(example)}), key)
        assert taken != getattr(defaults, key), f"the example of {key} is its default"


def test_every_setting_has_a_section() -> None:
    sections = re.findall(r"^### (\w+)$", (CHECKOUT / "docs/settings.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(Settings.__struct_fields__)


def code_text(cell: str) -> str:
    return cell.strip("`")


@pytest.mark.parametrize("block", named("settings"))
def test_settings_that_are_shown_are_taken(block: Block) -> None:
    shown: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec"), shown)
    settings = check({**NEEDED, **shown["DOWNLOAD_COUNTER"]})
    format_of(settings)


def test_python_that_is_shown_is_python() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python":
                compile(block.text, block.place, "exec")
            if block.language == "json":
                json.loads(block.text)


# --- Log formats ---


def test_the_table_of_formats_is_that_of_the_program() -> None:
    rows = {code_text(name): meaning for name, meaning in table(CHECKOUT / "docs/formats.md", "name")}
    assert rows.keys() == {*NAMES}
    for name in ("combined", "common", "vhost_combined"):
        assert code_text(rows[name]) == KNOWN[name]


def test_the_keys_of_json_logs_are_those_of_the_program() -> None:
    rows = {what: re.findall("`(.+?)`", keys) for what, keys in table(CHECKOUT / "docs/formats.md", "what")}
    assert rows == dict(formats()["json"]["keys"])


def test_the_prefixes_are_those_of_the_program() -> None:
    assert {code_text(name) for name, _ in table(CHECKOUT / "docs/formats.md", "prefix")} == {*prefixes()}


def lines_with_settings() -> Iterator[Any]:
    settings: Block | None = None
    for block in blocks(CHECKOUT / "docs/formats.md"):
        if "settings" in block.words:
            settings = block
        if "line" in block.words:
            yield pytest.param(settings, block, id=block.place)


@pytest.mark.parametrize(("settings", "lines"), list(lines_with_settings()))
def test_log_lines_that_are_shown_count_with_the_settings_above_them(settings: Block, lines: Block) -> None:
    shown: dict[str, Any] = {}
    exec(settings.text, shown)
    rule = check({**NEEDED, **shown["DOWNLOAD_COUNTER"]}).rule
    for line in lines.text.splitlines(keepends=True):
        counted = tally([(line.encode(), 0)], rule)
        assert counted.unreadable == 0
        [(key, clients)] = of_kind(counted).items()
        assert key == ("2026-05-09", "linux.iso")
        [client] = clients
        assert bytes(client).startswith(b"192.0.2.")
        assert not bytes(client).endswith(b".100"), "the proxy is no client"


# --- Messages ---


def test_the_messages_that_are_explained_are_those_of_the_program() -> None:
    files = [*sorted((CHECKOUT / "plugins/download_counter").rglob("*.py")), CHECKOUT / "scripts/set-up"]
    # A sentence may go on in the next string.
    source = re.sub(r'"\s+f?"', "", "".join(path.read_text() for path in files))
    rows = table(CHECKOUT / "docs/operations.md", "what it says")
    assert rows
    for message, _ in rows:
        for part in code_text(message).split("…"):
            # "Permission denied" is the system's own.
            words = part.removesuffix(": Permission denied").strip(" :")
            assert words in source, message


# --- The examples of counting ---


def two_days(folder: Path, **settings: Any) -> tuple[History, Report]:
    """What the program makes of the log in docs/counting.md, on the day after them."""
    [log] = [block for block in blocks(CHECKOUT / "docs/counting.md") if "file=access.log" in block.words]
    web_root = folder / "files"
    web_root.mkdir()
    with (web_root / "linux.iso").open("wb") as image:
        image.truncate(30_000_000)
    (folder / "access.log").write_text(log.text)
    checked = check({"web_root": web_root, "logs": [str(folder / "access.log")], **settings})
    history = ingest(checked, {"linux.iso": 30_000_000}).history
    return history, report(history, {"linux.iso": date(2026, 5, 1)}, checked, date(2026, 5, 11))


def test_the_two_days_client_by_client(tmp_path: Path) -> None:
    [log] = [block for block in blocks(CHECKOUT / "docs/counting.md") if "file=access.log" in block.words]
    for number, (client, _, started, finished) in enumerate(table(CHECKOUT / "docs/counting.md", "client")):
        folder = tmp_path / str(number)
        folder.mkdir()
        lines = [line for line in log.text.splitlines(keepends=True) if line.startswith(f"{client} ")]
        assert lines
        (folder / "access.log").write_text("".join(lines))
        checked = check({"web_root": folder, "logs": [str(folder / "access.log")]})
        history = ingest(checked, {"linux.iso": 30_000_000}).history
        days = {day: record.files["linux.iso"] for day, record in history.days.items()}
        assert [f"{day[9:].lstrip('0') or day[8:]} May" for day, n in sorted(days.items()) if n.started] == days_in(
            started
        )
        assert [f"{int(day[8:])} May" for day, n in sorted(days.items()) if n.finished] == days_in(finished)


def days_in(cell: str) -> list[str]:
    return [] if cell == "never" else cell.split(", ")


def test_crawlers_are_left_out_of_the_two_days_as_told(tmp_path: Path) -> None:
    history, _ = two_days(tmp_path, crawlers=True)
    day = history.days["2026-05-09"].files["linux.iso"]
    assert (day.started, day.left_out) == (7, 1)


def test_crawlers_that_were_counted_stay_until_the_counts_start_over(tmp_path: Path) -> None:
    two_days(tmp_path)
    web_root = tmp_path / "files"
    without = check({"web_root": web_root, "logs": [str(tmp_path / "access.log")], "crawlers": True})
    assert ingest(without, {"linux.iso": 30_000_000}).history.counts["linux.iso"] == {"2026-05": 9}
    (web_root / COUNTS).write_text("{}\n")
    assert ingest(without, {"linux.iso": 30_000_000}).history.counts["linux.iso"] == {"2026-05": 8}


def test_a_number_that_is_lowered_by_hand_rises_to_what_the_days_say(tmp_path: Path) -> None:
    two_days(tmp_path)
    counts = tmp_path / "files" / COUNTS
    settings = check({"web_root": tmp_path / "files", "logs": [str(tmp_path / "access.log")]})
    for month, told in ((3, 9), (12, 12)):
        counts.write_text(json.dumps({"linux.iso": {"2026-05": month}}))
        (tmp_path / "access.log").touch()  # read anew, although nothing is new in it
        assert ingest(settings, {"linux.iso": 30_000_000}).history.counts["linux.iso"]["2026-05"] == told


def test_the_month_night_by_night(tmp_path: Path) -> None:
    web_root, logs = tmp_path / "files", tmp_path / "logs"
    web_root.mkdir()
    logs.mkdir()
    checked = check({"web_root": web_root, "logs": [f"{logs}/access.log*"]})
    first, most, told = date(2026, 5, 1), 0, table(CHECKOUT / "docs/counting.md", "run in the night to")
    nights = {}
    for night in (first + timedelta(days=n) for n in range(1, 46)):
        shutil.rmtree(logs)
        logs.mkdir()
        days = [night - timedelta(days=age) for age in range(1, 15)]
        for age, day in enumerate(days, start=1):
            if day >= first:
                lines = "".join(
                    f'192.0.2.{n} - - [{day:%d/%b/%Y}:12:00:00 +0200] "GET /linux.iso HTTP/1.1" 200 30000285 "-" "x"\n'
                    for n in range(1, 11)
                ).encode()
                name = f"access.log.{age}" if age == 1 else f"access.log.{age}.gz"
                (logs / name).write_bytes(lines if age == 1 else gzip.compress(lines, mtime=0))
        at_hand = sum(10 for day in days if day >= first and day.month == 5)
        most = max(most, at_hand)
        counted = ingest(checked, {"linux.iso": 30_000_000}).history.counts["linux.iso"]["2026-05"]
        truth = 10 * min((night - first).days, 31)
        nights[f"{night.day} {night:%B}"] = [str(number) for number in (at_hand, most, counted, truth)]
    assert len(told) == 5
    for night_told, *numbers in told:
        assert numbers == nights[night_told]


# --- Data formats ---


def volatile(data: Any) -> Any:
    """The data without what hangs on when and where it was made."""
    if isinstance(data, dict):
        return {key: "..." if key in ("ingested", "mtime", "start") else volatile(value) for key, value in data.items()}
    return [volatile(value) for value in data] if isinstance(data, list) else data


@pytest.mark.parametrize(
    "block",
    named(
        "counts.json", "days/2026.json", "downloads.csv", "table.csv", "downloads.json", "feeds/badges/linux.iso.json"
    ),
)
def test_data_files_are_as_shown(block: Block, tmp_path: Path) -> None:
    history, stats = two_days(tmp_path)
    [name] = block.words
    if name.endswith(".csv"):
        table_ = csv_of_days(history) if name == "downloads.csv" else csv_of_months(stats)
        assert table_.decode() == block.text.replace("\n", "\r\n")
        return
    written: Any
    if name in ("counts.json", "days/2026.json"):
        written = json.loads((tmp_path / "files/.stats" / name).read_bytes())
    else:
        written = json_of(history, stats) if name == "downloads.json" else badge("downloads", stats.files[0].figure)
    assert volatile(written) == volatile(json.loads(block.text))


def test_counts_json_is_byte_for_byte_as_shown(tmp_path: Path) -> None:
    two_days(tmp_path)
    [block] = [block for block in blocks(CHECKOUT / "docs/data-formats.md") if "counts.json" in block.words]
    assert (tmp_path / "files" / COUNTS).read_text() == block.text


def test_each_column_and_each_table_is_explained() -> None:
    def rows(header: str) -> dict[str, str]:
        return {code_text(name): meaning for name, meaning in table(CHECKOUT / "docs/data-formats.md", header)}

    def as_told(meaning: str) -> str:
        return meaning[0].lower() + meaning[1:].rstrip(".")

    assert rows("column") == {column.name: as_told(column.meaning) for column in COLUMNS}
    assert rows("table") == {one.name: as_told(one.meaning) for one in TABLES.values()}


# --- Links, and the two languages ---


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\s\"]+)[)\"]", prose(page)):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / unquote(name)).resolve() if name else page
        found = target.is_relative_to(CHECKOUT) and target.exists()
        if not found or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_every_page_of_docs_is_linked_from_both_readmes() -> None:
    for readme in ("README.md", "README.fr.md"):
        links = set(re.findall(r"\]\((docs/[\w-]+\.md)", (CHECKOUT / readme).read_text()))
        assert links >= {f"docs/{page.name}" for page in CHECKOUT.glob("docs/*.md")}


def test_files_of_the_checkout_that_are_named_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:theme|docs|deploy|tests|plugins|content)/[\w./-]+)`", prose(page)):
            assert (CHECKOUT / name).exists(), f"{page.name} names {name}"


def test_the_french_readme_is_the_english_one_in_french() -> None:
    english, french = ((CHECKOUT / name) for name in ("README.md", "README.fr.md"))
    levels = [re.findall(r"^(#+) ", prose(page), re.MULTILINE) for page in (english, french)]
    assert levels[0] == levels[1]
    commands = [[(block.language, block.text) for block in blocks(page)] for page in (english, french)]
    assert commands[0] == commands[1]
    images = [re.findall(r"src(?:set)?=\"(.+?)\"", page.read_text()) for page in (english, french)]
    assert images[0] == images[1]
    assert len(images[0]) > 0


def test_pages_speak_to_anybody() -> None:
    for page in PAGES:
        if page.name != MEASURED:
            for number, line in enumerate(page.read_text().splitlines(), start=1):
                assert "/tmp/" not in line, f"{page.name}:{number}"
