"""The Atom feed (RFC 4287) of the newest images."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, uuid5

from feedgenerator import Atom1Feed, Enclosure

from .filters import printable
from .images import SiteImage

FEED = "feeds/images.atom.xml"
FEED_ITEMS = 20


def feed_of(settings: Mapping[str, Any], images: Sequence[SiteImage]) -> bytes:
    """Make the Atom feed (RFC 4287) of the newest images."""
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
    for image in images[:FEED_ITEMS]:
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
