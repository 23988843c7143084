"""Networks trained on (nearly) every dataset: what knowing them, but not the dataset, is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.ranks import average_ranks

__all__ = ["BLIND", "blind_ranking", "core_networks"]

Floats = NDArray[np.float64]

BLIND = "dataset-blind"
COMMON = 0.9
"""Share of the datasets on which a core network must have been trained; some trainings fail."""


def core_networks(experience: Experience) -> frozenset[str]:
    """Hashes of the networks trained on at least `COMMON` of the datasets; none where there are fewer than 2 datasets.

    Which networks were trained says nothing of what they scored, so this may be asked of experience with the target.
    """
    if len(experience.fingerprints) < 2:
        return frozenset()
    pairs = np.unique(np.stack([experience.hashes, experience.group.astype(str)]), axis=1)
    hashes, datasets = np.unique(pairs[0], return_counts=True)
    return frozenset(hashes[datasets >= COMMON * len(experience.fingerprints)].tolist())


def blind_ranking(known: Experience, hashes: NDArray[np.str_]) -> Floats:
    """(n,) the mean rank of each core network on the known tasks, as the share of the others that it beats, in [0, 1].

    Args:
        known: experience without the target.
        hashes: (n,) networks that `known` holds; NaN for those that it does not.
    """
    position = {str(network): index for index, network in enumerate(hashes)}
    total, count = np.zeros(len(hashes)), np.zeros(len(hashes))
    for _, rows in known.rows_by_task():
        found = np.array([position.get(str(network), -1) for network in known.hashes[rows]])
        here, of_row = np.unique(found[found >= 0], return_inverse=True)
        if len(here) < 2:
            continue
        accuracy = np.bincount(of_row, known.accuracy[rows][found >= 0]) / np.bincount(of_row)
        total[here] += (average_ranks(accuracy) - 1.0) / (len(here) - 1)
        count[here] += 1
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count)
