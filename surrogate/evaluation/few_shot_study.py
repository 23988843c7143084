"""What k trained networks of the target are worth: to a predictor that knows other datasets, and alone.

The second is the honest rival: whoever doubts train-free predictions trains k random networks on the target, fits a
good model to them, and asks it. Both are scored on the same networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.shots import ShotPlan, ShotScore, shot_score
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.evaluation.target_only import RIVAL, TargetOnly
from presage.surrogate.metrics import regret_at_k
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.predictors.predictor import Predictor

__all__ = ["FewShotStudy", "equal_count", "shot_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BEST_OF = (1, 5, 10, 20, 50)
RANDOM = "random"


def shot_scores(
    learners: Sequence[Predictor],
    few_shot: Collection[str],
    predictions: Mapping[str, Prediction],
    encoded: Callable[[Ints], Inputs],
    truth: Floats,
    plan: ShotPlan,
) -> tuple[ShotScore, ...]:
    """Scores on one left-out task: of every predictor at k = 0, and for each k of the rival and of the few-shot ones.

    Args:
        learners: fitted without the task's dataset.
        few_shot: names of those that are given trained networks.
        predictions: what each learner said of all n networks, knowing none.
        encoded: gives some of the n networks on the task.
        truth: (n,) their trained accuracies.
        plan: which of them are trained.
    """
    inputs = encoded(np.arange(len(truth)))
    task = inputs.task
    draws = plan.of(task.key, len(truth))
    if not draws:
        return ()
    found = [
        shot_score(name, 0, [(truth[draw.scored], _part(said, draw.scored)) for draw in draws])
        for name, said in predictions.items()
    ]
    rival, unseen = TargetOnly(inputs.features), [encoded(draw.scored) for draw in draws]
    for k in draws[0].counts:
        alone = [(truth[d.scored], rival.predict(d.order[:k], truth[d.order[:k]])[d.scored]) for d in draws]
        found.append(shot_score(RIVAL, k, alone))
        for learner in learners:
            if learner.name in few_shot:
                answers = []
                for draw, others in zip(draws, unseen, strict=True):
                    trained = draw.order[:k]
                    conditioned = learner.condition_on(inputs.graphs.take(trained), truth[trained], task)
                    answers.append((truth[draw.scored], conditioned.interval_of(others)))
                found.append(shot_score(learner.name, k, answers))
    return tuple(found)


def equal_count(counts: Sequence[int], advantage: Sequence[float]) -> float:
    """The k at which the rival equals a train-free prediction, by linear interpolation over log k.

    Args:
        counts: k, rising.
        advantage: (len(counts),) what the rival scores more than the prediction at each k.

    Returns:
        The k of the first change from behind to level; 0 where the rival is ahead from the first k, infinity where it
        is behind at the last.
    """
    if advantage[0] >= 0:
        return 0.0
    for left, right, behind, ahead in zip(counts, counts[1:], advantage, advantage[1:], strict=False):
        if ahead >= 0:
            share = -behind / (ahead - behind)
            return math.exp(math.log(left) + share * (math.log(right) - math.log(left)))
    return math.inf


@dataclass(frozen=True)
class FewShotStudy:
    """All shot scores of an evaluation.

    Attributes:
        outcomes: of the left-out tasks.
        predictors: train-free ones to compare with the rival; the first is the one that matters.
    """

    outcomes: tuple[Outcome, ...]
    predictors: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The k that some dataset could be scored at, 0 left out."""
        return tuple(sorted({score.k for outcome in self.outcomes for score in outcome.shots if score.k}))

    @cached_property
    def _scores(self) -> list[dict[tuple[str, int], ShotScore]]:
        return [{(score.method, score.k): score for score in outcome.shots} for outcome in self.outcomes]

    def of(self, method: str, k: int, metric: str) -> list[float | None]:
        """A metric by dataset; None where the dataset could not be scored so."""
        found = [scores.get((method, k)) for scores in self._scores]
        return [None if score is None else getattr(score, metric) for score in found]

    def mean(self, method: str, k: int, metric: str) -> float | None:
        """Mean of a metric over the datasets that could be scored at this k."""
        return mean_of(self.of(method, k, metric))

    def methods(self) -> tuple[str, ...]:
        """The rival, then the predictors that were given trained networks."""
        given = {score.method for outcome in self.outcomes for score in outcome.shots if score.k}
        return (RIVAL, *(name for name in self.predictors if name in given))

    def gaps(self, predictor: str) -> list[list[float | None]]:
        """For each of `counts`, by dataset: the rival's τ less that of the train-free prediction."""
        free = self.of(predictor, 0, "kendall_tau")
        return [
            [None if r is None or f is None else r - f for r, f in zip(rival, free, strict=True)]
            for rival in (self.of(RIVAL, k, "kendall_tau") for k in self.counts)
        ]

    def equals(self, gaps: Sequence[Sequence[float | None]], rows: Sequence[int] | None = None) -> float | None:
        """How many networks the rival must train on the target to rank as a train-free prediction does.

        At each k both are averaged over the datasets that have enough networks for it.

        Args:
            gaps: `gaps` of the prediction.
            rows: datasets that count, repetitions included; all if not given.
        """
        known = [
            (k, mean)
            for k, of_k in zip(self.counts, gaps, strict=True)
            if (mean := mean_of(of_k if rows is None else [of_k[row] for row in rows])) is not None
        ]
        return equal_count([k for k, _ in known], [mean for _, mean in known]) if known else None

    def best_of(self, predictor: str | None, k: int) -> float | None:
        """Mean regret of the best of k trained networks: the k predicted best, or (None) k drawn at random."""
        return mean_of([
            regret_at_k(o.truth, np.zeros(len(o.truth)) if predictor is None else o.predictions[predictor].value, k)
            for o in self.outcomes
            if len(o.truth) > k
        ])  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """Curves over k, which k each train-free prediction equals, and the best of the top k."""
        return (self._curves(), self._equals(), self._best_of())

    def _curves(self) -> Table:
        rows = []
        for method in self.methods():
            for k in (0, *self.counts):
                if self.mean(method, k, "kendall_tau") is None:
                    continue
                datasets = sum(value is not None for value in self.of(method, k, "kendall_tau"))
                shown = ("kendall_tau", "spearman", "mse", "r2", "regret_5", "coverage", "width")
                rows.append(
                    (method, str(k), str(datasets), *(number(self.mean(method, k, metric), 4) for metric in shown))
                )
        return Table(
            "few-shot",
            "Knowing k trained networks of the target, mean over datasets, all on the same other networks",
            ("method", "k", "datasets", "τ", "ρ", "MSE", "R²", "regret@5", "coverage", "width"),
            tuple(rows),
        )

    def _equals(self) -> Table:
        rows = [
            (name, number(self.mean(name, 0, "kendall_tau"), 4), count_text(self.equals(self.gaps(name)), self.counts))
            for name in self.predictors
        ]
        return Table(
            "rival",
            f"Which k of `{RIVAL}` each train-free prediction equals in Kendall τ",
            ("predictor", "τ", "equals k ="),
            tuple(rows),
        )

    def _best_of(self) -> Table:
        largest = max((len(outcome.truth) for outcome in self.outcomes), default=0)
        counts = [k for k in BEST_OF if k < largest]
        rows = [
            (label, *(number(self.best_of(name, k), 4) for k in counts))
            for label, name in [(f"k at {RANDOM}", None), *((f"top k of {name}", name) for name in self.predictors)]
        ]
        return Table(
            "best-of-k",
            "Regret of the best of k networks trained on the target, in accuracy",
            ("which k", *(f"k = {k}" for k in counts)),
            tuple(rows),
        )

    def to_json(self) -> dict[str, Any]:
        """Means over datasets, by method and k."""
        metrics = ("kendall_tau", "spearman", "mse", "r2", "regret_5", "coverage", "width")
        curves = [
            {"method": method, "k": k, **{metric: self.mean(method, k, metric) for metric in metrics}}
            for method in dict.fromkeys([*self.methods(), *self.predictors])
            for k in (0, *self.counts)
            if self.mean(method, k, "kendall_tau") is not None
        ]
        equal = {name: self.equals(self.gaps(name)) for name in self.predictors}
        return {
            "curves": curves,
            "equals": {name: None if k is None or math.isinf(k) else k for name, k in equal.items()},
            "beyond_all_k": [name for name, k in equal.items() if k is not None and math.isinf(k)],
            "best_of": {
                name or RANDOM: {str(k): self.best_of(name, k) for k in BEST_OF} for name in (None, *self.predictors)
            },
        }


def count_text(count: float | None, counts: Sequence[int]) -> str:
    """An equal number of trained networks for people: a number, or beyond which."""
    if count is None:
        return ""
    if count == 0:
        return f"under {counts[0]}"
    return f"over {counts[-1]}" if math.isinf(count) else f"{count:.0f}"


def _part(said: Prediction, rows: Ints) -> Prediction:
    return Prediction(said.value[rows], said.lower[rows], said.upper[rows], said.level)
