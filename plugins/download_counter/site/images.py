"""The images as a site shows them: with the notes on them, in its language."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from markupsafe import Markup
from pelican.contents import Page
from pelican.generators import Generator

from ..catalogue import Companion, Image
from ..settings import Settings
from .filters import clean
from .report import Figure

logger = logging.getLogger(__name__)


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


def site_image(
    image: Image,
    prefix: str,
    notes: list[tuple[list[str], Page]],
    totals: Mapping[str, Figure],
    settings: Settings,
) -> SiteImage:
    """Return an image as a site shows it.

    Args:
        image: as the scan found it.
        prefix: the way from the site's root to the web root as a URL, "" or ending in "/".
        notes: with their patterns, as `read_notes` gives them.
        totals: the downloads of each file, of all time.
        settings: the checked settings.
    """
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
            Companion(one.kind, one.file, one.name, prefix + one.url, one.size, one.digest) for one in image.companions
        ),
        downloads=totals.get(image.file, Figure()) if settings.show_counts else None,
    )


def read_notes(generator: Generator, folder: str) -> list[tuple[list[str], Page]]:
    """Read the notes in the site's language, with their patterns."""
    notes = []
    for path in sorted(generator.get_files([folder])):
        try:
            note = generator.readers.read_file(
                base_path=generator.path, path=path, content_class=Page, context=generator.context
            )
        except Exception as error:  # noqa: BLE001  (a reader raises what it likes)
            logger.warning("The note %s cannot be read (%s); no image shows it.", path, error)
            continue
        patterns = [one.strip() for one in str(note.metadata.get("files", "")).split(",") if one.strip()]
        if not patterns:
            logger.warning("The note %s has no Files: in its metadata; no image shows it.", path)
        if note.lang == generator.settings["DEFAULT_LANG"]:
            notes.append((patterns, note))
    return notes


def _matching(notes: list[tuple[list[str], Page]], image: Image) -> Page | None:
    """The note whose pattern matches an image; the longest pattern says most."""
    found = [
        (len(pattern), note)
        for patterns, note in notes
        for pattern in patterns
        if fnmatchcase(image.name, pattern) or fnmatchcase(image.file, pattern)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None
