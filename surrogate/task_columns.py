"""What a ranking of networks may depend on of a task: few columns, for with tens of datasets more only name one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surrogate.task import Task
from surrogate.transform import to_logit

__all__ = ["TASK_COLUMNS", "task_columns"]

TASK_COLUMNS = ("task_dcn", "task_classes", "task_channels", "task_train_images", "task_epochs", "task_image_side")
"""Names of what `task_columns` gives."""


def task_columns(task: Task) -> NDArray[np.float32]:
    """(6,) the values of `TASK_COLUMNS`: the logit of the DCN, counts as logarithms."""
    counts = np.log([task.classes, task.channels, task.train_images, task.epochs, task.image_side])
    return np.array([to_logit(task.dcn), *counts], np.float32)
