"""`WithinSpace`: learns one dataset from a few networks trained on it, within whatever space they are from.

The honest rival of a predictor that has seen no network of the target ("train k networks on the target"), the
predictor of NAS-Bench-201's protocol, and what `bayes` searches with.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage_errors import InvalidArgument
from surrogate.gaussian_process import GaussianProcess
from surrogate.prediction import Estimate

if TYPE_CHECKING:
    from architecture.batch import GraphBatch

__all__ = ["NormalScores", "WithinSpace"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(eq=False)
class WithinSpace:
    """Gaussian process of graph features and costs, on the normal scores of the accuracies.

    Accuracies of a space crowd together at the top and tail off far below (networks that fail to learn at all): their
    normal scores spread evenly, so that neither end decides what is learned.

    Example::

        regressor = WithinSpace().fit(trained, accuracy)
        estimate = regressor.predict(candidates)         # value, doubt: (n,) each

    A search that asks again and again encodes once: ``x = regressor.encode(graphs)``, then `learn` and `estimate`.

    Args:
        input_shape: of the images, (c, h, w).
        classes: of the dataset.
    """

    input_shape: tuple[int, int, int] = (3, 32, 32)
    classes: int = 10

    def fit(self, graphs: GraphBatch, accuracy: NDArray[np.floating]) -> WithinSpace:
        """Learns from n ≥ 1 trained networks and their accuracies (n,), in any unit: higher is better."""
        return self.learn(self.encode(graphs), accuracy)

    def predict(self, graphs: GraphBatch) -> Estimate:
        """Accuracies (n,), in the unit learned, and the standard error of each, noise of training left out."""
        return self.estimate(self.encode(graphs))

    def encode(self, graphs: GraphBatch) -> Singles:
        """(n, f) what networks look like to this predictor; rows of several calls may be stacked."""
        from architecture.encoders import cost_features, graph_features

        graph = graph_features(graphs, self.input_shape)
        return np.concatenate([graph, cost_features(graphs, self.input_shape, self.classes)], axis=1)

    def learn(self, x: Singles, accuracy: NDArray[np.floating]) -> WithinSpace:
        """`fit` for encoded networks (n, f).

        Raises:
            InvalidArgument: no networks, or an accuracy that is not finite.
        """
        known: Floats = np.array(accuracy, np.float64)
        if len(x) == 0 or known.shape != (len(x),):
            raise InvalidArgument(
                "accuracy", "WithinSpace.fit", f"be one for each of n ≥ 1 networks ({len(x)})", accuracy
            )
        if not np.isfinite(known).all():
            row = int(np.flatnonzero(~np.isfinite(known))[0])
            raise InvalidArgument("accuracy", "WithinSpace.fit", f"be finite (row {row})", float(known[row]))
        self.scores_ = NormalScores().fit(known)
        self.process_ = GaussianProcess().fit(x, self.scores_(known))
        return self

    def estimate(self, x: Singles) -> Estimate:
        """`predict` for encoded networks (n, f)."""
        score, deviation = self.latent(x)
        value = self.scores_.back(score)
        doubt = 0.5 * (self.scores_.back(score + deviation) - self.scores_.back(score - deviation))
        return Estimate(value, np.maximum(doubt, 1e-12))

    def latent(self, x: Singles) -> tuple[Floats, Floats]:
        """Mean and deviation (n,) of the normal score, Gaussian: what an acquisition function wants.

        `scores_` turns accuracies into scores: ``regressor.scores_(best_accuracy)`` is the best so far.

        Raises:
            InvalidArgument: before `fit`.
        """
        if not hasattr(self, "process_"):
            raise InvalidArgument("predictor", "WithinSpace", "be fitted", "an unfitted one", "Call `fit` first.")
        return self.process_.predict(x)


@dataclass(eq=False)
class NormalScores:
    """Values ↔ normal scores Φ⁻¹((rank − ½) / n): strictly increasing, straight on beyond the values learned from."""

    def fit(self, values: Floats) -> NormalScores:
        """Learns from values (n,); equal values get the mean of their ranks."""
        self.values_, count = np.unique(values, return_counts=True)
        ranks = np.cumsum(count) - 0.5 * count
        normal = NormalDist()
        self.scores_ = np.array([normal.inv_cdf(share) for share in ranks / len(values)])
        # beyond the ends as steeply as over the outermost tenth
        outer = min(max(1, round(len(self.values_) / 10)), len(self.values_) - 1)
        self.slopes_ = tuple(_slope(self.scores_[ends], self.values_[ends]) for ends in ([0, outer], [-1 - outer, -1]))
        return self

    def __call__(self, values: Floats | float) -> Floats:
        """Scores of values, any shape."""
        values = np.asarray(values, np.float64)
        below, above = np.minimum(values - self.values_[0], 0.0), np.maximum(values - self.values_[-1], 0.0)
        inside = np.interp(values, self.values_, self.scores_)
        return np.asarray(inside + below / self.slopes_[0] + above / self.slopes_[1])

    def back(self, scores: Floats | float) -> Floats:
        """Values of scores, any shape: the inverse."""
        scores = np.asarray(scores, np.float64)
        below, above = np.minimum(scores - self.scores_[0], 0.0), np.maximum(scores - self.scores_[-1], 0.0)
        inside = np.interp(scores, self.scores_, self.values_)
        return np.asarray(inside + below * self.slopes_[0] + above * self.slopes_[1])


def _slope(scores: Floats, values: Floats) -> float:
    """Value per score between two points; next to nothing where they are one."""
    rise, run = values[1] - values[0], scores[1] - scores[0]
    return float(rise / run) if run > 0 else 1e-9
