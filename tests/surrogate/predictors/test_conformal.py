"""Intervals: the quantile by hand, coverage over groups by simulation, width that follows the error."""

from __future__ import annotations

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate.predictors.conformal import ConformalIntervals, pooled_quantile
from presage.surrogate.predictors.prediction import Estimate


def test_quantile_by_hand() -> None:
    # three groups: Σ F_g is 1, 2, 2.5 and 3
    scores, group = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 2, 2])
    assert pooled_quantile(scores, group, 0.5) == 2.0
    assert pooled_quantile(scores, group, 0.7) == 3.0  # 1 + 1 + 1/2 = 2.5 ≥ 2.1
    assert pooled_quantile(scores, group, 0.75) == 3.0
    assert pooled_quantile(scores, group, 0.76) == np.inf  # three datasets promise no more than 3 of 4
    assert pooled_quantile(np.ones(9), np.arange(9), 0.9) == 1.0
    assert pooled_quantile(np.ones(8), np.arange(8), 0.9) == np.inf


def test_quantile_of_single_rows_is_the_empirical_one() -> None:
    scores = np.random.default_rng(0).random(50)
    expected = np.sort(scores)[44]  # 45 of 50 are at most this
    assert pooled_quantile(scores, np.arange(50), 0.9) == expected


def test_a_large_group_counts_no_more_than_a_small_one() -> None:
    scores = np.concatenate([np.full(1000, 9.0), np.arange(9.0)])
    group = np.concatenate([np.zeros(1000, int), np.arange(1, 10)])
    assert pooled_quantile(scores, group, 0.8) == 7.0


def simulated(rng: np.random.Generator, groups: int, rows: int) -> tuple[Estimate, np.ndarray, np.ndarray]:
    """Errors with a part shared within the group, larger where std_error is."""
    group = np.repeat(np.arange(groups), rows)
    std_error = rng.uniform(0.01, 0.1, groups * rows)
    error = (rng.standard_normal(groups)[group] + rng.standard_normal(groups * rows)) * std_error
    value = rng.uniform(0.3, 0.7, groups * rows)
    return Estimate(value, std_error), np.clip(value + error, 0, 1), group


def test_it_covers_datasets_never_seen_at_its_level_and_not_much_more() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(100):
        intervals = ConformalIntervals(0.9).fit(*simulated(rng, 28, 30))
        estimate, truth, _ = simulated(rng, 1, 30)
        prediction = intervals.apply(estimate)
        covered.append(np.mean((prediction.lower <= truth) & (truth <= prediction.upper)))
    assert 0.87 <= np.mean(covered) <= 0.93


def test_width_follows_the_doubt_where_doubt_tells_the_error() -> None:
    intervals = ConformalIntervals(0.9).fit(*simulated(np.random.default_rng(1), 28, 30))
    narrow, wide = (intervals.apply(Estimate(np.full(1, 0.5), np.full(1, std_error))) for std_error in (0.02, 0.08))
    assert 2.0 < (wide.upper - wide.lower)[0] / (narrow.upper - narrow.lower)[0] < 6.0


def test_with_too_few_datasets_nothing_is_promised() -> None:
    estimate, truth, group = simulated(np.random.default_rng(2), 8, 30)
    prediction = ConformalIntervals(0.9).fit(estimate, truth, group).apply(estimate)
    assert (prediction.lower == 0).all()
    assert (prediction.upper == 1).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(InvalidArgument, match="level"):
        ConformalIntervals(level)
