"""Scores of predictors on left-out datasets, and the table that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate import metrics
from surrogate.prediction import Prediction
from surrogate.task import Task

__all__ = ["METRICS", "EvaluationTable", "Score"]

METRICS: Mapping[str, str] = {
    "kendall_tau": "τ",
    "spearman": "ρ",
    "mse": "MSE",
    "r2": "R²",
    "ndcg": "NDCG@10",
    "regret_1": "regret@1",
    "regret_5": "regret@5",
    "regret_10": "regret@10",
    "coverage": "coverage",
    "width": "width",
}
"""Fields of `Score` with their column heads; regret and width in accuracy, in [0, 1]."""


@dataclass(frozen=True)
class Score:
    """One predictor on one left-out task with n networks.

    `points` holds truth, value, lower and upper, each of n accuracies: what a plot needs.
    """

    predictor: str
    dataset: str
    task: str
    dcn: float
    networks: int
    mean_accuracy: float
    two_seed_tau: float | None
    kendall_tau: float
    spearman: float
    mse: float
    r2: float
    ndcg: float
    regret_1: float
    regret_5: float
    regret_10: float
    coverage: float
    width: float
    points: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(
        cls,
        predictor: str,
        task: Task,
        truth: NDArray[np.float64],
        prediction: Prediction,
        two_seed: float | None,
    ) -> Score:
        """Every metric of one prediction."""
        value, lower, upper = prediction.value, prediction.lower, prediction.upper
        return cls(
            predictor=predictor,
            dataset=task.name,
            task=f"{task.fingerprint}/{task.recipe}",
            dcn=task.dcn,
            networks=len(truth),
            mean_accuracy=float(truth.mean()),
            two_seed_tau=two_seed,
            kendall_tau=metrics.kendall_tau(truth, value),
            spearman=metrics.spearman(truth, value),
            mse=metrics.mse(truth, value),
            r2=metrics.r2(truth, value),
            ndcg=metrics.ndcg(truth, value),
            regret_1=metrics.regret_at_k(truth, value, 1),
            regret_5=metrics.regret_at_k(truth, value, 5),
            regret_10=metrics.regret_at_k(truth, value, 10),
            coverage=metrics.coverage(truth, lower, upper),
            width=metrics.width(lower, upper),
            points=tuple(tuple(np.round(column, 6).tolist()) for column in (truth, value, lower, upper)),
        )

    def to_json(self, *, points: bool = False) -> dict[str, Any]:
        """Every field; the points only where asked for."""
        fields = asdict(self)
        if not points:
            del fields["points"]
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Score:
        """The reverse of `to_json`."""
        points = tuple(tuple(map(float, column)) for column in fields.get("points", ()))
        return cls(**{**fields, "points": points})


@dataclass(frozen=True)
class EvaluationTable:
    """Scores of several predictors on every left-out task."""

    predictors: tuple[str, ...]
    scores: tuple[Score, ...]

    def of(self, predictor: str) -> list[Score]:
        """The scores of one predictor, by dataset."""
        return [score for score in self.scores if score.predictor == predictor]

    def mean(self, predictor: str) -> dict[str, float]:
        """Mean of each metric over the left-out tasks, each counting the same."""
        scores = self.of(predictor)
        return {metric: float(np.mean([getattr(score, metric) for score in scores])) for metric in METRICS}

    def mean_two_seed_tau(self) -> float | None:
        """Mean over the tasks where enough networks were trained twice."""
        known = [score.two_seed_tau for score in self.of(self.predictors[0]) if score.two_seed_tau is not None]
        return float(np.mean(known)) if known else None

    def text(self) -> str:
        """Two tables in plain text: means by predictor, then Kendall τ by dataset."""
        heads = ["predictor", *METRICS.values()]
        means = [[name, *(f"{value:.4f}" for value in self.mean(name).values())] for name in self.predictors]
        first = self.of(self.predictors[0])
        rows = []
        for number, score in enumerate(first):
            two_seed = "" if score.two_seed_tau is None else f"{score.two_seed_tau:.3f}"
            taus = [f"{self.of(name)[number].kendall_tau:.3f}" for name in self.predictors]
            rows.append(
                [score.dataset, f"{score.dcn:.3f}", str(score.networks), f"{score.mean_accuracy:.3f}", two_seed]
            )
            rows[-1] += taus
        two_seed_mean = self.mean_two_seed_tau()
        known = "" if two_seed_mean is None else f" Mean two-seed τ {two_seed_mean:.3f}."
        return "\n".join(
            [
                f"Mean over {len(first)} datasets, each left out whole.{known}",
                *_aligned([heads, *means]),
                "",
                "Kendall τ by dataset",
                *_aligned([["dataset", "DCN", "networks", "accuracy", "two-seed", *self.predictors], *rows]),
            ]
        )

    def to_json(self, *, points: bool = False) -> dict[str, Any]:
        """Means and all scores."""
        return {
            "mean": {name: self.mean(name) for name in self.predictors},
            "mean_two_seed_tau": self.mean_two_seed_tau(),
            "scores": [score.to_json(points=points) for score in self.scores],
        }


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
