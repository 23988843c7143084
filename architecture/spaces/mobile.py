"""`Mobile`: chains of inverted bottlenecks, the space of ProxylessNAS (Cai et al. 2019, arXiv 1812.00332).

And its relaxation: every inverted bottleneck at every place, in one graph.
"""

from __future__ import annotations

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
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
)
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.relaxation import Edge, Floats, Gate, Mixture, Relaxation
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["Mobile", "MobileRelaxation"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

KERNELS = (3, 5, 7)
EXPANSIONS = (3, 6)
STEM, FIRST, LAST = 32, 16, 1280
STAGES = ((32, 4), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1))
"""Width and most blocks of each stage of the network for ImageNet."""
STRIDED = (0, 1, 2, 3, 5)
"""Where that network halves the side: the stem (0) and the first blocks of these stages."""


@dataclass(frozen=True)
class Mobile(Space):
    """Stages of inverted bottlenecks (MobileNetV2, arXiv 1801.04381): each with its kernel and expansion, or skipped.

    A block that keeps side and width may be skipped (``expand`` = 0), and adds its input to its output otherwise; the
    first block of a stage must be there. The paper's space for ImageNet is `stages=6, blocks=4, width=32,
    reductions=5`, and the defaults are small enough for a CPU.

    Args:
        stages: how many of the six stages there are.
        blocks: most blocks of a stage (the sixth has one).
        width: channels of the stem; all other widths keep their proportion to it.
        reductions: how often the side is halved, of the five times that the paper's network does: the last ones.
    """

    family: ClassVar[str] = "mobile"
    stages: int = 3
    blocks: int = 3
    width: int = 16
    reductions: int = 3

    def __post_init__(self) -> None:
        for name, least, most in (("stages", 1, 6), ("blocks", 1, 20), ("width", 2, 4096), ("reductions", 0, 5)):
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, "Mobile", f"be between {least} and {most}", getattr(self, name))

    @cached_property
    def layout(self) -> tuple[tuple[int, int, int], ...]:
        """(width, blocks, stride of the first block) of each stage."""
        strided = self._strided
        return tuple(
            (self._scaled(width), 1 if most == 1 else self.blocks, 1 + (stage in strided))
            for stage, (width, most) in enumerate(STAGES[: self.stages], start=1)
        )

    @property
    def _strided(self) -> tuple[int, ...]:
        there = [stage for stage in STRIDED if stage <= self.stages]
        return tuple(there[max(len(there) - self.reductions, 0) :])

    def _scaled(self, width: int) -> int:
        return max(width * self.width // STEM, 1)

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = []
        for stage, (_, blocks, _) in enumerate(self.layout, start=1):
            for block in range(1, blocks + 1):
                name = f"stage{stage}.block{block}"
                found.append(Categorical(f"{name}.expand", EXPANSIONS if block == 1 else (0, *EXPANSIONS)))
                found.append(Categorical(f"{name}.kernel", KERNELS))
        return tuple(found)

    def active(self, codes: Codes) -> Mask:
        found = np.ones(codes.shape, np.bool_)
        for stage, (_, blocks, _) in enumerate(self.layout, start=1):
            for block in range(2, blocks + 1):
                name = f"stage{stage}.block{block}"
                found[:, self.columns[f"{name}.kernel"]] = codes[:, self.columns[f"{name}.expand"]] > 0
        return found

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder = GraphBatchBuilder(len(codes))
        x, before = self.begun(builder)
        for stage, (width, blocks, stride) in enumerate(self.layout, start=1):
            for block in range(1, blocks + 1):
                expand = self.values(codes, f"stage{stage}.block{block}.expand")
                kernel = self.values(codes, f"stage{stage}.block{block}.kernel")
                x = _block(builder, x, before, width, expand, kernel, stride if block == 1 else 1)
                before = width
        return self.ended(builder, x)

    def begun(self, builder: GraphBatchBuilder) -> tuple[Nodes, int]:
        """What comes before the first stage, and its channels: it is no choice."""
        everywhere = np.ones(builder.n, np.bool_)
        x = _convolved(builder, builder.image, everywhere, self.width, kernel=3, stride=1 + (0 in self._strided))
        # the first block expands nothing: depthwise, then a projection
        before = self._scaled(FIRST)
        x = _convolved(builder, x, everywhere, self.width, kernel=3, groups=self.width)
        return _projected(builder, x, everywhere, before), before

    def ended(self, builder: GraphBatchBuilder, x: Nodes) -> GraphBatch:
        """The batch, after what comes behind the last stage."""
        x = _convolved(builder, x, np.ones(builder.n, np.bool_), self._scaled(LAST), kernel=1)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()

    @property
    def relaxation(self) -> MobileRelaxation:
        return MobileRelaxation(self)

    def values(self, codes: Codes, name: str) -> Ints:
        """(n,) the choices of a parameter, in (n, p) codes."""
        column = self.columns[name]
        return np.array(self.parameters[column].choices, np.int64)[codes[:, column]]


def _block(
    builder: GraphBatchBuilder, x: Nodes, before: int, width: int, expand: Ints, kernel: Ints, stride: int
) -> Nodes:
    there = expand > 0
    y = _bottleneck(builder, x, before, width, expand, kernel, stride, there)
    if stride == 1 and before == width:
        y = builder.add(Add, x, y, where=there)
    return np.where(there, y, x)


def _bottleneck(
    builder: GraphBatchBuilder,
    x: Nodes,
    before: int,
    width: int,
    expand: Ints,
    kernel: Ints,
    stride: int,
    where: Mask,
) -> Nodes:
    """Expansion, depthwise convolution and projection, without what is added to them."""
    inner = before * np.maximum(expand, 1)
    y = _convolved(builder, x, where, inner, kernel=1)
    y = _convolved(builder, y, where, inner, kernel=kernel, stride=stride, groups=inner)
    return _projected(builder, y, where, width)


def _convolved(
    builder: GraphBatchBuilder,
    x: Nodes,
    where: Mask,
    width: int | Ints,
    *,
    kernel: int | Ints,
    stride: int = 1,
    groups: int | Ints = 1,
) -> Nodes:
    x = builder.add(
        Convolution, x, where=where, channels=width, kernel=kernel, stride=stride, padding=kernel // 2, groups=groups
    )
    return builder.add(Activation, builder.add(BatchNorm, x, where=where), where=where, function="relu6")


def _projected(builder: GraphBatchBuilder, x: Nodes, where: Mask, width: int) -> Nodes:
    x = builder.add(Convolution, x, where=where, channels=width, kernel=1, padding=0)
    return builder.add(BatchNorm, x, where=where)


BOTTLENECKS = tuple((expand, kernel) for expand in EXPANSIONS for kernel in KERNELS)


class MobileRelaxation(Relaxation):
    """A row for each block, and for each of its candidates a column: skipped, or one of six inverted bottlenecks.

    This is the over-parameterised network of arXiv 1812.00332 (section 3.1): the input of a block that keeps side and
    width is added to whatever its candidates give, so that the skipped block is the candidate that gives zeros.
    """

    operations = ("skip", *(f"expand{expand}_kernel{kernel}" for expand, kernel in BOTTLENECKS))
    skip = 0
    skips_collapse = False
    partial_channels = False

    def __init__(self, space: Mobile) -> None:
        self.space = space
        self.edges = tuple(
            Edge(f"stage{stage}", block - 1, block)
            for stage, (_, blocks, _) in enumerate(space.layout, start=1)
            for block in range(1, blocks + 1)
        )

    @property
    def available(self) -> Mask:
        found = np.ones((len(self.edges), len(self.operations)), np.bool_)
        found[[edge.source == 0 for edge in self.edges], self.skip] = False  # the first of a stage must be there
        return found

    def mixture(self, partial: int = 1) -> Mixture:
        if partial != 1:
            raise InvalidArgument("partial", "MobileRelaxation", "be 1: blocks change side and width", partial)
        space, builder, gates = self.space, GraphBatchBuilder(1), list[Gate]()
        there, row = np.ones(1, np.bool_), 0
        x, before = space.begun(builder)
        for width, blocks, first_stride in space.layout:
            for block in range(blocks):
                stride, made = 1 if block else first_stride, []
                for column, (expand, kernel) in enumerate(BOTTLENECKS, start=1):
                    kind = np.array([expand]), np.array([kernel])
                    made.append(_bottleneck(builder, x, before, width, *kind, stride, there))
                    gates.append(Gate(int(made[-1][0]), row, column))
                total = builder.add(Add, *made)
                gates.append(Gate(int(total[0]), row, None))
                x = builder.add(Add, x, total) if stride == 1 and before == width else total
                before, row = width, row + 1
        return Mixture(space.ended(builder, x).architecture(0), tuple(gates))

    def paths(self, codes: Codes) -> NDArray[np.bool_]:
        columns = [self._columns(edge) for edge in self.edges]
        expand = np.stack([self.space.values(codes, name) for name, _ in columns], axis=1)
        kernel = np.stack([self.space.values(codes, name) for _, name in columns], axis=1)
        found = np.zeros((len(codes), len(self.edges), len(self.operations)), np.bool_)
        found[:, :, self.skip] = expand == 0
        for column, (wide, side) in enumerate(BOTTLENECKS, start=1):
            found[:, :, column] = (expand == wide) & (kernel == side)
        return found

    def derive(self, strength: Floats) -> Codes:
        best = np.where(self.available, strength, -1.0).argmax(axis=1)
        found: Codes = np.zeros(len(self.space.parameters), np.int64)
        for edge, column in zip(self.edges, best.tolist(), strict=True):
            if column == self.skip:
                continue  # choice 0 of both
            for name, value in zip(self._columns(edge), BOTTLENECKS[column - 1], strict=True):
                at = self.space.columns[name]
                found[at] = self.space.parameters[at].choices.index(value)
        return found

    def _columns(self, edge: Edge) -> tuple[str, str]:
        name = f"{edge.kind}.block{edge.target}"
        return f"{name}.expand", f"{name}.kernel"
