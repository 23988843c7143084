"""Architectures and a task as the numbers that predictors read, encoded once and shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidExperience
from presage.surrogate.data.task import Task

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.encoders import LayerSequence

__all__ = ["Inputs", "check_finite", "feature_names"]


def feature_names() -> tuple[str, ...]:
    """Names of the columns of `Inputs.features`: graph features, then costs."""
    from presage.architecture.encoders import COST_FEATURE_NAMES, GRAPH_FEATURE_NAMES

    return (*GRAPH_FEATURE_NAMES, *COST_FEATURE_NAMES)


@dataclass(eq=False)
class Inputs:
    """n architectures seen on one task; each encoding is computed when first read."""

    graphs: GraphBatch
    task: Task

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(n, f) graph features and costs."""
        from presage.architecture.encoders import cost_features, graph_features

        graph = graph_features(self.graphs, self.task.input_shape)
        cost = cost_features(self.graphs, self.task.input_shape, self.task.classes)
        return np.concatenate([graph, cost], axis=1, dtype=np.float32)

    @cached_property
    def sequence(self) -> LayerSequence:
        """(n, t, f) the TAPAS encoding, layer by layer."""
        from presage.architecture.encoders import layer_sequence

        return layer_sequence(self.graphs, self.task.input_shape, self.task.classes)


def check_finite(matrix: NDArray[np.float32], names: tuple[str, ...], owner: str) -> None:
    """Refuses NaN and infinity, naming the first bad row and feature.

    Raises:
        InvalidExperience: where a feature is not finite.
    """
    if np.isfinite(matrix).all():
        return
    row, column = np.argwhere(~np.isfinite(matrix))[0]
    name = names[column] if column < len(names) else str(column)
    raise InvalidExperience(
        f"The features of `{owner}` must be finite. Got {matrix[row, column]} for `{name}` of architecture {row}."
    )
