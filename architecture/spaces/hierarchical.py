"""`Hierarchical`: motifs of motifs (Liu et al. 2018, *Hierarchical Representations for Efficient Architecture Search*,
arXiv 1711.00436)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    AdaptiveAveragePool,
    AveragePool,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    MaxPool,
)
from presage.architecture.spaces.activated import activated, joined
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.labelled_graphs import between, place
from presage.architecture.spaces.space import Categorical, Mask, Space
from presage.errors import InvalidArgument

__all__ = ["Hierarchical"]

Ints = NDArray[np.int64]

PRIMITIVES = ("none", "identity", "conv_1x1", "depthwise_3x3", "separable_3x3", "max_pool_3x3", "avg_pool_3x3")
NONE, IDENTITY, CONV1, DEPTHWISE, SEPARABLE, LARGEST, AVERAGE = range(7)
MOTIF_NODES, CELL_NODES = 4, 5
STAGES = 3


@dataclass(frozen=True)
class Hierarchical(Space):
    """`motifs` small graphs of primitives (level 2), and one graph of these (level 3), the cell.

    A motif has four nodes, the cell five; each earlier node may lead to each later one by a primitive, or by a motif:
    ``motif2.edge0to3`` and ``cell.edge0to4``, 0 being the input and the last the output. A node is what all that
    leads to it gives, one after the other (`merge`, equation 2); a pointwise convolution after each motif brings it to
    the stage's channels. Convolutions are normalised and have a ReLU; pointwise and separable ones make the
    stage's channels, all else keeps those that it reads. A motif that the cell does not use keeps its edges, as a
    genotype of the paper does.

    The networks are those of the paper for CIFAR-10 (figure 3): a 3×3 convolution, three stages of `cells` cells, each
    followed by a separable convolution, which halves the side and doubles the channels between stages. The paper
    searches with `width=16` and trains the result with `cells=2, width=64`. The default is
    small enough for a CPU.
    """

    family: ClassVar[str] = "hierarchical"
    motifs: int = 6
    cells: int = 1
    width: int = 8

    def __post_init__(self) -> None:
        for name, most in (("motifs", 100), ("cells", 100), ("width", 10_000)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidArgument(name, "Hierarchical", f"be between 1 and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        motifs = [f"motif{motif}" for motif in range(1, self.motifs + 1)]
        found = [(name, MOTIF_NODES, PRIMITIVES) for name in motifs] + [("cell", CELL_NODES, ("none", *motifs))]
        return tuple(
            Categorical(f"{name}.edge{source}to{target}", choices)
            for name, nodes, choices in found
            for target in range(1, nodes)
            for source in range(target)
        )

    def feasible(self, codes: Codes) -> Mask:
        found: Mask = np.any(self.levels(codes)[1], axis=(1, 2))
        return found

    def levels(self, codes: Codes) -> tuple[Ints, Ints]:
        """(n, motifs, 4, 4) the primitive, of `PRIMITIVES`, from each node of each motif to each later one, and
        (n, 5, 5) the motif, from 1, from each node of the cell to each later one. Edges that do not lie between input
        and output, and motifs that lead nowhere, are 0."""
        edges = place(0, MOTIF_NODES)
        split = self.motifs * edges
        motifs = _pruned(_matrices(codes[:, :split].reshape(-1, edges), MOTIF_NODES))
        motifs = motifs.reshape(len(codes), self.motifs, MOTIF_NODES, MOTIF_NODES)
        cell = _matrices(codes[:, split:], CELL_NODES)
        gives = np.concatenate([np.zeros((len(codes), 1), np.bool_), motifs.any(axis=(2, 3))], axis=1)
        cell = np.where(gives[np.arange(len(codes))[:, None, None], cell], cell, 0)
        return motifs, _pruned(cell)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder, (motifs, cell) = GraphBatchBuilder(len(codes)), self.levels(codes)
        wide: Ints = np.full(len(codes), self.width, np.int64)
        x = activated(builder, builder.image, wide, 3)
        every = np.ones(len(codes), np.bool_)
        for stage in range(STAGES):
            for number in range(self.cells):
                x, read = _cell(builder, x, wide, motifs, cell)
                ends = number == self.cells - 1 and stage < STAGES - 1
                wide = wide << ends
                x = _separable(builder, x, read, wide, every, stride=1 + ends)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()

    def _change(self, parents: Codes, rng: np.random.Generator) -> Codes:
        """The paper's mutation (section 3.1): a level, a motif of it, a node, an earlier node, and another operation in
        between, each drawn evenly."""
        n = len(parents)
        high = rng.random(n) < 0.5
        motif = rng.integers(self.motifs, size=n)
        target = rng.integers(1, np.where(high, CELL_NODES, MOTIF_NODES))
        edge = rng.integers(target) + target * (target - 1) // 2
        column = edge + place(0, MOTIF_NODES) * np.where(high, self.motifs, motif)
        size = self.sizes[column]
        children, rows = parents.copy(), np.arange(n)
        children[rows, column] = (parents[rows, column] + rng.integers(1, size)) % size
        return children


def _matrices(codes: Codes, nodes: int) -> Ints:
    """(n, nodes, nodes) the choices of (n, e) edges, from the row's node to the column's."""
    found = np.zeros((len(codes), nodes, nodes), np.int64)
    for target in range(1, nodes):
        first = place(0, target)
        found[:, :target, target] = codes[:, first : first + target]
    return found


def _pruned(edges: Ints) -> Ints:
    used = between(edges > 0)
    return np.where(used[:, :, None] & used[:, None, :], edges, 0)


def _cell(builder: GraphBatchBuilder, x: Nodes, wide: Ints, motifs: Ints, cell: Ints) -> tuple[Nodes, Ints]:
    """The output of a cell that reads x, of `wide` channels, and (n,) its channels."""
    rows = np.arange(len(cell))
    states, channels = [x], [wide]
    for target in range(1, CELL_NODES):
        terms = []
        for source in range(target):
            chosen = cell[:, source, target]
            edges = np.where((chosen > 0)[:, None, None], motifs[rows, np.maximum(chosen, 1) - 1], 0)
            terms.append(_motif(builder, states[source], channels[source], wide, edges))
        states.append(joined(builder, Concatenate, terms))
        channels.append(wide * np.sum([term >= 0 for term in terms], axis=0))
    return states[-1], channels[-1]


def _motif(builder: GraphBatchBuilder, x: Nodes, read: Ints, wide: Ints, edges: Ints) -> Nodes:
    """The output of motifs (n, 4, 4) that read x, of `read` channels, brought to `wide`; -1 where they are empty."""
    states, channels = [x], [read]
    for target in range(1, MOTIF_NODES):
        terms, given = [], np.zeros_like(read)
        for source in range(target):
            primitive = edges[:, source, target]
            terms.append(_primitive(builder, states[source], channels[source], wide, primitive))
            makes = np.isin(primitive, (CONV1, SEPARABLE))
            given = given + np.where(primitive == NONE, 0, np.where(makes, wide, channels[source]))
        states.append(joined(builder, Concatenate, terms))
        channels.append(given)
    return activated(builder, states[-1], wide, 1, states[-1] >= 0)


def _primitive(builder: GraphBatchBuilder, x: Nodes, read: Ints, wide: Ints, primitive: Ints) -> Nodes:
    """What a primitive makes of x, of `read` channels; -1 where it is none."""
    found = np.where(primitive == IDENTITY, x, -1)
    for kind, made in (
        (CONV1, activated(builder, x, wide, 1, primitive == CONV1)),
        (DEPTHWISE, activated(builder, x, read, 3, primitive == DEPTHWISE, groups=read)),
        (SEPARABLE, _separable(builder, x, read, wide, primitive == SEPARABLE)),
        (LARGEST, builder.add(MaxPool, x, where=primitive == LARGEST, kernel=3, stride=1, padding=1)),
        (
            AVERAGE,
            builder.add(AveragePool, x, where=primitive == AVERAGE, kernel=3, stride=1, padding=1, count_padding=False),
        ),
    ):
        found = np.where(primitive == kind, made, found)
    return found


def _separable(builder: GraphBatchBuilder, x: Nodes, read: Ints, wide: Ints, where: Mask, stride: int = 1) -> Nodes:
    """A depthwise and a pointwise convolution, batch normalisation and a ReLU."""
    x = builder.add(Convolution, x, where=where, channels=read, kernel=3, stride=stride, padding=1, groups=read)
    return activated(builder, x, wide, 1, where)
