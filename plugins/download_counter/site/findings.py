"""What the charts show, as a finding by a rule; where no rule holds, there is none, and the plain title stands.

A finding has no words: templates have them, in each language.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from .report import Group, Period, Report

# A month is called the best or the weakest "since" an earlier one only if so many lie between.
_MONTHS_BETWEEN = 6
# Shares of fewer downloads than this are chance.
_FEWEST = 50
# A release is spoken of after so many days.
_FIRST_DAYS = 3


class Finding(Struct, frozen=True):
    """What a title says: `kind` says which sentence, the rest what to fill in."""

    kind: str
    number: float = 0
    name: str = ""
    other: float = 0
    other_name: str = ""
    when: date | None = None
    since: date | None = None
    days: int = 0


def findings(stats: Report) -> dict[str, Finding | None]:
    """Return what is to be said of each chart of a report, by the chart's name."""
    return {
        "months": of_months(stats),
        "days": of_days(stats),
        "shares": of_shares(stats.architectures),
        "series": of_shares(stats.series),
        "adoption": of_adoption(stats),
        "newest": of_weeks(stats),
        "arrival": of_arrival(stats),
    }


def of_months(stats: Report) -> Finding | None:
    """Return "best", "best_since" or "weakest_since" of this month or the last whole one."""
    months = stats.months
    for index, month in enumerate(months[:2]):
        earlier = months[index + 1 :]
        if len(earlier) < _MONTHS_BETWEEN or not month.started:
            continue
        higher = _first(one.started >= month.started for one in earlier)
        if higher is None:
            return Finding("best", when=month.date)
        if higher >= _MONTHS_BETWEEN:
            return Finding("best_since", when=month.date, since=earlier[higher].date)
        lower = _first(one.started <= month.started for one in earlier)
        if not month.partial and lower is not None and lower >= _MONTHS_BETWEEN:
            return Finding("weakest_since", when=month.date, since=earlier[lower].date)
    return None


def _first(truths: Iterable[bool]) -> int | None:
    return next((index for index, truth in enumerate(truths) if truth), None)


def of_days(stats: Report) -> Finding | None:
    """Return "since_release" for a release of the last month, else "week": downloads a day."""
    whole = [day for day in stats.days if day.figure and not day.partial]
    for release in stats.releases[:1]:
        since = [day for day in whole if day.date > release.uploaded]
        if len(since) >= _FIRST_DAYS and release.uploaded >= stats.days[0].date:
            return Finding("since_release", _mean(since), release.name)
    if stats.week.known_days == stats.week.days:
        return Finding("week", _mean(whole[-stats.week.days :]))
    return None


def _mean(days: Sequence[Period]) -> int:
    return round(sum(day.started for day in days) / len(days))


def of_shares(groups: Iterable[Group]) -> Finding | None:
    """Return "shares": the first two of some groups, by their part of the last 7 days."""
    week = sorted(((one.windows[0].figure.started, one.name) for one in groups), reverse=True)
    total = sum(number for number, _ in week)
    if total < _FEWEST or len(week) < 2 or not week[0][1] or not week[1][1] or not week[1][0]:
        return None
    (number, name), (other, other_name) = week[:2]
    return Finding("shares", number / total, name, other / total, other_name)


def of_adoption(stats: Report) -> Finding | None:
    """Return "adoption": downloads of the newest release in its first days, and of the one before in its own."""
    known = [(len(one.days), one) for one in stats.releases if one.first(min(len(one.days), _FIRST_DAYS))]
    if len(known) < 2 or known[0][0] < _FIRST_DAYS:
        return None
    (days, newest), (_, before) = known[:2]
    now, then = newest.first(days), before.first(days)
    if now is None or then is None:
        return None
    return Finding("adoption", now, newest.name, then, before.name, days=days)


def of_weeks(stats: Report) -> Finding | None:
    """Return "newest": the newest release's part of the last whole week."""
    if not stats.weeks or stats.weeks[-1].started < _FEWEST:
        return None
    last = stats.weeks[-1]
    if last.date < stats.today - timedelta(14):
        return None
    return Finding("newest", last.of_newest / last.started, last.newest, when=last.date)


def of_arrival(stats: Report) -> Finding | None:
    """Return "arrived": the part of the downloads that were finished."""
    if stats.arrival.started < _FEWEST or stats.ingest.upper_bound:
        return None
    return Finding("arrived", stats.arrival.finished / stats.arrival.started)
