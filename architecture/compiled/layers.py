"""`presage.architecture.encoders.tapas` compiled: one visit of each node, then of each layer."""

from __future__ import annotations

from math import log2, log10, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.costs import NodeCosts
from presage.architecture.compiled.paths import Shapes
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Ints, LayerFacts, Numbered

__all__ = ["Layers", "read_layers"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MARKS, DROPPED = 5, 4
"""What a layer's input went through: normalisation, three forms of activation, dropout; the column of the last."""


class Layers(NamedTuple):
    """What `RaggedLayers` holds, to be filled in, and where each network's layers begin.

    Attributes:
        start: (n,) the first layer of each network.
        values: (l, f).
        nodes: (l,) position of each layer's node in its architecture.
    """

    start: Ints
    values: Singles
    nodes: Ints


@compiled
def _root2(value: float) -> float:
    """log2 of a number, of 1 where that is more."""
    return log2(max(value, 1.0))


@compiled
def _visit(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    facts: Facts,
    own: LayerFacts,
    codes: Codes,
    of: Numbered,
    marks: Singles,
    level: Singles,
    terms: Floats,
) -> None:
    """Fills in what each value went through since the last layer, its depth in operations, its number of terms."""
    kinds, edge_start, edge_source = graphs.kind, graphs.edge_start, graphs.edge_source
    normalises, random, function, permille, live = facts.normalises, facts.random, c.function, c.permille, of.live
    zero, passing, column, form = of.zero, of.passing, own.column, own.form
    for r in range(first, last):
        at, kind, begin, end = r - first, kinds[r], edge_start[r], edge_start[r + 1]
        for mark in range(MARKS):
            marks[at, mark] = 0.0
        if begin == end:
            level[at], terms[at] = 0.0 if passing[r] else 1.0, 1.0
            continue
        deepest, summed = np.float32(-np.inf), 0.0
        for edge in range(begin, end):
            source = edge_source[edge]
            deepest = max(deepest, level[source - first])
            if live[source]:
                summed += terms[source - first]
        level[at] = -np.inf if zero[r] else deepest + np.float32(0.0 if passing[r] else 1.0)
        terms[at] = summed if passing[r] else 1.0
        if zero[r]:
            continue
        for edge in range(begin, end if column[kind] < 0 or passing[r] else begin):
            source = edge_source[edge] - first
            for mark in range(MARKS):
                marks[at, mark] = max(marks[at, mark], marks[source, mark])
        if passing[r]:
            continue
        if normalises[kind]:
            marks[at, 0] = 1.0
        if kind == codes.activation:
            marks[at, form[function[r]]] = 1.0
        if random[kind]:
            marks[at, DROPPED] += np.float32(permille[r] / 1000)


@compiled
def _describe(
    r: int,
    source: int,
    is_last: bool,
    graph: int,
    classes: int,
    image: float,
    groups: int,
    c: FieldColumns,
    shapes: Shapes,
    costs: NodeCosts,
    terms: float,
    out: Floats,
) -> None:
    """Fills in what a layer is, by itself, after the columns of its kind."""
    channels = classes if is_last else shapes.channels[r]
    parameters = costs.last_parameters[graph] if is_last else costs.parameters[r]
    multiply_adds = costs.last_multiply_adds[graph] if is_last else costs.multiply_adds[r]
    side = _root2(sqrt(shapes.height[r] * shapes.width[r]))
    out[0] = _root2(np.float64(c.kernel_h[r]) * c.kernel_w[r]) / 2
    out[1] = _root2(np.float64(c.stride_h[r]) * c.stride_w[r]) / 2
    out[2] = _root2(groups)
    out[3] = side - _root2(sqrt(shapes.height[source] * shapes.width[source]))
    out[4] = log2(channels / shapes.channels[source])
    out[5] = log10(1.0 + parameters)
    out[6] = log10(1.0 + multiply_adds)
    out[7] = _root2(channels)
    out[8] = side
    out[9] = side - image
    out[10] = _root2(terms)


@compiled
def read_layers(
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    classes: int,
    facts: Facts,
    own: LayerFacts,
    codes: Codes,
    of: Numbered,
    costs: NodeCosts,
    begin: int,
    end: int,
    found: Layers,
) -> None:
    """Fills in the layers of graphs `begin` to `end`."""
    kinds, edge_start, edge_source, parts = graphs.kind, graphs.edge_start, graphs.edge_source, of.parts
    values, nodes, groups, weight = found.values, found.nodes, c.groups, own.weight
    most, width, names = 0, len(weight), own.column.max() + 1
    for graph in range(begin, end):
        most = max(most, graphs.node_start[graph + 1] - graphs.node_start[graph])
    marks, level, terms = np.zeros((most, MARKS), np.float32), np.zeros(most, np.float32), np.zeros(most)
    rows, order = np.zeros(most, np.int64), np.zeros(most, np.int64)
    layer, key = np.zeros((most, width)), np.zeros((most, 3))
    side = _root2(sqrt(image[1] * image[2]))
    for graph in range(begin, end):
        first, last = graphs.node_start[graph], graphs.node_start[graph + 1]
        _visit(first, last, graphs, c, facts, own, codes, of, marks, level, terms)
        count = 0
        for r in range(first, last):
            kind = kinds[r]
            if not parts[r] or own.column[kind] < 0:
                continue
            source, made = edge_source[edge_start[r]], layer[count]
            number = terms[source - first] if of.live[source] else 0.0
            made[:] = 0.0
            made[own.column[kind]] = 1.0
            split = groups[r] if kind == codes.convolution else 1
            _describe(r, source, r == last - 1, graph, classes, side, split, c, shapes, costs, number, made[names:])
            made[width - MARKS :] = marks[source - first]
            like = 0.0
            for column in range(width):
                like += made[column] * weight[column]
            rows[count] = r
            key[count, 0] = np.inf if kind == codes.classifier else level[r - first]
            key[count, 1] = of.depth[r] if of.depth[r] > -np.inf else 0.0
            key[count, 2] = like
            place = count
            while place > 0:  # most nodes stand in this order already
                other = order[place - 1]
                before = False
                for column in range(3):
                    if key[count, column] != key[other, column]:
                        before = key[count, column] < key[other, column]
                        break
                if not before:
                    break
                order[place] = other
                place -= 1
            order[place] = count
            count += 1
        parameters, multiply_adds, sizes = 0.0, 0.0, 0.0
        for place in range(count):
            at, to = order[place], found.start[graph] + place
            r = rows[at]
            is_last = r == last - 1
            parameters += costs.last_parameters[graph] if is_last else costs.parameters[r]
            multiply_adds += costs.last_multiply_adds[graph] if is_last else costs.multiply_adds[r]
            sizes += (classes if is_last else shapes.channels[r]) * shapes.height[r] * shapes.width[r]
            nodes[to] = r - first
            for column in range(width):
                values[to, column] = layer[at, column]
            values[to, width] = key[at, 1]
            values[to, width + 1] = log2(place + 1.0)
            values[to, width + 2] = log10(1 + parameters)
            values[to, width + 3] = log10(1 + multiply_adds)
            values[to, width + 4] = log10(1 + sizes)
