"""The images in the web root, found by looking: names, sizes, dates, companions, digests.

Nothing here is trusted: names may hold any byte but `/` and NUL, a companion may be a link to
somewhere else, a checksums file may be a gigabyte. Nothing is opened but small plain files.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

from .errors import DownloadCounterError
from .safe_files import explain, read_plain

# A checksums file is a line or a few; what is longer is not read (bytes).
_LONGEST_DIGEST_FILE = 1 << 16

# Hexadecimal digits of each kind of digest.
_DIGEST_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


@dataclass(frozen=True)
class Companion:
    """A file that lies beside an image and belongs to it.

    Attributes:
        kind: its ending without the dot, such as "sha256" or "torrent".
        file: its path below the web root.
        name: the last part of that.
        url: the path, percent-encoded.
        size: bytes.
        digest: the digest it gives for the image, in lower case; None if it gives none.
    """

    kind: str
    file: str
    name: str
    url: str
    size: int
    digest: str | None


@dataclass(frozen=True)
class Image:
    """An image in the web root.

    Attributes:
        file: its path below the web root, with `/` between the parts; bytes that are not UTF-8
            as surrogate escapes.
        name: the last part of that.
        folder: the rest of that, "" for the web root itself.
        url: the path, percent-encoded.
        size: bytes.
        date: when it was last written (the upload), in the site's time zone.
        companions: in the order of the settings.
    """

    file: str
    name: str
    folder: str
    url: str
    size: int
    date: datetime
    companions: tuple[Companion, ...]


def scan(
    web_root: Path,
    extensions: Sequence[str],
    companions: Sequence[str],
    zone: tzinfo | None = None,
) -> tuple[list[Image], list[str]]:
    """Return the images below a folder, newest first, and sentences about what was passed over.

    Hidden folders and files are left out, and links that lead out of the web root.

    Args:
        web_root: the folder that the web server serves.
        extensions: endings of images, lower case.
        companions: endings added to an image's name.
        zone: the zone for dates; None is the machine's.

    Raises:
        DownloadCounterError: the web root itself cannot be listed.
    """
    try:
        os.scandir(web_root).close()
        root = web_root.resolve(strict=True)
    except OSError as error:
        raise DownloadCounterError(
            f"The web root {web_root} cannot be listed: {explain(error)}. "
            "Check WEB_ROOT; it must be the folder that the web server serves."
        ) from error
    problems: list[str] = []
    images: list[Image] = []
    for folder, entries in _folders(root, problems):
        for name, entry in entries.items():
            if not name.lower().endswith(tuple(extensions)):
                continue
            status = _plain_file(entry, root, problems)
            if status is None:
                continue
            file = f"{folder}/{name}" if folder else name
            beside = [
                _companion(entries[name + ending], ending, file, root, problems)
                for ending in companions
                if name + ending in entries
            ]
            images.append(
                Image(
                    file=file,
                    name=name,
                    folder=folder,
                    url=quote_file(file),
                    size=status.st_size,
                    date=datetime.fromtimestamp(status.st_mtime, zone).astimezone(zone),
                    companions=tuple(one for one in beside if one is not None),
                )
            )
    images.sort(key=lambda image: (-image.date.timestamp(), image.file))
    return images, problems


def quote_file(file: str) -> str:
    """Return a file's path as a relative URL, byte for byte (RFC 3986 section 2.1)."""
    return quote(os.fsencode(file))


def _folders(root: Path, problems: list[str]) -> Iterator[tuple[str, dict[str, "os.DirEntry[str]"]]]:
    """Give each folder that is not hidden, its path below the root, and what is in it by name."""
    waiting = [(root, "")]
    seen: set[tuple[int, int]] = set()
    while waiting:
        path, folder = waiting.pop()
        try:
            with os.scandir(path) as listing:
                entries = {e.name: e for e in listing if not e.name.startswith(".")}
            status = path.stat()
        except OSError as error:
            problems.append(f"The folder {path} cannot be read: {explain(error)}. The rest is listed.")
            continue
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above it
            continue
        seen.add((status.st_dev, status.st_ino))
        yield folder, entries
        for name, entry in sorted(entries.items(), reverse=True):
            try:
                below = entry.is_dir() and _inside(entry, root, problems)
            except OSError:
                continue
            if below:
                waiting.append((Path(entry.path), f"{folder}/{name}" if folder else name))


def _inside(entry: "os.DirEntry[str]", root: Path, problems: list[str]) -> bool:
    if not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(root):
        return True
    problems.append(f"{entry.path} is a link that leads out of the web root; it is not listed.")
    return False


def _plain_file(entry: "os.DirEntry[str]", root: Path, problems: list[str]) -> os.stat_result | None:
    try:
        status = entry.stat()
        if stat.S_ISREG(status.st_mode) and _inside(entry, root, problems):
            return status
    except OSError as error:
        problems.append(f"{entry.path} vanished or cannot be read: {explain(error)}.")
    return None


def _companion(entry: "os.DirEntry[str]", ending: str, file: str, root: Path, problems: list[str]) -> Companion | None:
    status = _plain_file(entry, root, problems)
    if status is None:
        return None
    kind = ending.rpartition(".")[2]
    digest = None
    if kind in _DIGEST_LENGTHS and status.st_size <= _LONGEST_DIGEST_FILE:
        # Links were resolved; on the way that is left none is followed, should one appear there.
        real = Path(os.path.relpath(os.path.realpath(entry.path), root))
        try:
            content = read_plain(root, real, _LONGEST_DIGEST_FILE)
            digest = digest_in(content or b"", kind, os.fsencode(file.rpartition("/")[2]))
        except DownloadCounterError as error:
            problems.append(str(error))
    return Companion(kind, file + ending, entry.name, quote_file(file + ending), status.st_size, digest)


def digest_in(content: bytes, kind: str, name: bytes) -> str | None:
    """Return the digest that a checksums file gives for an image, in lower case.

    The lines are those of md5sum(1) and its kin (`digest  name`, `digest *name`), of their
    `--tag` form (`SHA256 (name) = digest`), or a digest alone. A line for another file counts
    only if no line names the image and it is the only one: admins rename images.

    Args:
        content: the file's bytes.
        kind: a key of the known digests: md5, sha1, sha256, sha512.
        name: the image's file name.
    """
    digits = rb"([0-9A-Fa-f]{%d})" % _DIGEST_LENGTHS[kind]
    plain = re.compile(rb"\\?" + digits + rb"(?:[ \t]+\*?(.*))?")
    tagged = re.compile(rb"[A-Za-z0-9-]+ ?\((.*)\) ?= ?" + digits)
    found: list[tuple[bytes, bytes]] = []
    for line in map(bytes.strip, content.splitlines()):
        if match := plain.fullmatch(line):
            found.append((match[2] or b"", match[1]))
        elif match := tagged.fullmatch(line):
            found.append((match[1], match[2]))
    of_image = [digest for named, digest in found if named.rpartition(b"/")[2] == name]
    chosen = of_image or ([found[0][1]] if len(found) == 1 else [])
    return chosen[0].decode().lower() if chosen else None
