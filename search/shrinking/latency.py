"""Latency of smaller versions of one network: measured for a few dozen of them, estimated for the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.search.latency.model import LatencyModel, fit_latency
from presage.search.limits import Limits
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.proposing import proposed

__all__ = ["NETWORKS", "latency_of_versions"]

NETWORKS = 32
"""Versions that are measured."""
_LEAST_SHARE = 0.02  # of the network's multiply-adds
_PASSES = 2


def latency_of_versions(
    architecture: Architecture,
    input_shape: tuple[int, int, int],
    classes: int,
    measure: Callable[[Architecture], float],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> LatencyModel:
    """Estimates latencies of versions of a network, from those of `NETWORKS` of them and its own.

    Args:
        measure: seconds of a forward pass of one image.
        on_progress: told how many measurements are done, and of how many.
    """
    whole = costs(architecture, input_shape, classes).multiply_adds
    versions = [architecture]
    for number, share in enumerate(np.geomspace(_LEAST_SHARE, 1, NETWORKS, endpoint=False).tolist()):
        limits = Limits(multiply_adds=max(int(share * whole), 1))
        versions += [
            one.architecture for one in proposed(architecture, Allowance(limits, input_shape, classes), 1, number)
        ]
    passes: list[list[float]] = []
    for number in range(_PASSES):
        passes.append([])
        for at, version in enumerate(versions):
            passes[-1].append(measure(version))
            on_progress(number * len(versions) + at + 1, _PASSES * len(versions))
    return fit_latency(GraphBatch.of(versions), np.min(passes, axis=0).tolist(), input_shape, classes)
