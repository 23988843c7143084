"""Tournament selection without ageing, the evolution of hierarchical representations."""

from __future__ import annotations

import math

from presage.errors import InvalidArgument
from presage.search.samplers.regularized_evolution import RegularizedEvolutionSampler

__all__ = ["TournamentSelectionSampler"]


class TournamentSelectionSampler(RegularizedEvolutionSampler):
    """Each trial is the best of a random tournament among all networks so far, with one change; none ever dies.

    As `RegularizedEvolutionSampler` but for two things: the population only grows, and the tournament grows with it, a
    fixed share of those alive. What a change is, the space says (`Space.mutate`; in `hierarchical`, the paper's).

    Reference: Liu et al., *Hierarchical Representations for Efficient Architecture Search*, arXiv 1711.00436, section
    3.3. There the first population has 200 networks, of 7,000; here a tenth or so of a few hundred.

    Args:
        seed: makes a study repeatable; None draws one.
        population: networks drawn at random before the first tournament.
        share: of the population that takes part in a tournament, above 0, at most 1 (drawn with replacement).
    """

    def __init__(self, seed: int | None = None, *, population: int = 30, share: float = 0.05) -> None:
        super().__init__(seed, population=population)
        if not 0 < share <= 1:
            raise InvalidArgument("share", "TournamentSelectionSampler", "be above 0 and at most 1", share)
        self.share = share

    def lives(self, completed: int, batch: int) -> int:
        return completed

    def drawn(self, alive: int) -> int:
        return max(1, math.ceil(self.share * alive))
