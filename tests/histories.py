"""Histories to make statistics of."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from download_counter.history.store import Day, History
from download_counter.settings import Settings, check
from download_counter.site.numbers import Name, report
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


def counted(days: dict[str, dict[str, Day]], **more: Any) -> History:
    """A history of files and their days, whose months are the sums of these."""
    history = History(days=days, **more)
    history.settle_months()
    return history
