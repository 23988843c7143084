"""How a network's width, resolution and cost run from its image to its classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.encoders.canonical_view import Reading
from presage.architecture.operations import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    GroupNorm,
    Linear,
    MaxPool,
)

__all__ = ["profile"]

STAGES = 5  # the map's side is that of the image, a half, a quarter, an eighth, less


def profile(reading: Reading) -> dict[str, NDArray[Any]]:
    """Channels, resolution and cost, in logarithms (base 2) and shares, over distinct live operations."""
    found = _size(reading)
    found.update(_channels(reading))
    found.update(_stages(reading))
    found.update(_ends(reading))
    return found


def _log(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.log2(np.maximum(values, 1).astype(np.float64)))


def _size(reading: Reading) -> dict[str, NDArray[Any]]:
    """What the network costs, its classifier left out: that depends on the number of classes."""
    rows = np.flatnonzero(reading.parts & ~reading.is_a(Classifier))
    parameters, macs = (cost[rows].astype(np.float64) for cost in reading.costs)
    size = reading.shapes.size[rows].astype(np.float64)
    weights, work, values = (reading.total(rows, cost) for cost in (parameters, macs, size))
    linear = reading.is_a(Linear)[rows]
    norms = reading.total(rows[reading.is_a(BatchNorm, GroupNorm)[rows]])
    weighted = reading.total(rows[reading.weighted[rows]])
    return {
        "log.parameters": _log(weights),
        "log.multiply_adds": _log(work),
        "log.activations": _log(values),
        "log.largest_activation": _log(reading.largest(rows, size)),
        "log.multiply_adds_per_parameter": _log(work) - _log(weights),
        "log.largest_layer_parameters": _log(reading.largest(rows, parameters)),
        "log.largest_layer_multiply_adds": _log(reading.largest(rows, macs)),
        "share.parameters_linear": reading.total(rows[linear], parameters[linear]) / np.maximum(weights, 1),
        "share.parameters_largest": reading.largest(rows, parameters) / np.maximum(weights, 1),
        "share.multiply_adds_largest": reading.largest(rows, macs) / np.maximum(work, 1),
        "norms_per_weighted": norms / np.maximum(weighted, 1),
        "input.log_channels": np.full(len(reading), np.log2(reading.input_shape[0])),
        "input.log_side": np.full(len(reading), np.log2(min(reading.input_shape[1:]))),
    }


def _channels(reading: Reading) -> dict[str, NDArray[Any]]:
    """Width of the convolutions, and how it changes with depth."""
    rows = np.flatnonzero(reading.parts & reading.is_a(Convolution))
    out, given = reading.shapes.channels[rows], reading.shapes.channels[reading.first[rows]]
    width, ratio = _log(out), _log(out) - _log(given)
    depth = reading.depth[rows]
    depth = np.where(np.isfinite(depth), depth, 0.0)
    count = np.maximum(reading.total(rows), 1)
    mean_width, mean_depth = reading.mean(rows, width), reading.mean(rows, depth)
    covariance = reading.total(rows, width * depth) / count - mean_width * mean_depth
    variance = reading.total(rows, depth**2) / count - mean_depth**2
    inner = given != reading.input_shape[0]
    stem = depth <= 1
    return {
        "channels.log_mean": mean_width,
        "channels.log_largest": reading.largest(rows, width),
        "channels.log_smallest": reading.smallest(rows, width),
        "channels.log_stem": reading.largest(rows[stem], width[stem]),
        "channels.slope": np.where(variance > 1e-9, covariance / np.maximum(variance, 1e-9), 0.0).round(9),
        "channels.most_widened": reading.largest(rows[inner], ratio[inner]),
        "channels.most_narrowed": reading.smallest(rows[inner], ratio[inner]),
        "channels.widenings": reading.total(rows[inner & (ratio > 0)]),
        "channels.narrowings": reading.total(rows[inner & (ratio < 0)]),
        "fan_in.log_mean": reading.mean(rows, _fan_in(reading, rows)),
        "fan_in.log_smallest": reading.smallest(rows, _fan_in(reading, rows)),
    }


def _fan_in(reading: Reading, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """log2 of the numbers that each output of a convolution is a weighted sum of."""
    batch = reading.batch
    area = batch.column("kernel_h")[rows].astype(np.int64) * batch.column("kernel_w")[rows]
    return _log(reading.shapes.channels[reading.first[rows]] // batch.column("groups")[rows] * area)


def _stages(reading: Reading) -> dict[str, NDArray[Any]]:
    """By resolution of a layer's output: layers, multiply-adds, parameters, width; and where it is halved."""
    n = len(reading)
    body = reading.parts & ~reading.shapes.flat & ~reading.is_a(AdaptiveAveragePool, AdaptiveMaxPool)
    rows = np.flatnonzero(body)
    shapes = reading.shapes
    side = np.minimum(shapes.height[rows] / reading.input_shape[1], shapes.width[rows] / reading.input_shape[2])
    # ⌈h / 2⌉ is a half: the odd pixel does not count
    stage = np.clip(np.ceil(-np.log2(side) - 0.5), 0, STAGES - 1).astype(np.int64)
    conv = reading.is_a(Convolution)[rows]
    parameters, macs = (cost[rows].astype(np.float64) for cost in reading.costs)
    cell = reading.graph[rows] * STAGES + stage

    def by_stage(weights: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(cell, weights, minlength=n * STAGES).astype(np.float64).reshape(n, STAGES)

    layers = by_stage(conv.astype(np.float64))
    work, weights = by_stage(macs), by_stage(parameters)
    width = by_stage(conv * _log(shapes.channels[rows])) / np.maximum(layers, 1)
    work_share = work / np.maximum(work.sum(axis=1, keepdims=True), 1)
    weights_share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    found: dict[str, NDArray[Any]] = {}
    for at in range(STAGES):
        found[f"stage{at}.convolutions"] = layers[:, at]
        found[f"stage{at}.multiply_adds_share"] = work_share[:, at]
        found[f"stage{at}.parameters_share"] = weights_share[:, at]
        found[f"stage{at}.log_width"] = width[:, at]
    found["stages.used"] = (layers > 0).sum(axis=1)
    found["stages.mean"] = reading.mean(rows[conv], stage[conv])

    batch = reading.batch
    shrinks = reading.is_a(Convolution, MaxPool, AveragePool)[rows]
    shrinks &= np.maximum(batch.column("stride_h")[rows], batch.column("stride_w")[rows]) > 1
    depth = reading.depth[rows]
    deepest = np.maximum(reading.depth[reading.last], 1.0)
    deepest = np.where(np.isfinite(deepest), deepest, 1.0)
    strided = rows[shrinks]
    at_depth = np.where(np.isfinite(depth[shrinks]), depth[shrinks], 0.0)
    found["halvings.number"] = reading.total(strided)
    found["halvings.first_depth"] = reading.smallest(strided, at_depth, -1.0)
    found["halvings.last_depth"] = reading.largest(strided, at_depth, -1.0)
    found["halvings.first_share"] = reading.smallest(strided, at_depth, 0.0) / deepest
    found["halvings.mean_share"] = reading.mean(strided, at_depth) / deepest
    tiny = conv & (np.minimum(shapes.height[rows], shapes.width[rows]) == 1)
    found["convolutions.on_one_pixel"] = reading.total(rows[tiny])
    return found


def _ends(reading: Reading) -> dict[str, NDArray[Any]]:
    """What the maps are when they are pooled or flattened, and what the classifier sees."""
    shapes, first = reading.shapes, reading.first
    is_map = ~shapes.flat & (shapes.height * shapes.width > 1)
    given = ~shapes.flat[first] & reading.live & ~reading.zero
    leaving = given & (reading.is_a(AdaptiveAveragePool, AdaptiveMaxPool) | shapes.flat) & ~reading.zero[first]
    # squeeze-and-excitation pools as well, but its gate returns to maps: what counts is the last to leave
    rows = np.flatnonzero(leaving & reading.parts)
    source = first[rows]
    depth = np.where(np.isfinite(reading.depth[rows]), reading.depth[rows], 0.0)
    last = depth >= reading.largest(rows, depth)[reading.graph[rows]]
    rows, source = rows[last], source[last]
    pixels = shapes.height[source] * shapes.width[source]
    linear = np.flatnonzero(reading.parts & reading.is_a(Linear))
    flat = np.flatnonzero(reading.parts & shapes.flat & ~shapes.flat[first])
    features = shapes.channels[first[reading.last]]
    return {
        "end.log_pixels": reading.largest(rows, _log(pixels)),
        "end.log_channels": reading.largest(rows, _log(shapes.channels[source])),
        "end.log_side_share": reading.largest(rows, _log(pixels)) / 2 - np.log2(min(reading.input_shape[1:])),
        "end.log_features": _log(features),
        "end.log_flattened": reading.largest(flat, _log(shapes.channels[flat])),
        "end.flattens_maps": reading.largest(flat, is_map[first[flat]].astype(np.float64)),
        "linear.log_widest": reading.largest(linear, _log(shapes.channels[linear])),
        "linear.log_widest_input": reading.largest(linear, _log(shapes.channels[first[linear]])),
        "constant": reading.zero[first[reading.last]].astype(np.float64),
    }
