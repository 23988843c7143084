"""`CurveExtrapolator`: the final accuracy of a training under way, with a calibrated interval.

Boosted trees (LightGBM, Ke et al. 2017) learn by how much accuracy still rises, on the logit scale, from the curves of
finished trainings as they were at several of their epochs. Other trees learn the size of the first ones' errors on
datasets left out; intervals are quantiles of errors divided by it, conformal over whole datasets as in
`presage.surrogate.predictors.conformal`, each end by itself. What finished trainings of the very task tell comes on
top (`presage.surrogate.curves.task_offset`).

Beside it were tried Gaussian processes, power laws and the last value: `benchmarks/curves.py`, docs/curves.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument, InvalidExperience
from presage.surrogate.curves.features import FEATURES, features, last_logit
from presage.surrogate.curves.learning_curves import LearningCurves
from presage.surrogate.curves.task_offset import narrowing, shift, variance_ratio
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.predictors.tree_nodes import Nodes

__all__ = ["STAGES", "CurveExtrapolator", "after"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGES = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 5 / 6)
"""Shares of the epochs at which finished trainings are learned from, as they were then."""

LEAST_EPOCHS = 3
LEAST_SPREAD = 0.03
"""Logits: finer errors are noise of the validation images."""
QUANTILES = 200
"""Steps in which the distribution of errors is kept."""

FORMAT, VERSION = "presage-curves", 1


@dataclass(eq=False)
class CurveExtrapolator:
    """Learns from finished trainings, tells of those under way.

    Args:
        trees, leaves, learning_rate: of the trees that tell the accuracy.
        folds: parts that datasets are left out in, for intervals.
        level: share of the trainings of an unseen dataset that intervals should hold.
        seed: makes it repeatable.
    """

    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.08
    folds: int = 5
    level: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("trees", "leaves", "folds"):
            if getattr(self, name) < 2:
                raise InvalidArgument(name, "CurveExtrapolator", "be at least 2", getattr(self, name))
        if not 0.0 < self.level < 1.0:
            raise InvalidArgument("level", "CurveExtrapolator", "be between 0 and 1", self.level)
        self._finished: LearningCurves | None = None

    def fit(self, trainings: LearningCurves) -> CurveExtrapolator:
        """Learn from finished trainings; those of fewer than 3 epochs have no curve to speak of.

        Raises:
            InvalidExperience: none is left, or none of a second dataset.
        """
        usable = np.flatnonzero(~np.isnan(trainings.final) & (trainings.epochs >= LEAST_EPOCHS))
        trainings = trainings.take(usable)
        if len(np.unique(trainings.group)) < 2:
            raise InvalidExperience(
                "Learning curves of two datasets at least are needed to extrapolate others, of "
                f"{LEAST_EPOCHS} epochs or more. Run `presage populate` or import some."
            )
        rows, seen = _at_stages(trainings)
        x, start = features(seen), last_logit(seen)
        rise = to_logit(trainings.final)[rows] - start
        weight = 1.0 / np.bincount(rows)[rows]
        groups, group = np.unique(seen.group, return_inverse=True)
        fold = np.random.default_rng(self.seed).permutation(len(groups))[group] % min(self.folds, len(groups))
        error = np.empty(len(rows))
        for part in range(fold.max() + 1):
            out = fold == part
            found = self._learned(x[~out], rise[~out], weight[~out], self.trees)
            error[out] = rise[out] - Nodes.of(found).predict(x[out])
        self.value_ = self._learned(x, rise, weight, self.trees)
        # the spread of a dataset's errors is told by trees that have not seen it either
        size = np.log(np.maximum(np.abs(error), LEAST_SPREAD))
        spread = np.empty(len(rows))
        for part in range(fold.max() + 1):
            out = fold == part
            found = self._learned(x[~out], size[~out], weight[~out], self.trees // 2)
            spread[out] = np.exp(Nodes.of(found).predict(x[out]))
        self.spread_ = self._learned(x, size, weight, self.trees // 2)
        scaled = error / spread
        levels = np.linspace(0, 1, QUANTILES + 1)
        self.enough_ = len(groups) / (len(groups) + 1) >= self.level
        self.quantiles_ = _pooled(scaled, group, levels)
        half = seen.done * 2 >= seen.epochs
        self.ratio_ = variance_ratio(scaled[half], seen.task[half]) if half.any() else variance_ratio(scaled, seen.task)
        self._parse()
        return self

    def conditioned(self, finished: LearningCurves) -> CurveExtrapolator:
        """The same, told of finished trainings of the very task that is asked about next."""
        told = replace(self)
        for name in (*_LEARNED, "_value", "_spread"):
            setattr(told, name, getattr(self, name))
        told._finished = finished.take(np.flatnonzero(~np.isnan(finished.final))) if len(finished) else None
        return told

    def predict(self, trainings: LearningCurves) -> Prediction:
        """Final accuracies of trainings of which each has done an epoch at least.

        What is finished is told as it is. Curves of too few datasets promise nothing, and intervals are [0, 1].
        """
        centre, spread = self._located(trainings)
        tail = (1.0 - self.level) / 2
        ends = [from_logit(centre + spread * self._quantile(at)) for at in (tail, 1.0 - tail)]
        if not self.enough_:
            ends = [np.zeros(len(centre)), np.ones(len(centre))]
        final, known = trainings.final, ~np.isnan(trainings.final)
        value = from_logit(centre)
        lower, upper = np.minimum(ends[0], value), np.maximum(ends[1], value)
        told = [np.where(known, final, part) for part in (value, lower, upper)]
        return Prediction(told[0], told[1], told[2], self.level)

    def chance_over(self, trainings: LearningCurves, accuracy: float) -> Floats:
        """(n,) chance that each ends with more than an accuracy; 1 where intervals promise nothing."""
        if not self.enough_:
            return np.ones(len(trainings))
        centre, spread = self._located(trainings)
        scaled = (to_logit(accuracy) - centre) / spread
        over = 1.0 - np.interp(scaled, self.quantiles_, np.linspace(0, 1, QUANTILES + 1), left=0.0, right=1.0)
        known = ~np.isnan(trainings.final)
        return np.asarray(np.where(known, (np.nan_to_num(trainings.final) > accuracy).astype(float), over))

    def _located(self, trainings: LearningCurves) -> tuple[Floats, Floats]:
        """Logit (n,) that each is expected to end with, and its spread."""
        centre, spread = self._alone(trainings)
        if self._finished is None or not len(self._finished):
            return centre, spread
        count = len(self._finished)
        for done in np.unique(trainings.done):
            before, wide = self._alone(self._finished.until(done))
            errors = (to_logit(self._finished.final) - before) / wide
            rows = trainings.done == done
            centre[rows] += spread[rows] * shift(errors, self.ratio_)
        return centre, spread * narrowing(count, self.ratio_)

    def _alone(self, trainings: LearningCurves) -> tuple[Floats, Floats]:
        x = features(trainings)
        return last_logit(trainings) + self._value.predict(x), np.exp(self._spread.predict(x))

    def _quantile(self, share: float) -> float:
        return float(np.interp(share, np.linspace(0, 1, QUANTILES + 1), self.quantiles_))

    def _learned(self, x: NDArray[np.float32], y: Floats, weight: Floats, trees: int) -> str:
        import lightgbm  # lazily: it imports scipy too

        settings = {
            "objective": "regression", "num_leaves": self.leaves, "learning_rate": self.learning_rate,
            "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 3.0, "max_bin": 63,
            "min_data_in_leaf": min(30, max(1, len(x) // 20)), "num_threads": 1, "deterministic": True,
            "force_row_wise": True, "seed": self.seed, "verbosity": -1,
        }  # fmt: skip
        data = lightgbm.Dataset(x, y, weight=weight, feature_name=list(FEATURES), params=settings)
        return str(lightgbm.train(settings, data, num_boost_round=trees).model_to_string())

    def _parse(self) -> None:
        self._value, self._spread = Nodes.of(self.value_), Nodes.of(self.spread_)

    # As a file -----------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain numbers and LightGBM's text; what `conditioned` told is no part of it."""
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        learned = {
            "value": self.value_, "spread": self.spread_, "quantiles": self.quantiles_.tolist(), "ratio": self.ratio_,
            "enough": self.enough_,
        }  # fmt: skip
        return {"format": FORMAT, "version": VERSION, "features": list(FEATURES), "settings": settings, **learned}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> CurveExtrapolator:
        """What `to_json` wrote, read by presage's own parser.

        Raises:
            ValueError, KeyError, TypeError: it is none, or of another version.
        """
        if told["format"] != FORMAT or told["version"] != VERSION or told["features"] != list(FEATURES):
            raise ValueError("no extrapolator of this version")
        made = cls(**told["settings"])
        made.value_, made.spread_ = str(told["value"]), str(told["spread"])
        made.quantiles_, made.ratio_ = np.array(told["quantiles"], np.float64), float(told["ratio"])
        made.enough_ = bool(told["enough"])
        if made.quantiles_.shape != (QUANTILES + 1,) or not np.isfinite(made.quantiles_).all():
            raise ValueError("quantiles that are none")
        made._parse()
        if any((nodes.feature >= len(FEATURES)).any() or (nodes.feature < 0).any() for nodes in made._trees):
            raise ValueError("trees of other features")
        return made

    @property
    def _trees(self) -> tuple[Nodes, Nodes]:
        return self._value, self._spread


_LEARNED = ("value_", "spread_", "quantiles_", "ratio_", "enough_")


def after(epochs: Ints, share: float) -> Ints:
    """(n,) epochs, of so many each, that are at least a share of them; one at least, and fewer than all."""
    found = np.ceil(epochs * share - 1e-9).astype(np.int64)
    return np.asarray(np.clip(found, 1, np.maximum(epochs - 1, 1)), np.int64)


def _at_stages(trainings: LearningCurves) -> tuple[Ints, LearningCurves]:
    """Every training as it was at `STAGES`, the same epoch once: (m,) which, and the m."""
    done = np.stack([after(trainings.epochs, share) for share in STAGES], axis=1)
    new = np.ones(done.shape, np.bool_)
    new[:, 1:] = done[:, 1:] != done[:, :-1]
    rows = np.nonzero(new)[0]
    return rows, trainings.take(rows).until(done[new])


def _pooled(scores: Floats, group: Ints, levels: Floats) -> Floats:
    """Quantiles of the mean over groups of their distributions of scores (n,)."""
    _, index, size = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    share = np.cumsum(1.0 / size[index[order]]) / len(size)
    at = np.minimum(np.searchsorted(share, levels - 1e-12), len(scores) - 1)
    return np.asarray(scores[order][at], np.float64)
