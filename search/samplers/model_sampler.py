"""A base for samplers that fit a model to what is known and try the best of many candidates by it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.acquiring import best_first, chosen, unseen
from presage.search.samplers.history import History
from presage.search.samplers.network_features import NetworkFeatures, network_features
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.space_sampler import SpaceSampler

__all__ = ["ModelSampler", "changed"]

_LEAST, _MOST = 512, 4096
"""Bounds of the number of candidates a batch is chosen from."""


class ModelSampler(SpaceSampler):
    """A subclass says where candidates come from; none is tried twice.

    The model is a Gaussian process over graph features (`Posterior`, `NetworkFeatures`), fitted anew for every batch
    to what is known, or to 400 of it, in milliseconds. A batch is picked one by one, each pick counted as known, so
    that its networks differ. Several objectives: see `acquiring.chosen`.

    Args:
        seed, space: see `SpaceSampler`.
        initial: networks scored before the first model.
        input_shape, classes: of the images, for features and costs.
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
            raise InvalidArgument("initial", type(self).__name__, "be at least 1", initial)
        self.initial, self.input_shape, self.classes = initial, input_shape, classes

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """The `n` most promising of many more candidates."""
        numbers = np.random.default_rng(seed)
        ranked = best_first(history)
        if len(ranked) < self.initial:
            return Proposals(self.begin(space, n, numbers))
        candidates = self.candidates(space, history, ranked, int(np.clip(4 * n, _LEAST, _MOST)), numbers)
        candidates = unseen(candidates, history)
        found = chosen(history, ranked, candidates, n, self.features(space), numbers) if len(candidates) else candidates
        return Proposals(np.concatenate([found, space.sample(n - len(found), numbers)]))

    def begin(self, space: Space, n: int, numbers: np.random.Generator) -> Codes:
        """(n, p) what is scored before there is a model: random networks."""
        return space.sample(n, numbers)

    @abstractmethod
    def candidates(
        self, space: Space, history: History, ranked: NDArray[np.int64], size: int, numbers: np.random.Generator
    ) -> Codes:
        """About `size` normalised codes to choose from; `ranked` are the rows of scored ones, best first."""

    def features(self, space: Space) -> NetworkFeatures:
        """Of the networks of this space."""
        return network_features(space, self.input_shape, self.classes)


def changed(space: Space, codes: Codes, numbers: np.random.Generator) -> Codes:
    """Children of codes (n, p) by one change, two in four of ten, three in 16 of a hundred."""
    found: Codes = space.mutate(codes, numbers)
    more = np.ones(len(found), np.bool_)
    for _ in range(2):
        more &= numbers.random(len(found)) < 0.4
        found[more] = space.mutate(found[more], numbers)
    return found
