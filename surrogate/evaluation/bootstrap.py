"""How far a mean over datasets could have been another, had other datasets been at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["SHARE", "interval"]

SHARE = 0.95
"""Of resamples that an interval holds."""


def interval(
    statistic: Callable[[Sequence[int]], float | None], datasets: int, resamples: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile bootstrap over datasets (Efron 1979): the middle `SHARE` of the statistic over resampled datasets.

    Args:
        statistic: of the datasets at the given positions, repetitions included; None where it is not defined.
        datasets: their number; with fewer than 2 there is no interval.
        resamples: how often.
        seed: of the resampling.
    """
    if datasets < 2:
        return None
    rng = np.random.default_rng(seed)
    found = [statistic(rng.integers(0, datasets, datasets).tolist()) for _ in range(resamples)]
    known = np.array([value for value in found if value is not None and not np.isnan(value)])
    if len(known) < resamples / 2:
        return None
    tail = (1 - SHARE) / 2
    low, high = np.quantile(known, [tail, 1 - tail], method="nearest")  # infinities are not averaged with numbers
    return float(low), float(high)
