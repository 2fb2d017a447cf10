"""The data files beside the statistics, and the badges."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..history.day import COLUMNS
from ..history.store import History
from .report import Figure, Report, Table, Window

DAY_COLUMNS = ("file", "day", *(column.name for column in COLUMNS))


def csv_of_days(history: History) -> bytes:
    """Return `downloads.csv`: UTF-8, RFC 4180, one row per file and day."""
    # There may be a million rows, and csv would take three times as long; only names need its quotes.
    rows: dict[str, list[str]] = defaultdict(list)
    for day, record in history.days.items():
        row = ",".join([day, *["%s"] * len(COLUMNS)])
        for file, numbers in record.files.items():
            rows[file].append(row % numbers)
    parts = [_csv(DAY_COLUMNS, ())]
    for file in sorted(rows):
        name = _csv((_cell(file),), ()).removesuffix(b"\r\n") + b","
        parts += [name, "\n".join(rows[file]).replace("None", "").encode().replace(b"\n", b"\r\n" + name), b"\r\n"]
    return b"".join(parts)


def csv_of_months(stats: Report) -> bytes:
    """Return `table.csv`: one row per file, its total, then a column per month, newest first."""
    keys = [period.key for period in stats.months]
    return _csv(
        ("file", "total", *keys),
        (
            (_cell(one.file), one.figure.started, *(one.months.get(k, Figure()).started for k in keys))
            for one in stats.files
        ),
    )


def _csv(header: Iterable[object], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(file: str) -> str:
    # A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV injection").
    return f"'{file}" if file.startswith(("=", "+", "-", "@", "\t", "\r")) else file


def json_of(history: History, stats: Report) -> dict[str, Any]:
    """Return `downloads.json` as plain data: totals, windows and shares, and the months of each file."""
    shares = {name: _shares(getattr(stats, name)) for name in ("programs", "systems", "countries")}
    return {
        "version": 1,
        "ingested": history.ingested.isoformat() if history.ingested else None,
        "finished_is_upper_bound": stats.ingest.upper_bound,
        "total": _plain(stats.total),
        "windows": _windows(stats.windows),
        "series": {one.name: _windows(one.windows) for one in stats.series},
        "architectures": {one.name: _windows(one.windows) for one in stats.architectures},
        **shares,
        "files": {
            one.file: {
                "gone": one.gone,
                "series": one.series,
                "version": one.version,
                "arch": one.arch,
                "total": _plain(one.figure),
                "windows": _windows(one.windows),
                "months": {key: _plain(figure) for key, figure in one.months.items()},
            }
            for one in stats.files
        },
    }


def _plain(figure: Figure) -> dict[str, int | None]:
    return {"started": figure.started, "finished": figure.finished, "sent": figure.sent}


def _windows(windows: Iterable[Window]) -> dict[str, dict[str, int | None]]:
    return {
        str(window.days): {
            "known_days": window.known_days,
            **_plain(window.figure),
            "before": window.before.started if window.before else None,
        }
        for window in windows
    }


def _shares(table: Table) -> dict[str, float]:
    return {key: round(number / table.total, 4) for key, number in table.rows} if table.total else {}


def badge(label: str, figure: Figure) -> dict[str, Any]:
    """Return what shields.io's endpoint badge wants (https://shields.io/badges/endpoint-badge).

    Shields' own badges say "total" for all time, and "/month" or "/week" for less.
    """
    return {
        "schemaVersion": 1,
        "label": label,
        "message": f"{_short(figure.started)} total",
        "color": "informational",
    }


def _short(number: int) -> str:
    # From 999 950 on, thousands would be rounded to 1000k.
    for size, least, letter in ((1_000_000, 999_950, "M"), (1_000, 1_000, "k")):
        if number >= least:
            return f"{number / size:.1f}".removesuffix(".0") + letter
    return str(number)
