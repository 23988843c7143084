"""`with_branches`: a network with many branches more at once, each to be told from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from presage.architecture.graph import Architecture
from presage.architecture.morphing.inserting import add_branch
from presage.architecture.morphing.morphism import FRESH, Start

__all__ = ["Branch", "Branched", "Key", "Shared", "told_of", "with_branches"]

Key = tuple[int, int]
"""A node by where it comes from: (`FRESH`, its place in the network before), or the branch and the place in that."""


@dataclass(frozen=True)
class Branch:
    """What `presage.architecture.morphing.inserting.add_branch` adds.

    Attributes:
        source, to: nodes of the network before any branch.
        kind, kernel: what it computes.
    """

    source: int
    to: int
    kind: str
    kernel: int

    def __str__(self) -> str:
        return f"branch ({self.kind}, {self.kernel}×{self.kernel}) from {self.source} to {self.to}"


Shared = tuple[Branch, ...]
"""Branches that are one choice: a branch, or the same in every repetition of a cell."""


def told_of(shared: Shared) -> str:
    """*branch (separable, 3×3) from 4 to 6, and likewise in 2 more cells*."""
    more = len(shared) - 1
    cells = f", and likewise in {more} more cell{'s' if more > 1 else ''}" if more else ""
    return f"{shared[0]}{cells}"


@dataclass(frozen=True, eq=False)
class Branched:
    """A network with branches.

    Attributes:
        keys: of each of its nodes.
        starts: of nodes with weights in branches, what they begin with.
    """

    architecture: Architecture
    keys: tuple[Key, ...]
    starts: Mapping[Key, Start]

    def place(self, key: Key) -> int:
        """The node of a key."""
        return self.keys.index(key)


def with_branches(
    architecture: Architecture, input_shape: Sequence[int], classes: int, branches: Sequence[Branch]
) -> Branched:
    """The network with all branches, which add zeros at first.

    Raises:
        InvalidArchitecture: one of them brings no shape to the other; names the operation.
    """
    keys: list[Key] = [(FRESH, at) for at in range(len(architecture.nodes))]
    starts: dict[Key, Start] = {}
    ends = {branch.to: branch.to for branch in branches}
    for number in sorted(range(len(branches)), key=lambda number: -branches[number].to):  # what is before, stays there
        one = branches[number]
        found = add_branch(architecture, input_shape, classes, one.source, ends[one.to], one.kind, one.kernel)
        fresh = [at for at, origin in enumerate(found.origins) if origin == FRESH]
        ends[one.to] += len(fresh)
        starts |= {(number, at - fresh[0]): start for at, start in found.starts.items()}
        keys = [(number, at - fresh[0]) if origin == FRESH else keys[origin] for at, origin in enumerate(found.origins)]
        architecture = found.architecture
    return Branched(architecture, tuple(keys), starts)
