"""`NB201`: the cell space of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326), any number of cells, any width.

And its relaxation: every operation on every edge of the cell, in one graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    Identity,
    Slice,
    Zero,
)
from presage.architecture.spaces.codes import Choice, Codes
from presage.architecture.spaces.relaxation import Edge, Floats, Gate, Mixture, Relaxation
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["NB201", "NB201Relaxation"]

CHOICES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = tuple((source, target) for target in (1, 2, 3) for source in range(target))
NONE, SKIP, CONV1, CONV3, POOL = range(5)


@dataclass(frozen=True)
class NB201(Space):
    """Three stages of `cells` equal cells, the width doubling and the side halving between them by a residual block.

    A cell has four nodes; each of its six edges is one of `CHOICES`. The benchmark itself is `cells=5, width=16`; the
    defaults are small enough for a CPU. The ReLUs of convolutions that read one node are one node of the graph.
    """

    family: ClassVar[str] = "nb201"
    cells: int = 1
    width: int = 8

    def __post_init__(self) -> None:
        for name, most in (("cells", 1000), ("width", 100_000)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidArgument(name, "NB201", f"be between 1 and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(Categorical(f"edge{source}to{target}", CHOICES) for source, target in EDGES)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder = GraphBatchBuilder(len(codes))
        x = convolved(builder, builder.image, self.width, 3)
        for stage in range(3):
            width = self.width << stage
            if stage:
                x = reduced(builder, x, width)
            for _ in range(self.cells):
                x = _cell(builder, x, codes, width)
        x = builder.add(Activation, builder.add(BatchNorm, x))
        x = builder.add(Flatten, builder.add(AdaptiveAveragePool, x))
        builder.add(Classifier, x)
        return builder.finish()

    @property
    def relaxation(self) -> NB201Relaxation:
        return NB201Relaxation(self)

    def to_string(self, params: Mapping[str, Choice]) -> str:
        """The benchmark's text: ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|``."""
        named = self.params(self.codes([params])[0])
        return "+".join(
            "|" + "".join(f"{named[f'edge{source}to{target}']}~{source}|" for source in range(target))
            for target in (1, 2, 3)
        )

    def from_string(self, text: str) -> dict[str, Choice]:
        """The parameters that the benchmark's text names. Raises `InvalidArchitecture` where it is no such text."""
        edge = rf"({'|'.join(CHOICES)})~"
        pattern = r"\+".join(r"\|" + "".join(rf"{edge}{source}\|" for source in range(target)) for target in (1, 2, 3))
        match = re.fullmatch(pattern, text)
        if match is None:
            raise InvalidArchitecture(
                f"A NAS-Bench-201 string must look like |OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|, OP being one of "
                f"{', '.join(CHOICES)}. Got {text[:160]!r}."
            )
        return {
            f"edge{source}to{target}": choice for (source, target), choice in zip(EDGES, match.groups(), strict=True)
        }


def convolved(
    builder: GraphBatchBuilder, x: Nodes, width: int, kernel: int, stride: int = 1, *, affine: bool = True
) -> Nodes:
    """A convolution and batch normalisation."""
    x = builder.add(Convolution, x, channels=width, kernel=kernel, stride=stride, padding=kernel // 2)
    return builder.add(BatchNorm, x, affine=affine)


def reduced(builder: GraphBatchBuilder, x: Nodes, width: int) -> Nodes:
    """The residual block between stages: half the side."""
    body = convolved(builder, builder.add(Activation, x), width, 3, stride=2)
    body = convolved(builder, builder.add(Activation, body), width, 3)
    # ceil: an odd side gives as many pixels here as in the strided convolution
    shortcut = builder.add(AveragePool, x, ceil=True)
    shortcut = builder.add(Convolution, shortcut, channels=width, kernel=1, padding=0)
    return builder.add(Add, shortcut, body)


def _cell(builder: GraphBatchBuilder, x: Nodes, codes: Codes, width: int) -> Nodes:
    nodes = [x]
    convolved = (codes == CONV1) | (codes == CONV3)
    relu: list[Nodes] = []
    for target in (1, 2, 3):
        source = nodes[-1]
        outgoing = [edge for edge, (start, _) in enumerate(EDGES) if start == target - 1]
        relu.append(builder.add(Activation, source, where=convolved[:, outgoing].any(axis=1)))
        terms = []
        for edge, (start, end) in enumerate(EDGES):
            if end != target:
                continue
            code = codes[:, edge]
            kernel = np.where(code == CONV3, 3, 1)
            conv = builder.add(
                Convolution,
                relu[start],
                where=convolved[:, edge],
                channels=width,
                kernel=kernel,
                padding=kernel // 2,
            )
            conv = builder.add(BatchNorm, conv, where=convolved[:, edge])
            pool = builder.add(
                AveragePool, nodes[start], where=code == POOL, kernel=3, stride=1, padding=1, count_padding=False
            )
            terms.append(np.select([convolved[:, edge], code == POOL, code == SKIP], [conv, pool, nodes[start]], -1))
        nodes.append(_sum(builder, terms, x))
    return nodes[-1]


def _sum(builder: GraphBatchBuilder, terms: list[Nodes], like: Nodes) -> Nodes:
    """The sum of the terms that are there: none of them gives zeros, one of them is itself."""
    number = np.sum([term >= 0 for term in terms], axis=0)
    total = builder.add(Add, *terms, where=number > 1)
    total = np.where(number == 1, np.max(terms, axis=0), total)
    return np.where(number == 0, builder.add(Zero, like, where=number == 0), total)


class NB201Relaxation(Relaxation):
    """Six edges with five operations, `none` among them: the search network of arXiv 2001.00326 for its weight-sharing
    methods. Within a cell, batch normalisation has no weights of its own."""

    operations = CHOICES
    skip = SKIP
    edges = tuple(Edge("cell", source, target) for source, target in EDGES)

    def __init__(self, space: NB201) -> None:
        self.space = space

    def mixture(self, partial: int = 1) -> Mixture:
        space = self.space
        if partial < 1 or space.width % partial:
            raise InvalidArgument("partial", "pc-darts", f"divide the width of `{space.name}`, {space.width}", partial)
        builder, gates = GraphBatchBuilder(1), list[Gate]()
        x = convolved(builder, builder.image, space.width, 3)
        for stage in range(3):
            width = space.width << stage
            if stage:
                x = reduced(builder, x, width)
            for _ in range(space.cells):
                x = _mixed_cell(builder, x, width, partial, gates)
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


def _mixed_cell(builder: GraphBatchBuilder, x: Nodes, width: int, partial: int, gates: list[Gate]) -> Nodes:
    states, part = [x], width // partial
    used: list[tuple[Nodes, Nodes, Nodes]] = []
    for target in (1, 2, 3):
        some, rest = states[-1], states[-1]
        if partial > 1:
            some = builder.add(Slice, states[-1], start=0, stop=part)
            rest = builder.add(Slice, states[-1], start=part, stop=width)
        used.append((some, builder.add(Activation, some), rest))
        terms = []
        for row, (source, end) in enumerate(EDGES):
            if end != target:
                continue
            some, relu, rest = used[source]
            made = {
                SKIP: builder.add(Identity, some),
                CONV1: convolved(builder, relu, part, 1, affine=False),
                CONV3: convolved(builder, relu, part, 3, affine=False),
                POOL: builder.add(AveragePool, some, kernel=3, stride=1, padding=1, count_padding=False),
            }
            gates += [Gate(int(node[0]), row, column) for column, node in made.items()]
            total = builder.add(Add, *made.values())
            if partial > 1:
                total = builder.add(ChannelShuffle, builder.add(Concatenate, total, rest), groups=partial)
            gates.append(Gate(int(total[0]), row, None))
            terms.append(total)
        states.append(builder.add(Add, *terms))
    return states[-1]
