"""Where branches meet: sums and concatenations, how many terms they have, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.encoders.kinds import table
from architecture.encoders.reading import Reading
from architecture.operations import (
    KIND,
    Activation,
    AveragePool,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    GroupNorm,
    MaxPool,
)
from architecture.strands import added

__all__ = ["Terms", "sums", "terms"]

Floats = NDArray[np.float64]

KINDS = ("convolution_wide", "convolution_1", "pool", "other")
_ALIKE = table(BatchNorm, GroupNorm, Activation, Dropout, DropPath)


def sums(reading: Reading) -> dict[str, NDArray[Any]]:
    """Over distinct sums that some operation reads, opened down to terms that are no sums (each as often as added)."""
    opened = terms(reading)
    number = opened.number
    batch = reading.batch
    source = batch.edge_source[reading.part_edges]
    target = batch.edge_target[reading.part_edges]
    is_read = np.zeros(len(number), np.bool_)
    is_read[source] = True
    read = np.sort(reading.distinct(np.flatnonzero(is_read & (number > 1))))
    size = np.log2(np.maximum(number[read], 1))
    found: dict[str, NDArray[Any]] = {
        "sums.number": reading.total(read),
        "sums.log_most_terms": reading.largest(read, size),
        "sums.log_mean_terms": reading.mean(read, size),
    }
    share = opened.held(read) / np.maximum(number[read], 1)[:, None]
    for column, name in enumerate(KINDS):
        found[f"sums.share_{name}"] = reading.mean(read, share[:, column])
    # values read: edges into operations, a sum counting as one
    kind = reading.kind[target]
    for name, operations in (
        ("convolutions", (Convolution,)),
        ("pools", (MaxPool, AveragePool)),
        ("activations", (Activation,)),
    ):
        edges = reading.is_a(*operations)[target]
        rows = target[edges]
        found[f"terms.log_read_by_{name}"] = reading.mean(rows, np.log2(np.maximum(number[source[edges]], 1)))
    joins = np.flatnonzero(reading.parts & reading.is_a(Concatenate))
    width = np.bincount(target, minlength=len(reading.kind))
    found["concatenations.most_inputs"] = reading.largest(joins, width[joins])
    operations_read = np.maximum(reading.total(np.flatnonzero(reading.parts)), 1)
    found["degree.mean_in"] = reading.total(target) / operations_read
    values = np.flatnonzero(reading.parts)
    found["degree.read_per_value"] = _readers(reading, source, target, kind) / np.maximum(reading.total(values), 1)
    return found


def _readers(
    reading: Reading, source: NDArray[np.int64], target: NDArray[np.int64], kind: NDArray[np.int16]
) -> NDArray[np.float64]:
    """(n,) the most operations that read one value."""
    if not len(source):
        return np.zeros(len(reading))
    key = reading.number[source] ^ (reading.graph[source].astype(np.uint64) << np.uint64(32))
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    return reading.largest(target, count[inverse])


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms of the values of a reading: what computed them, seen through what works on single values.

    Attributes:
        number: (m,) how many each live value has; 0 of others.
    """

    number: Floats
    _reading: Reading
    _read: Floats

    def held(self, rows: NDArray[np.int64]) -> Floats:
        """(k, 4) terms, by `KINDS`, of live values of several terms."""
        strands = self._reading.strands
        return np.asarray(self._read[strands.of[np.searchsorted(self._reading.live_rows, rows)]])


def terms(reading: Reading) -> Terms:
    """Terms of each live value: a strand gives those it reads, or one of its own."""
    strands, kind = reading.strands, reading.of_live(reading.kind)
    operates = ~reading.of_live(reading.passing)
    own_kind = np.full(len(kind), KINDS.index("other"))
    conv = np.flatnonzero(kind == KIND[Convolution])
    rows = reading.live_rows[conv]
    wide = np.maximum(reading.batch.column("kernel_h")[rows], reading.batch.column("kernel_w")[rows]) > 1
    own_kind[conv] = np.where(wide, KINDS.index("convolution_wide"), KINDS.index("convolution_1"))
    own_kind[table(MaxPool, AveragePool)[kind]] = KINDS.index("pool")
    makes = operates & ~_ALIKE[kind]  # a term of its own; what is alike does so of several only
    since = strands.latest(makes)
    made = strands.given(np.eye(len(KINDS))[np.where(makes, own_kind, KINDS.index("other"))[since]])
    makes_any = strands.given(makes[since])
    single = operates[strands.latest(operates)]
    alike_any = strands.given(single) & ~makes_any
    found, read = np.zeros((2, strands.rows, len(KINDS)))

    def own(value: Floats, at: slice) -> None:
        read[at] = value
        opened = makes_any[at] | (alike_any[at] & (value.sum(axis=1) != 1))
        np.copyto(value, made[at], where=opened[:, None])

    strands.sweep(found, added, own)
    number = np.zeros(len(reading.kind))
    number[reading.live_rows] = np.where(single, 1.0, read.sum(axis=1)[strands.of])
    return Terms(number, reading, read)
