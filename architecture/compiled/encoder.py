"""Graph features and costs of a batch by the compiled kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import node_costs
from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.kinds import IRREGULAR
from presage.architecture.batch.shapes import _STATING, BatchShapes, batch_shapes
from presage.architecture.compiled import tables
from presage.architecture.compiled.in_parts import in_parts
from presage.architecture.compiled.tables import Numbered
from presage.architecture.encoders import COST_FEATURE_NAMES, GRAPH_FEATURE_NAMES
from presage.architecture.operations import KIND, Classifier

__all__ = ["encoded", "shapes_of"]

WIDTHS = (44, 48, 61, 13, 26)
"""Features of `counts`, `paths`, `profile`, `sums`, `path_sums`; costs follow."""


def shapes_of(batch: GraphBatch, image: tuple[int, int, int]) -> BatchShapes:
    """`batch_shapes`, by compiled code where it can be, and kept where that keeps them.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    kept = batch.kept(BatchShapes)
    if kept is not None and kept[0] == image:
        return kept[1]
    if min(image) < 1 or IRREGULAR[batch.kind].any() or batch.column("pooled").any():
        return batch_shapes(batch, image)
    from presage.architecture.compiled.shapes import shape

    m = len(batch.kind)
    stated = np.zeros(m, np.int64)
    for code, operation in _STATING:
        rows = np.flatnonzero(batch.kind == code)
        if len(rows):
            stated[rows] = operation.stated(Fields(batch, code, rows))
    (channels, height, width), flat = np.empty((3, m), np.int64), np.empty(m, np.bool_)
    known = tables.graphs(batch), tables.columns(batch), tables.facts(), tables.codes(), stated, image

    def work(begin: int, end: int) -> bool:
        return bool(shape(*known, begin, end, channels, height, width, flat))

    if not all(in_parts(len(batch), work)):
        return batch_shapes(batch, image)  # which says what is wrong
    return batch.derived(BatchShapes, image, lambda: BatchShapes(channels, height, width, flat))


def encoded(batch: GraphBatch, image: tuple[int, int, int], classes: int) -> NDArray[np.float32]:
    """(n, f) `graph_features`, then `cost_features`.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    from presage.architecture.compiled.counts import count
    from presage.architecture.compiled.numbering import number
    from presage.architecture.compiled.paths import Shapes, measure_paths
    from presage.architecture.compiled.profile import NodeCosts, profile

    shapes = shapes_of(batch, image)
    costs = NodeCosts(*node_costs(batch, shapes), *_last_costs(batch, shapes, classes))
    graphs, columns, facts, codes = tables.graphs(batch), tables.columns(batch), tables.facts(), tables.codes()
    attributes, words = np.asfortranarray(batch.attributes), tables.words()
    contiguous = np.ascontiguousarray
    sizes = Shapes(
        contiguous(shapes.channels), contiguous(shapes.height), contiguous(shapes.width), contiguous(shapes.flat)
    )
    n, m = len(batch), len(batch.kind)
    found = np.empty((n, len(GRAPH_FEATURE_NAMES) + len(COST_FEATURE_NAMES)))
    groups = np.split(found, np.cumsum(WIDTHS), axis=1)
    numbered, terms = Numbered.empty(m), np.empty((m, 4))

    def work(begin: int, end: int) -> None:
        number(graphs, attributes, columns, sizes.channels, sizes.flat, facts, words, codes, begin, end, numbered)
        known = graphs, columns, sizes
        measure_paths(*known, image, facts, codes, numbered, begin, end, groups[1], groups[4], terms)
        count(*known, facts, codes, numbered, costs.multiply_adds, terms, begin, end, groups[0], groups[3])
        profile(*known, image, classes, facts, codes, numbered, costs, begin, end, groups[2], groups[5])

    in_parts(n, work)
    return found.astype(np.float32)


def _last_costs(batch: GraphBatch, shapes: BatchShapes, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) parameters and multiply-adds of classifiers of so many classes."""
    rows = batch.node_start[1:] - 1
    source = batch.first_input[rows]
    read, made = ([each[at] for each in (shapes.channels, shapes.height, shapes.width)] for at in (source, rows))
    made[0] = np.full(len(rows), classes)
    parameters, multiply_adds = Classifier.cost(Fields(batch, KIND[Classifier], rows), read, made)
    return np.asarray(parameters, np.int64), np.asarray(multiply_adds, np.int64)
