"""What a predictor answers: a value with an interval, for each of n architectures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Prediction"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted validation accuracies, in [0, 1]. Predicted, never trained: see DESIGN.md, three kinds of accuracy.

    Attributes:
        value: (n,) the expected accuracy after full training with the task's recipe.
        lower: (n,) lower end of the interval.
        upper: (n,) upper end of the interval.
        level: share of the architectures of an unseen dataset whose trained accuracy the intervals should hold.
    """

    value: Floats
    lower: Floats
    upper: Floats
    level: float

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A prediction before calibration.

    Attributes:
        value: (n,) predicted accuracy.
        std_error: (n,) what the predictor takes its standard error to be, above 0; uncalibrated.
    """

    value: Floats
    std_error: Floats
