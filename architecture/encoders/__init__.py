"""Encoders: pure functions of the graph that turn architectures into numbers a predictor learns from.

They know no space, so one predictor learns from all of them; and they see the canonical form: dead branches, zeros and
identities change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from presage.architecture.encoders.costing import COST_FEATURE_NAMES, cost_features
from presage.architecture.encoders.graf import graph_features
from presage.architecture.encoders.tapas import (
    LAYER_FEATURE_NAMES,
    LayerSequence,
    RaggedLayers,
    layer_sequence,
    ragged_layers,
)
from presage.architecture.encoders.twin import scaled_down

if TYPE_CHECKING:
    from presage.architecture.encoders.graf import GRAPH_FEATURE_NAMES

__all__ = [
    "COST_FEATURE_NAMES",
    "GRAPH_FEATURE_NAMES",
    "LAYER_FEATURE_NAMES",
    "LayerSequence",
    "RaggedLayers",
    "cost_features",
    "graph_features",
    "layer_sequence",
    "ragged_layers",
    "scaled_down",
]


def __getattr__(name: str) -> Any:
    if name == "GRAPH_FEATURE_NAMES":  # worked out when first asked for
        from presage.architecture.encoders import graf

        return graf.GRAPH_FEATURE_NAMES
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
