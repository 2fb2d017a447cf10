"""What make does in a checkout, for an admin, a designer and a developer.

Each test works in a copy of this checkout with a .venv that finds the packages the tests run with, so no test needs the
network or touches this checkout.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sample
from checkout import CHECKOUT, copy_checkout
from support import open_folder, wait_until

END = date(2026, 5, 9)
LOCKS = sorted(CHECKOUT.glob("requirements*.txt"))

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="install make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, in a folder with a blank in its name."""
    copy = tmp_path / "down load"
    copy_checkout(copy)
    return copy


def make(
    checkout: Path, *arguments: str | Path, options: Sequence[str] = ("-s",), **environment: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run make as cron does: without a terminal or input."""
    return subprocess.run(
        ["make", *options, "-C", checkout, *arguments],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def succeeded_silently(result: subprocess.CompletedProcess[str]) -> bool:
    return (result.returncode, result.stdout, result.stderr) == (0, "", "")


def month_sums(truth: sample.Downloads) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for file, days in truth.items():
        for day, number in days.items():
            months = sums.setdefault(file, {})
            months[f"{day:%Y-%m}"] = months.get(f"{day:%Y-%m}", 0) + number
    return sums


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A server's folder with its web root `file server` and, in `logs`, a fortnight of logs."""
    sample.make_web_root(tmp_path / "file server", end=END)
    return tmp_path


def test_plain_make_lists_each_target_and_each_variable_with_its_value(checkout: Path) -> None:
    printed = make(checkout, "WEB_ROOT=/srv/a b", LOGS="/logs/it's *.log").stdout
    described = dict(re.findall(r"^  ([a-z]+) +(\S.*)$", printed, re.MULTILINE))
    assert described.keys() >= {
        "adopt", "audit", "bench", "clean", "demo", "doctor", "help", "ingest", "install", "lint", "lock", "preview",
        "publish", "test",
    }  # fmt: skip
    values = dict(re.findall(r"^  ([A-Z_]+) +(\S.*)$", printed, re.MULTILINE))
    assert values["WEB_ROOT"] == "/srv/a b"
    assert values["LOGS"] == "/logs/it's *.log"
    assert values["SITEURL"] == "as in the settings"


def test_every_target_that_is_listed_exists(checkout: Path) -> None:
    for target in re.findall(r"^  ([a-z]+) +\S", make(checkout).stdout, re.MULTILINE):
        assert make(checkout, target, options=("-n",)).returncode == 0, target


def test_ingest_and_publish_count_and_write_the_pages_without_a_word(checkout: Path, server: Path) -> None:
    truth = sample.make_logs(server / "logs", list(sample.NORMAL), end=END)
    result = make(checkout, "ingest", "publish", f"WEB_ROOT={server}/file server", f"LOGS={server}/logs/down*.log*")
    assert succeeded_silently(result), result
    counts = json.loads((server / "file server/.stats/counts.json").read_text())
    assert counts == month_sums(truth)
    for page in ("index.html", "en/index.html", ".stats/index.html"):
        assert (server / "file server" / page).is_file()


def test_variables_are_taken_from_the_environment(checkout: Path, server: Path) -> None:
    sample.make_logs(server / "logs", list(sample.NORMAL), end=END)
    web_root = server / "file server"
    result = make(
        checkout, "ingest", "publish", WEB_ROOT=web_root, LOGS=f"{server}/logs/*.log.1 {server}/logs/*.gz",
        SITEURL="https://mirror.example",
    )  # fmt: skip
    assert succeeded_silently(result), result
    assert (web_root / ".stats/counts.json").is_file()
    assert "https://mirror.example" in (web_root / "feeds/images.atom.xml").read_text()


def test_publish_alone_counts_too(checkout: Path, server: Path) -> None:
    truth = sample.make_logs(server / "logs", list(sample.NORMAL), end=END)
    result = make(checkout, "publish", WEB_ROOT=server / "file server", LOGS=f"{server}/logs/*.log*")
    assert succeeded_silently(result), result
    assert json.loads((server / "file server/.stats/counts.json").read_text()) == month_sums(truth)


@pytest.mark.parametrize("options", [("-s",), ("-sk",), ("-sj2",)])
def test_a_failed_ingest_publishes_nothing(checkout: Path, server: Path, options: tuple[str, ...]) -> None:
    web_root = server / "file server"
    before = sorted(web_root.rglob("*"))
    result = make(checkout, "ingest", "publish", options=options, WEB_ROOT=web_root, LOGS="/nowhere/access.log*")
    assert result.returncode != 0
    assert "/nowhere/access.log*" in result.stderr
    assert [path for path in sorted(web_root.rglob("*")) if ".stats" not in path.parts] == before


def test_an_empty_web_root_is_refused(checkout: Path) -> None:
    result = make(checkout, "ingest", "WEB_ROOT=")
    assert result.returncode != 0
    assert "WEB_ROOT is empty" in result.stderr


def test_demo_does_the_whole_job_and_again_and_leaves_the_real_server_alone(checkout: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for _ in range(2):
        result = make(checkout, "demo", f"WEB_ROOT={real}", "LOGS=/nowhere/*", SITEURL="https://real.example")
        assert result.returncode == 0, result.stderr
        assert "output/index.html" in result.stdout
    output = checkout / "output"
    assert (output / sample.NORMAL[0].path).stat().st_size == sample.NORMAL[0].size
    assert sample.NORMAL[0].name in (output / "index.html").read_text()
    assert (output / ".stats/index.html").is_file()
    assert not list(output.rglob("*.log*"))
    assert not list(real.iterdir())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def shown(url: str, text: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a page shows a text: for a minute at most, and while the server lives."""
    for _ in range(600):
        try:
            if text in fetch(url):
                return True
        except OSError:
            pass
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


@pytest.fixture
def preview(checkout: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A running `make preview`: the address of its pages, and the process."""
    port = free_port()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in a shell's background: what they start has it too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        ["make", "-s", "-C", checkout, "preview", f"PORT={port}", "WEB_ROOT=/nowhere"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield f"http://127.0.0.1:{port}", process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_preview_serves_the_sample_rebuilds_on_a_change_and_ends_on_ctrl_c(
    checkout: Path, preview: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, process = preview
    assert shown(f"{url}/index.html", sample.NORMAL[0].name, process)
    assert shown(f"{url}/.stats/index.html", sample.GONE[0].name, process)
    page = checkout / "theme/templates/index.html"
    page.write_text(page.read_text().replace("{% endblock", "A designer was here{% endblock", 1))
    assert shown(f"{url}/index.html", "A designer was here", process)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    process.wait(timeout=30)
    with pytest.raises(OSError, match="refused"):
        fetch(url)
    assert not running_in(checkout)


def test_preview_says_how_long_each_build_took_and_shows_what_local_changes(checkout: Path) -> None:
    make(checkout, "adopt")
    port, said = free_port(), checkout.parent / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            ["make", "-s", "-C", checkout, "preview", f"PORT={port}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}/index.html"
            assert shown(url, sample.NORMAL[0].name, process), said.read_text()
            end = time.monotonic() + 60
            while "A name of my own" not in fetch(url):  # a watcher has to be there before the change
                assert time.monotonic() < end, said.read_text()
                (checkout / "local/settings.py").write_text(f"SITENAME = 'A name of my own'  # {time.monotonic()}\n")
                time.sleep(0.5)
            assert re.search(r"^Built in \d+\.\d s\.$", said.read_text(), re.MULTILINE)
            again_in = re.compile(r"^Built again in \d+\.\d s\.$", re.MULTILINE)
            wait_until(lambda: again_in.search(said.read_text()) is not None, "how long it took")
            again = make(checkout, "preview", f"PORT={port}")
            assert again.returncode != 0
            assert (
                f"Port {port} cannot be used: Address already in use. Try: make preview PORT={port + 1}" in again.stderr
            )
            process.kill()  # make alone; what it has started ends by itself
            process.wait()
            wait_until(lambda: not running_in(checkout), "the preview to end")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def running_in(checkout: Path) -> list[str]:
    """The programs that run in a checkout."""
    return [str(path) for path in Path("/proc").glob("[0-9]*/cwd") if read_link(path) == str(checkout)]


def read_link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None


def test_clean_removes_what_was_made_and_nothing_else(checkout: Path) -> None:
    before = {path for path in checkout.rglob("*") if ".venv" not in path.parts}
    for made in ("output/a.iso", ".demo/logs/x.log", ".pytest_cache/x", "plugins/__pycache__/x.pyc", ".coverage"):
        (checkout / made).parent.mkdir(parents=True, exist_ok=True)
        (checkout / made).touch()
    assert succeeded_silently(make(checkout, "clean"))
    assert set(checkout.rglob("*")) == before


@pytest.mark.parametrize("web_root", ["output", "output/files", "link"])
def test_clean_removes_nothing_when_output_is_the_web_root(checkout: Path, web_root: str) -> None:
    (checkout / "output/files").mkdir(parents=True)
    (checkout / "link").symlink_to("output")
    (checkout / "output/a.iso").touch()
    result = make(checkout, "clean", WEB_ROOT=web_root)
    assert result.returncode != 0
    assert "WEB_ROOT" in result.stderr
    assert (checkout / "output/a.iso").exists()


def test_clean_leaves_what_output_links_to(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.iso").touch()
    (checkout / "output").symlink_to(tmp_path / "images")
    make(checkout, "clean")
    assert (tmp_path / "images/a.iso").exists()


# --- Set-up ---


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """A checkout with locks that ask for nothing, so that a .venv can be made without the network."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    shutil.copytree(CHECKOUT / "scripts", tmp_path / "scripts")
    for lock in ("requirements.txt", "requirements-dev.txt", "requirements-mutants.txt"):
        (tmp_path / lock).write_text(f"# nothing for {lock}\n")
    return tmp_path


def set_up(
    checkout: Path, *options: str, python: str = sys.executable, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the set-up by itself, for a site, or with the lock of more packages."""
    return subprocess.run(
        [checkout / "scripts/set-up", *options, "requirements.txt", *more.split()],
        env={**os.environ, "PYTHON": python},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_set_ups_at_once_make_one_whole_venv(bare_checkout: Path) -> None:
    command = [str(bare_checkout / "scripts/set-up"), "requirements.txt"]
    environment = {**os.environ, "PYTHON": sys.executable}
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)
    ]
    assert [process.communicate()[0] for process in processes] == [b"", b""]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(list(bare_checkout.glob(".venv/lib/*/site-packages/locks.txt"))) == 1


def test_the_venv_is_kept_until_its_lock_changes(bare_checkout: Path) -> None:
    def stamp() -> tuple[int, str]:
        [file] = bare_checkout.glob(".venv/lib/*/site-packages/locks.txt")
        return file.stat().st_mtime_ns, file.read_text()

    assert succeeded_silently(set_up(bare_checkout))
    first = stamp()
    assert succeeded_silently(set_up(bare_checkout, python="none"))
    assert stamp() == first
    (bare_checkout / "requirements.txt").write_text("# another nothing\n")
    assert succeeded_silently(set_up(bare_checkout, python="none"))
    assert stamp()[1] == "# another nothing\n"


def test_what_is_set_up_for_the_tests_will_do_for_a_site_but_not_for_the_mutants(bare_checkout: Path) -> None:
    assert succeeded_silently(set_up(bare_checkout, more="requirements-dev.txt"))
    assert succeeded_silently(set_up(bare_checkout, "--check"))
    assert "install" in set_up(bare_checkout, "--check", more="requirements-mutants.txt").stderr
    assert succeeded_silently(set_up(bare_checkout, more="requirements-mutants.txt"))
    assert succeeded_silently(set_up(bare_checkout, "--check", more="requirements-mutants.txt"))


def test_a_package_whose_digest_is_not_locked_is_refused(bare_checkout: Path) -> None:
    (bare_checkout / "requirements.txt").write_text("pelican==4.12.0\n")
    result = set_up(bare_checkout)
    assert result.returncode != 0
    assert "hash" in result.stderr


def test_a_missing_python_is_said_in_a_sentence(bare_checkout: Path) -> None:
    result = set_up(bare_checkout, python="python2.7 pythonless")
    assert result.returncode != 0
    assert "(tried: python2.7 pythonless). As root: apt install python3 python3-venv" in result.stderr


@pytest.mark.parametrize("target", ["ingest", "publish", "doctor"])
def test_a_run_of_a_checkout_that_is_not_set_up_says_the_line_to_run_and_sets_up_nothing(
    bare_checkout: Path, target: str
) -> None:
    result = make(bare_checkout, target)
    assert result.returncode != 0
    assert f"Run: make -C '{bare_checkout}' install" in result.stderr
    assert not (bare_checkout / ".venv").exists()


def test_a_set_up_for_another_version_or_python_says_the_same_line(bare_checkout: Path) -> None:
    assert succeeded_silently(set_up(bare_checkout))
    assert succeeded_silently(set_up(bare_checkout, "--check"))
    (bare_checkout / "requirements.txt").write_text("# of a newer version\n")
    assert "install" in set_up(bare_checkout, "--check").stderr
    assert succeeded_silently(set_up(bare_checkout))
    [python] = bare_checkout.glob(".venv/lib/python3*")
    python.rename(python.with_name("python3.1"))
    assert f"make -C '{bare_checkout}' install" in set_up(bare_checkout, "--check").stderr
    assert succeeded_silently(set_up(bare_checkout))
    assert succeeded_silently(set_up(bare_checkout, "--check"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_user_who_may_not_set_up_is_told_who_may() -> None:
    with open_folder() as folder:
        shutil.copytree(CHECKOUT / "scripts", folder / "scripts")
        for name in ("Makefile", "requirements.txt"):
            shutil.copy(CHECKOUT / name, folder)
        done = subprocess.run(
            [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                folder / "scripts/set-up",
                "requirements.txt",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert f"nobody may not write to {folder}. As root, run: make -C '{folder}' install" in done.stderr


# --- local/ ---


def local(checkout: Path, settings: str) -> None:
    (checkout / "local").mkdir(exist_ok=True)
    (checkout / "local/settings.py").write_text(settings)


def published(checkout: Path, server: Path) -> Path:
    """Publish the server's images with the checkout, which must be silent; gives the web root."""
    if not (server / "logs").exists():
        sample.make_logs(server / "logs", list(sample.NORMAL), end=END)
    result = make(checkout, "publish", WEB_ROOT=server / "file server", LOGS=f"{server}/logs/*.log*")
    assert succeeded_silently(result), result
    return server / "file server"


def test_adopt_asks_nothing_and_keeps_what_is_there(checkout: Path, server: Path) -> None:
    local(checkout, "SITENAME = 'Mine'\n")
    for _ in range(2):
        result = make(checkout, "adopt")
        assert (result.returncode, result.stderr) == (0, "")
    assert (checkout / "local/settings.py").read_text() == "SITENAME = 'Mine'\n"
    web_root = published(checkout, server)
    assert "Mine" in (web_root / "index.html").read_text()
    assert "tokens.css" in (web_root / "index.html").read_text()
    for page in web_root.rglob("pages/*.html"):
        assert "Bento" not in page.read_text(), page


def test_each_line_of_the_start_is_a_setting_that_works(checkout: Path, server: Path) -> None:
    make(checkout, "adopt")
    settings = checkout / "local/settings.py"
    lines = [line for line in settings.read_text().splitlines() if re.match(r"# [A-Z_]+(\[|\s=)", line)]
    assert len(lines) > 10
    kept = [
        line for line in lines if not re.match(r"# (WEB_ROOT|LOGS|DOWNLOAD_COUNTER\[.(log_format|extensions))", line)
    ]
    settings.write_text("".join(line.removeprefix("# ") + "\n" for line in kept))
    web_root = published(checkout, server)
    page = (web_root / "index.html").read_text()
    assert 'lang="en"' in page
    assert "Example Linux" in page
    assert "https://downloads.example.org" in page
    assert not (web_root / "fr").exists()


@pytest.mark.parametrize(
    ("settings", "first", "others"),
    [
        ("I18N_SUBSITES = {}", "fr", []),
        ("DEFAULT_LANG = 'en'\nI18N_SUBSITES = {}", "en", []),
        ("DEFAULT_LANG = 'en'\nI18N_SUBSITES = {'fr': {}}", "en", ["fr"]),
        ("I18N_SUBSITES['de'] = {}", "fr", ["de", "en"]),
        ("DEFAULT_LANG = 'de'", "de", ["en"]),
    ],
)
def test_languages_are_a_setting(
    checkout: Path, server: Path, settings: str, first: str, others: Sequence[str]
) -> None:
    local(checkout, settings)
    catalogue = checkout / "local/translations/de/LC_MESSAGES/messages.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\nmsgid "Site"\nmsgstr "Seiten"\n'
    )

    web_root = published(checkout, server)

    assert f'lang="{first}"' in (web_root / "index.html").read_text()
    for language in others:
        assert f'lang="{language}"' in (web_root / language / "index.html").read_text()
    found = sorted(page.parent.name for page in web_root.glob("??/index.html"))
    assert found == list(others)
    if first == "de":
        assert "Seiten" in (web_root / "index.html").read_text()


def test_a_template_extends_the_themes_and_a_style_goes_before_it(checkout: Path, server: Path) -> None:
    local(checkout, "SITEURL = 'https://mirror.example'")
    (checkout / "local/templates").mkdir()
    (checkout / "local/templates/index.html").write_text(
        '{% extends "!theme/index.html" %}{% block footer %}Our own foot{% endblock %}'
    )
    (checkout / "local/static").mkdir()
    (checkout / "local/static/tokens.css").write_text(":root { --color-accent: red; }\n")
    web_root = published(checkout, server)
    page = (web_root / "index.html").read_text()
    assert "Our own foot" in page
    assert 'href="./theme/tokens.css"' in page
    assert page.index("theme/css/tokens.css") < page.index("theme/tokens.css")
    assert "--color-accent: red" in (web_root / "theme/tokens.css").read_text()
    assert "https://mirror.example" in page


def test_pages_have_no_address_until_the_site_gives_one(checkout: Path, server: Path) -> None:
    web_root = published(checkout, server)
    for page in [*web_root.rglob("*.html"), *web_root.rglob("*.xml")]:
        assert "downloads.linuxvillage.org" not in page.read_text(), page
        assert 'rel="canonical"' not in page.read_text(), page


@pytest.mark.parametrize(
    ("settings", "line", "what"), [("\nSITENAME = sitename", 2, "NameError"), ("X = 1\n\nif", 3, "SyntaxError")]
)
@pytest.mark.parametrize("target", ["ingest", "publish", "doctor"])
def test_an_error_in_the_local_settings_is_a_sentence(
    checkout: Path, settings: str, line: int, what: str, target: str
) -> None:
    local(checkout, settings)
    result = make(checkout, target)
    assert result.returncode != 0
    assert f"Error: {checkout}/local/settings.py, line {line}: {what}" in result.stderr
    assert "Traceback" not in result.stderr


def test_translations_that_this_user_may_not_compile_are_a_warning_and_the_pages_are_made(
    checkout: Path, server: Path
) -> None:
    published(checkout, server)
    folder = checkout / "theme/translations/fr/LC_MESSAGES"
    (folder / "messages.mo").unlink()
    (folder / "messages.mo").mkdir()  # nobody can write it, root included
    os.utime(folder / "messages.po", (4_000_000_000, 4_000_000_000))
    result = make(checkout, "publish", WEB_ROOT=server / "file server", LOGS=f"{server}/logs/*.log*")
    assert result.returncode == 0
    assert f"run: make -C {checkout} install" in result.stderr


# --- Locks ---


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_hold_versions_and_digests_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|^-|file:|--(?:index|extra|find|trusted)", text, re.MULTILINE)
    pinned = re.findall(r"^(\S.*?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[^#\s]", text, re.MULTILINE)) > 20
    assert all(re.fullmatch(r"[a-z0-9.-]+(?:\[[a-z,]+\])?==[\w.]+(?: ; .*)?", requirement) for requirement, _ in pinned)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_each_extra_that_its_packages_ask_for(lock: Path) -> None:
    # pip before 23.3 takes coverage[toml] and coverage for two packages, and refuses the one that is not pinned.
    text = lock.read_text()
    for name in re.findall(r"^([^\s\[]+)\S*==", text, re.MULTILINE):
        with contextlib.suppress(PackageNotFoundError):  # of another system
            for requirement in map(Requirement, requires(name) or ()):
                if requirement.extras and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                    assert re.search(rf"^{requirement.name}\[", text, re.MULTILINE | re.IGNORECASE), name


def test_locks_agree_and_have_each_dependency() -> None:
    pins = {lock.name: dict(re.findall(r"^([^\s\[]+)\S*==(\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS}
    everything = pins["requirements-dev.txt"].items()
    assert pins["requirements.txt"].items() <= everything
    assert pins["requirements-cluster.txt"].items() <= everything
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        # As an index writes names: https://packaging.python.org/en/latest/specifications/name-normalization/
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=]", requirement)[0]).lower()
        assert name in pins["requirements.txt"]
