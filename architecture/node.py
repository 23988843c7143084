"""`Node`: one place of a graph."""

from __future__ import annotations

from dataclasses import dataclass

from presage.architecture.operations import Operation

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """An operation and the positions, in the architecture, of the nodes it reads (order matters to concatenate)."""

    operation: Operation
    inputs: tuple[int, ...] = ()
