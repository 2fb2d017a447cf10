"""The images as a site shows them: with the notes on them, in its language."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import asdict, replace
from pelican.contents import Page
from pelican.generators import Generator

from ..catalogue import Companion, Image, natural
from ..names import Name, name_in
from ..settings import SIGNATURES, Settings
from .filters import clean
from .report import Figure
from .run import logger

# What a note may say of an image. "previous" is also what an older version of a current image becomes.
STATUSES = ("recommended", "current", "previous", "test", "archive")

# What names say of images that no note speaks of.
_ARCHIVE = re.compile(r"archives?|old(er)?|obsolete|attic|history|anciens?|anciennes?", re.IGNORECASE)
_TEST = re.compile(
    r"(?<![a-z])(alpha|beta|rc|test(ing)?|daily|nightly|preview|snapshot|dev)[-_. ]?\d*(?![a-z])", re.IGNORECASE
)
# Both are unbroken; SHA-256 comes first because its commands are half as long.
_STRONGEST = ("sha256", "sha512", "sha1", "md5")


class SiteImage(Image, frozen=True):
    """An image as a site shows it: in its language, with URLs relative to that site's root.

    In a template, a link is `{{ SITEURL }}/{{ image.url }}`, and a name is shown with the filter `printable`. What a
    note does not say is taken from the file's name.
    """

    downloads: Figure | None = None  # of all time, if the setting `show_counts` is on; else None
    title: str | None = None  # from the note that matches; None without one
    note: Markup | None = None  # the note's HTML, cleaned of what could do harm; None without one
    series: str = ""  # what its versions have in common, such as "Noble"; "" if not known
    version: str = ""  # such as "24.04.3"; "" if not known
    arch: str = ""  # the processor, such as "amd64"; "" if not known
    status: str = ""  # one of STATUSES, or "" if nothing is known; "previous" means that a newer version is there
    for_whom: str = ""  # whose computer it suits, in a few words; "" if the note does not say
    needs: tuple[str, ...] = ()  # what it needs, or has, one short text each
    news: str = ""  # address of the page that says what is new; "" without one
    ends: dt.date | None = None  # until when it gets updates; None if the note does not say
    aliases: tuple[str, ...] = ()  # paths below the web root that it had before
    place: str = ""  # address of its entry on the site's pages, relative to the site's root, such as "index.html#a.iso"

    @property
    def anchor(self) -> str:
        """The `id` of its entry. It is part of the address, so it never changes while the file stays in its place."""
        return self.place.partition("#")[2]

    @property
    def label(self) -> str | None:
        """The title with the version, if the title lacks it; None without a title."""
        if self.title is None or not self.version or self.version in self.title:
            return self.title
        return f"{self.title} {self.version}"

    @property
    def digests(self) -> tuple[Companion, ...]:
        """The companions that give a digest, one a kind, the best to check first."""
        by_kind = {one.kind: one for one in reversed(self.companions) if one.digest}
        return tuple(by_kind[kind] for kind in _STRONGEST if kind in by_kind)

    @property
    def signatures(self) -> tuple[Companion, ...]:
        """The signatures of the image or of a list with its digest."""
        return tuple(one for one in self.companions if one.signs and one.kind in SIGNATURES)

    @property
    def key(self) -> Companion | None:
        """The key file for the signatures; None without one."""
        return next((one for one in self.companions if one.kind == "key"), None)


class Note(Struct, frozen=True):
    """A note on images: the patterns of the files that it is about, and what it says."""

    patterns: tuple[str, ...]
    page: Page
    fields: Mapping[str, Any]


def site_images(
    images: Sequence[Image],
    prefix: str,
    notes: Sequence[Note],
    totals: Mapping[str, Figure],
    settings: Settings,
) -> list[SiteImage]:
    """Return the images as a site shows them, in the order that they came in.

    `prefix` is the way from the site's root to the web root as a URL, "" or ending in "/"; `totals` are the downloads
    of each file, of all time.
    """
    shown = []
    meant: set[str] = set()  # a note says it of this very file, not of all that match a pattern
    for image in images:
        pattern, note = _matching(notes, image.file)
        shown_as = {
            "url": prefix + image.url,
            "companions": tuple(replace(one, url=prefix + one.url) for one in image.companions),
            "downloads": totals.get(image.file, Figure()) if settings.show_counts else None,
            "place": f"index.html#{image.url}",
        }
        one = SiteImage(**{**asdict(image), **name_in(image.file, settings.names)._asdict(), **shown_as})
        if note:
            title = clean(note.page.title).striptags() if hasattr(note.page, "title") else None
            one = replace(one, title=title, note=clean(note.page.content), **note.fields)
        if one.status and not re.search(r"[*?[]", pattern):
            meant.add(one.file)
        else:
            one = replace(one, status=_status(one))
        shown.append(one)
    return _without_rivals(shown, meant)


def recommended(images: Iterable[SiteImage]) -> SiteImage | None:
    """Return the image to show first: what a note recommends; else the newest that is no test and no old one.

    Of a release for several processors, that for amd64.
    """
    for wanted in (("recommended",), ("current", ""), ("test",), STATUSES):
        found = [image for image in images if image.status in wanted]
        if found:
            newest = max(found, key=lambda image: image.date)
            twins = [image for image in found if (image.series, image.version) == (newest.series, newest.version)]
            return next((image for image in twins if image.arch == "amd64"), newest)
    return None


def other_architecture(images: Iterable[SiteImage], first: SiteImage) -> SiteImage | None:
    """Return the image for those whose computer cannot run the first one; None if there is none.

    One with a `For:` in its note comes first, then one of the same series, then the newest.
    """
    found = [
        image
        for image in images
        if image.arch and first.arch and image.arch != first.arch and image.status in ("recommended", "current")
    ]
    return max(found, key=lambda one: (bool(one.for_whom), one.series == first.series, one.date), default=None)


def _status(image: SiteImage) -> str:
    """What folder and name say; else what a note says of all that match its pattern."""
    if any(_ARCHIVE.fullmatch(part) for part in image.folder.split("/")):
        return "archive"
    return "test" if _TEST.search(image.name) else image.status


def _without_rivals(images: list[SiteImage], meant: set[str]) -> list[SiteImage]:
    """Make older versions of what is recommended or current "previous", and the newest of several "current"."""
    groups: dict[tuple[str, str], list[SiteImage]] = {}
    for image in images:
        if image.series and image.file not in meant and image.status in ("recommended", "current", ""):
            groups.setdefault((image.series.casefold(), image.arch), []).append(image)
    status: dict[str, str] = {}
    for group in groups.values():
        newest, *older = sorted(group, key=lambda one: (natural(one.version), one.date), reverse=True)
        status.update((image.file, "previous") for image in older)
        if older and not newest.status:
            status[newest.file] = "current"
    return [replace(image, status=status.get(image.file, image.status)) for image in images]


def read_notes(generator: Generator, folder: str) -> list[Note]:
    """Read the notes in the site's language."""
    notes = []
    for path in sorted(generator.get_files([folder])):
        try:
            note = generator.readers.read_file(
                base_path=generator.path, path=path, content_class=Page, context=generator.context
            )
        except Exception as error:  # noqa: BLE001  (a reader raises what it likes)
            logger.warning("The note %s cannot be read (%s); no image shows it.", path, error)
            continue
        patterns = tuple(_items(note.metadata.get("files", ""), ","))
        if not patterns:
            logger.warning("The note %s has no Files: in its metadata; no image shows it.", path)
        if note.lang == generator.settings["DEFAULT_LANG"]:
            notes.append(Note(patterns, note, _fields(note.metadata, path)))
    return notes


def _fields(metadata: Mapping[str, object], path: str) -> dict[str, Any]:
    """Read what a note says about its images; what cannot be understood is said and left out."""
    said = {key: _text(metadata[key]) for key in ("series", "version", "arch") if metadata.get(key)}
    fields: dict[str, Any] = dict(said)
    if whom := _text(metadata.get("for", "")):
        fields["for_whom"] = whom
    if needs := _items(metadata.get("needs", ""), ";"):
        fields["needs"] = tuple(needs)
    if aliases := _items(metadata.get("alias", ""), ","):
        fields["aliases"] = tuple(aliases)
    if status := _text(metadata.get("status", "")).lower():
        if status in STATUSES:
            fields["status"] = status
        elif status != "published":  # Pelican's own, where the note says nothing
            logger.warning("The note %s has Status: %s; it may be %s.", path, status, ", ".join(STATUSES))
    if news := _text(metadata.get("news", "")):
        if urlsplit(news).scheme in ("http", "https", ""):
            fields["news"] = news
        else:
            logger.warning("The note %s has News: %s; it must be the address of a page.", path, news)
    if ends := _text(metadata.get("ends", "")):
        try:
            fields["ends"] = dt.date.fromisoformat(ends if len(ends) > len("2029-04") else f"{ends}-01")
        except ValueError:
            logger.warning("The note %s has Ends: %s; it must be a date such as 2029-04-30 or 2029-04.", path, ends)
    return fields


def name_of(file: str, notes: Sequence[Note], patterns: Iterable[str] = ()) -> Name:
    """Return series, version and processor of a file, there or gone, as its note says, or else its name."""
    told = name_in(file, patterns)
    note = _matching(notes, file)[1]
    return told._replace(**{key: note.fields[key] for key in Name._fields if key in note.fields}) if note else told


def aliases_of(images: Iterable[Image], notes: Sequence[Note]) -> dict[str, str]:
    """Return the names that images had before, each with the name now, as their notes say."""
    found = {}
    for image in images:
        note = _matching(notes, image.file)[1]
        found.update(dict.fromkeys(note.fields.get("aliases", ()) if note else (), image.file))
    return found


def _text(value: object) -> str:
    """One line of a note's metadata; Pelican gives several lines as a list."""
    return " ".join(map(str, value)).strip() if isinstance(value, list | tuple) else str(value).strip()


def _items(value: object, separator: str) -> list[str]:
    lines = value if isinstance(value, list | tuple) else [value]
    return [item.strip() for line in lines for item in str(line).split(separator) if item.strip()]


def _matching(notes: Sequence[Note], file: str) -> tuple[str, Note | None]:
    """The note whose pattern matches a file, and that pattern; the longest pattern says most."""
    found: tuple[str, Note | None] = ("", None)
    name = file.rpartition("/")[2]
    for note in notes:
        for pattern in note.patterns:
            if len(pattern) > len(found[0]) and (fnmatchcase(name, pattern) or fnmatchcase(file, pattern)):
                found = pattern, note
    return found
