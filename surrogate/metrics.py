"""How good predicted accuracies are: pure functions of what was predicted and what was trained.

All take ``truth`` and ``predicted``, both (n,). Ranks matter most: a search keeps the best few, so Kendall τ and the
regret of the best of the top k say more than the squared error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.errors import InvalidArgument
from presage.surrogate.data.ranks import average_ranks

__all__ = ["coverage", "kendall_tau", "mse", "ndcg", "r2", "regret_at_k", "spearman", "width"]

Floats = NDArray[np.float64]


def mse(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean squared error."""
    a, b = _pair(truth, predicted, "mse")
    return float(np.mean((a - b) ** 2))


def r2(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; 0 where the truth is constant."""
    a, b = _pair(truth, predicted, "r2")
    total = float(np.sum((a - a.mean()) ** 2))
    return 1.0 - float(np.sum((a - b) ** 2)) / total if total > 0 else 0.0


def kendall_tau(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Kendall's τ-b, which corrects for ties; 0 where either side is constant, since it then ranks nothing."""
    a, b = _pair(truth, predicted, "kendall_tau")
    if _constant(a) or _constant(b):
        return 0.0
    from scipy.stats import kendalltau  # lazily: scipy.stats takes half a second to import

    return float(kendalltau(a, b).statistic)


def spearman(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Spearman's ρ: Pearson's correlation of average ranks; 0 where either side is constant."""
    a, b = _pair(truth, predicted, "spearman")
    if _constant(a) or _constant(b):
        return 0.0
    ranks_a, ranks_b = average_ranks(a), average_ranks(b)
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])


def ndcg(truth: ArrayLike, predicted: ArrayLike, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the top k (Järvelin & Kekäläinen 2002), discount log₂(1 + rank).

    The gain of a network is its accuracy above the worst one's, so that a constant offset changes nothing;
    1 where all are equally good. Ties in the prediction share their discounts, as in scikit-learn.
    """
    a, b = _pair(truth, predicted, "ndcg")
    k = _top(k, len(a), "ndcg")
    gain = a - a.min()
    if not gain.any():
        return 1.0
    discount = 1.0 / np.log2(np.arange(len(a)) + 2.0)
    discount[k:] = 0.0
    _, group, size = np.unique(-b, return_inverse=True, return_counts=True)
    ends = np.cumsum(size)
    total = np.concatenate(([0.0], np.cumsum(discount)))
    shared = (total[ends] - total[ends - size]) / size
    best = float(np.sort(gain)[::-1] @ discount)
    return float(gain @ shared[group]) / best


def regret_at_k(truth: ArrayLike, predicted: ArrayLike, k: int) -> float:
    """Best accuracy there is less the best among the k with the highest predictions; 0 is perfect.

    Ties at the k-th place are resolved by expectation over the tied networks' random order, so that a constant
    prediction scores as picking at random does.
    """
    a, b = _pair(truth, predicted, "regret_at_k")
    k = _top(k, len(a), "regret_at_k")
    threshold = np.sort(b)[::-1][k - 1]
    sure, tied = a[b > threshold], np.sort(a[b == threshold])
    picks = k - len(sure)
    floor = float(sure.max()) if len(sure) else -np.inf
    # P(the best of `picks` drawn from m is the i-th smallest) = C(i - 1, picks - 1) / C(m, picks), by recurrence
    m = len(tied)
    chance = np.zeros(m)
    remaining = 1.0
    for i in range(m - 1, picks - 2, -1):
        chance[i] = remaining * picks / (i + 1)
        remaining -= chance[i]
    return float(a.max() - chance @ np.maximum(tied, floor))


def coverage(truth: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of truths within their intervals, bounds included."""
    a, low = _pair(truth, lower, "coverage")
    _, high = _pair(truth, upper, "coverage")
    return float(np.mean((low <= a) & (a <= high)))


def width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean width of the intervals."""
    low, high = _pair(lower, upper, "width")
    return float(np.mean(high - low))


def _constant(values: Floats) -> bool:
    return bool(np.all(values == values[0]))


def _pair(truth: ArrayLike, predicted: ArrayLike, owner: str) -> tuple[Floats, Floats]:
    a, b = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        shapes = (a.shape, b.shape)
        raise InvalidArgument("predicted", owner, "be as long as `truth`, both (n,), n at least 1", shapes)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidArgument("predicted", owner, "be finite, as `truth`", "NaN or infinity")
    return a, b


def _top(k: int, n: int, owner: str) -> int:
    if k < 1:
        raise InvalidArgument("k", owner, "be at least 1", k)
    return min(k, n)
