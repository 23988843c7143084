"""Shortest and longest paths from image to classifier, counting different operations (GRAF, arXiv 2404.16551).

Also what accumulates along paths: receptive field, halvings, layers without normalisation, the narrowest place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.activations import Form
from presage.architecture.batch.kinds import NORMALISES, RANDOM, STACKS, WINDOWED, functions, table
from presage.architecture.batch.segments import IMAGE, NOTHING, Layer, added, larger
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.encoders.path_kinds import GAINS, PASSING, PATH_COUNTS
from presage.architecture.operations import (
    KIND,
    Activation,
    Convolution,
    Input,
)

__all__ = ["paths"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MOST_LOG = 60.0  # more than 2^60 paths are counted as so many
MOST = 2.0**1000  # with more paths than that, means over them are lost

_ADDS = WINDOWED | RANDOM
_SATURATING = functions(lambda function: function.form is Form.SATURATING)
_ADDED = ("halvings", "receptive_field", "dropout", "channel_growth")
_FIELD = _ADDED.index("receptive_field")


def paths(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Lengths are of paths from the image to the classifier; 0 where the classifier sees only zeros."""
    found = _lengths(view)
    found.update(_many(view))
    found.update(_runs(view))
    found.update(_narrowest(view))
    return found


def _lengths(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Longest and shortest paths, and how much of their map convolutions see."""
    segments = view.segments
    nodes, amounts = _one_by_one(view)
    layers = segments.layers(nodes)
    p = len(_ADDED)
    # longest and shortest of what is added one by one, then of what is counted
    each = np.concatenate([np.zeros((len(GAINS), 2 * p)), GAINS, -GAINS], axis=1)
    which, gains = view.segment_kinds.which, (view.segment_kinds.held @ each).astype(np.float32)
    adding = [np.concatenate([amounts[layer.which], -amounts[layer.which]], axis=1) for layer in layers]
    length = np.empty((segments.rows, each.shape[1]), np.float32)
    length[NOTHING], length[IMAGE] = -np.inf, 0.0
    read = np.zeros(segments.rows, np.float32)  # the receptive field of what each segment reads, less 1

    def own(value: Floats, at: slice) -> None:
        read[at] = value[:, _FIELD]
        value += gains.take(which[at], axis=0)
        for layer, more in zip(layers, adding, strict=True):
            these = layer.cuts[at.start]
            if these.start < these.stop:
                value[layer.places[these] - at.start, : 2 * p] += more[these]

    segments.scan(length, larger, own)
    ends = length[view.ends].astype(np.float64)
    ends[~np.isfinite(ends)] = 0
    found: dict[str, NDArray[Any]] = {}
    for begin, names in ((2 * p, PATH_COUNTS), (0, _ADDED)):
        for place, name in enumerate(names, start=begin):
            found[f"longest.{name}"] = ends[:, place]
            found[f"shortest.{name}"] = -ends[:, place + len(names)]
    side = min(view.input_shape[1:])
    for name in ("longest", "shortest"):
        field_of = 1 + found.pop(f"{name}.receptive_field")
        found[f"{name}.log_receptive_field"] = np.log2(field_of)
        found[f"{name}.receptive_field_of_side"] = np.minimum(field_of / side, 16.0)
    found.update(_fields(view, nodes, amounts[:, _FIELD], layers, read))
    return found


def _fields(view: CanonicalView, nodes: Ints, amounts: Floats, layers: list[Layer], read: Floats) -> dict[str, Doubles]:
    """How much of the image the windows before each convolution see together, where they see most.

    Args:
        view: the graphs.
        nodes: (k,) live nodes that add to the receptive field or to what else is added one by one.
        amounts: (k,) what they add to it, in pixels of the image.
        layers: these nodes, layer by layer.
        read: (rows,) the receptive field of what each segment reads, less 1.
    """
    segments, side = view.segments, min(view.input_shape[1:])
    rows = np.flatnonzero(view.parts & view.is_a(Convolution))
    node = np.searchsorted(view.live_rows, rows)
    marked = np.zeros(len(segments.of), np.int64)
    marked[nodes] = 1
    before = segments.running(marked)[node]
    at = segments.of[node]
    field = read[at]
    for place, layer in enumerate(layers):
        more = np.zeros(segments.rows, np.float32)
        more[layer.places] = amounts[layer.which]
        field = np.where(place < before, field + more[at], field)
    seen = 1 + field.astype(np.float64)
    seen = np.where(np.isfinite(seen), seen, 1.0)
    return {
        "convolutions.mean_field_of_side": view.mean(rows, np.minimum(seen / side, 16.0)),
        "convolutions.beyond_side": view.mean(rows, seen > 2 * side),
    }


def _one_by_one(view: CanonicalView) -> tuple[Ints, Floats]:
    """Live nodes that add to one of `_ADDED`, and what they add, (k, 4)."""
    batch, shapes = view.batch, view.shapes
    kind = view.of_live(view.kind)
    nodes = np.flatnonzero(_ADDS[kind] & (view.path_kinds != PASSING))
    rows, kind = view.live_rows[nodes], kind[nodes]
    first = view.first[rows]
    kernel, stride, dilation = (
        np.maximum(batch.column(f"{name}_h")[rows], batch.column(f"{name}_w")[rows])
        for name in ("kernel", "stride", "dilation")
    )
    noisy = RANDOM[kind]
    # a window adds pixels of the image to the receptive field; it sees no further than its map
    side = np.maximum(shapes.height, shapes.width)[first]
    span = np.minimum((kernel.astype(np.int64) - 1) * np.maximum(dilation, 1) + 1, 2 * side - 1)
    amounts = np.empty((len(_ADDED), len(nodes)), np.float32)
    amounts[0] = np.log2(np.maximum(stride, 1))
    amounts[1] = ~noisy * ((span - 1) * (max(view.input_shape[1:]) / side))
    amounts[2] = batch.column("permille")[rows] / 1000 * noisy
    # log2 of output over input channels of convolutions, where more: how a path widens
    widened = np.maximum(np.log2(shapes.channels[rows] / shapes.channels[first]), 0)
    amounts[3] = widened * (kind == KIND[Convolution])
    some = np.flatnonzero(np.logical_or.reduce(amounts != 0))
    return nodes[some], np.ascontiguousarray(amounts[:, some].T)


def _many(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Number of paths, and means over them: a residual network is an ensemble of its paths (arXiv 1605.06431)."""
    segments = view.segments
    names = ("convolution_wide", "convolution_1", "pool")
    which, counted = view.segment_kinds.which, view.segment_kinds.held @ GAINS
    weighted = counted[:, PATH_COUNTS.index("weighted")]
    others = counted[:, [PATH_COUNTS.index(name) for name in names]]
    # sums over the paths to each node: of 1, of the depth, of its square, of the number of each kind
    total = np.zeros((segments.rows, 3 + len(names)))
    total[IMAGE, 0] = 1.0

    def own(value: NDArray[np.float64], at: slice) -> None:
        gain = weighted.take(which[at])
        more = gain * value[:, 0]
        value[:, 2] += gain * (2 * value[:, 1] + more)  # Σ (d+k)² = Σ d² + k (2 Σ d + k Σ 1)
        value[:, 1] += more
        value[:, 3:] += others.take(which[at], axis=0) * value[:, :1]
        np.minimum(value, MOST, out=value)

    segments.scan(total, added, own)
    ends = total[view.ends]
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


def _runs(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Most weighted layers in a row, on any path, without normalisation, without activation, without a skip."""
    segments, kind = view.segments, view.of_live(view.kind)
    operates = ~view.of_live(view.passing)
    counted = operates & table(Convolution)[kind]
    active = operates & table(Activation)[kind]
    saturating = active & _SATURATING[view.of_live(view.batch.column("function"))]
    skipped = (segments.degree > 1) & (~operates | STACKS[kind])
    names = ("without_norm", "without_activation", "without_skip")
    layers = np.cumsum(counted)
    # a run is longest at a layer, and goes on where a segment ends
    rows = np.flatnonzero(counted)
    nodes = np.concatenate([rows, segments.end])
    goes_on, more = np.empty((2, len(nodes), len(names)), np.float32)
    for column, broken in enumerate((NORMALISES[kind], active, skipped)):
        # layers since the run was broken in the segment, or else since the segment began: then they go on a run
        since = segments.latest(broken)[nodes]
        ends = broken[since]
        more[:, column] = layers[nodes] - layers[since] + (counted[since] & ~ends)
        goes_on[:, column] = ~ends
    k = len(rows)
    keep, gains = np.ones((2, segments.rows, 1 + len(names)), np.float32)
    keep[segments.place, :-1], gains[segments.place, :-1] = goes_on[k:], more[k:]
    gains[:, -1] = segments.given(segments.running(saturating)) if saturating.any() else 0
    run, read = np.zeros_like(gains), np.zeros_like(gains)

    def own(value: Floats, at: slice) -> None:
        read[at] = value
        value *= keep[at]
        value += gains[at]

    segments.scan(run, larger, own)
    lengths = goes_on[:k] * read[segments.of[rows], :-1] + more[:k]
    found = {f"run.{name}": view.largest(view.live_rows[rows], lengths[:, column]) for column, name in enumerate(names)}
    found["longest.saturating"] = run[view.ends, -1].astype(np.float64)
    found["run.end_without_norm"] = run[view.ends, 0].astype(np.float64)
    return found


def _narrowest(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """The narrowest place, in numbers and in channels, on the widest path; before the maps are pooled or flattened."""
    segments, shapes = view.segments, view.shapes
    flat_or_one = view.of_live(shapes.flat | ((shapes.height == 1) & (shapes.width == 1)))
    free = view.of_live(view.passing).copy()
    free[np.searchsorted(view.live_rows, view.last)] = True
    size = np.where(free, np.inf, view.of_live(shapes.size))
    channels = np.where(free | (view.of_live(view.kind) == KIND[Input]), np.inf, view.of_live(shapes.channels))
    limits = np.empty((segments.rows, 3), np.float32)
    for column, values in enumerate((np.where(flat_or_one, np.inf, size), size, channels)):
        limits[:, column] = np.log2(segments.least(values))
    widest = np.full_like(limits, np.inf)
    widest[NOTHING] = -np.inf

    def own(value: Floats, at: slice) -> None:
        np.minimum(value, limits[at], out=value)

    segments.scan(widest, larger, own)
    ends = widest[view.ends].astype(np.float64)
    whole = np.log2(np.prod(view.input_shape))
    ends[~np.isfinite(ends)] = 0.0
    return {
        "narrowest.log_map": ends[:, 0] - whole,
        "narrowest.log_size": ends[:, 1] - whole,
        "narrowest.log_channels": ends[:, 2],
    }
