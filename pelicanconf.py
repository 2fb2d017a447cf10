"""The site, and the settings of the download counter.

What a site changes for itself stands in local/, which git ignores: local/settings.py may change anything here, and
local/content, local/templates, local/static and local/translations go before their namesakes. `make adopt` makes a
start. The variables WEB_ROOT, LOGS and SITEURL of the environment, and so of make's command line, go before both.
"""

import os
import traceback
from pathlib import Path

from jinja2 import StrictUndefined

HERE = Path(__file__).resolve().parent
LOCAL = HERE / "local"

# --- The server ---

# The folder that the web server serves, with the images in it. Pages go there too.
WEB_ROOT = "/var/www/file-server"
# The access logs: file names with * and ?, separated by blanks. Rotated logs may be compressed.
LOGS: str | list[str] = "/var/log/apache2/downloads-ssl-access.log*"
# The site's address, such as https://downloads.example.org. It is used for the feed and for what search engines and
# other sites are told (canonical links, Open Graph). All other links are relative.
SITEURL = ""

# The settings of the counter: docs/settings.md.
DOWNLOAD_COUNTER: dict[str, object] = {
    # Apache's LogFormat: a known name, or the string itself.
    "log_format": "combined",
}

# --- The site ---

SITENAME = "Linux Village"
# What there is to download, in the page's first heading; without it, the site's name.
PRODUCT = "Bento Openbox"
SITESUBTITLE = (
    "Un bureau Openbox léger et complet, en français, pour les ordinateurs d’hier et d’aujourd’hui. "
    "À essayer depuis une clé USB, sans rien installer."
)
AUTHOR = "Linux Village"
TIMEZONE = "Europe/Paris"
# The language of the pages at the top, and those of its sub-sites: en/ here.
DEFAULT_LANG = "fr"
I18N_SUBSITES: dict[str, dict[str, object]] = {
    "en": {
        "SITESUBTITLE": (
            "A light and complete Openbox desktop for the computers of yesterday and today. "
            "Try it from a USB stick; nothing is installed."
        ),
    },
}

PATH = str(LOCAL / "content" if (LOCAL / "content").exists() else HERE / "content")
THEME = str(HERE / "theme")
THEME_TEMPLATES_OVERRIDES = [str(LOCAL / "templates")]
THEME_STATIC_PATHS = ["static", *([str(LOCAL / "static")] if (LOCAL / "static").exists() else [])]
THEME_TRANSLATIONS_OVERRIDES = [str(LOCAL / "translations")]
# Whether the pages link to tokens.css of local/static.
LOCAL_TOKENS = (LOCAL / "static" / "tokens.css").exists()

# --- How it is made; a site has no reason to change these ---

RELATIVE_URLS = True
DELETE_OUTPUT_DIRECTORY = False
CACHE_CONTENT = False
PLUGIN_PATHS = [str(HERE / "plugins")]
PLUGINS = ["i18n_subsites", "download_counter"]
# The language the templates are written in.
I18N_TEMPLATES_LANG = "en"
I18N_UNTRANSLATED_PAGES = "remove"
# The last two are for the virtual host's ErrorDocument.
DIRECT_TEMPLATES = ["index", "stats", "403", "404"]
# Reachable, and never linked to.
STATS_SAVE_AS = ".stats/index.html"
PAGE_PATHS = ["pages"]
ARTICLE_PATHS: list[str] = []
STATIC_PATHS: list[str] = []
# Headings have an id, for the table of contents.
MARKDOWN = {"extensions": ["markdown.extensions.extra", "markdown.extensions.meta", "markdown.extensions.toc"]}
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

# --- local/settings.py, and the environment ---


def _read(settings: Path) -> None:
    """Let a file change what is above, as if it stood here; an error in it is said in a sentence."""
    try:
        exec(compile(settings.read_bytes(), settings, "exec"), globals())  # noqa: S102  (as trusted as this file)
    except Exception as error:  # noqa: BLE001  (a settings file may raise anything)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(settings)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else "?"
        raise SystemExit(f"Error: {settings}, line {line}: {error.__class__.__name__}: {error}") from None


_SHIPPED = {name: globals()[name] for name in ("SITENAME", "SITESUBTITLE", "AUTHOR")}
if (LOCAL / "settings.py").exists():
    _read(LOCAL / "settings.py")

WEB_ROOT = str(os.environ.get("WEB_ROOT") or DOWNLOAD_COUNTER.get("web_root") or WEB_ROOT)
_LOGS = os.environ.get("LOGS") or DOWNLOAD_COUNTER.get("logs") or LOGS
SITEURL = os.environ.get("SITEURL") or SITEURL or ""
if "SAMPLE_SITE" in os.environ:  # make demo, make preview: the sample's logs are Apache's, whatever the server's are
    _ABOUT_LOOKS = ("companions", "notes", "show_counts")
    DOWNLOAD_COUNTER = {key: value for key, value in DOWNLOAD_COUNTER.items() if key in _ABOUT_LOOKS}

OUTPUT_PATH = WEB_ROOT
DOWNLOAD_COUNTER = {**DOWNLOAD_COUNTER, "web_root": WEB_ROOT, "logs": _LOGS}

# What the doctor names, on a server that is not linuxvillage.org's.
NOT_YET_YOURS = (
    []
    if "linuxvillage.org" in SITEURL
    else [
        *(f"{name} ({value})" for name, value in _SHIPPED.items() if globals()[name] == value),
        *(["the texts in content/"] if Path(PATH) == HERE / "content" else []),
        *(["the logo in theme/static/img/"] if not list(LOCAL.glob("static/img/logo*")) else []),
    ]
)
