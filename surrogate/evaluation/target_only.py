"""*Train k networks on the target*: the honest rival of every train-free prediction.

It knows nothing but k trained networks of the dataset at hand, and makes the most of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import feature_names
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.ranks import normal_scores
from presage.surrogate.predictors.gp import matern_32, symmetric_distances

__all__ = ["RIVAL", "TargetOnly"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIVAL = "train-k-on-target"
LENGTHS = (1.0, 2.0, 4.0, 8.0)
"""Times the median distance."""
COST_SHARES = (0.0, 0.2, 0.5, 0.8)
RIDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FEW = 10
"""Trained networks below which their ranks say less than their accuracies."""


class TargetOnly:
    """Gaussian process over the networks of one dataset, its kernel averaged over a grid by marginal likelihood.

    The kernel is the sum of a Matérn kernel (ν = 3/2) of graph features and costs and of a quadratic one of the costs
    alone. On the shipped experience it ranks better than extremely random trees, random forests, and each kernel by
    itself. What is learned is the mean of an accuracy's logit and the normal score of its rank.

    Args:
        features: (n, f) `Inputs.features` of all networks of the dataset, trained or not.
    """

    def __init__(self, features: NDArray[np.float32]) -> None:
        from presage.architecture.encoders import COST_FEATURE_NAMES

        if features.shape[1] != len(feature_names()):
            raise ValueError(f"features (n, {len(feature_names())}) wanted, not {features.shape}")
        standard = _standard(features.astype(np.float64))
        costs = standard[:, -len(COST_FEATURE_NAMES) :]
        left, right = np.triu_indices(costs.shape[1])
        terms = np.concatenate([costs, 0.5 * costs[:, left] * costs[:, right]], axis=1)
        quadratic = _of_mean_one(terms @ terms.T)
        distance = symmetric_distances(standard)
        reach = float(np.median(distance)) or 1.0
        near = [matern_32(distance, length * reach) for length in LENGTHS]
        self.kernels = [share * quadratic + (1 - share) * kernel for kernel in near for share in COST_SHARES]

    def predict(self, trained: Ints, accuracy: Floats) -> Floats:
        """Accuracies (n,) of all networks from those (k,) of the `trained` rows (k,), k at least 1."""
        target = _targets(accuracy)
        middle = float(target.mean())
        if len(trained) < 3 or np.ptp(target) == 0:
            return np.full(len(self.kernels[0]), from_logit(middle))
        centred = target - middle
        evidence, means = [], []
        for kernel in self.kernels:
            values, vectors = np.linalg.eigh(kernel[np.ix_(trained, trained)])
            values = np.maximum(values, 0.0)
            part = vectors.T @ centred
            cross = kernel[:, trained] @ vectors
            for ridge in RIDGES:
                scaled = part / (values + ridge)
                likelihood = -0.5 * len(trained) * np.log(np.mean(part * scaled))
                evidence.append(likelihood - 0.5 * np.log(values + ridge).sum())
                means.append(cross @ scaled)
        weight = np.exp(np.array(evidence) - max(evidence))
        return from_logit(middle + np.average(np.stack(means), axis=0, weights=weight))


def _targets(accuracy: Floats) -> Floats:
    """(k,) logits, drawn half way to what their ranks would be under a normal distribution."""
    z = to_logit(accuracy)
    if len(z) < FEW:
        return z
    return np.asarray(0.5 * (z + z.mean() + z.std() * normal_scores(accuracy)))


def _standard(x: Floats) -> Floats:
    deviation = x.std(axis=0)
    return np.asarray(np.clip((x - x.mean(axis=0)) / np.where(deviation > 1e-6, deviation, np.inf), -4.0, 4.0))


def _of_mean_one(kernel: Floats) -> Floats:
    return np.asarray(kernel / max(float(np.trace(kernel)) / len(kernel), 1e-12))
