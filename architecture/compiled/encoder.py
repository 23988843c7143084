"""Graph features, costs and layer sequences of a batch by the compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import CostArrays, batch_costs, node_costs
from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.kinds import IRREGULAR
from presage.architecture.batch.shapes import _STATING, BatchShapes, batch_shapes
from presage.architecture.compiled import tables
from presage.architecture.compiled.in_parts import in_parts
from presage.architecture.compiled.tables import FieldColumns, Graphs, Numbered
from presage.architecture.encoders import COST_FEATURE_NAMES, GRAPH_FEATURE_NAMES, LAYER_FEATURE_NAMES, RaggedLayers
from presage.architecture.operations import KIND, Classifier

if TYPE_CHECKING:
    from presage.architecture.compiled.costs import NodeCosts
    from presage.architecture.compiled.paths import Shapes

__all__ = ["CompiledView", "costs_of", "encoded", "layers_of", "shapes_of"]

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


@dataclass(frozen=True, eq=False)
class CompiledView:
    """What kernels are told of a batch bound to images ``(c, h, w)``; features and layers are read off the same.

    Attributes:
        graphs: the graphs.
        columns: fields of their nodes.
        sizes: shapes of their nodes.
        numbered: their nodes in canonical form.
    """

    graphs: Graphs
    columns: FieldColumns
    sizes: Shapes
    numbered: Numbered

    @classmethod
    def of(cls, batch: GraphBatch, image: tuple[int, int, int]) -> CompiledView:
        """Worked out once.

        Raises:
            InvalidArchitecture: where some architecture does not take such images; names it.
        """
        return batch.derived(cls, image, lambda: cls._made(batch, image))

    @classmethod
    def _made(cls, batch: GraphBatch, image: tuple[int, int, int]) -> CompiledView:
        from presage.architecture.compiled.numbering import number

        sizes, numbered = _sizes(batch, image), Numbered.empty(len(batch.kind))
        graphs, columns, attributes = tables.graphs(batch), tables.columns(batch), np.asfortranarray(batch.attributes)
        told = graphs, attributes, columns, sizes.channels, sizes.flat, tables.facts(), tables.words(), tables.codes()

        def work(begin: int, end: int) -> None:
            number(*told, begin, end, numbered)

        in_parts(len(batch), work)
        return cls(graphs, columns, sizes, numbered)


def encoded(batch: GraphBatch, image: tuple[int, int, int], classes: int) -> NDArray[np.float32]:
    """(n, f) `graph_features`, then `cost_features`.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    from presage.architecture.compiled.counts import count
    from presage.architecture.compiled.paths import measure_paths
    from presage.architecture.compiled.profile import profile

    of = CompiledView.of(batch, image)
    costs = _costs(batch, image, of.sizes, classes)
    facts, codes, numbered, known = tables.facts(), tables.codes(), of.numbered, (of.graphs, of.columns, of.sizes)
    found = np.empty((len(batch), len(GRAPH_FEATURE_NAMES) + len(COST_FEATURE_NAMES)))
    groups = np.split(found, np.cumsum(WIDTHS), axis=1)
    terms = np.empty((len(batch.kind), 4))

    def work(begin: int, end: int) -> None:
        measure_paths(*known, image, facts, codes, numbered, begin, end, groups[1], groups[4], terms)
        count(*known, facts, codes, numbered, costs.multiply_adds, terms, begin, end, groups[0], groups[3])
        profile(*known, image, classes, facts, codes, numbered, costs, begin, end, groups[2], groups[5])

    in_parts(len(batch), work)
    return found.astype(np.float32)


def layers_of(batch: GraphBatch, image: tuple[int, int, int], classes: int) -> RaggedLayers:
    """`ragged_layers`.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    from presage.architecture.compiled.layers import Layers, read_layers

    of, own = CompiledView.of(batch, image), tables.layer_facts()
    costs = _costs(batch, image, of.sizes, classes)
    is_layer = of.numbered.parts & (own.column[batch.kind] >= 0)
    lengths = np.add.reduceat(is_layer, batch.node_start[:-1], dtype=np.int64)
    values, nodes = np.empty((lengths.sum(), len(LAYER_FEATURE_NAMES)), np.float32), np.empty(lengths.sum(), np.int64)
    found = Layers(np.cumsum(lengths) - lengths, values, nodes)
    told = of.graphs, of.columns, of.sizes, image, classes, tables.facts(), own, tables.codes(), of.numbered, costs

    def work(begin: int, end: int) -> None:
        read_layers(*told, begin, end, found)

    in_parts(len(batch), work)
    return RaggedLayers(values, lengths, nodes)


def costs_of(batch: GraphBatch, image: tuple[int, int, int], classes: int) -> CostArrays:
    """`batch_costs`.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    if classes < 2 or not len(batch):
        return batch_costs(batch, image, classes)
    from presage.architecture.compiled.costs import add_costs

    sizes = _sizes(batch, image)
    found = np.empty((4, len(batch)), np.int64)
    told = tables.graphs(batch), sizes, classes, tables.facts(), _costs(batch, image, sizes, classes)

    def work(begin: int, end: int) -> None:
        add_costs(*told, begin, end, found)

    in_parts(len(batch), work)
    return CostArrays(*found)


def _sizes(batch: GraphBatch, image: tuple[int, int, int]) -> Shapes:
    """The shapes of its nodes, as kernels read them."""
    from presage.architecture.compiled.paths import Shapes

    shapes = shapes_of(batch, image)
    return Shapes(*(np.ascontiguousarray(getattr(shapes, name)) for name in Shapes._fields))


def _costs(batch: GraphBatch, image: tuple[int, int, int], sizes: Shapes, classes: int) -> NodeCosts:
    """What its nodes cost, with classifiers of so many classes; but for those, worked out once."""
    from presage.architecture.compiled.costs import NodeCosts

    return NodeCosts(*_node_costs(batch, image), *_last_costs(batch, sizes, classes))


class _NodeCosts(tuple[NDArray[np.int64], NDArray[np.int64]]):
    """(m,) parameters and multiply-adds of each node, its classifier as if it gave what it reads."""


def _node_costs(batch: GraphBatch, image: tuple[int, int, int]) -> _NodeCosts:
    return batch.derived(_NodeCosts, image, lambda: _NodeCosts(node_costs(batch, shapes_of(batch, image))))


def _last_costs(batch: GraphBatch, shapes: Shapes, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) parameters and multiply-adds of classifiers of so many classes."""
    rows = batch.node_start[1:] - 1
    source = batch.first_input[rows]
    read, made = ([each[at] for each in (shapes.channels, shapes.height, shapes.width)] for at in (source, rows))
    made[0] = np.full(len(rows), classes)
    parameters, multiply_adds = Classifier.cost(Fields(batch, KIND[Classifier], rows), read, made)
    return np.asarray(parameters, np.int64), np.asarray(multiply_adds, np.int64)
