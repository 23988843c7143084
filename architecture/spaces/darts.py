"""`Darts`: the cell space of DARTS (Liu et al. 2019, arXiv 1806.09055), any number of cells, any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.cells import CELL_OPERATIONS, Wiring, write_cells
from presage.architecture.spaces.space import Categorical, Choice, Codes, Space
from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.architecture.spaces.relaxation import Relaxation

__all__ = ["Darts"]

CELLS = ("normal", "reduction")
NODES = range(2, 6)  # numbered as the states they are: 0 and 1 are the inputs of the cell
PAIRS = {node: tuple(combinations(range(node), 2)) for node in NODES}


@dataclass(frozen=True)
class Darts(Space):
    """A normal and a reduction cell of four nodes, stacked `cells` times; a third and two thirds of them in, the
    reduction cell halves the side and doubles the width.

    Each node sums an operation on each of two different earlier states (``inputs``, as in ``0,1``: 0 and 1 are the
    outputs of the cell before the last and of the last, 2 to 5 the nodes), and the cell gives all four nodes, one after
    the other. Of the paper's eight operations the discrete cell has seven: `none` only serves its relaxation, and no
    cell that the paper derives holds it (section 2.4).

    The paper's networks for CIFAR-10 are `cells=20, width=36, stride=1`. The defaults are small enough for a CPU: one
    normal cell and two reduction cells, after a stem of stride 2 (as the paper's networks for ImageNet have one).
    """

    family: ClassVar[str] = "darts"
    cells: int = 3
    width: int = 8
    stride: int = 2

    def __post_init__(self) -> None:
        for name, least, most in (("cells", 3, 1000), ("width", 1, 100_000), ("stride", 1, 2)):
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, "Darts", f"be between {least} and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = []
        for cell in CELLS:
            for node in NODES:
                if len(PAIRS[node]) > 1:
                    choices = tuple(f"{left},{right}" for left, right in PAIRS[node])
                    found.append(Categorical(f"{cell}.node{node}.inputs", choices))
                found += [Categorical(f"{cell}.node{node}.{side}", CELL_OPERATIONS) for side in ("first", "second")]
        return tuple(found)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        normal, reduction = (self.wiring(cell, codes) for cell in CELLS)
        return write_cells(normal, reduction, self.cells, self.width, self.stride)

    def from_genotype(
        self, normal: Sequence[tuple[str, int]], reduction: Sequence[tuple[str, int]]
    ) -> dict[str, Choice]:
        """The parameters of a genotype as its authors publish them: eight (operation, input) of either cell, two of
        each node in turn.

        Raises:
            InvalidArgument: where it is no such genotype.
        """
        found: dict[str, Choice] = {}
        for cell, edges in zip(CELLS, (normal, reduction), strict=True):
            if len(edges) != 2 * len(NODES):
                raise InvalidArgument(cell, "Darts.from_genotype", f"hold {2 * len(NODES)} edges", len(edges))
            for node in NODES:
                (first, left), (second, right) = sorted(edges[2 * node - 4 : 2 * node - 2], key=lambda edge: edge[1])
                if len(PAIRS[node]) > 1:
                    found[f"{cell}.node{node}.inputs"] = f"{left},{right}"
                elif (left, right) != PAIRS[node][0]:
                    raise InvalidArgument(cell, "Darts.from_genotype", "have its first node read 0 and 1", edges[:2])
                found |= {f"{cell}.node{node}.first": first, f"{cell}.node{node}.second": second}
        self.codes([found])  # refuses what is no choice
        return found

    @property
    def relaxation(self) -> Relaxation:
        from presage.architecture.spaces.darts_relaxation import DartsRelaxation

        return DartsRelaxation(self)

    def wiring(self, cell: str, codes: Codes) -> Wiring:
        """The normal or the reduction cells of (n, p) codes."""
        inputs = np.empty((len(codes), len(NODES), 2), np.int64)
        operations = np.empty_like(inputs)
        for at, node in enumerate(NODES):
            column = self.columns.get(f"{cell}.node{node}.inputs")
            pair = 0 if column is None else codes[:, column]
            inputs[:, at] = np.array(PAIRS[node])[pair]
            for side, name in enumerate(("first", "second")):
                operations[:, at, side] = codes[:, self.columns[f"{cell}.node{node}.{name}"]]
        return Wiring(inputs, operations, np.ones(inputs.shape[:2], np.bool_))
