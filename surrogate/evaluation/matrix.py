"""The matrix: how good predictions are away from experience, beside what sizes and k trained networks alone say.

A dataset never seen × (a known recipe, an unseen one between known ones, one richer than any known) × (sizes known, up
to 10 times larger). What leaves the experience for each cell is told in `matrix_splits`; here is what was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from presage.surrogate.evaluation.matrix_splits import CELLS, LEAST_NETWORKS, RECIPES, SIZES, MatrixCell
from presage.surrogate.evaluation.shots import ShotScore
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.evaluation.target_only import RIVAL

__all__ = ["LABELS", "LEAST_TASKS", "Matrix", "MatrixScore", "allowed_width"]

LABELS = (5, 20)
"""Trained networks of the target that a predictor, and its rival, are given."""
LEAST_TASKS = 5
"""Tasks from which on a mean says something of others."""
NORMAL = 2.0 * NormalDist().inv_cdf(0.95)
"""Width of a 90 % interval of normal errors, in standard deviations."""
ALLOWED = 1.5
"""Times that width, on average, within which intervals count as informed."""
PAIRED = ("known", "between", "richer")
"""Rows of the matrix that ask about the same tasks, where their recipes allow all three."""
RANKED = ("kendall_tau", "two_seed_tau", "by_parameters", "by_multiply_adds", "blind_tau", "tau_beside_blind")
MEANS = (*RANKED, "mse", "regret_5", "coverage", "width")


def allowed_width(mse: float | None) -> float | None:
    """The mean width that 90 % intervals may have: 1.5 times what normal errors of the measured size need."""
    return None if mse is None else ALLOWED * NORMAL * float(np.sqrt(mse))


@dataclass(frozen=True)
class MatrixScore:
    """One left-out task in one cell: n distinct networks, predicted and trained.

    Attributes:
        recipe, sizes: the cell.
        dataset, task: name of the dataset, and key of the task.
        networks: n.
        kendall_tau: of the train-free prediction.
        by_parameters, by_multiply_adds: Kendall τ of these counts alone.
        two_seed_tau: between two trainings of the same networks; None where too few were trained twice.
        blind_tau, tau_beside_blind: Kendall τ of the mean rank on other datasets, and of the prediction, both of the
            networks that some known task has; None where those are too few.
        mse, regret_5: squared error, and what the best of the top 5 lacks to the best; in accuracy.
        coverage, width: of the 90 % intervals.
        shots: with k trained networks of the task told, and of the rival that knows those alone.
    """

    recipe: str
    sizes: str
    dataset: str
    task: str
    networks: int
    kendall_tau: float
    by_parameters: float
    by_multiply_adds: float
    two_seed_tau: float | None
    blind_tau: float | None
    tau_beside_blind: float | None
    mse: float
    regret_5: float
    coverage: float
    width: float
    shots: tuple[ShotScore, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """All scores of one predictor.

    Attributes:
        predictor: its name.
        scores: by task and cell.
        parts: parts in which the datasets were left out.
        labels: the k of trained networks that were told.
    """

    predictor: str
    scores: tuple[MatrixScore, ...]
    parts: int
    labels: tuple[int, ...] = LABELS

    def of(self, cell: MatrixCell) -> list[MatrixScore]:
        """The tasks of one cell."""
        return [score for score in self.scores if (score.recipe, score.sizes) == (cell.recipe, cell.sizes)]

    def paired(self, cell: MatrixCell) -> list[MatrixScore]:
        """The tasks of one cell that every other of `PAIRED` has too, of the same sizes: rows that can be compared."""
        shared = [{score.task for score in self.of(MatrixCell(recipe, cell.sizes))} for recipe in PAIRED]
        return [score for score in self.of(cell) if score.task in set.intersection(*shared)]

    def mean(self, cell: MatrixCell, measure: str) -> float | None:
        """Mean of a measure over the tasks of a cell that have it."""
        return mean_of([getattr(score, measure) for score in self.of(cell)])

    def shots(self, cell: MatrixCell, k: int, method: str, told: int) -> list[ShotScore]:
        """Scores of a method that was told `told` networks, of the tasks of a cell that have enough for `k`."""
        enough = [score.shots for score in self.of(cell) if any(shot.k == k for shot in score.shots)]
        return [shot for shots in enough for shot in shots if (shot.method, shot.k) == (method, told)]

    def too_few(self) -> str:
        """Which cells have too few tasks for their means to say much, in words; "" where none."""
        counts = [(cell, len(self.of(cell))) for cell in CELLS]
        few = [f"{cell.recipe} × {cell.sizes} ({n or 'none'})" for cell, n in counts if n < LEAST_TASKS]
        if not few:
            return ""
        return (
            f"Too few tasks to say much (fewer than {LEAST_TASKS}; a task counts from {LEAST_NETWORKS} networks): "
            f"{', '.join(few)}."
        )

    def tables(self) -> tuple[Table, ...]:
        """The matrix, the same on the tasks that its rows share, and what trained networks of the target add."""
        return (self._matrix(), self._paired(), self._labels())

    def _matrix(self) -> Table:
        rows = []
        for cell in CELLS:
            mse = self.mean(cell, "mse")
            rows.append((
                RECIPES[cell.recipe], SIZES[cell.sizes], str(len(self.of(cell))),
                *(number(self.mean(cell, name)) for name in RANKED),
                number(mse, 4), number(None if mse is None else float(np.sqrt(mse))),
                *(number(self.mean(cell, name)) for name in ("regret_5", "coverage", "width")),
                number(allowed_width(mse)),
            ))  # fmt: skip
        return Table(
            "matrix",
            f"`{self.predictor}` away from experience: datasets left out in {self.parts} parts, means over their tasks",
            ("recipe", "sizes", "tasks", "τ", "two-seed", "parameters", "multiply-adds", "dataset-blind", "τ there",
             "MSE", "RMSE", "regret@5", "coverage", "width", "allowed"),
            tuple(rows),
            self.too_few(),
        )  # fmt: skip

    def _paired(self) -> Table:
        rows = []
        for cell in CELLS:
            found = self.paired(cell)
            if cell.recipe in PAIRED and found:
                means = {name: mean_of([getattr(score, name) for score in found]) for name in MEANS}
                mse = mean_of([score.mse for score in found]) or 0.0
                rows.append((
                    RECIPES[cell.recipe], SIZES[cell.sizes], str(len(found)), number(means["kendall_tau"]),
                    number(mse, 4), number(float(np.sqrt(mse))),
                    *(number(means[name]) for name in ("regret_5", "coverage", "width")), number(allowed_width(mse)),
                ))  # fmt: skip
        return Table(
            "matrix-paired",
            "What an unknown recipe costs: the same tasks in every row",
            ("recipe", "sizes", "tasks", "τ", "MSE", "RMSE", "regret@5", "coverage", "width", "allowed"),
            tuple(rows),
            "" if rows else "No task of another recipe can be asked about in all three ways.",
        )

    def _labels(self) -> Table:
        rows = []
        for cell in CELLS:
            for k in self.labels:
                for method, told in ((self.predictor, 0), (self.predictor, k), (RIVAL, k)):
                    means = _shot_means(self.shots(cell, k, method, told))
                    if means["tasks"]:
                        errors = number(means["mse"], 4), number(means["rmse"])
                        others = (means[name] for name in ("regret_5", "coverage", "width"))
                        allowed = number(None if means["width"] is None else means["allowed_width"])
                        rows.append((
                            RECIPES[cell.recipe], SIZES[cell.sizes], str(k), f"{means['tasks']}", method, str(told),
                            number(means["kendall_tau"]), *errors, *map(number, others), allowed,
                        ))  # fmt: skip
        return Table(
            "matrix-labels",
            "The same once k networks of the target are trained: mean over the tasks that have enough, all on the same "
            "other networks",
            ("recipe", "sizes", "k", "tasks", "method", "told", "τ", "MSE", "RMSE", "regret@5", "coverage", "width",
             "allowed"),
            tuple(rows),
            "" if rows else f"No task has {self.labels[0]} networks to tell and {LEAST_NETWORKS} to score.",
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Means by cell, and every task."""
        cells = []
        for cell in CELLS:
            found, mse = self.of(cell), self.mean(cell, "mse")
            labels = [
                {"k": k, "method": method, "told": told, **_shot_means(self.shots(cell, k, method, told))}
                for k in self.labels
                for method, told in ((self.predictor, 0), (self.predictor, k), (RIVAL, k))
            ]
            cells.append({
                **asdict(cell), "tasks": len(found), "networks": sum(score.networks for score in found),
                "too_few_tasks": len(found) < LEAST_TASKS,
                **{name: self.mean(cell, name) for name in MEANS},
                "rmse": None if mse is None else float(np.sqrt(mse)), "allowed_width": allowed_width(mse),
                "labels": labels,
            })  # fmt: skip
        return {
            "predictor": self.predictor,
            "parts": self.parts,
            "least_networks": LEAST_NETWORKS,
            "least_tasks": LEAST_TASKS,
            "cells": cells,
            "paired_tasks": {
                sizes: sorted(score.task for score in self.paired(MatrixCell(PAIRED[0], sizes))) for sizes in SIZES
            },
            "scores": [asdict(score) for score in self.scores],
        }


def _shot_means(shots: Sequence[ShotScore]) -> dict[str, Any]:
    """Means over tasks; None where there are none."""
    names = ("kendall_tau", "mse", "regret_5", "coverage", "width")
    means = {name: mean_of([getattr(shot, name) for shot in shots]) for name in names}
    mse = means["mse"]
    rmse = None if mse is None else float(np.sqrt(mse))
    return {"tasks": len(shots), **means, "rmse": rmse, "allowed_width": allowed_width(mse)}
