"""Measures against what they should reach, their bootstrap intervals, and the tables that show them: by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.evaluation.bootstrap import interval
from presage.surrogate.evaluation.difficulty import DatasetDifficulty, DifficultyStudy
from presage.surrogate.evaluation.few_shot_study import FewShotStudy
from presage.surrogate.evaluation.goals import Goal, goals, goals_table
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.scores import EvaluationTable, TaskScore
from presage.surrogate.evaluation.shots import ShotScore
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.evaluation.target_only import RIVAL
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.testing import synthetic_task

SHOT = ShotScore("own", 0, 10, 0.6, 0.6, 0.01, 0.1, 0.01, None, None)


def score(predictor: str, dataset: str, tau: float, two_seed: float | None, regret: float = 0.01) -> TaskScore:
    return TaskScore(
        predictor,
        dataset,
        dataset,
        0.5,
        10,
        11,
        0.5,
        two_seed,
        tau,
        tau,
        0.002,
        0.5,
        0.9,
        regret,
        regret,
        0.0,
        0.9,
        0.2,
    )


@pytest.fixture
def table() -> EvaluationTable:
    scores = [
        score("own", "one", 0.6, 0.8),
        score("own", "two", 0.8, None, regret=0.03),
        score("own", "three", 0.7, 0.6),
    ]
    worse = [replace(one, predictor="cost", kendall_tau=one.kendall_tau - 0.1) for one in scores]
    return EvaluationTable(("own", "cost"), (*scores, *worse))


def outcome(number: int, rival: tuple[float, float]) -> Outcome:
    value = np.array([0.1, 0.2])
    shots = (SHOT, *(replace(SHOT, method=RIVAL, k=k, kendall_tau=tau) for k, tau in zip((5, 20), rival, strict=True)))
    task, nothing = synthetic_task(number), np.zeros((2, 0))
    said = {"own": Prediction(value, value, value, 0.9)}
    return Outcome(task, (task.fingerprint,), 2, np.array(["a", "b"]), value, nothing, np.array([], str), said, shots)


def difficulty() -> DifficultyStudy:
    return DifficultyStudy(
        tuple(
            DatasetDifficulty(f"d{n}", (dcn, dcn + 0.02), 2.0, 5, accuracy, 2, accuracy, 8.0)
            for n, (dcn, accuracy) in enumerate([(0.1, 0.2), (0.4, 0.3), (0.6, 0.9), (0.9, 0.8)])
        )
    )


def test_measures_by_hand(table: EvaluationTable) -> None:
    study = FewShotStudy((outcome(1, (0.4, 0.7)), outcome(2, (0.4, 0.7))), ("own",))
    found = {goal.measure.split(",")[0]: goal for goal in goals("own", table, ["cost"], None, study, difficulty())}
    assert found["Kendall τ ÷ two-seed τ"].value == pytest.approx(0.7 / 0.7)
    assert found["Kendall τ above the best baseline"].value == pytest.approx(0.1)
    assert found["MSE of accuracy"].value == pytest.approx(0.002)
    assert found["MSE of accuracy"].met == "least"
    assert found["regret of the best of the top 5"].value == pytest.approx(5 / 3)
    assert found["regret of the best of the top 5"].met == "missed"
    # the rival is .2 behind at 5 and .1 ahead at 20: level two thirds of the way on a logarithmic scale
    assert found["rival it equals: train k on the target"].value == pytest.approx(5 * 4 ** (2 / 3))
    assert found["Spearman of DCN with mean accuracy"].value == pytest.approx(0.8)
    assert found["coverage of the 90 % intervals"].met == "least"


def test_beyond_the_last_k_at_least_that_many_is_all_that_was_seen(table: EvaluationTable) -> None:
    study = FewShotStudy((outcome(1, (0.1, 0.2)), outcome(2, (0.1, 0.2))), ("own",))
    goal = next(goal for goal in goals("own", table, [], None, study, None) if goal.measure.startswith("rival"))
    assert goal.value == 20
    assert goal.met == "least"  # 20 were beaten; whether 50 would be, nobody tried
    assert goal.text.startswith("over 20")
    assert json.loads(json.dumps(goal.to_json(), allow_nan=False))["low"] is None


def test_verdicts() -> None:
    goal = Goal("m", 0.85, None, None, 0.8, 0.9, True, "0.85")
    assert goal.met == "least"
    assert replace(goal, value=0.9).met == "goal"
    assert replace(goal, value=0.79).met == "missed"
    assert replace(goal, value=None).met == "unknown"
    assert replace(goal, rising=False, least=0.9, goal=0.8).met == "least"
    assert replace(goal, goal=None, most=0.84).met == "missed"
    assert replace(goal, value=0.0, least=0.0, goal=None).met == "missed"
    assert replace(goal, value=1e-3, least=0.0, goal=None).met == "least"
    shown = goals_table("own", [goal, replace(goal, least=0.0, goal=None), replace(goal, most=0.95)])
    assert [row[2:] for row in shown.rows] == [
        ("≥ 0.8", "0.9", "met"),
        ("> 0", "", "met"),
        ("0.8 to 0.95", "0.9", "met"),
    ]


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = interval(lambda rows: float(values[list(rows)].mean()), 400, resamples=2000)
    assert found is not None
    error = values.std() / 20
    assert found[0] == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert found[1] == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


def test_one_dataset_or_an_undefined_statistic_has_no_interval() -> None:
    assert interval(lambda rows: 1.0, 1) is None
    assert interval(lambda rows: None, 5, resamples=20) is None
    assert interval(lambda rows: math.inf, 5, resamples=20) == (math.inf, math.inf)


def test_the_dcn_by_hand() -> None:
    study = difficulty()
    assert study.rank_correlation() == pytest.approx(0.8)
    assert study.rank_correlation(rows=[0, 1, 2]) == pytest.approx(1.0)
    assert study.rank_correlation(rows=[0, 1]) is None
    summary = study.summary()
    assert summary["seed_deviation_mean"] == pytest.approx(0.02 / math.sqrt(2))
    assert summary["times_cheaper_than_a_core_network"] == pytest.approx(4.0)
    assert summary["times_cheaper_than_the_core"] == pytest.approx(2 * 8 / 2)
    assert study.seed_correlations() == pytest.approx((0.8, 0.8))
    assert [row[0] for row in study.tables()[1].rows] == ["d0", "d1", "d2", "d3"]


def test_a_table_as_text_markdown_and_csv() -> None:
    table = Table("t", "A title", ("name", "x|y"), (("a,b", "1"), ("c", "")), note="A note.")
    assert table.text() == "A title\nname  x|y\na,b     1\nc\nA note."
    assert table.markdown() == "| name | x\\|y |\n| --- | ---: |\n| a,b | 1 |\n| c |  |\n\nA note."
    assert table.csv() == 'name,x|y\n"a,b",1\nc,\n'
    assert [number(value, 2) for value in (0.125, None, math.nan)] == ["0.12", "", ""]
    assert mean_of([1.0, None, 2.0]) == 1.5
    assert mean_of([None]) is None
