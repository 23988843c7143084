"""Shortest and longest paths from image to classifier, counting different operations (GRAF, arXiv 2404.16551).

Also what accumulates along paths: receptive field, halvings, layers without normalisation, the narrowest place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.encoders.reading import Reading
from architecture.operations import (
    ACTIVATIONS,
    Activation,
    AveragePool,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    GroupNorm,
    Linear,
    MaxPool,
)

__all__ = ["paths"]

MOST_LOG = 60.0  # more than 2^60 paths are counted as so many
MOST = 2.0**1000  # with more paths than that, means over them are lost

_COUNTED = (
    "weighted", "convolution_1", "convolution_wide", "convolution_5_up", "pool", "convolution_1_or_pool",
    "convolution_wide_or_pool", "norm", "activation", "operation", "learned_less_pool",
)  # fmt: skip
_PASSING, _OTHER = 0, 8
_GAINS = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # what passes its input on
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],  # fully connected
        [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5],  # convolution of kernel 1
        [1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1],  # wider
        [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1],  # 5 and up
        [0, 0, 0, 0, 1, 1, 1, 0, 0, 1, -1],  # pool
        [0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0],  # normalisation
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0],  # activation
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],  # anything else
    ],
    np.float32,
)
"""What a node adds to each of `_COUNTED`. The last: the path of most learned layers that is blurred least."""


def paths(reading: Reading) -> dict[str, NDArray[Any]]:
    """Lengths are of paths from the image to the classifier; 0 where the classifier sees only zeros."""
    batch = reading.batch
    kernel = np.maximum(batch.column("kernel_h"), batch.column("kernel_w"))
    stride = np.maximum(batch.column("stride_h"), batch.column("stride_w"))
    conv, pool = reading.is_a(Convolution), reading.is_a(MaxPool, AveragePool)
    point, wide = conv & (kernel == 1), conv & (kernel > 1)
    norm = reading.is_a(BatchNorm, GroupNorm)
    active = reading.is_a(Activation)
    own = np.full(len(kernel), _OTHER, np.int8)
    for code, chosen in enumerate((reading.weighted, point, wide, conv & (kernel >= 5), pool, norm, active), start=1):
        own[chosen] = code
    own[reading.passing] = _PASSING
    jump = np.log2(np.maximum(stride, 1)) * (conv | pool)
    field = _field_gain(reading, kernel, conv | pool)
    dropped = batch.column("permille") / 1000 * reading.is_a(Dropout, DropPath)
    names = [*_COUNTED, "halvings", "receptive_field", "dropout", "channel_growth"]
    q = len(names)
    table = np.zeros((len(_GAINS), 2 * q), np.float32)
    table[:, : len(_COUNTED)] = _GAINS
    table[:, q : q + len(_COUNTED)] = -_GAINS
    gains = table[own]
    for at, column in enumerate((jump, field, dropped, _log_ratio(reading)), start=len(_COUNTED)):
        rows = np.flatnonzero((column != 0) & (own != _PASSING))
        gains[rows, at] = column[rows]
        gains[rows, q + at] = -gains[rows, at]
    gains[reading.zero] = -np.inf
    length = reading.sweep.longest(gains)
    found: dict[str, NDArray[Any]] = {}
    ends = length[reading.last].astype(np.float64)
    ends[~np.isfinite(ends)] = 0
    for place, name in enumerate(names):
        found[f"longest.{name}"] = ends[:, place]
        found[f"shortest.{name}"] = -ends[:, q + place]
    side = min(reading.input_shape[1:])
    for name in ("longest", "shortest"):
        field_of = 1 + found.pop(f"{name}.receptive_field")
        found[f"{name}.log_receptive_field"] = np.log2(field_of)
        found[f"{name}.receptive_field_of_side"] = np.minimum(field_of / side, 16.0)
    rows = np.flatnonzero(reading.parts & conv)
    seen = 1 + length[rows, names.index("receptive_field")].astype(np.float64)
    seen = np.where(np.isfinite(seen), seen, 1.0)
    found["convolutions.mean_field_of_side"] = reading.mean(rows, np.minimum(seen / side, 16.0))
    found["convolutions.beyond_side"] = reading.mean(rows, seen > 2 * side)
    found.update(_many(reading, (wide, point, pool)))
    found.update(_runs(reading, norm, active))
    found.update(_narrowest(reading))
    return found


def _field_gain(reading: Reading, kernel: NDArray[Any], windowed: NDArray[np.bool_]) -> NDArray[Any]:
    """What a window adds to the receptive field, in pixels of the image; it sees no further than its map."""
    side = np.maximum(reading.shapes.height, reading.shapes.width)[reading.first]
    span = (kernel - 1) * np.maximum(reading.batch.column("dilation_h"), 1) + 1
    seen = np.minimum(span, 2 * side - 1)
    return np.asarray(windowed * (seen - 1) * (max(reading.input_shape[1:]) / side))


def _log_ratio(reading: Reading) -> NDArray[Any]:
    """log2 of output over input channels of convolutions, where more: how a path widens."""
    out, given = reading.shapes.channels, reading.shapes.channels[reading.first]
    return np.maximum(np.log2(out / given), 0) * reading.is_a(Convolution)


def _many(reading: Reading, kinds: tuple[NDArray[np.bool_], ...]) -> dict[str, NDArray[Any]]:
    """Number of paths, and means over them: a residual network is an ensemble of its paths (arXiv 1605.06431).

    `kinds`: which nodes are wide convolutions, pointwise ones, and pools.
    """
    gain = (reading.weighted & ~reading.passing).astype(np.float64)
    others = np.stack(kinds, axis=1) & ~reading.passing[:, None]
    alive = (~reading.zero).astype(np.float64)[:, None]
    # sums over the paths to each node: of 1, of the depth, of its square, of the number of each kind
    total = np.zeros((len(gain), 3 + len(kinds)))
    total[reading.sweep.images, 0] = 1.0
    for step in reading.sweep:
        value = total[step.first]
        for at, source in step.further:
            value[at] += total[source]
        own = gain[step.rows]
        value[:, 2] += own * (2 * value[:, 1] + value[:, 0])  # Σ (d+1)² = Σ d² + 2 Σ d + Σ 1
        value[:, 1] += own * value[:, 0]
        value[:, 3:] += others[step.rows] * value[:, :1]
        value *= alive[step.rows]
        total[step.rows] = np.minimum(value, MOST, out=value)
    ends = total[reading.last]
    there = ends[:, 0] > 0
    mean, square, wide, point, pool = (ends[:, 1:] / np.maximum(ends[:, :1], 1.0)).T
    return {
        "paths.log_number": np.where(there, np.minimum(np.log2(np.maximum(ends[:, 0], 1.0)), MOST_LOG), 0.0),
        "paths.mean_weighted": mean,
        "paths.mean_convolution_wide": wide,
        "paths.mean_convolution_1": point,
        "paths.mean_pool": pool,
        "paths.spread_weighted": np.sqrt(np.maximum(square - mean**2, 0.0).round(9)),
    }


def _runs(reading: Reading, norm: NDArray[np.bool_], active: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Most weighted layers in a row, on any path, without normalisation, without activation, without a skip."""
    counted = reading.weighted & ~reading.passing & ~reading.is_a(Linear)
    counted[reading.last] = False
    saturating = active & np.isin(
        reading.batch.column("function"),
        [ACTIVATIONS.index(name) for name in ("tanh", "sigmoid", "hardsigmoid", "softmax")],
    )
    terms = np.zeros(len(counted), np.int64)
    edges = np.flatnonzero(~reading.zero[reading.batch.edge_source])
    np.add.at(terms, reading.batch.edge_target[edges], 1)
    skipped = (terms > 1) & (reading.kind != 0) & (reading.passing | reading.is_a(Concatenate)) & ~reading.zero
    linear = active & ~reading.passing
    keep = np.stack([~norm, ~linear, ~skipped, np.ones_like(norm)], axis=1) & ~reading.zero[:, None]
    gains = np.stack([counted, counted, counted, saturating & ~reading.passing], axis=1)
    run = reading.sweep.latest(keep.astype(np.float32), gains.astype(np.float32))
    rows = np.flatnonzero(reading.live)
    names = ("without_norm", "without_activation", "without_skip")
    found = {f"run.{name}": reading.largest(rows, run[rows, column]) for column, name in enumerate(names)}
    found["longest.saturating"] = run[reading.last, 3].astype(np.float64)
    found["run.end_without_norm"] = run[reading.last, 0].astype(np.float64)
    return found


def _narrowest(reading: Reading) -> dict[str, NDArray[Any]]:
    """The narrowest place, in numbers and in channels, on the widest path; before the maps are pooled or flattened."""
    flat_or_one = reading.shapes.flat | ((reading.shapes.height == 1) & (reading.shapes.width == 1))
    size = np.log2(reading.shapes.size)
    channels = np.log2(reading.shapes.channels)
    maps = np.where(flat_or_one, np.inf, size)
    limits = np.stack([maps, size, channels], axis=1)
    limits[reading.passing] = np.inf
    limits[reading.zero] = -np.inf
    limits[reading.sweep.images, 2] = np.inf
    limits[reading.last] = np.inf
    ends = reading.sweep.widest(limits.astype(np.float32))[reading.last].astype(np.float64)
    whole = np.log2(np.prod(reading.input_shape))
    ends[~np.isfinite(ends)] = 0.0
    return {
        "narrowest.log_map": ends[:, 0] - whole,
        "narrowest.log_size": ends[:, 1] - whole,
        "narrowest.log_channels": ends[:, 2],
    }
