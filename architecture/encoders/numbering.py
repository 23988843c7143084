"""Every value that the graphs of a batch compute gets a 64-bit number: equal values, equal numbers.

The number of a sum is the sum of its terms' numbers, zero being 0: so order and bracketing of sums, absent edges and
sums of one term drop out by themselves. What does nothing passes its input's number on; operations without weights are
numbered by what they do and what they read, so equal ones are one; each weighted layer has a number of its own.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from presage.architecture.activations import TABLE
from presage.architecture.batch.graph_batch import ATTRIBUTES, LAYOUT, GraphBatch, runs
from presage.architecture.batch.kinds import (
    COMMUTES,
    JOINS,
    KEEPS_SIGN,
    KEEPS_ZERO,
    LEARNED,
    RANDOM,
    STACKS,
    WEIGHTED,
    ZERO_WITH_ANY,
    functions,
    handing_on,
    having,
    table,
)
from presage.architecture.batch.segments import Join, Segments, in_order, larger, segments_of
from presage.architecture.batch.shapes import BatchShapes
from presage.architecture.operations import KIND, OPERATIONS, Activation, Add, Input, Zero

__all__ = ["HASH_WORDS", "OWN", "Hashes", "mixed", "numbers"]

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Mask = NDArray[np.bool_]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
HASH_WORDS = np.random.default_rng(20190127).integers(1, 2**63, size=len(ATTRIBUTES) + 2, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)
"""Odd factors: one for each attribute, one for channels, one for kinds."""

OWN = WEIGHTED | RANDOM | LEARNED | table(Input)
"""Operations whose values are equal to no other's."""

_FLATTENS = having(lambda operation: operation.flattens)
_NOT_NEGATIVE = functions(lambda function: function.not_negative)
_AWAKE = functions(lambda function: not function.keeps_zero)
_RECTIFYING = functions(lambda function: function.keeps_not_negative)
_CLIPPING = [
    position
    for position, function in enumerate(TABLE.values())
    if function.idempotent and not (function.not_negative and function.keeps_not_negative)
]
"""Activations that hand on their own output, though not all that is not negative."""


def mixed(value: Hashes) -> Hashes:
    """A bijection of 64-bit numbers that scatters them and keeps 0."""
    value = (value ^ (value >> _SHIFT)) * _ODD
    value = (value ^ (value >> _SHIFT)) * _ODD
    return value ^ (value >> _SHIFT)


def numbers(batch: GraphBatch, shapes: BatchShapes) -> tuple[Hashes, Mask]:
    """(m,) the number of each node's value (0: always zero); and whether it passes its input on."""
    kind, function = batch.kind, batch.column("function")
    activation = kind == KIND[Activation]
    zero = _zeros(batch, activation & _AWAKE[function])
    passes = _does_nothing(batch, shapes)
    known = activation & _NOT_NEGATIVE[function]
    passes |= activation & _RECTIFYING[function] & _not_negative(batch, KEEPS_SIGN[kind] | passes, known, zero)
    for position in _CLIPPING:
        clips = activation & (function == position)
        if clips.any():
            passes |= clips & _clipped(batch, passes, clips, zero)
    return _hashes(batch, shapes, zero, passes), passes


def _does_nothing(batch: GraphBatch, shapes: BatchShapes) -> Mask:
    nothing = handing_on(batch)
    rows = np.flatnonzero(STACKS[batch.kind])
    nothing[rows[segments_of(batch).degree[rows] == 1]] = True
    rows = np.flatnonzero(_FLATTENS[batch.kind])
    nothing[rows[shapes.flat[batch.first_input[rows]]]] = True
    return nothing


def _read(segments: Segments, read: Mask, given: Mask) -> Mask:
    """(m,) what each node reads first, of what segments read (rows,) and nodes give (m,)."""
    before = np.concatenate([given[:0], given[-1:], given[:-1]])
    return np.where(segments.head, read[segments.of], before)


def _carried(segments: Segments, decides: Mask, decided: Mask, join: Join) -> tuple[Mask, Mask]:
    """A yes or no that nodes hand on: (rows,) what each segment reads, and (m,) what each node gives.

    Args:
        segments: of m nodes; what reads nothing reads no.
        decides: (m,) nodes that give their own answer, whatever they read.
        decided: (m,) that answer.
        join: joins the answers of several inputs.
    """
    since = segments.latest(decides)
    goes_on, last = segments.given(~decides[since]), segments.given(decided[since])
    found, read = np.zeros((2, segments.rows), np.bool_)

    def own(value: Mask, at: slice) -> None:
        read[at] = value
        np.copyto(value, last[at], where=~goes_on[at])

    segments.scan(found, join, own)
    return read, np.where(decides[since], decided[since], read[segments.of])


def _zeros(batch: GraphBatch, awake: Mask) -> Mask:
    """(m,) values that are always zero. `awake`: what is not zero where it reads zeros, by its attributes."""
    segments, kind = segments_of(batch), batch.kind
    zero: Mask = kind == KIND[Zero]
    if not zero.any():
        return zero
    multiplied = np.zeros(segments.rows, np.bool_)
    multiplied[segments.of[np.flatnonzero(ZERO_WITH_ANY[kind])]] = True

    def join(value: Mask, other: Mask, at: slice) -> None:
        either = value | other
        value &= other
        np.copyto(value, either, where=multiplied[at])

    return _carried(segments, zero | ~KEEPS_ZERO[kind] | awake, zero, join)[1]


def _not_negative(batch: GraphBatch, keeps: Mask, known: Mask, zero: Mask) -> Mask:
    """(m,) whether what each node reads is known to be ≥ 0.

    Args:
        batch: the graphs.
        keeps: (m,) what is not negative if what it reads is not.
        known: (m,) what is never negative.
        zero: (m,) what is always zero.
    """
    segments = segments_of(batch)
    positive = known | zero

    def join(value: Mask, other: Mask, _: slice) -> None:
        value &= other

    return _read(segments, *_carried(segments, ~keeps | positive, positive, join))


def _clipped(batch: GraphBatch, passes: Mask, clips: Mask, zero: Mask) -> Mask:
    """(m,) whether what each node reads is the output of one that clips, unchanged."""
    segments = segments_of(batch)
    further = ~zero[batch.edge_source]
    further[batch.edge_start[:-1][segments.degree > 0]] = False
    alone = batch.kind == KIND[Add]  # sums whose other terms are zero
    alone[batch.edge_target[further]] = False

    def join(value: Mask, other: Mask, _: slice) -> None:
        """The first input alone counts: the others are zero, or the node decides."""

    return _read(segments, *_carried(segments, ~(passes | alone) | clips, clips, join))


def _contents(batch: GraphBatch, shapes: BatchShapes, own: Mask) -> Hashes:
    """(m,) what an operation does, as a number; what has a value of its own is like no other."""
    kind = batch.kind
    words = (np.arange(len(OPERATIONS), dtype=np.uint64) + np.uint64(1)) * HASH_WORDS[-1]
    content = words[kind] + shapes.channels.astype(np.uint64) * HASH_WORDS[-2]
    for code in np.flatnonzero(np.bincount(kind, minlength=len(OPERATIONS))).tolist():
        columns = [column for field in LAYOUT[code] for column in field.columns]
        rows = np.flatnonzero((kind == code) & ~own) if columns else ()
        for column in columns if len(rows) else ():
            content[rows] += batch.attributes[rows, column].astype(np.uint64) * HASH_WORDS[column]
    rows = np.flatnonzero(own)
    content[rows] = (rows.astype(np.uint64) + np.uint64(1)) * HASH_WORDS[0]
    return mixed(content)


def _levels(segments: Segments, waits: Mask) -> Ints:
    """(m,) the most nodes in a row, up to each, that wait for what they read; 0 for those that do not wait."""
    since = segments.latest(~waits)
    count = np.cumsum(waits)
    more: Ints = count - (count - waits)[since]
    goes_on, last = segments.given(waits[since]), segments.given(more)
    found, read = np.zeros((2, segments.rows), np.int64)

    def own(value: Ints, at: slice) -> None:
        read[at] = value
        value *= goes_on[at]
        value += last[at]

    segments.scan(found, larger, own)
    return (more + waits[since] * read[segments.of]) * waits


def _hashes(batch: GraphBatch, shapes: BatchShapes, zero: Mask, passes: Mask) -> Hashes:
    kind = batch.kind
    own = OWN[kind] | (batch.column("affine") > 0)
    own &= ~passes
    number = _contents(batch, shapes, own)
    number[zero] = 0
    level = _levels(segments_of(batch), ~own & ~zero)
    order = in_order(level)
    ends = np.cumsum(np.bincount(level))
    waiting = order[ends[0] :] if len(ends) else order
    edges, begins = runs(batch.edge_start, waiting)
    source = batch.edge_source[edges]
    rank = np.arange(len(edges)) - np.repeat(begins[:-1], np.diff(begins))
    added = kind[waiting] == KIND[Add]
    many = JOINS[kind[waiting]] & ~added & ~passes[waiting]
    # where their order matters, inputs are told apart by their place
    any_order = np.repeat(COMMUTES[kind[waiting]], np.diff(begins))
    factor = np.where(any_order | (rank == 0), 1, 2 * rank + 1).astype(np.uint64)
    hashed = np.repeat(many, np.diff(begins))
    hands_on = passes[waiting] | added
    for begin, end in pairwise((ends - ends[:1]).tolist()):
        rows, these = waiting[begin:end], slice(begins[begin], begins[end])
        read = number[source[these]]
        joins = hashed[these]
        if joins.any():
            read = np.where(joins, mixed(read * factor[these]), read)
        if len(read) > len(rows):
            read = np.add.reduceat(read, begins[begin:end] - begins[begin])
        number[rows] = np.where(hands_on[begin:end], read, mixed(read + number[rows]))
    return number
