"""Every predictor keeps the contract, and those that learn recover what the synthetic experience is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.errors import InvalidArgument, InvalidExperience, UnknownName
from presage.surrogate import metrics
from presage.surrogate.data.encoding import Inputs, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean, NearestDataset
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.registry import PREDICTORS, get_predictor
from presage.surrogate.testing import PredictorContract, synthetic_experience, synthetic_task, true_accuracy


class TestBoostedTrees(PredictorContract):
    least_tau, most_mse = 0.75, 0.004

    def make(self) -> Predictor:
        return BoostedTrees(trees=60, threads=1, folds=3)


class TestKernelRidge(PredictorContract):
    least_tau, most_mse = 0.75, 0.004

    def make(self) -> Predictor:
        return KernelRidge(folds=3)


class TestDatasetMean(PredictorContract):
    most_mse = 0.05

    def make(self) -> Predictor:
        return DatasetMean()


class TestCostOnly(PredictorContract):
    least_tau, most_mse = 0.3, 0.03

    def make(self) -> Predictor:
        return CostOnly()


class TestNearestDataset(PredictorContract):
    least_tau, most_mse = 0.4, 0.03

    def make(self) -> Predictor:
        return NearestDataset()


def test_dataset_mean_by_hand() -> None:
    experience = synthetic_experience(2, 4).take([0, 1, 4, 5])
    one, other = (replace(task, dcn=dcn) for task, dcn in zip(experience.tasks, (0.4, 0.5), strict=True))
    given = replace(experience, accuracy=np.array([0.2, 0.4, 0.7, 0.9]), tasks=(one, other), _source=None)
    predictor = DatasetMean(bandwidth=0.1).fit(given)
    z = to_logit([0.2, 0.4, 0.7, 0.9]).reshape(2, 2).mean(axis=1)
    for dcn in (0.4, 0.47, 0.9):
        weight = np.exp(-0.5 * ((np.array([0.4, 0.5]) - dcn) / 0.1) ** 2)
        expected = from_logit(weight @ z / weight.sum())
        value = predictor.predict(given.graphs, replace(one, dcn=dcn)).value
        np.testing.assert_allclose(value, expected)


def test_nearest_dataset_recalls_the_same_network_on_the_dataset_of_nearest_dcn() -> None:
    experience = synthetic_experience(6, 30)
    predictor = NearestDataset(neighbours=1).fit(experience)
    task = experience.tasks[3]
    rows = np.flatnonzero(experience.task_index == 3)
    value = predictor.predict(experience.graphs.take(rows), replace(task, fingerprint="f" * 64)).value
    same = np.isclose(value, experience.accuracy[rows], atol=1e-6)
    assert same.mean() > 0.9  # two different networks may share every feature


def test_nearest_dataset_recalls_by_the_recipe_that_the_dataset_has_most_networks_of() -> None:
    plain = synthetic_experience(4, 20)
    lone = [replace(task, recipe="another", epochs=60) for task in plain.tasks]  # one network of each by another recipe
    given = replace(
        plain.take(np.append(np.arange(len(plain)), [0, 20, 40, 60])),
        task_index=np.append(plain.task_index + 4, np.arange(4)),
        tasks=(*lone, *plain.tasks),
        _source=None,
    )
    asked = replace(plain.tasks[2], fingerprint="f" * 64)
    before = NearestDataset().fit(plain).predict(plain.graphs, asked).value
    found = NearestDataset().fit(given).predict(plain.graphs, asked).value
    assert np.isclose(found, before).mean() > 0.9  # the scale of features is that of all rows


def test_trees_beat_every_baseline_on_datasets_left_out() -> None:
    experience = synthetic_experience(14, 40, seed=1)
    tasks = [synthetic_task(number, seed=1) for number in (2001, 2002, 2003)]
    graphs = experience.graphs.take(np.random.default_rng(0).choice(len(experience), 80, replace=False))
    taus = {}
    for predictor in (BoostedTrees(trees=60, threads=1, folds=2), DatasetMean(), CostOnly(), NearestDataset()):
        predictor.fit(experience)
        truths = [true_accuracy(graphs, task, seed=1) for task in tasks]
        found = [predictor.predict(graphs, task).value for task in tasks]
        taus[predictor.name] = np.mean([metrics.kendall_tau(*pair) for pair in zip(truths, found, strict=True)])
    assert taus["boosted-trees"] > 0.05 + max(taus[name] for name in taus if name != "boosted-trees")


def test_kernel_ridge_ranks_otherwise_by_a_recipe_that_ranks_otherwise() -> None:
    """After eight times the epochs the known datasets have the networks the other way round."""
    usual = synthetic_experience()
    n, d = len(usual), len(usual.tasks)
    turned = np.empty(n)
    for _, rows in usual.rows_by_task():
        turned[rows] = from_logit(2 * to_logit(usual.accuracy[rows]).mean() - to_logit(usual.accuracy[rows]))
    both = Experience(
        graphs=GraphBatch.concatenate([usual.graphs, usual.graphs]),
        hashes=np.concatenate([usual.hashes, usual.hashes]),
        task_index=np.concatenate([usual.task_index, usual.task_index + d]),
        tasks=(*usual.tasks, *(replace(task, epochs=96, recipe="q" * 64) for task in usual.tasks)),
        accuracy=np.concatenate([usual.accuracy, turned]),
        seeds=np.zeros(2 * n, np.int64),
    )
    out = np.isin(both.group, [0, 1, 2])
    taus = {}
    for share in (0.0, 0.5):
        predictor = KernelRidge(recipe_share=share, folds=2).fit(both.take(~out))
        of_recipe: dict[str, list[float]] = {}
        for task, rows in both.rows_by_task():
            if out[rows[0]]:
                found = predictor.interval_of(both.inputs(rows, task)).value
                of_recipe.setdefault(task.recipe[0], []).append(metrics.kendall_tau(both.accuracy[rows], found))
        taus[share] = {recipe: float(np.mean(values)) for recipe, values in of_recipe.items()}
    assert min(taus[0.5].values()) > 0.6
    assert min(taus[0.0].values()) < 0.1  # one ranking for both recipes is right for one at most


def test_networks_trained_on_the_target_move_its_mean_and_not_its_ranking_far() -> None:
    experience = synthetic_experience(12, 40)
    own = np.flatnonzero(experience.group == 2)
    few = experience.take(np.concatenate([np.flatnonzero(experience.group != 2), own[:5]]))
    misled = replace(experience.tasks[2], dcn=0.6)  # its probe says much easier than it is
    few = replace(few, tasks=tuple(misled if t.name == misled.name else t for t in few.tasks), _source=None)
    rest, truth = experience.graphs.take(own[5:]), experience.accuracy[own[5:]]
    none = BoostedTrees(trees=40, threads=1, folds=2).fit(few.without([misled.fingerprint])).predict(rest, misled)
    five = BoostedTrees(trees=40, threads=1, folds=2).fit(few).predict(rest, misled)
    assert metrics.mse(truth, five.value) < 0.5 * metrics.mse(truth, none.value)
    assert metrics.kendall_tau(five.value, none.value) > 0.8


def test_features_that_are_not_finite_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    experience = synthetic_experience(3, 20)
    predictor = BoostedTrees(trees=5, threads=1, folds=2).fit(experience)
    inputs = Inputs(experience.graphs.take([0, 1]), experience.tasks[0])
    features = inputs.features.copy()
    features[1, 2] = np.nan
    inputs.__dict__["features"] = features
    with pytest.raises(InvalidExperience, match=rf"Got nan for `{feature_names()[2]}` of architecture 1"):
        predictor.interval_of(inputs)


def test_no_architectures_give_an_empty_prediction() -> None:
    experience = synthetic_experience(3, 20)
    predictor = BoostedTrees(trees=5, threads=1, folds=2).fit(experience)
    assert len(predictor.predict(GraphBatch.of(()), experience.tasks[0])) == 0


def test_names_and_settings() -> None:
    assert isinstance(get_predictor("boosted-trees", trees=7), BoostedTrees)
    assert get_predictor("boosted-trees", trees=7).settings()["trees"] == 7
    for name in PREDICTORS:
        assert PREDICTORS.load(name).name == name
    with pytest.raises(UnknownName, match="Did you mean `boosted-trees`"):
        get_predictor("bosted-trees")
    with pytest.raises(UnknownName, match="Did you mean `trees`"):
        get_predictor("boosted-trees", tree=7)
    with pytest.raises(InvalidArgument, match="`folds` of `CostOnly` must be at least 2"):
        CostOnly(folds=1).fit(synthetic_experience(2, 4))
