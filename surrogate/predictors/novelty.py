"""`Novelty`: how unlike the networks of the experience a network is: about 1 or less among them, more beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.predictors.gp import distances

__all__ = ["Novelty"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

NEIGHBOURS = 10
"""So many known networks near by make a network a familiar one: one or two that were tried teach little of it."""
MOST_KNOWN = 1200
"""Networks of the experience that are compared with."""
LEAST_APART, MOST_APART = 1.2, 2.4
"""Median distances to that neighbour: networks closer together count as so far apart; and a few that lie far from
everything, and from each other, make nothing between them usual."""


@dataclass(eq=False)
class Novelty:
    """Distance to the tenth nearest known network, over what is usual among the networks there.

    A local outlier factor (Breunig et al. 2000, "LOF: identifying density-based local outliers"), simplified: spaces
    differ in how densely experience fills them, and a distance is large or small by that.
    """

    def fit(self, features: Singles) -> Novelty:
        """Learns from the features (n, f) of known networks."""
        self.centre_ = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
        self.deviation_ = np.where(deviation > 1e-6, deviation, np.inf)
        known = np.unique(self._standard(features), axis=0)
        if len(known) > MOST_KNOWN:
            known = known[np.linspace(0, len(known) - 1, MOST_KNOWN).astype(int)]
        self.known_ = known
        apart = distances(known, known).astype(np.float64)
        np.fill_diagonal(apart, np.inf)
        near = min(NEIGHBOURS, max(len(known) - 1, 1))
        usual = np.partition(apart, near - 1, axis=1)[:, near - 1] if len(known) > 1 else np.ones(1)
        self.usual_ = np.clip(usual, LEAST_APART * np.median(usual), MOST_APART * np.median(usual))
        return self

    def __call__(self, features: Singles) -> Floats:
        """(n,) the novelty of networks with features (n, f)."""
        found = np.empty(len(features))
        near = min(NEIGHBOURS, len(self.known_))
        for start in range(0, len(features), 1024):
            part = slice(start, start + 1024)
            apart = distances(self._standard(features[part]), self.known_)
            closest = np.argpartition(apart, near - 1, axis=1)[:, :near]
            found[part] = np.take_along_axis(apart, closest, axis=1).max(axis=1) / self.usual_[closest].mean(axis=1)
        return found

    def _standard(self, features: Singles) -> Singles:
        return np.asarray(np.clip((features - self.centre_) / self.deviation_, -4.0, 4.0), np.float32)
