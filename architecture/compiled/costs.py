"""`presage.architecture.batch.costs` compiled, but for what each operation costs, which it says itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.paths import Shapes
from presage.architecture.compiled.tables import Facts, Graphs, Ints

__all__ = ["NodeCosts", "add_costs"]


class NodeCosts(NamedTuple):
    """(m,) parameters and multiply-adds of each node, its classifier as if it gave what it reads; and (n,) what
    classifiers truly cost."""

    parameters: Ints
    multiply_adds: Ints
    last_parameters: Ints
    last_multiply_adds: Ints


@compiled
def add_costs(
    graphs: Graphs, shapes: Shapes, classes: int, facts: Facts, costs: NodeCosts, begin: int, end: int, found: Ints
) -> None:
    """Fills in, for graphs `begin` to `end`, the rows of `found` (4, n) as `CostArrays` has them."""
    node_start, kinds, edge_start, edge_source = graphs
    channels, height, width, weighted = shapes.channels, shapes.height, shapes.width, facts.weighted
    most = 0
    for graph in range(begin, end):
        most = max(most, node_start[graph + 1] - node_start[graph])
    depth, size, freed, last_read = np.zeros((4, most), np.int64)
    for graph in range(begin, end):
        first, last = node_start[graph], node_start[graph + 1]
        count = last - first
        for at in range(count):
            last_read[at], freed[at] = at, 0
            for edge in range(edge_start[first + at], edge_start[first + at + 1]):
                last_read[edge_source[edge] - first] = at
        parameters, multiply_adds, alive, peak = 0, 0, 0, 0
        for at in range(count):
            r = first + at
            is_last = at == count - 1
            parameters += costs.last_parameters[graph] if is_last else costs.parameters[r]
            multiply_adds += costs.last_multiply_adds[graph] if is_last else costs.multiply_adds[r]
            size[at] = (classes if is_last else channels[r]) * height[r] * width[r]
            deepest = 0
            for edge in range(edge_start[r], edge_start[r + 1]):
                deepest = max(deepest, depth[edge_source[edge] - first])
            depth[at] = deepest + (1 if weighted[kinds[r]] else 0)
        for at in range(count):
            if last_read[at] < count - 1:
                freed[last_read[at] + 1] += size[at]
            alive += size[at] - freed[at]
            peak = max(peak, alive)
        found[0, graph], found[1, graph], found[2, graph] = parameters, multiply_adds, 4 * peak
        found[3, graph] = depth[count - 1]
