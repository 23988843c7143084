"""Leave-datasets-out: nothing of the target but its probe reaches a predictor; folds are kept; the table adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate import metrics
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation import leaving_out
from presage.surrogate.evaluation.families import FAMILIES
from presage.surrogate.evaluation.leaving_out import evaluate, left_out_parts
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.ensemble import Ensemble
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(5, 24)


def test_scores_are_the_metrics_of_their_points_and_means_are_over_datasets(experience: Experience) -> None:
    table = evaluate(experience, [DatasetMean(), CostOnly()])
    assert len(table.scores) == 10
    for score in table.scores:
        truth, value, lower, upper = score.points
        assert score.kendall_tau == pytest.approx(metrics.kendall_tau(truth, value), abs=1e-9)
        assert score.mse == pytest.approx(metrics.mse(truth, value), abs=1e-6)
        assert score.coverage == pytest.approx(metrics.coverage(truth, lower, upper), abs=0.05)
        assert score.networks == 24
    mean = table.mean("cost-only")
    assert mean["mse"] == pytest.approx(np.mean([score.mse for score in table.of("cost-only")]))
    assert table.mean("dataset-mean")["kendall_tau"] == 0
    shown = table.text()
    assert f"{mean['kendall_tau']:.4f}" in shown
    assert all(task.name in shown for task in experience.tasks)
    fields = json.loads(json.dumps(table.to_json()))
    assert fields["mean"]["cost-only"]["mse"] == pytest.approx(mean["mse"])
    assert "points" not in fields["scores"][0]


def test_finished_folds_are_kept_and_other_settings_are_other_folds(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    first = evaluate(experience, [CostOnly()], cache=tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(done, 5) for done in range(6)]
    assert len(list(tmp_path.iterdir())) == 5
    next(iter(sorted(tmp_path.iterdir()))).write_text("{torn")
    fold, fitted = leaving_out._fold, []
    monkeypatch.setattr(leaving_out, "_fold", lambda *given: fitted.append(given) or fold(*given))
    assert evaluate(experience, [CostOnly()], cache=tmp_path) == first
    assert len(fitted) == 1
    evaluate(experience, [CostOnly(penalty=2.0)], cache=tmp_path)
    assert len(fitted) == 6


def test_members_evaluated_beside_their_ensemble_are_fitted_once(
    experience: Experience, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, learned = CostOnly._learn, []
    monkeypatch.setattr(CostOnly, "_learn", lambda self, given: learned.append(len(given)) or learn(self, given))
    leaving_out._fold(experience, [Ensemble(members="cost-only,dataset-mean"), CostOnly()], experience.fingerprints[:1])
    assert len(learned) == 1 + 4  # all, and without each of four parts


def test_families_are_left_out_whole(experience: Experience) -> None:
    names = [task.name for task in experience.tasks]
    families = {names[0]: "like", names[3]: "like"}
    parts = left_out_parts(experience, families=families)
    assert len(parts) == 4
    assert (experience.fingerprints[0], experience.fingerprints[3]) in parts
    for folds in (2, 3):
        dealt = left_out_parts(experience, folds, families)
        assert len(dealt) == folds
        assert sorted(sum(dealt, ())) == sorted(experience.fingerprints)
        assert any({experience.fingerprints[0], experience.fingerprints[3]} <= set(part) for part in dealt)


def test_folds_leave_every_dataset_out_once(experience: Experience) -> None:
    parts = left_out_parts(experience, folds=2)
    assert sorted(map(len, parts)) == [2, 3]
    assert len(evaluate(experience, [DatasetMean()], folds=2).scores) == 5


def test_two_seed_tau_by_hand(experience: Experience) -> None:
    rows = np.arange(8)
    twice = experience.take(np.concatenate([rows, [30]]))
    hashes = np.array([*["a", "b", "c", "d"] * 2, "e"])
    accuracy = np.array([0.1, 0.2, 0.3, 0.4, 0.1, 0.3, 0.2, 0.4, 0.5])
    seeds = np.array([0] * 4 + [1] * 4 + [0])
    given = replace(twice, hashes=hashes, accuracy=accuracy, seeds=seeds, _source=None)
    (outcome,) = leaving_out._fold(given, [DatasetMean()], (experience.fingerprints[0],))
    assert outcome.two_seed_tau() == pytest.approx(4 / 6)
    assert outcome.two_seed_tau(frozenset("abc")) == pytest.approx(1 / 3)
    assert outcome.two_seed_tau(frozenset("ab")) is None  # two pairs are too few
    assert outcome.score("dataset-mean").two_seed_tau == pytest.approx(4 / 6)


def test_a_network_trained_twice_counts_once_with_its_mean(experience: Experience) -> None:
    rows = np.flatnonzero(experience.group == 0)
    again = experience.take(np.concatenate([np.arange(len(experience)), rows[:1]]))
    again = replace(again, seeds=np.append(experience.seeds, 1), _source=None)
    accuracy = again.accuracy.copy()
    accuracy[-1] = 0.0
    given = replace(again, accuracy=accuracy, _source=None)
    score = leaving_out._fold(given, [DatasetMean()], (experience.fingerprints[0],))[0].score("dataset-mean")
    assert score.networks == 24
    assert score.experiments == 25
    assert min(abs(np.array(score.points[0]) - experience.accuracy[rows[0]] / 2)) < 1e-6


def test_how_datasets_were_left_out_is_said(experience: Experience) -> None:
    names = {task.name: "one" for task in experience.tasks[:2]}
    shown = [
        evaluate(experience, [DatasetMean()], folds=folds, families=families).text().splitlines()[0]
        for folds, families in ((None, None), (3, None), (None, names), (2, names))
    ]
    assert [line.split(".")[0] for line in shown] == [
        "Mean over 5 datasets, each left out whole",
        "Mean over 5 datasets, each left out whole, in 3 parts",
        "Mean over 5 datasets, each left out with all of its family",
        "Mean over 5 datasets, each left out with all of its family, in 2 parts",
    ]


def test_what_cannot_be_evaluated_is_refused(experience: Experience) -> None:
    with pytest.raises(InvalidArgument, match="at least 2 datasets"):
        evaluate(experience.only(experience.fingerprints[:1]), [DatasetMean()])
    with pytest.raises(InvalidArgument, match="of different names"):
        evaluate(experience, [DatasetMean(), DatasetMean(bandwidth=0.1)])
    with pytest.raises(InvalidArgument, match="`folds` of `evaluate`"):
        evaluate(experience, [DatasetMean()], folds=1)
    with pytest.raises(InvalidArgument, match="at least 2 families"):
        evaluate(experience, [DatasetMean()], families={task.name: "one" for task in experience.tasks})


def test_the_shipped_families_are_those_of_the_shared_datasets(shared: Path) -> None:
    lines = (shared / "datasets" / "README.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| ")]
    assert {row[1]: row[2] for row in cells[1:]} == dict(FAMILIES)
