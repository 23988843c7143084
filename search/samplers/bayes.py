"""Bayesian search with a Gaussian process over features of the networks' graphs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers.history import History
from presage.search.samplers.model_sampler import ModelSampler, changed

__all__ = ["BayesSampler"]


class BayesSampler(ModelSampler):
    """Each network is the one expected to improve most on the best so far, among changes of the best and random ones.

    In the manner of BANANAS, whose ensemble of networks over path encodings is here a Gaussian process over graph
    features (see `ModelSampler`, also for the arguments). Three quarters of the candidates to begin with differ in one
    to three parameters from the best, the others are random; what the model thinks most of has children, changed or
    crossed, four times over.

    References: White et al., *BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
    Search*, arXiv 1910.11858; features in the manner of GRAF, arXiv 2404.16551.
    """

    def candidates(
        self, space: Space, history: History, ranked: NDArray[np.int64], size: int, numbers: np.random.Generator
    ) -> Codes:
        """Changes of the best, the more the better they are; and random codes."""
        rank = np.floor(numbers.exponential(5.0, 3 * size // 4)).astype(int)
        children = changed(space, history.codes[ranked[rank % len(ranked)]], numbers)
        return np.concatenate([children, space.sample(size - len(children), numbers)])
