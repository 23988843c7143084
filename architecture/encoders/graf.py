"""`graph_features`: 192 named numbers that say what a network is, from its graph alone.

In the manner of GRAF (Kadlecová et al. 2024, arXiv 2404.16551: counts, path lengths, degrees), extended to whole
networks of any space: width, resolution, receptive field, normalisation, cost by stage. Equal for a graph and its
canonical form (up to rounding).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders.canonical_view import CanonicalView, Group
from presage.architecture.encoders.chunks import of_each_chunk
from presage.architecture.encoders.counts import counts
from presage.architecture.encoders.path_sums import path_sums
from presage.architecture.encoders.paths import paths
from presage.architecture.encoders.profile import profile
from presage.architecture.encoders.sums import sums
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Flatten, Input

__all__ = ["GRAPH_FEATURE_NAMES", "graph_features"]

GROUPS: tuple[Group, ...] = (counts, paths, profile, sums, path_sums)


def graph_features(batch: GraphBatch, input_shape: Sequence[int]) -> NDArray[np.float32]:
    """(n, f) features for images ``(c, h, w)``; the columns are `GRAPH_FEATURE_NAMES`. All are finite.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """

    def columns(view: CanonicalView) -> NDArray[np.float32]:
        return np.stack(list(_named(view).values()), axis=1).astype(np.float32)

    return np.concatenate(of_each_chunk(batch, input_shape, columns))


def _named(view: CanonicalView) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for group in GROUPS:
        found.update(group(view))
    return found


@cache  # two threads may work them out at once: both get the same
def _names() -> tuple[str, ...]:
    smallest = Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(), (1,))))
    return tuple(_named(CanonicalView.of(GraphBatch.of([smallest]), (1, 1, 1))))


if TYPE_CHECKING:
    GRAPH_FEATURE_NAMES: tuple[str, ...]


def __getattr__(name: str) -> Any:
    if name == "GRAPH_FEATURE_NAMES":
        return _names()
    raise AttributeError(name)
