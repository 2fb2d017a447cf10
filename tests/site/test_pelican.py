"""What a build writes, where, and what it leaves alone: real runs of the real Pelican."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import sample
from accesslog import Line
from download_counter.safe_files import Staged
from smallsite import UNPRIVILEGED, SmallSite, run, snapshot
from support import CHECKOUT, wait_until

MAY = date(2026, 5, 9)


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    return SmallSite(tmp_path)


def built(site: SmallSite, *options: str) -> subprocess.CompletedProcess[str]:
    """Build a site that must build, without a warning."""
    done = site.pelican("--log-handler", "plain", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done


def files(folder: Path) -> set[str]:
    """The files below a folder, by their path."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


# --- The web root ---


def test_a_build_writes_what_the_site_has_and_nothing_else(site: SmallSite) -> None:
    before = files(site.web_root)

    built(site)

    assert files(site.web_root) - before == {
        "index.html", "en/index.html", "pages/about.html", "theme/css/main.css",
        "feeds/images.atom.xml", "en/feeds/images.atom.xml", "feeds/images.json",
        ".stats/.lock", ".stats/counts.json", ".stats/days/2026.json", ".stats/state.json",
        ".stats/index.html", "en/.stats/index.html",
        ".stats/downloads.csv", ".stats/downloads.json", ".stats/table.csv", ".stats/files.json",
    }  # fmt: skip


def test_a_second_build_changes_no_file(site: SmallSite) -> None:
    built(site)
    before = snapshot(site.web_root)

    built(site)

    assert snapshot(site.web_root) == before


def test_the_images_and_what_else_is_there_are_left_alone(site: SmallSite) -> None:
    (site.web_root / "a.iso.md5").write_text("x")
    (site.web_root / "robots.txt").write_text("User-agent: *\n")
    (site.web_root / "theme").mkdir()
    (site.web_root / "theme" / "mine.css").write_text("p {}")
    (site.web_root / ".well-known").mkdir(mode=0o700)
    before = snapshot(site.web_root)

    built(site)

    assert before.items() <= snapshot(site.web_root).items()


@pytest.mark.parametrize("umask", [0o077, 0o000, 0o027])
def test_the_web_server_can_read_everything_under_any_umask(site: SmallSite, umask: int) -> None:
    before = set(site.web_root.rglob("*"))
    site.counter(show_counts=True)

    done = site.pelican(before=["sh", "-c", f'umask {umask:03o}; exec "$@"', "sh"])

    assert done.returncode == 0
    for path in set(site.web_root.rglob("*")) - before:
        if path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_the_ingest_by_itself_writes_the_data_and_no_page(site: SmallSite) -> None:
    before = files(site.web_root)

    done = site.ingest()

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(site.web_root) - before == {
        ".stats/.lock",
        ".stats/counts.json",
        ".stats/days/2026.json",
        ".stats/state.json",
    }


def test_after_the_ingest_by_itself_a_build_reads_no_log(site: SmallSite) -> None:
    site.ingest()
    days = site.page(".stats/days/2026.json")
    # Read again, these would be other downloads: the names, sizes and times of the logs stay the same.
    log = site.logs / "access.log"
    times = (log.stat().st_atime_ns, log.stat().st_mtime_ns)
    log.write_bytes(log.read_bytes().replace(b"/gone.iso", b"/lost.iso"))
    os.utime(log, ns=times)

    built(site)

    assert site.page(".stats/days/2026.json") == days
    assert "gone.iso" in site.page(".stats/index.html")


def test_logs_that_have_grown_are_read_by_the_build(site: SmallSite) -> None:
    site.ingest()
    site.log("access.log.1", [Line(client="192.0.2.9")])

    built(site)

    assert json.loads(site.page(".stats/counts.json"))["a.iso"] == {"2026-05": 2}
    assert "<p>a.iso 2</p>" in site.page(".stats/index.html")


def test_a_site_in_two_languages_ingests_and_scans_once(site: SmallSite) -> None:
    """What is warned of is warned of once, and both languages show the same."""
    (site.web_root / "lost.iso").symlink_to("nowhere")
    site.log("access.log.2", [])
    (site.logs / "access.log.2").write_bytes(b"\x1f\x8bno gzip at all")

    done = site.pelican("--log-handler", "plain")

    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert "lost.iso vanished" in done.stderr
    assert "access.log.2 cannot be read" in done.stderr


def test_each_language_shows_sizes_and_words_its_own_way(site: SmallSite) -> None:
    site.image("big.iso", 1_400_000_000)

    built(site)

    french, english = site.page("index.html"), site.page("en/index.html")
    assert "Téléchargements" in french
    assert "1,4\xa0Go" in french or "1,4\u202fGo" in french
    assert "Downloads" in english
    assert "1.4\xa0GB" in english or "1.4 GB" in english
    assert "fr: 2 of 3" in site.page(".stats/index.html")


def test_what_comes_from_names_and_settings_is_escaped(site: SmallSite) -> None:
    site.image("<b>&'.iso", 10)
    site.image(os.fsdecode(b"\xff\xfe.iso"), 10)
    site.image("gpj\u202eosi.iso", 10)

    built(site)

    page = site.page("index.html")
    assert "Small &lt;site&gt;" in page
    assert "&lt;b&gt;&amp;&#39;.iso" in page
    assert 'href="./%3Cb%3E%26%27.iso"' in page
    assert 'href="./%FF%FE.iso"' in page
    assert "\ufffd\ufffd.iso" in page
    assert "gpj\\u202eosi.iso" in page
    assert "\u202e" not in page


def test_notes_describe_the_images_they_match_in_the_sites_language(site: SmallSite) -> None:
    site.write("isos/a.fr.md", "Title: Une *image*\nLang: fr\nFiles: a*.iso\n\nBonjour <script>alert(1)</script>\n")
    site.write("isos/a.en.md", "Title: An image\nLang: en\nFiles: x, a.iso\n\nHello.\n")
    site.write("isos/b.fr.md", "Title: Archive\nLang: fr\nFiles: archives/*\n\nVieux.\n")

    built(site)

    french, english = site.page("index.html"), site.page("en/index.html")
    assert "Une" in french
    assert "Bonjour" in french
    assert "<script" not in french
    assert "Archive" in french
    assert "An image" in english
    assert "Archive" not in english
    assert not list(site.web_root.glob("**/*isos*"))


def test_a_note_for_no_file_is_a_warning(site: SmallSite) -> None:
    site.write("isos/a.fr.md", "Title: Image\nLang: fr\n\nBonjour.\n")

    done = site.pelican("--log-handler", "plain")

    assert done.returncode == 0
    assert "isos/a.fr.md has no Files: in its metadata" in done.stderr


def test_the_feed_has_the_images_with_absolute_links(site: SmallSite) -> None:
    site.image("a b.iso", 10)

    built(site)

    atom = "{http://www.w3.org/2005/Atom}"
    for name, base in (("feeds", "https://dl.example/"), ("en/feeds", "https://dl.example/en/")):
        feed = ET.parse(site.web_root / name / "images.atom.xml").getroot()
        links = {link.get("href") for link in feed.iterfind(f"{atom}entry/{atom}link")}
        assert {urljoin(base, str(link)) for link in links} == links
        assert "https://dl.example/a%20b.iso" in links
        ids = [one.text for one in feed.iter(f"{atom}id")]
        assert len(ids) == len(set(ids)) == 4


def test_badges_and_totals_are_there_only_if_the_site_wants_them(site: SmallSite) -> None:
    site.template("index.html", "{% for image in images %}{{ image.file }}={{ image.downloads.started }};{% endfor %}")

    refused = site.pelican("--log-handler", "plain")
    site.counter(show_counts=True)
    built(site)

    assert "'None' has no attribute 'started'" in refused.stderr
    assert "a.iso=1;" in site.page("index.html")
    badge = json.loads(site.page("feeds/badges/a.iso.json"))
    assert (badge["schemaVersion"], badge["message"]) == (1, "1 total")
    assert json.loads(site.page("feeds/badges/archives/2019/b.iso.json"))["message"] == "0 total"


# --- What is refused ---


@pytest.mark.parametrize("how", ["-d", "DELETE_OUTPUT_DIRECTORY = True"])
def test_deleting_the_output_is_refused_before_anything_is_done(site: SmallSite, how: str) -> None:
    before = snapshot(site.web_root)
    if how != "-d":
        site.set(how)

    done = site.pelican("--log-handler", "plain", *([how] if how == "-d" else []))

    assert done.returncode == 1
    assert "DELETE_OUTPUT_DIRECTORY (or -d) would delete the images in" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert snapshot(site.web_root) == before


def refused(site: SmallSite) -> str:
    """Build a site that was built before; it must fail in a sentence and change nothing. Gives the sentence."""
    before = snapshot(site.web_root)
    done = site.pelican("--log-handler", "plain")
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert snapshot(site.web_root) == before
    return done.stderr


@pytest.mark.parametrize("name", ["page.iso", "x/page.ISO", "a.iso.md5", "a.iso.torrent", "archives/2019/b.iso"])
def test_a_page_is_never_written_over_an_image_or_what_belongs_to_one(site: SmallSite, name: str) -> None:
    built(site)
    site.write("pages/bad.md", f"Title: Bad\nLang: fr\nSlug: bad\nSave_as: {name}\n\nHello.\n")

    assert "would be written over an image or its companion" in refused(site)


def test_a_static_file_is_never_written_over_an_image(site: SmallSite) -> None:
    built(site)
    (site.theme / "static" / "x.iso").write_text("no image")

    assert "would be written over an image or its companion" in refused(site)


@pytest.mark.parametrize("name", ["../outside.html", "{folder}/outside.html"])
def test_a_page_is_never_written_outside_of_the_web_root(site: SmallSite, name: str) -> None:
    save_as = name.format(folder=site.folder)
    site.write("pages/bad.md", f"Title: Bad\nLang: fr\nSlug: bad\nSave_as: {save_as}\n\nHello.\n")

    done = site.pelican("--log-handler", "plain")

    assert "outside" in done.stderr
    assert not (site.folder / "outside.html").exists()


def test_two_pages_in_one_place_are_refused(site: SmallSite) -> None:
    built(site)
    for name in ("one", "other"):
        site.write(f"pages/{name}.md", f"Title: Bad\nLang: fr\nSlug: {name}\nSave_as: both.html\n\nHello.\n")

    assert f"Two pages are to be written to {site.web_root}/both.html" in refused(site)


def test_a_page_may_take_the_place_of_a_template(site: SmallSite) -> None:
    site.write("pages/start.md", "Title: Start\nLang: fr\nSlug: start\nSave_as: index.html\n\nWelcome instead.\n")

    built(site)

    assert "Welcome instead." in site.page("index.html")


@pytest.mark.parametrize("place", ["theme", "pages", "en", "feeds", ".stats"])
def test_a_folder_that_is_a_link_is_not_written_through(site: SmallSite, place: str) -> None:
    victim = site.folder / "victim"
    victim.mkdir()
    (site.web_root / place).symlink_to(victim)

    done = site.pelican("--log-handler", "plain")

    assert done.returncode == 1
    assert f"{site.web_root}/{place}" in done.stderr
    assert "link" in done.stderr
    assert not list(victim.iterdir())
    assert not (site.web_root / "index.html").exists()


@pytest.mark.parametrize("place", ["index.html", ".stats/counts.json", "theme/css/main.css"])
def test_a_link_planted_as_a_temporary_file_is_not_followed(site: SmallSite, place: str) -> None:
    victim = site.folder / "victim"
    victim.write_text("precious")
    planted = site.web_root / Path(place).parent / Staged(site.web_root, Path(place)).temporary
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(victim)

    built(site)

    assert victim.read_text() == "precious"
    assert not planted.is_symlink()


def test_the_web_root_itself_may_be_a_link(site: SmallSite) -> None:
    real = site.folder / "disk2"
    site.web_root.rename(real)
    site.web_root.symlink_to(real)

    built(site)

    assert (real / "index.html").is_file()
    assert site.web_root.is_symlink()


# --- Templates ---


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("index.html", "fine\n{{ imgaes }}\n", 2, "'imgaes' is undefined"),
        ("index.html", "{% for image in images %}\n{{ image.nmae }}\n{% endfor %}", 2, "no attribute 'nmae'"),
        ("index.html", "\n\n{% for %}\n", 3, "Expected an expression"),
        ("index.html", "\n{{ images|lenght }}\n", 2, "No filter named 'lenght'"),
        ("index.html", '\n{% extends "bsae.html" %}\n', 2, "bsae.html"),
        ("index.html", '\n{% include "nothing.html" %}\n', 2, "nothing.html"),
        ("stats.html", "\n{{ stats.totl }}\n", 2, "no attribute 'totl'"),
        ("page.html", "\n{{ page.titel }}\n", 2, "no attribute 'titel'"),
        ("_parts.html", "{% macro row(image) %}\n{{ image.nmae }}\n{% endmacro %}\n", 2, "no attribute 'nmae'"),
        (
            "base.html",
            "<title>\n\n{{ SITENMAE }}</title>{% block content %}{% endblock %}\n",
            3,
            "'SITENMAE' is undefined",
        ),
        ("base.html", "{% block content %}\n{% endblock %}\n{% block contnt %}", 3, "Unexpected end of template"),
        (
            "index.html",
            '{% extends "base.html" %}\n{% block content %}\n{{ oops }}{% endblock %}',
            3,
            "'oops' is undefined",
        ),
        ("index.html", "\n{{ 1 / 0 }}\n", 2, "division by zero"),
        ("index.html", "\n{{ images|filesize }}\n", 2, "not supported between instances of 'list'"),
        ("index.html", "\n{{ images.foo.bar }}\n", 2, "no attribute 'foo'"),
    ],
)
def test_an_error_in_a_template_says_file_line_and_what_and_the_live_pages_stay(
    site: SmallSite, name: str, text: str, line: int, what: str
) -> None:
    built(site)
    site.template(name, text)

    said = refused(site)

    assert f"{site.theme}/templates/{name}, line {line}" in said or f"{name}, line {line}" in said
    assert what in said


def test_an_error_in_a_page_of_the_second_language_leaves_the_first_as_it_was(site: SmallSite) -> None:
    built(site)
    site.template("index.html", '{{ "new" }}{% if language == "en" %}{{ oops }}{% endif %}')

    assert "'oops' is undefined" in refused(site)


def test_a_damaged_translation_is_named(site: SmallSite) -> None:
    built(site)
    site.french.write_text('msgid "x\n')
    os.utime(site.french, (4_000_000_000, 4_000_000_000))

    assert f"The translation {site.french} is damaged" in refused(site)


# --- Rebuilding while somebody edits ---


@pytest.fixture
def autoreload(site: SmallSite) -> Iterator[Callable[[], str]]:
    """`pelican --autoreload` on the site; gives what it has said so far."""
    log = site.folder / "said"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "pelican", "-s", str(site.settings), "--autoreload", "--log-handler", "plain"],
            cwd=site.folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        yield log.read_text
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def shows(path: Path, text: str) -> Callable[[], bool]:
    return lambda: path.exists() and text in path.read_text()


def test_after_a_failed_build_the_next_one_succeeds(site: SmallSite, autoreload: Callable[[], str]) -> None:
    page = site.web_root / "index.html"
    wait_until(shows(page, "a.iso"), "the first build", 60)
    good = (site.theme / "templates" / "index.html").read_text()
    # A watcher has to be there before the change; Pelican does not say when it is.
    end = time.monotonic() + 60
    while "'oops' is undefined" not in autoreload():
        assert time.monotonic() < end, autoreload()[-2000:]
        site.template("index.html", "{{ oops }}\n")
        time.sleep(0.5)
    assert "a.iso" in page.read_text()
    while "fixed" not in page.read_text():
        assert time.monotonic() < end, autoreload()[-2000:]
        site.template("index.html", good.replace("{% block content %}", "{% block content %}fixed"))
        time.sleep(0.5)
    assert "a.iso" in page.read_text()


def test_two_sites_in_one_process_do_not_mix(tmp_path: Path) -> None:
    one, other = SmallSite(tmp_path / "one"), SmallSite(tmp_path / "other")
    one.image("only-one.iso", 5)
    other.image("only-other.iso", 5)
    script = (
        "import sys\nfrom pelican import Pelican\nfrom pelican.settings import read_settings\n"
        "for path in sys.argv[1:]:\n    Pelican(read_settings(path)).run()\n"
    )
    settings = [str(one.settings), str(other.settings), str(one.settings)]

    done = run([sys.executable, "-c", script, *settings], tmp_path)

    assert done.returncode == 0, done.stderr
    assert ("only-one.iso" in one.page("index.html"), "only-other.iso" in one.page("index.html")) == (True, False)
    assert ("only-one.iso" in other.page("index.html"), "only-other.iso" in other.page("index.html")) == (False, True)
    assert one.page("en/index.html").count('.iso"') == other.page("en/index.html").count('.iso"') == 3


def test_a_site_whose_build_fails_does_not_spoil_the_next_one_in_the_process(tmp_path: Path) -> None:
    bad, good = SmallSite(tmp_path / "bad"), SmallSite(tmp_path / "good")
    bad.template("page.html", "{{ oops }}")
    script = (
        "import sys\nfrom pelican import Pelican\nfrom pelican.settings import read_settings\n"
        "for path in sys.argv[1:]:\n    try:\n        Pelican(read_settings(path)).run()\n"
        "    except Exception as error:\n        print(error)\n"
    )

    done = run([sys.executable, "-c", script, str(bad.settings), str(good.settings)], tmp_path)

    assert done.stdout.count("'oops' is undefined") == 1, done.stdout
    assert (good.web_root / "index.html").exists()
    assert not (bad.web_root / "index.html").exists()


def test_a_run_waits_for_the_one_that_is_at_work(site: SmallSite) -> None:
    built(site)
    holder = subprocess.Popen(
        ["flock", str(site.web_root / ".stats" / ".lock"), "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    waiting = subprocess.Popen(
        [sys.executable, "-m", "download_counter", "-s", str(site.settings)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=1)

    holder.communicate(b"\n")

    assert waiting.wait(timeout=30) == 0


# --- The real theme ---


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web root of this checkout's site, built with the sample's images and logs."""
    folder = tmp_path_factory.mktemp("real")
    images = sample.make_web_root(folder / "www", end=MAY)
    sample.make_logs(folder / "log", images, end=MAY)
    done = subprocess.run(
        [sys.executable, "-m", "pelican", "--fatal", "warnings"],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "WEB_ROOT": str(folder / "www"),
            "LOGS": f"{folder}/log/*.log {folder}/log/*.log.*",
            "SITEURL": "https://dl.example",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "www"


class Links(HTMLParser):
    """The addresses in a page, with the element and attribute they stand in."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "srcset", "action", "poster", "content") and value:
                self.found.append((tag, dict(attrs), value))


def pages(web_root: Path) -> list[Path]:
    return sorted(web_root.rglob("*.html"))


def test_the_real_site_writes_its_pages_and_nothing_else(real: Path) -> None:
    offered = re.compile(r"\.(iso|md5|sha\w+|asc|sig|torrent|zsync|meta4|gpg)$|(^|/)(KEY|SHA256SUMS)$")
    written = {name for name in files(real) if not offered.search(name)}
    elsewhere = {name for name in written if not name.startswith(("theme/", "pages/", "en/pages/"))}

    assert elsewhere == {
        "index.html", "en/index.html", "403.html", "404.html", "en/403.html", "en/404.html",
        "feeds/images.atom.xml", "en/feeds/images.atom.xml", "feeds/images.json",
        ".stats/.lock", ".stats/counts.json", ".stats/days/2026.json", ".stats/state.json",
        ".stats/index.html", "en/.stats/index.html", ".stats/2026/index.html", "en/.stats/2026/index.html",
        ".stats/downloads.csv", ".stats/downloads.json", ".stats/table.csv", ".stats/files.json",
    }  # fmt: skip


def test_links_are_relative_and_lead_to_something(real: Path) -> None:
    checked = 0
    for page in pages(real):
        for tag, attributes, link in Links(page).found:
            if tag in ("meta", "base"):
                continue
            address = urlsplit(link)
            if address.scheme or address.netloc:
                absolute = attributes.get("rel") in ("canonical", "alternate") and link.startswith(
                    "https://dl.example/"
                )
                assert absolute or (tag == "a" and address.netloc != "dl.example"), (page, link)
                continue
            # A server answers with an error's page at any address: its links are from the root of its site, its <base>.
            from_root = page.name in ("403.html", "404.html")
            assert from_root or not address.path.startswith("/"), (page, link)
            if address.path:
                target = page.parent / unquote(address.path).lstrip("/")
                assert (target / "index.html" if target.is_dir() else target).exists(), (page, link)
                checked += 1
    assert checked > 100


def test_no_public_page_names_the_statistics_which_say_noindex(real: Path) -> None:
    for path in [*pages(real), *real.rglob("*.xml"), *real.rglob("*.txt"), *real.rglob("*.css")]:
        if ".stats" in path.parts:
            assert '<meta name="robots" content="noindex' in path.read_text()
        else:
            assert "stats/" not in path.read_text(), path


def test_the_real_site_builds_with_no_image_and_no_download(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "access.log").touch()

    done = subprocess.run(
        [sys.executable, "-m", "pelican", "--fatal", "warnings"],
        cwd=CHECKOUT,
        env={**os.environ, "WEB_ROOT": str(tmp_path / "www"), "LOGS": str(tmp_path / "access.log"), "SITEURL": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Aucune image" in (tmp_path / "www" / "index.html").read_text()
    assert json.loads((tmp_path / "www" / ".stats" / "counts.json").read_text()) == {}


def test_a_typo_in_the_real_theme_leaves_the_live_pages(tmp_path: Path) -> None:
    for name in ("theme", "content", "pelicanconf.py"):
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, tmp_path / name)
    (tmp_path / "plugins").symlink_to(CHECKOUT / "plugins")
    images = sample.make_web_root(tmp_path / "www", end=MAY)
    sample.make_logs(tmp_path / "log", images, end=MAY)
    environment = {"WEB_ROOT": f"{tmp_path}/www", "LOGS": f"{tmp_path}/log/*"}

    def build() -> subprocess.CompletedProcess[str]:
        before = ["env", *(f"{name}={value}" for name, value in environment.items())]
        return run([*before, sys.executable, "-m", "pelican", "--log-handler", "plain"], tmp_path)

    assert build().returncode == 0
    template = tmp_path / "theme" / "templates" / "_images.html"
    number = (
        template.read_text()
        .splitlines()
        .index(next(x for x in template.read_text().splitlines() if "image.date|" in x))
    )
    template.write_text(template.read_text().replace("image.date|", "image.dtae|"))
    before = snapshot(tmp_path / "www")

    done = build()

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(rf"_images\.html, line {number + 1}\D", done.stderr), (number, done.stderr)
    assert "dtae" in done.stderr
    assert snapshot(tmp_path / "www") == before


def test_a_web_root_that_nobody_may_write_to_is_left_as_it_is(site: SmallSite) -> None:
    built(site)
    site.template("index.html", "changed")
    folders = [site.web_root, *(path for path in site.web_root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    before = snapshot(site.web_root)

    done = site.pelican("--log-handler", "plain", before=UNPRIVILEGED)

    after = snapshot(site.web_root)
    for folder in folders:
        folder.chmod(0o755)
    assert done.returncode == 1
    assert re.search(f"{site.web_root}/.* cannot be written: Permission denied", done.stderr)
    assert "Traceback" not in done.stderr
    assert after == before
