"""A small site with a theme of its own, built and counted by the real programs: for tests of what they do and say."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from accesslog import Line
from support import CHECKOUT

SETTINGS = """
SITENAME = "Small <site>"
SITEURL = "https://dl.example"
RELATIVE_URLS = True
TIMEZONE = "Europe/Paris"
DEFAULT_LANG = "fr"
PATH = {content!r}
THEME = {theme!r}
OUTPUT_PATH = {web_root!r}
PLUGIN_PATHS = [{plugins!r}]
PLUGINS = ["i18n_subsites", "download_counter"]
DOWNLOAD_COUNTER = {{"web_root": {web_root!r}, "logs": {logs!r}}}
I18N_SUBSITES = {{"en": {{"SITENAME": "Small"}}}}
I18N_TEMPLATES_LANG = "en"
I18N_UNTRANSLATED_PAGES = "remove"
DIRECT_TEMPLATES = ["index", "stats"]
STATS_SAVE_AS = ".stats/index.html"
PAGE_PATHS = ["pages"]
ARTICLE_PATHS = STATIC_PATHS = []
ARCHIVES_SAVE_AS = AUTHORS_SAVE_AS = CATEGORIES_SAVE_AS = TAGS_SAVE_AS = ""
AUTHOR_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = ""
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
from jinja2 import StrictUndefined
JINJA_ENVIRONMENT = {{"autoescape": True, "undefined": StrictUndefined, "extensions": ["jinja2.ext.i18n"]}}
"""

TEMPLATES = {
    "base.html": "<title>{{ SITENAME }}: {% trans %}Downloads{% endtrans %}</title>\n"
    "{% block content %}{% endblock %}\n",
    "_parts.html": "{% macro row(image) %}{{ image.name|printable }} {{ image.size|filesize }}{% endmacro %}\n",
    "index.html": """{% extends "base.html" %}
{% from "_parts.html" import row with context %}
{% block content %}
{% for image in images %}
<a href="{{ SITEURL }}/{{ image.url }}">{{ row(image) }}</a> {{ image.title or "untitled" }} {{ image.note or "" }}
{% endfor %}
{% endblock %}
""",
    "stats.html": """{% extends "base.html" %}
{% block content %}
<p>{{ language }}: {{ stats.total.started|number }} of {{ images|length }}</p>
{% for file in stats.files %}<p>{{ file.file|printable }} {{ file.figure.started }}{{ " gone" if file.gone }}</p>
{% endfor %}
{% endblock %}
""",
    "page.html": '{% extends "base.html" %}\n{% block content %}{{ page.content|clean }}{% endblock %}\n',
}

FRENCH = """msgid ""
msgstr "Content-Type: text/plain; charset=utf-8"

msgid "Downloads"
msgstr "Téléchargements"
"""

IMAGES = {"a.iso": 1000, "archives/2019/b.iso": 2000}

# A folder that nobody may write to or read can be neither by root, once these rights are given up.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


class SmallSite:
    """A web root with two images, logs with two downloads, content, a theme and settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_root = folder / "www"
        self.logs = folder / "log"
        self.theme = folder / "theme"
        self.content = folder / "content"
        self.settings = folder / "settings.py"
        for name, size in IMAGES.items():
            self.image(name, size)
        self.logs.mkdir()
        self.log("access.log", [Line(), Line(client="192.0.2.2", target=b"/gone.iso")])
        for name, text in TEMPLATES.items():
            self.template(name, text)
        (self.theme / "static" / "css").mkdir(parents=True)
        (self.theme / "static" / "css" / "main.css").write_text("body { color: black }\n")
        self.french = self.theme / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
        self.french.parent.mkdir(parents=True)
        self.french.write_text(FRENCH)
        self.write("pages/about.md", "Title: About\nLang: fr\nSlug: about\n\nHello.\n")
        self.settings.write_text(
            SETTINGS.format(
                content=str(self.content),
                theme=str(self.theme),
                web_root=str(self.web_root),
                logs=f"'{self.logs}'/access.log*",
                plugins=str(CHECKOUT / "plugins"),
            )
        )

    def image(self, name: str, size: int) -> Path:
        """Put an image into the web root: as big as it says, taking no room."""
        path = self.web_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
        return path

    def log(self, name: str, lines: Iterable[Line]) -> Path:
        """Write a log."""
        path = self.logs / name
        path.write_bytes(b"".join(line.encode() for line in lines))
        return path

    def template(self, name: str, text: str) -> None:
        """Write a template of the theme."""
        path = self.theme / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write(self, name: str, text: str) -> None:
        """Write a file of the content."""
        path = self.content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def set(self, line: str) -> None:
        """Add a line to the settings."""
        with self.settings.open("a") as file:
            file.write(line + "\n")

    def counter(self, **options: object) -> None:
        """Add keys to DOWNLOAD_COUNTER."""
        self.set(f"DOWNLOAD_COUNTER.update({options!r})")

    def pelican(self, *options: str, before: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
        """Build the site as a program in a pipe does, `before` it the words of a program that starts it."""
        return run([*before, sys.executable, "-m", "pelican", "-s", str(self.settings), *options], self.folder)

    def ingest(self, *options: str, before: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
        """Ingest by itself."""
        return run([*before, sys.executable, "-m", "download_counter", "-s", str(self.settings), *options], self.folder)

    def page(self, name: str) -> str:
        """A file of the web root as text."""
        return (self.web_root / name).read_text()


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without a terminal; the caller looks at what it said."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins"), "COLUMNS": "1000"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """All below a folder: mode, and the digest of a file, or where a link leads; without the empty lock file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name == ".lock":
            assert path.read_bytes() == b""
            continue
        status = path.lstat()
        if path.is_symlink():
            what = os.readlink(path)
        elif path.is_file():
            # A sample image has gigabytes of nothing in it.
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if status.st_size < 1_000_000 else ""
            what = f"{status.st_mtime_ns} {status.st_size} {digest}"
        else:
            what = ""
        found[str(path.relative_to(folder))] = (status.st_mode, what)
    return found
