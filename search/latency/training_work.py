"""What training a network costs beside another: the measure by which a budget limits networks.

Multiply-adds tell it badly: on a CPU those of a wide convolution take a seventh of the time that those of an inverted
bottleneck take, with its depthwise convolutions and its many channels at full side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.search.latency.work import work

__all__ = ["training_work"]

Floats = NDArray[np.float64]

_SECONDS = (
    0.0,  # constant: the time that images take by themselves is timed apart
    0.0,  # dense 1x1 convolutions
    0.0,  # their multiply-adds
    0.0,  # dense wide convolutions
    4.2e-11,  # their multiply-adds
    2.1e-5,  # grouped convolutions
    5.5e-12,  # their multiply-adds
    0.0,  # depthwise convolutions
    5.3e-10,  # their multiply-adds
    0.0,  # convolutions: numbers read and written
    4.5e-11,  # linear layers: parameters
    0.0,  # other operations
    2.45e-9,  # other operations: numbers written
    1.9e-5,  # sums
)
"""Seconds of one core for one of each column of `presage.search.latency.work.WORK`, for an image trained. Their ratios
matter, not their size: a search times some networks where it runs. From `benchmarks/training_time.py`, 139 networks of
five spaces in bfloat16: off by 20 % in the median of 35 held out (Kendall τ .74), multiply-adds alone by 51 % (τ .52).
What is 0 is told by the rest."""

_UNIT = 6e-11
"""Seconds that a multiply-add of a training takes there at best: 50 thousand million a second, three for each one of
the network (forward, and backward to inputs and weights)."""


def training_work(graphs: GraphBatch, input_shape: Sequence[int], classes: int) -> Floats:
    """(n,) work of training on one image ``(c, h, w)``, in multiply-adds of the fastest kind.

    A network of wide dense convolutions has about as much as it has multiply-adds, one of depthwise convolutions
    several times as much: both take the same time where this is the same.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    found: Floats = work(graphs, input_shape, classes) @ np.array(_SECONDS) / _UNIT
    return found
