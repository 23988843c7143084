"""The whole evaluation: every study from one fit a fold, kept on disk, and from a database."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.serial import to_json
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.errors import InvalidArgument, UnknownName
from presage.records import ArchitectureRecord
from presage.records.testing import dataset_record, experiment_entry, probe_entry
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.loading import load_experience
from presage.surrogate.evaluation import leaving_out
from presage.surrogate.evaluation.appraisal import appraise
from presage.surrogate.evaluation.core_networks import core_networks
from presage.surrogate.evaluation.difficulty import study_difficulty
from presage.surrogate.evaluation.matrix_splits import LEAST_NETWORKS
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean, NearestDataset
from presage.surrogate.predictors.ensemble import Ensemble
from presage.surrogate.testing import synthetic_experience
from presage.training.recipe import Recipe
from presage.training.recording import recipe_record

PLAN = ShotPlan(counts=(4, 8), draws=2, least_scored=5)


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 16)


def test_every_study_comes_from_one_fit_a_fold_and_folds_are_kept(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold, fitted = leaving_out._fold, []
    monkeypatch.setattr(leaving_out, "_fold", lambda *given: fitted.append(given[2]) or fold(*given))
    asked = [CostOnly(), DatasetMean()]
    first = appraise(experience, asked, shots=PLAN, folds=2, cache=tmp_path)
    assert len(fitted) == 2
    assert first.predictor == "cost-only"  # the first, where all are baselines
    assert first.table.predictors == (
        "cost-only",
        "dataset-mean",
        "tapas-1-no-dcn",
        "tapas-2-dcn",
        "tapas-3-dcn-filter",
    )
    assert first.core is not None
    assert first.few_shot is not None
    again = appraise(experience, asked, shots=PLAN, folds=2, cache=tmp_path)
    assert len(fitted) == 2
    assert again.to_json(points=True) == first.to_json(points=True)
    titles = [table.title for table in first.tables()]
    assert titles[-1].startswith("What it must show")
    assert all(title in first.text() for title in titles)
    json.dumps(first.to_json(points=True), allow_nan=False)
    other = appraise(experience, asked, shots=ShotPlan(counts=(4,), draws=1, least_scored=5), folds=2, cache=tmp_path)
    assert len(fitted) == 4  # other draws are another evaluation
    assert other.table == first.table


def test_recipes_with_few_networks_have_no_part_in_the_means(experience: Experience) -> None:
    usual = [replace(task, recipe="usual") for task in experience.tasks]
    size, rows, tasks = len(experience) // len(usual), [np.arange(len(experience))], [*usual]
    for recipe, networks in (("rare", 1), ("known", LEAST_NETWORKS)):
        for at, task in enumerate(usual[:3]):
            tasks.append(replace(task, recipe=recipe, epochs=24 if recipe == "known" else 60))
            rows.append(at * size + np.arange(networks))
    index = [experience.task_index, *(np.full(len(own), at) for at, own in enumerate(rows[1:], start=len(usual)))]
    more = replace(
        experience.take(np.concatenate(rows)), task_index=np.concatenate(index), tasks=tuple(tasks), _source=None
    )
    found = appraise(more, [CostOnly()], shots=PLAN, folds=2)
    assert {score.task for score in found.table.of("cost-only")} == {task.key for task in usual}
    assert found.core is not None
    assert {score.task for score in found.core.of("cost-only")} <= {task.key for task in usual}
    assert {outcome.task.key for outcome in found.outcomes} == {task.key for task in usual}
    assert found.others is not None
    assert {score.task for score in found.others.of("cost-only")} == {t.key for t in tasks if t.recipe == "known"}
    (table,) = (table for table in found.tables() if table.name == "other-recipes")
    assert table.title.startswith("Mean over 3 tasks by other recipes")
    assert found.to_json()["others"]["mean"]["cost-only"]["kendall_tau"] is not None
    assert appraise(experience, [CostOnly()], shots=PLAN, folds=2).others is None


def test_only_what_is_asked_for_is_studied(experience: Experience) -> None:
    found = appraise(experience, [CostOnly()], studies=[], folds=2)
    assert found.table.predictors == ("cost-only",)
    assert (found.core, found.few_shot, found.difficulty) == (None, None, None)
    assert len(found.tables()) == 5
    with pytest.raises(UnknownName, match="few-shot"):
        appraise(experience, [CostOnly()], studies=["few-shots"])
    with pytest.raises(InvalidArgument, match="at least one"):
        appraise(experience, [], studies=["scenarios"])


def test_the_goals_are_about_the_ensemble_or_the_first_that_is_no_baseline(experience: Experience) -> None:
    asked = [CostOnly(), NearestDataset(), Ensemble(members="cost-only,nearest-dataset")]
    assert appraise(experience, asked, studies=[], folds=2).predictor == "ensemble"


def test_the_difficulty_of_the_datasets_of_a_database(tmp_path: Path) -> None:
    space = get_space("nb201")
    networks = space.decode_batch(space.sample(5, np.random.default_rng(0)))
    recipe, epochs = recipe_record(Recipe()), Recipe().epochs
    with Database.open(tmp_path / "some.duckdb") as database:
        entries, probes = [], []
        for number in range(3):
            dataset = dataset_record(f"made-up-{number}")
            probes += [
                probe_entry(dataset, dcn=0.3 * number + 0.1 * seed, seed=seed, seconds=2.0 + seed) for seed in range(3)
            ]
            for row in range(5 - (number == 2)):  # the last network is missing from one dataset: not of the core
                architecture = networks.architecture(row).canonical
                entries.append(
                    experiment_entry(
                        dataset=dataset,
                        architecture=ArchitectureRecord(architecture.hash, to_json(architecture), "nb201", {}),
                        recipe=recipe,
                        curve=[0.5] * epochs,
                        train_losses=[1.0] * epochs,
                        accuracy=0.1 + 0.2 * number + 0.01 * row,
                        seconds=10.0 * (row + 1),
                    )
                )
        longer = recipe_record(Recipe(epochs=epochs + 1))  # another recipe, which the DCN is not compared with
        entries.append(
            experiment_entry(
                dataset=dataset,
                architecture=entries[-1].architecture,
                recipe=longer,
                curve=[0.9] * (epochs + 1),
                train_losses=[1.0] * (epochs + 1),
                accuracy=0.95,
                seconds=900.0,
            )
        )
        database.add_experiments(entries)
        database.add_probes(probes)
        experience = load_experience(database)
        study = study_difficulty(database, experience, core_networks(experience))
    assert len(study.datasets) == 3
    one = next(found for found in study.datasets if found.dataset == "made-up-1")
    assert one.seed_dcns == pytest.approx((0.3, 0.4, 0.5))
    assert one.dcn == pytest.approx(0.4)
    assert one.probe_seconds == pytest.approx(3.0)
    assert (one.networks, one.core_networks) == (5, 4)
    assert one.mean_accuracy == pytest.approx(0.32)
    assert one.core_seconds == pytest.approx(25.0)
    last = next(found for found in study.datasets if found.dataset == "made-up-2")
    assert (last.networks, last.mean_accuracy) == (4, pytest.approx(0.515))
    assert last.core_seconds == pytest.approx(25.0)
    assert study.rank_correlation(core=True) == pytest.approx(1.0)
