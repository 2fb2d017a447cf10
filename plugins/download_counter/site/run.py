"""The run of Pelican that is under way, over the main site and its sub-sites."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2.bccache import Bucket, BytecodeCache
from msgspec import Struct, field

from ..catalogue import Image
from ..errors import printable
from ..history.store import History
from ..settings import Settings, check
from .report import Report
from .writer import Publication


class _Fit(logging.Filter):
    """Shows control characters as escapes: names and logs have what strangers wrote."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = printable(record.getMessage()), ()
        return True


logger = logging.getLogger("download_counter")
"""What the plugin says while pages are made."""

logger.addFilter(_Fit())


class TemplateCache(BytecodeCache):
    """Compiled templates: each generator of each language has an environment of its own, and they all use the same."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:  # noqa: D102  (as BytecodeCache says)
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:  # noqa: D102  (as BytecodeCache says)
        self._compiled[bucket.key] = bucket.bytecode_to_string()


class Run(Struct):
    """One run of Pelican, over the main site and its sub-sites: ingest once, scan once."""

    root: Path
    settings: Settings
    publication: Publication
    languages: tuple[str, ...]
    templates: TemplateCache = field(default_factory=TemplateCache)
    unread: set[str] = set()  # texts and their folders that could not be read: what is not made may be theirs
    images: list[Image] = []
    history: History | None = None
    report: Report | None = None


# Pelican's signals and generators have nothing else in common.
runs: list[Run] = []


def current() -> Run:
    """Return the run under way."""
    return runs[-1]


def is_wanted(settings: Mapping[str, Any]) -> bool:
    """Say whether a site has the settings of the counter."""
    return "DOWNLOAD_COUNTER" in settings


def settings_of(settings: Mapping[str, Any]) -> Settings:
    """Return the plugin's checked settings out of Pelican's; the web root is OUTPUT_PATH.

    Raises:
        DownloadCounterError: as `settings.check`.
    """
    raw = settings["DOWNLOAD_COUNTER"]
    return check({"web_root": settings["OUTPUT_PATH"], **raw} if isinstance(raw, Mapping) else raw)
