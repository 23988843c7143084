"""A network as a sequence of layers, in the manner of TAPAS (arXiv 1806.00250, section 3.2): `ragged_layers` of many
networks one after another, `layer_sequence` padded to the longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.activations import Form
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.kinds import NORMALISES, RANDOM, functions
from presage.architecture.batch.scan import scan_of
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.encoders.chunks import of_each_chunk
from presage.architecture.encoders.sums import terms
from presage.architecture.operations import (
    KIND,
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Classifier,
    Concatenate,
    Convolution,
    Linear,
    MaxPool,
)

__all__ = ["LAYER_FEATURE_NAMES", "LayerSequence", "RaggedLayers", "layer_sequence", "ragged_layers"]

Floats = NDArray[np.float64]

LAYERS = (Convolution, Linear, Classifier, MaxPool, AveragePool, AdaptiveAveragePool, AdaptiveMaxPool, Concatenate)
_RECTIFIERS = functions(lambda function: function.form is Form.RECTIFIER)
_SMOOTH = functions(lambda function: function.form is Form.SMOOTH)

LAYER_FEATURE_NAMES = (
    *(f"is.{layer.name}" for layer in LAYERS),
    "log2_kernel",
    "log2_stride",
    "log2_groups",
    "log2_side_ratio",
    "log2_channel_ratio",
    "log10_weights",
    "log10_multiply_adds",
    "log2_channels",
    "log2_side",
    "log2_side_of_image",
    "log2_terms_read",
    "reads.norm",
    "reads.rectifier",
    "reads.smooth",
    "reads.saturating",
    "reads.dropout",
    "so_far.depth",
    "so_far.log2_layers",
    "so_far.log10_weights",
    "so_far.log10_multiply_adds",
    "so_far.log10_activations",
)
"""Columns of `LayerSequence.values`. `reads.`: what the layer's input went through since the layer before;
`so_far.`: the sub-network that ends with this layer."""


@dataclass(frozen=True, eq=False)
class LayerSequence:
    """Layers (convolutions, fully connected layers, poolings, concatenations) of `n` networks, in order of depth.

    Attributes:
        values: (n, t, f) float32, columns as in `LAYER_FEATURE_NAMES`; 0 after a network's last layer.
        lengths: (n,) int64 number of layers, at least 1: the last is the classifier.
        nodes: (n, t) int64 position of each layer's node in its architecture; -1 after the last.
    """

    values: NDArray[np.float32]
    lengths: NDArray[np.int64]
    nodes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(n, t) where there is a layer."""
        return np.asarray(self.nodes >= 0)


@dataclass(frozen=True, eq=False)
class RaggedLayers:
    """What `LayerSequence` holds, without padding: the layers of `n` networks, one network after another.

    Attributes:
        values: (l, f) float32, of all layers of all networks.
        lengths: (n,) int64 number of layers of each network, at least 1.
        nodes: (l,) int64 position of each layer's node in its architecture.
    """

    values: NDArray[np.float32]
    lengths: NDArray[np.int64]
    nodes: NDArray[np.int64]


def layer_sequence(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> LayerSequence:
    """The layers of each network, padded; arguments and errors as of `ragged_layers`."""
    ragged = ragged_layers(batch, input_shape, classes)
    inside = np.arange(ragged.lengths.max(initial=0)) < ragged.lengths[:, None]  # (n, t)
    values = np.zeros((*inside.shape, len(LAYER_FEATURE_NAMES)), np.float32)
    nodes = np.full(inside.shape, -1, np.int64)
    values[inside], nodes[inside] = ragged.values, ragged.nodes
    return LayerSequence(values, ragged.lengths, nodes)


def ragged_layers(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> RaggedLayers:
    """The layers of each network for images ``(c, h, w)`` and `classes` outputs, as of its canonical form.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    pieces = of_each_chunk(batch, input_shape, _ragged, classes)
    return RaggedLayers(
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.lengths for piece in pieces]),
        np.concatenate([piece.nodes for piece in pieces]),
    )


def _ragged(view: CanonicalView) -> RaggedLayers:
    rows = np.flatnonzero(view.parts & view.is_a(*LAYERS))
    layer = _layers(view, rows)
    order = _order(view, rows, layer)
    rows, layer = rows[order], layer[order]
    lengths = view.total(rows).astype(np.int64)
    ends = np.cumsum(lengths)
    place = np.arange(len(rows)) - np.repeat(ends - lengths, lengths)
    values = np.concatenate([layer, _so_far(view, rows, place, ends - lengths)], axis=1, dtype=np.float32)
    return RaggedLayers(values, lengths, rows - view.batch.node_start[view.graph[rows]])


def _layers(view: CanonicalView, rows: NDArray[np.int64]) -> Floats:
    """(r, f - 5) what each layer is, by itself."""
    batch, shapes, first = view.batch, view.shapes, view.first[rows]
    kind = view.kind[rows]
    parameters, multiply_adds = (cost[rows] for cost in view.costs)
    side, given = (_log2(np.sqrt(shapes.height[at] * shapes.width[at])) for at in (rows, first))
    kernel = batch.column("kernel_h")[rows].astype(np.float64) * batch.column("kernel_w")[rows]
    stride = batch.column("stride_h")[rows].astype(np.float64) * batch.column("stride_w")[rows]
    groups = np.where(kind == KIND[Convolution], batch.column("groups")[rows], 1)
    image = _log2(np.sqrt(np.prod(view.input_shape[1:])))
    columns = [
        *((kind == KIND[layer]).astype(np.float64) for layer in LAYERS),
        _log2(kernel) / 2,
        _log2(stride) / 2,
        _log2(groups),
        side - given,
        np.log2(shapes.channels[rows] / shapes.channels[first]),
        np.log10(1.0 + parameters),
        np.log10(1.0 + multiply_adds),
        _log2(shapes.channels[rows]),
        side,
        side - image,
        _log2(terms(view).number[first]),
        *_read(view)[first].T.astype(np.float64),
    ]
    return np.stack(columns, axis=1)


def _read(view: CanonicalView) -> NDArray[np.float32]:
    """(m, 5) what each value went through since the last layer: norm, kinds of activation, dropout."""
    function = view.batch.column("function")
    active = view.is_a(Activation)
    rectifier = active & _RECTIFIERS[function]
    smooth = active & _SMOOTH[function]
    marks = [NORMALISES[view.kind], rectifier, smooth, active & ~rectifier & ~smooth]
    dropped = view.batch.column("permille") / 1000 * RANDOM[view.kind]
    gains = np.stack([*marks, dropped], axis=1) * ~view.passing[:, None]
    keep = np.repeat((~view.is_a(*LAYERS) & ~view.zero | view.passing)[:, None], 5, axis=1)
    keep[:, :4] &= gains[:, :4] == 0
    keep[view.zero] = False
    return scan_of(view.batch).latest(keep.astype(np.float32), gains.astype(np.float32))


def _order(view: CanonicalView, rows: NDArray[np.int64], layer: Floats) -> NDArray[np.int64]:
    """By graph, then by depth in operations; equally deep layers by what they are, not by their place."""
    level = scan_of(view.batch).longest((~view.passing).astype(np.float32)[:, None], view.zero)[rows, 0]
    level[view.kind[rows] == KIND[Classifier]] = np.inf
    likeness = (layer * np.sqrt(np.arange(2, 2 + layer.shape[1]))).sum(axis=1)
    depth = np.where(np.isfinite(view.depth[rows]), view.depth[rows], 0)
    return np.lexsort((likeness, depth, level, view.graph[rows]))


def _so_far(
    view: CanonicalView, rows: NDArray[np.int64], place: NDArray[np.int64], starts: NDArray[np.int64]
) -> Floats:
    """(r, 5) the sub-network up to each layer, layers being in order."""
    depth = view.depth[rows]
    columns = [np.where(np.isfinite(depth), depth, 0.0), np.log2(place + 1.0)]
    parameters, multiply_adds = view.costs
    for cost in (parameters, multiply_adds, view.shapes.size):
        summed = np.concatenate([np.zeros(1), np.cumsum(cost[rows].astype(np.float64))])
        columns.append(np.log10(1 + summed[1:] - summed[starts[view.graph[rows]]]))
    return np.stack(columns, axis=1)


def _log2(values: NDArray[np.generic] | float) -> Floats:
    return np.log2(np.maximum(np.asarray(values, np.float64), 1.0))
