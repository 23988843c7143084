"""Which candidates a model would try next, and what it learns from: shared by strategies that have a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from presage.architecture.spaces.space import Codes
from presage.search.samplers.history import History, Words, code_words
from presage.search.samplers.network_features import NetworkFeatures
from presage.search.samplers.posterior import Posterior, PosteriorOutlook, evened

__all__ = ["Acquisition", "best_first", "unseen"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEARNED_FROM = 400
"""Most candidates a model learns from: half the best of them, half spread over the rest."""
ROUNDS = 40
"""A batch is picked in at most so many rounds; what a round picks is taken into account by the next."""
COMPARED = 500
"""With several objectives, candidates that all others are compared with."""
DIRECTIONS, DRAWS = 64, 4
"""Random directions that a hypervolume is measured along, and draws of the values a candidate may have."""


def best_first(history: History) -> Ints:
    """Rows of the scored candidates, best first. With several objectives: by how many others are better in all."""
    rows = np.flatnonzero(history.scored)
    values = history.values[rows]
    if values.shape[1] == 1:
        return rows[np.argsort(-values[:, 0], kind="stable")]
    others = values[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), COMPARED)).astype(int))]
    no_worse = (others[:, None, :] >= values[None, :, :]).all(axis=2)
    better = no_worse & (others[:, None, :] > values[None, :, :]).any(axis=2)
    return rows[np.argsort(better.sum(axis=0), kind="stable")]


def unseen(codes: Codes, history: History, words: Words = code_words) -> Codes:
    """The first of `codes` of each word that nothing in the history has, in order.

    Args:
        words: what counts as the same; `NetworkFeatures.functions`: networks that compute the same.
    """
    if not len(codes):
        return codes
    found = words(codes)
    first = np.sort(np.unique(found, return_index=True)[1])
    return codes[first[~history.holds(found[first], words)]]


class Acquisition:
    """How much a candidate is worth trying, by a model of what is known: a Gaussian process (`Posterior`).

    One objective: expected improvement (Jones et al. 1998, eq. 15) over the best that the model believes in, its mean
    at what is known (Picheny, Wagner & Ginsbourger 2013, *A benchmark of kriging-based infill criteria for noisy
    optimization*, section 3.1: "plug-in"). A trained accuracy is a draw; improvement over a lucky one is expected of
    nothing near it. Several objectives: expected growth of the hypervolume, as a mean over random directions λ of the
    positive sphere of the growth of max_y min_i ((y_i - r_i) / λ_i)^k, which is the hypervolume of k objectives above r
    up to a constant (Zhang & Golovin 2020, arXiv 2006.04655, lemma 5).

    Args:
        ranked: rows of the scored candidates, best first.
        features: of the history's space.
    """

    def __init__(self, history: History, ranked: Ints, features: NetworkFeatures) -> None:
        half = LEARNED_FROM // 2
        rest = ranked[half:]
        spread = rest[np.unique(np.linspace(0, len(rest) - 1, min(len(rest), half)).astype(int))] if len(rest) else rest
        known = np.concatenate([ranked[:half], spread])
        self._features, self._values = features, evened(history.values[known])
        self._posterior = Posterior.of(features(history.codes[known]), self._values)
        self._best = float(self._posterior.smoothed(self._values)[:, 0].max())

    def worth(self, candidates: Codes, numbers: np.random.Generator) -> Floats:
        """(c,) of normalised codes (c, p), each by itself."""
        return self._worth(self._outlook(candidates), [], numbers)

    def chosen(self, candidates: Codes, n: int, numbers: np.random.Generator) -> Codes:
        """Up to `n` of the candidates (c, p), most worth trying first; none of them twice."""
        outlook = self._outlook(candidates)
        picked: list[int] = []
        open_ = np.ones(len(candidates), np.bool_)
        while len(picked) < min(n, len(candidates)):
            size = min(-(-n // ROUNDS), n - len(picked))
            worth = self._worth(outlook, picked, numbers)
            worth[~open_] = -np.inf
            fresh = np.argsort(-worth, kind="stable")[:size]
            fresh = fresh[open_[fresh]]
            picked.extend(fresh.tolist())
            open_[fresh] = False
            if len(picked) < n:
                outlook.take(int(fresh[0]))
        return candidates[picked]

    def _outlook(self, candidates: Codes) -> PosteriorOutlook:
        return self._posterior.outlook(self._features(candidates))

    def _worth(self, outlook: PosteriorOutlook, picked: Sequence[int], numbers: np.random.Generator) -> Floats:
        if self._values.shape[1] == 1:
            return _improvement(outlook, self._best)
        return _growth(outlook, self._values, picked, numbers)


def _improvement(outlook: PosteriorOutlook, best: float) -> Floats:
    deviation = outlook.deviation[:, 0]
    z = (outlook.mean[:, 0] - best) / deviation
    found: Floats = deviation * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
    return found


def _growth(outlook: PosteriorOutlook, values: Floats, taken: Sequence[int], numbers: np.random.Generator) -> Floats:
    """(c,) how much of the hypervolume above the worst known values each candidate is expected to add."""
    objectives = values.shape[1]
    direction = np.maximum(np.abs(numbers.standard_normal((DIRECTIONS, objectives))), 1e-3)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reference = values.min(axis=0) - 0.1

    def dominated(points: Floats) -> Floats:
        """(directions, points) how far along each direction a point dominates, to the power of the objectives."""
        above = np.maximum(points - reference, 0.0)
        return np.asarray((above / direction[:, None]).min(axis=2) ** objectives)

    known = dominated(np.concatenate([values, outlook.mean[taken]])).max(axis=1, keepdims=True)
    found: Floats = 1e-9 * outlook.share  # where nothing is expected to be gained, what is known least
    for draw in numbers.standard_normal((DRAWS // 2, objectives)):
        for sign in (1, -1):
            shifted = outlook.mean + sign * draw * outlook.deviation
            found += np.maximum(dominated(shifted) - known, 0.0).mean(axis=0) / DRAWS
    return found
