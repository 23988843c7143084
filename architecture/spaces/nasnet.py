"""`NASNet`: the cell space of NASNet (Zoph et al. 2018, arXiv 1707.07012, section 3), which AmoebaNets are of, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from presage.architecture.spaces.cells import NASNET_OPERATIONS, Wiring
from presage.architecture.spaces.codes import Choice, Codes
from presage.architecture.spaces.space import Categorical
from presage.architecture.spaces.stacked_cells import CELLS, SIDES, StackedCells
from presage.errors import InvalidArgument

__all__ = ["AMOEBANET_A", "NASNET_A", "NASNet"]

OUTPUTS = ("nodes", "nodes and input")

Edges = Sequence[tuple[str, int]]

NASNET_A: dict[str, Edges] = {
    "normal": (
        *(("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("sep_conv_3x3", 0), ("avg_pool_3x3", 1)),
        *(("skip_connect", 0), ("avg_pool_3x3", 0), ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("skip_connect", 1)),
    ),
    "reduction": (
        *(("sep_conv_5x5", 1), ("sep_conv_7x7", 0), ("max_pool_3x3", 1), ("sep_conv_7x7", 0), ("avg_pool_3x3", 1)),
        *(("sep_conv_5x5", 0), ("skip_connect", 3), ("avg_pool_3x3", 2), ("sep_conv_3x3", 2), ("max_pool_3x3", 1)),
    ),
}
"""The best cells of NASNet (figure 4 there): its normal cell gives its first input, too (`passes=("normal",)`). The
authors' reduction cell also gives its second node, which another reads; here a node that is read is not given."""

AMOEBANET_A: dict[str, Edges] = {
    "normal": (
        *(("avg_pool_3x3", 0), ("max_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2), ("sep_conv_3x3", 0)),
        *(("avg_pool_3x3", 3), ("sep_conv_3x3", 1), ("skip_connect", 1), ("skip_connect", 0), ("avg_pool_3x3", 1)),
    ),
    "reduction": (
        *(("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("max_pool_3x3", 0), ("sep_conv_7x7", 2), ("sep_conv_7x7", 0)),
        *(("avg_pool_3x3", 1), ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("conv_1x7_7x1", 0), ("sep_conv_3x3", 5)),
    ),
}
"""The cells of AmoebaNet-A (Real et al. 2019, arXiv 1802.01548, figure 5)."""


@dataclass(frozen=True)
class NASNet(StackedCells):
    """A normal and a reduction cell of `nodes` nodes, stacked as in `enas_micro`, with NASNet's operations: the
    identity, pools of 3, 5 and 7, separable convolutions of 3, 5 and 7, dilated ones, dense ones of 1 and 3, and those
    of 3 and 7 as a row and a column.

    Each node sums two operations, each on an earlier state of its own choice. A cell gives the nodes that no other
    reads, one after the other, and before them, where ``output`` says so, its first input. Of the two ways in which the
    paper lets nodes combine their operations, sum and concatenation, this is the sum, which all its best cells have.

    The paper's networks for CIFAR-10 are `nodes=5, cells=20, width=32, stride=1` (6 @ 768). The defaults are small
    enough for a CPU.
    """

    family: ClassVar[str] = "nasnet"
    operations: ClassVar[tuple[str, ...]] = NASNET_OPERATIONS
    nodes: int = 5

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(
            parameter for cell in CELLS for parameter in (*self.edges(cell), Categorical(f"{cell}.output", OUTPUTS))
        )

    def from_genotype(self, normal: Edges, reduction: Edges, passes: Sequence[str] = ()) -> dict[str, Choice]:
        """The parameters of published cells.

        Args:
            normal, reduction: (operation, state read) of the two edges of each node, one node after the other.
            passes: the cells, of ``normal`` and ``reduction``, that give their first input, too.

        Raises:
            InvalidArgument: a cell of another number of edges, or an edge that the space does not have.
        """
        params: dict[str, Choice] = {}
        for cell, edges in zip(CELLS, (normal, reduction), strict=True):
            if len(edges) != 2 * self.nodes:
                raise InvalidArgument(cell, "NASNet.from_genotype", f"hold {2 * self.nodes} edges", len(edges))
            for at, (operation, state) in enumerate(edges):
                name = f"{cell}.node{2 + at // 2}.{SIDES[at % 2]}"
                params |= {f"{name}.input": state, f"{name}.operation": operation}
            params[f"{cell}.output"] = OUTPUTS[cell in passes]
        self.codes([params])  # refuses what is no choice
        return params

    def wiring(self, codes: Codes) -> Wiring:
        """The cells of (n, 4 q + 1) codes: the edges, and the output."""
        inputs, operations, ends = self.wired(codes[:, :-1])
        return Wiring(inputs, operations, ends, codes[:, -1] == 1)
