"""Bayesian search with a Gaussian process over features of the networks' graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from architecture.spaces.space import Codes, Space
from presage_errors import InvalidArgument
from search.history import History
from search.samplers.acquiring import best_first, chosen, unseen
from search.samplers.network_features import NetworkFeatures
from search.samplers.proposer import Proposals
from search.samplers.space_sampler import SpaceSampler

__all__ = ["BayesSampler"]

_LEAST, _MOST = 512, 4096
"""Bounds of the number of candidates a batch is chosen from."""


class BayesSampler(SpaceSampler):
    """Each network is the one expected to improve most on the best so far, among changes of the best and random ones.

    The model is a Gaussian process over graph features (`Posterior`, `NetworkFeatures`), fitted anew for every batch
    to what is known, or to 400 of it. Candidates are networks that differ in one to three parameters from the best
    (three quarters) and random ones (a quarter), none of them tried before: in the manner of BANANAS, whose ensemble
    of networks over path encodings this replaces. A batch is picked one by one, each pick counted as known, so that
    its networks differ. Several objectives: see `acquiring.chosen`.

    References: White et al., *BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
    Search*, arXiv 1910.11858; features in the manner of GRAF, arXiv 2404.16551.

    Args:
        seed, space: see `SpaceSampler`.
        initial: networks scored before the first model, drawn at random.
        input_shape, classes: of the images, for the features; only their scale depends on them.
    """

    several_objectives: ClassVar[bool] = True

    def __init__(
        self,
        seed: int | None = None,
        *,
        space: Space | None = None,
        initial: int = 5,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        classes: int = 10,
    ) -> None:
        super().__init__(seed, space=space)
        if initial < 1:
            raise InvalidArgument("initial", "BayesSampler", "be at least 1", initial)
        self.initial, self.input_shape, self.classes = initial, input_shape, classes
        self._features: NetworkFeatures | None = None

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """The `n` most promising of many more candidates; random ones before the first `initial` are scored."""
        numbers = np.random.default_rng(seed)
        ranked = best_first(history)
        if len(ranked) < self.initial:
            return Proposals(space.sample(n, numbers))
        candidates = self._candidates(space, history.codes[ranked], int(np.clip(4 * n, _LEAST, _MOST)), numbers)
        candidates = unseen(candidates, history)
        found = chosen(history, ranked, candidates, n, self.features(space), numbers) if len(candidates) else candidates
        return Proposals(np.concatenate([found, space.sample(n - len(found), numbers)]))

    def features(self, space: Space) -> NetworkFeatures:
        """Of the networks of this space; kept."""
        if self._features is None or self._features.space != space:
            self._features = NetworkFeatures(space, self.input_shape, self.classes)
        return self._features

    @staticmethod
    def _candidates(space: Space, best: Codes, size: int, numbers: np.random.Generator) -> Codes:
        """Changes of `best` (best first), more of the best; and random codes."""
        rank = np.floor(numbers.exponential(5.0, 3 * size // 4)).astype(int)
        changed = space.mutate(best[rank % len(best)], numbers)
        for share in (0.4, 0.4):  # a second change, and of these a third
            again = numbers.random(len(changed)) < share
            changed[again] = space.mutate(changed[again], numbers)
        return np.concatenate([changed, space.sample(size - len(changed), numbers)])
