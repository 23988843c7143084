"""`CellPredictor`: how good a recurrent cell is beside a GRU, from what cells scored on other texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.features import cell_features
from presage.errors import InvalidArgument
from presage.surrogate.cells.experience import CellExperience
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.conformal import pooled_quantile

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["LEVEL", "CellPrediction", "CellPredictor", "judged", "left_out"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEVEL = 0.9
"""Share of an unseen text's cells that the intervals should hold."""
LEAST_TEXTS = 3
"""Fewer say nothing about another one."""
WORST = 0.15
"""From here on a cell is bad, and how bad teaches nothing; one that diverged counts as this bad."""
ROUNDS, ROUNDS_DIVERGENCE = 150, 60
_SETTINGS = {
    "objective": "l2", "num_leaves": 7, "min_data_in_leaf": 5, "learning_rate": 0.05, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "verbose": -1, "num_threads": 1, "seed": 0, "deterministic": True,
    "force_row_wise": True,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class CellPrediction:
    """*Predicted*, never trained: bits a symbol of n cells as a share above those of a GRU of as many parameters.

    Attributes:
        value: (n,) 0.05 is five hundredths more bits than a GRU's, -0.05 as many fewer: the lower the better.
        lower, upper: (n,) interval; infinite where experience is of too few texts to promise one.
        diverges: (n,) probability that a training diverges; value and interval are those of one that does not.
    """

    value: Floats
    lower: Floats
    upper: Floats
    diverges: Floats

    def __len__(self) -> int:
        return len(self.value)

    @property
    def expected(self) -> Floats:
        """(n,) what to choose by: the mean of `value` and of `WORST`, which a training that diverges counts as."""
        return (1 - self.diverges) * self.value + self.diverges * WORST


class CellPredictor:
    """Boosted trees (LightGBM) on features of the cells' graphs, fitted to what cells scored beside a GRU, and others
    to whether they diverged.

    Intervals are conformal, calibrated on texts left out whole
    (`presage.surrogate.predictors.conformal.pooled_quantile`).

    Attributes:
        texts_: texts that it learned from.
        trainings_: trainings that it learned from.
        tau_: Kendall's τ of predictions for each of these texts, made by what the others taught, and what its cells
            scored: the mean, over cells that no other text was trained with.
        half_width_: of the intervals.
    """

    texts_: int
    trainings_: int
    tau_: float
    half_width_: float

    def fit(self, experience: CellExperience) -> CellPredictor:
        """Learn; a second for a thousand trainings.

        Raises:
            InvalidArgument: experience of fewer than `LEAST_TEXTS` texts.
        """
        if len(experience.texts) < LEAST_TEXTS:
            rule = f"hold trainings of published and other cells on at least {LEAST_TEXTS} texts"
            raise InvalidArgument("experience", "CellPredictor", rule, len(experience.texts))
        finished = experience.finished
        others = left_out(finished)
        self.half_width_ = pooled_quantile(np.abs(finished.relative - others), finished.text, LEVEL)
        self.tau_ = _mean_tau(finished, others)
        self.texts_, self.trainings_ = len(experience.texts), experience.trainings
        self._trees = _trees(finished.features, finished.relative)
        self._divergence = _divergence(experience.features, experience.diverged > 0)
        return self

    @property
    def told(self) -> dict[str, float | None]:
        """What it learned from and how well it did on texts left out, for a report; None where that is unknown."""
        found = {"texts": self.texts_, "trainings": self.trainings_, "tau": self.tau_, "half_width": self.half_width_}
        return {name: round(value, 6) if math.isfinite(value) else None for name, value in found.items()}

    def predict(self, cells: Sequence[RecurrentCell]) -> CellPrediction:
        """Of n cells. The text that they are for plays no part but that its own trainings were not learned from."""
        features = cell_features(cells)
        value = _predicted(self._trees, features)
        diverges = np.zeros(len(value)) if self._divergence is None else _predicted(self._divergence, features)
        return CellPrediction(value, value - self.half_width_, value + self.half_width_, diverges)


def left_out(experience: CellExperience) -> Floats:
    """(n,) what the other texts say of each training's cell, all of which finished: each text left out in turn."""
    found = np.empty(len(experience))
    for text in range(len(experience.texts)):
        there = experience.text == text
        trees = _trees(experience.features[~there], experience.relative[~there])
        found[there] = _predicted(trees, experience.features[there])
    return found


def judged(experience: CellExperience) -> list[Flags]:
    """Of each text and recipe, which trainings (n,) a prediction without the text is judged by: of cells that no other
    text was trained with."""
    cells = np.array(experience.cells)
    found = []
    for task in np.unique(experience.task):
        there = experience.task == task
        elsewhere = experience.text != experience.text[there][0]
        found.append(there & ~np.isin(cells, cells[elsewhere]))
    return found


def _mean_tau(experience: CellExperience, predicted: Floats) -> float:
    """Kendall's τ, the mean over texts and recipes with two cells to judge by; NaN where there is none."""
    told = [(experience.relative[rows], predicted[rows]) for rows in judged(experience) if rows.sum() > 1]
    found = [kendall_tau(truth, value) for truth, value in told if np.ptp(truth) > 0 and np.ptp(value) > 0]
    return float(np.mean(found)) if found else float("nan")


def _trees(features: Floats, relative: Floats) -> Booster:
    import lightgbm

    return lightgbm.train(_SETTINGS, lightgbm.Dataset(features, np.minimum(relative, WORST)), ROUNDS)


def _divergence(features: Floats, diverged: Flags) -> Booster | None:
    """Trees that give the probability of a divergence; None where there was none, or nothing else."""
    import lightgbm

    if diverged.all() or not diverged.any():
        return None
    return lightgbm.train(
        {**_SETTINGS, "objective": "binary"}, lightgbm.Dataset(features, diverged.astype(np.float64)), ROUNDS_DIVERGENCE
    )


def _predicted(trees: Booster, features: Floats) -> Floats:
    return np.asarray(trees.predict(features, num_threads=1), np.float64).reshape(len(features))
