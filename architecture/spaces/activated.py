"""What spaces whose convolutions end in a ReLU are written of: such convolutions, and joints of what is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.operations import Activation, Add, BatchNorm, Concatenate, Convolution

__all__ = ["activated", "joined"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def activated(
    builder: GraphBatchBuilder,
    x: Nodes,
    width: int | Ints,
    kernel: int | Ints,
    where: Mask | None = None,
    *,
    stride: int | Ints = 1,
    groups: int | Ints = 1,
) -> Nodes:
    """A convolution that keeps the side (but for a stride), batch normalisation and a ReLU; -1 outside `where`."""
    x = builder.add(
        Convolution,
        x,
        where=where,
        channels=width,
        kernel=kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
    )
    return builder.add(Activation, builder.add(BatchNorm, x, where=where), where=where)


def joined(builder: GraphBatchBuilder, operation: type[Add | Concatenate], terms: Sequence[Nodes]) -> Nodes:
    """The terms that are there, added or one after the other; one alone is itself, -1 where there is none."""
    number = np.sum([term >= 0 for term in terms], axis=0)
    made = builder.add(operation, *terms, where=number > 1)
    return np.where(number > 1, made, np.max(terms, axis=0))
