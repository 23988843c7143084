"""What a search on shared weights has learned, as an Optuna sampler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from presage.architecture.spaces.space import Space
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.space_sampler import SpaceSampler

if TYPE_CHECKING:
    from presage.search.supernet.one_shot import OneShot

__all__ = ["OneShotSampler"]


class OneShotSampler(SpaceSampler):
    """First the network that a trained `OneShot` settled for, then others drawn as its controller writes them, or by
    its architecture weights. In a study of other parameters than those of its space it draws at random.

    Args:
        one_shot: trained on the user's dataset, such as `presage.search.supernet.Enas`.
    """

    def __init__(self, one_shot: OneShot, seed: int | None = None) -> None:
        super().__init__(seed, space=one_shot.space)
        self.one_shot = one_shot

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """See `Proposer.propose`."""
        if space != self.one_shot.space:
            return Proposals(space.sample(n, np.random.default_rng(seed)))
        return Proposals(self.one_shot.proposed(n, seed, begin=not len(history)))
