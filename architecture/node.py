"""`Node`: one place of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from presage.architecture.operations import Operation

__all__ = ["Node", "readers_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """An operation and the positions, in the architecture, of the nodes it reads (order matters to concatenate)."""

    operation: Operation
    inputs: tuple[int, ...] = ()


def readers_of(nodes: Sequence[Node]) -> list[list[int]]:
    """Of each node the positions of those that read it, ascending; one that reads it twice stands there twice."""
    found: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for source in node.inputs:
            found[source].append(index)
    return found
