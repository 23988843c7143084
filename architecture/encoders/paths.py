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


def paths(reading: Reading) -> dict[str, NDArray[Any]]:
    """Lengths are of paths from the image to the classifier; 0 where the classifier sees only zeros."""
    batch = reading.batch
    kernel = np.maximum(batch.column("kernel_h"), batch.column("kernel_w"))
    stride = np.maximum(batch.column("stride_h"), batch.column("stride_w"))
    conv, pool = reading.is_a(Convolution), reading.is_a(MaxPool, AveragePool)
    point, wide = conv & (kernel == 1), conv & (kernel > 1)
    norm = reading.is_a(BatchNorm, GroupNorm)
    active = reading.is_a(Activation)
    both = {
        "weighted": reading.weighted,
        "convolution_1": point,
        "convolution_wide": wide,
        "convolution_5_up": conv & (kernel >= 5),
        "pool": pool,
        "convolution_1_or_pool": point | pool,
        "convolution_wide_or_pool": wide | pool,
        "norm": norm,
        "activation": active,
        "operation": ~reading.passing,
    }
    # the path of most learned layers that is blurred least, and the opposite
    sharp = wide + 0.5 * point - 1.0 * pool
    jump = np.log2(np.maximum(stride, 1)) * (conv | pool)
    field = _field_gain(reading, kernel, conv | pool)
    dropped = batch.column("permille") / 1000 * reading.is_a(Dropout, DropPath)
    shrink = _log_ratio(reading)
    columns = [*both.values(), sharp, jump, field, dropped, shrink]
    names = [*both, "learned_less_pool", "halvings", "receptive_field", "dropout", "channel_growth"]
    gains = np.empty((len(kernel), 2 * len(columns)), np.float32)
    for at, column_gain in enumerate(columns):
        gains[:, at] = column_gain
    gains[reading.passing] = 0
    np.negative(gains[:, : len(columns)], out=gains[:, len(columns) :])
    length = reading.sweep.longest(gains, reading.zero)
    found: dict[str, NDArray[Any]] = {}
    ends = length[reading.last].astype(np.float64)
    ends[~np.isfinite(ends)] = 0
    q = len(names)
    for column, name in enumerate(names):
        found[f"longest.{name}"] = ends[:, column]
        found[f"shortest.{name}"] = -ends[:, q + column]
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
    # log2 of the number of paths, for there are too many; mean depth, mean squared depth, mean number of each kind
    number = np.full(len(gain), -np.inf)
    depth = np.zeros((len(gain), 2 + len(kinds)))
    number[reading.sweep.images] = 0.0
    for step in reading.sweep:
        count = number[step.first]
        mean = depth[step.first]
        for at, source in step.further:
            left, right = count[at], number[source]
            top = np.maximum(left, right)
            base = np.where(np.isfinite(top), top, 0.0)
            a, b = np.exp2(left - base), np.exp2(right - base)
            total = a + b
            share = np.divide(b, total, out=np.zeros_like(b), where=total > 0)[:, None]
            mean[at] = mean[at] * (1 - share) + depth[source] * share
            with np.errstate(divide="ignore"):
                count[at] = base + np.log2(total)
        own = gain[step.rows]
        mean[:, 1] += own * (2 * mean[:, 0] + 1)  # E[(d+1)²] = E[d²] + 2 E[d] + 1
        mean[:, 0] += own
        mean[:, 2:] += others[step.rows]
        count[reading.zero[step.rows]] = -np.inf
        number[step.rows] = count
        depth[step.rows] = mean
    there = np.isfinite(number[reading.last])
    mean, square, wide, point, pool = depth[reading.last].T * there
    return {
        "paths.log_number": np.clip(np.where(there, number[reading.last], 0.0), 0.0, MOST_LOG),
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
