"""The images in the web root, found by looking: names, sizes, dates, companions, digests.

Nothing here is trusted: names may hold any byte but `/` and NUL, a companion may be a link to
somewhere else, a checksum list may be a gigabyte. Nothing is opened but small plain files.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from .errors import DownloadCounterError
from .safe_files import explain, read_plain
from .settings import CHECKSUM_LIST, DIGESTS, SIGNATURES
from .torrent import magnet

# What is longer is not read (bytes). A list of 20,000 images with SHA-512 has 4 MB.
_LONGEST_DIGEST_FILE = 1 << 16
_LONGEST_LIST = 1 << 23
_LONGEST_TORRENT = 1 << 22
_LONGEST_KEY = 1 << 20

_KINDS = {length: kind for kind, length in DIGESTS.items()}

Entries = dict[str, "os.DirEntry[str]"]

# A list may be signed within itself, as Fedora's are (RFC 9580, section 7).
_SIGNED_WITHIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_KEY_NAME = re.compile(r"KEYS?|.+\.(?:asc|gpg|key|pub|pgp)", re.IGNORECASE)
_ARMORED_KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
# First byte of a public key that is not armored: packet 6 in both formats (RFC 9580, section 4.2).
_BINARY_KEY = (b"\x98", b"\x99", b"\x9a", b"\xc6")


class Companion(Struct, frozen=True):
    """A file that lies beside an image and belongs to it, or to all images of its folder and below."""

    # "sha256" and the like for what gives a digest, checksum lists too; "asc", "sig", "sign" or "gpg" for a signature;
    # "key" for the key of signatures; else its ending, such as "torrent".
    kind: str
    file: str  # its path below the web root
    name: str  # the last part of that
    url: str  # the path, percent-encoded
    size: int  # bytes
    digest: str | None = None  # the digest it gives for the image, in lower case; None if it gives none
    # For a signature, the name of the signed file beside it; that of the file itself if it is signed within itself.
    # Else "".
    signs: str = ""


class Image(Struct, frozen=True):
    """An image in the web root."""

    file: str  # its path below the web root, with `/` between the parts; bytes that are not UTF-8 as surrogate escapes
    name: str  # the last part of that
    folder: str  # the rest of that, "" for the web root itself
    url: str  # the path, percent-encoded
    size: int  # bytes
    date: datetime  # when it was last written (the upload), in the site's time zone
    # Those with the image's name in the order of the settings, then checksum lists, their signatures, and the key.
    companions: tuple[Companion, ...]
    magnet: str | None = None  # the address of its torrent without the file; None without one


class _Folder(Struct):
    """What of a folder serves its images and those below: lists, by the digests they give, and a key."""

    path: str
    lists: list[tuple[Companion, dict[bytes, tuple[str, str]]]] = []
    signatures: list[Companion] = []
    key: Companion | None = None


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names as people do: a2 before a10, whatever the case."""
    return [
        (1, int(part), part) if part.isdecimal() else (0, 0, part)
        for part in re.split(r"(\d+)", name.casefold())
        if part
    ]


def scan(
    web_root: Path, extensions: Sequence[str], companions: Sequence[str], zone: tzinfo | None = None
) -> tuple[list[Image], list[str]]:
    """Return the images below a folder, newest first, and sentences about what was passed over.

    Hidden folders and files are left out, and links that lead out of the web root. `companions` are endings added to an
    image's name; dates are in `zone`, None is the machine's.

    Raises:
        DownloadCounterError: the web root itself cannot be listed.
    """
    look = _Look(web_root, extensions)
    images: list[Image] = []
    shared: dict[str, _Folder] = {}
    for folder, entries in look.folders():
        shared[folder] = look.shared(folder, entries)
        above = [shared[one] for one in _upwards(folder) if one in shared]
        for name, status in look.images(entries):
            file = _below(folder, name)
            found = [
                look.companion(file, ending, entries[name + ending])
                for ending in companions
                if name + ending in entries
            ]
            beside = [one for one in found if one is not None]
            beside += _from_lists(file, above, any(one.kind in SIGNATURES for one in beside))
            torrent = next((look.read(one.file, _LONGEST_TORRENT) for one in beside if one.kind == "torrent"), None)
            images.append(
                Image(
                    file=file,
                    name=name,
                    folder=folder,
                    url=quote_file(file),
                    size=status.st_size,
                    date=datetime.fromtimestamp(status.st_mtime, zone).astimezone(zone),
                    companions=tuple(beside),
                    magnet=None if torrent is None else magnet(torrent),
                )
            )
    images.sort(key=lambda image: (-image.date.timestamp(), image.file))
    return images, look.problems


def sizes(web_root: Path, extensions: Sequence[str]) -> dict[str, int]:
    """Return the bytes of each image that `scan` would find, by its path below the web root, and look at nothing else.

    Raises:
        DownloadCounterError: the web root itself cannot be listed.
    """
    look = _Look(web_root, extensions)
    return {
        _below(folder, name): status.st_size
        for folder, entries in look.folders()
        for name, status in look.images(entries)
    }


def quote_file(file: str) -> str:
    """Return a file's path as a relative URL, byte for byte (RFC 3986 section 2.1)."""
    return quote(os.fsencode(file))


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class _Look:
    """A look through a web root; `problems` says what was passed over."""

    def __init__(self, web_root: Path, extensions: Sequence[str]) -> None:
        try:
            os.scandir(web_root).close()
            self.root = web_root.resolve(strict=True)
        except OSError as error:
            raise DownloadCounterError(
                f"The web root {web_root} cannot be listed: {explain(error)}. "
                "Check WEB_ROOT; it must be the folder that the web server serves."
            ) from error
        self.extensions = tuple(extensions)
        self.problems: list[str] = []

    def folders(self) -> Iterator[tuple[str, Entries]]:
        """Give each folder that is not hidden, its path below the root, and what is in it by name."""
        waiting = [(self.root, "")]
        seen: set[tuple[int, int]] = set()
        while waiting:
            path, folder = waiting.pop()
            try:
                with os.scandir(path) as listing:
                    entries = {e.name: e for e in listing if not e.name.startswith(".")}
                status = path.stat()
            except OSError as error:
                self.problems.append(f"The folder {path} cannot be read: {explain(error)}. The rest is listed.")
                continue
            if (status.st_dev, status.st_ino) in seen:  # a link to a folder above it
                continue
            seen.add((status.st_dev, status.st_ino))
            yield folder, entries
            for name, entry in sorted(entries.items(), reverse=True):
                with contextlib.suppress(OSError):
                    if entry.is_dir() and self._is_inside(entry):
                        waiting.append((Path(entry.path), _below(folder, name)))

    def images(self, entries: Entries) -> Iterator[tuple[str, os.stat_result]]:
        """Give the name of each image in a folder."""
        for name, entry in entries.items():
            if name.lower().endswith(self.extensions) and (status := self._plain_file(entry)):
                yield name, status

    def _is_inside(self, entry: "os.DirEntry[str]") -> bool:
        if not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(self.root):
            return True
        self.problems.append(f"{entry.path} is a link that leads out of the web root; it is not listed.")
        return False

    def _plain_file(self, entry: "os.DirEntry[str]") -> os.stat_result | None:
        try:
            status = entry.stat()
            if stat.S_ISREG(status.st_mode) and self._is_inside(entry):
                return status
        except OSError as error:
            self.problems.append(f"{entry.path} vanished or cannot be read: {explain(error)}.")
        return None

    def companion(self, image: str, ending: str, entry: "os.DirEntry[str]") -> Companion | None:
        """Return the companion with this ending of an image; None if it is no plain file."""
        status = self._plain_file(entry)
        if status is None:
            return None
        file, name, kind = image + ending, image.rpartition("/")[2], ending.rpartition(".")[2]
        digest = None
        if kind in DIGESTS:
            digest = digest_in(self.read(file, _LONGEST_DIGEST_FILE), kind, os.fsencode(name))
        signs = name if kind in SIGNATURES else ""
        return Companion(kind, file, entry.name, quote_file(file), status.st_size, digest, signs)

    def read(self, file: str, longest: int) -> bytes:
        """Read a small plain file below the web root; empty if it is longer, or cannot be read."""
        # Links were resolved; on the way that is left none is followed, should one appear there.
        path = os.path.realpath(self.root / file)
        try:
            if os.path.getsize(path) > longest:
                return b""
            return read_plain(self.root, Path(os.path.relpath(path, self.root)), longest) or b""
        except OSError:
            return b""
        except DownloadCounterError as error:
            self.problems.append(str(error))
            return b""

    def shared(self, folder: str, entries: Entries) -> _Folder:
        """Look for checksum lists, their signatures and a key in a folder."""
        found = _Folder(folder)
        for name in sorted(entries, key=natural):
            stem, _, ending = name.rpartition(".")
            signature = ending.lower() in SIGNATURES and stem in entries
            is_list = CHECKSUM_LIST.fullmatch(name) is not None
            if signature:
                if not CHECKSUM_LIST.fullmatch(stem):
                    continue  # of an image or of something else
            elif not is_list and (name.lower().endswith(self.extensions) or not _KEY_NAME.fullmatch(name)):
                continue
            status = self._plain_file(entries[name])
            if status is None:
                continue
            file = _below(folder, name)
            one = Companion(ending.lower(), file, name, quote_file(file), status.st_size)
            if signature:
                found.signatures.append(replace(one, signs=stem))
            elif is_list:
                content = self.read(file, _LONGEST_LIST)
                found.lists.append((one, _digests_by_name(content)))
                if content.startswith(_SIGNED_WITHIN):
                    found.signatures.append(replace(one, kind="asc", signs=name))
            elif found.key is None:
                content = self.read(file, _LONGEST_KEY)
                if _ARMORED_KEY in content[:4096] or content.startswith(_BINARY_KEY):
                    found.key = replace(one, kind="key")
        return found


def _upwards(folder: str) -> Iterator[str]:
    """Give a folder and those above it, up to the web root: "a/b", "a", ""."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def _from_lists(file: str, folders: list[_Folder], signed: bool) -> list[Companion]:
    """Give what the lists of an image's folder and of those above it say of the image, with signatures and key."""
    found: list[Companion] = []
    for folder in folders:
        below = os.fsencode(file.removeprefix(f"{folder.path}/"))
        for one, digests in folder.lists:
            if below in digests:
                kind, digest = digests[below]
                found.append(replace(one, kind=kind, digest=digest))
                found += [signature for signature in folder.signatures if signature.signs == one.name]
    if signed or any(one.signs for one in found):
        found += [folder.key for folder in folders if folder.key][:1]
    return found


def digest_in(content: bytes, kind: str, name: bytes) -> str | None:
    """Return the digest of a kind (a key of `DIGESTS`) that a companion gives for its image, in lower case.

    The lines are those of md5sum(1) and its kin (`digest  name`, `digest *name`), of their `--tag` form
    (`SHA256 (name) = digest`), or a digest alone. A line for another file counts only if no line names the image and it
    is the only one: admins rename images.
    """
    found = [(named, digest) for named, digest in _lines(content) if len(digest) == DIGESTS[kind]]
    of_image = [digest for named, digest in found if named.rpartition(b"/")[2] == name]
    chosen = of_image or ([found[0][1]] if len(found) == 1 else [])
    return chosen[0] if chosen else None


def _digests_by_name(content: bytes) -> dict[bytes, tuple[str, str]]:
    """Give the kind and the digest that a list has for each path; the longest digest, if it has several."""
    found: dict[bytes, tuple[str, str]] = {}
    for name, digest in _lines(content):
        known = found.get(name := os.path.normpath(name))
        if len(digest) in _KINDS and (known is None or len(digest) > len(known[1])):
            found[name] = (_KINDS[len(digest)], digest)
    return found


_PLAIN_LINE = re.compile(rb"(\\?)([0-9A-Fa-f]{32,128})(?:[ \t][ \t]*\*?(.*))?")
_TAGGED_LINE = re.compile(rb"(\\?)[A-Za-z0-9-]+ ?\((.*)\) ?= ?([0-9A-Fa-f]{32,128})")


def _lines(content: bytes) -> Iterator[tuple[bytes, str]]:
    """Give the name and the digest of each line that has one."""
    for line in map(bytes.strip, content.splitlines()):
        if match := _PLAIN_LINE.fullmatch(line):
            escaped, digest, name = match[1], match[2], match[3] or b""
        elif match := _TAGGED_LINE.fullmatch(line):
            escaped, name, digest = match[1], match[2], match[3]
        else:
            continue
        if escaped:  # by GNU coreutils: a backslash or line feed in the name
            name = re.sub(rb"\\([\\nr])", lambda one: {b"n": b"\n", b"r": b"\r"}.get(one[1], one[1]), name)
        yield name, digest.decode().lower()
