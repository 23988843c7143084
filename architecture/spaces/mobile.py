"""`Mobile`: chains of inverted bottlenecks, the space of ProxylessNAS (Cai et al. 2019, arXiv 1812.00332)."""

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
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["Mobile"]

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
        everywhere = np.ones(len(codes), np.bool_)
        x = _convolved(builder, builder.image, everywhere, self.width, kernel=3, stride=1 + (0 in self._strided))
        # the first block expands nothing and is no choice: depthwise, then a projection
        before = self._scaled(FIRST)
        x = _convolved(builder, x, everywhere, self.width, kernel=3, groups=self.width)
        x = _projected(builder, x, everywhere, before)
        for stage, (width, blocks, stride) in enumerate(self.layout, start=1):
            for block in range(1, blocks + 1):
                expand = self._value(codes, f"stage{stage}.block{block}.expand")
                kernel = self._value(codes, f"stage{stage}.block{block}.kernel")
                x = _block(builder, x, before, width, expand, kernel, stride if block == 1 else 1)
                before = width
        x = _convolved(builder, x, everywhere, self._scaled(LAST), kernel=1)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()

    def _value(self, codes: Codes, name: str) -> Ints:
        column = self.columns[name]
        return np.array(self.parameters[column].choices, np.int64)[codes[:, column]]


def _block(
    builder: GraphBatchBuilder, x: Nodes, before: int, width: int, expand: Ints, kernel: Ints, stride: int
) -> Nodes:
    there = expand > 0
    inner = before * np.maximum(expand, 1)
    y = _convolved(builder, x, there, inner, kernel=1)
    y = _convolved(builder, y, there, inner, kernel=kernel, stride=stride, groups=inner)
    y = _projected(builder, y, there, width)
    if stride == 1 and before == width:
        y = builder.add(Add, x, y, where=there)
    return np.where(there, y, x)


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
