"""A number per dataset (how well networks do on it, how far they spread) predicted from its probe.

There are only tens of datasets to learn from, so this is a ridge regression with few, strongly shrunk coefficients,
whose strengths are chosen by leaving out one dataset at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from surrogate.task import Task
from surrogate.transform import to_logit

__all__ = ["LevelModel", "task_features"]

Floats = NDArray[np.float64]

PROBE_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
OTHER_STRENGTHS = (3.0, 10.0, 30.0, 100.0, 1e6)


def task_features(tasks: Sequence[Task], names: Sequence[str]) -> Floats:
    """(d, q): logit of the DCN, logs of counts, then the description's `names`; NaN where a task lacks one."""
    columns = [
        to_logit([task.dcn for task in tasks]),
        np.log([task.classes for task in tasks]),
        np.log([task.train_images for task in tasks]),
        np.log([task.train_images / task.classes for task in tasks]),
        np.log([task.epochs for task in tasks]),
        np.log([task.image_side for task in tasks]),
        np.array([float(task.channels > 1) for task in tasks]),
    ]
    described = [dict(task.description) for task in tasks]
    columns += [np.array([values.get(name, np.nan) for values in described]) for name in names]
    return np.stack(columns, axis=1)


@dataclass(eq=False)
class LevelModel:
    """Ridge regression of a number per task on `task_features`, about a known slope for the DCN.

    Args:
        prior_slope: what one unit of logit DCN is worth before any data speak (1 for the logit of mean accuracy).
    """

    prior_slope: float = 0.0

    def fit(self, tasks: Sequence[Task], target: Floats, weight: Floats) -> LevelModel:
        """Learns from `target` (d,) with `weight` (d,), choosing the strengths by leaving out whole datasets."""
        common = set.intersection(*(set(dict(task.description)) for task in tasks))
        self.names_ = tuple(sorted(common))
        raw = task_features(tasks, self.names_)
        self.centre_ = np.average(raw, axis=0, weights=weight)
        deviation = np.sqrt(np.average((raw - self.centre_) ** 2, axis=0, weights=weight))
        self.scale_ = np.where(deviation > 1e-9, deviation, np.inf)  # what never varied says nothing
        self.scale_[0] = deviation[0] if deviation[0] > 1e-9 else 1.0
        x = self._standard(raw)
        rest = target - self.prior_slope * raw[:, 0]
        datasets = np.unique([task.fingerprint for task in tasks], return_inverse=True)[1]
        best = np.inf
        for probe, other in product(PROBE_STRENGTHS, OTHER_STRENGTHS):
            penalty = np.full(x.shape[1], other)
            penalty[0] = probe
            error = _left_out_error(x, rest, weight, penalty, datasets)
            if error < best * (1 - 1e-3) or best == np.inf:
                best, chosen = error, penalty
        self.penalty_ = chosen
        self.offset_, self.coefficients_, self.inverse_ = _ridge(x, rest, weight, chosen)
        self.error_ = float(np.sqrt(best)) if np.isfinite(best) else 1.0
        return self

    def predict(self, task: Task) -> tuple[float, float]:
        """The number and its standard error for a task."""
        raw = task_features([task], self.names_)
        x = self._standard(raw)[0]
        value = self.offset_ + x @ self.coefficients_ + self.prior_slope * raw[0, 0]
        return float(value), float(self.error_ * np.sqrt(1.0 + x @ self.inverse_ @ x))

    def _standard(self, raw: Floats) -> Floats:
        standard = (raw - self.centre_) / self.scale_
        return np.clip(np.nan_to_num(standard, nan=0.0), -3.0, 3.0)  # no extrapolation far beyond the known datasets


def _ridge(x: Floats, y: Floats, weight: Floats, penalty: Floats) -> tuple[float, Floats, Floats]:
    total = weight.sum()
    centre_x, centre_y = weight @ x / total, float(weight @ y / total)
    centred = x - centre_x
    inverse = np.linalg.inv((centred * weight[:, None]).T @ centred + np.diag(penalty))
    coefficients = inverse @ (centred.T @ (weight * (y - centre_y)))
    return centre_y - float(centre_x @ coefficients), coefficients, inverse


def _left_out_error(x: Floats, y: Floats, weight: Floats, penalty: Floats, datasets: NDArray[np.int64]) -> float:
    """Weighted mean squared error with each dataset left out; infinite where there is only one.

    By the hat matrix H of the fit to all: the residuals of rows g, had they been left out, are (I − H_gg)⁻¹ r_g.
    """
    if datasets.max() == 0:
        return np.inf
    design = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    weighted = design * weight[:, None]
    hat = design @ np.linalg.solve(weighted.T @ design + np.diag(np.append(0.0, penalty)), weighted.T)
    residual = y - hat @ y
    if datasets.max() + 1 == len(y):
        errors = residual / np.maximum(1.0 - np.diag(hat), 1e-9)
    else:
        errors = np.empty(len(y))
        for dataset in range(datasets.max() + 1):
            out = np.flatnonzero(datasets == dataset)
            errors[out] = np.linalg.solve(np.eye(len(out)) - hat[np.ix_(out, out)], residual[out])
    return float(np.average(errors**2, weights=weight))
