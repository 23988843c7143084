"""Candidates within the limits, drawn from a strategy in bounded tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.batch import GraphBatch
from architecture.batch_costs import CostArrays, batch_costs
from architecture.spaces.space import Codes, Space
from search.history import History
from search.limits import Limits
from search.samplers.proposer import Proposer

__all__ = ["COSTS", "Feasible", "FeasibleDraws", "check_feasible"]

COSTS = ("parameters", "multiply_adds", "activation_bytes")
"""The costs recorded with every candidate."""

_ASKED_PER_CANDIDATE = 20  # of the strategy, before the rest is filled up
_FILLING_DRAWS = 20_000  # random draws and mutations, fast, in search of the rest


@dataclass(frozen=True, eq=False)
class Feasible:
    """n valid candidates within the limits: codes (n, p), their graphs, costs (n, 3) as in `COSTS`, and marks (n,)."""

    codes: Codes
    graphs: GraphBatch
    costs: NDArray[np.int64]
    marks: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.codes)


class FeasibleDraws:
    """Draws candidates of a space that are valid and within the limits on one kind of images.

    A strategy that keeps proposing networks over a limit is asked for more, up to a bound; what is then missing is
    filled with mutations of feasible networks already seen, or random ones where there are none.
    """

    def __init__(
        self, space: Space, proposer: Proposer, limits: Limits, input_shape: Sequence[int], classes: int
    ) -> None:
        self.space, self.proposer, self.limits = space, proposer, limits
        self.input_shape, self.classes = tuple(input_shape), classes
        self.tried = 0
        self._nearest: tuple[float, dict[str, int]] = (np.inf, {})

    def costed(self, codes: Codes) -> Feasible:
        """The candidates among `codes` that may be used, in order."""
        return self._kept(codes, ({},) * len(codes))

    def draw(self, history: History, n: int, seed: Sequence[int]) -> Feasible:
        """Up to `n` candidates; fewer only where the bounded tries found no more.

        Raises:
            NothingFeasible: where none was found and the history has none either; says how near the nearest came.
        """
        parts: list[Feasible] = []
        missing, asked, attempt = n, 0, 0
        while missing and asked < _ASKED_PER_CANDIDATE * n:
            want = missing
            if attempt:  # as many as the share accepted so far asks for
                share = max((n - missing) / asked, 0.05)
                want = min(int(np.ceil(1.1 * missing / share)), _ASKED_PER_CANDIDATE * n - asked)
            proposals = self.proposer.propose(self.space, history, want, (*seed, attempt))
            found = self._kept(proposals.codes, proposals.marks or ({},) * len(proposals.codes))
            parts.append(_first(found, missing))
            missing -= len(parts[-1])
            asked += want
            attempt += 1
        if missing:
            parts.append(self._filling(parts, history, missing, np.random.default_rng((*seed, attempt))))
            missing -= len(parts[-1])
        if missing == n and not len(history):
            raise self.limits.nothing(self.space.name, self.tried, self._nearest[1])
        return _joined(parts)

    def _filling(self, parts: Sequence[Feasible], history: History, missing: int, rng: np.random.Generator) -> Feasible:
        seeds = np.concatenate([*(part.codes for part in parts), history.codes[history.scored]])
        found: list[Feasible] = []
        drawn = 0
        while missing and drawn < _FILLING_DRAWS:
            size = int(np.clip(4 * missing, 64, 4096))
            if len(seeds):
                codes = self.space.mutate(seeds[rng.integers(len(seeds), size=size)], rng)
            else:
                codes = self.space.sample(size, rng)
            found.append(_first(self.costed(codes), missing))
            seeds = np.concatenate([seeds, found[-1].codes])
            missing -= len(found[-1])
            drawn += size
        return _joined(found)

    def _kept(self, codes: Codes, marks: Sequence[Mapping[str, Any]]) -> Feasible:
        self.tried += len(codes)
        valid = np.flatnonzero(self.space.valid(codes))
        codes = self.space.normalise(codes[valid])
        graphs = self.space.decode_batch(codes)
        arrays: CostArrays = batch_costs(graphs, self.input_shape, self.classes)
        costs = np.stack([getattr(arrays, name) for name in COSTS], axis=1)
        allowed = self.limits.allow(arrays)
        if not allowed.all():
            excess = self.limits.excess(arrays)
            at = int(excess.argmin())
            if excess[at] < self._nearest[0]:
                self._nearest = (float(excess[at]), dict(zip(COSTS, costs[at].tolist(), strict=True)))
            valid, codes, costs, graphs = valid[allowed], codes[allowed], costs[allowed], graphs.take(allowed)
        return Feasible(codes, graphs, costs, tuple(marks[at] for at in valid.tolist()))


def _first(found: Feasible, n: int) -> Feasible:
    if len(found) <= n:
        return found
    return Feasible(found.codes[:n], found.graphs.take(np.arange(n)), found.costs[:n], found.marks[:n])


def _joined(parts: Sequence[Feasible]) -> Feasible:
    if len(parts) == 1:
        return parts[0]
    return Feasible(
        np.concatenate([part.codes for part in parts]),
        GraphBatch.concatenate([part.graphs for part in parts]),
        np.concatenate([part.costs for part in parts]),
        tuple(mark for part in parts for mark in part.marks),
    )


def check_feasible(space: Space, limits: Limits, input_shape: Sequence[int], classes: int) -> None:
    """Whether any network of the space is within the limits, asked before hours are spent on the question.

    Raises:
        NothingFeasible: none was found in bounded tries; says how near the nearest came.
    """
    from search.samplers import RandomSampler

    draws = FeasibleDraws(space, RandomSampler(0), limits, input_shape, classes)
    draws.draw(History(len(space.parameters)), 1, (0,))
