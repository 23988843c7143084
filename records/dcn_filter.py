"""TAPAS's filter (arXiv 1806.00250, §3.2): which datasets are like one of a given difficulty."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["TOLERANCE", "similar_datasets"]

TOLERANCE = 0.05
"""τ: the largest difference of Dataset Characterization Numbers (DCN) at which datasets are alike."""


def similar_datasets(
    dcn: float, known: Mapping[str, float], counts: Mapping[str, int], *, tolerance: float = TOLERANCE, least: int = 1
) -> tuple[list[str], float]:
    """The datasets with |DCN − DCN_j| ≤ `tolerance`, the likest first, and the difference that was allowed in the end.

    Where they have fewer than `least` experiments together, the filter is widened to the nearest that have so many.

    Args:
        dcn: of the dataset at hand, in [0, 1].
        known: DCN of each dataset that may be named.
        counts: experiments on each; only datasets that are here too are named.
        tolerance: τ.
        least: experiments wanted at least; 0 never widens.
    """
    near, reach, rows = [], tolerance, 0
    for distance, key in sorted((abs(known[key] - dcn), key) for key in counts if key in known):
        # 1e-12: a difference of exactly τ in decimals stays within τ in binary.
        if distance > reach + 1e-12:
            if rows >= least:
                break
            reach = distance
        near.append(key)
        rows += counts[key]
    return near, reach
