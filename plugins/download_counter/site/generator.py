"""Pelican: ingest before the build, fill the context, and write what is no page.

The context variables are documented where they are made: `DownloadsGenerator.generate_context`
for their names, `SiteImage` and `report.Report` for what they hold.
"""

import gc
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from msgspec.structs import replace
from pelican.generators import Generator

from ..catalogue import scan
from ..history.store import LOCK, History, load
from ..history.year import to_json
from ..ingest import ingest
from ..logs.files import NoLogs
from ..safe_files import lock
from ..settings import STATS_FOLDER, time_zone
from .exports import badge, csv_of_days, csv_of_months, json_of
from .feed import FEED, FEED_JSON, feed_of, json_of_images
from .findings import findings
from .images import Note, SiteImage, aliases_of, name_of, read_notes, site_images
from .listing import listing, placed
from .numbers import report
from .pictures import Pictures
from .report import Report
from .run import Run, current, logger
from .years import write_years, year_pages

# The theme's template for the images of a folder, when there are too many for one page.
IMAGE_PAGE = "images"
# Not in .stats/: a badge is linked to, and .stats/ is not.
BADGES = "feeds/badges"


def _said_just_now(before: History) -> tuple[str, ...]:
    # The ends of what `make ingest` has said of logs: a log that is damaged is read again by `make publish`.
    now = datetime.now().astimezone()
    if before.ingested is None or now - before.ingested > timedelta(minutes=1):
        return ()
    return tuple(f"{log.name} {log.problem}." for log in before.logs if log.problem)


class DownloadsGenerator(Generator):  # type: ignore[misc]  # Pelican has no types
    """Fills the context, and writes the feed and the data files."""

    def generate_context(self) -> None:
        """Put the images and the statistics into the context.

        - `images`: list of `SiteImage`, newest first.
        - `image_folders`: list of (folder, its `SiteImage`s), the newest first in both.
        - `listing`: a `listing.Listing`, what the public page shows of them.
        - `signing_key`: the setting `key`: a fingerprint, or "".
        - `stats`: a `report.Report`.
        - `charts`: its `pictures.Pictures`; `findings`: what their titles say, by name.
        - `year_pages`: the years that have a page of their own beside the statistics.
        - `language`: the language of the site, such as "fr".

        Raises:
            DownloadCounterError: see the modules that do the work.
        """
        run = current()
        if run.history is None:
            run.history = self._ingest(run)
        notes = read_notes(self, run.settings.notes)
        if run.report is None:
            # Years of days are a million small tuples without cycles; to look for some takes as long as all else.
            gc.disable()
            run.report = self._report(run, run.history, notes)
            gc.freeze()
            gc.enable()
        way = os.path.relpath(run.settings.web_root, self.output_path)
        prefix = "" if way == "." else f"{way}/"
        self.stats: Report = replace(run.report, data_root=prefix)
        totals = {one.file: one.figure for one in self.stats.files}
        self.images = site_images(run.images, prefix, notes, totals, run.settings)
        # A theme of another site may have no template for more pages. It is not loaded yet: i18n_subsites gives the
        # environment its words later, and a template that was compiled before has none.
        self.has_pages = f"{IMAGE_PAGE}.html" in self.env.list_templates()
        if self.has_pages:
            self.images = placed(self.images)
        folders: dict[str, list[SiteImage]] = {}
        for image in self.images:
            folders.setdefault(image.folder, []).append(image)
        self.context["images"] = self.images
        self.context["image_folders"] = list(folders.items())
        self.listing = listing(self.images)
        self.context["listing"] = self.listing
        self.context["signing_key"] = run.settings.key
        self.context["stats"] = self.stats
        self.context["charts"] = Pictures(self.stats, self.env.filters)
        self.context["findings"] = findings(self.stats)
        self.context["year_pages"] = year_pages(self, self.stats)
        self.context["language"] = self.settings["DEFAULT_LANG"]

    def _report(self, run: Run, history: History, notes: Sequence[Note]) -> Report:
        """The statistics of the run, made once for all languages, with what notes of the first say of series."""
        return report(
            history,
            {image.file: image.date.date() for image in run.images},
            run.settings,
            datetime.now(time_zone(self.settings.get("TIMEZONE"))).date(),
            name_of=lambda file: name_of(file, notes, run.settings.names),
            aliases=aliases_of(run.images, notes),
        )

    def _ingest(self, run: Run) -> History:
        settings = run.settings
        zone = time_zone(self.settings.get("TIMEZONE"))
        run.images, problems = scan(settings.web_root, settings.extensions, settings.companions, zone)
        with lock(settings.web_root, LOCK):
            try:
                before = load(settings.web_root, keep_damaged=False)
                outcome = ingest(settings, {image.file: image.size for image in run.images})
                history = outcome.history
                # What is wrong with a log, the report tells by itself.
                of_logs = tuple(f"{log.problem}." for log in history.logs if log.problem)
                history.warnings = [warning for warning in outcome.warnings if not warning.endswith(of_logs)]
                if outcome.read is not None:  # else the ingest of these very logs has said it
                    said = _said_just_now(before)
                    problems += [warning for warning in outcome.warnings if not warning.endswith(said)]
            except NoLogs as error:
                history = load(settings.web_root)
                history.warnings.append(f"{error} The pages show what is known.")
                problems += history.warnings
        for problem in problems:
            logger.warning("%s", problem)
        return history

    def generate_output(self, writer: Any) -> None:
        """Write the feed, the pages of images and of years, and with the main site the data files."""
        run = current()
        write_years(self, writer, self.stats)
        output = Path(os.path.abspath(self.output_path))
        # The sites in all languages, if the site has several (i18n_subsites).
        sites: dict[str, str] = self.context.get("lang_siteurls", {})
        feeds = {language: urljoin(f"{site}/", FEED) for language, site in sites.items()}
        run.publication.hold(output / FEED, feed_of(self.settings, self.images, feeds))
        for number, page in enumerate(self.listing.pages if self.has_pages else ()):
            writer.write_file(
                page.url,
                self.get_template(IMAGE_PAGE),
                self.context,
                self.settings["RELATIVE_URLS"],
                image_page=page,
                number=number,
            )
        if output != run.root or run.history is None:
            return
        run.publication.hold(output / FEED_JSON, to_json(json_of_images(self.settings, self.images)))
        stats = run.settings.web_root / STATS_FOLDER
        files = {
            "downloads.csv": csv_of_days(run.history),
            "table.csv": csv_of_months(self.stats),
            "downloads.json": to_json(json_of(run.history, self.stats), indent=None),
        }
        for name, content in files.items():
            run.publication.hold(stats / name, content)
        for image in self.images:
            # A name can be too long for one that is longer by ".json" (NAME_MAX): it has no badge.
            if image.downloads is not None and len(os.fsencode(image.name)) + len(".json") <= 255:
                badge_of_image = to_json(badge("downloads", image.downloads))
                run.publication.hold(output / BADGES / f"{image.file}.json", badge_of_image)
