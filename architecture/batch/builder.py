"""`GraphBatchBuilder`: write one network's construction, choices being arrays over networks; get a `GraphBatch`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import ATTRIBUTES, LAYOUT, GraphBatch
from presage.architecture.operations import KIND, Input, Operation

__all__ = ["GraphBatchBuilder", "Nodes"]

Nodes = NDArray[np.int64]
"""(n,) for each architecture the position of a node in it, or -1 where it has none."""
Mask = NDArray[np.bool_]


class GraphBatchBuilder:
    """`n` architectures under construction. Each call adds one node to all of them, or to those of a mask.

    Example: a convolution of 8 or 16 channels, normalised in the second network only::

        builder = GraphBatchBuilder(2)
        x = builder.add(Convolution, builder.image, channels=np.array([8, 16]))
        x = builder.then(x, BatchNorm, where=np.array([False, True]))
        x = builder.add(Flatten, builder.add(AdaptiveAveragePool, x))
        builder.add(Classifier, x)
        batch = builder.finish()
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._count = np.zeros(n, np.int64)
        self._calls = 0
        self._columns: list[tuple[int, Mask | None, Nodes, int, list[tuple[int, Any]], tuple[Nodes, ...]]] = []
        self.image = self.add(Input)

    def add(self, operation: type[Operation], *inputs: Nodes, where: Mask | None = None, **fields: Any) -> Nodes:
        """Add a node of `operation` to the architectures of `where` (all by default).

        Args:
            inputs: what it reads; where an entry is -1, that input is left out.
            fields: scalars or (n,) arrays; a pair is given by one value (square) or by a tuple of two; a name
                (of an activation, say) may be its position. Fields left out take the operation's defaults.

        Returns:
            (n,) the node's position, -1 outside `where`.
        """
        values: list[tuple[int, Any]] = []
        for column in LAYOUT[KIND[operation]]:
            value = fields.pop(column.field, column.default)
            pair = value if isinstance(value, tuple) else (value, value)
            for position, part in zip(column.columns, pair, strict=False):
                values.append((position, operation.named(column.field).index(part) if isinstance(part, str) else part))
        if fields:
            raise TypeError(f"`{operation.name}` has no field {', '.join(fields)}.")
        call = self._calls
        self._calls += 1
        if where is None:
            made = self._count
            self._count = made + 1
        elif not where.any():
            return np.full(self.n, -1, np.int64)
        else:
            made = np.where(where, self._count, -1)
            self._count = self._count + where
        self._columns.append((call, where, made, KIND[operation], values, inputs))
        return made

    def then(self, x: Nodes, operation: type[Operation], where: Mask | None = None, **fields: Any) -> Nodes:
        """`operation` after `x` in the architectures of `where`; `x` itself elsewhere."""
        made = self.add(operation, x, where=where, **fields)
        return made if where is None else np.where(where, made, x)

    def finish(self) -> GraphBatch:
        """The batch; the last node added to each architecture must be its classifier."""
        node_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._count)])
        first, m = node_start[:-1], int(node_start[-1])
        kind, calls = np.empty(m, np.int16), np.empty(m, np.int32)
        attributes = np.zeros((m, len(ATTRIBUTES)), np.int32, order="F")
        degree = np.zeros(m, np.int64)
        placed: list[tuple[Nodes, slice | Nodes, list[Nodes]]] = []
        for call, where, made, code, values, inputs in self._columns:
            chosen: slice | Nodes = slice(None) if where is None else np.flatnonzero(where)
            rows = first[chosen] + made[chosen]
            kind[rows], calls[rows] = code, call
            for at, value in values:
                if isinstance(value, np.ndarray):
                    attributes[:, at][rows] = value[chosen]
                elif value:  # else it stands there already
                    attributes[:, at][rows] = value
            reads = [source[chosen] for source in inputs]
            for source in reads:
                degree[rows] += source >= 0
            placed.append((rows, chosen, reads))
        edge_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(degree)])
        edge_source = np.empty(int(edge_start[-1]), np.int64)
        for rows, chosen, reads in placed:
            slot, base = edge_start[rows], first[chosen]
            for source in reads:
                kept = source >= 0
                edge_source[slot[kept]] = base[kept] + source[kept]
                slot = slot + kept
        return GraphBatch(node_start, kind, attributes, edge_start, edge_source, calls)
