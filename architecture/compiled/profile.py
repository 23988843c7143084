"""`presage.architecture.encoders.profile` and `costing` compiled."""

from __future__ import annotations

from math import ceil, isfinite, log2, log10

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.costs import NodeCosts
from presage.architecture.compiled.paths import Shapes
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Numbered

__all__ = ["profile"]

Floats = NDArray[np.float64]

STAGES = 5


@compiled
def _log(value: float) -> float:
    return log2(value) if value > 1 else 0.0


@compiled
def _size(
    first: int,
    last: int,
    classes: int,
    graphs: Graphs,
    shapes: Shapes,
    image: tuple[int, int, int],
    facts: Facts,
    codes: Codes,
    of: Numbered,
    costs: NodeCosts,
    graph: int,
    out: Floats,
    cost: Floats,
) -> None:
    """What a network costs, without its classifier, and with it."""
    kinds, parts, parameters, macs = graphs.kind, of.parts, costs.parameters, costs.multiply_adds
    channels, height, width, normalises, weighted = (
        shapes.channels,
        shapes.height,
        shapes.width,
        facts.normalises,
        facts.weighted,
    )
    weights = work = values = most_values = most_weights = most_work = linear = 0.0
    norms = layers = 0
    for r in range(first, last):
        if not parts[r] or kinds[r] == codes.classifier:
            continue
        kind = kinds[r]
        own, spent, held = (
            np.float64(parameters[r]),
            np.float64(macs[r]),
            np.float64(channels[r] * height[r] * width[r]),
        )
        weights, work, values = weights + own, work + spent, values + held
        most_weights, most_work, most_values = max(most_weights, own), max(most_work, spent), max(most_values, held)
        if kind == codes.linear:
            linear += own
        norms += normalises[kind]
        layers += weighted[kind]
    out[0], out[1], out[2], out[3] = _log(weights), _log(work), _log(values), _log(most_values)
    out[4], out[5], out[6] = out[1] - out[0], _log(most_weights), _log(most_work)
    out[7], out[8] = linear / max(weights, 1.0), most_weights / max(weights, 1.0)
    out[9], out[10] = most_work / max(work, 1.0), norms / max(layers, 1)
    out[11], out[12] = log2(image[0]), log2(min(image[1], image[2]))
    held = 4.0 * (classes * height[last - 1] * width[last - 1])
    deepest = of.depth[last - 1]
    cost[0] = log10(1 + (weights + costs.last_parameters[graph]))
    cost[1] = log10(1 + (work + costs.last_multiply_adds[graph]))
    cost[2] = log10(1 + (4.0 * values + held))
    cost[3] = log10(1 + max(4.0 * most_values, held))
    cost[4] = deepest if isfinite(deepest) else 0.0


@compiled
def _channels(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    codes: Codes,
    of: Numbered,
    out: Floats,
) -> None:
    """Width of the convolutions, and how it changes with depth."""
    kinds, edge_start, edge_source, parts, depths = (
        graphs.kind,
        graphs.edge_start,
        graphs.edge_source,
        of.parts,
        of.depth,
    )
    channels, kernel_h, kernel_w, groups = shapes.channels, c.kernel_h, c.kernel_w, c.groups
    number = 0
    widths = squares = products = deep = fans = 0.0
    largest, smallest, stem, widened, narrowed, fewest = -np.inf, np.inf, -np.inf, -np.inf, np.inf, np.inf
    for r in range(first, last):
        if not parts[r] or kinds[r] != codes.convolution:
            continue
        given = channels[edge_source[edge_start[r]]]
        width, depth = _log(channels[r]), depths[r] if isfinite(depths[r]) else 0.0
        number += 1
        widths, deep = widths + width, deep + depth
        products, squares = products + width * depth, squares + depth**2
        largest, smallest = max(largest, width), min(smallest, width)
        if depth <= 1:
            stem = max(stem, width)
        if given != image[0]:
            ratio = width - _log(given)
            widened, narrowed = max(widened, ratio), min(narrowed, ratio)
            out[7] += ratio > 0
            out[8] += ratio < 0
        fan = _log(given // groups[r] * (np.int64(kernel_h[r]) * kernel_w[r]))
        fans, fewest = fans + fan, min(fewest, fan)
    count = max(number, 1)
    covariance = products / count - widths / count * (deep / count)
    variance = squares / count - (deep / count) ** 2
    out[0], out[9] = widths / count, fans / count
    out[1], out[2] = largest if number else 0.0, smallest if number else 0.0
    out[3] = stem if isfinite(stem) else 0.0
    out[4] = np.rint(covariance / variance * 1e9) / 1e9 if variance > 1e-9 else 0.0
    out[5], out[6] = widened if isfinite(widened) else 0.0, narrowed if isfinite(narrowed) else 0.0
    out[10] = fewest if number else 0.0


@compiled
def _stages(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    facts: Facts,
    codes: Codes,
    of: Numbered,
    costs: NodeCosts,
    out: Floats,
) -> None:
    """By resolution of a layer's output; and where it is halved."""
    kinds, parts, depths, parameters, macs = graphs.kind, of.parts, of.depth, costs.parameters, costs.multiply_adds
    channels, height, width, flat = shapes.channels, shapes.height, shapes.width, shapes.flat
    adaptive, windowed, stride_h, stride_w = facts.adaptive, facts.windowed, c.stride_h, c.stride_w
    work = weights = 0.0
    layers = stages = halvings = tiny = 0
    earliest, latest, at_depth = np.inf, -np.inf, 0.0
    for r in range(first, last):
        kind = kinds[r]
        if not parts[r] or flat[r] or adaptive[kind]:
            continue
        h, w = height[r], width[r]
        stage = int(min(max(ceil(-log2(min(h / image[1], w / image[2])) - 0.5), 0), STAGES - 1))
        work, weights = work + macs[r], weights + parameters[r]
        out[4 * stage + 1] += macs[r]
        out[4 * stage + 2] += parameters[r]
        if kind == codes.convolution:
            out[4 * stage] += 1
            out[4 * stage + 3] += _log(channels[r])
            layers, stages = layers + 1, stages + stage
            tiny += min(h, w) == 1
        if windowed[kind] and max(stride_h[r], stride_w[r]) > 1:
            depth = depths[r] if isfinite(depths[r]) else 0.0
            halvings += 1
            at_depth += depth
            earliest, latest = min(earliest, depth), max(latest, depth)
    at = 4 * STAGES
    for stage in range(STAGES):
        out[at] += out[4 * stage] > 0
        out[4 * stage + 3] /= max(out[4 * stage], 1.0)
        out[4 * stage + 1] /= max(work, 1.0)
        out[4 * stage + 2] /= max(weights, 1.0)
    out[at + 1] = stages / max(layers, 1)
    deepest = max(depths[last - 1], 1.0)
    out[at + 2] = halvings
    out[at + 3], out[at + 4] = (earliest, latest) if halvings else (-1.0, -1.0)
    out[at + 5] = earliest / deepest if halvings else 0.0
    out[at + 6] = at_depth / max(halvings, 1) / deepest
    out[at + 7] = tiny


@compiled
def _ends(
    first: int,
    last: int,
    graphs: Graphs,
    shapes: Shapes,
    image: tuple[int, int, int],
    facts: Facts,
    codes: Codes,
    of: Numbered,
    out: Floats,
) -> None:
    """What the maps are when they are pooled or flattened, and what the classifier sees."""
    kinds, edge_start, edge_source, parts, zero, depths = (
        graphs.kind,
        graphs.edge_start,
        graphs.edge_source,
        of.parts,
        of.zero,
        of.depth,
    )
    channels, height, width, flat, adaptive = shapes.channels, shapes.height, shapes.width, shapes.flat, facts.adaptive
    deepest, pixels, wide = 0.0, 0.0, 0.0
    for r in range(first, last):
        if not parts[r]:
            continue
        source = edge_source[edge_start[r]]
        if kinds[r] == codes.linear:
            out[6] = max(out[6], _log(channels[r]))
            out[7] = max(out[7], _log(channels[source]))
        if flat[r] and not flat[source]:
            out[4] = max(out[4], _log(channels[r]))
            out[5] = max(out[5], height[source] * width[source] > 1)
        if not flat[source] and (adaptive[kinds[r]] or flat[r]) and not zero[source]:
            depth = depths[r] if isfinite(depths[r]) else 0.0
            if depth > deepest:
                deepest, pixels, wide = depth, 0.0, 0.0
            if depth >= deepest:
                pixels = max(pixels, _log(height[source] * width[source]))
                wide = max(wide, _log(channels[source]))
    source = edge_source[edge_start[last - 1]]
    out[0], out[1], out[2] = pixels, wide, pixels / 2 - log2(min(image[1], image[2]))
    out[3], out[8] = _log(channels[source]), zero[source]


@compiled
def profile(
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    classes: int,
    facts: Facts,
    codes: Codes,
    of: Numbered,
    costs: NodeCosts,
    begin: int,
    end: int,
    out: Floats,
    cost: Floats,
) -> None:
    """Fills in, for graphs `begin` to `end`, the features of `profile` (n, 61) and the costs (n, 5)."""
    for graph in range(begin, end):
        first, last = graphs.node_start[graph], graphs.node_start[graph + 1]
        out[graph] = 0.0
        _size(first, last, classes, graphs, shapes, image, facts, codes, of, costs, graph, out[graph], cost[graph])
        _channels(first, last, graphs, c, shapes, image, codes, of, out[graph, 13:24])
        _stages(first, last, graphs, c, shapes, image, facts, codes, of, costs, out[graph, 24:52])
        _ends(first, last, graphs, shapes, image, facts, codes, of, out[graph, 52:61])
