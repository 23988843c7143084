"""`cost_features`: what a network costs, as numbers to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.encoders.chunks import of_each_chunk

__all__ = ["COST_FEATURE_NAMES", "cost_features"]

COST_FEATURE_NAMES = (
    "cost.log10_parameters",
    "cost.log10_multiply_adds",
    "cost.log10_activation_bytes",
    "cost.log10_largest_activation_bytes",
    "cost.depth",
)
"""Columns of `cost_features`."""


def cost_features(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> NDArray[np.float32]:
    """(n, 5) costs for images ``(c, h, w)`` and `classes` outputs, of the canonical form.

    Activations are those of all operations together and of the largest one: unlike `batch_costs`'s peak, they do not
    depend on the order in which the operations run.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    return np.concatenate(of_each_chunk(batch, input_shape, _costs, classes))


def _costs(view: CanonicalView) -> NDArray[np.float32]:
    rows = np.flatnonzero(view.parts)
    parameters, multiply_adds = (cost[rows].astype(np.float64) for cost in view.costs)
    held = 4.0 * view.shapes.size[rows]
    depth = view.depth[view.last]
    columns = [
        *(np.log10(1 + view.total(rows, cost)) for cost in (parameters, multiply_adds, held)),
        np.log10(1 + view.largest(rows, held)),
        np.where(np.isfinite(depth), depth, 0.0),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
