"""Ranks and normal scores, against scipy's."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, rankdata

from presage.surrogate.data.ranks import average_ranks, normal_scores


def test_ranks_and_scores_are_those_of_scipy_ties_sharing_their_average() -> None:
    values = np.random.default_rng(0).integers(0, 20, 50) / 20
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))
    np.testing.assert_allclose(normal_scores(values), norm.ppf((rankdata(values) - 0.5) / 50), atol=1e-12)
    assert normal_scores(np.array([3.0])).tolist() == [0.0]
