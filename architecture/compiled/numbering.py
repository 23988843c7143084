"""`presage.architecture.encoders.numbering` and the masks of `CanonicalView` compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Ints, Mask, Numbered, Words

__all__ = ["number"]

Hashes = NDArray[np.uint64]


@compiled
def _mixed(value: np.uint64) -> np.uint64:
    odd, shift = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
    value = (value ^ (value >> shift)) * odd
    value = (value ^ (value >> shift)) * odd
    return value ^ (value >> shift)


@compiled
def _hands_on(r: int, kind: int, attributes: NDArray[np.int32], idle: Ints) -> bool:
    for at in range(idle.shape[1]):
        column = idle[kind, at, 0]
        if column < 0:
            break
        if attributes[r, column] != idle[kind, at, 1]:
            return False
    return True


@compiled
def _find_passing(
    first: int,
    last: int,
    graphs: Graphs,
    attributes: NDArray[np.int32],
    c: FieldColumns,
    flat: Mask,
    facts: Facts,
    words: Words,
    codes: Codes,
    zero: Mask,
    passing: Mask,
    given: Mask,
) -> None:
    """Fills in `zero`, and in `passing` what passes its input on; `given` is scratch."""
    kinds, edge_start, edge_source, functions = graphs.kind, graphs.edge_start, graphs.edge_source, c.function
    keeps_zero, awake, zero_with_any, stacks = facts.keeps_zero, facts.awake, facts.zero_with_any, facts.stacks
    flattens, not_negative, keeps_sign = facts.flattens, facts.not_negative, facts.keeps_sign
    rectifying, idle, idles = facts.rectifying, words.idle, words.idles
    for r in range(first, last):
        kind, start, stop = kinds[r], edge_start[r], edge_start[r + 1]
        function = functions[r] if kind == codes.activation else -1
        none = kind == codes.zero
        if not none and keeps_zero[kind] and stop > start and not (function >= 0 and awake[function]):
            any_zero, all_zero = False, True
            for edge in range(start, stop):
                one = zero[edge_source[edge]]
                any_zero, all_zero = any_zero or one, all_zero and one
            none = any_zero if zero_with_any[kind] else all_zero
        zero[r] = none
        passes = idles[kind] and _hands_on(r, kind, attributes, idle)
        passes = passes or (stacks[kind] and stop - start == 1)
        passes = passes or (flattens[kind] and flat[edge_source[start]])
        read = stop > start
        for edge in range(start, stop):
            read = read and given[edge_source[edge] - first]
        positive = none or (function >= 0 and not_negative[function])
        given[r - first] = positive or ((keeps_sign[kind] or passes) and read)
        passing[r] = passes or (function >= 0 and rectifying[function] and read)
    for position in words.clipping:
        found = False
        for r in range(first, last):
            found = found or (kinds[r] == codes.activation and functions[r] == position)
        if not found:
            continue
        for r in range(first, last):
            start, stop = edge_start[r], edge_start[r + 1]
            read = stop > start and given[edge_source[start] - first]
            clips = kinds[r] == codes.activation and functions[r] == position
            carries = passing[r]
            if not carries and kinds[r] == codes.add:
                carries = True
                for edge in range(start + 1, stop):
                    carries = carries and zero[edge_source[edge]]
            given[r - first] = clips or (carries and read)
            passing[r] = passing[r] or (clips and read)


@compiled
def _find_numbers(
    first: int,
    last: int,
    graphs: Graphs,
    attributes: NDArray[np.int32],
    c: FieldColumns,
    channels: Ints,
    facts: Facts,
    words: Words,
    codes: Codes,
    zero: Mask,
    passing: Mask,
    number: Hashes,
) -> None:
    """Fills in `number`."""
    kinds, edge_start, edge_source = graphs.kind, graphs.edge_start, graphs.edge_source
    owns, affine, joins, commutes = facts.own, c.affine, facts.joins, facts.commutes
    factors, kind_words, columns = words.words, words.kind_words, words.attributes
    of_channels, of_own = factors[len(factors) - 2], factors[0]
    for r in range(first, last):
        kind = kinds[r]
        if zero[r]:
            number[r] = np.uint64(0)
            continue
        if (owns[kind] or affine[r] > 0) and not passing[r]:
            number[r] = _mixed((np.uint64(r) + np.uint64(1)) * of_own)
            continue
        hands_on = passing[r] or kind == codes.add
        hashes = joins[kind] and not hands_on
        read = np.uint64(0)
        for edge in range(edge_start[r], edge_start[r + 1]):
            one = number[edge_source[edge]]
            if hashes:
                rank = edge - edge_start[r]
                factor = np.uint64(1) if commutes[kind] or rank == 0 else np.uint64(2 * rank + 1)
                one = _mixed(one * factor)
            read += one
        if not hands_on:
            content = kind_words[kind] + np.uint64(channels[r]) * of_channels
            for at in range(columns.shape[1]):
                column = columns[kind, at]
                if column < 0:
                    break
                content += np.uint64(np.int64(attributes[r, column])) * factors[column]
            read = _mixed(read + _mixed(content))
        number[r] = read


@compiled
def number(
    graphs: Graphs,
    attributes: NDArray[np.int32],
    c: FieldColumns,
    channels: Ints,
    flat: Mask,
    facts: Facts,
    words: Words,
    codes: Codes,
    begin: int,
    end: int,
    found: Numbered,
) -> None:
    """Fills in `found` for the nodes of graphs `begin` to `end`."""
    most = 0
    for graph in range(begin, end):
        most = max(most, graphs.node_start[graph + 1] - graphs.node_start[graph])
    size = 4
    while size < 2 * most:
        size *= 2
    seen, stamp = np.zeros(size, np.uint64), np.full(size, -1)
    room = np.uint64(size - 1)
    given = np.zeros(graphs.node_start[end] - graphs.node_start[begin], np.bool_)
    first, last = graphs.node_start[begin], graphs.node_start[end]
    _find_passing(first, last, graphs, attributes, c, flat, facts, words, codes, found.zero, found.passing, given)
    _find_numbers(
        first, last, graphs, attributes, c, channels, facts, words, codes, found.zero, found.passing, found.number
    )
    numbers, zero, passing, live, parts, depth = found
    node_start, kinds, edge_start, edge_source = graphs
    owns, affine, weighted = facts.own, c.affine, facts.weighted
    for graph in range(begin, end):
        first, last = node_start[graph], node_start[graph + 1]
        for r in range(first, last):
            zero[r] = numbers[r] == np.uint64(0)
            live[r] = False
        live[last - 1] = not zero[last - 1]
        for back in range(last - first):
            r = last - 1 - back
            if live[r]:
                for edge in range(edge_start[r], edge_start[r + 1]):
                    source = edge_source[edge]
                    live[source] = not zero[source]
        for r in range(first, last):
            kind = kinds[r]
            passing[r] = passing[r] or kind == codes.add or zero[r]
            is_part = live[r] and not passing[r] and kind != codes.image
            if is_part and not owns[kind] and affine[r] == 0:
                at = np.int64((numbers[r] >> np.uint64(20)) & room)
                while stamp[at] == graph and seen[at] != numbers[r]:
                    at = np.int64(np.uint64(at + 1) & room)
                is_part = stamp[at] != graph
                stamp[at], seen[at] = graph, numbers[r]
            parts[r] = is_part
            deepest = -np.inf
            if live[r]:
                if kind == codes.image:
                    deepest = 0.0
                for edge in range(edge_start[r], edge_start[r + 1]):
                    if not zero[edge_source[edge]]:
                        deepest = max(deepest, depth[edge_source[edge]])
                if weighted[kind] and not passing[r]:
                    deepest += 1.0
            depth[r] = deepest
