"""`presage.architecture.encoders.counts` and `sums` compiled."""

from __future__ import annotations

from math import log, log2

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.paths import Shapes
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Ints, Numbered

__all__ = ["count"]

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]

KINDS = 16
"""Kinds of operations that have a column."""
FUNCTIONS = 6
"""Activations that have one."""
WIDE = 1
"""A convolution that is wider than a point."""


@compiled
def _look_up(value: np.uint64, stamp: int, seen: Hashes, stamps: Ints) -> int:
    """The place of a value in a table of a power of two places, those of another stamp being empty; entered if new."""
    room = np.uint64(len(seen) - 1)
    at = (value >> np.uint64(20)) & room
    while stamps[at] == stamp and seen[at] != value:
        at = (at + np.uint64(1)) & room
    seen[at] = value
    return int(at)


@compiled
def _count_operations(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    facts: Facts,
    codes: Codes,
    of: Numbered,
    macs: Ints,
    out: Floats,
) -> None:
    """The features of `counts` of one graph."""
    kinds, edge_start, edge_source, parts = graphs.kind, graphs.edge_start, graphs.edge_source, of.parts
    channels, height, width, flat = shapes.channels, shapes.height, shapes.width, shapes.flat
    counted, normalises, pools, random = facts.counted, facts.normalises, facts.pools, facts.random
    functions = KINDS + 2
    conv = functions + FUNCTIONS + 1
    kernels = conv + 9
    drops = kernels + 6
    work = weighed = of_side = all_kernels = 0.0
    for r in range(first, last):
        if not parts[r]:
            continue
        kind = kinds[r]
        if counted[kind] >= 0:
            out[counted[kind]] += 1
        out[KINDS] += 1
        if normalises[kind]:
            out[KINDS + 1] += 1
        if kind == codes.activation:
            out[functions + facts.function_counted[c.function[r]]] += 1
        elif kind == codes.convolution:
            source = edge_source[edge_start[r]]
            kernel, stride = max(c.kernel_h[r], c.kernel_w[r]), max(c.stride_h[r], c.stride_w[r])
            groups, given = c.groups[r], channels[source]
            out[conv + (0 if kernel <= WIDE else 1 if kernel <= 3 else 2 if kernel <= 5 else 3)] += 1
            out[conv + 4] += stride > 1
            out[conv + 5] += 1 < groups < given
            out[conv + 6] += groups > 1 and groups == given
            out[conv + 7] += c.dilation_h[r] > 1 or c.dilation_w[r] > 1
            out[conv + 8] += c.bias[r] > 0
            side = min(height[source], width[source])
            cost = np.float64(macs[r])
            work += cost
            weighed += cost * kernel
            all_kernels += kernel
            of_side += min(kernel / side, 2.0)
            out[kernels + 1] = max(out[kernels + 1], kernel)
            out[kernels + 4] += kernel > side
        elif pools[kind]:
            out[kernels + 5] += max(c.stride_h[r], c.stride_w[r]) > 1
        elif random[kind]:
            rate = c.permille[r] / 1000
            out[drops + (0 if flat[r] else 1)] += rate
            out[drops + 2] = max(out[drops + 2], rate)
            out[drops + 3] += log(max(1 - rate, 1e-3))
    number = max(out[conv] + out[conv + 1] + out[conv + 2] + out[conv + 3], 1.0)
    out[kernels] = all_kernels / number
    out[kernels + 2] = weighed / max(work, 1.0)
    out[kernels + 3] = of_side / number


@compiled
def _count_sums(
    first: int,
    last: int,
    graphs: Graphs,
    facts: Facts,
    codes: Codes,
    of: Numbered,
    terms: Floats,
    out: Floats,
    stamp: int,
    seen: Hashes,
    stamps: Ints,
    reads: Ints,
) -> None:
    """The features of `sums` of one graph."""
    kinds, edge_start, edge_source = graphs.kind, graphs.edge_start, graphs.edge_source
    parts, zero, numbers, pools, stacks = of.parts, of.zero, of.number, facts.pools, facts.stacks
    operations = edges = most = 0
    by = np.zeros((2, 3))
    for r in range(first, last):
        if not parts[r]:
            continue
        operations += 1
        kind, inputs, column = kinds[r], 0, -1
        if kind == codes.convolution:
            column = 0
        elif pools[kind]:
            column = 1
        elif kind == codes.activation:
            column = 2
        for edge in range(edge_start[r], edge_start[r + 1]):
            source = edge_source[edge]
            if zero[source]:
                continue
            inputs += 1
            number = terms[source, 0] + terms[source, 1] + terms[source, 2] + terms[source, 3]
            size = log2(number) if number > 1 else 0.0
            if column >= 0:
                by[0, column] += size
                by[1, column] += 1
            at = _look_up(numbers[source], stamp, seen, stamps)
            if stamps[at] != stamp:
                stamps[at], reads[at] = stamp, 0
                if number > 1:
                    out[0] += 1
                    out[1] = max(out[1], size)
                    out[2] += size
                    for term in range(4):
                        out[3 + term] += terms[source, term] / number
            reads[at] += 1
            most = max(most, reads[at])
        edges += inputs
        if stacks[kind]:
            out[10] = max(out[10], inputs)
    for column in range(2, 7):
        out[column] /= max(out[0], 1.0)
    for column in range(3):
        out[7 + column] = by[0, column] / max(by[1, column], 1.0)
    out[11], out[12] = edges / max(operations, 1), most / max(operations, 1)


@compiled
def count(
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    facts: Facts,
    codes: Codes,
    of: Numbered,
    macs: Ints,
    terms: Floats,
    begin: int,
    end: int,
    out: Floats,
    sums: Floats,
) -> None:
    """Fills in, for graphs `begin` to `end`, the features of `counts` (n, 44) and of `sums` (n, 13)."""
    node_start, size, most = graphs.node_start, 4, 0
    for graph in range(begin, end):
        most = max(most, node_start[graph + 1] - node_start[graph])
    while size < 2 * most:
        size *= 2
    seen, stamps, reads = np.zeros(size, np.uint64), np.full(size, -1), np.zeros(size, np.int64)
    for graph in range(begin, end):
        first, last = node_start[graph], node_start[graph + 1]
        out[graph] = 0.0
        sums[graph] = 0.0
        _count_operations(first, last, graphs, c, shapes, facts, codes, of, macs, out[graph])
        _count_sums(first, last, graphs, facts, codes, of, terms, sums[graph], graph, seen, stamps, reads)
