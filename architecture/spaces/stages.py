"""`Stages`: what networks that people ship look like: stages of like blocks, wider where the image is smaller.

Layout and choices follow VGG (arXiv 1409.1556), ResNet (arXiv 1512.03385), MobileNetV2 (arXiv 1801.04381) and the
design spaces of RegNet (arXiv 2003.13678): few choices for a stage rather than some for every layer, since networks of
such a space are good in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Dropout,
    Flatten,
    MaxPool,
)
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.construction import Construction
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["Stages"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WIDTHS = (8, 12, 16, 24, 32, 48)
QUARTERS = (4, 6, 8)
"""How many quarters of the stage before a stage is wide: as wide, by a half wider, twice as wide."""
STEMS = ("none", "convolution", "strided")
DOWN = ("max_pool", "average_pool", "stride")
FUNCTIONS = ("relu", "leaky_relu", "silu")
BLOCKS = ("convolution", "residual", "separable", "inverted")
ENDS = ("average", "max", "grid")
_EXPANSION = 3
_REFERENCES = (  # stem, block of the first stage, of the later ones, blocks of a stage
    ("none", "convolution", "convolution", 2),
    ("convolution", "residual", "residual", 1),
    ("convolution", "convolution", "residual", 1),
)
_MULTIPLE = 4  # of channels


@dataclass(frozen=True)
class Stages(Space):
    """Two to `stages` stages of one to `blocks` blocks each; every stage after the first halves the side.

    A stage has one kind of block (a convolution, a residual block of two, a separable convolution, or an inverted
    bottleneck), one kernel, and a width of 1, 1.5 or 2 times that of the stage before. The side is halved by a pooling
    before a stage or by the stride of its first block; a stem of one convolution, which may halve it, too, comes first.
    All is batch-normalised. Every side h is halved to ⌈h / 2⌉, so that no image is too small.

    Args:
        stages: the most stages, at least 2.
        blocks: the most blocks of a stage.
    """

    family: ClassVar[str] = "stages"
    stages: int = 4
    blocks: int = 3

    def __post_init__(self) -> None:
        for name, least, most in (("stages", 2, 8), ("blocks", 1, 50)):
            if not least <= getattr(self, name) <= most:
                raise InvalidArgument(name, "Stages", f"be between {least} and {most}", getattr(self, name))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = [
            Categorical("stages", tuple(range(2, self.stages + 1))),
            Categorical("width", WIDTHS),
            Categorical("stem", STEMS),
            Categorical("down", DOWN),
            Categorical("activation", FUNCTIONS),
            Categorical("end.pool", ENDS),
            Categorical("end.dropout", (0, 200, 500)),
        ]
        for stage in range(1, self.stages + 1):
            found += [
                Categorical(f"stage{stage}.block", BLOCKS),
                Categorical(f"stage{stage}.depth", tuple(range(1, self.blocks + 1))),
                Categorical(f"stage{stage}.kernel", (3, 5)),
            ]
            if stage > 1:
                found.append(Categorical(f"stage{stage}.quarters", QUARTERS))
        return tuple(found)

    def active(self, codes: Codes) -> Mask:
        found = np.ones(codes.shape, np.bool_)
        for stage in range(3, self.stages + 1):
            there = codes[:, self.columns["stages"]] >= stage - 2
            for what in ("block", "depth", "kernel", "quarters"):
                found[:, self.columns[f"stage{stage}.{what}"]] = there
        return found

    @cached_property
    def references(self) -> tuple[Codes, ...]:
        """Plain networks as VGG, residual ones as ResNet, and those between, as deep as the space goes up to four
        stages, each twice as wide as the one before, at every width."""
        found = []
        for stages in sorted({min(3, self.stages), min(4, self.stages)}):
            for stem, first, later, depth in _REFERENCES:
                chosen = {parameter.name: parameter.choices[0] for parameter in self.parameters}
                chosen |= {"stages": stages, "stem": stem}
                for stage in range(1, stages + 1):
                    chosen[f"stage{stage}.block"] = first if stage == 1 else later
                    chosen[f"stage{stage}.depth"] = min(depth, self.blocks)
                    if stage > 1:
                        chosen[f"stage{stage}.quarters"] = QUARTERS[-1]
                found.append(self.codes([{**chosen, "width": width} for width in WIDTHS]))
        return tuple(found)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        return _Construction(self, self.normalise(codes), FUNCTIONS).finish()


class _Construction(Construction[Stages]):
    """The networks of one batch of codes while they are written."""

    def finish(self) -> GraphBatch:
        builder, width, stem = self.builder, self.value("width"), self.of("stem")
        there = stem > 0
        x = self.convolved(builder.image, there, width, 3, stride=np.where(stem == STEMS.index("strided"), 2, 1))
        before = np.where(there, width, 0)  # 0 stands for the channels of the image
        down, count = self.of("down"), self.value("stages")
        for stage in range(1, self.space.stages + 1):
            there = count >= stage
            strided = np.zeros(len(self.codes), np.bool_)
            if stage > 1:
                width = _widened(width, self.value(f"stage{stage}.quarters"))
                x = self.pooled(x, there, down)
                strided = there & (down == DOWN.index("stride"))
            for block in range(1, self.space.blocks + 1):
                here = there & (self.value(f"stage{stage}.depth") >= block)
                stride = np.where(strided & (block == 1), 2, 1)
                x = self.block(stage, here, x, before, width, stride)
                before = np.where(here, width, before)
        self.end(x)
        return builder.finish()

    def pooled(self, x: Nodes, where: Mask, down: Ints) -> Nodes:
        largest, mean = (where & (down == DOWN.index(name)) for name in ("max_pool", "average_pool"))
        x = self.builder.then(x, MaxPool, where=largest, kernel=2, stride=2, ceil=True)
        return self.builder.then(x, AveragePool, where=mean, kernel=2, stride=2, ceil=True)

    def block(self, stage: int, there: Mask, x: Nodes, before: Ints, width: Ints, stride: Ints) -> Nodes:
        """A block of a stage after x, where it is there."""
        kind, kernel = self.of(f"stage{stage}.block"), self.value(f"stage{stage}.kernel")
        plain, residual, separable, inverted = (there & (kind == at) for at in range(len(BLOCKS)))

        y = self.convolved(x, plain | residual, width, kernel, stride=stride)
        y = self.normed(
            self.builder.then(y, Convolution, where=residual, channels=width, kernel=kernel, padding=kernel // 2),
            residual,
        )

        # pointwise first, so that the depthwise one needs not know the channels of the image
        inner = np.where(inverted, _EXPANSION * np.maximum(before, width // 2), width)
        z = self.convolved(x, separable | inverted, inner, 1)
        z = self.convolved(z, separable | inverted, inner, kernel, stride=stride, groups=inner)
        z = self.normed(
            self.builder.then(z, Convolution, where=inverted, channels=width, kernel=1, padding=0), inverted
        )

        y = np.where(separable | inverted, z, y)
        alike = (before == width) & (stride == 1)
        projected = residual & ~alike
        shortcut = self.builder.then(
            x, Convolution, where=projected, channels=width, kernel=1, padding=0, stride=stride
        )
        shortcut = self.normed(shortcut, projected)
        joined = residual | (inverted & alike)
        y = np.where(joined, self.builder.add(Add, shortcut, y, where=joined), y)
        return self.builder.then(y, Activation, where=residual, function=self.function)

    def convolved(
        self,
        x: Nodes,
        where: Mask,
        channels: Ints,
        kernel: int | Ints,
        *,
        stride: int | Ints = 1,
        groups: int | Ints = 1,
    ) -> Nodes:
        """A convolution, normalised and activated, where it is there."""
        x = self.builder.then(
            x,
            Convolution,
            where=where,
            channels=channels,
            kernel=kernel,
            padding=kernel // 2,
            stride=stride,
            groups=groups,
        )
        return self.builder.then(self.normed(x, where), Activation, where=where, function=self.function)

    def normed(self, x: Nodes, where: Mask) -> Nodes:
        return self.builder.then(x, BatchNorm, where=where)

    def end(self, x: Nodes) -> None:
        """Pooling to one position or to 2 × 2, dropout and the classifier."""
        builder, pool = self.builder, self.of("end.pool")
        largest = pool == ENDS.index("max")
        size = np.where(pool == ENDS.index("grid"), 2, 1)
        x = builder.then(x, AdaptiveAveragePool, where=~largest, size=size)
        x = builder.then(x, AdaptiveMaxPool, where=largest)
        dropout = self.value("end.dropout")
        x = builder.then(builder.add(Flatten, x), Dropout, where=dropout > 0, permille=dropout)
        builder.add(Classifier, x)


def _widened(width: Ints, quarters: Ints) -> Ints:
    """(n,) channels: so many quarters of `width`, as a multiple of 4."""
    return (width * quarters // 4 + _MULTIPLE // 2) // _MULTIPLE * _MULTIPLE
