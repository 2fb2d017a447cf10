"""Where the bars, lines and labels of a chart are."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download_counter.site.charts import (
    MARGIN,
    WIDTHS,
    Column,
    Label,
    Part,
    bar_chart,
    ceiling,
    heat,
    line_chart,
    place,
    sparkline,
    step_of_grid,
)  # fmt: skip

HEIGHTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=60)


def column(number: int, tone: str = "finished") -> Column:
    return Column([(tone, number)], number)


@pytest.mark.parametrize(
    ("most", "step"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (1668, 500), (10**6, 500_000)]
)
def test_the_grid_has_round_numbers_and_at_most_four_steps(most: int, step: int) -> None:
    assert step_of_grid(most) == step
    assert most <= 4 * step


def test_bars_stand_on_the_ground_and_are_as_high_as_their_numbers_say() -> None:
    chart = bar_chart([column(n) for n in (50, 100, 0, 25, 75, 100)], str)

    assert [line.text for line in chart.grid] == ["0", "50", "100"]
    assert [line.y for line in chart.grid] == [100, 50, 0]
    assert [bar.parts for bar in chart.bars[:3]] == [
        (Part("finished", 50, 50),), (Part("finished", 0, 100),), (),
    ]  # fmt: skip


def test_parts_are_stacked_from_the_bottom_up() -> None:
    [bar] = bar_chart([Column([("finished", 60), ("started", 40)])], str).bars

    assert bar.parts == (Part("finished", 40, 60), Part("started", 0, 40))
    assert bar.top == 0


@given(HEIGHTS)
def test_no_bar_leaves_the_plot_or_its_slot_and_none_meets_another(heights: list[int]) -> None:
    chart = bar_chart([column(n) for n in heights], str)

    for bar in chart.bars:
        assert -0.02 <= bar.slot_x < bar.x < bar.x + bar.width < bar.slot_x + bar.slot_width <= 100.5
        assert all(part.y >= -0.02 and part.y + part.height == pytest.approx(100, abs=0.02) for part in bar.parts)
    assert all(one.x + one.width < other.x for one, other in zip(chart.bars, chart.bars[1:], strict=False))
    assert min(line.y for line in chart.grid) >= 0


def test_one_that_is_far_higher_than_the_others_is_shortened_and_does_not_flatten_them() -> None:
    chart = bar_chart([column(n) for n in (10, 12, 9, 4000, 11, 10, 11)], str)

    assert [bar.shortened for bar in chart.bars] == [False, False, False, True, False, False, False]
    assert chart.shortened
    assert min(bar.top for bar in chart.bars) == 0
    assert all(bar.top < 60 for bar in chart.bars)


def test_where_a_third_are_high_none_is_shortened() -> None:
    assert not bar_chart([column(n) for n in (10, 12, 4000, 11, 4100, 3900)], str).shortened


@given(HEIGHTS)
def test_a_chart_reaches_over_most_of_its_bars(heights: list[int]) -> None:
    above = [height for height in heights if height > ceiling(heights)]
    assert len(above) <= 0.2 * len(heights)


def test_what_is_not_known_is_a_gap_and_no_bar_of_nothing() -> None:
    unknown = Column(None)
    chart = bar_chart([unknown, unknown, column(1), column(0), unknown, column(2), column(1), column(1)], str)

    assert list(chart.gaps) == [(0, 25), (50, 12.5)]
    assert [bar.parts for bar in chart.bars[3:5]] == [(), ()]


def test_lines_begin_at_the_left_and_end_where_their_numbers_do() -> None:
    chart = line_chart([([0, 5, 10], "a"), ([0, 20], "b")], str, length=2)

    assert [line.path for line in chart.lines] == ["M0.0 100.0L50.0 75.0L100.0 50.0", "M0.0 100.0L50.0 0.0"]
    assert chart.tones == ["line-1", "line-2"]


def test_a_line_without_numbers_does_no_harm() -> None:
    assert line_chart([([], "a")], str, 0).lines[0].path == "M"


TEXTS = st.text("abcdefgh 0123456789", min_size=1, max_size=20)
LABELS = st.lists(st.builds(Label, st.floats(0, 100), TEXTS), max_size=40)


@given(LABELS, st.booleans())
def test_no_two_labels_that_are_shown_meet_and_none_leaves_the_plot(labels: list[Label], turn: bool) -> None:
    placed = place(labels, turn=turn)

    for width in WIDTHS:
        shown = [label.span(width) for label in placed if label.least <= width]
        assert all(start >= 0 and end <= width + MARGIN for start, end in shown)
        for (start, end), (other_start, other_end) in combinations(shown, 2):
            assert end < other_start or other_end < start


@given(LABELS, st.floats(0, 100), st.integers(1, 20))
def test_the_label_that_matters_most_is_shown_as_soon_as_it_fits(labels: list[Label], x: float, letters: int) -> None:
    [first] = [label for label in place([Label(x, "X" * letters), *labels], turn=True) if "X" in label.text]
    assert first.least <= min(width for width in WIDTHS if width >= letters * 1.28)


def test_a_text_that_would_leave_the_plot_turns_to_its_inside() -> None:
    first, last = place([Label(1, "Noble 24.04"), Label(99, "Noble 24.10")], turn=True)

    assert (first.anchor, first.x, last.anchor, last.x) == ("start", 1, "end", 99)


def test_small_bars_are_drawn_against_the_highest() -> None:
    assert sparkline([0, 5, 10]) == "M0 20v-0.5h4V20zM6 20v-10h4V20zM12 20v-19h4V20z"
    assert sparkline([]) == ""


def test_heat_grows_with_the_number_and_an_outlier_takes_nothing_from_the_rest() -> None:
    assert heat([0, 1, 50, 100]) == [0, 1, 3, 5]
    assert heat([10, 20, 30, 40, 50, 60, 99_999])[5:] == [5, 5]
    assert heat([]) == []
