"""Histories to make statistics of."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from download_counter.history.day import Day, Record
from download_counter.history.store import Counts, History, KnownLog, State
from download_counter.names import Name
from download_counter.settings import Settings, check
from download_counter.site.numbers import report
from download_counter.site.report import Report

TODAY = date(2026, 5, 20)
"""A Wednesday."""

SETTINGS = check({"web_root": "/srv", "logs": "x"})


def made(
    history: History,
    *,
    today: date = TODAY,
    settings: Settings = SETTINGS,
    uploads: Mapping[str, date] | None = None,
    **options: Any,
) -> Report:
    """The statistics of a history."""
    return report(history, uploads or {}, settings, today, **options)


def named(file: str) -> Name:
    """Take a name such as noble-24.04-amd64.iso apart."""
    parts = file.rpartition("/")[2].removesuffix(".iso").split("-")
    return Name(*parts[:3])


def days_of(number: int, first: date, last: date) -> dict[str, Day]:
    """So many downloads on each day."""
    length = (last - first).days + 1
    return {(first + timedelta(days=n)).isoformat(): Day(number) for n in range(length)}


def known(
    counts: Counts | None = None,
    days: Mapping[str, Mapping[str, Day]] | None = None,
    logs: tuple[KnownLog, ...] = (),
    ingested: datetime | None = None,
    warnings: Sequence[str] = (),
) -> History:
    """A history of these months, days (file -> day) and logs."""
    history = History(
        Path("/nowhere"), counts or {}, State(logs=logs, ingested=ingested), edited=True, warnings=list(warnings)
    )
    by_day: dict[str, dict[str, Day]] = {}
    for file, of_file in (days or {}).items():
        for day, numbers in of_file.items():
            by_day.setdefault(day, {})[file] = numbers
    for day, files in by_day.items():
        history.put(day, Record(files))
    return history


def counted(days: dict[str, dict[str, Day]], **more: Any) -> History:
    """A history of files and their days, whose months are the sums of these."""
    history = known(days=days, **more)
    history.raise_months()
    return history
