"""`presage.search.sameness` compiled: the same words, node by node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled

__all__ = ["write_keys"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]


@compiled
def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@compiled
def write_keys(
    node_start: Ints,
    kinds: NDArray[np.int16],
    edge_start: Ints,
    edge_source: Ints,
    attributes: NDArray[np.int32],
    odd: Words,
    own: Mask,
    commutes: Mask,
    zero_with_any: Mask,
    adds: Mask,
    zeros: Mask,
    many: Mask,
    passes: Mask,
    silent: Mask,
    begin: int,
    end: int,
    keys: Words,
    literal: Mask,
) -> None:
    """Writes into `keys` (n,) those of graphs `begin` to `end`, and into `literal` (n,) which are to be read literally.

    Args:
        node_start, kinds, edge_start, edge_source, attributes: of the `GraphBatch`.
        odd: (a + 2,) factors of a kind, of what reads a node, and of each attribute.
        own, commutes, zero_with_any, adds, zeros, many: (kinds,) facts of them.
        passes, silent: (m,) nodes that hand their input on, and that make zeros of zeros.
    """
    first, stop = node_start[begin], node_start[end]
    none, one = np.uint64(0), np.uint64(1)
    named, up, down = (
        np.zeros(stop - first, np.uint64),
        np.zeros(stop - first, np.uint64),
        np.zeros(stop - first, np.uint64),
    )
    strange = np.zeros(stop - first, np.bool_)
    for r in range(first, stop):
        named[r - first] = (np.uint64(kinds[r]) + one) * odd[0]
    for column in range(attributes.shape[1]):  # as they lie in memory
        factor = odd[column + 2]
        for r in range(first, stop):
            named[r - first] += np.uint64(np.int64(attributes[r, column])) * factor
    for graph in range(begin, end):
        image, last = node_start[graph], node_start[graph + 1] - 1
        up[image - first] = _mixed(named[image - first])
        for r in range(image + 1, last + 1):
            kind, edges = kinds[r], edge_start[r]
            word = up[edge_source[edges] - first]
            seen, total, hashed, some_zero, all_zero = word, word, _mixed(word), word == none, word == none
            for edge in range(edges + 1, edge_start[r + 1]):
                word = up[edge_source[edge] - first]
                total += word
                hashed += _mixed(word) * (one if commutes[kind] else np.uint64(2 * (edge - edges + 1) + 1))
                some_zero = some_zero or word == none
                all_zero = all_zero and word == none
            if zeros[kind] or (all_zero and silent[r]) or (some_zero and zero_with_any[kind]):
                continue
            if passes[r]:
                up[r - first] = seen
            elif adds[kind]:
                up[r - first] = total
            else:
                up[r - first] = _mixed(_mixed(named[r - first]) ^ (hashed if many[kind] else seen))
            strange[r - first] = some_zero and not adds[kind]
        down[last - first] = one
        for r in range(last, image, -1):
            at, kind, edges = r - first, kinds[r], edge_start[r]
            given = down[at]
            if up[at] == none or given == none:
                continue
            if not (adds[kind] or passes[r]):
                given = _mixed(given + up[at]) if own[kind] else given * (up[at] | one)
            down[edge_source[edges] - first] += given
            for edge in range(edges + 1, edge_start[r + 1]):
                place = one if commutes[kind] else np.uint64(2 * (edge - edges + 1) + 1)
                down[edge_source[edge] - first] += given * place
        key, literally = none, False
        for r in range(image, last + 1):
            at = r - first
            if down[at] != none:
                literally = literally or strange[at]
                if own[kinds[r]] and up[at] != none:
                    key += _mixed(up[at] + down[at] * odd[1])
        keys[graph], literal[graph] = key, literally
