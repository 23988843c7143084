"""What is true of operations, as masks over the kinds and nodes of a `GraphBatch`: index them with its `kind`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.activations import TABLE, ActivationFunction
from presage.architecture.batch.graph_batch import LAYOUT, GraphBatch
from presage.architecture.operations import KIND, OPERATIONS, Operation

__all__ = [
    "ADAPTIVE",
    "COMMUTES",
    "ELEMENTWISE",
    "IRREGULAR",
    "JOINS",
    "KEEPS_SIGN",
    "KEEPS_ZERO",
    "LEARNED",
    "NORMALISES",
    "POOLS",
    "RANDOM",
    "READS_FLAT",
    "READS_MAP",
    "STACKS",
    "STRETCHES",
    "WEIGHTED",
    "WINDOWED",
    "ZERO_WITH_ANY",
    "functions",
    "handing_on",
    "having",
    "table",
]

Mask = NDArray[np.bool_]


def table(*operations: type[Any]) -> Mask:
    """(kinds,) which kinds these are."""
    return having(lambda operation: operation in operations)


def having(fact: Callable[[type[Operation]], bool]) -> Mask:
    """(kinds,) of which kinds it is true."""
    return np.array([fact(operation) for operation in OPERATIONS], np.bool_)


def functions(fact: Callable[[ActivationFunction], bool]) -> Mask:
    """(functions,) of which activations it is true: index it with the column `function`."""
    return np.array([fact(function) for function in TABLE.values()], np.bool_)


WEIGHTED = having(lambda operation: operation.weighted)
NORMALISES = having(lambda operation: operation.normalises)
RANDOM = having(lambda operation: operation.random)
ELEMENTWISE = having(lambda operation: operation.elementwise)
KEEPS_ZERO = having(lambda operation: operation.keeps_zero)
ZERO_WITH_ANY = having(lambda operation: operation.zero_with_any)
KEEPS_SIGN = having(lambda operation: operation.keeps_sign)
COMMUTES = having(lambda operation: operation.commutes)
JOINS = having(lambda operation: operation.most_inputs is None or operation.most_inputs > 1)
READS_MAP = having(lambda operation: operation.reads_map)
READS_FLAT = having(lambda operation: operation.reads_flat)
WINDOWED = having(lambda operation: operation.windowed)
POOLS = having(lambda operation: operation.pools)
ADAPTIVE = having(lambda operation: operation.adaptive)
STACKS = having(lambda operation: operation.stacks)
STRETCHES = having(lambda operation: operation.stretches)
LEARNED = having(lambda operation: operation.learned)
IRREGULAR = having(lambda operation: operation.irregular)


def _idle() -> tuple[tuple[int, tuple[tuple[int, int], ...]], ...]:
    found = []
    for operation, kind in KIND.items():
        if operation.idle is not None:
            values: list[tuple[int, int]] = []
            for field in LAYOUT[kind]:
                if field.field in operation.idle:
                    value = operation.idle[field.field]
                    values += zip(field.columns, value if isinstance(value, tuple) else (value,), strict=True)
            found.append((kind, tuple(values)))
    return tuple(found)


_IDLE = _idle()
"""Kinds that may hand their input on, each with the columns and values with which it does."""


def handing_on(batch: GraphBatch) -> Mask:
    """(m,) nodes whose fields say that their output is their input."""
    found = np.zeros(len(batch.kind), np.bool_)
    for kind, values in _IDLE:
        rows = np.flatnonzero(batch.kind == kind)
        for column, value in values if len(rows) else ():
            rows = rows[batch.attributes[rows, column] == value]
        found[rows] = True
    return found
