"""What the public page lists, and on which pages: computed here, so that templates only draw."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from shlex import quote

from markupsafe import escape
from msgspec import Struct
from msgspec.structs import replace

from ..catalogue import natural
from .images import SiteImage, other_architecture, recommended

# Bytes of HTML that the rows of one page may take, as `_weight` estimates them.
_PAGE = 100_000
# With more folders than this, several go onto one page.
_MOST_FOLDERS = 80
_MOST_CARDS = 6


class ImagePage(Struct, frozen=True):
    """A page of its own for the images of a folder, or of several, or a part of one."""

    url: str  # relative to the site's root, such as "images/archives-2024.html"
    # Pairs of a folder and its images on this page, in natural order.
    folders: tuple[tuple[str, tuple[SiteImage, ...]], ...]
    part: int  # 1, or more for a folder that goes on from the page before

    @property
    def count(self) -> int:
        """How many images it has."""
        return sum(len(images) for _, images in self.folders)


class Listing(Struct, frozen=True):
    """What the public page shows."""

    first: SiteImage | None  # the recommended image; None without any image
    other: SiteImage | None  # the one for another processor; None without one
    cards: tuple[SiteImage, ...]  # the images whose notes say for whom they are
    table: tuple[SiteImage, ...]  # the images of the table, by series, newest version first
    archive: tuple[SiteImage, ...]  # old images, for a folded table. Empty if `pages` has them.
    # All images again, on a page a folder, when they are too many for one page; else empty.
    pages: tuple[ImagePage, ...]
    count: int  # how many images there are


def listing(images: Sequence[SiteImage]) -> Listing:
    """Return what the public page shows; no page of it gets longer than a visitor's patience."""
    first = recommended(images)
    other = other_architecture(images, first) if first else None
    pages = _pages(images) if sum(map(_weight, images)) > _PAGE else ()
    archive = _in_order(image for image in images if image.status == "archive")
    table = _in_order(image for image in images if image.status != "archive")
    if pages:
        table, archive = _fitting([image for image in table if image.status != "previous"], _PAGE // 2), []
    # Only what fits a computer of today; the same words twice are one card, for the newest.
    cards = {image.for_whom: image for image in reversed(table) if image.for_whom and image.status != "previous"}
    return Listing(
        first,
        other,
        tuple(sorted(cards.values(), key=lambda one: one != first))[:_MOST_CARDS],
        tuple(table),
        tuple(archive),
        pages,
        len(images),
    )


def placed(images: Sequence[SiteImage]) -> list[SiteImage]:
    """Return the images with the places where `listing` puts them."""
    if sum(map(_weight, images)) <= _PAGE:
        return list(images)
    places = {
        image.file: f"{page.url}#{image.anchor}"
        for page in _pages(images)
        for _, entries in page.folders
        for image in entries
    }
    return [replace(image, place=places[image.file]) for image in images]


def _in_order(images: Iterable[SiteImage]) -> list[SiteImage]:
    """Sort by series, that with the newest image first; in it by version, newest first; last the tests."""
    found = list(images)
    newest: dict[tuple[bool, str], float] = {}
    for image in found:
        key = (image.status == "test", _group(image))
        newest[key] = max(newest.get(key, 0), image.date.timestamp())

    def place(image: SiteImage) -> tuple[object, ...]:
        group = (image.status == "test", _group(image))
        return image.status != "test", newest[group], group, natural(image.version), image.date.timestamp()

    return sorted(sorted(found, key=lambda image: natural(image.file)), key=place, reverse=True)


def _group(image: SiteImage) -> str:
    return image.series.casefold() or (image.title or image.name).casefold()


def _pages(images: Sequence[SiteImage]) -> tuple[ImagePage, ...]:
    """Put all images onto pages, in natural order: the same in each language, whatever its notes say."""
    ordered = sorted(images, key=lambda image: (natural(image.folder), image.folder, natural(image.name), image.name))
    folders = [(folder, list(entries)) for folder, entries in groupby(ordered, key=lambda image: image.folder)]
    packed: list[list[tuple[str, tuple[SiteImage, ...]]]] = []
    room = 0
    for folder, entries in folders:
        if len(folders) <= _MOST_FOLDERS:
            room = 0
        done = 0
        while done < len(entries):
            part = _fitting(entries[done:], room)
            if not part:
                packed.append([])
                room = _PAGE
                part = _fitting(entries[done:], room) or entries[done : done + 1]
            packed[-1].append((folder, tuple(part)))
            room -= sum(map(_weight, part))
            done += len(part)
    return tuple(_page(folders_of_page, packed[:number]) for number, folders_of_page in enumerate(packed))


def _page(
    folders: list[tuple[str, tuple[SiteImage, ...]]], before: list[list[tuple[str, tuple[SiteImage, ...]]]]
) -> ImagePage:
    slug = _slug(folders[0][0])
    same = sum(_slug(one[0][0]) == slug for one in before)
    part = sum(one[0][0] == folders[0][0] for one in before) + 1
    return ImagePage(f"images/{slug}{f'-{same + 1}' if same else ''}.html", tuple(folders), part)


def _slug(folder: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:80] or "main"


def _fitting(images: Sequence[SiteImage], room: int) -> list[SiteImage]:
    """The images from the first on whose rows fit into so many bytes."""
    found = []
    for image in images:
        room -= _weight(image)
        if room < 0:
            break
        found.append(image)
    return found


def _weight(image: SiteImage) -> int:
    """About how many bytes of HTML a row takes; too many rather than too few."""
    shown, quoted = len(escape(image.name)), len(escape(quote(image.name)))
    return 900 + 4 * len(image.url) + 3 * shown + 4 * quoted + 250 * len(image.companions)
