"""Architectures and a task as the numbers that predictors read, encoded once and shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import is_worth_it
from presage.errors import InvalidExperience
from presage.surrogate.data.task import Task

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.surrogate.data.sequences import Sequences

__all__ = ["CAPACITIES", "Inputs", "capacities", "check_finite", "feature_names"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

CAPACITIES = ("cost.depth", "cost.log10_multiply_adds", "cost.log10_parameters")
"""Features that say how large a network is."""


def feature_names() -> tuple[str, ...]:
    """Names of the columns of `Inputs.features`: graph features, then costs."""
    from presage.architecture.encoders import COST_FEATURE_NAMES, GRAPH_FEATURE_NAMES

    return (*GRAPH_FEATURE_NAMES, *COST_FEATURE_NAMES)


Beyond = tuple[Floats, "tuple[Ints, Inputs, Floats] | None"]
"""(r,) how unlike known networks r are; of those that are, the positions, the twins, and how unlike these are."""


def capacities(features: NDArray[np.float32]) -> Floats:
    """(n, 3) of features (n, f): log2 of 1 + depth, log10 of multiply-adds, log10 of parameters."""
    columns = [feature_names().index(name) for name in CAPACITIES]
    found = features[:, columns].astype(np.float64)
    found[:, 0] = np.log2(1.0 + found[:, 0])
    return found


@dataclass(eq=False)
class Inputs:
    """n architectures seen on one task; each encoding is computed when first read.

    Attributes:
        graphs: the architectures.
        task: the task.
        compiled: whether features of many may be encoded by compiled code, where there is any. They are the same to
            six digits and more; but what is learned is learned from NumPy's.
    """

    graphs: GraphBatch
    task: Task
    compiled: bool = True
    _beyond: tuple[object, Beyond] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(n, f) graph features and costs."""
        if self.compiled and is_worth_it(len(self)):
            from presage.architecture.compiled.encoder import encoded

            return encoded(self.graphs, self.task.input_shape, self.task.classes)
        from presage.architecture.encoders import cost_features, graph_features

        graph = graph_features(self.graphs, self.task.input_shape)
        cost = cost_features(self.graphs, self.task.input_shape, self.task.classes)
        return np.concatenate([graph, cost], axis=1, dtype=np.float32)

    @cached_property
    def sequence(self) -> Sequences:
        """The TAPAS encoding, layer by layer."""
        from presage.surrogate.data.sequences import Sequences

        if self.compiled and is_worth_it(len(self)):
            from presage.architecture.compiled.encoder import layers_of

            return Sequences.of(layers_of(self.graphs, self.task.input_shape, self.task.classes))
        from presage.architecture.encoders import ragged_layers

        return Sequences.of(ragged_layers(self.graphs, self.task.input_shape, self.task.classes))

    @cached_property
    def capacities(self) -> Floats:
        """(n, 3) `capacities` of the networks."""
        return capacities(self.features)

    def take(self, rows: Ints) -> Inputs:
        """Some of the networks, with what is already encoded of them; sequences are encoded anew."""
        found = Inputs(self.graphs.take(rows), self.task, self.compiled)
        if "features" in self.__dict__:
            found.__dict__["features"] = self.features[rows]
        return found

    def beyond(self, rows: Ints, unlike: Callable[[NDArray[np.float32]], Floats], always: Mask) -> Beyond:
        """How unlike known networks these are, and the twins of those that are; kept for the last that asked.

        Args:
            rows: (r,) networks.
            unlike: tells it of the features of some networks, from 0 to 1.
            always: (r,) networks whose twins are wanted even where they are like known ones.
        """
        key = (unlike.__self__, rows.tobytes())  # type: ignore[attr-defined] # a bound method
        if self._beyond is None or self._beyond[0] != key:
            own = unlike(self.features[rows])
            some = np.flatnonzero((own > 0) | always)
            twins = None
            if len(some):
                twin = Inputs(self._scaled_down(rows[some]), self.task, self.compiled)
                twins = some, twin, unlike(twin.features)
            self._beyond = key, (own, twins)
        return self._beyond[1]

    def _scaled_down(self, rows: Ints) -> GraphBatch:
        """The twins of some of the networks."""
        from presage.architecture.encoders import scaled_down

        return scaled_down(self.graphs, self.task.input_shape, rows)


def check_finite(matrix: NDArray[np.float32], names: tuple[str, ...], owner: str, of: Ints | None = None) -> None:
    """Refuses NaN and infinity, naming the first bad architecture and feature.

    Args:
        matrix: (m, f) features.
        names: of the features.
        owner: named in the error.
        of: (m,) the architecture that each row is of; if not given, each is of its own.

    Raises:
        InvalidExperience: where a feature is not finite.
    """
    if np.isfinite(matrix).all():
        return
    row, column = np.argwhere(~np.isfinite(matrix))[0]
    name = names[column] if column < len(names) else str(column)
    architecture = row if of is None else of[row]
    raise InvalidExperience(
        f"The features of `{owner}` must be finite. "
        f"Got {matrix[row, column]} for `{name}` of architecture {architecture}."
    )
