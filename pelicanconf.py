"""The site, and the settings of the download counter.

`make` passes WEB_ROOT, LOGS and SITEURL in the environment. Without them, as a web designer runs
`pelican`, the site is made in output/, from the sample that is made there if it is missing.
"""

import os
import subprocess
import sys
from pathlib import Path

from jinja2 import StrictUndefined

HERE = Path(__file__).parent
SAMPLE_LOGS = HERE / ".demo" / "logs"

if "WEB_ROOT" not in os.environ and not SAMPLE_LOGS.exists():
    sample = [HERE / "tests" / "sample.py", "--web-root", HERE / "output", "--logs", SAMPLE_LOGS]
    subprocess.run([sys.executable, *map(str, sample)], check=True)  # noqa: S603  (our own script)

# --- The site ---

SITENAME = "Linux Village"
SITESUBTITLE = "Images ISO de Bento"
AUTHOR = "Linux Village"
# For the feed and canonical links only; all other links are relative.
SITEURL = os.environ.get("SITEURL", "")
RELATIVE_URLS = True
TIMEZONE = "Europe/Paris"
DEFAULT_LANG = "fr"

PATH = str(HERE / "content")
THEME = str(HERE / "theme")
# The live web root. Nothing in it is ever deleted.
OUTPUT_PATH = os.environ.get("WEB_ROOT") or str(HERE / "output")
DELETE_OUTPUT_DIRECTORY = False
CACHE_CONTENT = False

# --- The download counter ---

PLUGIN_PATHS = [str(HERE / "plugins")]
PLUGINS = ["i18n_subsites", "download_counter"]

DOWNLOAD_COUNTER = {
    # The folder with the images, which the web server serves.
    "web_root": OUTPUT_PATH,
    # Globs of the access logs, separated by blanks; rotated logs may be compressed.
    "logs": os.environ.get("LOGS") or f"{SAMPLE_LOGS}/*.log*",
    # Apache's LogFormat: a known name, or the string itself.
    "log_format": "combined",
}

# --- Languages: the main site is French, the others are sub-sites ---

I18N_SUBSITES = {
    "en": {"SITESUBTITLE": "Bento ISO images"},
}
# The language the templates are written in.
I18N_TEMPLATES_LANG = "en"
I18N_UNTRANSLATED_PAGES = "remove"

# --- Pages: these, and nothing else ---

DIRECT_TEMPLATES = ["index", "stats"]
# Reachable, and never linked to.
STATS_SAVE_AS = ".stats/index.html"
PAGE_PATHS = ["pages"]
ARTICLE_PATHS: list[str] = []
STATIC_PATHS: list[str] = []
# A text in reStructuredText cannot have other files of this machine put into its page.
DOCUTILS_SETTINGS = {"file_insertion_enabled": False}
ARCHIVES_SAVE_AS = AUTHORS_SAVE_AS = CATEGORIES_SAVE_AS = TAGS_SAVE_AS = ""
AUTHOR_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = ""
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None

# What comes from logs, file names and notes is hostile: it is escaped, and a name that is
# misspelt in a template is an error.
JINJA_ENVIRONMENT = {
    "autoescape": True,
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
    "extensions": ["jinja2.ext.i18n"],
}
