"""`LearningCurves`: n curves as columns, finished or under way, with what is known of each before it begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.errors import InvalidArgument

__all__ = ["SETTING", "Setting", "LearningCurves"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SETTING = (
    "epochs", "warmup", "falling", "learning_rate", "batch", "weight_decay", "label_smoothing", "ema", "mixing",
    "image_side", "classes", "parameters", "multiply_adds", "depth",
)  # fmt: skip
"""Names of the columns of `LearningCurves.settings`. Counts are as they are, not logarithms."""


@dataclass(frozen=True)
class Setting:
    """What is known of a training before it begins.

    Attributes:
        recipe: the recipe's JSON object.
        classes: of the dataset.
        parameters, multiply_adds, depth: of the network, for one image.
    """

    recipe: Mapping[str, Any]
    classes: int
    parameters: int
    multiply_adds: int
    depth: int

    @property
    def row(self) -> tuple[float, ...]:
        """Its `SETTING`; NaN for a side or a batch that the images have yet to tell."""
        recipe = self.recipe
        numbers = [recipe.get(name, 0.0) for name in ("learning_rate", "batch", "weight_decay", "label_smoothing")]
        told = [math.nan if isinstance(value, str) else float(value) for value in numbers]
        side = recipe["image_side"]
        mixing = bool(recipe.get("mixup") or recipe.get("cutmix"))
        return (
            float(recipe["epochs"]), float(recipe["warmup"]), float(recipe["schedule"] != "constant"), *told,
            float(recipe.get("ema", 0.0)), float(mixing), math.nan if isinstance(side, str) else float(side),
            float(self.classes), float(self.parameters), float(self.multiply_adds), float(self.depth),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """n trainings.

    Attributes:
        accuracy: (n, e) validation accuracy after each epoch; NaN after the last that was trained.
        loss: (n, e) mean training loss of each epoch, nats; NaN likewise, and where not known.
        settings: (n, len(SETTING)) what was known before.
        task: (n,) dataset and recipe of each, as one word; "" where it stands for itself.
        group: (n,) dataset of each: what is left out together.
    """

    accuracy: Floats
    loss: Floats
    settings: Floats
    task: NDArray[np.str_]
    group: NDArray[np.str_]

    def __post_init__(self) -> None:
        n = len(self.accuracy)
        if self.accuracy.ndim != 2 or self.loss.shape != self.accuracy.shape:
            shapes = (self.accuracy.shape, self.loss.shape)
            raise InvalidArgument("loss", "LearningCurves", "be (n, e), as `accuracy`", shapes)
        if self.settings.shape != (n, len(SETTING)):
            raise InvalidArgument("settings", "LearningCurves", f"be ({n}, {len(SETTING)})", self.settings.shape)
        if len(self.task) != n or len(self.group) != n:
            raise InvalidArgument("task", "LearningCurves", f"be ({n},), as `group`", (len(self.task), len(self.group)))

    def __len__(self) -> int:
        return len(self.accuracy)

    @classmethod
    def of(
        cls,
        accuracy: Sequence[ArrayLike],
        loss: Sequence[ArrayLike],
        settings: Sequence[Setting],
        task: Sequence[str] | None = None,
        group: Sequence[str] | None = None,
    ) -> LearningCurves:
        """From curves of any lengths, (e,) each; a curve without losses has an empty one."""
        curves = [np.asarray(one, np.float64) for one in accuracy]
        losses = [np.asarray(one, np.float64) for one in loss]
        longest = max((len(one) for one in curves), default=0)
        words = np.array(task if task is not None else [""] * len(curves), np.str_)
        return cls(
            _padded(curves, longest),
            _padded(losses, longest),
            np.array([one.row for one in settings], np.float64).reshape(-1, len(SETTING)),
            words,
            words if group is None else np.array(group, np.str_),
        )

    @property
    def done(self) -> Ints:
        """(n,) epochs trained."""
        return np.asarray((~np.isnan(self.accuracy)).sum(axis=1), np.int64)

    @property
    def epochs(self) -> Ints:
        """(n,) epochs of the recipe."""
        return self.settings[:, 0].astype(np.int64)

    @property
    def final(self) -> Floats:
        """(n,) accuracy after the last epoch of the recipe; NaN of those under way."""
        at = np.minimum(self.epochs, self.accuracy.shape[1]) - 1
        last = self.accuracy[np.arange(len(self)), at]
        return np.where(self.done >= self.epochs, last, np.nan)

    def take(self, rows: ArrayLike) -> LearningCurves:
        """The given rows."""
        at = np.asarray(rows)
        return LearningCurves(self.accuracy[at], self.loss[at], self.settings[at], self.task[at], self.group[at])

    def until(self, epochs: ArrayLike) -> LearningCurves:
        """As they were after so many epochs each, (n,) or one number."""
        beyond = np.arange(self.accuracy.shape[1]) >= np.broadcast_to(epochs, (len(self),))[:, None]
        accuracy, loss = (np.where(beyond, np.nan, part) for part in (self.accuracy, self.loss))
        return LearningCurves(accuracy, loss, self.settings, self.task, self.group)


def _padded(rows: Sequence[Floats], length: int) -> Floats:
    found = np.full((len(rows), length), np.nan)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values[:length]
    return found
