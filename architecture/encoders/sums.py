"""Where branches meet: sums and concatenations, how many terms they have, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.kinds import ELEMENTWISE, POOLS, STACKS, table
from presage.architecture.batch.segments import added
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.operations import (
    KIND,
    Activation,
    Convolution,
)

__all__ = ["Terms", "sums", "terms"]

Floats = NDArray[np.float64]

KINDS = ("convolution_wide", "convolution_1", "pool", "other")


def sums(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """Over distinct sums that some operation reads, opened down to terms that are no sums (each as often as added)."""
    opened = terms(view)
    number = opened.number
    batch = view.batch
    source = batch.edge_source[view.part_edges]
    target = batch.edge_target[view.part_edges]
    is_read = np.zeros(len(number), np.bool_)
    is_read[source] = True
    read = np.sort(view.distinct(np.flatnonzero(is_read & (number > 1))))
    size = np.log2(number[read])
    found: dict[str, NDArray[Any]] = {
        "sums.number": view.total(read),
        "sums.log_most_terms": view.largest(read, size),
        "sums.log_mean_terms": view.mean(read, size),
    }
    share = opened.held(read) / np.maximum(number[read], 1)[:, None]
    for column, name in enumerate(KINDS):
        found[f"sums.share_{name}"] = view.mean(read, share[:, column])
    # values read: edges into operations, a sum counting as one
    log_number = np.zeros(len(number))
    many = np.flatnonzero(number > 1)
    log_number[many] = np.log2(number[many])
    kind = view.kind[target]
    for name, chosen in (("convolutions", table(Convolution)), ("pools", POOLS), ("activations", table(Activation))):
        edges = np.flatnonzero(chosen[kind])
        found[f"terms.log_read_by_{name}"] = view.mean(target[edges], log_number[source[edges]])
    joins = np.flatnonzero(view.parts & STACKS[view.kind])
    width = np.bincount(target, minlength=len(view.kind))
    found["concatenations.most_inputs"] = view.largest(joins, width[joins])
    operations_read = np.maximum(view.total(np.flatnonzero(view.parts)), 1)
    found["degree.mean_in"] = view.total(target) / operations_read
    values = np.flatnonzero(view.parts)
    found["degree.read_per_value"] = _readers(view, source) / np.maximum(view.total(values), 1)
    return found


def _readers(view: CanonicalView, source: NDArray[np.int64]) -> Floats:
    """(n,) the most operations that read one value."""
    # a graph in the high bits, its value's number in the low ones: sorted, equal values are neighbours
    bits = np.uint64(64 - max(len(view) - 1, 1).bit_length())
    keys = np.sort((view.graph[source].astype(np.uint64) << bits) | (view.number[source] >> (np.uint64(64) - bits)))
    begins = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    found = np.zeros(len(view))
    np.maximum.at(found, (keys[begins] >> bits).astype(np.int64), np.diff(begins, append=len(keys)).astype(np.float64))
    return found


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms of the values of a view: what computed them, seen through what works on single values.

    Attributes:
        number: (m,) how many each live value has; 0 of others.
    """

    number: Floats
    _view: CanonicalView
    _read: Floats

    def held(self, rows: NDArray[np.int64]) -> Floats:
        """(k, 4) terms, by `KINDS`, of live values of several terms."""
        segments = self._view.segments
        return np.asarray(self._read[segments.of[np.searchsorted(self._view.live_rows, rows)]])


def terms(view: CanonicalView) -> Terms:
    """Terms of each live value: a segment gives those it reads, or one of its own."""
    segments, kind = view.segments, view.of_live(view.kind)
    operates = ~view.of_live(view.passing)
    own_kind = np.full(len(kind), KINDS.index("other"))
    conv = np.flatnonzero(kind == KIND[Convolution])
    rows = view.live_rows[conv]
    wide = np.maximum(view.batch.column("kernel_h")[rows], view.batch.column("kernel_w")[rows]) > 1
    own_kind[conv] = np.where(wide, KINDS.index("convolution_wide"), KINDS.index("convolution_1"))
    own_kind[POOLS[kind]] = KINDS.index("pool")
    makes = operates & ~ELEMENTWISE[kind]  # a term of its own; what is alike does so of several only
    since = segments.latest(makes)
    last = since[segments.end]
    made = segments.placed(np.eye(len(KINDS))[np.where(makes[last], own_kind[last], KINDS.index("other"))])
    makes_any = segments.placed(makes[last])
    single = operates[segments.latest(operates)]
    alike_any = segments.given(single) & ~makes_any
    found, read = np.zeros((2, segments.rows, len(KINDS)))
    number_read = np.zeros(segments.rows)

    def own(value: Floats, at: slice) -> None:
        read[at] = value
        count = number_read[at] = value.sum(axis=1)
        opened = makes_any[at] | (alike_any[at] & (count != 1))
        np.copyto(value, made[at], where=opened[:, None])

    segments.scan(found, added, own)
    number = np.zeros(len(view.kind))
    number[view.live_rows] = np.where(single, 1.0, number_read[segments.of])
    return Terms(number, view, read)
