"""`EnasMicro`: the cell space of ENAS (Pham et al. 2018, arXiv 1802.03268, section 2.4); serves NASNet-like cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from presage.architecture.spaces.cells import CELL_OPERATIONS, Wiring
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.space import Categorical
from presage.architecture.spaces.stacked_cells import CELLS, StackedCells

__all__ = ["EnasMicro"]

CHOICES = ("identity", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
MEANING = np.array([CELL_OPERATIONS.index(name) for name in ("skip_connect", *CHOICES[1:])])


@dataclass(frozen=True)
class EnasMicro(StackedCells):
    """A normal and a reduction cell of `nodes` nodes, stacked `cells` times; a third and two thirds of them in, the
    reduction cell halves the side and doubles the width.

    Each node sums two operations, each on an earlier state of its own choice, perhaps the same: 0 and 1 are the outputs
    of the cell before the last and of the last, 2 the cell's first node, and so on. A cell gives its loose ends, the
    nodes that no other reads, one after the other. A cell that no later one reads is no part of the network.

    The paper's networks for CIFAR-10 are `nodes=5, cells=17, width=36, stride=1`. The defaults are small enough for a
    CPU: one normal cell and two reduction cells, after a stem of stride 2.
    """

    family: ClassVar[str] = "enas_micro"
    operations: ClassVar[tuple[str, ...]] = CHOICES

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(edge for cell in CELLS for edge in self.edges(cell))

    def wiring(self, codes: Codes) -> Wiring:
        """The cells of (n, 4 q) codes."""
        inputs, chosen, ends = self.wired(codes)
        return Wiring(inputs, MEANING[chosen], ends)
