"""The package on sites of other people: installed by pip into a fresh environment, with Pelican's own themes."""

import gzip
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import CHECKOUT

# What pelican-quickstart asks for and writes, and what the README tells to add.
SETTINGS = """\
AUTHOR = "Ada"
SITENAME = "Kiosk"
SITEURL = ""
PATH = "content"
TIMEZONE = "Europe/Berlin"
DEFAULT_LANG = "de"
FEED_ALL_ATOM = None
CATEGORY_FEED_ATOM = None
TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = None
AUTHOR_FEED_RSS = None
DEFAULT_PAGINATION = 10
"""

COUNTER = """\
DOWNLOAD_COUNTER = {
    "web_root": "output/dateien",
    "logs": "logs/*.log*",
    "extensions": (".img.xz", ".deb"),
    "notes": "notizen",
}
THEME_TEMPLATES_OVERRIDES = ["templates"]
DIRECT_TEMPLATES = ["index", "archives", "dateien", "zahlen"]
"""

PAGE = """\
{% extends "base.html" %}
{% block content %}
{% include "download_counter/PARTIAL.html" %}
{% endblock %}
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("packages")
    _run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], CHECKOUT)
    return folder


@pytest.fixture(scope="session")
def environment(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh virtual environment with the locked dependencies and the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    install = [str(folder / "bin" / "python"), "-Im", "pip", "--disable-pip-version-check", "install"]
    _run([*install, "--require-hashes", "-r", str(CHECKOUT / "requirements.txt")], folder)
    _run([*install, "--no-deps", "--no-index", str(next(packages.glob("*.whl")))], folder)
    return folder / "bin"


@dataclass(frozen=True)
class Site:
    """A site in a folder of its own, built with the programs of an environment."""

    folder: Path
    programs: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def pelican(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A wide terminal, so that no message is broken into lines.
        return subprocess.run(
            [self.programs / "pelican", *arguments],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, *arguments: str) -> None:
        done = self.pelican("--fatal", "warnings", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def refusal(self, *arguments: str) -> str:
        """What Pelican says when it does not build the site."""
        done = self.pelican(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def page(self, name: str) -> str:
        return (self.folder / "output" / name).read_text()


@pytest.fixture
def bare(environment: Path, tmp_path: Path) -> Site:
    """A site as pelican-quickstart leaves it, with one page, that has no setting of the download counter."""
    site = Site(tmp_path, environment)
    site.write({"pelicanconf.py": SETTINGS, "content/hallo.md": "Title: Hallo\nDate: 2026-05-01\n\nWelt.\n"})
    return site


@pytest.fixture
def site(bare: Site) -> Site:
    """A German site with packages and disk images in a folder, and pages that include the partial templates."""
    bare.write(
        {
            "pelicanconf.py": SETTINGS + COUNTER,
            "templates/dateien.html": PAGE.replace("PARTIAL", "images"),
            "templates/zahlen.html": PAGE.replace("PARTIAL", "statistics"),
            "content/notizen/radio.md": "Title: Radio & Uhr\nFiles: radio_*.deb\n\nEin **Radio**.\n",
            "output/dateien/pi/kiosk-5.img.xz": "x" * 1_400_000,
            "output/dateien/pi/kiosk-5.img.xz.sha256": "a" * 64 + "  kiosk-5.img.xz\n",
            "output/dateien/radio_1.0_all.deb": "deb",
            "output/dateien/old.iso": "none of ours",
            "logs/access.log": _line("192.0.2.1", "/radio_1.0_all.deb", 3)
            + _line("192.0.2.2", "/radio_1.0_all.deb", 3),
        }
    )
    (bare.folder / "logs" / "access.log.1.gz").write_bytes(
        gzip.compress(
            (_line("2001:db8::1", "/pi/kiosk-5.img.xz", 1_400_000) + _line("192.0.2.1", "/old.iso", 9)).encode()
        )
    )
    return bare


def _line(client: str, path: str, size: int) -> str:
    return f'{client} - - [09/May/2026:10:00:00 +0200] "GET {path} HTTP/1.1" 200 {size} "-" "curl/8"\n'


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_adds_to_the_namespace_that_all_plugins_share(packages: Path) -> None:
    with zipfile.ZipFile(next(packages.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    package = [name for name in names if ".dist-info/" not in name]
    assert "pelican/plugins/download_counter/__init__.py" in package
    assert all(name.startswith("pelican/plugins/download_counter/") for name in package)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_package_names_no_site_of_its_own(packages: Path) -> None:
    with zipfile.ZipFile(next(packages.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if ".dist-info/" not in name:
                content = wheel.read(name).lower()
                assert not [
                    word for word in (b"linuxvillage", b"linux village", b"bento", b"/var/www") if word in content
                ]


def test_the_sdist_builds_the_same_wheel(packages: Path, tmp_path: Path) -> None:
    _run(["tar", "-xf", str(next(packages.glob("*.tar.gz")))], tmp_path)  # tarfile's own filter came with 3.11.4
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], next(tmp_path.iterdir()))
    ours, theirs = next(packages.glob("*.whl")), next(tmp_path.glob("*.whl"))
    assert zipfile.ZipFile(ours).namelist() == zipfile.ZipFile(theirs).namelist()


def test_pelican_finds_the_installed_plugin_by_itself(environment: Path, tmp_path: Path) -> None:
    assert "pelican.plugins.download_counter" in _run([str(environment / "pelican-plugins")], tmp_path)


@pytest.mark.parametrize("command", [["python", "-m", "pelican.plugins.download_counter"], ["download-counter"]])
def test_the_installed_ingest_says_what_it_can_do(environment: Path, tmp_path: Path, command: list[str]) -> None:
    said = _run([str(environment / command[0]), *command[1:], "--help"], tmp_path)
    assert "--settings" in said
    assert "doctor" in said


@pytest.mark.parametrize("theme", ["", 'THEME = "simple"\n'], ids=["default theme", "simple theme"])
def test_a_site_with_another_theme_shows_images_and_numbers_in_its_language(site: Site, theme: str) -> None:
    site.write({"pelicanconf.py": SETTINGS + COUNTER + theme})
    site.build()
    assert "Hallo" in site.page("index.html")
    images = site.page("dateien.html")
    assert '<a href="/dateien/pi/kiosk-5.img.xz" download>kiosk-5.img.xz</a>' in images
    assert "1,4 MB" in images
    assert "a" * 64 in images
    assert "<strong>Radio</strong>" in images
    assert "old.iso" not in images
    numbers = site.page("zahlen.html")
    assert "Mai 2026" in numbers
    assert numbers.index("radio_1.0_all.deb") < numbers.index("pi/kiosk-5.img.xz")
    counts = (site.folder / "output/dateien/.stats/counts.json").read_text()
    assert '"radio_1.0_all.deb": {\n  "2026-05": 2' in counts
    assert "old.iso" not in counts


def test_the_partial_templates_escape_what_is_hostile_though_the_site_does_not(site: Site) -> None:
    name = "<script>alert(1)<&_1.deb"
    site.write(
        {f"output/dateien/{name}": "deb", "logs/access.log": _line("192.0.2.1", "/%3Cscript%3Ealert(1)%3C&_1.deb", 3)}
    )
    site.build()
    for page in ("dateien.html", "zahlen.html"):
        assert "<script>alert" not in site.page(page)
        assert "&lt;script&gt;alert(1)&lt;&amp;_1.deb" in site.page(page)
    assert "Radio &amp; Uhr" in site.page("dateien.html")


def test_a_site_gives_the_partial_templates_words_of_its_own(site: Site) -> None:
    words = 'DOWNLOAD_COUNTER_WORDS = {"size": "Größe", "started": "Begonnen"}\n'
    site.write({"pelicanconf.py": SETTINGS + COUNTER + words})
    site.build()
    assert "<dt>Größe</dt>" in site.page("dateien.html")
    assert "<dt>Date</dt>" in site.page("dateien.html")
    assert ">Begonnen</th>" in site.page("zahlen.html")


def test_the_partial_templates_have_french_words_and_english_ones_for_other_languages(site: Site) -> None:
    site.build()
    assert "<dt>Size</dt>" in site.page("dateien.html")
    site.write({"pelicanconf.py": SETTINGS.replace('"de"', '"fr"') + COUNTER})
    site.build()
    assert "<dt>Taille</dt>" in site.page("dateien.html")
    assert ">Terminés</th>" in site.page("zahlen.html")
    assert "Size" not in site.page("dateien.html")


def test_each_word_of_the_partial_templates_is_there_in_french() -> None:
    words = (CHECKOUT / "plugins/download_counter/templates/download_counter/_words.html").read_text()
    english, french = (
        dict(re.findall(r'^ *"(\w+)": "(.*)"', part, re.MULTILINE)) for part in words.split("{% set ")[1:3]
    )
    assert english.keys() == french.keys()
    assert len(english) > 10
    assert {word for word in english if english[word] == french[word]} == {"date"}


def test_a_partial_template_of_the_site_takes_the_place_of_ours(site: Site) -> None:
    site.write({"templates/download_counter/images.html": "{{ images|length }} Dateien"})
    site.build()
    assert "2 Dateien" in site.page("dateien.html")


def test_a_filter_of_the_site_takes_the_place_of_ours(site: Site) -> None:
    site.write({"pelicanconf.py": SETTINGS + COUNTER + 'JINJA_FILTERS = {"filesize": lambda size: f"{size} B!"}\n'})
    site.build()
    assert "1400000 B!" in site.page("dateien.html")


def test_a_folder_of_images_may_be_a_link_to_another_disk(site: Site) -> None:
    (site.folder / "output/dateien").rename(site.folder / "disk")
    (site.folder / "output/dateien").symlink_to(site.folder / "disk")
    site.build()
    assert 'href="/dateien/pi/kiosk-5.img.xz"' in site.page("dateien.html")
    assert (site.folder / "disk/.stats/downloads.json").exists()


def test_a_site_without_a_statistics_page_gets_the_data_files_on_its_first_build(bare: Site) -> None:
    bare.write(
        {
            "pelicanconf.py": SETTINGS + 'DOWNLOAD_COUNTER = {"logs": "logs/*"}\n',
            "logs/access.log": _line("192.0.2.1", "/a.iso", 3),
        }
    )
    bare.build()
    assert "Hallo" in bare.page("index.html")
    assert bare.page(".stats/counts.json") == '{\n "a.iso": {\n  "2026-05": 1\n }\n}\n'
    assert (bare.folder / "output/.stats/downloads.csv").exists()


def test_a_web_root_that_is_named_and_missing_is_an_error(site: Site) -> None:
    site.write({"pelicanconf.py": SETTINGS + COUNTER.replace("output/dateien", "output/datein")})
    assert "output/datein cannot be listed" in site.refusal()
    assert not (site.folder / "output/index.html").exists()


def test_a_web_root_that_the_pages_could_not_link_to_is_an_error(site: Site) -> None:
    site.write({"pelicanconf.py": SETTINGS + COUNTER.replace("output/dateien", "logs")})
    assert "DOWNLOAD_COUNTER['web_root']" in site.refusal()


def test_settings_without_logs_are_an_error_that_names_the_key(site: Site) -> None:
    site.write({"pelicanconf.py": SETTINGS + "DOWNLOAD_COUNTER = {}\n"})
    assert "DOWNLOAD_COUNTER lacks 'logs', globs" in site.refusal()


def test_a_site_that_has_not_asked_for_the_counter_is_built_as_ever_with_a_warning(bare: Site) -> None:
    done = bare.pelican("-d")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the settings have no DOWNLOAD_COUNTER" in done.stdout + done.stderr
    assert "Hallo" in bare.page("index.html")
    assert not (bare.folder / "output/.stats").exists()


def test_a_web_root_with_counts_is_not_deleted_though_the_setting_is_gone(site: Site) -> None:
    site.write({"pelicanconf.py": SETTINGS, "output/.stats/counts.json": "{}"})
    assert "would delete the images" in site.refusal("-d")
    assert (site.folder / "output/dateien/radio_1.0_all.deb").exists()


def test_a_theme_may_have_a_template_that_is_broken_and_unused(site: Site) -> None:
    site.write({"templates/unused.html": "{% nonsense %}"})
    site.build()


def test_a_broken_template_that_is_used_is_named_with_its_line(site: Site) -> None:
    site.write({"templates/zahlen.html": "\n{% nonsense %}"})
    said = site.refusal()
    assert "templates/zahlen.html, line 2" in said
    assert "nonsense" in said
    assert not (site.folder / "output/dateien.html").exists()
