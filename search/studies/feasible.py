"""Candidates within the limits, drawn from a strategy in bounded tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import CostArrays, batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.compiled.compiling import is_worth_it
from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.latency.model import LatencyModel
from presage.search.latency.training_work import training_work
from presage.search.limits import Limits
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposer

__all__ = ["COSTS", "Feasible", "FeasibleDraws", "check_feasible"]

COSTS = ("parameters", "multiply_adds", "activation_bytes")
"""The costs recorded with every candidate."""

_ASKED_AT_FIRST = 20  # of the strategy for each candidate wanted, before the rest is filled up
_ASKED_LATER = 3  # when there are candidates to start from
_TOO_FEW = (
    0.1  # share within the limits under which, then, a strategy is not asked again: looking costs as much as scoring
)
_FILLING_DRAWS = 20_000  # random draws and mutations, fast, in search of the rest
_MOST_KNOWN = 1_000_000  # codes that are remembered


@dataclass(frozen=True, eq=False)
class Feasible:
    """n valid candidates within the limits.

    Attributes:
        codes: (n, p) choice indices.
        graphs: the n networks.
        costs: (n, 3) as in `COSTS`.
        marks: (n,) what the strategy attached.
        latency: (n,) *estimated* seconds; NaN where nothing asked for it.
    """

    codes: Codes
    graphs: GraphBatch
    costs: NDArray[np.int64]
    marks: tuple[Mapping[str, Any], ...]
    latency: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.intp]) -> Feasible:
        """Those of these rows, in their order."""
        marks = tuple(self.marks[row] for row in rows.tolist())
        return Feasible(self.codes[rows], self.graphs.take(rows), self.costs[rows], marks, self.latency[rows])


class FeasibleDraws:
    """Draws candidates of a space that are valid and within the limits on one kind of images.

    A strategy that keeps proposing networks over a limit is asked for more, up to a bound; what is then missing is
    filled with mutations of feasible networks already seen, or random ones where there are none. Such a walk, which
    steps only to what is within the limits, visits them all alike, and looks at about two networks for each it finds.

    Args:
        latency: estimates latencies; needed where they are limited, and then, or where given, part of every candidate.
    """

    def __init__(
        self,
        space: Space,
        proposer: Proposer,
        limits: Limits,
        input_shape: Sequence[int],
        classes: int,
        latency: LatencyModel | None = None,
    ) -> None:
        if limits.latency_seconds is not None and latency is None:
            raise InvalidArgument("latency", "FeasibleDraws", "be given where latency is limited", None)
        self.space, self.proposer, self.limits = space, proposer, limits
        self.input_shape, self.classes, self.latency = tuple(input_shape), classes, latency
        self.tried = 0
        self._nearest: tuple[float, dict[str, float]] = (np.inf, {})
        # In small spaces the same codes are met again and again.
        self._refused: set[bytes] = set()  # over a limit
        self._estimated: dict[bytes, float] = {}  # latencies, in seconds

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
        known = bool(history.scored.any())
        most = n * (_ASKED_LATER if known else _ASKED_AT_FIRST)
        while missing and asked < most and not (known and asked and n - missing < _TOO_FEW * asked):
            want = missing
            if attempt:  # as many as the share accepted so far asks for
                share = max((n - missing) / asked, 0.05)
                want = min(int(np.ceil(1.1 * missing / share)), most - asked)
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
        drawn, accepted = 0, 0
        while missing and drawn < _FILLING_DRAWS:
            share = max(accepted / drawn, 0.05) if drawn else 0.5  # about half of a small network's mutants are small
            size = int(np.clip(1.1 * missing / share, 16, 4096)) if len(seeds) else 4096
            if len(seeds):
                codes = self.space.mutate(seeds[rng.integers(len(seeds), size=size)], rng)
            else:
                codes = self.space.sample(size, rng)
            kept = self.costed(codes)
            found.append(_first(kept, missing))
            accepted += len(kept)
            seeds = np.concatenate([seeds, found[-1].codes])
            missing -= len(found[-1])
            drawn += size
        return _joined(found)

    def _kept(self, codes: Codes, marks: Sequence[Mapping[str, Any]]) -> Feasible:
        self.tried += len(codes)
        valid = np.flatnonzero(self.space.valid(codes))
        codes = self.space.normalise(codes[valid])
        if self._refused:
            new = np.array([key not in self._refused for key in _keys(codes)], np.bool_)
            valid, codes = valid[new], codes[new]
        graphs = self.space.decode_batch(codes)
        arrays = self._costs(graphs)
        costs = np.stack([getattr(arrays, name) for name in COSTS], axis=1)
        found = Feasible(codes, graphs, costs, tuple(marks[at] for at in valid.tolist()), np.full(len(codes), np.nan))
        found = self._within(found, self.limits.allow(arrays), self.limits.excess(arrays), {})
        work = self.limits.training_work
        if work is not None and len(found):
            done = training_work(found.graphs, self.input_shape, self.classes)
            found = self._within(found, done <= work, done / work, {"training_work": done})
        if self.latency is not None and len(found):
            latency = self._latency(self.latency, found.codes, found.graphs)
            found, most = replace(found, latency=latency), self.limits.latency_seconds
            if most is not None:
                found = self._within(found, latency <= most, latency / most, {"latency_seconds": latency})
        return found

    def _costs(self, graphs: GraphBatch) -> CostArrays:
        if not is_worth_it(len(graphs)):
            return batch_costs(graphs, self.input_shape, self.classes)
        from presage.architecture.compiled.encoder import costs_of

        channels, height, width = self.input_shape
        return costs_of(graphs, (channels, height, width), self.classes)

    def _within(
        self,
        found: Feasible,
        allowed: NDArray[np.bool_],
        excess: NDArray[np.float64],
        estimates: Mapping[str, NDArray[np.float64]],
    ) -> Feasible:
        """What is allowed. The rest is not looked at again, and the costs that came nearest to the limits are kept."""
        if allowed.all():
            return found
        at = int(excess.argmin())
        if excess[at] < self._nearest[0]:
            nearest: dict[str, float] = dict(zip(COSTS, found.costs[at].tolist(), strict=True))
            nearest |= {name: float(values[at]) for name, values in estimates.items()}
            self._nearest = (float(excess[at]), nearest)
        self._refuse(found.codes[~allowed])
        return found.take(np.flatnonzero(allowed))

    def _latency(self, model: LatencyModel, codes: Codes, graphs: GraphBatch) -> NDArray[np.float64]:
        """(n,) estimated seconds."""
        keys = _keys(codes)
        latency = np.array([self._estimated.get(key, np.nan) for key in keys])
        new = np.flatnonzero(np.isnan(latency))
        if len(new):
            latency[new] = model.seconds(graphs.take(new) if len(new) < len(codes) else graphs)
            if len(self._estimated) < _MOST_KNOWN:
                self._estimated.update((keys[at], float(latency[at])) for at in new.tolist())
        return latency

    def _refuse(self, codes: Codes) -> None:
        if len(self._refused) < _MOST_KNOWN:
            self._refused.update(_keys(codes))


def _keys(codes: Codes) -> list[bytes]:
    """One for each code (n, p)."""
    return [code.tobytes() for code in codes]


def _first(found: Feasible, n: int) -> Feasible:
    return found if len(found) <= n else found.take(np.arange(n))


def _joined(parts: Sequence[Feasible]) -> Feasible:
    if len(parts) == 1:
        return parts[0]
    return Feasible(
        np.concatenate([part.codes for part in parts]),
        GraphBatch.concatenate([part.graphs for part in parts]),
        np.concatenate([part.costs for part in parts]),
        tuple(mark for part in parts for mark in part.marks),
        np.concatenate([part.latency for part in parts]),
    )


def check_feasible(
    space: Space, limits: Limits, input_shape: Sequence[int], classes: int, latency: LatencyModel | None = None
) -> None:
    """Whether any network of the space is within the limits, asked before hours are spent on the question.

    Raises:
        NothingFeasible: none was found in bounded tries; says how near the nearest came.
    """
    from presage.search.samplers import RandomSampler

    draws = FeasibleDraws(space, RandomSampler(0), limits, input_shape, classes, latency)
    draws.draw(History(len(space.parameters)), 1, (0,))
