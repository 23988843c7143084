"""What a ranking of networks may depend on of a task: few columns, for with tens of datasets more only name one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.logit import to_logit
from presage.surrogate.data.meta_features import meta_features
from presage.surrogate.data.task import Task

__all__ = ["TASK_COLUMNS", "task_columns"]

DESCRIBED = (
    "one_neighbour_accuracy",
    "linear_accuracy",
    "between_class_variance",
    "extreme_pixels",
    "colour",
)
"""Entries of the probe's description that tell drawings from photographs, on which different networks fail."""

GAINS = ("first_gain", "mean_gain")

TASK_COLUMNS = (
    "dcn", "classes", "channels", "train_images", "epochs", "image_side", *DESCRIBED, *GAINS, "expected_spread",
)  # fmt: skip
"""Names of the task columns that predictors read; the last is the spread that a predictor expects."""


def task_columns(task: Task) -> NDArray[np.float32]:
    """(13,) all `TASK_COLUMNS` but the last: logit of the DCN, logs of counts, the description and the probe's gains.

    NaN where the description lacks what a column is made of.
    """
    counts = np.log([task.classes, task.channels, task.train_images, task.epochs, task.image_side])
    described = dict(task.description)
    known = [described.get(name, np.nan) for name in DESCRIBED]
    return np.array([to_logit(task.dcn), *counts, *known, *meta_features([task], GAINS)[0]], np.float32)
