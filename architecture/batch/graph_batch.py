"""`GraphBatch`: many architectures as a few flat integer arrays, so that all are costed and encoded at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import KIND, OPERATIONS, Operation
from presage.errors import InvalidArgument

__all__ = ["ATTRIBUTES", "Column", "Fields", "GraphBatch", "LAYOUT", "runs"]

Ints = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field of an operation stands in `GraphBatch.attributes`: one column, or two for a pair."""

    field: str
    columns: tuple[int, ...]
    type: str
    default: Any


def _columns_of(name: str, kind: str) -> tuple[str, ...]:
    return (f"{name}_h", f"{name}_w") if kind == "Pair" else (name,)


def _attributes() -> tuple[str, ...]:
    found: dict[str, None] = {}
    for later in (False, True):
        for operation in OPERATIONS:
            for field in fields(operation):
                if (field.name in operation.later) == later:
                    found.update(dict.fromkeys(_columns_of(field.name, str(field.type))))
    return tuple(found)


ATTRIBUTES: tuple[str, ...] = _attributes()
"""Columns of `GraphBatch.attributes`: every field of every operation, a pair as `_h` and `_w`. Absent fields hold 0."""


LAYOUT: tuple[tuple[Column, ...], ...] = tuple(
    tuple(
        Column(
            field.name,
            tuple(ATTRIBUTES.index(name) for name in _columns_of(field.name, str(field.type))),
            str(field.type),
            field.default,
        )
        for field in fields(operation)
    )
    for operation in OPERATIONS
)
"""For each kind the fields of its operation, in the order of the constructor, with their columns."""


def _row(operation: Operation) -> list[int]:
    row = [0] * len(ATTRIBUTES)
    for column in LAYOUT[KIND[type(operation)]]:
        value = getattr(operation, column.field)
        if column.type == "Pair":
            row[column.columns[0]], row[column.columns[1]] = value
        else:
            named = operation.named(column.field) if column.type == "str" else ()
            row[column.columns[0]] = named.index(value) if named else int(value)
    return row


def _operation(kind: int, row: Sequence[int]) -> Operation:
    made = OPERATIONS[kind]
    values: list[Any] = []
    for column in LAYOUT[kind]:
        first = row[column.columns[0]]
        match column.type:
            case "Pair":
                values.append((first, row[column.columns[1]]))
            case "str":
                values.append(made.named(column.field)[first])
            case "bool":
                values.append(bool(first))
            case _:
                values.append(first)
    return made(*values)


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """`n` architectures, `m` nodes and `e` edges in all. Rows of one architecture are contiguous and topological.

    Attributes:
        node_start: (n+1,) int64; the nodes of architecture i are rows node_start[i] to node_start[i+1].
        kind: (m,) int16; the position of the node's operation in `OPERATIONS`.
        attributes: (m, A) int32, column by column in memory; the fields of the operation, as in `ATTRIBUTES`.
        edge_start: (m+1,) int64; the inputs of node j are edge_source[edge_start[j]:edge_start[j+1]], in order.
        edge_source: (e,) int64; rows of this batch.
        calls: (m,) which call of a `GraphBatchBuilder` wrote each node: what has one call stands at one place of the
            space. None where no builder did, or where it was lost on the way.
    """

    node_start: Ints
    kind: NDArray[np.int16]
    attributes: NDArray[np.int32]
    edge_start: Ints
    edge_source: Ints
    calls: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, architectures: Iterable[Architecture]) -> GraphBatch:
        """The batch of these architectures, in this order."""
        node_start, edge_start = [0], [0]
        kinds: list[int] = []
        rows: list[list[int]] = []
        sources: list[int] = []
        for architecture in architectures:
            first = node_start[-1]
            for node in architecture.nodes:
                kinds.append(KIND[type(node.operation)])
                rows.append(_row(node.operation))
                sources.extend(first + source for source in node.inputs)
                edge_start.append(len(sources))
            node_start.append(first + len(architecture.nodes))
        return cls(
            np.asarray(node_start, np.int64),
            np.asarray(kinds, np.int16),
            np.asfortranarray(np.asarray(rows, np.int32).reshape(len(rows), len(ATTRIBUTES))),
            np.asarray(edge_start, np.int64),
            np.asarray(sources, np.int64),
        )

    def __len__(self) -> int:
        return len(self.node_start) - 1

    def architecture(self, index: int) -> Architecture:
        """The architecture at `index` (negative counts from the end)."""
        if not -len(self) <= index < len(self):
            raise InvalidArgument("index", "GraphBatch.architecture", f"be below {len(self)}", index)
        first, stop = self.node_start[index % len(self)], self.node_start[index % len(self) + 1]
        kinds = self.kind[first:stop].tolist()
        rows = self.attributes[first:stop].tolist()
        bounds = self.edge_start[first : stop + 1].tolist()
        sources = (self.edge_source[bounds[0] : bounds[-1]] - first).tolist()
        return Architecture(
            tuple(
                Node(_operation(kind, row), tuple(sources[start - bounds[0] : end - bounds[0]]))
                for kind, row, start, end in zip(kinds, rows, bounds, bounds[1:], strict=False)
            )
        )

    def architectures(self) -> list[Architecture]:
        """All of them, in order."""
        return [self.architecture(index) for index in range(len(self))]

    def column(self, name: str) -> NDArray[np.int32]:
        """The column of `attributes` named `name`, (m,)."""
        return self.attributes[:, ATTRIBUTES.index(name)]

    @cached_property
    def graph(self) -> Ints:
        """(m,) the architecture each node belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.node_start))

    @cached_property
    def edge_target(self) -> Ints:
        """(e,) the row that reads each edge."""
        return np.repeat(np.arange(len(self.kind)), np.diff(self.edge_start))

    @cached_property
    def first_input(self) -> Ints:
        """(m,) the row of each node's first input; its own row for the image."""
        row = np.arange(len(self.kind))
        has = np.diff(self.edge_start) > 0
        row[has] = self.edge_source[self.edge_start[:-1][has]]
        return row

    def derived(self, kind: type[T], arguments: Hashable, make: Callable[[], T]) -> T:
        """What others work out of this batch, made once: of each type, what was made of the last arguments is kept.

        Args:
            kind: the type of what is made.
            arguments: what it depends on, beside the batch.
            make: makes it.
        """
        kept = self._derived.get(kind)
        if kept is None or kept[0] != arguments:
            self._derived.pop(kind, None)  # its memory may be needed to make the next
            kept = self._derived[kind] = arguments, make()
        found: T = kept[1]
        return found

    def kept(self, kind: type[T]) -> tuple[Hashable, T] | None:
        """What was made last of a kind by `derived`, and what it depended on."""
        return self._derived.get(kind)

    @cached_property
    def _derived(self) -> dict[type, tuple[Hashable, Any]]:
        return {}

    def between(self, start: int, stop: int) -> GraphBatch:
        """The batch of the architectures from `start` up to `stop`, sharing this one's memory."""
        nodes = slice(int(self.node_start[start]), int(self.node_start[stop]))
        edges = slice(int(self.edge_start[nodes.start]), int(self.edge_start[nodes.stop]))
        return GraphBatch(
            self.node_start[start : stop + 1] - nodes.start,
            self.kind[nodes],
            self.attributes[nodes],
            self.edge_start[nodes.start : nodes.stop + 1] - edges.start,
            self.edge_source[edges] - nodes.start,
            None if self.calls is None else self.calls[nodes],
        )

    def take(self, indices: Sequence[int] | NDArray[Any]) -> GraphBatch:
        """The batch of the architectures at `indices` (positions or a mask of length n), in that order."""
        index = np.asarray(indices)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        nodes, node_start = runs(self.node_start, index)
        edges, edge_start = runs(self.edge_start, nodes)
        moved = np.repeat(node_start[:-1] - self.node_start[index], np.diff(node_start))
        source = self.edge_source[edges] + np.repeat(moved, np.diff(edge_start))
        return GraphBatch(node_start, self.kind[nodes], self.fields_of(nodes), edge_start, source)

    def fields_of(self, nodes: Ints) -> NDArray[np.int32]:
        """(k, A) `attributes` of these nodes, column by column in memory: those that no kind here has are not read."""
        found = np.zeros((len(nodes), len(ATTRIBUTES)), np.int32, order="F")
        for column in self._columns:
            self.attributes[:, column].take(nodes, out=found[:, column], mode="clip")  # other modes write to a buffer
        return found

    @cached_property
    def _columns(self) -> list[int]:
        """Columns of `attributes` that some kind here has, sorted."""
        kinds = np.flatnonzero(np.bincount(self.kind, minlength=len(LAYOUT)))
        return sorted({column for kind in kinds for field in LAYOUT[kind] for column in field.columns})

    @classmethod
    def concatenate(cls, batches: Sequence[GraphBatch]) -> GraphBatch:
        """One batch of all their architectures, in order; no batches give an empty one."""
        if not batches:
            return cls.of(())
        nodes = np.cumsum([0, *(len(batch.kind) for batch in batches)])
        edges = np.cumsum([0, *(len(batch.edge_source) for batch in batches)])
        zero = np.zeros(1, np.int64)
        return cls(
            np.concatenate([zero, *(b.node_start[1:] + at for b, at in zip(batches, nodes, strict=False))]),
            np.concatenate([batch.kind for batch in batches]),
            np.asfortranarray(np.concatenate([batch.attributes for batch in batches])),
            np.concatenate([zero, *(b.edge_start[1:] + at for b, at in zip(batches, edges, strict=False))]),
            np.concatenate([b.edge_source + at for b, at in zip(batches, nodes, strict=False)]),
        )


class Fields:
    """Fields of nodes of one kind, as an operation has them: of each (k,) int64, of a pair two of them."""

    def __init__(self, batch: GraphBatch, kind: int, rows: Ints) -> None:
        """Of these rows (k,), all of this kind."""
        self._attributes, self._rows = batch.attributes, rows
        self._columns = {column.field: column.columns for column in LAYOUT[kind]}

    def __getattr__(self, name: str) -> Ints | tuple[Ints, ...]:
        found = tuple(self._attributes[self._rows, column].astype(np.int64) for column in self._columns[name])
        return found[0] if len(found) == 1 else found


def runs(start: Ints, index: Ints) -> tuple[Ints, Ints]:
    """Positions start[i] to start[i+1] for each i of `index`, one run after the other; and where each run starts."""
    lengths = start[index + 1] - start[index]
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return np.repeat(start[index] - begins[:-1], lengths) + np.arange(begins[-1]), begins
