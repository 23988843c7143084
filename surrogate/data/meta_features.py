"""Meta-features: numbers of a task that say how far networks get on it, above all how fast its probe learned.

A probe that is near its DCN after one epoch tells of a dataset on which every network does about as well; one that
starts at chance and ends high, of a dataset on which weak networks fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log, log2

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.logit import to_logit
from presage.surrogate.data.task import Task

__all__ = [
    "LADDER",
    "META_FEATURES",
    "PROBE_CURVE",
    "centre_and_scale",
    "curve_description",
    "standardised",
    "meta_features",
]

Floats = NDArray[np.float64]

PROBE_CURVE: Mapping[str, Callable[[Floats], float]] = {
    "probe_first": lambda curve: float(curve[0]),
    "probe_fifth": lambda curve: float(curve[min(4, len(curve) - 1)]),
    "probe_mean_logit": lambda curve: float(to_logit(curve).mean()),
}
"""Entries of a task's description that come from the validation accuracies (e,) of its probe, by epoch."""


LADDER = "ladder:"
"""Begins the names of a description's entries that are peak accuracies of rungs of the probe ladder."""


def curve_description(curves: Sequence[Sequence[float]]) -> dict[str, float]:
    """`PROBE_CURVE` of the mean over the probe's seeds; nothing where a curve is too short to tell of speed."""
    least = min((len(curve) for curve in curves), default=0)
    if least < 2:
        return {}
    mean = np.mean([curve[:least] for curve in curves], axis=0)
    return {name: read(mean) for name, read in PROBE_CURVE.items()}


def _gain(task: Task, name: str) -> float:
    """Logits from an accuracy of the description up to the DCN; NaN where it is not described."""
    return float(to_logit(task.dcn) - to_logit(dict(task.description).get(name, np.nan)))


def _rung(task: Task, name: str) -> float:
    """Logits of a rung of the probe ladder above the probe itself; NaN where it was not climbed."""
    return -_gain(task, f"{LADDER}{name}")


META_FEATURES: Mapping[str, Callable[[Task], float]] = {
    "dcn": lambda task: float(to_logit(task.dcn)),
    "room": lambda task: float(to_logit(task.dcn) - to_logit(1.0 / task.classes)),
    "classes": lambda task: log(task.classes),
    "train_images": lambda task: log(task.train_images),
    "epochs": lambda task: log(task.epochs),
    "image_side": lambda task: log(task.image_side),
    "grey": lambda task: float(task.channels == 1),
    "first_gain": lambda task: _gain(task, "probe_first"),
    "fifth_gain": lambda task: _gain(task, "probe_fifth"),
    "mean_gain": lambda task: float(to_logit(task.dcn) - dict(task.description).get("probe_mean_logit", np.nan)),
    "neighbour_gain": lambda task: _gain(task, "one_neighbour_accuracy"),
    "brightness_spread": lambda task: dict(task.description).get("brightness_spread", np.nan),
    "linear_gain": lambda task: _gain(task, "linear_accuracy"),
    "longer_gain": lambda task: _rung(task, "thrice-epochs") / log2(3.0),
    "images_gain": lambda task: _rung(task, "twice-images"),
    "larger_gain": lambda task: _rung(task, "twice-side"),
    "smaller_loss": lambda task: -_rung(task, "half-side"),
}
"""Meta-features by name: logits; logs of counts; logits gained by the probe since its beginning or over a simple
classifier; the deviation of the images' mean brightness, in [0, 1]; and logits that the probe gains on its ladder for
each doubling of what it sees, of the images, of their side, and loses by half the side."""


def meta_features(tasks: Sequence[Task], names: Sequence[str]) -> Floats:
    """(d, q) the named meta-features of d tasks; NaN where a task's description lacks what one is made of."""
    return np.array([[META_FEATURES[name](task) for name in names] for task in tasks], np.float64).reshape(
        -1, len(names)
    )


def centre_and_scale(raw: Floats) -> tuple[Floats, Floats]:
    """(q,) means and deviations of (d, q) meta-features where known; what never varied has an infinite deviation."""
    known = np.isfinite(raw)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, raw, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, raw - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(deviation > 1e-9, deviation, np.inf)


def standardised(raw: Floats, centre: Floats, scale: Floats) -> Floats:
    """(d, q) meta-features in deviations, 0 where not known; within ±3: no extrapolation far beyond known datasets."""
    return np.clip(np.nan_to_num((raw - centre) / scale, nan=0.0), -3.0, 3.0)
