"""The geometry of charts: where bars, lines and labels are. Templates draw it, style sheets colour it.

Across, all is in percent of the plot, so that a chart has any width; upright, in percent of its height, from the top.
Text keeps its size, so a label needs more of a narrow plot: `Label.least` says from which width on (in em, the size
of the text) there is room for it beside those that matter more. A style sheet shows it from there on.

pygal was weighed and left: its SVG brings a `<style>` and a script, which the policy `default-src 'none';
style-src 'self'` blocks, its colours follow neither tokens nor dark mode, and its text shrinks with the picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

WIDTHS = (4, 8, 14, 22, 32, 46, 64)
"""The widths of a plot, in em, that labels are placed for. The narrowest has no room to speak of."""

MARGIN = 1.6
"""So far a text may reach out of the plot at the right, in em."""

GRID_LINES = 4
FEWEST_SLOTS = 6
"""As wide as if there were so many bars are those of a chart that has fewer."""

# A letter's width and the distance between two labels, in em: those of DejaVu Sans, which is wide.
_LETTER = 0.64
_DISTANCE = 0.7
_BAR = 0.74
# Bars that are so many times higher than most are shortened.
_OUTLIER = 4


class Label(Struct, frozen=True):
    """A text: `x` is where its `anchor` ("start", "middle" or "end") is, `y` likewise; `least` one of `WIDTHS`."""

    x: float
    text: str
    under: str = ""
    y: float = 100
    anchor: str = "middle"
    least: int = WIDTHS[0]

    def span(self, width: float) -> tuple[float, float]:
        """Return where the text begins and ends in a plot so wide, all in em."""
        long = max(len(self.text), len(self.under)) * _LETTER
        start = self.x * width / 100 - long * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]
        return start, start + long


class Part(Struct, frozen=True):
    """A part of a bar, of one tone: how high its top is, and how tall it is."""

    tone: str
    y: float
    height: float


class Bar(Struct, frozen=True):
    """A bar of parts, over its slot. `of` is what it shows and `kind` a word on it; `shortened`: the chart is lower."""

    x: float
    width: float
    slot_x: float
    slot_width: float
    parts: tuple[Part, ...]
    of: Any
    kind: str = ""
    shortened: bool = False

    @property
    def middle(self) -> float:
        """Where its middle is."""
        return _round(self.slot_x + self.slot_width / 2)

    @property
    def top(self) -> float:
        """How high its top is."""
        return min((part.y for part in self.parts), default=100)


class Line(Struct, frozen=True):
    """A line: `path` is SVG's, in a square of 100 by 100; `of` is what it shows, `end` its last number."""

    path: str
    end: float
    tone: str
    of: Any


class Chart(Struct, frozen=True):
    """A chart."""

    axis: float  # width of the labels beside the grid, in em
    grid: tuple[Label, ...]  # its lines, each with the number it stands for
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()  # where nothing is known, from where and how wide
    labels: tuple[Label, ...] = ()  # below
    values: tuple[Label, ...] = ()  # over bars
    marks: tuple[float, ...] = ()  # where upright lines are
    names: tuple[Label, ...] = ()  # of marks, above them

    @property
    def tones(self) -> list[str]:
        """The tones that bars or lines have, for the legend."""
        tones = [part.tone for bar in self.bars for part in bar.parts] + [line.tone for line in self.lines]
        return list(dict.fromkeys(tones))

    @property
    def shortened(self) -> bool:
        """Whether a bar is shortened."""
        return any(bar.shortened for bar in self.bars)


class Column(Struct, frozen=True):
    """A bar to be: the numbers of its parts, from the bottom up; None where nothing is known."""

    parts: Sequence[tuple[str, float]] | None
    of: Any = None
    kind: str = ""

    @property
    def height(self) -> float:
        """The sum of its parts."""
        return sum(number for _, number in self.parts or ())


def _round(number: float) -> float:
    return round(number, 2)


def step_of_grid(most: float) -> int:
    """Return the distance between two lines of the grid: 1, 2 or 5 times a power of ten, at most four of them."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * GRID_LINES >= most:
                return digit * power
        power *= 10


def ceiling(heights: Iterable[float]) -> float:
    """Return how high a chart must reach: over all bars but outliers, which would flatten the rest."""
    ordered = sorted(height for height in heights if height)
    if not ordered:
        return 1
    # At most a fifth are outliers, and none of so few that no "most" could be told.
    most = ordered[-(-4 * (len(ordered) - 1) // 5)] * _OUTLIER
    return max(height for height in ordered if height <= most)


def bar_chart(columns: Sequence[Column], number: Any, top: float | None = None) -> Chart:
    """Place bars, the oldest first, under a grid whose numbers `number` writes, up to `top` or as far as they need."""
    needed = ceiling(column.height for column in columns)
    step = step_of_grid(top or needed)
    height = top or step * -(-needed // step)
    slot = 100 / max(len(columns), FEWEST_SLOTS)
    bars = tuple(_bar(column, index * slot, slot, height) for index, column in enumerate(columns))
    return replace(_grid(height, step, number), bars=bars, gaps=tuple(_gaps(columns, slot)))


def _grid(height: float, step: int, number: Any) -> Chart:
    numbers = range(0, int(height) + 1, step)
    grid = tuple(Label(0, number(one), y=_round(100 - one / height * 100)) for one in numbers)
    return Chart(_round(max(label.span(0)[1] - label.span(0)[0] for label in grid) + _DISTANCE), grid)


def _bar(column: Column, x: float, slot: float, height: float) -> Bar:
    parts, below, whole = [], 0.0, max(column.height, height)
    for tone, number in column.parts or ():
        if number:
            parts.append(Part(tone, _round(100 - (below + number) / whole * 100), _round(number / whole * 100)))
            below += number
    return Bar(
        x=_round(x + slot * (1 - _BAR) / 2),
        width=_round(slot * _BAR),
        slot_x=_round(x),
        slot_width=_round(slot),
        parts=tuple(parts),
        of=column.of,
        kind=column.kind,
        shortened=column.height > height * (1 + 1e-9),  # shares add up to 100 only nearly
    )


def _gaps(columns: Sequence[Column], slot: float) -> Iterator[tuple[float, float]]:
    start = None
    for index, column in enumerate([*columns, Column(())]):
        if column.parts is None and start is None:
            start = index
        if column.parts is not None and start is not None:
            yield _round(start * slot), _round((index - start) * slot)
            start = None


def line_chart(lines: Sequence[tuple[Sequence[float], Any]], number: Any, length: int) -> Chart:
    """Place lines that begin at the left, each with its numbers one after the other, over `length` steps."""
    needed = max((max(numbers, default=0) for numbers, _ in lines), default=0) or 1
    step = step_of_grid(needed)
    height = step * -(-needed // step)
    placed = []
    for index, (numbers, of) in enumerate(lines):
        points = (
            f"{_round(place / max(length, 1) * 100)} {_round(100 - value / height * 100)}"
            for place, value in enumerate(numbers)
        )
        placed.append(Line("M" + "L".join(points), numbers[-1] if numbers else 0, f"line-{index + 1}", of))
    return replace(_grid(height, step, number), lines=tuple(placed))


def place(labels: Iterable[Label], *, turn: bool = False) -> tuple[Label, ...]:
    """Find the narrowest plot that has room for each label beside those before it, which matter more.

    One that no width of `WIDTHS` has room for is left out. What fits a plot fits a wider one: positions move apart,
    and text keeps its size. With `turn`, a text that would leave the plot begins or ends at its place instead;
    without, only one does that would leave the widest as well.
    """
    placed: list[Label] = []
    for label in labels:
        if not turn:
            label = _turned(label, WIDTHS[-1])  # noqa: PLW2901
        for width in WIDTHS:
            found = replace(_turned(label, width) if turn else label, least=width)
            if not any(_outside(found, width)) and not any(_meet(found, other) for other in placed):
                placed.append(found)
                break
    return tuple(sorted(placed, key=lambda label: label.x))


def _outside(label: Label, width: float) -> tuple[bool, bool]:
    start, end = label.span(width)
    # At the left are the numbers of the grid; and the narrowest stands for any that is narrower, too.
    return start < 0, end > width + (MARGIN if width > WIDTHS[0] else 0)


def _turned(label: Label, width: float) -> Label:
    left, right = _outside(label, width)
    return replace(label, anchor="start" if left else "end" if right else label.anchor)


def _meet(one: Label, other: Label) -> bool:
    width = max(one.least, other.least)
    (start, end), (start_of_other, end_of_other) = one.span(width), other.span(width)
    return start < end_of_other + _DISTANCE and start_of_other < end + _DISTANCE


def sparkline(values: Sequence[int]) -> str:
    """Return the path of small bars, each against the highest, in a box of 6 by 20 a value."""
    most = max([*values, 1])
    return "".join(
        f"M{index * 6} 20v-{round(value / most * 18 + (1 if value else 0.5), 1):g}h4V20z"
        for index, value in enumerate(values)
    )


def heat(values: Iterable[int], levels: int = 5) -> list[int]:
    """Return how dark the ground of each number is, from 0 for none to `levels`, outliers aside."""
    numbers = list(values)
    most = ceiling(numbers)
    return [min(levels, -int(-number * levels // most)) if number else 0 for number in numbers]
