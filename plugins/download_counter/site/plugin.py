"""Pelican's signals: check the settings, begin a run, and put its pages into place."""

import errno
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from gettext import find as find_catalogue
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, TemplateError
from pelican import signals
from pelican.generators import Generator

from ..errors import DownloadCounterError
from ..history.store import COUNTS
from ..safe_files import FOLDER_MODE, explain
from ..settings import time_zone
from .filters import filters
from .generator import DownloadsGenerator
from .run import Run, current, is_wanted, logger, runs, settings_of
from .static import take_static
from .translations import compile_translations
from .writer import Publication, WholeWriter, template_problem

# Partial templates for sites that have a theme of their own.
TEMPLATES = Path(__file__).parents[1] / "templates"


def connect() -> None:
    """Connect to Pelican's signals."""
    signals.initialized.connect(_check)
    signals.generator_init.connect(_equip)
    signals.get_generators.connect(_begin)
    signals.get_writer.connect(_writer)
    signals.all_generators_finalized.connect(_note_unread)
    signals.static_generator_init.connect(take_static)
    signals.page_generator_context.connect(_leave_out_other_languages)
    signals.article_generator_context.connect(_leave_out_other_languages)
    signals.finalized.connect(_finish)


def _check(pelican: Any) -> None:
    """Check the settings, before anything is read or written."""
    settings = pelican.settings
    for name in ("pelican", "pelican.utils", "pelican.generators", "pelican.plugins.i18n_subsites.i18n_subsites"):
        _quieten(logging.getLogger(name), debug=bool(settings.get("DEBUG")))
    output = Path(os.path.abspath(settings["OUTPUT_PATH"]))
    if settings.get("DELETE_OUTPUT_DIRECTORY") and (is_wanted(settings) or (output / COUNTS).exists()):
        raise DownloadCounterError(
            "DELETE_OUTPUT_DIRECTORY (or -d) would delete the images in "
            f"{settings['OUTPUT_PATH']}. Nothing was done. Take it out of the settings; pelican-quickstart writes it "
            "into publishconf.py."
        )
    if not is_wanted(settings):
        # Pelican loads every plugin that is installed, for every site, unless PLUGINS names some.
        logger.warning(
            "The download counter does nothing, since the settings have no DOWNLOAD_COUNTER. "
            "Give it one, or name the plugins of this site in PLUGINS."
        )
        return
    counter = settings_of(settings)
    settings["TIMEZONE"] = time_zone(settings.get("TIMEZONE")).key
    if "web_root" not in settings["DOWNLOAD_COUNTER"]:
        _make_output(output)
    # A sub-site comes while the run of its main site, which was checked, is under way.
    elif not runs and not Path(os.path.abspath(counter.web_root)).is_relative_to(output):
        raise DownloadCounterError(
            f"DOWNLOAD_COUNTER['web_root'] is {str(counter.web_root)!r}, but must be OUTPUT_PATH ({output}) or lie "
            "below it: pages link to the files by relative addresses. It may be a link to a folder elsewhere."
        )
    for excludes in ("ARTICLE_EXCLUDES", "PAGE_EXCLUDES"):
        if counter.notes not in settings[excludes]:
            settings[excludes] = [*settings[excludes], counter.notes]
    own = [Path(folder) for folder in settings.get("THEME_TRANSLATIONS_OVERRIDES", ())]
    for problem in compile_translations(Path(settings["THEME"]), own):
        logger.warning("%s", problem)
    if not runs:
        _name_untranslated(settings)


def _name_untranslated(settings: Mapping[str, Any]) -> None:
    """Say which languages of the site the theme has no words in."""
    if "jinja2.ext.i18n" not in settings["JINJA_ENVIRONMENT"].get("extensions", ()):
        return
    for language in (settings["DEFAULT_LANG"], *settings.get("I18N_SUBSITES", ())):
        words = find_catalogue("messages", os.path.join(settings["THEME"], "translations"), [language])
        if words is None and language != settings.get("I18N_TEMPLATES_LANG", language):
            logger.warning("The theme has no words in the language %s, so its pages have the English ones.", language)


def _make_output(output: Path) -> None:
    """Make the output folder for a first build, as Pelican does, readable by the web server under any umask."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.mkdir(FOLDER_MODE)
        output.chmod(FOLDER_MODE)
    except FileExistsError:
        return  # what is wrong with it, if anything, the scan says
    except OSError as error:
        raise DownloadCounterError(f"OUTPUT_PATH {output} cannot be made: {explain(error)}.") from error


def _equip(generator: Generator) -> None:
    """Give a generator's templates the filters in its site's language, and the partial templates.

    A site's own filters and templates of the same name come first.
    """
    settings = generator.settings
    if not is_wanted(settings):
        return
    ours = filters(settings["DEFAULT_LANG"], settings.get("TIMEZONE") or "UTC")
    generator.env.filters.update({**ours, **settings["JINJA_FILTERS"]})
    generator.env.bytecode_cache = current().templates
    generator.env.loader = ChoiceLoader([generator.env.loader, FileSystemLoader(TEMPLATES)])


# What Pelican says of a text that a sub-site does not have in its language. A site in several languages may be so.
_UNTRANSLATED = "There are %s original (not translated) items"

# What it says, with a traceback, of a theme without words in a language; `_name_untranslated` says it in a sentence.
_NO_WORDS = "Cannot find translations for language"

# What Pelican says of a text that cannot be read, in each language and without the reason.
_UNREAD = "Could not process %s"


class _Quiet(logging.Filter):
    """Lets an error be the sentence it is: Pelican's own handler prints the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = str(record.msg)
        if said.startswith(_NO_WORDS) or (said.startswith(_UNTRANSLATED) and runs and len(current().languages) > 1):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if said.startswith(_UNREAD) and runs and isinstance(record.args, tuple):
            text = str(record.args[0])
            if text in current().unread:
                return False
            current().unread.add(text)
            record.msg = "The text %s cannot be read (%s). Its page stays as it was."
            why = sys.exc_info()[1]
            record.exc_info, record.args = None, (text, explain(why) if isinstance(why, OSError) else why)
        if record.levelno == logging.CRITICAL:
            error = error or sys.exc_info()[1]  # Pelican before 4.12 says what it caught, without handing it on
        if isinstance(error, TemplateError):
            error = template_problem(error, "while the pages were made")
        if isinstance(error, DownloadCounterError):
            record.exc_info, record.msg, record.args = None, "%s", (error,)
        return True


def _quieten(log: logging.Logger, *, debug: bool) -> None:
    if not debug and not any(isinstance(one, _Quiet) for one in log.filters):
        log.addFilter(_Quiet())


def _begin(pelican: Any) -> type[Generator] | None:
    """Begin a run, unless this is a sub-site of the one that is under way."""
    if not is_wanted(pelican.settings):
        return None
    root = Path(os.path.abspath(pelican.output_path))
    if not runs or runs[-1].root == root or not root.is_relative_to(runs[-1].root):
        runs.clear()  # what is left of a build that failed, when pages are rebuilt or another site is built
        settings = settings_of(pelican.settings)
        languages = (pelican.settings["DEFAULT_LANG"], *pelican.settings.get("I18N_SUBSITES", ()))
        runs.append(Run(root, settings, Publication(root, settings), languages))
    return DownloadsGenerator


def _leave_out_other_languages(generator: Generator, metadata: dict[str, Any]) -> None:
    """Leave out a text in a language that the site does not have; i18n_subsites would stop at it."""
    if not is_wanted(generator.settings) or "I18N_SUBSITES" not in generator.settings:
        return
    language = metadata.get("lang") or generator.settings["DEFAULT_LANG"]
    if language not in current().languages:
        metadata["status"] = "skip"
        logger.info("Left out, since the site has no language %s: %s", language, metadata.get("title"))


def _note_unread(generators: Sequence[Generator]) -> None:
    """Note the texts, and the folders of texts, that could not be read: pages that are not made may be theirs."""
    if not generators or not is_wanted(generators[0].settings):
        return
    unread, one = current().unread, generators[0]
    texts: Mapping[str, object] = one.context["generated_content"]
    unread.update(path for path, text in texts.items() if text is None)
    errors: list[OSError] = []
    for folder in (*one.settings["PAGE_PATHS"], *one.settings["ARTICLE_PATHS"]):
        for _ in os.walk(Path(one.path, folder), onerror=errors.append):
            pass
    for error in errors:
        if error.errno != errno.ENOENT and error.filename not in unread:
            unread.add(error.filename)
            logger.warning(
                "The folder %s cannot be read: %s. Its pages stay as they were.", error.filename, explain(error)
            )


def _writer(pelican: Any) -> type[WholeWriter] | None:
    if not is_wanted(pelican.settings):
        return None
    # Other plugins write their files into it before the pages are put there.
    current().publication.make_folder(pelican.output_path)
    return type("WholeWriter", (WholeWriter,), {"publication": current().publication})


def _finish(pelican: Any) -> None:
    """Put the pages in place when the main site is through; sub-sites come before it."""
    if not is_wanted(pelican.settings):
        return
    run = current()
    if Path(os.path.abspath(pelican.output_path)) == run.root:
        # With links to static files, Pelican writes these by itself.
        run.publication.put(remove_old=not (pelican.settings["STATIC_CREATE_LINKS"] or run.unread))
        runs.clear()
