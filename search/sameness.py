"""Which candidates of a batch are the same network: a 64-bit key per graph, thousands of times a second.

`Architecture.hash` decides that exactly, at about 1,000 networks a second. The key never tells apart less than the hash
does, up to collisions of 64 bits; of rewritings it knows those that spaces produce: dead nodes, identities, absent
edges, the order and bracketing of sums. Where it does not see through one, a network is scored twice, no more: what is
short-listed is compared by hash.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import ATTRIBUTES, GraphBatch
from presage.architecture.batch.kinds import (
    COMMUTES,
    JOINS,
    KEEPS_ZERO,
    NORMALISES,
    RANDOM,
    WEIGHTED,
    ZERO_WITH_ANY,
    functions,
    handing_on,
    table,
)
from presage.architecture.batch.scan import scan_of
from presage.architecture.compiled.compiling import is_worth_it
from presage.architecture.operations import KIND, Activation, Add, Zero

__all__ = ["network_keys"]

Words = NDArray[np.uint64]

_ODD = np.random.default_rng(0x70726573).integers(0, 2**63, len(ATTRIBUTES) + 2, np.uint64) * np.uint64(2) + np.uint64(
    1
)


_OWN = WEIGHTED | NORMALISES | RANDOM  # no two of them are one
_ADDS, _ZEROS = table(Add), table(Zero)
_AWAKE = functions(lambda function: not function.keeps_zero)


def network_keys(graphs: GraphBatch) -> Words:
    """(n,) keys of n networks: equal keys, equal functions up to weights.

    Upwards, a node's word is hashed from its operation and the words of what it reads (zero for what is always zero, a
    sum's word the sum of its terms'). Downwards, from the words of what reads it; so two convolutions on one input are
    told from one that is read twice. The key is a sum over the nodes that have weights of their own.
    """
    if not len(graphs):
        return np.zeros(0, np.uint64)
    keys, literal = (_compiled if is_worth_it(len(graphs)) else _by_steps)(graphs)
    if len(literal):
        keys[literal] = _literal(graphs.take(literal))
    return keys


def _silent(graphs: GraphBatch) -> NDArray[np.bool_]:
    """(m,) nodes that make zeros of zeros."""
    kind = graphs.kind
    found: NDArray[np.bool_] = KEEPS_ZERO[kind] & ~((kind == KIND[Activation]) & _AWAKE[graphs.column("function")])
    return found


def _compiled(graphs: GraphBatch) -> tuple[Words, NDArray[np.intp]]:
    """The same as `_by_steps`, by the kernel."""
    from presage.architecture.compiled.in_parts import in_parts
    from presage.architecture.compiled.keys import write_keys

    keys, literal = np.empty(len(graphs), np.uint64), np.empty(len(graphs), np.bool_)
    told = (
        graphs.node_start, graphs.kind, graphs.edge_start, graphs.edge_source, np.asfortranarray(graphs.attributes),
        _ODD, _OWN, COMMUTES, ZERO_WITH_ANY, _ADDS, _ZEROS, JOINS & ~_ADDS, handing_on(graphs), _silent(graphs),
    )  # fmt: skip

    def work(begin: int, end: int) -> None:
        write_keys(*told, begin, end, keys, literal)

    in_parts(len(graphs), work)
    return keys, np.flatnonzero(literal)


def _by_steps(graphs: GraphBatch) -> tuple[Words, NDArray[np.intp]]:
    """Keys (n,), and which networks have to be read literally."""
    scan = scan_of(graphs)
    kind, m = graphs.kind, len(graphs.kind)
    operation = _named(graphs)
    add = kind == KIND[Add]
    many = JOINS[kind] & ~add
    passes = handing_on(graphs)
    silent = _silent(graphs)
    never = kind == KIND[Zero]

    up = np.empty(m, np.uint64)
    up[scan.images] = operation[scan.images]
    odd = np.zeros(m, np.bool_)  # nodes that see some zeros and are not zero themselves
    for step in scan:
        rows = step.rows
        first = up[step.first]
        total, hashed, some_zero, all_zero = first.copy(), _mixed(first), first == 0, first == 0
        for rank, (at, source) in enumerate(step.further, start=2):
            word = up[source]
            total[at] += word
            places = np.where(COMMUTES[kind[rows[at]]], np.uint64(1), np.uint64(2 * rank + 1))
            hashed[at] += _mixed(word) * places
            some_zero[at] |= word == 0
            all_zero[at] &= word == 0
        value = _mixed(operation[rows] ^ np.where(many[rows], hashed, first))
        value = np.where(passes[rows], first, np.where(add[rows], total, value))
        zero = never[rows] | (all_zero & silent[rows]) | (some_zero & ZERO_WITH_ANY[kind[rows]])
        up[rows] = np.where(zero, np.uint64(0), value)
        odd[rows] = some_zero & ~zero & ~add[rows]

    down = np.zeros(m, np.uint64)
    last = graphs.node_start[1:] - 1
    down[last] = 1
    for step in reversed(scan):
        rows = step.rows
        own = np.where(_OWN[kind[rows]], _mixed(down[rows] + up[rows]), down[rows] * (up[rows] | np.uint64(1)))
        given = np.where(add[rows] | passes[rows], down[rows], own)
        given[(up[rows] == 0) | (down[rows] == 0)] = 0
        down[step.first] += given
        for rank, (at, source) in enumerate(step.further, start=2):
            ordered = ~COMMUTES[kind[rows[at]]]
            down[source] += given[at] * np.where(ordered, np.uint64(2 * rank + 1), np.uint64(1))

    live = _OWN[kind] & (up != 0) & (down != 0)
    words = np.where(live, _mixed(up + down * _ODD[1]), np.uint64(0))
    keys = np.add.reduceat(words, graphs.node_start[:-1])
    return keys, np.flatnonzero(np.logical_or.reduceat(odd & (down != 0), graphs.node_start[:-1]))


def _named(graphs: GraphBatch) -> Words:
    """(m,) a word for each node's operation with its fields; never zero."""
    words = (graphs.kind.astype(np.uint64) + np.uint64(1)) * _ODD[0]
    for column, odd in enumerate(_ODD[2:]):  # column by column, as they lie in memory
        words += graphs.attributes[:, column].astype(np.uint64) * odd
    return _mixed(words)


def _literal(graphs: GraphBatch) -> Words:
    """(n,) keys of n graphs as they are written, where zeros are concatenated or classified."""
    nodes = np.arange(1, len(graphs.kind) + 1) - np.repeat(graphs.node_start[:-1], np.diff(graphs.node_start))
    place = nodes.astype(np.uint64) * _ODD[1]
    keys = np.add.reduceat(_mixed(_named(graphs) + place), graphs.node_start[:-1])
    edges = _mixed(place[graphs.edge_source] ^ _mixed(place[graphs.edge_target])) * np.uint64(3)
    np.add.at(keys, graphs.graph[graphs.edge_target], edges)
    return keys


def _mixed(words: Words) -> Words:
    """A bijection of 64-bit words that spreads every bit (SplitMix64, Steele et al. 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
