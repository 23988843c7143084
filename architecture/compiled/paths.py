"""`presage.architecture.encoders.paths`, `path_sums` and the terms of `sums` compiled: one visit of each node.

What a node gives to its readers stands in two rows of scratch memory: what is largest over paths, and what is added
over them. A node that reads one value which nobody else reads goes on in the rows of that value: most operations then
change a few numbers in place.
"""

from __future__ import annotations

from math import isfinite, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Ints, Mask, Numbered

__all__ = ["Shapes", "measure_paths"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# rows of `encoders.path_kinds.GAINS`, and the kinds of nodes that are no more than one of them
PASSING, POINT, WIDE, FIVE_UP, POOL = 0, 2, 3, 4, 5
ADDED, COUNTS, FIELD = 4, 11, 1
MOST_LOG, MOST = 60.0, 2.0**1000

# columns of what is largest: longest and shortest paths of what is added one by one, then of what is counted; runs of
# layers; the narrowest place
LONGEST, SHORTEST, RUN, NARROW, LARGEST = 2 * ADDED, 2 * ADDED + COUNTS, 2 * (ADDED + COUNTS), 34, 37
# columns of what is added: moments, terms by kind, weighted sums
TERM, WEIGHED, KINDS = 6, 10, 4


class Shapes(NamedTuple):
    """(m,) shapes of nodes."""

    channels: Ints
    height: Ints
    width: Ints
    flat: Mask


@compiled
def _begin(row: int, is_image: bool, largest: Singles, added: Floats) -> None:
    """What lies before a node that reads nothing."""
    for column in range(largest.shape[1]):
        largest[row, column] = 0.0 if is_image else -np.inf
    for column in range(added.shape[1]):
        added[row, column] = 1.0 if is_image and (column == 0 or column >= WEIGHED) else 0.0
    for column in range(RUN, NARROW):
        largest[row, column] = 0.0
    for column in range(NARROW, LARGEST):
        largest[row, column] = np.inf if is_image else -np.inf


@compiled
def _copy(row: int, other: int, largest: Singles, added: Floats) -> None:
    for column in range(largest.shape[1]):
        largest[row, column] = largest[other, column]
    for column in range(added.shape[1]):
        added[row, column] = added[other, column]


@compiled
def _join(row: int, other: int, largest: Singles, added: Floats) -> None:
    for column in range(largest.shape[1]):
        one, two = largest[row, column], largest[other, column]
        largest[row, column] = one if one > two else two
    for column in range(added.shape[1]):
        added[row, column] += added[other, column]


@compiled
def _prepare(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    facts: Facts,
    codes: Codes,
    of: Numbered,
    code: NDArray[np.int8],
    own: NDArray[np.int8],
    amounts: Singles,
) -> None:
    """By node: its row of gains, the term that it makes (−1: none, `KINDS`: none of one), and what it adds to paths."""
    for r in range(first, last):
        at, kind = r - first, graphs.kind[r]
        code[at], own[at] = PASSING, -1
        for column in range(ADDED):
            amounts[at, column] = 0.0
        if of.passing[r]:
            continue
        kernel = max(c.kernel_h[r], c.kernel_w[r])
        code[at] = facts.path_kind[kind]
        if code[at] == POINT:
            code[at] = FIVE_UP if kernel >= 5 else WIDE if kernel > 1 else POINT
        if facts.elementwise[kind]:
            own[at] = KINDS
        elif kind == codes.convolution:
            own[at] = 0 if kernel > 1 else 1
        else:
            own[at] = 2 if facts.pools[kind] else KINDS - 1
        if facts.windowed[kind] or facts.random[kind]:
            source = graphs.edge_source[graphs.edge_start[r]]
            amounts[at, 0] = log2(max(c.stride_h[r], c.stride_w[r], 1))
            if facts.random[kind]:
                amounts[at, 2] = c.permille[r] / 1000
            else:
                side = max(shapes.height[source], shapes.width[source])
                dilation = max(c.dilation_h[r], c.dilation_w[r], 1)
                span = min(np.int64(kernel - 1) * dilation + 1, 2 * side - 1)
                amounts[at, FIELD] = (span - 1) * (max(image[1], image[2]) / side)
            if kind == codes.convolution and shapes.channels[r] > shapes.channels[source]:
                amounts[at, 3] = log2(shapes.channels[r] / shapes.channels[source])


@compiled
def _add(
    row: int,
    at: int,
    code: int,
    own: int,
    gains: Singles,
    factors: Floats,
    amounts: Singles,
    largest: Singles,
    added: Floats,
) -> None:
    """What an operation adds to paths, to the sums over them, and to the terms of its value."""
    for column in range(ADDED):
        largest[row, column] += amounts[at, column]
        largest[row, ADDED + column] -= amounts[at, column]
    for column in range(2 * COUNTS):
        largest[row, LONGEST + column] += gains[code, column]
    ways = added[row, 0]
    if gains[code, 0] > 0:  # Σ (d+1)² = Σ d² + 2 Σ d + Σ 1
        added[row, 2] += 2 * added[row, 1] + ways
        added[row, 1] += ways
    if POINT <= code <= POOL:
        added[row, 3 if WIDE <= code <= FIVE_UP else 4 if code == POINT else 5] += ways
        for column in range(factors.shape[1]):
            added[row, WEIGHED + column] *= factors[code, column]
    if added[row, 2] > 1e290 or ways > 1e290:
        for column in range(added.shape[1]):
            added[row, column] = min(added[row, column], MOST)
    if own == KINDS:  # of one term it makes one alike, of several one of its own
        count = added[row, TERM] + added[row, TERM + 1] + added[row, TERM + 2] + added[row, TERM + 3]
        own = KINDS - 1 if count != 1.0 else -1
    if own >= 0:
        for column in range(KINDS):
            added[row, TERM + column] = 1.0 if column == own else 0.0


@compiled
def _write(
    out: Floats,
    sums: Floats,
    largest: Singles,
    added: Floats,
    sees_zero: bool,
    image: tuple[int, int, int],
    fields: Floats,
    longest: Singles,
) -> None:
    """The features of one graph, in the order of the encoders."""
    at, side = 0, min(image[1], image[2])
    for column in range(LONGEST + 2 * COUNTS):
        if not isfinite(largest[column]):
            largest[column] = 0.0
    for column in range(COUNTS):
        out[at], out[at + 1] = largest[LONGEST + column], -largest[SHORTEST + column]
        at += 2
    for column in range(ADDED):
        if column != FIELD:
            out[at], out[at + 1] = largest[column], -largest[ADDED + column]
            at += 2
    for sign in range(2):
        field = 1.0 + np.float64(largest[FIELD]) if sign == 0 else 1.0 - np.float64(largest[ADDED + FIELD])
        out[at], out[at + 1] = log2(field), min(field / side, 16.0)
        at += 2
    for column in range(2):
        out[at] = fields[column] / fields[2] if fields[2] > 0 else 0.0
        at += 1
    number = max(added[0], 1.0)
    mean, square = added[1] / number, added[2] / number
    out[at] = min(log2(number), MOST_LOG) if added[0] > 0 else 0.0
    out[at + 1], out[at + 2] = mean, added[3] / number
    out[at + 3], out[at + 4] = added[4] / number, added[5] / number
    out[at + 5] = np.sqrt(np.rint(max(square - mean**2, 0.0) * 1e9) / 1e9)
    at += 6
    for column in range(3):
        out[at + column] = longest[column]
    out[at + 3], out[at + 4] = largest[RUN + 3], largest[RUN]
    at += 5
    whole = log2(image[0] * image[1] * image[2])
    for column in range(3):
        least = np.float64(largest[NARROW + column])
        found = np.float64(np.float32(log2(least))) if 0 < least < np.inf else 0.0
        out[at + column] = found - whole if column < 2 else found
    for column in range(len(sums)):
        sums[column] = 0.0 if sees_zero else log2(max(added[WEIGHED + column], 1 / MOST))


@compiled
def measure_paths(
    graphs: Graphs,
    c: FieldColumns,
    shapes: Shapes,
    image: tuple[int, int, int],
    facts: Facts,
    codes: Codes,
    of: Numbered,
    begin: int,
    end: int,
    out: Floats,
    sums: Floats,
    terms: Floats,
) -> None:
    """Fills in, for graphs `begin` to `end`, the features of `paths` and of `path_sums`, and the terms of each node.

    Args:
        graphs, c, shapes, image, facts, codes, of: what is known of the nodes.
        begin, end: which graphs.
        out: (n, 50) features of `paths`.
        sums: (n, 26) features of `path_sums`.
        terms: (m, 4) terms of each value by kind; 0 of what is not live.
    """
    kinds, edge_start, edge_source = graphs.kind, graphs.edge_start, graphs.edge_source
    live, zero, passing, parts = of.live, of.zero, of.passing, of.parts
    channels, height, width, flat = shapes.channels, shapes.height, shapes.width, shapes.flat
    normalises, stacks, saturating, function = facts.normalises, facts.stacks, facts.saturating, c.function
    gains, factors = facts.gains, facts.factors
    most = 0
    for graph in range(begin, end):
        most = max(most, graphs.node_start[graph + 1] - graphs.node_start[graph])
    largest, added = np.zeros((most, LARGEST), np.float32), np.zeros((most, WEIGHED + factors.shape[1]))
    rows, readers = np.zeros(most, np.int64), np.zeros(most, np.int64)
    fields, longest = np.zeros(3), np.zeros(3, np.float32)
    low, high = graphs.node_start[begin], graphs.node_start[end]
    code, own = np.zeros(high - low, np.int8), np.zeros(high - low, np.int8)
    amounts = np.zeros((high - low, ADDED), np.float32)
    _prepare(low, high, graphs, c, shapes, image, facts, codes, of, code, own, amounts)
    side = min(image[1], image[2])
    for graph in range(begin, end):
        start, stop = graphs.node_start[graph], graphs.node_start[graph + 1]
        readers[: stop - start] = 0
        for r in range(start, stop):
            if live[r]:
                for edge in range(edge_start[r], edge_start[r + 1]):
                    readers[edge_source[edge] - start] += 1
        fields[:] = 0.0
        longest[:] = 0.0
        used = 0
        for r in range(start, stop):
            if not live[r]:
                for column in range(KINDS):
                    terms[r, column] = 0.0
                continue
            kind, inputs, row = kinds[r], 0, 0
            for edge in range(edge_start[r], edge_start[r + 1]):
                source = edge_source[edge]
                if zero[source]:
                    continue
                inputs += 1
                if inputs > 1:
                    _join(row, rows[source - start], largest, added)
                elif readers[source - start] == 1:
                    row = rows[source - start]
                else:
                    row = used
                    used += 1
                    _copy(row, rows[source - start], largest, added)
            if inputs == 0:
                row = used
                used += 1
                _begin(row, kind == codes.image, largest, added)
            rows[r - start] = row
            if inputs > 1 and (passing[r] or stacks[kind]):
                largest[row, RUN + 2] = 0.0
            if normalises[kind]:
                largest[row, RUN] = 0.0
            if not passing[r]:
                _add(row, r - low, code[r - low], own[r - low], gains, factors, amounts, largest, added)
                if kind == codes.activation:
                    largest[row, RUN + 1] = 0.0
                    if saturating[function[r]]:
                        largest[row, RUN + 3] += np.float32(1.0)
                if r < stop - 1:
                    size = np.float32(channels[r] * height[r] * width[r])
                    if not (flat[r] or (height[r] == 1 and width[r] == 1)):
                        largest[row, NARROW] = min(largest[row, NARROW], size)
                    largest[row, NARROW + 1] = min(largest[row, NARROW + 1], size)
                    if kind != codes.image:
                        largest[row, NARROW + 2] = min(largest[row, NARROW + 2], np.float32(channels[r]))
                if kind == codes.convolution:
                    for column in range(3):
                        largest[row, RUN + column] += np.float32(1.0)
                        longest[column] = max(longest[column], largest[row, RUN + column])
                    if parts[r]:
                        seen = 1 + np.float64(largest[row, FIELD])
                        seen = seen if isfinite(seen) else np.float64(1.0)
                        fields[0] += min(seen / side, 16.0)
                        fields[1] += 1.0 if seen > 2 * side else 0.0
                        fields[2] += 1.0
            for column in range(KINDS):
                terms[r, column] = added[row, TERM + column]
        row = rows[stop - 1 - start]
        sees_zero = zero[edge_source[edge_start[stop - 1]]]
        _write(out[graph], sums[graph], largest[row], added[row], sees_zero, image, fields, longest)
