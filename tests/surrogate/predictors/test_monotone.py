"""A monotone map learned from pairs."""

from __future__ import annotations

import numpy as np

from presage.surrogate.predictors.monotone import MonotoneMap


def test_a_monotone_map_follows_the_mean_and_never_changes_an_order() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000)
    mapped = MonotoneMap().fit(x, np.expm1(x) + 0.3 * rng.standard_normal(2000))
    inner = np.linspace(-1.2, 1.2, 50)
    np.testing.assert_allclose(mapped(inner), np.expm1(inner), atol=0.2)
    far = np.linspace(-50, 50, 999)
    assert (np.diff(mapped(far)) > 0).all()
    falling = MonotoneMap().fit(x, -x)
    assert (np.diff(falling(far)) > 0).all()


def test_a_monotone_map_of_too_few_pairs_is_the_identity() -> None:
    few = MonotoneMap().fit(np.arange(5.0), np.arange(5.0)[::-1])
    np.testing.assert_allclose(few(np.array([-2.0, 0.5, 7.0])), [-2.0, 0.5, 7.0])
    same = MonotoneMap().fit(np.zeros(100), np.ones(100))
    np.testing.assert_allclose(same(np.array([-2.0, 0.5])), [-2.0, 0.5])
