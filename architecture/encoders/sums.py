"""Where branches meet: sums and concatenations, how many terms they have, and of what kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.encoders.reading import Reading
from architecture.operations import (
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

__all__ = ["sums", "terms"]

KINDS = ("convolution_wide", "convolution_1", "pool", "other")


def sums(reading: Reading) -> dict[str, NDArray[Any]]:
    """Over distinct sums that some operation reads, opened down to terms that are no sums (each as often as added)."""
    held = terms(reading)
    number = held.sum(axis=1)
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
    share = held[read] / np.maximum(number[read], 1)[:, None]
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


def terms(reading: Reading) -> NDArray[np.float64]:
    """(m, 4) terms of each value, by `KINDS`: what computed it, seen through what works on single values."""
    m = len(reading.kind)
    kernel = np.maximum(reading.batch.column("kernel_h"), reading.batch.column("kernel_w"))
    conv = reading.is_a(Convolution)
    own = np.full(m, KINDS.index("other"))
    own[conv & (kernel > 1)] = KINDS.index("convolution_wide")
    own[conv & (kernel == 1)] = KINDS.index("convolution_1")
    own[reading.is_a(MaxPool, AveragePool)] = KINDS.index("pool")
    alike = reading.is_a(BatchNorm, GroupNorm, Activation, Dropout, DropPath) & ~reading.passing
    identity = np.eye(len(KINDS))
    found = np.zeros((m, len(KINDS)))
    found[reading.sweep.images] = identity[KINDS.index("other")]
    for step in reading.sweep:
        rows = step.rows
        value = found[step.first]
        for at, source in step.further:
            value[at] += found[source]
        single = alike[rows] & (value.sum(axis=1) == 1)
        made = np.where((reading.passing[rows] | single)[:, None], value, identity[own[rows]])
        made[reading.zero[rows]] = 0
        found[rows] = made
    return found
