"""The relaxation of `Darts`: every operation on every edge of both cells, in one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
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
from presage.architecture.spaces import cells
from presage.architecture.spaces.cells import CELL_OPERATIONS
from presage.architecture.spaces.relaxation import Edge, Floats, Gate, Mixture, Relaxation
from presage.architecture.spaces.space import Codes
from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.architecture.spaces.darts import Darts

__all__ = ["DartsRelaxation"]

KINDS = ("normal", "reduction")
STATES = range(2, 6)
ALL = np.ones(1, np.bool_)


class DartsRelaxation(Relaxation):
    """14 edges a cell, the seven operations of `Darts` and `none`: the search network of arXiv 1806.09055.

    As in it, no batch normalisation has weights of its own, and one follows each pooling.
    """

    operations = ("none", *CELL_OPERATIONS)
    skip = operations.index("skip_connect")

    def __init__(self, space: Darts) -> None:
        self.space = space
        self.edges = tuple(Edge(kind, source, state) for kind in KINDS for state in STATES for source in range(state))

    def mixture(self, partial: int = 1) -> Mixture:
        space = self.space
        if partial < 1 or space.width % partial:
            raise InvalidArgument("partial", "pc-darts", f"divide the width of `{space.name}`, {space.width}", partial)
        written = _Written(partial)
        builder, width = written.builder, space.width
        reductions = cells.reduction_cells(space.cells)
        x = builder.add(Convolution, builder.image, channels=cells.STEM * width, stride=space.stride)
        x = builder.add(Activation, builder.add(BatchNorm, x))
        before, last = x, x
        for cell in range(space.cells):
            halve = cell in reductions
            width <<= halve
            left = cells.projected(builder, before, width, ALL, halve=cell - 1 in reductions, affine=False)
            right = cells.projected(builder, last, width, ALL, halve=False, affine=False)
            first = [edge.kind for edge in self.edges].index(KINDS[halve])
            x = written.cell(left, right, width, first, halve)
            if cell < space.cells - 1:
                x = builder.add(Activation, x)
            before, last = last, x
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return Mixture(builder.finish().architecture(0), tuple(written.gates))

    def paths(self, codes: Codes) -> NDArray[np.bool_]:
        found = np.zeros((len(codes), len(self.edges), len(self.operations)), np.bool_)
        rows = np.arange(len(codes))
        for kind in KINDS:
            wiring = self.space.wiring(kind, codes)
            for at, state in enumerate(STATES):
                first = self.edges.index(Edge(kind, 0, state))
                for side in (0, 1):
                    found[rows, first + wiring.inputs[:, at, side], 1 + wiring.operations[:, at, side]] = True
        return found

    def derive(self, strength: Floats) -> Codes:
        genotype: list[list[tuple[str, int]]] = []
        for kind in KINDS:
            chosen: list[tuple[str, int]] = []
            for state in STATES:
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
        for _ in STATES:
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
            made = cells.edge(self.builder, x, relu, np.array([at]), width, np.array([stride]), ALL, affine=False)
            if name.endswith("pool_3x3"):
                made = self.builder.add(BatchNorm, made, affine=False)
            elif made[0] == x[0]:  # handed on: a node of its own, to be weighed
                made = self.builder.add(Identity, x)
            self.gates.append(Gate(int(made[0]), row, 1 + at))
            found.append(made)
        return found
