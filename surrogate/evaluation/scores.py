"""Scores of predictors on left-out datasets, and the table that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.surrogate import metrics
from presage.surrogate.data.task import Task
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.predictors.prediction import Prediction

__all__ = ["METRICS", "EvaluationTable", "TaskScore"]

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
"""Fields of `TaskScore` with their column heads; regret and width in accuracy, in [0, 1]."""

DIGITS = 4


@dataclass(frozen=True)
class TaskScore:
    """One predictor on one left-out task with n networks.

    What only ranks networks has no error of accuracy and no interval: None. `points` holds truth, value, lower and
    upper, each of n accuracies: what a plot needs.
    """

    predictor: str
    dataset: str
    task: str
    dcn: float
    networks: int
    experiments: int
    mean_accuracy: float
    two_seed_tau: float | None
    kendall_tau: float
    spearman: float
    mse: float | None
    r2: float | None
    ndcg: float
    regret_1: float
    regret_5: float
    regret_10: float
    coverage: float | None
    width: float | None
    points: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(
        cls,
        predictor: str,
        task: Task,
        truth: NDArray[np.float64],
        said: Prediction | NDArray[np.float64],
        *,
        experiments: int,
        two_seed: float | None,
    ) -> TaskScore:
        """Every metric of one prediction, or of bare values (n,) that only rank."""
        value = said.value if isinstance(said, Prediction) else said
        whole = said if isinstance(said, Prediction) else None
        columns = (truth, value) if whole is None else (truth, value, whole.lower, whole.upper)
        return cls(
            predictor=predictor,
            dataset=task.name,
            task=task.key,
            dcn=task.dcn,
            networks=len(truth),
            experiments=experiments,
            mean_accuracy=float(truth.mean()),
            two_seed_tau=two_seed,
            kendall_tau=metrics.kendall_tau(truth, value),
            spearman=metrics.spearman(truth, value),
            mse=metrics.mse(truth, value) if whole else None,
            r2=metrics.r2(truth, value) if whole else None,
            ndcg=metrics.ndcg(truth, value),
            regret_1=metrics.regret_at_k(truth, value, 1),
            regret_5=metrics.regret_at_k(truth, value, 5),
            regret_10=metrics.regret_at_k(truth, value, 10),
            coverage=metrics.coverage(truth, whole.lower, whole.upper) if whole else None,
            width=metrics.width(whole.lower, whole.upper) if whole else None,
            points=tuple(tuple(np.round(column, 6).tolist()) for column in columns),
        )

    def to_json(self, *, points: bool = False) -> dict[str, Any]:
        """Every field; the points only where asked for."""
        fields = asdict(self)
        if not points:
            del fields["points"]
        return fields


@dataclass(frozen=True)
class EvaluationTable:
    """Scores of several predictors on every left-out task.

    Attributes:
        predictors: their names, in the order of the tables.
        scores: of every predictor on every task, tasks in one order.
        how: in what way the datasets were left out, to follow "Mean over N datasets, ".
    """

    predictors: tuple[str, ...]
    scores: tuple[TaskScore, ...]
    how: str = "each left out whole"

    def of(self, predictor: str) -> list[TaskScore]:
        """The scores of one predictor, by dataset."""
        return [score for score in self.scores if score.predictor == predictor]

    def mean(self, predictor: str) -> dict[str, float | None]:
        """Mean of each metric over the left-out tasks, each counting the same; None for what it does not have."""
        scores = self.of(predictor)
        return {metric: mean_of([getattr(score, metric) for score in scores]) for metric in METRICS}

    def mean_two_seed_tau(self) -> float | None:
        """Mean over the tasks where enough networks were trained twice."""
        return mean_of([score.two_seed_tau for score in self.of(self.predictors[0])])

    def tables(self, name: str = "predictors", subject: str = "") -> tuple[Table, Table]:
        """Means by predictor, and Kendall τ by dataset.

        Args:
            name: prefix of the tables' names.
            subject: what was scored, where that is not every network of the datasets.
        """
        first = self.of(self.predictors[0])
        means = self.means(name, "datasets", subject)
        of = {predictor: self.of(predictor) for predictor in self.predictors}
        by_dataset = Table(
            f"{name}-by-dataset",
            "Kendall τ by dataset",
            ("dataset", "DCN", "networks", "accuracy", "two-seed", *self.predictors),
            tuple(
                (
                    score.dataset,
                    number(score.dcn),
                    str(score.networks),
                    number(score.mean_accuracy),
                    number(score.two_seed_tau),
                    *(number(of[predictor][row].kendall_tau) for predictor in self.predictors),
                )
                for row, score in enumerate(first)
            ),
        )
        return means, by_dataset

    def means(self, name: str, tasks: str, subject: str = "") -> Table:
        """Means of every metric, by predictor.

        Args:
            name: of the table.
            tasks: what was left out, in the plural.
            subject: what was scored of them, in a sentence; "" for every network.
        """
        two_seed = self.mean_two_seed_tau()
        known = "" if two_seed is None else f" Mean two-seed τ {two_seed:.3f}."
        about = f" {subject}" if subject else ""
        return Table(
            name,
            f"Mean over {len(self.of(self.predictors[0]))} {tasks}, {self.how}.{about}{known}",
            ("predictor", *METRICS.values()),
            tuple(
                (predictor, *(number(value, DIGITS) for value in self.mean(predictor).values()))
                for predictor in self.predictors
            ),
        )

    def details(self, predictor: str) -> Table:
        """Every metric of one predictor by dataset, and the mean."""
        scores = self.of(predictor)
        shown = ("kendall_tau", "spearman", "mse", "r2", "regret_1", "regret_5", "regret_10", "coverage", "width")
        rows = [
            (
                score.dataset,
                number(score.dcn),
                str(score.experiments),
                number(score.two_seed_tau),
                *(number(getattr(score, metric), DIGITS) for metric in shown),
            )
            for score in scores
        ]
        mean = self.mean(predictor)
        experiments = str(sum(score.experiments for score in scores))
        last = ("mean", "", experiments, number(mean_of([score.two_seed_tau for score in scores])))
        return Table(
            "details",
            f"`{predictor}` by dataset, {self.how}",
            ("dataset", "DCN", "experiments", "two-seed τ", *(METRICS[metric] for metric in shown)),
            (*rows, (*last, *(number(mean[metric], DIGITS) for metric in shown))),
        )

    def text(self) -> str:
        """Two tables in plain text: means by predictor, then Kendall τ by dataset."""
        return "\n\n".join(table.text() for table in self.tables())

    def to_json(self, *, points: bool = False) -> dict[str, Any]:
        """Means and all scores."""
        return {
            "how": self.how,
            "mean": {name: self.mean(name) for name in self.predictors},
            "mean_two_seed_tau": self.mean_two_seed_tau(),
            "scores": [score.to_json(points=points) for score in self.scores],
        }
