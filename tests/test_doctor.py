"""The doctor: what is wrong with a server is found and said, and nothing is written."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from download_counter.__main__ import main
from download_counter.doctor import Finding, Site, examine
from download_counter.ingest import ingest
from download_counter.safe_files import TEMPORARY
from download_counter.settings import Settings, check
from support import CHECKOUT, open_folder

CLIENT = "198.51.100.77"


class Server:
    """A web root with an image, two logs of the last days, and the settings for them."""

    def __init__(self, folder: Path) -> None:
        self.web_root = folder / "files"
        self.logs = folder / "logs"
        self.more: dict[str, object] = {}
        self.web_root.mkdir()
        self.logs.mkdir()
        (self.web_root / "a.iso").write_bytes(b"iso")
        self.site = Site(output=self.web_root, address="https://files.example")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.write_log("access.log.1", self.now - timedelta(days=9))
        self.write_log("access.log", self.now - timedelta(hours=2))

    @property
    def settings(self) -> Settings:
        return check({"web_root": str(self.web_root), "logs": [f"{self.logs}/*"], **self.more})

    def write_log(self, name: str, *times: datetime, zone: str = "+0000") -> None:
        lines = [
            f'{CLIENT} - - [{time:%d/%b/%Y:%H:%M:%S} {zone}] "GET /a.iso HTTP/1.1" 200 3 "-" "curl/8"\n'
            for time in times
        ]
        (self.logs / name).write_text("".join(lines))

    def ingest(self) -> None:
        (self.web_root / ".stats").mkdir(exist_ok=True)
        ingest(self.settings, {"a.iso": 3})

    def hand_over(self) -> None:
        """Give the web root to another user, if root runs the tests."""
        if os.geteuid() == 0:
            for path in (self.web_root, *self.web_root.rglob("*")):
                os.chown(path, 65534, 65534)

    def findings(self, timezone: str = "UTC") -> list[Finding]:
        site = replace(self.site, timezone=timezone)
        return list(examine(self.settings, site, self.now))

    def of_kind(self, kind: str, timezone: str = "UTC") -> list[str]:
        return [finding.text for finding in self.findings(timezone) if finding.kind == kind]

    def to_fix(self) -> str:
        """The one thing that the doctor wants fixed."""
        found = self.of_kind("FIX")
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with open_folder() as folder:
        server = Server(folder)
        server.ingest()
        yield server


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Do without root's rights; for anybody else nothing changes."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_server_in_order_has_nothing_to_fix(server: Server) -> None:
    assert server.of_kind("FIX") == []
    well = "\n".join(server.of_kind("ok"))
    assert "Images below it: 1." in well
    assert "follow the log format 'combined': 2." in well
    assert "9 days" in well
    assert "go by the same time zone, UTC" in well


def test_the_doctor_writes_nothing(server: Server) -> None:
    (server.web_root / ".stats/state.json").write_text("damaged")
    before = {path: path.stat().st_mtime_ns for path in server.web_root.rglob("*")}
    server.findings()
    assert {path: path.stat().st_mtime_ns for path in server.web_root.rglob("*")} == before


def test_a_server_that_has_not_run_yet_is_in_order(server: Server) -> None:
    shutil.rmtree(server.web_root / ".stats")
    assert server.of_kind("FIX") == []
    assert any("have not been read yet" in note for note in server.of_kind("note"))


def test_a_missing_web_root_is_to_be_fixed(server: Server) -> None:
    shutil.rmtree(server.web_root)
    assert f"The web root {server.web_root} is missing" in server.to_fix()


def test_a_web_root_that_may_not_be_written_to_is_to_be_fixed_with_its_owner(server: Server) -> None:
    for path in (server.web_root, server.web_root / ".stats"):
        path.chmod(0o555)
    with _as_nobody():
        found = server.of_kind("FIX")
    assert len(found) == 2
    assert all("As root: ch" in text and server.web_root.owner() in text for text in found)


def test_a_statistics_folder_that_is_a_link_is_to_be_fixed(server: Server) -> None:
    (server.web_root / ".stats").rename(server.logs.parent / "elsewhere")
    (server.web_root / ".stats").symlink_to(server.logs.parent / "elsewhere")
    assert any(".stats is a link" in text for text in server.of_kind("FIX"))


def test_a_web_root_without_images_is_worth_a_note(server: Server) -> None:
    server.more["extensions"] = [".img.xz"]
    assert any("ends with .img.xz" in note for note in server.of_kind("note"))


def test_what_the_scan_passes_over_is_to_be_fixed(server: Server) -> None:
    (server.web_root / "b.iso").symlink_to("/etc/hostname")
    assert "leads out of the web root" in server.to_fix()


def test_a_full_disk_is_to_be_fixed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(server.web_root)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage._replace(free=1_000_000))
    assert "has 1 MB free; a run needs 20 MB: make room" in server.to_fix()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("index.html", '<a href=".stats/">numbers</a>'),
        ("en/index.html", "<a href='../%2estats/index.html'>numbers</a>"),
        ("feeds/all.atom.xml", '<link href="https://files.example/.stats"/>'),
        ("sitemap.xml", "<loc>https://files.example/.stats/</loc>"),
        ("robots.txt", "User-agent: *\nDisallow: /.stats\n"),
    ],
)
def test_a_file_that_names_the_statistics_is_to_be_fixed(server: Server, file: str, content: str) -> None:
    path = server.web_root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert server.to_fix().startswith(f"{path} names .stats/")


def test_a_statistics_page_may_name_its_own_folder_and_a_style_sheet_a_class(server: Server) -> None:
    (server.web_root / ".stats/index.html").write_text('<a href="../.stats/counts.json">counts</a>')
    (server.web_root / "index.html").write_text("<style>.stats { color: red } a.stats{}</style><p>my.stats/</p>")
    assert server.of_kind("FIX") == []


@pytest.mark.parametrize("file", ["counts.json", "state.json"])
def test_a_damaged_data_file_is_to_be_fixed(server: Server, file: str) -> None:
    (server.web_root / ".stats" / file).write_text("{")
    assert file in server.to_fix()


def test_a_data_file_that_was_set_aside_is_worth_a_note(server: Server) -> None:
    (server.web_root / ".stats/days.damaged-20260501T000000.json").write_text("{")
    assert any("was damaged and set aside" in note for note in server.of_kind("note"))


def test_what_a_killed_run_left_behind_is_worth_a_note_unless_a_run_is_under_way(server: Server) -> None:
    (server.web_root / f"{TEMPORARY}0123").write_text("half")
    lock = server.web_root / ".stats/.lock"
    lock.touch()
    assert any("left files behind" in note for note in server.of_kind("note"))
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert any("A run is under way" in note for note in server.of_kind("note"))


def test_logs_that_do_not_exist_are_to_be_fixed(server: Server) -> None:
    shutil.rmtree(server.logs)
    assert f"No access log matches {server.logs}/*" in server.to_fix()


def test_a_folder_of_logs_that_may_not_be_entered_is_named(server: Server) -> None:
    server.logs.chmod(0o700)
    (server.logs / "access.log").chmod(0o600)
    if os.geteuid():
        server.logs.chmod(0)
    server.hand_over()
    with _as_nobody():
        found = server.to_fix()
    server.logs.chmod(0o700)
    assert f"may not look into {server.logs}; on Debian, members of the group adm may" in found


def test_a_log_that_may_not_be_read_is_to_be_fixed(server: Server) -> None:
    (server.logs / "access.log").chmod(0o000 if os.geteuid() else 0o600)
    server.hand_over()
    with _as_nobody():
        found = server.to_fix()
    assert "access.log cannot be read: Permission denied." in found


def test_a_log_in_another_format_is_to_be_fixed_with_the_nearest_and_without_a_client(server: Server) -> None:
    line = f'files.example:443 {CLIENT} - - [09/May/2026:10:00:00 +0000] "GET /a.iso HTTP/1.1" 200 3 "-" "curl/8"\n'
    (server.logs / "other.log").write_text(line)
    found = server.to_fix()
    assert "/other.log has no line in the log format 'combined'" in found
    assert "vhost_combined" in found
    assert CLIENT not in found


@pytest.mark.parametrize(("clients", "said"), [(1, "are of one client"), (250, "is of another client"), (9, "")])
def test_a_busy_log_of_one_client_or_of_a_client_a_line_is_worth_a_note(
    server: Server, clients: int, said: str
) -> None:
    line = '192.0.2.{} - - [{:%d/%b/%Y:%H:%M:%S} +0000] "GET /a.iso HTTP/1.1" 200 3 "-" "curl/8"\n'
    lines = [line.format(number % clients, server.now) for number in range(250)]
    (server.logs / "access.log").write_text("".join(lines))
    notes = [note for note in server.of_kind("note") if "client" in note]
    assert [said in note and "first 250 lines" in note for note in notes] == [True] * bool(said)
    assert "192.0.2" not in "".join(notes)


@pytest.mark.parametrize(("last", "is_said"), [("0", True), ("x", True), ("X", True), ("x" * 3, True), ("7", False)])
def test_a_log_with_shortened_addresses_is_worth_a_note(server: Server, last: str, is_said: bool) -> None:
    line = '192.0.{}.{} - - [{:%d/%b/%Y:%H:%M:%S} +0000] "GET /a.iso HTTP/1.1" 200 3 "-" "curl/8"\n'
    (server.logs / "access.log").write_text("".join(line.format(n % 9, last, server.now) for n in range(250)))
    assert any("are shortened" in note for note in server.of_kind("note")) == is_said


def test_a_log_format_that_cannot_be_counted_by_is_to_be_fixed(server: Server) -> None:
    server.more["log_format"] = "%h %t"
    assert "cannot be counted by" in server.to_fix()


def test_stamps_of_another_zone_than_the_sites_are_worth_a_note(server: Server) -> None:
    notes = "\n".join(server.of_kind("note", timezone="Asia/Tokyo"))
    assert "stamps of the zone +0000, the site's TIMEZONE is Asia/Tokyo" in notes
    assert "The machine's clock is in the zone +0000" in notes


def test_stamps_in_summer_and_winter_time_are_of_one_zone(server: Server) -> None:
    server.write_log("access.log.1", datetime(2026, 1, 9, tzinfo=UTC), zone="+0100")
    server.write_log("access.log", datetime(2026, 7, 9, tzinfo=UTC), zone="+0200")
    assert not any("The logs have stamps" in note for note in server.of_kind("note", timezone="Europe/Paris"))


def test_a_time_zone_that_does_not_exist_is_to_be_fixed(server: Server) -> None:
    found = [text for text in server.of_kind("FIX", timezone="Europe/Atlantis") if "TIMEZONE" in text]
    assert found == ["TIMEZONE is 'Europe/Atlantis', which is no time zone. Give one as in Europe/Paris."]


def test_logs_that_begin_after_the_last_run_are_to_be_fixed_with_what_is_lost(server: Server) -> None:
    _ran(server, server.now - timedelta(days=20))
    found = server.to_fix()
    assert f"{server.now - timedelta(days=20):%Y-%m-%d}" in found
    assert f"the oldest log begins on {server.now - timedelta(days=9):%Y-%m-%d}" in found
    assert "the downloads between them are lost" in found


def test_a_run_that_has_not_come_for_days_is_to_be_fixed(server: Server) -> None:
    _ran(server, server.now - timedelta(days=5))
    assert "5 days ago. Is the cron job there" in server.to_fix()


def test_logs_that_are_kept_for_a_day_only_are_worth_a_note(server: Server) -> None:
    (server.logs / "access.log.1").unlink()
    _ran(server, server.now - timedelta(hours=1))
    assert any("have logrotate keep 14 of them" in note for note in server.of_kind("note"))


def test_logs_with_epoch_stamps_tell_how_far_they_reach_back(server: Server) -> None:
    server.more["log_format"] = '%h %{sec}t "%r" %>s %O'
    (server.logs / "access.log.1").unlink()
    long_ago = server.now - timedelta(days=9)
    (server.logs / "access.log").write_text(f'{CLIENT} {int(long_ago.timestamp())} "GET /a.iso HTTP/1.1" 200 3\n')
    _ran(server, server.now - timedelta(days=20))
    assert "the downloads between them are lost" in server.to_fix()


def _ran(server: Server, when: datetime) -> None:
    file = server.web_root / ".stats/state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "ingested": when.isoformat()}))


@pytest.fixture
def command(server: Server, tmp_path: Path) -> Callable[[], int]:
    settings = tmp_path / "pelicanconf.py"
    settings.write_text(
        "TIMEZONE = 'UTC'\n"
        f"DOWNLOAD_COUNTER = {{'web_root': {str(server.web_root)!r}, 'logs': [{str(server.logs / '*')!r}]}}\n"
    )
    return lambda: main(["doctor", "--settings", str(settings)])


def test_the_command_leaves_with_0_when_all_is_well(
    command: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command() == 0
    assert "ok    Logs that can be read" in capsys.readouterr().out


def test_the_command_leaves_with_1_and_names_no_client_when_something_is_to_be_fixed(
    server: Server, command: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    (server.logs / "other.log").write_text(f"{CLIENT} says nothing\n")
    (server.web_root / "robots.txt").write_text("Disallow: /.stats/\n")
    assert command() == 1
    said = capsys.readouterr().out
    assert re.search("FIX   The log .*other.log", said)
    assert "robots.txt names .stats/" in said
    assert CLIENT not in said


def test_a_name_with_control_characters_cannot_play_with_the_terminal(
    server: Server, command: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    (server.web_root / "\x1b[2J.html").write_text('<a href="/.stats/">')
    assert command() == 1
    assert "\x1b" not in capsys.readouterr().out


def test_files_of_root_among_those_of_the_counters_user_are_to_be_fixed_with_the_command(server: Server) -> None:
    if os.geteuid():
        pytest.skip("only root can make files of another user")
    (server.web_root / "index.html").write_text("ours")
    (server.web_root / ".stats/files.json").write_text('{"files": {"index.html": ["0"]}}')
    for path in (server.web_root / ".stats").rglob("*"):
        os.chown(path, 65534, 65534)
    os.chown(server.web_root / ".stats", 65534, 65534)
    found = server.to_fix()
    assert f"chown nobody: {server.web_root}/index.html" in found
    assert "cannot replace files written by root" in found
    server.web_root.chmod(0o1777)
    with _as_nobody():
        found = server.to_fix()
    assert found == (
        "The counter's user nobody cannot replace files written by root. As root: "
        f"chown -R nobody: {server.web_root}/index.html"
    )
    os.chown(server.web_root / "index.html", 65534, 65534)
    with _as_nobody():
        assert server.of_kind("FIX") == []


def test_a_sitemap_above_the_web_root_that_names_the_statistics_is_to_be_fixed(server: Server) -> None:
    server.site = replace(server.site, output=server.web_root.parent)
    (server.web_root.parent / "sitemap.xml").write_text("<loc>https://files.example/files/.stats/</loc>")
    assert "sitemap.xml names .stats/" in server.to_fix()


def test_what_is_not_yet_the_sites_own_and_an_address_that_is_missing_are_worth_a_note(server: Server) -> None:
    assert server.of_kind("note") == [note for note in server.of_kind("note") if "root" in note]
    server.site = replace(server.site, address="", not_yet_yours=("SITENAME (Linux Village)",))
    notes = "\n".join(server.of_kind("note"))
    assert "SITENAME (Linux Village)" in notes
    assert "make adopt" in notes
    assert "has no address (SITEURL)" in notes


def test_texts_in_a_language_that_the_site_does_not_have_are_named(server: Server, tmp_path: Path) -> None:
    for name, language in (("a.fr.md", "fr"), ("a.en.md", "en"), ("a.de.md", "de")):
        (tmp_path / name).write_text(f"Title: A\nLang: {language}\n\nlang: xx\n")
    server.site = replace(server.site, texts=tmp_path, languages=("en",))
    notes = [note for note in server.of_kind("note") if "Texts in the language" in note]
    assert len(notes) == 2
    assert "the language de, which the site does not have, are left out: a.de.md" in notes[0]


def test_ctrl_c_at_any_moment_of_the_start_prints_no_traceback(server: Server, tmp_path: Path) -> None:
    settings = tmp_path / "pelicanconf.py"
    settings.write_text(
        f"DOWNLOAD_COUNTER = {{'web_root': {str(server.web_root)!r}, 'logs': [{str(server.logs / '*')!r}]}}\n"
        "import time; time.sleep(1)\n"
    )
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in a shell's background: what they start has it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for wait in (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5):
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "download_counter", "-s", settings],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
            stderr=subprocess.PIPE,
            text=True,
        )
        # Before this, Python itself starts, and what it says to Ctrl-C is its own.
        assert process.stderr
        assert any("argparse" in line for line in process.stderr)
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert "Traceback" not in said
        assert process.returncode in (130, -signal.SIGINT)
