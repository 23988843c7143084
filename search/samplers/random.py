"""Random search: Optuna's own sampler, which can also draw a batch from a space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna

from presage.architecture.spaces.space import Space
from presage.search.samplers.history import History
from presage.search.samplers.proposer import BatchSampler, Proposals

__all__ = ["RandomSampler"]


class RandomSampler(optuna.samplers.RandomSampler, BatchSampler):
    """The baseline every strategy must beat: each candidate drawn from the space afresh."""

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """`n` samples of the space."""
        return Proposals(space.sample(n, np.random.default_rng(seed)))
