"""The newest images for feed readers (Atom, RFC 4287), and all of them for programs (JSON)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, uuid5

from feedgenerator import Atom1Feed, Enclosure
from markupsafe import Markup

from ..errors import printable
from .filters import filters
from .images import SiteImage

FEED = "feeds/images.atom.xml"
FEED_JSON = "feeds/images.json"
FEED_ITEMS = 20


class _Feed(Atom1Feed):  # type: ignore[misc]  # feedgenerator has no types
    """Atom that names the feeds in the other languages."""

    def add_root_elements(self, handler: Any) -> None:
        super().add_root_elements(handler)
        for language, address in self.feed["others"].items():
            handler.addQuickElement(
                "link", "", {"rel": "alternate", "type": "application/atom+xml", "hreflang": language, "href": address}
            )


def feed_of(settings: Mapping[str, Any], images: Sequence[SiteImage], feeds: Mapping[str, str]) -> bytes:
    """Make the Atom feed of the newest images; an entry leads to the image's place on the page, not to its file.

    Images come newest first; `feeds` has the address of the feed in each language of the site.
    """
    site = _root(settings)
    language = settings["DEFAULT_LANG"]
    feed = _Feed(
        title=settings["SITENAME"],
        link=site,
        feed_url=urljoin(site, FEED),
        feed_guid=_atom_id(urljoin(site, FEED)),
        description=settings.get("SITESUBTITLE") or settings["SITENAME"],
        author_name=settings.get("AUTHOR") or settings["SITENAME"],
        language=language,
        others={other: address for other, address in feeds.items() if other != language},
    )
    filesize = filters(language, settings.get("TIMEZONE") or "UTC")["filesize"]
    for image in images[:FEED_ITEMS]:
        file, name = urljoin(site, image.url), printable(image.name)
        feed.add_item(
            title=f"{image.label} ({name})" if image.label else name,
            link=urljoin(site, image.place),
            # The id is that of former versions, whose entries led to the file: readers do not see it twice.
            unique_id=_atom_id(file),
            description=_summary(image, filesize(image.size)),
            pubdate=image.date,
            updateddate=image.date,
            enclosures=[Enclosure(file, str(image.size), "application/octet-stream")],
        )
    return str(feed.writeString("utf-8")).encode()


def _summary(image: SiteImage, size: str) -> str:
    facts = [size, image.arch, *(f"{one.kind.upper()} {one.digest}" for one in image.digests[:1])]
    text = (image.note or Markup("")) + Markup("<p>{}</p>").format(" · ".join(fact for fact in facts if fact))
    if image.news:
        text += Markup('<p><a href="{0}">{0}</a></p>').format(image.news)
    return str(text)


def json_of_images(settings: Mapping[str, Any], images: Sequence[SiteImage]) -> list[dict[str, Any]]:
    """Return the images as data for programs: what the public page says of them, without words of the site."""
    site = _root(settings)
    return [
        {
            "name": printable(image.name),
            "title": image.title,
            "series": image.series or None,
            "version": image.version or None,
            "architecture": image.arch or None,
            "status": image.status or None,
            "size": image.size,
            "date": image.date.isoformat(),
            "url": urljoin(site, image.url),
            "page": urljoin(site, image.place),
            "digests": {one.kind: one.digest for one in image.digests},
            "companions": {one.name: urljoin(site, one.url) for one in image.companions},
            "news": image.news or None,
        }
        | ({"downloads": image.downloads.started} if image.downloads is not None else {})
        for image in images
    ]


def _root(settings: Mapping[str, Any]) -> str:
    return str(settings["SITEURL"]).rstrip("/") + "/"


def _atom_id(link: str) -> str:
    # RFC 4287 section 4.2.6: an IRI that never changes, whatever host serves the site.
    return uuid5(NAMESPACE_URL, link).urn
