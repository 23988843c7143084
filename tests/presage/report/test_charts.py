"""Charts: axes fitted to what they show, marks that never hide each other, and the recipe in words."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from presage.report.charts.chart import BOTTOM, LEFT, RADIUS, RIGHT, TOP, Chart, apart
from presage.report.charts.difficulty import difficulty_line
from presage.report.charts.of_networks import (
    NetworkPoint,
    agreement_chart,
    cost_chart,
    curves_chart,
    front,
    huddled,
    progress_chart,
)
from presage.report.charts.scale import fitted
from presage.report.templates import render

BY = "16 px, 1,150 images, 12 epochs"


def _point(at: int, trained: float, predicted: float = 0.9, **changed: float) -> NetworkPoint:
    costs = {"parameters": changed.get("parameters", 1000.0 * (at + 1))}
    return NetworkPoint(
        f"n{at}", "short", f"name {at}", predicted, predicted - 0.02, predicted + 0.02, trained, predicted, at + 1,
        costs,
    )  # fmt: skip


def _spread(chart: Chart) -> tuple[float, float]:
    """Shares of the chart's width and height over which its marks lie."""
    x, y = [mark.x for mark in chart.marks], [mark.y for mark in chart.marks]
    return (max(x) - min(x)) / (RIGHT - LEFT), (max(y) - min(y)) / (BOTTOM - TOP)


def test_axes_are_fitted_to_what_is_there() -> None:
    points = [_point(at, 0.95 + 0.005 * at, 0.94 + 0.005 * at) for at in range(6)]
    across, _ = _spread(agreement_chart(points, 0.9, BY))
    assert across > 0.8
    across, along = _spread(cost_chart(points, "parameters", by=BY))
    assert across > 0.8
    assert along > 0.8


def test_a_short_list_in_a_corner_is_shown_closer_too() -> None:
    good = [_point(at, 0.98 + 0.002 * at) for at in range(3)]
    bad = [replace(_point(at, 0.1 * at), kind="random") for at in range(3, 9)]
    assert huddled([*good, *bad]) == good
    across, _ = _spread(agreement_chart(huddled([*good, *bad]), 0.9, BY))
    assert across > 0.5  # up to 1, where an axis of accuracies ends
    assert huddled(good) == []
    assert huddled([*good, replace(bad[0], trained=0.97)]) == []


def test_an_accuracy_never_has_a_mark_beyond_one() -> None:
    scale = fitted([0.9, 0.99, 1.0], 0, 100, least=0, most=1)
    assert scale.high == 1.0
    assert [tick.label for tick in scale.ticks][-1] == "1.00"


@pytest.mark.parametrize("decade", range(-12, 13))
def test_ticks_are_few_round_and_within_at_any_size(decade: int) -> None:
    values = [3.1 * 10.0**decade, 7.7 * 10.0**decade]
    for logarithmic in (False, True):
        scale = fitted(values, 0, 100, logarithmic=logarithmic)
        assert 2 <= len(scale.ticks) <= 12
        assert all(-1e-6 <= tick.at <= 100 + 1e-6 for tick in scale.ticks)
        assert len({tick.label for tick in scale.ticks}) == len(scale.ticks)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5], [math.nan, 0.5], [0.0, 0.0]])
def test_a_scale_of_few_values_has_a_range(values: list[float]) -> None:
    scale = fitted(values, 0, 100)
    assert scale.high > scale.low
    assert scale.ticks


def test_near_twins_stand_side_by_side_with_a_line_to_their_place() -> None:
    chart = cost_chart([_point(at, 0.9, parameters=5000.0) for at in range(7)], "parameters", by=BY)
    for one, other in itertools.combinations(chart.marks, 2):
        assert math.hypot(one.x - other.x, one.y - other.y) >= 2 * RADIUS - 0.2
    assert [mark.moved for mark in chart.marks] == [False] + 6 * [True]
    assert {(mark.own_x, mark.own_y) for mark in chart.marks} == {(chart.marks[0].x, chart.marks[0].y)}
    assert len({mark.network for mark in chart.marks}) == 7


def test_marks_move_no_farther_than_they_must() -> None:
    places = [(100.0, 100.0), (103.0, 100.0), (300.0, 100.0)]
    found = apart(places, 10.0)
    assert found[0] == places[0]
    assert found[2] == places[2]
    assert math.hypot(found[1][0] - 103, found[1][1] - 100) <= 15


def test_a_front_is_what_nothing_beats_in_both() -> None:
    rng = np.random.default_rng(0)
    places = [(float(cost), float(value)) for cost, value in rng.random((60, 2))]
    expected = [
        one
        for one in places
        if not any(
            other != one and other[0] <= one[0] and other[1] >= one[1] for other in places
        )
    ]  # fmt: skip
    assert front(places) == sorted(expected)


def test_every_chart_of_accuracies_says_the_recipe() -> None:
    points = [_point(at, 0.5 + 0.01 * at) for at in range(3)]
    charts = [
        agreement_chart(points, 0.9, BY),
        cost_chart(points, "parameters", by=BY),
        progress_chart([0.4, math.nan, 0.5], points, "predicted accuracy", BY, accuracy=True),
        curves_chart([("n0", "short", "a", [0.1, 0.2])], BY),
    ]
    assert [chart.by for chart in charts] == 4 * [BY]
    assert difficulty_line("a", [0.5], {"b": 0.7}, BY).by == BY


def test_names_on_the_line_of_difficulty_do_not_run_into_each_other() -> None:
    line = difficulty_line("own", [0.4, 0.6], {f"dataset {at:02d}": 0.5 + 0.002 * at for at in range(12)})
    assert line.dcn == pytest.approx(0.5)
    shown = [one for one in line.known if one.row is not None]
    for one, other in itertools.combinations(shown, 2):
        assert one.row != other.row or abs(one.at - other.at) >= 60
    assert len(line.known) == 12  # those without room for a name have their mark


def test_templates_of_charts_escape_names() -> None:
    chart = curves_chart([("n0", "short", "<x>&", [0.1, 0.2])], "<by>")
    from presage.report.templates import _environment

    module = _environment().get_template("chart.html").module
    text = str(module.figure(chart))  # type: ignore[attr-defined]
    assert "&lt;x&gt;&amp;" in text
    assert "&lt;by&gt;" in text
    assert "<x>" not in text
    assert render("report.css")
