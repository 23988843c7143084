"""Metrics against numbers worked out by hand and against scipy and scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score, r2_score

from presage.errors import InvalidArgument
from presage.surrogate import metrics

TRUTH = [0.1, 0.2, 0.3, 0.4]


def test_by_hand() -> None:
    predicted = [0.1, 0.3, 0.2, 0.4]  # one of six pairs is swapped: (5 - 1) / 6
    assert metrics.kendall_tau(TRUTH, predicted) == pytest.approx(4 / 6)
    assert metrics.mse(TRUTH, predicted) == pytest.approx(0.02 / 4)
    assert metrics.r2(TRUTH, predicted) == pytest.approx(1 - 0.02 / 0.05)
    assert metrics.spearman(TRUTH, predicted) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_kendall_is_tau_b_under_ties() -> None:
    # pairs: (0,1) tied in truth, (0,2) (1,2) concordant → 2 / √(2·3)
    assert metrics.kendall_tau([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / np.sqrt(6))


def test_against_references_on_random_numbers_with_ties() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, predicted = rng.integers(0, 8, 30) / 8, rng.integers(0, 6, 30) / 6
        assert metrics.kendall_tau(truth, predicted) == pytest.approx(stats.kendalltau(truth, predicted).statistic)
        assert metrics.spearman(truth, predicted) == pytest.approx(stats.spearmanr(truth, predicted).statistic)
        assert metrics.r2(truth, predicted) == pytest.approx(r2_score(truth, predicted))
        gain = truth - truth.min()
        for k in (1, 5, 30):
            assert metrics.ndcg(truth, predicted, k) == pytest.approx(ndcg_score([gain], [predicted], k=k))


def test_regret_by_hand() -> None:
    predicted = [0.9, 0.1, 0.5, 0.2]
    assert metrics.regret_at_k(TRUTH, predicted, 1) == pytest.approx(0.3)
    assert metrics.regret_at_k(TRUTH, predicted, 2) == pytest.approx(0.1)
    assert metrics.regret_at_k(TRUTH, predicted, 3) == 0
    assert metrics.regret_at_k(TRUTH, predicted, 99) == 0


@pytest.mark.parametrize("predicted", [[0.0] * 6, [1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [2, 1, 1, 1, 1, 0]])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 6])
def test_regret_of_ties_is_the_expectation_over_their_orders(predicted: list[float], k: int) -> None:
    truth, scores = np.array([0.3, 0.9, 0.5, 0.1, 0.8, 0.2]), np.array(predicted)
    threshold = np.sort(scores)[::-1][k - 1]
    sure, tied = np.flatnonzero(scores > threshold), np.flatnonzero(scores == threshold)
    picks = [truth[[*sure, *some]].max() for some in combinations(tied, k - len(sure))]
    assert metrics.regret_at_k(truth, scores, k) == pytest.approx(truth.max() - np.mean(picks))


def test_constant_sides_rank_nothing() -> None:
    assert metrics.kendall_tau(TRUTH, [0.5] * 4) == 0
    assert metrics.spearman([0.5] * 4, TRUTH) == 0
    assert metrics.r2([0.5] * 4, TRUTH) == 0
    assert metrics.ndcg([0.5] * 4, TRUTH) == 1


def test_coverage_counts_the_bounds_in_and_width_is_a_mean() -> None:
    assert metrics.coverage([0.1, 0.5, 0.9], [0.1, 0.6, 0.0], [0.2, 0.7, 0.9]) == pytest.approx(2 / 3)
    assert metrics.width([0.0, 0.2], [0.5, 0.3]) == pytest.approx(0.3)


@pytest.mark.parametrize("bad", [[0.1, np.nan, 0.2, 0.3], [0.1, np.inf, 0.2, 0.3], [0.1, 0.2], []])
def test_what_is_not_finite_or_not_as_long_is_refused(bad: list[float]) -> None:
    for metric in (metrics.mse, metrics.r2, metrics.kendall_tau, metrics.spearman, metrics.ndcg):
        with pytest.raises(InvalidArgument, match="predicted"):
            metric(TRUTH, bad)


def test_a_stranger_seed_of_scale_changes_no_rank_metric() -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.random(50), rng.random(50)
    for scale in 10.0 ** np.arange(-8, 9, 2):
        assert metrics.kendall_tau(truth, predicted * scale) == pytest.approx(metrics.kendall_tau(truth, predicted))
        assert metrics.ndcg(truth, predicted * scale) == pytest.approx(metrics.ndcg(truth, predicted))
        assert metrics.regret_at_k(truth, predicted * scale, 5) == metrics.regret_at_k(truth, predicted, 5)
