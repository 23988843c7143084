"""`proposed`: smaller versions of a network, drawn by seed, each as large as the limits allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from presage.architecture.graph import Architecture
from presage.architecture.shrinking.channels import channels_of
from presage.architecture.shrinking.shortening import Block, removable, shortened
from presage.architecture.shrinking.swapping import STANDARD, Unit, substitutes, swapped, units
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.fitting import NEAR, fitted

__all__ = ["BLOCKS", "DEPTH", "MIXED", "PLAIN", "WIDTHS", "Smaller", "plain", "proposed"]

PLAIN, WIDTHS, DEPTH, BLOCKS, MIXED = "plain", "widths", "depth", "blocks", "mixed"
"""How a smaller version comes about: all widths by one factor (the baseline); each stage's by its own; blocks removed;
blocks swapped for cheaper ones (BlockSwap, arXiv 1906.04113); all of it together."""
_SPREAD = 2.0  # a stage becomes at most so many times wider, or narrower, than the others
_OVER = 1.15  # of the limit: what swapped blocks leave to the widths
_ROUNDED = 0.005  # a factor nearer to 1 is not told
_ATTEMPTS = 6  # for each version wanted


@dataclass(frozen=True)
class Smaller:
    """A smaller version of a network.

    Attributes:
        architecture: in canonical form.
        kind: how it came about, one of the above.
        how: the same in words.
        share: of its limit that it takes.
    """

    architecture: Architecture
    kind: str
    how: str
    share: float


def plain(architecture: Architecture, allowance: Allowance) -> Smaller | None:
    """The network with all widths multiplied by one factor; None where that does not do."""
    found = fitted(architecture, allowance)
    if found is None:
        return None
    return Smaller(found.architecture, PLAIN, f"all widths × {found.factor:.2f}", found.share)


def proposed(
    architecture: Architecture,
    allowance: Allowance,
    number: int,
    seed: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Smaller]:
    """Up to `number` smaller versions, all different and within the limits, each taking `NEAR` of them at least.

    Args:
        architecture: in canonical form.
        on_progress: told how many there are, and how many are wanted.
    """
    found: dict[str, Smaller] = {}
    for one in _drawn(architecture, allowance, number * _ATTEMPTS, seed):
        if one is not None and one.share >= NEAR:
            found.setdefault(one.architecture.hash, one)
        on_progress(len(found), number)
        if len(found) >= number:
            break
    return list(found.values())


def _drawn(architecture: Architecture, allowance: Allowance, attempts: int, seed: int) -> Iterator[Smaller | None]:
    shape, classes = allowance.input_shape, allowance.classes
    blocks, parts = removable(architecture, shape, classes), units(architecture)
    kinds = [WIDTHS, *([DEPTH] if blocks else []), *([BLOCKS] if parts else []), *([MIXED] if blocks or parts else [])]
    draw = _Draw(allowance, blocks)
    for attempt in range(attempts):
        rng = np.random.default_rng([seed, attempt])
        yield draw(architecture, kinds[attempt % len(kinds)], rng)


@dataclass(frozen=True)
class _Draw:
    allowance: Allowance
    blocks: tuple[Block, ...]

    def __call__(self, architecture: Architecture, kind: str, rng: np.random.Generator) -> Smaller | None:
        told = []
        if kind in (DEPTH, MIXED) and self.blocks:
            gone = self._gone(rng, kind)
            if gone:
                architecture = shortened(architecture, gone)
                told.append(f"{len(gone)} of {len(self.blocks)} blocks removed")
        if kind in (BLOCKS, MIXED):
            architecture, words = self._swapped(architecture, rng)
            told += words
        relative = None
        if kind in (WIDTHS, MIXED):
            relative, words = self._stages(architecture, rng)
            told += words
        found = fitted(architecture, self.allowance, relative)
        if found is None:
            return None
        if relative is None and found.factor < 1 - _ROUNDED:
            told.append(f"widths × {found.factor:.2f}")
        return Smaller(found.architecture, kind, ", ".join(told), found.share)

    def _gone(self, rng: np.random.Generator, kind: str) -> list[Block]:
        count = int(rng.integers(0 if kind == MIXED else 1, len(self.blocks) + 1))
        return [self.blocks[at] for at in sorted(rng.permutation(len(self.blocks))[:count].tolist())]

    def _swapped(self, architecture: Architecture, rng: np.random.Generator) -> tuple[Architecture, list[str]]:
        """Units in random order, each for a random kind, until the widths can do the rest."""
        shape, classes = self.allowance.input_shape, self.allowance.classes
        parts = units(architecture)
        chosen: dict[Unit, str] = {}
        made = architecture
        for at in rng.permutation(len(parts)).tolist():
            if self.allowance.share(made) <= _OVER:
                break
            offered = substitutes(architecture, parts[at], shape, classes)
            if offered:
                chosen[parts[at]] = offered[int(rng.integers(len(offered)))]
                made = swapped(architecture, chosen, shape, classes)
        if not chosen:
            return architecture, []
        return made, ["blocks " + " ".join(chosen.get(part, STANDARD) for part in parts)]

    def _stages(self, architecture: Architecture, rng: np.random.Generator) -> tuple[list[float], list[str]]:
        """A width for each side of maps, relative to the others."""
        pools = channels_of(architecture, self.allowance.input_shape, self.allowance.classes).pools
        sides = sorted({pool.side for pool in pools}, reverse=True)
        drawn = _SPREAD ** rng.uniform(-1, 1, len(sides))
        of = dict(zip(sides, (drawn / drawn.max()).tolist(), strict=True))
        words = "widths of stages in the ratio " + " : ".join(f"{of[side]:.2f}" for side in sides)
        return [of[pool.side] for pool in pools], [words]
