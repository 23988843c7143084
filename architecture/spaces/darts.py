"""`Darts`: the cell space of DARTS (Liu et al. 2019, arXiv 1806.09055), any number of cells, any width.

And its relaxation: every operation on every edge of both cells, in one graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    Identity,
    MaxPool,
    Slice,
)
from presage.architecture.spaces.cells import (
    CELL_OPERATIONS,
    STEM,
    Wiring,
    edge,
    projected,
    reduction_cells,
    write_cells,
)
from presage.architecture.spaces.codes import Choice, Codes
from presage.architecture.spaces.relaxation import Edge, Floats, Gate, Mixture, Relaxation
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["Darts", "DartsRelaxation"]

CELLS = ("normal", "reduction")
NODES = range(2, 6)  # numbered as the states they are: 0 and 1 are the inputs of the cell
ALL = np.ones(1, np.bool_)
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
    def relaxation(self) -> DartsRelaxation:
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


class DartsRelaxation(Relaxation):
    """14 edges a cell, the seven operations of `Darts` and `none`: the search network of arXiv 1806.09055.

    As in it, no batch normalisation has weights of its own, and one follows each pooling.
    """

    operations = ("none", *CELL_OPERATIONS)
    skip = operations.index("skip_connect")

    def __init__(self, space: Darts) -> None:
        self.space = space
        self.edges = tuple(Edge(kind, source, state) for kind in CELLS for state in NODES for source in range(state))

    def mixture(self, partial: int = 1) -> Mixture:
        space = self.space
        if partial < 1 or space.width % partial:
            raise InvalidArgument("partial", "pc-darts", f"divide the width of `{space.name}`, {space.width}", partial)
        written = _Written(partial)
        builder, width = written.builder, space.width
        reductions = reduction_cells(space.cells)
        x = builder.add(Convolution, builder.image, channels=STEM * width, stride=space.stride)
        x = builder.add(Activation, builder.add(BatchNorm, x))
        before, last = x, x
        for cell in range(space.cells):
            halve = cell in reductions
            width <<= halve
            left = projected(builder, before, width, ALL, halve=cell - 1 in reductions, affine=False)
            right = projected(builder, last, width, ALL, halve=False, affine=False)
            first = [edge.kind for edge in self.edges].index(CELLS[halve])
            x = written.cell(left, right, width, first, halve)
            if cell < space.cells - 1:
                x = builder.add(Activation, x)
            before, last = last, x
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return Mixture(builder.finish().architecture(0), tuple(written.gates))

    def paths(self, codes: Codes) -> NDArray[np.bool_]:
        found = np.zeros((len(codes), len(self.edges), len(self.operations)), np.bool_)
        rows = np.arange(len(codes))
        for kind in CELLS:
            wiring = self.space.wiring(kind, codes)
            for at, state in enumerate(NODES):
                first = self.edges.index(Edge(kind, 0, state))
                for side in (0, 1):
                    found[rows, first + wiring.inputs[:, at, side], 1 + wiring.operations[:, at, side]] = True
        return found

    def derive(self, strength: Floats) -> Codes:
        genotype: list[list[tuple[str, int]]] = []
        for kind in CELLS:
            chosen: list[tuple[str, int]] = []
            for state in NODES:
                first = self.edges.index(Edge(kind, 0, state))
                some = strength[first : first + state, 1:]
                strongest = np.argsort(-some.max(axis=1), kind="stable")[:2]
                chosen += [(CELL_OPERATIONS[int(some[at].argmax())], int(at)) for at in strongest]
            genotype.append(chosen)
        found: Codes = self.space.codes([self.space.from_genotype(*genotype)])[0]
        return found


class _Written:
    """The mixture while it is written."""

    def __init__(self, partial: int) -> None:
        self.builder, self.partial = GraphBatchBuilder(1), partial
        self.gates: list[Gate] = []

    def cell(self, left: Nodes, right: Nodes, width: int, first: int, halve: bool) -> Nodes:
        """The output of a cell whose edges begin at row `first`."""
        builder, part = self.builder, width // self.partial
        states, row = [left, right], first
        used: list[tuple[Nodes, Nodes, Nodes]] = []  # of each state: the channels operated on, their ReLU, the others
        for _ in NODES:
            for x in states[len(used) :]:
                some, rest = x, x
                if self.partial > 1:
                    some = builder.add(Slice, x, start=0, stop=part)
                    rest = builder.add(Slice, x, start=part, stop=width)
                used.append((some, builder.add(Activation, some), rest))
            terms = []
            for source, (some, relu, rest) in enumerate(used):
                stride = 2 if halve and source < 2 else 1
                total = builder.add(Add, *self._operations(some, relu, part, stride, row))
                if self.partial > 1:
                    beside = builder.add(MaxPool, rest, ceil=True) if stride == 2 else rest
                    total = builder.add(ChannelShuffle, builder.add(Concatenate, total, beside), groups=self.partial)
                self.gates.append(Gate(int(total[0]), row, None))
                terms.append(total)
                row += 1
            states.append(builder.add(Add, *terms))
        return builder.add(Concatenate, *states[2:])

    def _operations(self, x: Nodes, relu: Nodes, width: int, stride: int, row: int) -> list[Nodes]:
        found = []
        for at, name in enumerate(CELL_OPERATIONS):
            made = edge(self.builder, x, relu, np.array([at]), width, np.array([stride]), ALL, affine=False)
            if name.endswith("pool_3x3"):
                made = self.builder.add(BatchNorm, made, affine=False)
            elif made[0] == x[0]:  # handed on: a node of its own, to be weighed
                made = self.builder.add(Identity, x)
            self.gates.append(Gate(int(made[0]), row, 1 + at))
            found.append(made)
        return found
