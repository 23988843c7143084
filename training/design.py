"""Which experiments a campaign runs on a dataset: the first so many of an endless, fixed sequence.

- A *core* of architectures, the same on every dataset, so that rankings compare across datasets.
- Then *fresh* ones, drawn for this dataset alone (seeded by its fingerprint).
- Every twelfth experiment repeats an earlier one with a second seed, the core first: how far two trainings of the same
  networks agree bounds what any prediction can reach.

Both draws take the spaces in turn and are stratified by multiply-adds. A longer sequence only adds to a shorter one:
spaces that came later have a part of their own, with a core of their own, after the parts before it (`PARTS`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import batch_costs
from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.architecture.spaces import Space, get_space
from presage.training.recipe import Recipe

__all__ = [
    "GOLDEN",
    "PARTS",
    "REPEAT_EVERY",
    "Candidate",
    "Part",
    "Planned",
    "choose_core",
    "core",
    "seed_of",
    "sequence",
]


@dataclass(frozen=True)
class Part:
    """A stretch of the sequence. Fixed for good once experiments were made by it.

    Attributes:
        spaces: drawn from in turn; a space named twice comes twice as often.
        core: file beside this one with the core of the part.
        core_size: number of architectures in it.
        length: experiments before the next part begins; None in the last part, which has no end.
    """

    spaces: tuple[str, ...]
    core: str
    core_size: int
    length: int | None


_LATER = ("enas_micro:nodes=3,width=4", "enas_macro:layers=4", "mobile:stages=2,width=8", "blocks:blocks=1,width=8")
_DARTS = "darts:width=4"
PARTS = (
    Part(("chain", "nb201"), "core.json", 28, 88),
    Part((_DARTS, *_LATER, "chain", *_LATER, "nb201"), "core_2.json", 10, None),
)
"""The sequence. The core of the second part holds only the five spaces that the first one lacks, small enough to be
trained in some seconds of one core; `darts`, the slowest for its size, comes half as often."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill an interval evenly at every length."""

REPEAT_EVERY = 12
MOST_MULTIPLY_ADDS = 4_000_000
"""Of one image of `REFERENCE_SHAPE`. Costlier networks are left out, so that a campaign's hours can be foreseen."""

REFERENCE_SHAPE = (3, 16, 16)
REFERENCE_CLASSES = 10
_POOL = 512  # draws that tell how a space's costs are spread
_CHOICES = 12  # draws among which a fresh architecture is the one nearest to the cost wanted


@dataclass(frozen=True)
class Candidate:
    """An architecture and the space and parameters it came from."""

    architecture: Architecture
    space: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """One experiment of a sequence, by `recipe`; None is the campaign's one recipe."""

    position: int
    candidate: Candidate
    seed: int
    kind: str  # "core", "fresh", "scaled" or "repeat"
    recipe: Recipe | None = None


def core() -> tuple[Candidate, ...]:
    """The cores of all parts, one after the other."""
    return tuple(candidate for part in PARTS for candidate in _core(part.core))


@cache
def _core(file: str) -> tuple[Candidate, ...]:
    """The core of a part, as shipped: fixed for good, whatever becomes of the spaces."""
    text = resources.files("presage.training").joinpath(file).read_text(encoding="utf-8")
    return tuple(
        Candidate(from_json(entry["architecture"]), entry["space"], entry["params"]) for entry in json.loads(text)
    )


def sequence(fingerprint: str) -> Iterator[Planned]:
    """The experiments on the dataset with this fingerprint, in order, without end; no two are the same."""
    seen = {candidate.architecture.hash for candidate in core()}
    position = 0
    for number, part in enumerate(PARTS):
        for planned in islice(_part(number, part, position, fingerprint, seen), part.length):
            yield planned
            position += 1


def _part(number: int, part: Part, position: int, fingerprint: str, seen: set[str]) -> Iterator[Planned]:
    """The experiments of a part that begins at `position`. `seen` are hashes that no fresh draw may have; grows."""
    distinct: list[Candidate] = []
    repeats = 0
    fresh = _fresh(fingerprint, number)
    for at in count(position):
        if at % REPEAT_EVERY == REPEAT_EVERY - 1:
            yield Planned(at, distinct[repeats], seed=1, kind="repeat")
            repeats += 1
        elif len(distinct) < part.core_size:
            distinct.append(_core(part.core)[len(distinct)])
            yield Planned(at, distinct[-1], seed=0, kind="core")
        else:
            candidate = next(found for found in fresh if found.architecture.hash not in seen)
            seen.add(candidate.architecture.hash)
            distinct.append(candidate)
            yield Planned(at, candidate, seed=0, kind="fresh")


def seed_of(fingerprint: str) -> list[int]:
    """What a dataset's draws are seeded with: the first half of its fingerprint, as four whole numbers."""
    return [int(fingerprint[start : start + 8], 16) for start in range(0, 32, 8)]


def _fresh(fingerprint: str, number: int) -> Iterator[Candidate]:
    """Architectures drawn for a dataset in the part of this number, from its spaces in turn."""
    spaces = PARTS[number].spaces
    key = seed_of(fingerprint)
    stream = [number] if number else []  # the first part's draws were made before there were parts
    phase = np.random.default_rng(key).random()
    turns = dict.fromkeys(spaces, 0)
    for index in count():
        name = spaces[index % len(spaces)]
        turns[name] += 1
        rng = np.random.default_rng([*key, *stream, index])
        wanted = np.quantile(_cost_spread(name), (phase + turns[name] * GOLDEN) % 1)
        space = get_space(name)
        codes = space.sample(_CHOICES, rng)
        found = _log_costs(space, codes)
        distance = np.where(_allowed(found), np.abs(found - wanted), np.inf)
        if np.isfinite(distance).any():
            yield _candidate(space, codes[int(np.argmin(distance))])


def choose_core(spaces: Sequence[str], size: int, seed: int = 0) -> tuple[Candidate, ...]:
    """Draw a core: for each space as many as its share of `spaces`, one from each of as many equal shares of its costs.

    Any prefix is about as balanced as the whole. `core` reads what this drew once; it is here to show how.
    """
    rng = np.random.default_rng([seed, size])
    lists = []
    for name in sorted(set(spaces)):
        share = size * spaces.count(name) // len(spaces)
        space = get_space(name)
        codes = space.sample(_POOL, rng)
        spread_of = _log_costs(space, codes)
        codes, spread_of = codes[_allowed(spread_of)], spread_of[_allowed(spread_of)]
        strata = np.array_split(np.argsort(spread_of, kind="stable"), share)
        members: dict[str, Candidate] = {}
        for stratum in strata:
            drawn = (_candidate(space, codes[row]) for row in rng.permutation(stratum))
            candidate = next(found for found in drawn if found.architecture.hash not in members)
            members[candidate.architecture.hash] = candidate
        ordered = list(members.values())
        spread = np.argsort((np.arange(1, share + 1) * GOLDEN) % 1)  # neighbours in the order differ in cost
        lists.append((name, [ordered[rank] for rank in np.argsort(spread)]))
    queues = {name: iter(members) for name, members in lists}
    return tuple(next(queues[spaces[index % len(spaces)]]) for index in range(size))


@cache
def _cost_spread(name: str) -> NDArray[np.float64]:
    """Log multiply-adds of many architectures of a space, those over the cap left out."""
    space = get_space(name)
    found = _log_costs(space, space.sample(_POOL, np.random.default_rng(0)))
    return np.sort(found[_allowed(found)])


def _log_costs(space: Space, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    counted = batch_costs(space.decode_batch(codes), REFERENCE_SHAPE, REFERENCE_CLASSES).multiply_adds
    return np.log(np.maximum(counted, 1).astype(np.float64))


def _allowed(log_costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(log_costs <= np.log(MOST_MULTIPLY_ADDS), np.bool_)


def _candidate(space: Space, code: NDArray[np.int64]) -> Candidate:
    params = space.params(code)
    return Candidate(space.decode(params), space.name, dict(params))


if __name__ == "__main__":  # how the cores were made
    chosen_from = {"core.json": PARTS[0].spaces, "core_2.json": (_DARTS, *_LATER)}[sys.argv[1]]
    entries = [
        {"space": found.space, "params": found.params, "architecture": to_json(found.architecture.canonical)}
        for found in choose_core(chosen_from, {part.core: part.core_size for part in PARTS}[sys.argv[1]])
    ]
    sys.stdout.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
