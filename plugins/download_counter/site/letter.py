"""The statistics of a month or a week as plain text, for a mail that cron sends."""

from collections.abc import Callable

from .filters import filters
from .report import NOTHING, Figure, FileStats, Report

_WORDS = {
    "en": {
        "week": "the last 7 days",
        "started": "Downloads, {when}: {number}",
        "before": " (before: {number})",
        "finished": "Finished: {number} of {known} of which the end is known",
        "sent": "Data served: {size}",
        "unknown": "Of {number} days the logs were not read.",
        "meaning": "A download is one client, one file, one day.",
    },
    "fr": {
        "week": "les 7 derniers jours",
        "started": "Téléchargements, {when} : {number}",
        "before": " (avant : {number})",
        "finished": "Terminés : {number} sur {known} dont la fin est connue",
        "sent": "Données servies : {size}",
        "unknown": "Les journaux de {number} jours n’ont pas été lus.",
        "meaning": "Un téléchargement, c’est un client, un fichier, un jour.",
    },
}


def letter(stats: Report, language: str, zone: str, *, week: bool = False) -> str:
    """Return the last whole month, or the last seven whole days, as lines of text: French for "fr", else English."""
    words, shown = _WORDS.get(language, _WORDS["en"]), filters(language, zone)
    month = stats.last_month
    if week:
        when, figure, before = words["week"], stats.week.figure, stats.week.before
        unknown = stats.week.days - stats.week.known_days
    else:
        when, figure = shown["monthname"](month.date), month.figure or NOTHING
        before = stats.months[2].figure if len(stats.months) > 2 else None
        unknown = month.days - month.known_days if month.known_days is not None else 0

    def of(one: FileStats) -> Figure:
        return one.windows[0].figure if week else one.months.get(month.key, NOTHING)

    number: Callable[[int], str] = shown["number"]
    lines = [words["started"].format(when=when, number=number(figure.started))]
    if before is not None:
        lines[0] += words["before"].format(number=number(before.started))
    if figure.finished is not None:
        lines.append(words["finished"].format(number=number(figure.finished), known=number(figure.known)))
    if figure.sent is not None:
        lines.append(words["sent"].format(size=shown["filesize"](figure.sent)))
    if unknown:
        lines.append(words["unknown"].format(number=number(unknown)))
    files = sorted(((of(one).started, one.file) for one in stats.files), key=lambda row: (-row[0], row[1]))
    rows = [(number(started), shown["printable"](file)) for started, file in files if started]
    width = max((len(started) for started, _ in rows), default=0)
    return "\n".join([*lines, "", *(f"{started:>{width}}  {file}" for started, file in rows), "", words["meaning"], ""])
