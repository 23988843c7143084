"""`WithinSpace`: learns one dataset from a few networks trained on it, within whatever space they are from.

The honest rival of a predictor that has seen no network of the target ("train k networks on the target"), the
predictor of NAS-Bench-201's protocol, and what `bayes` searches with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument
from presage.surrogate.data.encoding import feature_names
from presage.surrogate.predictors.gp import GaussianProcess
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.side_by_side import threads_here

if TYPE_CHECKING:
    from lightgbm import Booster

    from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["LEAST_FOR_TREES", "NormalScores", "WithinSpace"]

PATH_SUMS = 3.0
"""What a sum over paths counts beside any other column. Like the settings of the trees, chosen on NAS-Bench-201's
ImageNet16-120 and 12-epoch columns (`benchmarks/nasbench201.py` reports others)."""
ROUNDS = 200
LEAST_FOR_TREES = 20
FEW_ROWS = 5000
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of a prior that may be believed: normal scores for each of its standard deviations."""
LEAST_EVIDENCE = 0.05
"""Shares of a prior with less evidence than this of the best one's are left out."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(eq=False)
class WithinSpace:
    """Gaussian process and boosted trees of graph features and costs, averaged, on normal scores of the accuracies.

    Accuracies of a space crowd together at the top and tail off far below (networks that fail to learn at all): their
    normal scores spread evenly, so that neither end decides what is learned. The process is smooth, the trees are not:
    they err elsewhere.

    Example::

        regressor = WithinSpace().fit(trained, accuracy)
        estimate = regressor.predict(candidates)         # value, std_error: (n,) each

    A search that asks again and again encodes once: ``x = regressor.encode(graphs)``, then `learn` and `estimate`.

    Args:
        input_shape: of the images, (c, h, w).
        classes: of the dataset.
        bags: models of boosted trees, averaged; 0 leaves them out: a fit then takes milliseconds.
        seed: of the trees.
    """

    input_shape: tuple[int, int, int] = (3, 32, 32)
    classes: int = 10
    bags: int = 3
    seed: int = 0

    def fit(self, graphs: GraphBatch, accuracy: NDArray[np.floating]) -> WithinSpace:
        """Learns from n ≥ 1 trained networks and their accuracies (n,), in any unit: higher is better."""
        return self.learn(self.encode(graphs), accuracy)

    def predict(self, graphs: GraphBatch) -> Estimate:
        """Accuracies (n,), in the unit learned, and the standard error of each, noise of training left out."""
        return self.estimate(self.encode(graphs))

    def encode(self, graphs: GraphBatch) -> Singles:
        """(n, f) what networks look like to this predictor; rows of several calls may be stacked."""
        from presage.architecture.encoders import cost_features, graph_features

        graph = graph_features(graphs, self.input_shape)
        return np.concatenate([graph, cost_features(graphs, self.input_shape, self.classes)], axis=1)

    def learn(
        self, x: Singles, accuracy: NDArray[np.floating], prior: Floats | None = None, start: float = 1.0
    ) -> WithinSpace:
        """`fit` for encoded networks (n, f).

        Args:
            x: the networks.
            accuracy: (n,) of them.
            prior: (n,) what was believed of them before, in any unit in which more is better. It is believed as far as
                the accuracies bear it out: shares of it are its part of the mean, and weighed by their evidence, the
                marginal likelihood of the rest. Then `latent` and `estimate` want it of what they are asked.
            start: part, in [0, 1], of what is believed that trees start from too; without it they err elsewhere.

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
        target = self.scores_(known)
        self.prior_ = (0.0, 1.0) if prior is None else (float(prior.mean()), max(float(prior.std()), 1e-9))
        believed = self._believed(x, prior)
        shares = (0.0,) if prior is None else SHARES
        processes = [GaussianProcess().fit(x, target - share * believed, _weights()) for share in shares]
        loss = np.array([process.loss_ for process in processes])
        evidence = np.exp(-0.5 * (loss - loss.min()))
        self.beliefs_ = [
            _Belief(share, float(weight / evidence.sum()), process)
            for share, weight, process in zip(shares, evidence, processes, strict=True)
            if weight > LEAST_EVIDENCE
        ]
        self.share_ = sum(belief.weight * belief.share for belief in self.beliefs_)
        self.start_ = start * self.share_
        rest = target - self.start_ * believed
        bags = self.bags if len(x) >= LEAST_FOR_TREES else 0
        self.trees_ = [_grown(x, rest, seed) for seed in range(self.seed * bags, (self.seed + 1) * bags)]
        return self

    @property
    def process_(self) -> GaussianProcess:
        """The process of most evidence."""
        return max(self.beliefs_, key=lambda belief: belief.weight).process

    def left_out(self, prior: Floats | None = None) -> Floats:
        """(n,) normal scores of the networks learned from, each by the processes of all others.

        Args:
            prior: (n,) as it was learned from.
        """
        believed = self._believed(self.beliefs_[0].process.left_out_, prior)
        parts = [belief.weight * (belief.process.left_out_ + belief.share * believed) for belief in self.beliefs_]
        return np.asarray(np.sum(parts, axis=0) / sum(belief.weight for belief in self.beliefs_))

    def _believed(self, x: NDArray[np.floating], prior: Floats | None) -> Floats:
        centre, deviation = self.prior_
        return np.zeros(len(x)) if prior is None else (prior - centre) / deviation

    def estimate(self, x: Singles, prior: Floats | None = None) -> Estimate:
        """`predict` for encoded networks (n, f)."""
        score, deviation = self.latent(x, prior)
        value = self.scores_.back(score)
        std_error = 0.5 * (self.scores_.back(score + deviation) - self.scores_.back(score - deviation))
        return Estimate(value, np.maximum(std_error, 1e-12))

    def latent(self, x: Singles, prior: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean and deviation (n,) of the normal score, Gaussian: what an acquisition function wants.

        `scores_` turns accuracies into scores: ``regressor.scores_(best_accuracy)`` is the best so far.

        Raises:
            InvalidArgument: before `fit`.
        """
        if not hasattr(self, "beliefs_"):
            raise InvalidArgument("predictor", "WithinSpace", "be fitted", "an unfitted one", "Call `fit` first.")
        believed = self._believed(x, prior)
        total, mean, square = 0.0, np.zeros(len(x)), np.zeros(len(x))
        for belief in self.beliefs_:
            found, spread = belief.process.predict(x)
            found = found + belief.share * believed
            total += belief.weight
            mean += belief.weight * found
            square += belief.weight * (found**2 + spread**2)
        mean /= total
        deviation = np.sqrt(np.maximum(square / total - mean**2, 1e-12))
        if self.trees_:
            threads = threads_here(0)
            trees = np.mean([np.asarray(tree.predict(x, num_threads=threads)) for tree in self.trees_], axis=0)
            trees += self.start_ * believed
            mean, deviation = 0.5 * (mean + trees), np.hypot(deviation, 0.5 * (mean - trees))
        return mean, deviation


@dataclass(frozen=True, eq=False)
class _Belief:
    """A share of the prior that may be right, its evidence, and what is left then."""

    share: float
    weight: float
    process: GaussianProcess


@cache
def _weights() -> Floats:
    """(f,) what each column counts in the process: sums over paths say most of how a cell is wired."""
    return np.array([PATH_SUMS if name.startswith("path_sum.") else 1.0 for name in feature_names()])


def _grown(x: Singles, target: Floats, seed: int) -> Booster:
    import lightgbm

    threads = threads_here(1 if len(x) < FEW_ROWS else 0)  # on little data threads only wait for each other
    columns = {"max_bin": 63, "min_data_in_bin": 1, "num_threads": threads, "verbosity": -1}
    settings = {
        "objective": "regression",
        "num_leaves": 7,
        "learning_rate": 0.06,
        "feature_fraction": 0.2,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "min_data_in_leaf": 5,
        "lambda_l2": 1.0,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        **columns,
    }
    return lightgbm.train(settings, lightgbm.Dataset(x, target, params=columns), num_boost_round=ROUNDS)


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
