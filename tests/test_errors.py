"""What goes wrong, and what is said: each with its message and exit code, and with nothing changed that was there.

Each is tried with the ingest by itself and with a build, and some with make, which passes on what they say.
"""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accesslog import Line
from checkout import copy_checkout
from smallsite import IMAGES, UNPRIVILEGED, SmallSite, run, snapshot
from support import CHECKOUT

Done = subprocess.CompletedProcess[str]
Program = Callable[..., Done]


def ingest(site: SmallSite, **options: list[str]) -> Done:
    """Ingest by itself."""
    return site.ingest(**options)


def pelican(site: SmallSite, **options: list[str]) -> Done:
    """Build as make does under cron."""
    return site.pelican("--log-handler", "plain", **options)


both = pytest.mark.parametrize("program", [ingest, pelican])


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    """A site that was built, so that there is something to spoil."""
    site = SmallSite(tmp_path)
    assert pelican(site).returncode == 0
    # Another log, so that there is something to do.
    site.log("access.log.1", [Line(client="192.0.2.7")])
    return site


def failed(done: Done) -> str:
    """What was said by a program that must fail with 1, in one sentence on stderr."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def warned(done: Done) -> str:
    """What was said by a program that must do its work and warn."""
    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr
    return done.stderr


# --- No log matches LOGS ---


def test_ingest_without_logs_names_the_pattern_and_changes_nothing(site: SmallSite) -> None:
    site.counter(logs=["/nowhere/a.log*", "/nowhere/b.log*"])
    before = snapshot(site.web_root)

    assert "No access log matches /nowhere/a.log* /nowhere/b.log*." in failed(site.ingest())

    assert snapshot(site.web_root) == before


@both
def test_one_pattern_of_several_without_a_log_is_named_and_the_others_count(site: SmallSite, program: Program) -> None:
    site.counter(logs=[f"{site.logs}/access.log*", "/nowhere/b.log*"])

    said = warned(program(site))

    assert "No access log matches /nowhere/b.log*, one of several in LOGS." in said
    assert '"2026-05": 2' in site.page(".stats/counts.json")


def test_a_build_without_logs_warns_and_shows_what_is_known(site: SmallSite) -> None:
    site.counter(logs="/nowhere/a.log*")
    site.template("page.html", "changed")

    said = warned(pelican(site))

    assert "No access log matches /nowhere/a.log*." in said
    assert site.page("pages/about.html") == "changed"
    assert "<p>a.iso 1</p>" in site.page(".stats/index.html")


# --- A log that cannot be read, or not to its end ---


@both
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            gzip.compress(Line(client="192.0.2.8").encode() * 500)[:-30],
            "What came before that counts. Put a whole copy in its place, or remove it.",
        ),
        (b"\x1f\x8b\x08 no gzip", "cannot be read"),
        (b"BZh9 no bzip2", "cannot be read"),
        (b"\xfd7zXZ\x00 no xz", "cannot be read"),
        (b"(\xb5/\xfd no zstd", "cannot be read"),
    ],
)
def test_a_damaged_log_is_a_warning_and_the_rest_counts(
    site: SmallSite, program: Program, content: bytes, why: str
) -> None:
    (site.logs / "access.log.2.gz").write_bytes(content)

    said = warned(program(site))

    assert "access.log.2.gz" in said
    assert why in said
    assert '"2026-05": 2' in site.page(".stats/counts.json") or '"2026-05": 3' in site.page(".stats/counts.json")


@both
def test_a_log_that_may_not_be_opened_is_a_warning_and_the_rest_counts(site: SmallSite, program: Program) -> None:
    site.log("access.log.2", [Line(client="192.0.2.8")]).chmod(0)

    said = warned(program(site, before=UNPRIVILEGED))

    assert "access.log.2 cannot be read: Permission denied. On Debian, members of the group adm may read logs." in said
    assert '"2026-05": 2' in site.page(".stats/counts.json")


@both
@pytest.mark.parametrize("kind", ["fifo", "folder", "link to nothing", "device"])
def test_what_is_no_log_is_a_warning_and_holds_nothing_up(site: SmallSite, program: Program, kind: str) -> None:
    odd = site.logs / "access.log.odd"
    match kind:
        case "fifo":
            os.mkfifo(odd)
        case "folder":
            odd.mkdir()
        case "link to nothing":
            odd.symlink_to("nowhere")
        case "device":
            odd.symlink_to("/dev/zero")

    assert str(odd) in warned(program(site))

    assert '"2026-05": 2' in site.page(".stats/counts.json")


# --- counts.json ---


@both
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "is not JSON"),
        (b"{'a.iso'", "is not JSON (Expecting property name"),
        (b"[1]", "holds a list"),
        (b'{"a.iso": 3}', "at 'a.iso' 3 instead of months"),
        (b'{"a.iso": {"May": 3}}', "at 'a.iso' the month 'May'"),
        (b'{"a.iso": {"2026-05": -3}}', "at 'a.iso', '2026-05' -3"),
    ],
)
def test_wrong_counts_are_an_error_and_everything_stays(
    site: SmallSite, program: Program, content: bytes, place: str
) -> None:
    (site.web_root / ".stats" / "counts.json").write_bytes(content)
    before = snapshot(site.web_root)

    said = failed(program(site))

    assert f"{site.web_root}/.stats/counts.json" in said
    assert place in said
    assert snapshot(site.web_root) == before


@both
def test_counts_that_are_missing_beside_days_are_an_error_with_the_way_out(site: SmallSite, program: Program) -> None:
    (site.web_root / ".stats" / "counts.json").unlink()
    before = snapshot(site.web_root)

    assert f"echo '{{}}' > {site.web_root}/.stats/counts.json" in failed(program(site))

    assert snapshot(site.web_root) == before


@both
def test_counts_that_are_a_link_are_an_error(site: SmallSite, program: Program) -> None:
    counts = site.web_root / ".stats" / "counts.json"
    elsewhere = site.folder / "elsewhere.json"
    counts.rename(elsewhere)
    counts.symlink_to(elsewhere)
    before = snapshot(site.folder)

    assert f"{counts} cannot be read" in failed(program(site))

    assert snapshot(site.folder) == before


# --- Days and state ---


@both
@pytest.mark.parametrize("name", ["days/2026.json", "state.json"])
def test_a_damaged_data_file_is_a_warning_and_set_aside(site: SmallSite, program: Program, name: str) -> None:
    assert site.ingest().returncode == 0
    counts = site.web_root / ".stats" / "counts.json"
    counts.write_text('{"a.iso": {"2020-01": 7, "2026-05": 9}}')
    file = site.web_root / ".stats" / name
    file.write_bytes(b'{"columns": ["started"\xff')

    said = warned(program(site))

    [aside] = file.parent.glob(f"{file.stem}.damaged-*.json")
    assert f"{file} is damaged" in said
    assert aside.name in said
    assert aside.read_bytes() == b'{"columns": ["started"\xff'
    assert '"2020-01": 7' in counts.read_text()
    assert '"2026-05": 9' in counts.read_text()
    done = program(site)
    assert (done.returncode, done.stderr) == (0, "")


NEWER = '{"columns": ["started", "what nobody knows"], "days": {}}'


@both
def test_days_of_a_newer_version_are_an_error_and_everything_stays(site: SmallSite, program: Program) -> None:
    (site.web_root / ".stats" / "days").mkdir(exist_ok=True)
    (site.web_root / ".stats" / "days" / "2026.json").write_text(NEWER)
    before = snapshot(site.web_root)

    assert "was written by a newer version of this program" in failed(program(site))

    assert snapshot(site.web_root) == before


# --- WEB_ROOT ---


def test_ingest_into_a_web_root_that_is_missing_names_it_and_makes_none(site: SmallSite) -> None:
    missing = site.folder / "missing"
    site.set(f"OUTPUT_PATH = DOWNLOAD_COUNTER['web_root'] = {str(missing)!r}")

    for program in (ingest, pelican):
        assert f"{missing} cannot be listed: No such file or directory" in failed(program(site))
        assert not missing.exists()


@both
def test_a_web_root_that_is_a_file_is_named(site: SmallSite, program: Program) -> None:
    site.set(f"OUTPUT_PATH = DOWNLOAD_COUNTER['web_root'] = {str(site.settings)!r}")

    assert f"{site.settings} cannot be listed: Not a directory" in failed(program(site))


@both
def test_a_web_root_that_may_not_be_written_to_is_an_error_and_everything_stays(
    site: SmallSite, program: Program
) -> None:
    site.template("index.html", "changed")
    folders = [site.web_root, *(path for path in site.web_root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    before = snapshot(site.web_root)

    done = program(site, before=UNPRIVILEGED)

    after = snapshot(site.web_root)
    for folder in folders:
        folder.chmod(0o755)
    said = failed(done)
    assert str(site.web_root) in said
    assert "cannot be written: Permission denied" in said
    assert after == before


@both
def test_a_first_run_where_nothing_may_be_written_is_an_error(tmp_path: Path, program: Program) -> None:
    site = SmallSite(tmp_path)
    before = snapshot(site.web_root)
    site.web_root.chmod(0o555)

    done = program(site, before=UNPRIVILEGED)

    site.web_root.chmod(0o755)
    assert f"{site.web_root}/.stats" in failed(done)
    assert "Permission denied" in done.stderr
    assert snapshot(site.web_root) == before


def can_mount() -> bool:
    """Whether this user may make a small disk of its own."""
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="this user may not mount a small disk")
@both
def test_on_a_full_disk_nothing_is_half_written(site: SmallSite, program: Program) -> None:
    site.template("index.html", "changed")
    before = snapshot(site.web_root)
    kept = site.folder / "kept"
    # The web root on a disk that has no room left; what is there in the end is copied out of this mount namespace.
    script = f"""
        cp -a '{site.web_root}/.' '{kept}' && mount -t tmpfs -o size=400k none '{site.web_root}' &&
        cp -a '{kept}/.' '{site.web_root}' && rm -rf '{kept}' || exit 99
        dd if=/dev/zero of='{site.web_root}/filling' bs=1k 2>/dev/null
        "$@"; status=$?
        rm '{site.web_root}/filling'; cp -a '{site.web_root}/.' '{kept}'; exit $status"""

    done = program(site, before=["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"])

    said = failed(done)
    assert str(site.web_root) in said
    assert "cannot be written: No space left on device" in said
    assert snapshot(kept) == before


@both
def test_a_file_that_grows_too_big_is_an_error_and_nothing_is_half_written(site: SmallSite, program: Program) -> None:
    site.log("access.log.2", [Line(target=b"/%d.iso" % n) for n in range(500)])
    before = snapshot(site.web_root)

    # Coverage would write a file in the program too, and a bigger one.
    said = failed(program(site, before=["env", "-u", "COVERAGE_PROCESS_CONFIG", "prlimit", "--fsize=8000"]))

    assert "cannot be written: File too large" in said
    assert snapshot(site.web_root) == before


# --- Settings ---


@both
@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("DOWNLOAD_COUNTER = []", "DOWNLOAD_COUNTER must be a dict, not list"),
        (
            "DOWNLOAD_COUNTER['log_fromat'] = 'common'",
            "has no key 'log_fromat'. It may have: web_root, logs, log_format",
        ),
        ("DOWNLOAD_COUNTER['fold_ipv6'] = 129", "DOWNLOAD_COUNTER['fold_ipv6'] is 129, but must be None or a prefix"),
        ("del DOWNLOAD_COUNTER['logs']", "DOWNLOAD_COUNTER lacks 'logs'"),
        ("DOWNLOAD_COUNTER['log_format'] = '%h %t'", "cannot be counted by: it has no request"),
        ("DOWNLOAD_COUNTER['log_format'] = '%h %t %'", "has a stray %"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_changes(
    site: SmallSite, program: Program, setting: str, says: str
) -> None:
    site.set(setting)
    before = snapshot(site.web_root)

    assert says in failed(program(site))

    assert snapshot(site.web_root) == before


def test_settings_that_are_missing_or_no_python_are_named(site: SmallSite) -> None:
    site.set("oops oops")
    assert f"{site.settings} fails: SyntaxError: invalid syntax" in failed(site.ingest())
    assert "missing.py cannot be read: No such file or directory" in failed(site.ingest("-s", "missing.py"))
    site.settings.write_text("1 / 0")
    assert f"{site.settings} fails: ZeroDivisionError: division by zero" in failed(site.ingest())


def test_without_settings_for_it_the_ingest_says_what_it_lacks(site: SmallSite) -> None:
    site.settings.write_text("SITENAME = 'x'\n")

    assert "DOWNLOAD_COUNTER" in failed(site.ingest())


def test_a_wrong_command_line_is_2(site: SmallSite) -> None:
    done = site.ingest("--nonsense")

    assert done.returncode == 2
    assert "unrecognized arguments: --nonsense" in done.stderr


# --- Images: the build, which lists them, says what it passed over; the ingest only wants their sizes ---


def test_an_image_that_vanishes_is_a_warning_and_the_rest_is_listed(site: SmallSite) -> None:
    """A link whose image has just been deleted looks as an image does that vanishes during the scan."""
    (site.web_root / "vanished.iso").symlink_to("deleted.iso")
    site.image("new.iso", 10)

    assert site.ingest().returncode == 0
    assert f"{site.web_root}/vanished.iso vanished or cannot be read" in warned(pelican(site))

    assert "new.iso" in site.page("index.html")
    assert "vanished.iso" not in site.page("index.html")


def test_a_folder_that_cannot_be_read_is_a_warning_and_the_rest_is_listed(site: SmallSite) -> None:
    (site.web_root / "archives").chmod(0)
    site.image("new.iso", 10)

    ingested = site.ingest(before=UNPRIVILEGED)
    done = pelican(site, before=UNPRIVILEGED)

    (site.web_root / "archives").chmod(0o755)
    assert ingested.returncode == 0
    assert f"{site.web_root}/archives cannot be read: Permission denied" in warned(done)
    assert "new.iso" in site.page("index.html")
    assert "b.iso" not in site.page("index.html")


def test_an_image_that_leads_out_of_the_web_root_is_a_warning_and_not_listed(site: SmallSite) -> None:
    (site.folder / "secret.iso").write_text("x")
    (site.web_root / "link.iso").symlink_to("../secret.iso")

    assert site.ingest().returncode == 0
    assert f"{site.web_root}/link.iso is a link that leads out of the web root" in warned(pelican(site))

    assert "link.iso" not in site.page("index.html")


# --- A template error: see test_pelican.py for each kind; here, that the pages of before stay ---


def test_a_template_error_is_a_sentence_and_the_live_pages_stay(site: SmallSite) -> None:
    site.template("stats.html", "\n{{ stats.totals }}\n")
    # The counts are brought up to date all the same: they are no page.
    assert site.ingest().returncode == 0
    before = snapshot(site.web_root)

    said = failed(pelican(site))

    assert f"{site.theme}/templates/stats.html, line 2" in said
    assert "no attribute 'totals'" in said
    assert snapshot(site.web_root) == before


# --- All of them ---


def test_debugging_shows_where_an_error_comes_from(site: SmallSite) -> None:
    site.counter(logs="/nowhere/a.log*", log_format="%h")

    for done in (site.ingest("-D"), site.pelican("-D", "--log-handler", "plain")):
        assert done.returncode == 1
        assert "Traceback" in done.stderr + done.stdout
        assert "cannot be counted by" in done.stderr


def test_an_error_on_a_terminal_is_the_sentence_too(site: SmallSite) -> None:
    """Pelican's other log handler, the one with colours."""
    site.set("DOWNLOAD_COUNTER['crawlers'] = 'yes'")

    done = site.pelican()

    assert done.returncode == 1
    assert "DOWNLOAD_COUNTER['crawlers'] is 'yes', but must be True or False." in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_interrupted_by_the_keyboard_is_no_traceback(site: SmallSite) -> None:
    holder = subprocess.Popen(
        ["flock", str(site.web_root / ".stats" / ".lock"), "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    before = snapshot(site.web_root)

    # The lock keeps it waiting until it is interrupted, twice: `timeout` sends the signal to its group too.
    done = site.ingest(before=["timeout", "--preserve-status", "--signal=INT", "2"])

    holder.communicate(b"\n")
    assert (done.returncode, done.stderr) == (130, "Stopped. Nothing is lost: the next run counts all of it.\n")
    assert snapshot(site.web_root) == before


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of this checkout whose .venv has the packages of the running Python."""
    copy = tmp_path_factory.mktemp("checkout") / "copy"
    copy_checkout(copy)
    yield copy
    shutil.rmtree(copy)


@pytest.mark.skipif(shutil.which("make") is None, reason="install make")
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("mv log lost", "No access log matches"),
        ("echo '[]' > www/.stats/counts.json", "counts.json holds a list"),
        ("rm www/.stats/counts.json", "counts.json is missing"),
        (f"mkdir -p www/.stats/days; echo '{NEWER}' > www/.stats/days/2026.json", "newer version"),
        ("mv www lost", "www cannot be listed"),
    ],
)
def test_make_ingest_publish_passes_errors_on(checkout: Path, site: SmallSite, harm: str, says: str) -> None:
    subprocess.run(["sh", "-c", harm], cwd=site.folder, check=True)
    before = snapshot(site.web_root)

    done = run(
        [
            "make", "-sC", str(checkout), "ingest", "publish", f"WEB_ROOT={site.web_root}", f"LOGS={site.logs}/*",
        ],
        site.folder,
    )  # fmt: skip

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert snapshot(site.web_root) == before


def test_under_cron_all_well_is_silent(site: SmallSite) -> None:
    done = site.ingest()

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pelican(site).stderr == ""
    assert site.page("index.html").count(".iso</") == 0
    assert all(name in site.page("index.html") for name in map(os.path.basename, IMAGES))


def test_on_a_terminal_a_run_ends_with_a_line_about_what_is_known(site: SmallSite) -> None:
    command = f"{sys.executable} -m download_counter -s {site.settings}"

    said = run(["script", "-qec", command, "/dev/null"], site.folder).stdout
    again = run(["script", "-qec", command, "/dev/null"], site.folder).stdout

    assert "Logs read: 2 of 2. 3 downloads of 2 files are known." in said or "Logs read: 1 of 2. 3 downloads" in said
    assert "The logs are the same as last time. 3 downloads of 2 files are known." in again


# --- Strangers' control characters ---


@both
def test_control_characters_of_names_and_logs_are_shown_as_escapes(site: SmallSite, program: Program) -> None:
    site.log("access.log.2", [Line(client=f"192.0.2.{n}", target=b"/%1b[2J/a.iso") for n in range(9)])
    (site.logs / "access.log.3\x1b[2J").write_text("nonsense\n" * 9)
    (site.web_root / "link\x1b[2J.iso").symlink_to("/etc/passwd")

    said = warned(program(site))

    assert "\x1b" not in said
    assert "below /\\u001b[2J/" in said
    assert "access.log.3\\u001b[2J" in said


def test_control_characters_are_shown_as_escapes_in_errors_too(site: SmallSite) -> None:
    said = failed(site.ingest("-s", "missing\x1b[2J.py"))

    assert "missing\\u001b[2J.py cannot be read" in said


# --- Texts, words and settings of the site ---


@pytest.mark.parametrize(
    "harm", ["sed -i '1i Date: nonsense' about.md", "printf '\\377' > about.md", "sed -i 1d about.md"]
)
def test_a_text_that_cannot_be_read_is_said_once_and_its_page_stays(site: SmallSite, harm: str) -> None:
    subprocess.run(["sh", "-c", harm], cwd=site.content / "pages", check=True)
    site.template("page.html", "changed")

    said = warned(pelican(site))

    assert "about.md" in said
    assert site.page("pages/about.html") != "changed"
    (site.content / "pages" / "about.md").unlink()
    assert pelican(site).returncode == 0
    assert not (site.web_root / "pages/about.html").exists()


def test_why_a_text_cannot_be_read_is_said_in_one_sentence(site: SmallSite) -> None:
    site.write("pages/about.md", "Title: About\nLang: fr\nDate: nonsense\n\nHello.\n")

    sentence = "The text pages/about.md cannot be read ('nonsense' is not a valid date). Its page stays as it was."
    assert warned(pelican(site)) == f"{sentence}\n"


def test_a_folder_of_texts_or_static_files_that_may_not_be_read_costs_no_page(site: SmallSite) -> None:
    texts, styles = site.content / "pages", site.theme / "static" / "css"
    texts.chmod(0)
    said = warned(pelican(site, before=UNPRIVILEGED))
    texts.chmod(0o755)
    assert f"The folder {texts} cannot be read: Permission denied. Its pages stay as they were." in said

    styles.chmod(0)
    assert f"The folder {styles} cannot be read: Permission denied." in failed(pelican(site, before=UNPRIVILEGED))
    styles.chmod(0o755)
    assert {"pages/about.html", "theme/css/main.css"} <= snapshot(site.web_root).keys()


def test_a_time_zone_that_is_none_is_an_error_that_names_the_setting(site: SmallSite) -> None:
    site.set("TIMEZONE = 'Mars/Olympus'")
    for done in (
        pelican(site),
        run([sys.executable, "-m", "download_counter", "report", "-s", str(site.settings)], site.folder),
    ):
        assert "TIMEZONE is 'Mars/Olympus', which is no time zone. Give one as in Europe/Paris." in failed(done)


def test_a_language_that_the_theme_has_no_words_in_is_named_in_one_sentence(site: SmallSite) -> None:
    site.set("I18N_SUBSITES = {'de': {}}")

    assert warned(pelican(site)) == "The theme has no words in the language de, so its pages have the English ones.\n"


def test_an_error_of_pelicans_own_is_a_sentence_under_make(tmp_path: Path) -> None:
    (tmp_path / "pelicanconf.py").write_text("PATH = '.'\nTHEME = '/nowhere'\n")

    assert failed(run([sys.executable, str(CHECKOUT / "scripts/publish.py")], tmp_path)) == (
        "ValueError: Could not find the theme /nowhere\n"
    )


# --- Output that goes nowhere ---


def to_shell(site: SmallSite, command: str) -> Done:
    """Run a line of shell, in which $counter is the program."""
    program = f"counter='{sys.executable} -m download_counter -s {site.settings}'; "
    return run(["bash", "-o", "pipefail", "-c", program + command], site.folder)


def test_a_report_ends_without_a_word_when_nobody_reads_on(site: SmallSite) -> None:
    for command in ("$counter report --json | true", "$counter doctor | true"):
        assert to_shell(site, command).stderr == ""


def test_a_report_that_cannot_be_written_is_an_error(site: SmallSite) -> None:
    said = failed(to_shell(site, "$counter report > /dev/full"))

    assert said == "Error: The output cannot be written: No space left on device.\n"


def test_a_report_is_readable_where_the_output_has_no_accents(site: SmallSite) -> None:
    done = to_shell(site, "PYTHONIOENCODING=ascii $counter report")

    assert (done.returncode, done.stderr) == (0, "")
    assert "T?l?chargements" in done.stdout


def test_an_ingest_without_anywhere_to_complain_counts(site: SmallSite) -> None:
    assert to_shell(site, "$counter ingest 2>&- >&-").returncode == 0
    assert '"2026-05": 2' in site.page(".stats/counts.json")
