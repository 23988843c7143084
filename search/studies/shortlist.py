"""The short-list: which candidates of a predicted study are worth a full training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.search.studies.acquisition import Acquisition
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.predicted import Candidates

__all__ = ["Choice", "pareto_ranks", "shortlist"]

Floats = NDArray[np.float64]
_POOL = 8  # candidates considered for each place


@dataclass(frozen=True)
class Choice:
    """A candidate that was chosen: its row in `Candidates`, the network's hash, and its acquisition."""

    row: int
    hash: str
    acquisition: float


def shortlist(
    candidates: Candidates,
    hash_of: Callable[[int], str],
    count: int,
    *,
    acquisition: Acquisition,
    best: float,
    excluded: Collection[str] = (),
    objectives: Sequence[str] = ("accuracy",),
    diversity: float = 0.2,
    assured: Sequence[int] = (),
) -> list[Choice]:
    """Up to `count` different networks, the one with the highest acquisition first.

    The candidates with the highest acquisition (for several objectives: Pareto front by Pareto front, by acquisition
    within each) make a pool of 8 for each place. From it they are taken one by one, each time the one with the highest
    ``acquisition − diversity · closeness``: acquisition scaled to [0, 1] over the pool; closeness to the nearest
    network already chosen, falling from 1 (equal parameters) to 0 (no parameter in common).

    Args:
        hash_of: canonical hash of the network in a row; asked for the pool only.
        best: accuracy to beat, for acquisitions that want it.
        excluded: hashes of networks that must not be chosen: those trained before.
        diversity: 0 takes the highest acquisitions whatever they look like.
        assured: rows of candidates that are chosen first, whatever their acquisition, unless they are excluded.
    """
    rows = candidates.unique
    if not len(rows) or count < 1:
        return []
    worth = acquisition(candidates.value[rows], candidates.lower[rows], candidates.upper[rows], candidates.level, best)
    ranks = np.zeros(len(rows), np.int64)
    if len(objectives) > 1:
        columns = [worth if name == "accuracy" else candidates.cost(name)[rows] for name in objectives]
        signs = [1.0 if DIRECTIONS[name] == "maximize" else -1.0 for name in objectives]
        ranks = pareto_ranks(np.stack([sign * column for sign, column in zip(signs, columns, strict=True)], axis=1))
    pool: list[int] = []
    hashes: dict[str, int] = {}
    order = np.lexsort((np.arange(len(rows)), -worth, ranks)).tolist()
    leading = [at for row in assured for at in np.flatnonzero(rows == row).tolist()]
    begin = 0  # how many of the pool are assured
    for number, at in enumerate([*leading, *order]):
        name = hash_of(int(rows[at]))
        if name not in hashes and name not in excluded:
            hashes[name] = at
            pool.append(at)
            begin += number < len(leading)
        if len(pool) == _POOL * count:
            break
    names = list(hashes)
    places = _spread_out(worth[pool], candidates.codes[rows[pool]], count, diversity, begin)
    return [Choice(int(rows[pool[at]]), names[at], float(worth[pool[at]])) for at in places]


def _spread_out(worth: Floats, codes: NDArray[np.int64], count: int, diversity: float, begin: int) -> list[int]:
    if not len(worth):
        return []
    span = worth.max() - worth.min()
    scaled = (worth - worth.min()) / span if span > 0 else np.zeros(len(worth))
    places = list(range(min(begin, count))) or [int(worth.argmax())]
    closeness = np.zeros(len(worth))
    for place in places[:-1]:
        closeness = np.maximum(closeness, (codes == codes[place]).mean(axis=1))
    while len(places) < min(count, len(worth)):
        closeness = np.maximum(closeness, (codes == codes[places[-1]]).mean(axis=1))
        gain = scaled - diversity * closeness
        gain[places] = -np.inf
        places.append(int(gain.argmax()))
    return places


def pareto_ranks(values: Floats) -> NDArray[np.int64]:
    """(n,) 0 for rows of (n, k) values that none beats (larger is better), 1 for those that only these beat, and on."""
    ranks = np.full(len(values), -1, np.int64)
    order = np.lexsort((*(-values[:, column] for column in range(values.shape[1] - 1, -1, -1)),))
    fronts: list[list[int]] = []
    for at in order.tolist():  # whatever beats a row comes before it, so each row is placed once
        row = values[at]
        for rank, front in enumerate(fronts):
            members = values[front]
            if not ((members >= row).all(axis=1) & (members > row).any(axis=1)).any():
                front.append(at)
                ranks[at] = rank
                break
        else:
            fronts.append([at])
            ranks[at] = len(fronts) - 1
    return ranks
