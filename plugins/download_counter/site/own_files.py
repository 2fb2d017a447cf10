"""The list of the files that this program wrote, `.stats/files.json`.

What is not in it belongs to somebody else: it is never overwritten and never removed. What is in it
and is made no longer (a language, a badge) is removed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from ..errors import DownloadCounterError
from ..history.year import to_json
from ..safe_files import read_plain, write_whole
from ..settings import STATS_FOLDER

FILES = STATS_FOLDER / "files.json"

# The first version of this program kept no list. Where its statistics page is, these folders are its own, and so are
# pages that link to its style sheet.
_STATISTICS = STATS_FOLDER / "index.html"
_ITS_FOLDERS = re.compile(r"(?:[a-z]{2}/)?(?:theme|feeds|\.stats)/")
_ITS_PAGES = b"css/tokens.css"

Digests = dict[str, list[str]]
"""file, relative to the output folder -> digests of what was written there: the last, and the one before it."""


def digest_of(content: bytes) -> str:
    """Return what the list knows a content by."""
    return blake2b(content, digest_size=16).hexdigest()


class OwnFiles:
    """The list as it is in a web root."""

    def __init__(self, web_root: Path) -> None:
        self._web_root = web_root
        raw = read_plain(web_root, FILES)
        self.digests: Digests = _parsed(raw) if raw else {}
        self._is_upgrade = not self.digests and _is_of_first_version(web_root)

    def wrote(self, file: str, content: bytes) -> bool:
        """Say whether this program wrote a file with this content."""
        if digest_of(content) in self.digests.get(file, ()):
            return True
        return self._is_upgrade and (_ITS_FOLDERS.match(file) is not None or _ITS_PAGES in content)

    def save(self, made: Mapping[str, bytes], old: Iterable[str], there: Mapping[str, bytes]) -> None:
        """Write the list for what is about to be put into place.

        It is written once, before any file is renamed, and holds what is there as well: whenever a run is killed, the
        next one knows what is its own. `old` are own files that will be removed.

        Raises:
            DownloadCounterError: as `safe_files.write_whole`.
        """
        digests = {file: [digest_of(there[file])] for file in old}
        for file, content in made.items():
            new, known = digest_of(content), self.digests.get(file, [""])
            before = [digest_of(there[file])] if file in there else []
            digests[file] = known if new == known[0] else [new, *before]
        if digests != self.digests:
            write_whole(self._web_root, FILES, to_json({"files": digests}))


def _is_of_first_version(web_root: Path) -> bool:
    try:
        return _ITS_PAGES in (read_plain(web_root, _STATISTICS) or b"")
    except DownloadCounterError:
        return False


def _parsed(raw: bytes) -> Digests:
    # Of a damaged list nothing is left: each file must be recognised or moved away.
    try:
        files = json.loads(raw)["files"]
        return {str(file): [str(digest) for digest in digests] for file, digests in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
