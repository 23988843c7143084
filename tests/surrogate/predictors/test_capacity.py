"""Trends of capacity, novelty and what they make of networks beyond experience."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders import scaled_down
from presage.architecture.operations import KIND, GroupNorm
from presage.architecture.spaces import NB201
from presage.surrogate.data.encoding import Inputs, capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.predictors.beyond_experience import SHARE, UNKNOWN, BeyondExperience, _repeated
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.capacity import CapacityTrend
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.novelty import Novelty
from presage.surrogate.predictors.prediction import extrapolation_of
from presage.surrogate.predictors.recipe_effect import (
    RecipeEffect,
)
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(6, 40)


def test_slopes_within_a_task_are_found_and_gains_are_those_between_early_and_late(experience: Experience) -> None:
    size = capacities(experience.features)
    late = np.empty(len(experience))
    early = np.empty(len(experience))
    for _, rows in experience.rows_by_task():
        depth, multiply_adds, _ = ((size[rows] - size[rows].mean(axis=0)) / size[rows].std(axis=0)).T
        early[rows], late[rows] = multiply_adds, depth + multiply_adds  # what is deep needs longer
    known = replace(experience, accuracy=from_logit(late), early=from_logit(early), _source=None)
    effect = RecipeEffect().fit(known)
    trend = CapacityTrend().fit(known, late, effect)
    assert trend.slopes_[0] > 0.3
    assert trend.slopes_[1] > 0.3
    assert trend.by_training_[0] > 0.1
    assert abs(trend.by_training_[1]) < 0.05
    longer = replace(experience.tasks[0], epochs=1000)
    assert np.corrcoef(trend.gain(size, effect.columns(longer)), size[:, 0])[0, 1] > 0.5
    assert not trend.gains(effect.columns(experience.tasks[0])).any()


def test_known_networks_are_familiar_and_a_crowd_elsewhere_is_not(experience: Experience) -> None:
    half = len(experience) // 2
    novelty = Novelty().fit(experience.features[:half])
    assert np.median(novelty(experience.features[half:])) < 1.2
    assert (novelty(experience.features[half:] + 50) > 2).mean() > 0.9


@pytest.mark.parametrize("predictor", [BoostedTrees(trees=30, threads=1, folds=2), KernelRidge(folds=2)])
def test_large_networks_are_ranked_as_their_twins_and_said_to_be_far(
    predictor: BoostedTrees | KernelRidge, experience: Experience
) -> None:
    predictor._learn(experience)
    task = experience.tasks[0]
    codes = NB201().sample(60, np.random.default_rng(3))
    small, large = (
        predictor._estimate(Inputs(NB201(cells=some, width=width).decode_batch(codes), task))
        for some, width in ((1, 8), (8, 64))
    )
    assert small.distance is not None
    assert large.distance is not None
    assert np.median(small.distance) < 0.1 < np.median(large.distance)
    assert np.corrcoef(to_logit(small.value), to_logit(large.value))[0, 1] > 0.5
    assert large.beyond is not None
    assert large.beyond.mean() > 0.01


@pytest.mark.parametrize("cells", [8, 1])
def test_beyond_the_largest_known_networks_trends_go_on_and_the_twin_speaks_of_repeats(
    cells: int, experience: Experience
) -> None:
    """Of two views the trends remain where nothing is learned: from the largest known network on, and from the twin of
    a network that repeats its cells; where the twin is as long as the network, it says nothing."""
    relative = RelativeScale().fit(experience).relative(experience)
    effect = RecipeEffect().fit(experience)
    beyond = BeyondExperience().fit(experience, relative, effect)
    beyond.trend_.slopes_ = np.array([0.0, 0.5, 0.0])
    task = experience.tasks[0]
    codes = NB201().sample(20, np.random.default_rng(3))
    inputs = Inputs(NB201(cells=cells, width=64).decode_batch(codes), task)
    found = beyond.apply(inputs, effect.columns(task), lambda some: np.zeros(len(some.graphs)), 9.0).relative
    size = inputs.capacities
    larger, _ = beyond.distances(size, effect.columns(task))
    assert (larger > 1.0).all()
    _, twins = inputs.beyond(np.arange(20), beyond._unlike, larger > 0)
    assert twins is not None
    _, twin, unlike = twins
    own = under(0.5 * (size[:, 1] - beyond.most_[1]))
    grown = under(0.5 * (size[:, 1] - twin.capacities[:, 1])) + unlike * beyond.trend_.usual(twin.capacities)
    nodes, left = (np.bincount(graphs.graph, minlength=20) for graphs in (inputs.graphs, twin.graphs))
    told = (1 - left / nodes) ** 2
    assert (told > 0.3).all() if cells > 1 else (left == nodes).all()
    np.testing.assert_allclose(found, (1 - told) * own + told * grown)


def test_what_repeats_is_told_of_the_networks_that_were_asked_about() -> None:
    codes = NB201().sample(3, np.random.default_rng(3))
    graphs = GraphBatch.concatenate([NB201(cells=cells).decode_batch(codes) for cells in (1, 8, 3)])
    rows = np.array([4, 7, 0])
    told = _repeated(graphs, rows, scaled_down(graphs, (3, 16, 16), rows))
    every = _repeated(graphs, np.arange(9), scaled_down(graphs, (3, 16, 16)))
    np.testing.assert_array_equal(told, every[rows])
    assert told[0] > told[1] > told[2] == 0


def under(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values > 0, -np.expm1(-values), values)


def test_a_network_of_operations_that_no_known_one_has_is_doubted_and_ranked_as_before(experience: Experience) -> None:
    has = np.bincount(experience.graphs.graph, experience.graphs.kind == KIND[GroupNorm], len(experience)) > 0
    assert 10 < has.sum() < len(experience) / 2
    rows = np.flatnonzero(has & (experience.task_index == 0))
    estimates = []
    for known in (experience.take(~has), experience.take(np.arange(len(experience)))):
        predictor = KernelRidge(folds=2)
        predictor._learn(known)
        estimates.append(predictor._estimate(experience.inputs(rows, experience.tasks[0])))
        strange = predictor.beyond_.strange(experience.graphs.take(rows))
        assert strange.all() == (len(known) < len(experience))
    unknown, familiar = estimates
    assert unknown.beyond is not None
    assert familiar.beyond is not None
    assert unknown.distance is not None
    spread = experience.accuracy[experience.task_index == 0].std()
    assert (unknown.beyond > familiar.beyond + 0.4 * spread).all()
    assert (unknown.distance >= UNKNOWN).all()


def test_what_a_few_trainings_reached_is_not_known_and_what_many_did_is(experience: Experience) -> None:
    large = NB201(cells=3, width=64).decode_batch(NB201().sample(len(experience), np.random.default_rng(5)))

    def reach(count: int) -> float:
        rows = np.arange(len(experience) - count)
        graphs = GraphBatch.concatenate([experience.graphs.take(rows), large.take(np.arange(count))])
        known = replace(experience, graphs=graphs)
        scale = RelativeScale().fit(known)
        beyond = BeyondExperience().fit(known, scale.relative(known), scale.effect_)
        return float(beyond.distances(capacities(Inputs(large, known.tasks[0]).features), np.zeros(3))[0].mean())

    few = len(experience) // SHARE
    assert reach(few // 2) > 0.9 * reach(0) > 0.0
    assert reach(len(experience) // 3) < 0.1 * reach(0)


@pytest.mark.parametrize(("distance", "word"), [(0.0, "within"), (0.3, "near"), (1.0, "beyond"), (9.0, "far")])
def test_a_distance_is_one_word(distance: float, word: str) -> None:
    assert extrapolation_of(distance) == word
