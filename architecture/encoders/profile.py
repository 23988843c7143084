"""How a network's width, resolution and cost run from its image to its classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.kinds import ADAPTIVE, NORMALISES, WINDOWED
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.operations import (
    Classifier,
    Convolution,
    Linear,
)

__all__ = ["profile"]

STAGES = 5  # the map's side is that of the image, a half, a quarter, an eighth, less


def profile(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Channels, resolution and cost, in logarithms (base 2) and shares, over distinct live operations."""
    found = _size(view)
    found.update(_channels(view))
    found.update(_stages(view))
    found.update(_ends(view))
    return found


def _log(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.log2(np.maximum(values, 1).astype(np.float64)))


def _size(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """What the network costs, its classifier left out: that depends on the number of classes."""
    rows = np.flatnonzero(view.parts & ~view.is_a(Classifier))
    parameters, macs = (cost[rows].astype(np.float64) for cost in view.costs)
    size = view.shapes.size[rows].astype(np.float64)
    weights, work, values = (view.total(rows, cost) for cost in (parameters, macs, size))
    linear = view.is_a(Linear)[rows]
    norms = view.total(rows[NORMALISES[view.kind[rows]]])
    weighted = view.total(rows[view.weighted[rows]])
    return {
        "log.parameters": _log(weights),
        "log.multiply_adds": _log(work),
        "log.activations": _log(values),
        "log.largest_activation": _log(view.largest(rows, size)),
        "log.multiply_adds_per_parameter": _log(work) - _log(weights),
        "log.largest_layer_parameters": _log(view.largest(rows, parameters)),
        "log.largest_layer_multiply_adds": _log(view.largest(rows, macs)),
        "share.parameters_linear": view.total(rows[linear], parameters[linear]) / np.maximum(weights, 1),
        "share.parameters_largest": view.largest(rows, parameters) / np.maximum(weights, 1),
        "share.multiply_adds_largest": view.largest(rows, macs) / np.maximum(work, 1),
        "norms_per_weighted": norms / np.maximum(weighted, 1),
        "input.log_channels": np.full(len(view), np.log2(view.input_shape[0])),
        "input.log_side": np.full(len(view), np.log2(min(view.input_shape[1:]))),
    }


def _channels(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Width of the convolutions, and how it changes with depth."""
    rows = np.flatnonzero(view.parts & view.is_a(Convolution))
    out, given = view.shapes.channels[rows], view.shapes.channels[view.first[rows]]
    width, ratio = _log(out), _log(out) - _log(given)
    depth = view.depth[rows]
    depth = np.where(np.isfinite(depth), depth, 0.0)
    count = np.maximum(view.total(rows), 1)
    mean_width, mean_depth = view.mean(rows, width), view.mean(rows, depth)
    covariance = view.total(rows, width * depth) / count - mean_width * mean_depth
    variance = view.total(rows, depth**2) / count - mean_depth**2
    inner = given != view.input_shape[0]
    stem = depth <= 1
    return {
        "channels.log_mean": mean_width,
        "channels.log_largest": view.largest(rows, width),
        "channels.log_smallest": view.smallest(rows, width),
        "channels.log_stem": view.largest(rows[stem], width[stem]),
        "channels.slope": np.where(variance > 1e-9, covariance / np.maximum(variance, 1e-9), 0.0).round(9),
        "channels.most_widened": view.largest(rows[inner], ratio[inner]),
        "channels.most_narrowed": view.smallest(rows[inner], ratio[inner]),
        "channels.widenings": view.total(rows[inner & (ratio > 0)]),
        "channels.narrowings": view.total(rows[inner & (ratio < 0)]),
        "fan_in.log_mean": view.mean(rows, _fan_in(view, rows)),
        "fan_in.log_smallest": view.smallest(rows, _fan_in(view, rows)),
    }


def _fan_in(view: CanonicalView, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """log2 of the numbers that each output of a convolution is a weighted sum of."""
    batch = view.batch
    area = batch.column("kernel_h")[rows].astype(np.int64) * batch.column("kernel_w")[rows]
    return _log(view.shapes.channels[view.first[rows]] // batch.column("groups")[rows] * area)


def _stages(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """By resolution of a layer's output: layers, multiply-adds, parameters, width; and where it is halved."""
    n = len(view)
    body = view.parts & ~view.shapes.flat & ~ADAPTIVE[view.kind]
    rows = np.flatnonzero(body)
    shapes = view.shapes
    side = np.minimum(shapes.height[rows] / view.input_shape[1], shapes.width[rows] / view.input_shape[2])
    # ⌈h / 2⌉ is a half: the odd pixel does not count
    stage = np.clip(np.ceil(-np.log2(side) - 0.5), 0, STAGES - 1).astype(np.int64)
    conv = view.is_a(Convolution)[rows]
    parameters, macs = (cost[rows].astype(np.float64) for cost in view.costs)
    cell = view.graph[rows] * STAGES + stage

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
    found["stages.mean"] = view.mean(rows[conv], stage[conv])

    batch = view.batch
    shrinks = WINDOWED[view.kind[rows]]
    shrinks &= np.maximum(batch.column("stride_h")[rows], batch.column("stride_w")[rows]) > 1
    depth = view.depth[rows]
    deepest = np.maximum(view.depth[view.last], 1.0)
    deepest = np.where(np.isfinite(deepest), deepest, 1.0)
    strided = rows[shrinks]
    at_depth = np.where(np.isfinite(depth[shrinks]), depth[shrinks], 0.0)
    found["halvings.number"] = view.total(strided)
    found["halvings.first_depth"] = view.smallest(strided, at_depth, -1.0)
    found["halvings.last_depth"] = view.largest(strided, at_depth, -1.0)
    found["halvings.first_share"] = view.smallest(strided, at_depth, 0.0) / deepest
    found["halvings.mean_share"] = view.mean(strided, at_depth) / deepest
    tiny = conv & (np.minimum(shapes.height[rows], shapes.width[rows]) == 1)
    found["convolutions.on_one_pixel"] = view.total(rows[tiny])
    return found


def _ends(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """What the maps are when they are pooled or flattened, and what the classifier sees."""
    shapes, first = view.shapes, view.first
    is_map = ~shapes.flat & (shapes.height * shapes.width > 1)
    given = ~shapes.flat[first] & view.live & ~view.zero
    leaving = given & (ADAPTIVE[view.kind] | shapes.flat) & ~view.zero[first]
    # squeeze-and-excitation pools as well, but its gate returns to maps: what counts is the last to leave
    rows = np.flatnonzero(leaving & view.parts)
    source = first[rows]
    depth = np.where(np.isfinite(view.depth[rows]), view.depth[rows], 0.0)
    last = depth >= view.largest(rows, depth)[view.graph[rows]]
    rows, source = rows[last], source[last]
    pixels = shapes.height[source] * shapes.width[source]
    linear = np.flatnonzero(view.parts & view.is_a(Linear))
    flat = np.flatnonzero(view.parts & shapes.flat & ~shapes.flat[first])
    features = shapes.channels[first[view.last]]
    return {
        "end.log_pixels": view.largest(rows, _log(pixels)),
        "end.log_channels": view.largest(rows, _log(shapes.channels[source])),
        "end.log_side_share": view.largest(rows, _log(pixels)) / 2 - np.log2(min(view.input_shape[1:])),
        "end.log_features": _log(features),
        "end.log_flattened": view.largest(flat, _log(shapes.channels[flat])),
        "end.flattens_maps": view.largest(flat, is_map[first[flat]].astype(np.float64)),
        "linear.log_widest": view.largest(linear, _log(shapes.channels[linear])),
        "linear.log_widest_input": view.largest(linear, _log(shapes.channels[first[linear]])),
        "constant": view.zero[first[view.last]].astype(np.float64),
    }
