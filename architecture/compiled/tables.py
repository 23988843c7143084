"""What kernels are told: the graphs as arrays, and the facts of operations and activations as tables."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from presage.architecture.activations import ACTIVATIONS
from presage.architecture.batch import kinds
from presage.architecture.batch.graph_batch import LAYOUT, GraphBatch
from presage.architecture.batch.kinds import functions, having
from presage.architecture.encoders import numbering, path_kinds, path_sums, paths, tapas
from presage.architecture.encoders.counts import COUNTED, FUNCTIONS
from presage.architecture.operations import (
    KIND,
    OPERATIONS,
    Activation,
    Add,
    Classifier,
    Convolution,
    Input,
    Linear,
    Slice,
    Zero,
)

__all__ = [
    "Codes", "Facts", "FieldColumns", "Graphs", "LayerFacts", "Numbered", "Words", "codes", "columns", "facts",
    "graphs", "layer_facts", "words",
]  # fmt: skip

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Graphs(NamedTuple):
    """The arrays of a `GraphBatch`, and which graphs to work on."""

    node_start: Ints
    kind: NDArray[np.int16]
    edge_start: Ints
    edge_source: Ints


class FieldColumns(NamedTuple):
    """FieldColumns of `GraphBatch.attributes`, (m,) each."""

    channels: NDArray[np.int32]
    kernel_h: NDArray[np.int32]
    kernel_w: NDArray[np.int32]
    stride_h: NDArray[np.int32]
    stride_w: NDArray[np.int32]
    padding_h: NDArray[np.int32]
    padding_w: NDArray[np.int32]
    dilation_h: NDArray[np.int32]
    dilation_w: NDArray[np.int32]
    groups: NDArray[np.int32]
    bias: NDArray[np.int32]
    affine: NDArray[np.int32]
    function: NDArray[np.int32]
    permille: NDArray[np.int32]
    ceil: NDArray[np.int32]
    size_h: NDArray[np.int32]
    size_w: NDArray[np.int32]
    stop: NDArray[np.int32]


class Facts(NamedTuple):
    """What is true of each kind of operation, (kinds,), and of each activation, (functions,); see `batch.kinds`."""

    weighted: Mask
    normalises: Mask
    random: Mask
    elementwise: Mask
    keeps_zero: Mask
    zero_with_any: Mask
    keeps_sign: Mask
    commutes: Mask
    joins: Mask
    reads_map: Mask
    reads_flat: Mask
    windowed: Mask
    pools: Mask
    adaptive: Mask
    stacks: Mask
    stretches: Mask
    flattens: Mask
    own: Mask
    not_negative: Mask
    awake: Mask
    rectifying: Mask
    saturating: Mask
    counted: Ints
    function_counted: Ints
    path_kind: NDArray[np.int8]
    gains: NDArray[np.float32]
    factors: NDArray[np.float64]


class LayerFacts(NamedTuple):
    """What `encoders.tapas` knows of each kind of operation, (kinds,), and of each activation, (functions,).

    Attributes:
        column: of the kinds of layers, the column that says so; -1 of what is no layer.
        form: 1 of rectifiers, 2 of smooth activations, 3 of others: their column among the marks.
        weight: (f - 5,) what each column weighs where equally deep layers are put in order.
    """

    column: Ints
    form: Ints
    weight: NDArray[np.float64]


class Words(NamedTuple):
    """What `encoders.numbering` numbers by: words, attributes of each kind, and what hands its input on.

    Attributes:
        words: (w,) `HASH_WORDS`.
        kind_words: (kinds,) of each kind.
        attributes: (kinds, a) columns of each kind; -1 after the last.
        idle: (kinds, i, 2) columns and values with which it hands its input on; column -1 after the last.
        idles: (kinds,) whether it ever does.
        clipping: positions of activations that clip.
    """

    words: NDArray[np.uint64]
    kind_words: NDArray[np.uint64]
    attributes: Ints
    idle: Ints
    idles: Mask
    clipping: Ints


class Codes(NamedTuple):
    """Kinds of the operations that a rule is of alone."""

    image: int
    convolution: int
    linear: int
    classifier: int
    activation: int
    add: int
    zero: int
    slice: int


class Numbered(NamedTuple):
    """What `CanonicalView` says of each node, (m,)."""

    number: NDArray[np.uint64]
    zero: Mask
    passing: Mask
    live: Mask
    parts: Mask
    depth: NDArray[np.float64]

    @classmethod
    def empty(cls, m: int) -> Numbered:
        """Of m nodes, to be filled in."""
        zero, passing, live, parts = np.empty((4, m), np.bool_)
        return cls(np.empty(m, np.uint64), zero, passing, live, parts, np.empty(m))


def graphs(batch: GraphBatch) -> Graphs:
    """The arrays of a batch."""
    contiguous = np.ascontiguousarray
    return Graphs(
        contiguous(batch.node_start),
        contiguous(batch.kind),
        contiguous(batch.edge_start),
        contiguous(batch.edge_source),
    )


def columns(batch: GraphBatch) -> FieldColumns:
    """The columns of a batch, as they lie in memory."""
    return FieldColumns(*(np.ascontiguousarray(batch.column(name)) for name in FieldColumns._fields))


@cache
def facts() -> Facts:
    """Made once."""
    counted = np.full(len(OPERATIONS), -1)
    for column, operation in enumerate(COUNTED):
        counted[KIND[operation]] = column
    known = [FUNCTIONS.index(name) if name in FUNCTIONS else len(FUNCTIONS) for name in ACTIVATIONS]
    held = path_kinds.GAINS[:, [path_kinds.PATH_COUNTS.index(name) for name in path_sums.COUNTED]]
    own: dict[str, Any] = {
        "flattens": having(lambda operation: operation.flattens),
        "own": numbering.OWN,
        "not_negative": functions(lambda function: function.not_negative),
        "awake": functions(lambda function: not function.keeps_zero),
        "rectifying": functions(lambda function: function.keeps_not_negative),
        "saturating": paths._SATURATING,
        "counted": counted,
        "function_counted": np.array(known),
        "path_kind": path_kinds._KINDS,
        "gains": np.concatenate([path_kinds.GAINS, -path_kinds.GAINS], axis=1).astype(np.float32),
        "factors": np.exp2(held @ -np.array(path_sums.LAMBDAS, np.float64).T),
    }
    return Facts(*(own[name] if name in own else getattr(kinds, name.upper()) for name in Facts._fields))


@cache
def layer_facts() -> LayerFacts:
    """Made once."""
    column = np.full(len(OPERATIONS), -1)
    for place, layer in enumerate(tapas.LAYERS):
        column[KIND[layer]] = place
    form = np.select([tapas._RECTIFIERS, tapas._SMOOTH], [1, 2], 3)
    alone = sum(not name.startswith("so_far.") for name in tapas.LAYER_FEATURE_NAMES)
    return LayerFacts(column, form, np.sqrt(np.arange(2, 2 + alone)))


@cache
def words() -> Words:
    """Made once."""
    count = len(OPERATIONS)
    lists = [[column for field in fields for column in field.columns] for fields in LAYOUT]
    attributes = np.full((count, max(map(len, lists)) + 1), -1)
    for kind, found in enumerate(lists):
        attributes[kind, : len(found)] = found
    idle = np.full((count, max(len(values) for _, values in kinds._IDLE) + 1, 2), -1)
    idles = np.zeros(count, np.bool_)
    for kind, values in kinds._IDLE:
        idles[kind] = True
        for at, value in enumerate(values):
            idle[kind, at] = value
    kind_words = (np.arange(count, dtype=np.uint64) + np.uint64(1)) * numbering.HASH_WORDS[-1]
    return Words(numbering.HASH_WORDS, kind_words, attributes, idle, idles, np.array(numbering._CLIPPING, np.int64))


@cache
def codes() -> Codes:
    """Made once."""
    return Codes(
        KIND[Input],
        KIND[Convolution],
        KIND[Linear],
        KIND[Classifier],
        KIND[Activation],
        KIND[Add],
        KIND[Zero],
        KIND[Slice],
    )
