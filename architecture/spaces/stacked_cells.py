"""`StackedCells`: what the cell spaces of ENAS and NASNet share: a normal and a reduction cell, edge by edge."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.cells import Wiring, write_cells
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["CELLS", "SIDES", "StackedCells"]

CELLS = ("normal", "reduction")
SIDES = ("first", "second")


@dataclass(frozen=True)
class StackedCells(Space):
    """A normal and a reduction cell of `nodes` nodes, stacked `cells` times; a third and two thirds of them in, the
    reduction cell halves the side and doubles the width.

    Each node sums two operations, each on an earlier state of its own choice, perhaps the same: 0 and 1 are the outputs
    of the cell before the last and of the last, 2 the cell's first node, and so on.
    """

    operations: ClassVar[tuple[str, ...]]
    nodes: int = 4
    cells: int = 3
    width: int = 8
    stride: int = 2

    def __post_init__(self) -> None:
        for name, least, most in (("nodes", 1, 100), ("cells", 3, 1000), ("width", 1, 100_000), ("stride", 1, 2)):
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, type(self).__name__, f"be between {least} and {most}", getattr(self, name))

    def decode_batch(self, codes: Codes) -> GraphBatch:
        normal, reduction = (self.wiring(half) for half in np.split(codes, 2, axis=1))
        return write_cells(normal, reduction, self.cells, self.width, self.stride)

    @abstractmethod
    def wiring(self, codes: Codes) -> Wiring:
        """The normal or the reduction cells of their half of the codes."""

    def edges(self, cell: str) -> list[Categorical]:
        """The parameters of a cell's edges: of each node first input, its operation, second input, its operation."""
        found = []
        for node in range(2, 2 + self.nodes):
            for side in SIDES:
                found.append(Categorical(f"{cell}.node{node}.{side}.input", tuple(range(node))))
                found.append(Categorical(f"{cell}.node{node}.{side}.operation", self.operations))
        return found

    def wired(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Of (n, 4 q) codes of edges: (n, q, 2) inputs, (n, q, 2) positions in `operations`, (n, q) which nodes no
        other reads."""
        edges = codes.reshape(len(codes), self.nodes, 2, 2)
        inputs = edges[..., 0]
        read = (inputs.reshape(len(codes), -1, 1) == np.arange(2, 2 + self.nodes)).any(axis=1)
        return inputs, edges[..., 1], ~read
