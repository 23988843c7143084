"""`Blocks`: a wide residual network whose blocks are swapped for cheaper ones (BlockSwap, arXiv 1906.04113)."""

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

__all__ = ["Blocks"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FULL = 0  # groups: as many as channels
KINDS: dict[str, tuple[int, int]] = {
    "S": (1, 1),
    "G(2)": (1, 2),
    "G(4)": (1, 4),
    "G(8)": (1, 8),
    "G(N)": (1, FULL),
    "B(2)": (2, 1),
    "B(4)": (4, 1),
    "BG(2,2)": (2, 2),
    "BG(2,4)": (2, 4),
    "BG(2,M)": (2, FULL),
    "BG(4,M)": (4, FULL),
}
"""Kinds of block as the paper's Table 1 writes them, with the bottleneck's divisor and the groups of each.

N and M are the channels, of the block and inside its bottleneck: `G(N)` is depthwise separable."""


@dataclass(frozen=True)
class Blocks(Space):
    """A pre-activation wide residual network (arXiv 1605.07146): three stages of `blocks` blocks, `width` the first's.

    A standard block has two 3×3 convolutions. A grouped one has, for each, a grouped 3×3 and a pointwise convolution; a
    bottleneck has a pointwise convolution to fewer channels, a 3×3 (perhaps grouped) there, and one back. With every
    block standard, `blocks=6, width=32` is WRN-40-2 and `blocks=4, width=160` is WRN-28-10; the defaults are small
    enough for a CPU.
    """

    family: ClassVar[str] = "blocks"
    blocks: int = 2
    width: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= 100:
            raise InvalidArgument("blocks", "Blocks", "be between 1 and 100", self.blocks)
        if not 8 <= self.width <= 100_000 or self.width % 8:
            raise InvalidArgument("width", "Blocks", "be a multiple of 8 between 8 and 100000", self.width)

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(
            Categorical(f"stage{stage}.block{block}", tuple(KINDS))
            for stage in (1, 2, 3)
            for block in range(1, self.blocks + 1)
        )

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder = GraphBatchBuilder(len(codes))
        before = min(self.width, 16)
        x = builder.add(Convolution, builder.image, channels=before, kernel=3, padding=1)
        for stage in (1, 2, 3):
            width = self.width << (stage - 1)
            for block in range(1, self.blocks + 1):
                kind = codes[:, self.columns[f"stage{stage}.block{block}"]]
                x = _block(builder, x, before, width, kind, stride=2 if stage > 1 and block == 1 else 1)
                before = width
        x = builder.add(Activation, builder.add(BatchNorm, x))
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()


def _block(builder: GraphBatchBuilder, x: Nodes, before: int, width: int, kind: Ints, stride: int) -> Nodes:
    divisor, groups = np.array(list(KINDS.values()), np.int64)[kind].T
    bottleneck, grouped = divisor > 1, (divisor == 1) & (groups != 1)
    inner = width // divisor
    activated = builder.add(Activation, builder.add(BatchNorm, x))
    # a wider block projects what is already activated; a block of one width passes its input on untouched
    shortcut = x
    if before != width or stride > 1:
        shortcut = builder.add(Convolution, activated, channels=width, kernel=1, stride=stride, padding=0)

    def first(x: Nodes, channels: int, where: Mask, to: int, stride: int) -> Nodes:
        """A 3×3 convolution of a standard or grouped block; the grouped one mixes the groups by a pointwise one."""
        x = builder.add(
            Convolution,
            x,
            where=where,
            channels=np.where(grouped, channels, to),
            kernel=3,
            stride=stride,
            padding=1,
            groups=np.where(grouped, np.where(groups == FULL, channels, groups), 1),
        )
        x = builder.then(x, BatchNorm, where=grouped)
        return builder.then(x, Convolution, where=grouped, channels=to, kernel=1, padding=0)

    plain = ~bottleneck
    y = first(activated, before, plain, width, stride)
    y = builder.add(Activation, builder.add(BatchNorm, y, where=plain), where=plain)
    y = first(y, width, plain, width, 1)

    z = builder.add(Convolution, activated, where=bottleneck, channels=inner, kernel=1, padding=0)
    z = builder.add(Activation, builder.add(BatchNorm, z, where=bottleneck), where=bottleneck)
    inside = np.where(groups == FULL, inner, groups)
    z = builder.add(Convolution, z, where=bottleneck, channels=inner, kernel=3, stride=stride, padding=1, groups=inside)
    z = builder.add(Activation, builder.add(BatchNorm, z, where=bottleneck), where=bottleneck)
    z = builder.add(Convolution, z, where=bottleneck, channels=width, kernel=1, padding=0)
    return builder.add(Add, shortcut, np.where(bottleneck, z, y))
