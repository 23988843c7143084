"""`drawn`: a random network morphism within limits; `descendant`: a network after several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from presage.architecture.graph import Architecture
from presage.architecture.morphing.inserting import BRANCHES, add_branch, add_skip, deepen
from presage.architecture.morphing.morphism import Morphism
from presage.architecture.morphing.widening import copies_for, widen
from presage.architecture.operation import Shape
from presage.architecture.shrinking.channels import channels_of
from presage.errors import InvalidArchitecture
from presage.search.shrinking.allowance import Allowance

__all__ = ["descendant", "drawn", "places_of"]

_FACTORS = (1.5, 2.0)  # by which a layer becomes wider
_KERNELS = (3, 5)
_TRIES = 40  # places for one morphism

Draw = Callable[[Architecture, Allowance, tuple[Shape, ...], np.random.Generator], Morphism | None]


def drawn(architecture: Architecture, allowance: Allowance, rng: np.random.Generator) -> Morphism | None:
    """A random morphism of a random kind: a layer wider by half or by all, a layer more, a skip connection, a branch.

    Those that an operation refuses, and those over the limits, are drawn anew; None where forty were.
    """
    shapes = architecture.shapes(allowance.input_shape, allowance.classes)
    for _ in range(_TRIES):
        try:
            found = _KINDS[int(rng.integers(len(_KINDS)))](architecture, allowance, shapes, rng)
        except InvalidArchitecture:
            continue
        if found is not None and allowance.share(found.architecture) <= 1:
            return found
    return None


def descendant(
    architecture: Architecture,
    allowance: Allowance,
    count: int,
    rng: np.random.Generator,
    follow: Callable[[Morphism], None] = lambda morphism: None,
) -> tuple[Architecture, tuple[str, ...]]:
    """The network after up to `count` random morphisms, and what they were; fewer where the limits leave no more.

    Args:
        follow: told of each morphism, in order.
    """
    told: list[str] = []
    for _ in range(count):
        morphism = drawn(architecture, allowance, rng)
        if morphism is None:
            break
        follow(morphism)
        architecture = morphism.architecture
        told.append(morphism.how)
    return architecture, tuple(told)


def _wider(
    architecture: Architecture, allowance: Allowance, shapes: tuple[Shape, ...], rng: np.random.Generator
) -> Morphism | None:
    pools = channels_of(architecture, allowance.input_shape, allowance.classes).pools
    if not pools:
        return None
    at, factor = int(rng.integers(len(pools))), _FACTORS[int(rng.integers(len(_FACTORS)))]
    width = max(int(factor * len(pools[at].numbers)), len(pools[at].numbers) + 1)
    copies = copies_for(pools[at], width, rng)
    return widen(architecture, allowance.input_shape, allowance.classes, at, copies)


def _deeper(
    architecture: Architecture, allowance: Allowance, shapes: tuple[Shape, ...], rng: np.random.Generator
) -> Morphism | None:
    places = places_of(architecture, shapes)
    if not places:
        return None
    after, kernel = places[int(rng.integers(len(places)))], _KERNELS[int(rng.integers(len(_KERNELS)))]
    return deepen(architecture, allowance.input_shape, allowance.classes, after, kernel)


def _two(architecture: Architecture, shapes: tuple[Shape, ...], rng: np.random.Generator) -> tuple[int, int] | None:
    places = places_of(architecture, shapes)
    if len(places) < 2:
        return None
    source, to = sorted(rng.choice(len(places), 2, replace=False).tolist())
    return places[source], places[to]


def _skipped(
    architecture: Architecture, allowance: Allowance, shapes: tuple[Shape, ...], rng: np.random.Generator
) -> Morphism | None:
    ends = _two(architecture, shapes, rng)
    return None if ends is None else add_skip(architecture, allowance.input_shape, allowance.classes, *ends)


def _branched(
    architecture: Architecture, allowance: Allowance, shapes: tuple[Shape, ...], rng: np.random.Generator
) -> Morphism | None:
    ends = _two(architecture, shapes, rng)
    if ends is None:
        return None
    kind, kernel = BRANCHES[int(rng.integers(len(BRANCHES)))], _KERNELS[int(rng.integers(len(_KERNELS)))]
    return add_branch(architecture, allowance.input_shape, allowance.classes, *ends, kind, kernel)


def places_of(architecture: Architecture, shapes: tuple[Shape, ...]) -> list[int]:
    """Nodes that give a map of several pixels; what a layer makes is left to the normalisation behind it."""
    return [
        at
        for at, node in enumerate(architecture.nodes[:-1])
        if at > 0 and max(shapes[at][1:], default=1) > 1 and not node.operation.weighted
    ]


_KINDS: tuple[Draw, ...] = (_wider, _deeper, _skipped, _branched)
