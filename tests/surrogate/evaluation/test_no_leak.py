"""Nothing of a left-out dataset but its probe reaches a prediction: its rows are poisoned, and not one bit changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.serial import to_json
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.records import ArchitectureRecord
from presage.records.testing import dataset_record, experiment_entry, probe_entry
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.loading import load_experience
from presage.surrogate.evaluation import leaving_out
from presage.surrogate.evaluation.appraisal import core_table
from presage.surrogate.evaluation.core_networks import blind_ranking, core_networks
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.scenarios import AnyDifficulty, DifficultyAsInput, DifficultyFilter
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean, NearestDataset
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.ensemble import Ensemble
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.tap_lstm import TapLSTM
from presage.surrogate.testing import synthetic_experience
from presage.training.recipe import Recipe
from presage.training.recording import recipe_record

TARGET = 2


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(5, 24)


def quick() -> list[Predictor]:
    """One of every kind, the ensemble among them."""
    return [
        Ensemble(members="cost-only,nearest-dataset"),
        DatasetMean(),
        CostOnly(),
        NearestDataset(),
        KernelRidge(folds=2),
        BoostedTrees(trees=10, threads=1, folds=2),
        TapLSTM(epochs=1, first=4, second=4, folds=2, bags=1),
        AnyDifficulty(trees=10, folds=2),
        DifficultyAsInput(trees=10, folds=2),
        DifficultyFilter(trees=10, folds=2, least=30),
    ]


def poisoned(experience: Experience, *datasets: int) -> Experience:
    """Accuracies of these datasets turned upside down and dealt to other networks, seeds and depth readings made up."""
    accuracy, seeds = experience.accuracy.copy(), experience.seeds.copy()
    depths = list(experience.depth_accuracies)
    for dataset in datasets:
        rows = np.flatnonzero(experience.group == dataset)
        accuracy[rows] = 1 - np.random.default_rng(1).permutation(accuracy[rows]) ** 3
        seeds[rows] = 7
        for row in rows:
            depths[row] = (0.9, 0.1)
    return replace(experience, accuracy=accuracy, seeds=seeds, depth_accuracies=tuple(depths), _source=None)


def differing(one: list[Outcome], other: list[Outcome]) -> list[str]:
    """Which predictors said anything else, in any bit of value or interval."""
    found = []
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.hashes, right.hashes)
        for name, said in left.predictions.items():
            also = right.predictions[name]
            same = all(np.array_equal(getattr(said, end), getattr(also, end)) for end in ("value", "lower", "upper"))
            found += [] if same else [name]
    return found


def test_poisoned_rows_of_the_target_change_no_bit_of_any_prediction(experience: Experience) -> None:
    part = (experience.fingerprints[TARGET],)
    clean = leaving_out._fold(experience, quick(), part)
    dirty = leaving_out._fold(poisoned(experience, TARGET), quick(), part)
    assert not np.array_equal(clean[0].truth, dirty[0].truth)  # the truth did change
    assert len(clean[0].predictions) == len(quick())
    assert differing(clean, dirty) == []


def test_poison_elsewhere_does_change_every_prediction(experience: Experience) -> None:
    part = (experience.fingerprints[TARGET],)
    clean = leaving_out._fold(experience, quick(), part)
    dirty = leaving_out._fold(poisoned(experience, 0, 1), quick(), part)
    assert set(differing(clean, dirty)) == {predictor.name for predictor in quick()}


def test_a_family_is_left_out_with_all_of_its_rows(experience: Experience) -> None:
    names = [task.name for task in experience.tasks]
    families = {names[TARGET]: "like", names[4]: "like"}
    clean, dirty = (
        leaving_out.leave_out(given, [CostOnly(), BoostedTrees(trees=10, threads=1, folds=2)], families=families)
        for given in (experience, poisoned(experience, TARGET, 4))
    )
    of_family = [[outcome for outcome in found if outcome.task.name in families] for found in (clean, dirty)]
    assert len(of_family[0]) == 2
    assert differing(*of_family) == []
    assert all(set(outcome.left_out) == {experience.fingerprints[i] for i in (TARGET, 4)} for outcome in of_family[0])


def test_what_never_held_the_target_predicts_the_same(experience: Experience) -> None:
    """Encodings are computed once for all rows: those of the target are not what its predictions come from."""
    part = (experience.fingerprints[TARGET],)
    without = experience.without(part)
    rebuilt = Experience(
        graphs=without.graphs,
        hashes=without.hashes,
        task_index=without.task_index,
        tasks=without.tasks,
        accuracy=without.accuracy,
        seeds=without.seeds,
    )
    (outcome,) = leaving_out._fold(experience, quick(), part)
    rows = np.flatnonzero(experience.group == TARGET)
    graphs = experience.graphs.take(rows[np.unique(experience.hashes[rows], return_index=True)[1]])
    for learner in quick():
        said = learner.fit(rebuilt).predict(graphs, outcome.task)
        np.testing.assert_allclose(outcome.predictions[learner.name].value, said.value, rtol=0, atol=1e-6)


def test_the_dataset_blind_ranking_and_the_core_know_nothing_of_the_target(experience: Experience) -> None:
    dirty = poisoned(experience, TARGET)
    assert core_networks(experience) == core_networks(dirty)
    part = (experience.fingerprints[TARGET],)
    tables = []
    for given in (experience, dirty):
        outcomes = leaving_out._fold(given, [CostOnly()], part)
        table = core_table(given, outcomes, ["cost-only"], "")
        assert table is not None
        tables.append(table.of("dataset-blind")[0].points)
    assert tables[0][1] == tables[1][1]
    assert tables[0][0] != tables[1][0]
    other = blind_ranking(poisoned(experience, 0).without(part), experience.hashes[:12])
    assert not np.array_equal(other, blind_ranking(experience.without(part), experience.hashes[:12]))


def test_a_task_is_the_same_whatever_was_trained_on_its_dataset(tmp_path: Path) -> None:
    tasks = []
    for name, worth in (("clean", 0.8), ("poisoned", 0.1)):
        with Database.open(tmp_path / f"{name}.duckdb") as database:
            dataset = dataset_record("made-up")
            recipe = recipe_record(Recipe())
            curve = [worth] * Recipe().epochs
            network = get_space("nb201").decode_batch(np.zeros((1, 6), np.int64)).architecture(0).canonical
            database.add_experiments([
                experiment_entry(
                    dataset=dataset,
                    recipe=recipe,
                    architecture=ArchitectureRecord(network.hash, to_json(network), "nb201", {}),
                    accuracy=worth,
                    test_accuracy=worth,
                    curve=curve,
                    train_losses=curve,
                    depth_accuracies=[worth],
                )
            ])  # fmt: skip
            database.add_probes([probe_entry(dataset)])
            tasks.append(load_experience(database).tasks)
    assert tasks[0] == tasks[1]
