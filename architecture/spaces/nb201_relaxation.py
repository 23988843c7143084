"""The relaxation of `NB201`: every operation on every edge of the cell, in one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Flatten,
    Identity,
    Slice,
)
from presage.architecture.spaces import nb201
from presage.architecture.spaces.relaxation import Edge, Floats, Gate, Mixture, Relaxation
from presage.architecture.spaces.space import Codes
from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.architecture.spaces.nb201 import NB201

__all__ = ["NB201Relaxation"]


class NB201Relaxation(Relaxation):
    """Six edges with five operations, `none` among them: the search network of arXiv 2001.00326 for its weight-sharing
    methods. Within a cell, batch normalisation has no weights of its own."""

    operations = nb201.CHOICES
    skip = nb201.SKIP
    edges = tuple(Edge("cell", source, target) for source, target in nb201.EDGES)

    def __init__(self, space: NB201) -> None:
        self.space = space

    def mixture(self, partial: int = 1) -> Mixture:
        space = self.space
        if partial < 1 or space.width % partial:
            raise InvalidArgument("partial", "pc-darts", f"divide the width of `{space.name}`, {space.width}", partial)
        builder, gates = GraphBatchBuilder(1), list[Gate]()
        x = nb201.convolved(builder, builder.image, space.width, 3)
        for stage in range(3):
            width = space.width << stage
            if stage:
                x = nb201.reduced(builder, x, width)
            for _ in range(space.cells):
                x = _cell(builder, x, width, partial, gates)
        x = builder.add(Activation, builder.add(BatchNorm, x))
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return Mixture(builder.finish().architecture(0), tuple(gates))

    def paths(self, codes: Codes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = codes[:, :, None] == np.arange(len(self.operations))
        return found

    def derive(self, strength: Floats) -> Codes:
        # `none` wins no edge: that it is strong says only that the others are weighed down (1806.09055, section 2.4)
        found: Codes = 1 + strength[:, 1:].argmax(axis=1).astype(np.int64)
        return found


def _cell(builder: GraphBatchBuilder, x: Nodes, width: int, partial: int, gates: list[Gate]) -> Nodes:
    states, part = [x], width // partial
    used: list[tuple[Nodes, Nodes, Nodes]] = []
    for target in (1, 2, 3):
        some, rest = states[-1], states[-1]
        if partial > 1:
            some = builder.add(Slice, states[-1], start=0, stop=part)
            rest = builder.add(Slice, states[-1], start=part, stop=width)
        used.append((some, builder.add(Activation, some), rest))
        terms = []
        for row, (source, end) in enumerate(nb201.EDGES):
            if end != target:
                continue
            some, relu, rest = used[source]
            made = {
                nb201.SKIP: builder.add(Identity, some),
                nb201.CONV1: nb201.convolved(builder, relu, part, 1, affine=False),
                nb201.CONV3: nb201.convolved(builder, relu, part, 3, affine=False),
                nb201.POOL: builder.add(AveragePool, some, kernel=3, stride=1, padding=1, count_padding=False),
            }
            gates += [Gate(int(node[0]), row, column) for column, node in made.items()]
            total = builder.add(Add, *made.values())
            if partial > 1:
                total = builder.add(ChannelShuffle, builder.add(Concatenate, total, rest), groups=partial)
            gates.append(Gate(int(total[0]), row, None))
            terms.append(total)
        states.append(builder.add(Add, *terms))
    return states[-1]
