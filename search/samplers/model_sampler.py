"""A base for samplers that fit a model to what is known and try the best of many candidates by it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.acquiring import Acquisition, best_first, unseen
from presage.search.samplers.history import History
from presage.search.samplers.network_features import NetworkFeatures, network_features
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.space_sampler import SpaceSampler

__all__ = ["ModelSampler", "changed"]

_LEAST, _MOST = 512, 4096
"""Bounds of the number of candidates a batch is chosen from, before it climbs."""
CLIMBED = 128
"""Largest batch whose candidates climb: a larger one is spread over many anyway, and should cost little for each."""
STEPS, LEADERS, CHILDREN = 4, 32, 256
"""Steps of a climb, the candidates that have children at each, and how many these have."""


class ModelSampler(SpaceSampler):
    """A subclass says where candidates come from; none is tried twice.

    The model is a Gaussian process over graph features (`Posterior`, `NetworkFeatures`), fitted anew for every batch
    to what is known, or to 400 of it, in milliseconds. A batch is picked one by one, each pick counted as known, so
    that its networks differ. See `Acquisition` for what is most worth trying, with one objective and with several. No
    two networks that compute the same are tried.

    Args:
        seed, space: see `SpaceSampler`.
        initial: networks scored before the first model.
        input_shape, classes: of the images, for features and costs.
    """

    several_objectives: ClassVar[bool] = True
    climbs: ClassVar[bool] = True
    """Whether candidates have children, and these, by what the model thinks of them."""

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
        features = self.features(space)
        candidates = self.candidates(space, history, ranked, int(np.clip(4 * n, _LEAST, _MOST)), numbers)
        candidates = unseen(candidates, history, features.functions)
        if not len(candidates):
            return Proposals(space.sample(n, numbers))
        acquisition = Acquisition(history, ranked, features)
        if self.climbs and n <= CLIMBED:
            candidates = self._climbed(space, history, candidates, acquisition, numbers)
        found = acquisition.chosen(candidates, n, numbers)
        return Proposals(np.concatenate([found, space.sample(n - len(found), numbers)]))

    def _climbed(
        self,
        space: Space,
        history: History,
        candidates: Codes,
        acquisition: Acquisition,
        numbers: np.random.Generator,
    ) -> Codes:
        """The candidates, and what the model thinks most of among their children, theirs, and so on."""
        functions = self.features(space).functions
        worth = acquisition.worth(candidates, numbers)
        for _ in range(STEPS):
            best = candidates[np.argsort(-worth, kind="stable")[:LEADERS]]
            children = _children(space, best[numbers.integers(len(best), size=CHILDREN)], numbers)
            fresh = unseen(children, history, functions)
            fresh = fresh[~np.isin(functions(fresh), functions(candidates))]
            if not len(fresh):
                break
            worth = np.concatenate([worth, acquisition.worth(fresh, numbers)])
            candidates = np.concatenate([candidates, fresh])
        return candidates

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


def _children(space: Space, parents: Codes, numbers: np.random.Generator) -> Codes:
    """Codes near or between `parents` (n, p): half of these changed, half crossed with the one before."""
    half = len(parents) // 2
    crossed = np.where(numbers.random(parents[half:].shape) < 0.5, parents[half:], np.roll(parents, 1, axis=0)[half:])
    crossed = crossed[space.valid(crossed)]
    return np.concatenate([changed(space, parents[:half], numbers), space.normalise(crossed)])
