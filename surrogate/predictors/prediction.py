"""What a predictor answers: a value with an interval, for each of n architectures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXTRAPOLATION", "Estimate", "Prediction", "extrapolation_of"]

Floats = NDArray[np.float64]

EXTRAPOLATION = (("within", 0.1), ("near", 0.5), ("beyond", 1.5))
"""Words for how far a prediction reaches, with the distance up to which each holds; farther is "far"."""
_MOST_SHOWN = 6
"""Predictions that a repr tells."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted validation accuracies, in [0, 1]. Predicted, never trained: see DESIGN.md, three kinds of accuracy.

    Attributes:
        value: (n,) the expected accuracy after full training with the task's recipe.
        lower: (n,) lower end of the interval.
        upper: (n,) upper end of the interval.
        level: share of the architectures of an unseen dataset whose trained accuracy the intervals should hold.
        distance: (n,) how far each reaches beyond experience, in size, training and kind; None where that is not told.
    """

    value: Floats
    lower: Floats
    upper: Floats
    level: float
    distance: Floats | None = None

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        """*Prediction(2 architectures, 90% intervals: 0.712 [0.601, 0.823] within, 0.843 [0.511, 0.972] far)*."""
        columns = (self.value, self.lower, self.upper, self.extrapolation)
        shown = [
            f"{value:.3f} [{lower:.3f}, {upper:.3f}] {word}".rstrip()
            for value, lower, upper, word in zip(*columns, strict=True)
        ]
        rest = [*shown[:_MOST_SHOWN], *(["…"] if len(shown) > _MOST_SHOWN else [])]
        said = f": {', '.join(rest)}" if rest else ""
        return f"Prediction({len(self)} architecture{'' if len(self) == 1 else 's'}, {self.level:.0%} intervals{said})"

    @property
    def extrapolation(self) -> tuple[str, ...]:
        """`distance` of each as one word: "within", "near", "beyond" or "far"; "" where it is not told."""
        return ("",) * len(self) if self.distance is None else tuple(map(extrapolation_of, self.distance.tolist()))


def extrapolation_of(distance: float | None) -> str:
    """How far a prediction at this distance from experience reaches, as one word; "" for None and NaN: not told."""
    if distance is None or math.isnan(distance):
        return ""
    return next((word for word, most in EXTRAPOLATION if distance <= most), "far")


@dataclass(frozen=True, eq=False)
class Estimate:
    """A prediction before calibration.

    Attributes:
        value: (n,) predicted accuracy.
        std_error: (n,) what the predictor takes its standard error to be, above 0; uncalibrated.
        beyond: (n,) standard error that comes on top, of networks and trainings beyond experience; None: 0.
        distance: (n,) how far each reaches beyond experience; None: not told.
    """

    value: Floats
    std_error: Floats
    beyond: Floats | None = None
    distance: Floats | None = None

    def take(self, rows: NDArray[np.int64]) -> Estimate:
        """Some of the networks."""
        beyond, distance = (None if column is None else column[rows] for column in (self.beyond, self.distance))
        return Estimate(self.value[rows], self.std_error[rows], beyond, distance)
