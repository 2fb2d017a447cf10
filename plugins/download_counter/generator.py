"""Pelican: ingest before the build, fill the context, and write what is no page.

The context variables are documented where they are made: `DownloadsGenerator.generate_context`
for their names, `SiteImage` and `report.Report` for what they hold.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from feedgenerator import Atom1Feed, Enclosure
from jinja2 import ChoiceLoader, FileSystemLoader, TemplateError
from markupsafe import Markup
from pelican import signals
from pelican.contents import Page
from pelican.generators import Generator, StaticGenerator

from .catalogue import Companion, Image, scan
from .display import clean, filters, printable
from .errors import DownloadCounterError
from .files import FOLDER_MODE, explain, lock
from .history import COUNTS, LOCK, History, load, to_json
from .ingest import ingest
from .logs import NoLogs
from .report import (
    Figure,
    Report,
    badge,
    csv_of_days,
    csv_of_months,
    json_of,
    report,
)
from .settings import STATS_FOLDER, Settings, check
from .translations import compile_translations
from .writer import Publication, WholeWriter, template_problem

logger = logging.getLogger(__name__)

FEED = "feeds/images.atom.xml"
FEED_ITEMS = 20
# Not in .stats/: a badge is linked to, and .stats/ is not.
BADGES = "feeds/badges"

# Partial templates for sites that have a theme of their own.
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class SiteImage:
    """An image as a site shows it: in its language, with URLs relative to that site's root.

    In a template, a link is `{{ SITEURL }}/{{ image.url }}`.

    Attributes:
        file: its path below the web root.
        name: the last part of that; show it with the filter `printable`.
        folder: the rest of that, "" for the web root itself.
        url: percent-encoded.
        size: bytes.
        date: the upload, in the site's time zone.
        title: from the note that matches; None without one.
        note: the note's HTML, cleaned of what could do harm; None without one.
        companions: the files beside it.
        downloads: of all time, if the setting `show_counts` is on; else None.
    """

    file: str
    name: str
    folder: str
    url: str
    size: int
    date: datetime
    title: str | None
    note: Markup | None
    companions: tuple[Companion, ...]
    downloads: Figure | None


@dataclass
class _Run:
    """One run of Pelican, over the main site and its sub-sites: ingest once, scan once.

    The data files are a publication of their own where the web root lies below the output, since
    the way there may be a link.
    """

    root: Path
    settings: Settings
    publication: Publication
    data: Publication
    images: list[Image] = field(default_factory=list)
    history: History | None = None


# The run under way. Pelican's signals and generators have nothing else in common.
_runs: list[_Run] = []


def connect() -> None:
    """Connect to Pelican's signals."""
    signals.initialized.connect(_check)
    signals.generator_init.connect(_equip)
    signals.get_generators.connect(_begin)
    signals.get_writer.connect(_writer)
    signals.static_generator_init.connect(_take_static)
    signals.finalized.connect(_finish)


def _check(pelican: Any) -> None:
    """Check the settings, before anything is read or written."""
    settings = pelican.settings
    _quieten(logging.getLogger("pelican"), debug=bool(settings.get("DEBUG")))
    output = Path(os.path.abspath(settings["OUTPUT_PATH"]))
    if settings.get("DELETE_OUTPUT_DIRECTORY") and (_is_wanted(settings) or (output / COUNTS).exists()):
        raise DownloadCounterError(
            "DELETE_OUTPUT_DIRECTORY (or -d) would delete the images in "
            f"{settings['OUTPUT_PATH']}. Nothing was done; take it out of the settings."
        )
    if not _is_wanted(settings):
        # Pelican loads every plugin that is installed, for every site, unless PLUGINS names some.
        logger.warning(
            "The download counter does nothing, since the settings have no DOWNLOAD_COUNTER. "
            "Give it one, or name the plugins of this site in PLUGINS."
        )
        return
    counter = settings_of(settings)
    if "web_root" not in settings["DOWNLOAD_COUNTER"]:
        _make_output(output)
    # A sub-site comes while the run of its main site, which was checked, is under way.
    elif not _runs and not Path(os.path.abspath(counter.web_root)).is_relative_to(output):
        raise DownloadCounterError(
            f"DOWNLOAD_COUNTER['web_root'] is {str(counter.web_root)!r}, but must be OUTPUT_PATH ({output}) or lie "
            "below it: pages link to the files by relative addresses. It may be a link to a folder elsewhere."
        )
    for excludes in ("ARTICLE_EXCLUDES", "PAGE_EXCLUDES"):
        if counter.notes not in settings[excludes]:
            settings[excludes] = [*settings[excludes], counter.notes]
    compile_translations(Path(settings["THEME"]))


def _is_wanted(settings: Mapping[str, Any]) -> bool:
    return "DOWNLOAD_COUNTER" in settings


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


def settings_of(settings: Mapping[str, Any]) -> Settings:
    """Return the plugin's checked settings out of Pelican's; the web root is OUTPUT_PATH.

    Raises:
        DownloadCounterError: as `settings.check`.
    """
    raw = settings["DOWNLOAD_COUNTER"]
    return check({"web_root": settings["OUTPUT_PATH"], **raw} if isinstance(raw, Mapping) else raw)


def _equip(generator: Generator) -> None:
    """Give a generator's templates the filters in its site's language, and the partial templates.

    A site's own filters and templates of the same name come first.
    """
    settings = generator.settings
    if not _is_wanted(settings):
        return
    ours = filters(settings["DEFAULT_LANG"], settings.get("TIMEZONE") or "UTC")
    generator.env.filters.update({**ours, **settings["JINJA_FILTERS"]})
    generator.env.loader = ChoiceLoader([generator.env.loader, FileSystemLoader(TEMPLATES)])


class _Quiet(logging.Filter):
    """Lets an error be the sentence it is: Pelican's own handler prints the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
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
    if not _is_wanted(pelican.settings):
        return None
    root = Path(os.path.abspath(pelican.output_path))
    if not _runs or _runs[-1].root == root or not root.is_relative_to(_runs[-1].root):
        _runs.clear()  # what is left of a build that failed, when pages are rebuilt or another site is built
        settings = settings_of(pelican.settings)
        pages = Publication(root, settings)
        data = pages if settings.web_root == root else Publication(settings.web_root, settings)
        _runs.append(_Run(root, settings, pages, data))
    return DownloadsGenerator


def _writer(pelican: Any) -> type[WholeWriter] | None:
    if not _is_wanted(pelican.settings):
        return None
    return type("WholeWriter", (WholeWriter,), {"publication": _current().publication})


def _current() -> _Run:
    return _runs[-1]


def _finish(pelican: Any) -> None:
    """Put the pages in place when the main site is through; sub-sites come before it."""
    if not _is_wanted(pelican.settings):
        return
    run = _current()
    if Path(os.path.abspath(pelican.output_path)) == run.root:
        run.publication.put()
        if run.data is not run.publication:
            run.data.put()
        _runs.clear()


def _take_static(generator: StaticGenerator) -> None:
    """Have static files published like pages; Pelican would copy them over the live ones."""
    if _is_wanted(generator.settings) and not generator.settings["STATIC_CREATE_LINKS"]:
        generator.generate_output = lambda _writer: _publish_static(generator)


def _publish_static(generator: StaticGenerator) -> None:
    publication = _current().publication
    output = Path(generator.output_path)
    settings = generator.settings
    for path in settings["THEME_STATIC_PATHS"]:
        source = Path(generator.theme, path)
        for file in _plain_files(source, settings["IGNORE_FILES"]):
            below = file.relative_to(source) if source.is_dir() else Path(file.name)
            _hold_copy(publication, file, output / settings["THEME_STATIC_DIR"] / below)
    for static in generator.context["staticfiles"]:
        # A link in a text, such as {attach}../../x, makes Pelican publish what it leads to.
        source = Path(os.path.abspath(Path(generator.path, static.source_path)))
        if not source.is_relative_to(generator.path):
            raise DownloadCounterError(
                f"{source} is outside of {generator.path}, so it is not published. "
                "A page links to it with {attach} or {static}."
            )
        _hold_copy(publication, source, output / static.save_as)


def _hold_copy(publication: Publication, source: Path, destination: Path) -> None:
    try:
        publication.hold(destination, source.read_bytes())
    except OSError as error:
        raise DownloadCounterError(f"{source} cannot be read: {error.strerror}.") from error


def _plain_files(source: Path, ignored: list[str]) -> Iterator[Path]:
    paths = sorted(source.rglob("*")) if source.is_dir() else [source]
    for path in paths:
        if path.is_file() and not any(fnmatchcase(path.name, pattern) for pattern in ignored):
            yield path


class DownloadsGenerator(Generator):  # type: ignore[misc]  # Pelican has no types
    """Fills the context, and writes the feed and the data files."""

    def generate_context(self) -> None:
        """Put the images and the statistics into the context.

        - `images`: list of `SiteImage`, newest first.
        - `image_folders`: list of (folder, its `SiteImage`s), the newest first in both.
        - `stats`: a `report.Report`.
        - `language`: the language of the site, such as "fr".

        Raises:
            DownloadCounterError: see the modules that do the work.
        """
        run = _current()
        if run.history is None:
            run.history = self._ingest(run)
        zone = ZoneInfo(self.settings.get("TIMEZONE") or "UTC")
        way = os.path.relpath(run.settings.web_root, self.output_path)
        prefix = "" if way == "." else f"{way}/"
        self.stats: Report = report(
            run.history,
            {image.file: prefix + image.url for image in run.images},
            run.settings,
            datetime.now(zone).date(),
            prefix,
        )
        notes = self._notes(run.settings.notes)
        totals = {one.file: one.figure for one in self.stats.files}
        self.images = [self._site_image(image, prefix, notes, totals, run.settings) for image in run.images]
        folders: dict[str, list[SiteImage]] = {}
        for image in self.images:
            folders.setdefault(image.folder, []).append(image)
        self.context["images"] = self.images
        self.context["image_folders"] = list(folders.items())
        self.context["stats"] = self.stats
        self.context["language"] = self.settings["DEFAULT_LANG"]

    def _ingest(self, run: _Run) -> History:
        settings = run.settings
        zone = ZoneInfo(self.settings.get("TIMEZONE") or "UTC")
        run.images, problems = scan(settings.web_root, settings.extensions, settings.companions, zone)
        with lock(settings.web_root, LOCK):
            try:
                outcome = ingest(settings, {image.file: image.size for image in run.images})
                history = outcome.history
                if outcome.read is not None:  # else the ingest of these very logs has said it
                    problems += outcome.warnings
            except NoLogs as error:
                history = load(settings.web_root)
                problems.append(f"{error} The pages show what is known.")
        for problem in problems:
            logger.warning("%s", problem)
        history.open_past()
        return history

    def _site_image(
        self,
        image: Image,
        prefix: str,
        notes: list[tuple[list[str], Page]],
        totals: Mapping[str, Figure],
        settings: Settings,
    ) -> SiteImage:
        note = _matching(notes, image)
        return SiteImage(
            file=image.file,
            name=image.name,
            folder=image.folder,
            url=prefix + image.url,
            size=image.size,
            date=image.date,
            title=clean(note.title).striptags() if note and hasattr(note, "title") else None,
            note=clean(note.content) if note else None,
            companions=tuple(
                Companion(one.kind, one.file, one.name, prefix + one.url, one.size, one.digest)
                for one in image.companions
            ),
            downloads=totals.get(image.file, Figure()) if settings.show_counts else None,
        )

    def _notes(self, folder: str) -> list[tuple[list[str], Page]]:
        """Read the notes in the site's language, with their patterns."""
        notes = []
        for path in sorted(self.get_files([folder])):
            try:
                note = self.readers.read_file(base_path=self.path, path=path, content_class=Page, context=self.context)
            except Exception as error:  # noqa: BLE001  (a reader raises what it likes)
                logger.warning("The note %s cannot be read (%s); no image shows it.", path, error)
                continue
            patterns = [one.strip() for one in str(note.metadata.get("files", "")).split(",") if one.strip()]
            if not patterns:
                logger.warning("The note %s has no Files: in its metadata; no image shows it.", path)
            if note.lang == self.settings["DEFAULT_LANG"]:
                notes.append((patterns, note))
        return notes

    def generate_output(self, _writer: Any) -> None:
        """Write the feed, and with the main site the data files beside the statistics."""
        run = _current()
        output = Path(os.path.abspath(self.output_path))
        run.publication.hold(output / FEED, self._feed())
        if output != run.root or run.history is None:
            return
        stats = run.settings.web_root / STATS_FOLDER
        files = {
            "downloads.csv": csv_of_days(run.history),
            "table.csv": csv_of_months(self.stats),
            "downloads.json": to_json(json_of(run.history, self.stats), indent=None),
        }
        for name, content in files.items():
            run.data.hold(stats / name, content)
        for image in self.images:
            # A name can be too long for one that is longer by ".json" (NAME_MAX): it has no badge.
            if image.downloads is not None and len(os.fsencode(image.name)) + len(".json") <= 255:
                badge_of_image = to_json(badge("downloads", image.downloads))
                run.publication.hold(output / BADGES / f"{image.file}.json", badge_of_image)

    def _feed(self) -> bytes:
        """Make the Atom feed (RFC 4287) of the newest images."""
        settings = self.settings
        site = settings["SITEURL"].rstrip("/") + "/"
        feed = Atom1Feed(
            title=settings["SITENAME"],
            link=site,
            feed_url=urljoin(site, FEED),
            feed_guid=_atom_id(urljoin(site, FEED)),
            description=settings.get("SITESUBTITLE") or settings["SITENAME"],
            author_name=settings.get("AUTHOR") or settings["SITENAME"],
            language=settings["DEFAULT_LANG"],
        )
        for image in self.images[:FEED_ITEMS]:
            link, name = urljoin(site, image.url), printable(image.name)
            feed.add_item(
                title=f"{image.title} ({name})" if image.title else name,
                link=link,
                unique_id=_atom_id(link),
                description=image.note or name,
                pubdate=image.date,
                updateddate=image.date,
                enclosures=[Enclosure(link, str(image.size), "application/octet-stream")],
            )
        return str(feed.writeString("utf-8")).encode()


def _atom_id(link: str) -> str:
    # RFC 4287 section 4.2.6: an IRI that never changes, whatever host serves the site.
    return uuid5(NAMESPACE_URL, link).urn


def _matching(notes: list[tuple[list[str], Page]], image: Image) -> Page | None:
    """The note whose pattern matches an image; the longest pattern says most."""
    found = [
        (len(pattern), note)
        for patterns, note in notes
        for pattern in patterns
        if fnmatchcase(image.name, pattern) or fnmatchcase(image.file, pattern)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None
