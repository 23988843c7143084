"""Progressive search: from the smallest networks to larger ones, along the front of accuracy and cost."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers.history import History
from presage.search.samplers.model_sampler import ModelSampler, changed

__all__ = ["ProgressiveSampler", "front"]

Floats = NDArray[np.float64]
_ROUNDS = 60
"""Most changes by which a random network is made small."""


class ProgressiveSampler(ModelSampler):
    """Grows networks: those on the Pareto front of accuracy and size get one to three changes that make none smaller.

    It begins with the smallest networks of the space. From then on every candidate is grown from a network that no
    known one surpasses at its size or below, and a model fitted to what is known picks among thousands (see
    `ModelSampler`, also for the arguments). So a small network is left for a larger one only where that pays, and what
    is found on the way is a front: for each size the best.

    Size is the number of multiply-adds, which every space has, whether its networks grow by layers (`chain`) or are
    of one shape with operations of different cost (`nb201`); changes that leave it as it is are allowed, for a space
    may have choices without cost. In a study that is not presage's, size is the sum of each parameter's place in its
    range or list of choices: list them from small to large.

    References: Liu et al., *Progressive Neural Architecture Search*, arXiv 1712.00559; Hu et al., *Efficient Forward
    Architecture Search* (Petridish), arXiv 1905.13360.
    """

    climbs: ClassVar[bool] = False

    def begin(self, space: Space, n: int, numbers: np.random.Generator) -> Codes:
        """The smallest of random networks that shrank as long as changes made them no larger."""
        sizes = self.features(space).sizes
        codes = space.sample(16 + n, numbers)
        size = sizes(codes)
        for _ in range(min(2 * codes.shape[1], _ROUNDS)):
            children = space.mutate(codes, numbers)
            theirs = sizes(children)
            smaller = theirs <= size
            codes[smaller], size[smaller] = children[smaller], theirs[smaller]
        return codes[np.argsort(size, kind="stable")[:n]]

    def candidates(
        self, space: Space, history: History, ranked: NDArray[np.int64], size: int, numbers: np.random.Generator
    ) -> Codes:
        """What grows from the front."""
        sizes = self.features(space).sizes
        parents = ranked[front(np.column_stack([history.values[ranked], -sizes(history.codes[ranked])]))]
        codes = history.codes[np.resize(parents, size)]
        least = sizes(codes)
        children = changed(space, codes, numbers)
        grown = children[sizes(children) >= least]
        return grown if len(grown) else children  # nothing on the front can grow


def front(values: Floats) -> NDArray[np.int64]:
    """Rows of (m, k) values that no other surpasses in all columns, ascending; of equal rows the first."""
    left = np.lexsort((np.arange(len(values)), *-values.T))
    found = []
    while len(left):
        best, left = left[0], left[1:]
        found.append(int(best))
        left = left[(values[left] > values[best]).any(axis=1)]
    return np.sort(np.array(found, np.int64))
