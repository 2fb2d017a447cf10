"""The charts of the statistics page: which numbers of the report they show, with labels in the site's language."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, takewhile
from typing import Any

from msgspec.structs import replace

from .charts import Bar, Chart, Column, Label, bar_chart, heat, line_chart, place
from .report import Figure, Group, Period, Release, Report

MONTHS = 24
MONTHS_OF_SHARES = 12
MARKS = 8
LONGEST_NAME = 16
LINES = 4
SHARES = 4


class Pictures:
    """The charts of a report; the theme gets them as `charts`. One that has nothing to show is None.

    It is made with the filters of the site's language, by name.
    """

    def __init__(self, stats: Report, shown: Mapping[str, Callable[[Any], Any]]) -> None:
        self.stats, self.shown = stats, shown

    @cached_property
    def months(self) -> Chart:
        """The last 24 months, with the releases."""
        months = self.stats.months[:MONTHS][::-1]
        chart = bar_chart([_column(month) for month in months], self.shown["number"])
        labels = [
            Label(
                bar.middle,
                self.shown["shortmonth"](month.date),
                month.key[:4] if month.date.month == 1 or bar is chart.bars[0] else "",
            )
            for bar, month in zip(chart.bars, months, strict=True)
        ]
        ends = [(month.date + timedelta(31)).replace(day=1) for month in months]
        chart = self._marked(chart, [month.date for month in months], ends)
        return replace(
            chart,
            labels=place(_by_rank(labels, months)),
            values=self._values(chart.bars),
        )

    @cached_property
    def days(self) -> Chart:
        """The last 31 days, with the releases."""
        days = self.stats.days
        chart = bar_chart([_column(day) for day in days], self.shown["number"])
        labels = [
            Label(bar.middle, self.shown["shortday"](day.date))
            for bar, day in zip(chart.bars, days, strict=True)
            if (days[-1].date - day.date).days % 7 == 0
        ]
        chart = self._marked(chart, [day.date for day in days], [day.date + timedelta(1) for day in days])
        return replace(chart, labels=place(labels[::-1]), values=self._values(chart.bars))

    def _values(self, bars: Sequence[Bar]) -> tuple[Label, ...]:
        """The numbers over the bars that are shortened, the highest and the last."""
        high = [bar for bar in bars if bar.of.started]
        chosen = [bar for bar in high if bar.shortened] + sorted(high, key=lambda bar: -bar.of.started)[:1] + high[-1:]
        labels = {bar.x: Label(bar.middle, self.shown["number"](bar.of.started), y=bar.top) for bar in chosen}
        return place(labels.values())

    def _marked(self, chart: Chart, starts: Sequence[date], ends: Sequence[date]) -> Chart:
        """Mark the newest releases where they came out."""
        marks: list[Label] = []
        for release in self.stats.releases:
            for bar, start, end in zip(chart.bars, starts, ends, strict=True):
                if start <= release.uploaded < end and len(marks) < MARKS:
                    part = (release.uploaded - start + timedelta(0.5)) / (end - start)
                    marks.append(Label(round(bar.slot_x + bar.slot_width * part, 2), _short(release), y=0))
        return replace(chart, marks=tuple(mark.x for mark in marks), names=place(marks, turn=True))

    @cached_property
    def tones(self) -> dict[str, tuple[Group, ...]]:
        """The architectures that each tone of `shares` stands for: those told most of, then the rest."""
        named = [one for one in self.stats.architectures if one.name][: SHARES - 1]
        tones: dict[str, tuple[Group, ...]] = {f"tone-{index}": (one,) for index, one in enumerate(named, 1)}
        rest = tuple(one for one in self.stats.architectures if one not in named)
        return {**tones, f"tone-{SHARES}": rest} if rest else tones

    @cached_property
    def shares(self) -> Chart | None:
        """The parts that architectures had of each of the last twelve months."""
        if "tone-1" not in self.tones:
            return None
        months = self.stats.months[:MONTHS_OF_SHARES][::-1]
        columns = []
        for month in months:
            numbers = {tone: sum(one.months.get(month.key, 0) for one in ones) for tone, ones in self.tones.items()}
            shares = {tone: number / (sum(numbers.values()) or 1) for tone, number in numbers.items()}
            columns.append(Column([(tone, share * 100) for tone, share in shares.items()], of=(month, shares)))
        chart = bar_chart(columns, self._percent, 100)
        labels = [Label(bar.middle, self.shown["shortmonth"](bar.of[0].date)) for bar in chart.bars]
        return replace(chart, labels=place(_by_rank(labels, months)))

    def _percent(self, number: float) -> str:
        return str(self.shown["percent"](number / 100))

    @cached_property
    def newest(self) -> Chart | None:
        """The newest release's part of each whole and known week of the last half year."""
        weeks = self.stats.weeks
        if len(weeks) < 2:
            return None
        columns = []
        for back in range((weeks[-1].date - weeks[0].date).days // 7 + 1):
            week = next((one for one in weeks if one.date == weeks[0].date + timedelta(7 * back)), None)
            share = week.of_newest / week.started * 100 if week and week.started else 0
            columns.append(Column([("finished", share)] if week else None, of=week))
        chart = bar_chart(columns, self._percent, 100)
        labels = [Label(bar.middle, self.shown["shortday"](bar.of.date)) for bar in chart.bars if bar.of]
        starts = [weeks[0].date + timedelta(7 * back) for back in range(len(columns))]
        chart = self._marked(chart, starts, [start + timedelta(7) for start in starts])
        return replace(chart, labels=place([labels[-1], *labels[:-1][::4]]))

    @cached_property
    def adoption(self) -> Chart | None:
        """Downloads of the last releases up to so many days after their upload, laid over each other."""
        lines: list[tuple[Sequence[float], Release]] = []
        for release in self.stats.releases:
            known = list(takewhile(lambda number: number is not None, release.days))
            if len(known) > 1:
                lines.append(([0, *accumulate(number or 0 for number in known)], release))
        if not lines:
            return None
        lines = lines[:LINES]
        length = max(len(numbers) for numbers, _ in lines) - 1
        chart = line_chart(lines, self.shown["number"], length)
        marks = [
            Label(days / length * 100, self.shown["number"](days)) for days in (length, 7, 30, 60, 90) if days <= length
        ]
        return replace(chart, labels=place({label.x: label for label in marks}.values()))

    @cached_property
    def heat(self) -> Mapping[str, int]:
        """How dark the ground of each month is, by its key."""
        months = self.stats.months
        return dict(zip((month.key for month in months), heat(month.started for month in months), strict=True))


def _short(release: Release) -> str:
    return release.name if len(release.name) <= LONGEST_NAME else release.version


def _column(period: Period) -> Column:
    figure = period.figure
    weekend = len(period.key) == len("2026-05-09") and period.date.weekday() > 4
    kind = "partial" if period.partial else "weekend" if weekend and figure else ""
    return Column(None if figure is None else _parts(figure), period, kind)


def _parts(figure: Figure) -> list[tuple[str, float]]:
    finished = figure.finished or 0
    return [
        ("finished", finished),
        ("started", figure.known - finished),
        ("unknown", figure.started - figure.known),
    ]


def _by_rank(labels: Sequence[Label], months: Sequence[Period]) -> list[Label]:
    # The last month matters most, then each January, then the quarters.
    ranks = [0 if month.date.month == 1 else 1 if month.date.month % 3 == 1 else 2 for month in months[:-1]]
    order = sorted(range(len(ranks)), key=lambda index: ranks[index])
    return [labels[-1], *(labels[index] for index in order)]
