"""What trees read of a training so far: its curve, how far its schedule is, the size of its network, its recipe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.curves.learning_curves import SETTING, LearningCurves
from presage.surrogate.data.logit import to_logit
from presage.training.schedule import rate_share

__all__ = ["FEATURES", "features", "last_logit"]

Floats = NDArray[np.float64]

_CURVE = (
    "progress", "epochs", "done", "rate", "last", "best", "mean_of_last_three", "since_half", "last_step",
    "since_first", "spread", "loss", "loss_step", "loss_fall",
)  # fmt: skip
_LOGARITHMS = ("learning_rate", "batch", "image_side", "parameters", "multiply_adds")
_AS_THEY_ARE = ("weight_decay", "label_smoothing", "ema", "mixing", "depth")

FEATURES = (*_CURVE, *_LOGARITHMS, *_AS_THEY_ARE)
"""Names of the columns of `features`. Losses are shares of the logarithm of the number of classes; the number itself is
no column, nor is anything else that tells one dataset of few from another."""


def features(trainings: LearningCurves) -> NDArray[np.float32]:
    """(n, len(FEATURES)) of trainings of which each has done an epoch at least; NaN for what is not known yet."""
    done, epochs = trainings.done, trainings.epochs
    rows = np.arange(len(trainings))
    logits = to_logit(trainings.accuracy)
    setting = dict(zip(SETTING, trainings.settings.T, strict=True))
    loss = trainings.loss / np.log(setting["classes"])[:, None]

    def curve(of: Floats, at: NDArray[np.int64]) -> Floats:
        return np.where(at >= 0, of[rows, np.maximum(at, 0)], np.nan)

    last, half = curve(logits, done - 1), curve(logits, np.maximum((done + 1) // 2 - 1, 0))
    progress = done / epochs
    shares = zip(setting["falling"], setting["warmup"], done, epochs, strict=True)
    rates = [rate_share("one_cycle" if falls else "constant", warm, t, e) for falls, warm, t, e in shares]
    columns = [
        progress, epochs, done, rates, last, np.nanmax(logits, axis=1), _tail_mean(logits, done), last - half,
        last - curve(logits, done - 2), last - logits[:, 0], np.nanstd(logits, axis=1),
        curve(loss, done - 1), curve(loss, done - 2) - curve(loss, done - 1), loss[:, 0] - curve(loss, done - 1),
    ]  # fmt: skip
    columns += [np.log(np.maximum(setting[name], 1e-9)) for name in _LOGARITHMS]
    columns += [setting[name] for name in _AS_THEY_ARE]
    return np.stack(columns, axis=1).astype(np.float32)


def last_logit(trainings: LearningCurves) -> Floats:
    """(n,) logit of the latest validation accuracy."""
    return to_logit(trainings.accuracy[np.arange(len(trainings)), trainings.done - 1])


def _tail_mean(logits: Floats, done: NDArray[np.int64], length: int = 3) -> Floats:
    """(n,) mean over the last epochs done."""
    at = np.arange(logits.shape[1])
    tail = (at < done[:, None]) & (at >= done[:, None] - length)
    return np.asarray(np.where(tail, logits, 0.0).sum(axis=1) / tail.sum(axis=1))
