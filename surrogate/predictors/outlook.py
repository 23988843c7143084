"""What more images, larger ones and longer training would bring on a dataset, before anything is trained by them.

A small model: the mean of a dataset's networks by the usual recipe (`RelativeScale`), and what recipes were seen to do
to networks trained by two of them (`RecipeEffect`), both of which read the dataset's probe ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.relative_scale import RelativeScale

__all__ = ["Bringing", "OutlookModel", "more"]

ALONE = 0.20
"""Standard deviation, in logits, of what one thing changed alone does besides its effect: more than the mean of tens of
networks needs (0.08), for it is often asked of a few."""


@dataclass(frozen=True)
class Bringing:
    """What a change of the recipe brings to networks as they are in the experience, in accuracy.

    Attributes:
        value: expected difference of the mean accuracy.
        lower, upper: ends of its interval.
        level: share of datasets that the interval should hold.
    """

    value: float
    lower: float
    upper: float
    level: float


class OutlookModel:
    """Learns from experience once, answers for any dataset in no time.

    Args:
        level: of the intervals.
    """

    def __init__(self, level: float = 0.9) -> None:
        self.level = level

    def fit(self, experience: Experience) -> OutlookModel:
        """Learns from the trained networks of at least one dataset."""
        self.scale_ = RelativeScale().fit(experience)
        self.scale_.learn_pairs(experience)
        return self

    def bring(self, task: Task, changed: Task) -> Bringing:
        """What training as for `changed` brings where one trains as for `task`: both of one dataset."""
        usual = self.scale_.usual(task)
        mean = usual.mean + self.scale_.effect_.predict(task, usual.spread)[0]
        shift, reach = self.shift(task, changed)
        value, lower, upper = (
            float(from_logit(mean + by) - from_logit(mean)) for by in (shift, shift - reach, shift + reach)
        )
        return Bringing(value, lower, upper, self.level)

    def shift(self, task: Task, changed: Task) -> tuple[float, float]:
        """The same in logits, of any network, and half the width of its interval."""
        shift, std_error = self.scale_.effect_.difference(task, changed, self.scale_.usual(task).spread)
        return shift, NormalDist().inv_cdf(0.5 + self.level / 2) * float(np.hypot(std_error, ALONE))

    def usual(self, task: Task) -> Task:
        """The task by the recipe that most datasets were trained by."""
        return self.scale_.effect_.usual(task)


def more(task: Task) -> Sequence[tuple[str, Task]]:
    """The task with twice the images, twice the side, and three times the epochs, each by the name of what changes."""
    images = 2 * task.train_images
    return (
        ("images", replace(task, train_images=images, epoch_images=max(images, task.epoch_images), recipe="")),
        ("side", replace(task, image_side=2 * task.image_side, recipe="")),
        ("epochs", replace(task, epochs=3 * task.epochs, recipe="")),
    )
