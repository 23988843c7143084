"""`EnasMicro`: the cell space of ENAS (Pham et al. 2018, arXiv 1802.03268, section 2.4); serves NASNet-like cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.cells import CELL_OPERATIONS, Wiring, write_cells
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["EnasMicro"]

CELLS = ("normal", "reduction")
SIDES = ("first", "second")
CHOICES = ("identity", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
MEANING = np.array([CELL_OPERATIONS.index(name) for name in ("skip_connect", *CHOICES[1:])])


@dataclass(frozen=True)
class EnasMicro(Space):
    """A normal and a reduction cell of `nodes` nodes, stacked `cells` times; a third and two thirds of them in, the
    reduction cell halves the side and doubles the width.

    Each node sums two operations, each on an earlier state of its own choice, perhaps the same: 0 and 1 are the outputs
    of the cell before the last and of the last, 2 the cell's first node, and so on. A cell gives its loose ends, the
    nodes that no other reads, one after the other. A cell that no later one reads is no part of the network.

    The paper's networks for CIFAR-10 are `nodes=5, cells=17, width=36, stride=1`. The defaults are small enough for a
    CPU: one normal cell and two reduction cells, after a stem of stride 2.
    """

    family: ClassVar[str] = "enas_micro"
    nodes: int = 4
    cells: int = 3
    width: int = 8
    stride: int = 2

    def __post_init__(self) -> None:
        for name, least, most in (("nodes", 1, 100), ("cells", 3, 1000), ("width", 1, 100_000), ("stride", 1, 2)):
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, "EnasMicro", f"be between {least} and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = []
        for cell in CELLS:
            for node in range(2, 2 + self.nodes):
                for side in SIDES:
                    found.append(Categorical(f"{cell}.node{node}.{side}.input", tuple(range(node))))
                    found.append(Categorical(f"{cell}.node{node}.{side}.operation", CHOICES))
        return tuple(found)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        normal, reduction = (self._wiring(half) for half in np.split(codes, 2, axis=1))
        return write_cells(normal, reduction, self.cells, self.width, self.stride)

    def _wiring(self, codes: Codes) -> Wiring:
        """The cells of (n, 4 q) codes: for each of q nodes first input, its operation, second input, its operation."""
        n = len(codes)
        edges = codes.reshape(n, self.nodes, 2, 2)
        inputs = edges[..., 0]
        read = (inputs.reshape(n, -1, 1) == np.arange(2, 2 + self.nodes)).any(axis=1)
        return Wiring(inputs, MEANING[edges[..., 1]], ~read)
