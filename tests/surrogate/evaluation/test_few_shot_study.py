"""What k trained networks are worth: who is given which networks, and at which k the rival draws level."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.evaluation.few_shot_study import FewShotStudy, count_text, equal_count
from presage.surrogate.evaluation.leaving_out import leave_out
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.evaluation.target_only import RIVAL, TargetOnly
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.testing import synthetic_experience

PLAN = ShotPlan(counts=(3, 8), draws=2, least_scored=5)
ASKED: list[tuple[str, int, list[float]]] = []


@dataclass(eq=False)
class Recaller(DatasetMean):
    """Says of every network the mean of what it was given; notes what that was."""

    name: ClassVar[str] = "recaller"
    unused: int = field(default=0, repr=False)

    def condition_on(self, graphs: GraphBatch, accuracy: NDArray[np.float64], task: Task) -> Recalled:
        ASKED.append((task.fingerprint, len(graphs), accuracy.tolist()))
        return Recalled(float(accuracy.mean()))


@dataclass
class Recalled:
    mean: float

    def interval_of(self, inputs: Inputs) -> Prediction:
        value = np.full(len(inputs), self.mean)
        return Prediction(value, value - 0.1, value + 0.1, 0.9)


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 18)


@pytest.fixture(scope="module")
def study(experience: Experience) -> FewShotStudy:
    ASKED.clear()
    outcomes = leave_out(experience, [Recaller(), CostOnly()], shots=PLAN, few_shot=["recaller"])
    return FewShotStudy(tuple(outcomes), ("recaller", "cost-only"))


def test_a_few_shot_predictor_is_given_exactly_the_trained_networks(study: FewShotStudy) -> None:
    assert len(ASKED) == 4 * 2 * 2  # tasks, k, draws
    for outcome in study.outcomes:
        draws = PLAN.of(outcome.task.key, len(outcome.truth))
        expected = [outcome.truth[draw.order[:k]].tolist() for k in (3, 8) for draw in draws]
        assert [accuracy for task, _, accuracy in ASKED if task == outcome.task.fingerprint] == expected
        found = [np.mean([(outcome.truth[d.scored] - np.mean(outcome.truth[d.order[:8]])) ** 2 for d in draws])]
        row = next(score for score in outcome.shots if (score.method, score.k) == ("recaller", 8))
        assert row.mse == pytest.approx(found[0])
        assert row.width == pytest.approx(0.2)


def test_every_method_is_scored_on_the_same_networks(study: FewShotStudy, experience: Experience) -> None:
    outcome = study.outcomes[1]
    draws = PLAN.of(outcome.task.key, len(outcome.truth))
    said = outcome.predictions["cost-only"].value
    free = next(score for score in outcome.shots if (score.method, score.k) == ("cost-only", 0))
    assert free.kendall_tau == pytest.approx(
        np.mean([kendall_tau(outcome.truth[d.scored], said[d.scored]) for d in draws])
    )
    rows = np.flatnonzero(experience.group == experience.fingerprints.index(outcome.task.fingerprint))
    rows = rows[np.unique(experience.hashes[rows], return_index=True)[1]]
    model = TargetOnly(experience.inputs(rows, outcome.task).features)
    alone = [
        kendall_tau(outcome.truth[d.scored], model.predict(d.order[:8], outcome.truth[d.order[:8]])[d.scored])
        for d in draws
    ]
    rival = next(score for score in outcome.shots if (score.method, score.k) == (RIVAL, 8))
    assert rival.kendall_tau == pytest.approx(np.mean(alone))
    assert {score.networks for score in outcome.shots} == {18 - 8}


def test_means_curves_and_the_best_of_k(study: FewShotStudy) -> None:
    assert study.counts == (3, 8)
    assert study.methods() == (RIVAL, "recaller")
    mean = np.mean([next(s.mse for s in o.shots if (s.method, s.k) == (RIVAL, 3)) for o in study.outcomes])
    assert study.mean(RIVAL, 3, "mse") == pytest.approx(mean)
    curves, equal, best = study.tables()
    assert [row[:2] for row in curves.rows] == [
        (RIVAL, "3"),
        (RIVAL, "8"),
        ("recaller", "0"),
        ("recaller", "3"),
        ("recaller", "8"),
    ]
    assert [row[0] for row in equal.rows] == ["recaller", "cost-only"]
    # the best of one drawn at random is a mean network
    expected = np.mean([outcome.truth.max() - outcome.truth.mean() for outcome in study.outcomes])
    assert study.best_of(None, 1) == pytest.approx(expected)
    # of those that tie in front, any
    front = [(o.truth, o.predictions["cost-only"].value) for o in study.outcomes]
    picked = np.mean([truth.max() - truth[value == value.max()].mean() for truth, value in front])
    assert study.best_of("cost-only", 1) == pytest.approx(picked)
    assert best.heads == ("which k", "k = 1", "k = 5", "k = 10")
    assert study.to_json()["best_of"]["random"]["1"] == pytest.approx(expected)


def test_where_the_rival_draws_level_by_hand() -> None:
    assert equal_count((5, 10, 20), (0.1, 0.2, 0.3)) == 0.0
    assert equal_count((5, 10, 20), (-0.3, -0.2, -0.1)) == math.inf
    assert equal_count((5, 10, 20), (-0.1, 0.0, 0.1)) == pytest.approx(10)
    # half way between 10 and 20 on a logarithmic scale
    assert equal_count((5, 10, 20), (-0.3, -0.1, 0.1)) == pytest.approx(math.sqrt(200))
    assert [count_text(k, (5, 20)) for k in (None, 0.0, 7.4, math.inf)] == ["", "under 5", "7", "over 20"]


def test_equality_averages_over_the_datasets_that_have_enough_networks(study: FewShotStudy) -> None:
    gaps = [[-0.2, -0.4, None, -0.3], [0.2, None, None, 0.4]]
    # at k = 3 the mean gap is -0.3, at k = 8 it is 0.3
    assert study.equals(gaps) == pytest.approx(math.sqrt(24))
    assert study.equals(gaps, [1, 1]) == math.inf
    assert study.equals([[None] * 4, [None] * 4]) is None


def test_predictors_that_take_no_networks_are_scored_without_any(experience: Experience) -> None:
    outcomes = leave_out(experience, [CostOnly()], shots=PLAN, few_shot=[])
    assert {(score.method, score.k) for score in outcomes[0].shots} == {("cost-only", 0), (RIVAL, 3), (RIVAL, 8)}


def test_too_few_networks_for_any_k_leave_no_shots(experience: Experience) -> None:
    outcomes = leave_out(experience, [DatasetMean()], shots=ShotPlan(), few_shot=["dataset-mean"])
    study = FewShotStudy(tuple(outcomes), ("dataset-mean",))
    assert study.counts == ()
    assert all(outcome.shots == () for outcome in outcomes)
