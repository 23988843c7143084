"""What trainings of a task tell of its others, against numbers drawn from the model itself."""

from __future__ import annotations

import numpy as np
import pytest

from presage.surrogate.curves.task_offset import LEAST, MOST, narrowing, shift, variance_ratio


def test_the_ratio_of_variances_is_found_again() -> None:
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(400), 6).astype(str)
    errors = np.repeat(rng.normal(0, 1.0, 400), 6) + rng.normal(0, 2.0, 2400)
    assert variance_ratio(errors, task) == pytest.approx(4.0, rel=0.25)


def test_it_is_bounded_where_tasks_share_all_or_nothing() -> None:
    task = np.repeat(np.arange(50), 4).astype(str)
    assert (
        variance_ratio(np.random.default_rng(1).normal(size=200) * 1e-3 + np.repeat(np.arange(50.0), 4), task) == LEAST
    )
    alike = np.tile([-1.0, 1.0, -1.0, 1.0], 50)
    assert variance_ratio(alike, task) == MOST


def test_of_tasks_of_one_training_nothing_is_told() -> None:
    assert variance_ratio(np.arange(5.0), np.arange(5).astype(str)) == MOST
    assert variance_ratio(np.arange(4.0), np.array(["a", "a", "b", "c"])) == MOST


def test_a_shift_is_the_posterior_mean() -> None:
    """Of a normal with a normal prior: the mean of n errors, times n / (n + κ)."""
    errors = np.array([1.0, 2.0, 3.0])
    assert shift(errors, 2.0) == pytest.approx(2.0 * 3 / (3 + 2))
    assert shift(errors[:0], 2.0) == 0.0


def test_the_spread_narrows_to_the_trainings_own() -> None:
    """Prior 1/κ + 1 in units of the own variance; with n known 1/(n + κ) + 1; in the end 1."""
    assert narrowing(0, 0.5) == pytest.approx(1.0)
    assert narrowing(1, 0.5) == pytest.approx(((1 + 1 / 1.5) / (1 + 1 / 0.5)) ** 0.5)
    assert narrowing(10**9, 0.5) == pytest.approx((1 / 3) ** 0.5)
