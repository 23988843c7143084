"""`NB101`: the cell space of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635), any number of cells, any width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    AdaptiveAveragePool,
    Add,
    Classifier,
    Concatenate,
    Flatten,
    MaxPool,
    Slice,
)
from presage.architecture.spaces.activated import activated, joined
from presage.architecture.spaces.codes import Choice, Codes
from presage.architecture.spaces.labelled_graphs import LabelledGraphs, draw, place
from presage.architecture.spaces.space import Categorical, Mask, Space
from presage.errors import InvalidArgument

__all__ = ["NB101"]

Ints = NDArray[np.int64]

INPUT, OUTPUT = "input", "output"
CHOICES = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
CONV3, CONV1, POOL = range(3)
MOST_EDGES = 9


@dataclass(frozen=True)
class NB101(Space):
    """`stacks` stacks of `cells` equal cells, the side halved by max pooling and the width doubled between them.

    A cell is a graph of at most `vertices` vertices, input and output among them, and at most nine edges; each inner
    vertex does one of `CHOICES` to the sum of what it reads. ``edge0to3`` = 1 joins the input to vertex 3. What does
    not lie between input and output counts for nothing, nor do its edges among the nine.

    As in the published code, what reads the input reads it through a pointwise convolution of its own; the vertices
    that lead to the output share its channels and are joined there (`LabelledGraphs.channels`), one channel being cut
    off where that leaves a vertex wider than its reader; an edge from input to output is added. Isomorphic cells are
    one network: that whose vertices stand in the order in which the authors list it.

    The benchmark is `cells=3, width=128`, `width` being that of the stem and the first stack. The defaults are small
    enough for a CPU.
    """

    family: ClassVar[str] = "nb101"
    vertices: int = 7
    cells: int = 1
    width: int = 16
    stacks: int = 3

    def __post_init__(self) -> None:
        limits = (("vertices", 3, 7), ("cells", 1, 1000), ("width", self.vertices - 2, 100_000), ("stacks", 1, 10))
        for name, least, most in limits:
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, "NB101", f"be between {least} and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        edges = (
            Categorical(f"edge{source}to{target}", (0, 1))
            for target in range(1, self.vertices)
            for source in range(target)
        )
        return (*edges, *(Categorical(f"vertex{vertex}", CHOICES) for vertex in range(1, self.vertices - 1)))

    def graphs(self, codes: Codes) -> LabelledGraphs:
        """The cells of (n, p) codes as they are written, unused vertices among them."""
        v = self.vertices
        edges = np.zeros((len(codes), v, v), np.bool_)
        for target in range(1, v):
            first = place(0, target)
            edges[:, :target, target] = codes[:, first : first + target] == 1
        operations = np.zeros((len(codes), v), np.int64)
        operations[:, 1:-1] = codes[:, place(0, v) :]
        return LabelledGraphs(edges, operations, len(CHOICES))

    def active(self, codes: Codes) -> Mask:
        found = np.ones(codes.shape, np.bool_)
        found[:, place(0, self.vertices) :] = self.graphs(codes).used[:, 1:-1]
        return found

    def feasible(self, codes: Codes) -> Mask:
        number = self.graphs(codes).pruned().edges.sum(axis=(1, 2))
        found: Mask = (number > 0) & (number <= MOST_EDGES)
        return found

    def _draw(self, n: int, rng: np.random.Generator) -> Codes:
        # of codes drawn evenly a tenth would be the cell that is one edge, and most the same few small cells
        graphs = draw(n, self.vertices, MOST_EDGES, len(CHOICES), rng)
        edges = [graphs.edges[:, :target, target] for target in range(1, self.vertices)]
        return self.normalise(np.concatenate([*edges, graphs.operations[:, 1:-1]], axis=1).astype(np.int64))

    def decode_batch(self, codes: Codes) -> GraphBatch:
        graphs = self.graphs(codes).spelled()
        builder = GraphBatchBuilder(len(codes))
        x = activated(builder, builder.image, self.width, 3)
        for stack in range(self.stacks):
            width = self.width << stack
            if stack:
                x = builder.add(MaxPool, x, ceil=True)
            channels = graphs.channels(width)
            for _ in range(self.cells):
                x = _cell(builder, x, graphs, channels)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()

    def from_matrix(self, matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> dict[str, Choice]:
        """The parameters of a cell as the benchmark writes it (`ModelSpec`).

        Args:
            matrix: (m, m) 1 where an edge runs from the row's vertex to the column's, above the diagonal; m at most
                `vertices`.
            operations: of each vertex; ``input`` and ``output`` are the first and the last.

        Raises:
            InvalidArgument: no such matrix, an operation that is none of the benchmark's, or a cell of over nine edges
                or without a way from input to output.
        """
        rows, m, v = [list(row) for row in matrix], len(operations), self.vertices
        if not 2 <= m <= v or [len(row) for row in rows] != [m] * m:
            rule = f"have as many rows and columns as `operations`, 2 to {v}"
            raise InvalidArgument("matrix", "NB101.from_matrix", rule, rows)
        if any(
            edge not in (0, 1) or (edge and at <= row) for row, some in enumerate(rows) for at, edge in enumerate(some)
        ):
            raise InvalidArgument("matrix", "NB101.from_matrix", "hold 0 and 1, no 1 but above its diagonal", rows)
        if operations[0] != INPUT or operations[-1] != OUTPUT:
            raise InvalidArgument("operations", "NB101.from_matrix", "begin with input and end with output", operations)
        to = [*range(m - 1), v - 1]
        found: dict[str, Choice] = {parameter.name: parameter.choices[0] for parameter in self.parameters}
        for row, some in enumerate(rows):
            found |= {f"edge{to[row]}to{to[at]}": 1 for at, edge in enumerate(some) if edge}
        found |= {f"vertex{at}": operation for at, operation in enumerate(operations[1:-1], start=1)}
        return self.params(self.codes([found])[0])

    def to_matrix(self, params: Mapping[str, Choice]) -> tuple[list[list[int]], list[str]]:
        """The cell as the benchmark lists it: its matrix and its operations, `from_matrix` in reverse. Of all spellings
        of one cell it is the same one, so the benchmark's records can be looked up by it."""
        graph = self.graphs(self.codes([params])).spelled()
        kept = np.flatnonzero(graph.used[0])
        inner = [CHOICES[at] for at in graph.operations[0, kept[1:-1]]]
        return graph.edges[0][np.ix_(kept, kept)].astype(int).tolist(), [INPUT, *inner, OUTPUT]


def _cell(builder: GraphBatchBuilder, x: Nodes, graphs: LabelledGraphs, channels: Ints) -> Nodes:
    used, edges = graphs.used, graphs.edges
    states = [x]
    for vertex in range(1, edges.shape[1] - 1):
        wide = channels[:, vertex]
        terms = [activated(builder, x, wide, 1, edges[:, 0, vertex])]
        for source, state in enumerate(states[1:], start=1):
            read = edges[:, source, vertex]
            cut = read & (channels[:, source] > wide)
            terms.append(
                np.where(cut, builder.add(Slice, state, where=cut, start=0, stop=wide), np.where(read, state, -1))
            )
        total = joined(builder, Add, terms)
        operation = graphs.operations[:, vertex]
        pools = used[:, vertex] & (operation == POOL)
        convolves = used[:, vertex] & ~pools
        made = activated(builder, total, wide, np.where(operation == CONV3, 3, 1), convolves)
        pooled = builder.add(MaxPool, total, where=pools, kernel=3, stride=1, padding=1)
        states.append(np.where(pools, pooled, made))
    ends = [np.where(edges[:, source, -1], state, -1) for source, state in enumerate(states[1:], start=1)]
    passed = activated(builder, x, channels[:, -1], 1, edges[:, 0, -1])
    return joined(builder, Add, [joined(builder, Concatenate, ends), passed])
