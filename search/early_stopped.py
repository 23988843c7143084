"""Records of trainings that a search ended before their time: why, what that saved, and what it may have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from presage.display import clock
from presage.reading import record

__all__ = ["EarlyStopped", "Savings", "savings"]


@dataclass(frozen=True)
class EarlyStopped:
    """Why a training was ended. What is expected is extrapolated from its curve: no trained accuracy.

    Attributes:
        epoch: number of epochs that were trained.
        epochs: of the recipe.
        expected, lower, upper, level: extrapolated final accuracy and its interval.
        best: trained accuracy of the best before it (of the last of those wanted, where several are).
        chance: that it would have ended over `best`, as extrapolated.
        seconds_saved: of training, at the pace of its own epochs.
    """

    epoch: int
    epochs: int
    expected: float
    lower: float
    upper: float
    level: float
    best: float
    chance: float
    seconds_saved: float

    @property
    def words(self) -> str:
        """*ended after 4 of 12 epochs: expected to reach 0.712 (0.650 to 0.760), the best had 0.803*."""
        return (
            f"ended after {self.epoch} of {self.epochs} epochs: expected to reach {self.expected:.3f} "
            f"({self.lower:.3f} to {self.upper:.3f}), the best had {self.best:.3f}"
        )

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> EarlyStopped:
        """What `to_json` wrote."""
        return record(cls, value)


@dataclass(frozen=True)
class Savings:
    """What early stopping came to.

    Attributes:
        stopped: trainings that were ended.
        trainings: all that were begun under it, those included.
        epochs_saved: that were not trained.
        epochs: that all trainings would have had.
        seconds_saved: of training, estimated.
        chance_lost: that one of those ended would have been over the best before it, at most, as extrapolated: the sum
            of their chances. What was lost in truth nobody knows.
    """

    stopped: int
    trainings: int
    epochs_saved: int
    epochs: int
    seconds_saved: float
    chance_lost: float

    @property
    def words(self) -> str:
        """A line for people."""
        if not self.stopped:
            return f"Early stopping: none of {self.trainings} trainings was ended before its last epoch."
        return (
            f"Early stopping: {self.stopped} of {self.trainings} trainings were ended before their last epoch; "
            f"{self.epochs_saved:,} of {self.epochs:,} epochs were saved, about {clock(self.seconds_saved)}. The "
            f"chance that one of them would have been the best is at most {self.chance_lost:.1%}, as extrapolated."
        )

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def savings(ended: Sequence[EarlyStopped], trainings: int, epochs: int) -> Savings:
    """Of so many trainings by a recipe of so many epochs, those among them that were ended."""
    saved = sum(one.epochs - one.epoch for one in ended)
    seconds = round(sum(one.seconds_saved for one in ended), 3)
    chance = min(round(sum(one.chance for one in ended), 6), 1.0)
    return Savings(len(ended), trainings, saved, epochs * trainings, seconds, chance)
