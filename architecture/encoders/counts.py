"""How many of each operation a network has, and of which kernel, stride and function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.kinds import NORMALISES, POOLS, RANDOM
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.operations import (
    ACTIVATIONS,
    KIND,
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupNorm,
    Linear,
    MaxPool,
    Multiply,
    Slice,
)

__all__ = ["counts"]

COUNTED = (
    Convolution, Linear, BatchNorm, GroupNorm, Activation, Dropout, DropPath, MaxPool, AveragePool, AdaptiveAveragePool,
    AdaptiveMaxPool, Flatten, Slice, ChannelShuffle, Multiply, Concatenate,
)  # fmt: skip
FUNCTIONS = ("relu", "leaky_relu", "silu", "gelu", "tanh", "sigmoid")


def counts(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Counts over distinct live operations; shares are of all convolutions, weighted by multiply-adds where it says."""
    batch, parts = view.batch, view.parts
    rows = np.flatnonzero(parts)
    kind = view.kind[rows]
    found: dict[str, NDArray[Any]] = {}
    table = np.bincount(view.graph[rows] * len(KIND) + kind, minlength=len(view) * len(KIND))
    table = table.reshape(len(view), len(KIND))
    for operation in COUNTED:
        found[f"count.{operation.name}"] = table[:, KIND[operation]]
    found["count.operations"] = table.sum(axis=1)
    found["count.norms"] = table[:, NORMALISES].sum(axis=1)

    active = rows[kind == KIND[Activation]]
    function = batch.column("function")[active]
    for name in FUNCTIONS:
        found[f"count.{name}"] = view.total(active[function == ACTIVATIONS.index(name)])
    known = [ACTIVATIONS.index(name) for name in FUNCTIONS]
    found["count.other_activation"] = view.total(active[~np.isin(function, known)])

    conv = rows[kind == KIND[Convolution]]
    kernel = np.maximum(batch.column("kernel_h")[conv], batch.column("kernel_w")[conv])
    stride = np.maximum(batch.column("stride_h")[conv], batch.column("stride_w")[conv])
    groups = batch.column("groups")[conv]
    given = view.shapes.channels[view.first[conv]]
    for name, chosen in (
        ("1", kernel == 1),
        ("3", (kernel > 1) & (kernel <= 3)),
        ("5", (kernel > 3) & (kernel <= 5)),
        ("7", kernel > 5),
        ("strided", stride > 1),
        ("grouped", (groups > 1) & (groups < given)),
        ("depthwise", (groups > 1) & (groups == given)),
        ("dilated", (batch.column("dilation_h")[conv] > 1) | (batch.column("dilation_w")[conv] > 1)),
        ("bias", batch.column("bias")[conv] > 0),
    ):
        found[f"count.convolution_{name}"] = view.total(conv[chosen])
    macs = view.costs[1][conv].astype(np.float64)
    total = np.maximum(view.total(conv, macs), 1.0)
    found["kernel.mean"] = view.mean(conv, kernel)
    found["kernel.largest"] = view.largest(conv, kernel)
    found["kernel.by_multiply_adds"] = view.total(conv, macs * kernel) / total
    side = np.minimum(view.shapes.height[view.first[conv]], view.shapes.width[view.first[conv]])
    found["kernel.mean_of_side"] = view.mean(conv, np.minimum(kernel / side, 2.0))
    found["kernel.wider_than_map"] = view.total(conv[kernel > side])

    pool = rows[POOLS[kind]]
    strided = np.maximum(batch.column("stride_h")[pool], batch.column("stride_w")[pool]) > 1
    found["count.pool_strided"] = view.total(pool[strided])

    noisy = rows[RANDOM[kind]]
    rate = batch.column("permille")[noisy] / 1000
    flat = view.shapes.flat[noisy]
    found["dropout.flat"] = view.total(noisy[flat], rate[flat])
    found["dropout.maps"] = view.total(noisy[~flat], rate[~flat])
    found["dropout.largest"] = view.largest(noisy, rate)
    found["dropout.log_kept"] = view.total(noisy, np.log(np.maximum(1 - rate, 1e-3)))
    return found
