"""Local search: look at all neighbours, go to the best, begin anew where none is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.space_sampler import SpaceSampler

__all__ = ["LocalSearchSampler"]

_WALK, _CENTRE = "local:walk", "local:centre"


class LocalSearchSampler(SpaceSampler):
    """Walks that each begin at a random network and go on to the best of all its neighbours while that is better.

    A neighbour differs in one parameter (`Space.neighbours`); those already tried, whoever proposed them, are not
    tried again. Trial by trial there is one walk at a time. A batch with room for more begins further walks, and the
    next one continues those whose network is best.

    Each candidate says in its marks which walk it belongs to and whose neighbour it is (a row of the history): that is
    all the walks are read from after a restart. Failed neighbours count as looked at.

    Reference: White et al., *Exploring the Loss Landscape in Neural Architecture Search*, arXiv 2005.02960,
    Algorithm 1.

    Args:
        seed, space: see `SpaceSampler`.
    """

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """Neighbours not tried yet of the networks where walks stand, the best walk first; then new walks."""
        numbers = np.random.default_rng(seed)
        known = _Tried.of(history)
        walks = _walks(history)
        codes: list[Codes] = []
        marks: list[Mapping[str, Any]] = []
        for walk, centre, fresh in _open(space, known, walks):
            some = fresh[numbers.permutation(len(fresh))[: n - len(codes)]]
            codes.extend(some)
            marks.extend({_WALK: walk, _CENTRE: centre} for _ in some)
            known.seen.update(code.tobytes() for code in some)
            if len(codes) == n:
                break
        missing = n - len(codes)
        if missing:
            first = 1 + max(walks, default=-1)
            codes.extend(space.sample(missing, numbers))
            marks.extend({_WALK: first + at, _CENTRE: -1} for at in range(missing))
        return Proposals(np.stack(codes), tuple(marks))


@dataclass
class _Tried:
    """What was tried, and the best row of each code that has a value."""

    history: History
    seen: set[bytes]
    rows: dict[bytes, int]

    @classmethod
    def of(cls, history: History) -> _Tried:
        keys = [code.tobytes() for code in history.codes]
        scored = np.flatnonzero(history.scored)
        worst_first = scored[np.argsort(history.values[scored, 0], kind="stable")]
        return cls(history, set(keys), {keys[row]: int(row) for row in worst_first})

    def value(self, row: int) -> float:
        return float(self.history.values[row, 0])


def _walks(history: History) -> dict[int, int]:
    """Walk → row of the network whose neighbours it looked at last; its first one to begin with."""
    found: dict[int, int] = {}
    for row, mark in enumerate(history.marks):
        if _WALK in mark:
            found[int(mark[_WALK])] = int(mark[_CENTRE]) if mark[_CENTRE] >= 0 else row
    return found


def _open(space: Space, known: _Tried, walks: Mapping[int, int]) -> Iterator[tuple[int, int, Codes]]:
    """(walk, row of the network where it stands, neighbours of that not tried) where there are any; the walk whose
    network is best first."""
    scored = known.history.scored
    standing = [(walk, row) for walk, row in walks.items() if scored[row]]
    for walk, row in sorted(standing, key=lambda one: -known.value(one[1])):
        centre = row
        while True:
            around = np.ascontiguousarray(space.neighbours(known.history.codes[centre]))
            keys = [code.tobytes() for code in around]
            fresh = np.array([key not in known.seen for key in keys], np.bool_)
            if fresh.any():
                yield walk, centre, around[fresh]
                break
            best = max((known.rows[key] for key in keys if key in known.rows), key=known.value, default=centre)
            if known.value(best) <= known.value(centre):
                break  # none of its neighbours is better
            centre = best
