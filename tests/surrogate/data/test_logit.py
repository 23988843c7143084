"""Accuracy ↔ logit."""

from __future__ import annotations

import numpy as np

from presage.surrogate.data.logit import from_logit, slope, to_logit


def test_logit_and_back_over_decades() -> None:
    accuracy = np.concatenate([[0.0, 1.0], 10.0 ** np.arange(-9, 0), 1 - 10.0 ** np.arange(-9, 0)])
    accuracy.sort()
    z = to_logit(accuracy)
    assert np.isfinite(z).all()
    assert (np.diff(z) > 0).all()
    np.testing.assert_allclose(from_logit(z), accuracy, atol=1e-12)
    np.testing.assert_array_equal(from_logit([-1e9, 1e9]), [0, 1])


def test_slope_is_the_derivative() -> None:
    accuracy, step = np.linspace(0.05, 0.95, 10), 1e-6
    numeric = (from_logit(to_logit(accuracy) + step) - from_logit(to_logit(accuracy) - step)) / (2 * step)
    np.testing.assert_allclose(slope(accuracy), numeric, rtol=1e-6)
