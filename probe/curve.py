"""From a learning curve to the Dataset Characterization Number: a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from presage.errors import InvalidArgument

EPOCHS = 10
"""Length of the probe's budget in epochs (TAPAS, 1806.00250, and 1803.09588 use ten)."""


def dcn(curve: Sequence[float]) -> float:
    """Dataset Characterization Number: the peak validation accuracy of the probe net within its first ten epochs.

    ``DCN = max(curve[e] for e < 10)``, in [0, 1]; higher means easier. ``dcn([0.31, 0.62, 0.58])`` is 0.62.

    Args:
        curve: validation accuracy after each epoch (e,), in [0, 1].

    Raises:
        InvalidArgument: the curve is empty, or a value in it is no accuracy (NaN, infinite, outside [0, 1]).

    Source: Istrate et al., TAPAS, AAAI 2019 (arXiv 1806.00250), section "Dataset Characterization".
    """
    values = [float(value) for value in curve]
    if not values:
        raise InvalidArgument("curve", "dcn", "hold at least one epoch", list(curve))
    for value in values:
        if not isfinite(value) or not 0.0 <= value <= 1.0:
            raise InvalidArgument("curve", "dcn", "hold accuracies in [0, 1]", value)
    return max(values[:EPOCHS])
