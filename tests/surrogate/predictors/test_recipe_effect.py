"""`RecipeEffect`: what a recipe does to the mean of a task, as trainings, the probe and its ladder tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.beyond_experience import BeyondExperience
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.recipe_effect import (
    ASSUMED,
    FADES,
    OWN,
    PRIOR,
    USUAL_GAINS,
    RecipeEffect,
    doublings,
    fading,
    usual_tasks,
    widened,
)
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(6, 40)


def again(experience: Experience, recipe: str, shift: float, **changed: int) -> Experience:
    """The experience, and all of its tasks by another recipe too, which adds `shift` logits to every accuracy."""
    tasks = tuple(replace(task, recipe=recipe, **changed) for task in experience.tasks)
    n, d = len(experience), len(tasks)
    both = np.concatenate([np.arange(n), np.arange(n)])
    return Experience(
        graphs=experience.graphs.take(both),
        hashes=experience.hashes[both],
        task_index=np.concatenate([experience.task_index, experience.task_index + d]),
        tasks=(*experience.tasks, *tasks),
        accuracy=np.concatenate([experience.accuracy, from_logit(to_logit(experience.accuracy) + shift)]),
        seeds=experience.seeds[both],
    )


SIDE, GAIN, LARGER, SPREAD = 3, 6, 7, 0.5
"""Where `PRIOR` has the effects of the side, and of what the probe gains by longer training and by larger images, which
counts by the side and then by what is learned; those that count by spreads follow. A spread, in logits."""


def test_doublings_beyond_the_usual_fade_and_those_below_do_not() -> None:
    assert doublings(500, 2000) == -2
    assert doublings(2000, 2000) == 0
    assert doublings(4000, 2000) == pytest.approx(FADES * (1 - np.exp(-1 / FADES)))
    assert doublings(2000 * 2**100, 2000) == pytest.approx(FADES)


def test_the_recipe_of_most_rows_is_the_usual_one(experience: Experience) -> None:
    both = again(experience, "other", 0.0)
    fewer = both.take(np.concatenate([np.arange(len(experience)), [len(experience)]]))
    assert usual_tasks(fewer).tolist() == list(range(len(experience.tasks)))


def test_without_other_recipes_their_effect_is_the_priors(experience: Experience) -> None:
    effect = RecipeEffect().fit(experience)
    task = replace(experience.tasks[0], recipe="other", image_side=64)
    value, error = effect.predict(task, 0.5)
    assert value == pytest.approx(2 * (PRIOR[SIDE] + PRIOR[LARGER] * USUAL_GAINS[1]))  # two octaves of side
    assert error > 2 * OWN[SIDE]
    assert effect.predict(experience.tasks[0], 0.5) == (0.0, 0.0)
    assert effect.usual(task).image_side == experience.tasks[0].image_side


def test_the_effect_of_one_recipe_is_learned_by_hand_computed_shrinkage(experience: Experience) -> None:
    effect = RecipeEffect().fit(experience)
    task = replace(experience.tasks[0], recipe="other", image_side=32)
    effect.learn([task], np.array([1.0]), np.array([1e9]), np.array([1.0]))
    # an octave of side, .15 ± .10, and .45 logits of the probe's at .30 ± .30: .285, of variance .0100 + .0182; the
    # datum's own is .20² + (.45 x .10)² of its dataset, and .22² = .0484
    before, of_side, of_all, of_dataset, of_task = 0.285, 0.0100, 0.0282, 0.0420, 0.0484
    part = of_side / (of_all + of_dataset + of_task)
    assert effect.effects_[SIDE] == pytest.approx(0.15 + part * (1.0 - before), abs=1e-3)
    np.testing.assert_allclose(effect.effects_[:SIDE], PRIOR[:SIDE], atol=1e-9)
    own, error = effect.predict(task, 1.0)  # of its own dataset it says more
    here = of_all + of_dataset
    assert own == pytest.approx(before + here / (here + of_task) * (1.0 - before), abs=1e-3)
    assert error == pytest.approx(np.sqrt(here * of_task / (here + of_task) + of_task), abs=1e-3)
    other, wider = effect.predict(replace(task, fingerprint="another"), 1.0)
    assert other == pytest.approx(float(effect.effects_[SIDE] + effect.effects_[LARGER] * USUAL_GAINS[1]))
    assert wider > error


def test_what_trainings_on_a_dataset_tell_of_another_recipe_there() -> None:
    """Nine datasets gain little by larger images and the tenth a logit an octave: it will by two octaves, too."""
    told = synthetic_experience(10, 8).tasks
    effect = RecipeEffect().fit(synthetic_experience(10, 8))
    large = [replace(task, recipe="large", image_side=32) for task in told]
    shift = np.array([0.1] * 9 + [1.0])
    effect.learn(large, shift, np.full(10, 30.0), np.full(10, 0.5))
    said = [effect.predict(replace(task, recipe="larger", image_side=64), 0.5)[0] for task in told]
    assert max(said[:-1]) < 0.5
    assert said[-1] > 0.8
    assert effect.predict(replace(told[-1], fingerprint="unseen", recipe="large", image_side=32), 0.5)[0] < 0.3


def test_a_recipe_that_takes_fewer_images_than_there_are_has_less_than_the_usual(experience: Experience) -> None:
    effect, task = RecipeEffect().fit(experience), experience.tasks[0]
    fewer = replace(task, recipe="fewer", train_images=task.train_images // 4, available_images=task.train_images)
    assert effect.columns(fewer)[1] == pytest.approx(-2)
    seen = np.log2(fewer.images_seen / task.images_seen)
    by_spread = PRIOR[LARGER + 2] + PRIOR[LARGER + 3]
    learned = PRIOR[GAIN] * USUAL_GAINS[0] + 0.5 * by_spread  # of it less, by a spread of .5
    assert effect.predict(fewer, 0.5)[0] == pytest.approx(-2 * PRIOR[1] + seen * learned)
    all_there_are = replace(fewer, available_images=fewer.train_images)
    assert effect.columns(all_there_are)[1] == 0


def test_what_mirroring_and_mixing_take_is_not_laid_to_the_larger_images_that_came_with_it(
    experience: Experience,
) -> None:
    effect, told = RecipeEffect().fit(experience), synthetic_experience(24, 2).tasks
    plain = [replace(task, recipe="large", image_side=32) for task in told]
    mixed = [replace(task, recipe="mixed", image_side=32, regularisers=2) for task in told]
    assert not effect.is_usual(replace(told[0], recipe="mirrored", mirrored=True))
    shift = np.array([0.2] * len(plain) + [-0.2] * len(mixed))
    n = len(shift)
    effect.learn([*plain, *mixed], shift, np.full(n, 30.0), np.full(n, 0.5))
    assert effect.predict(plain[0], 0.5)[0] == pytest.approx(0.2, abs=0.05)
    assert effect.predict(mixed[0], 0.5)[0] == pytest.approx(-0.2, abs=0.1)


@pytest.mark.parametrize(("changed", "epochs"), [(0.25, 6), (4.0, 24)])
def test_a_smaller_step_is_as_good_as_less_training_but_for_being_off(
    experience: Experience, changed: float, epochs: int
) -> None:
    """A rate of a quarter, or a batch four times as large, learns as much as half of the 12 epochs do."""
    told = replace(experience, tasks=tuple(replace(task, step=1e-4) for task in experience.tasks))
    effect, task = RecipeEffect().fit(told), told.tasks[0]
    step, longer = (
        effect.predict(replace(task, recipe="other", **other), 0.5)[0]  # type: ignore[arg-type]
        for other in ({"step": changed * task.step}, {"epochs": epochs})
    )
    assert step == pytest.approx(longer + 4 * 0.5 * PRIOR[-1])
    assert (longer > 0) == (epochs > 12)
    assert effect.predict(replace(task, recipe="unknown", step=0.0), 0.5)[0] == 0.0


def test_mirroring_costs_more_where_networks_differ_more(experience: Experience) -> None:
    effect = RecipeEffect().fit(experience)
    mirrored = replace(experience.tasks[0], recipe="mirrored", mirrored=True)
    assert effect.predict(mirrored, 1.0)[0] == pytest.approx(5 * effect.predict(mirrored, 0.2)[0]) == PRIOR[-2]


def test_more_images_than_usual_bring_more_than_as_many_fewer_take(experience: Experience) -> None:
    effect, task = RecipeEffect().fit(experience), experience.tasks[0]
    numbers = (4 * effect.most_images_, effect.most_images_ // 2)
    by = [replace(task, recipe="images", train_images=n, available_images=10**6) for n in numbers]
    assert [effect._explained(one, 0.5)[0][2] for one in by] == [pytest.approx(fading(2.0)), 0.0]


def test_doublings_fade_beyond_the_usual_alone() -> None:
    assert fading(-3.0) == -3.0
    assert fading(0.0) == 0.0
    assert 0.9 < fading(1.0) < 1.0
    assert fading(9.0) - fading(8.0) < fading(2.0) - fading(1.0)
    assert fading(90.0) <= FADES


def test_a_task_that_gets_farther_spreads_more_and_one_that_gets_less_far_no_less() -> None:
    assert widened(0.0) == 1.0
    assert widened(1.0) == pytest.approx(1.5)
    assert (widened(-1.0), widened(-9.0), widened(9.0)) == (1.0, 1.0, 2.0)


def test_an_unknown_recipe_that_trains_longer_spreads_a_task_by_as_much_as_it_raises_it(experience: Experience) -> None:
    scale = RelativeScale().fit(experience)
    usual, longer = experience.tasks[0], replace(experience.tasks[0], recipe="longer", epochs=24)
    shift = scale.of(longer).mean - scale.of(usual).mean
    assert shift > 0
    assert scale.of(longer).spread == pytest.approx(widened(shift) * scale.of(usual).spread)


def laddered(task: Task, gain: float, rung: str = "thrice-epochs") -> Task:
    """The task, its probe having gained `gain` logits by each doubling of what it sees, or of the side."""
    more = np.log2({"thrice-epochs": 3.0, "twice-side": 2.0}[rung])
    reached = float(from_logit(to_logit(task.dcn) + gain * more))
    return replace(task, description=(*task.description, (f"ladder:{rung}", reached)))


def test_what_the_probe_gains_by_longer_training_tells_what_networks_gain() -> None:
    """42 datasets whose networks gain 1.2 times what their probes do, up to a third of a logit a doubling."""
    experience, rng = synthetic_experience(42, 8), np.random.default_rng(0)
    gains = {name: float(gain) for name, gain in zip(experience.fingerprints, rng.uniform(0.05, 0.35, 42), strict=True)}
    told = replace(experience, tasks=tuple(laddered(task, gains[task.fingerprint]) for task in experience.tasks))
    effect = RecipeEffect().fit(told)
    longer = [replace(task, recipe="long", epochs=4 * task.epochs) for task in told.tasks]
    x = fading(2.0)
    shift = np.array([1.2 * gains[task.fingerprint] * x for task in longer])
    effect.learn(longer[:40], shift[:40], np.full(40, 30.0), np.full(40, SPREAD))
    for task, true in zip(longer[40:], shift[40:], strict=True):
        said, error = effect.predict(replace(task, fingerprint="unseen"), SPREAD)
        assert said == pytest.approx(true, abs=0.06 * x)
        silent = replace(task, fingerprint="unseen", description=experience.tasks[0].description)
        usually = (1.0, *effect.usual_gains_, SPREAD)  # what datasets gain, the median
        by = effect.effects_[[0, GAIN, LARGER + 1, LARGER + 2]] * usually
        assert effect.predict(silent, SPREAD)[0] == pytest.approx(x * by.sum())
        assert effect.predict(silent, SPREAD)[1] > error


def test_what_the_probe_gains_by_larger_images_tells_what_networks_gain() -> None:
    """42 datasets whose networks gain as much by twice the side as their probes do, and some by longer training."""
    experience, rng = synthetic_experience(42, 8), np.random.default_rng(0)
    gains = {name: float(gain) for name, gain in zip(experience.fingerprints, rng.uniform(0.0, 0.9, 42), strict=True)}
    tasks = tuple(laddered(task, gains[task.fingerprint], "twice-side") for task in experience.tasks)
    effect = RecipeEffect().fit(replace(experience, tasks=tasks))
    assert effect.usual_gains_[0] == USUAL_GAINS[0]
    assert effect.usual_gains_[1] == pytest.approx(np.median(list(gains.values())))
    larger = [replace(task, recipe="large", image_side=2 * task.image_side) for task in tasks]
    longer = [replace(task, recipe="long", epochs=4 * task.epochs) for task in tasks]
    by_side = np.array([gains[task.fingerprint] for task in tasks])
    known, shift = [*larger[:40], *longer[:40]], np.append(by_side[:40], 0.3 * fading(2.0) * by_side[:40])
    effect.learn(known, shift, np.full(80, 30.0), np.full(80, SPREAD))
    for large, long, true in zip(larger[40:], longer[40:], by_side[40:].tolist(), strict=True):
        assert effect.predict(replace(large, fingerprint="unseen"), SPREAD)[0] == pytest.approx(true, abs=0.12)
        assert effect.predict(replace(long, fingerprint="unseen"), SPREAD)[0] == pytest.approx(
            0.3 * fading(2.0) * true, abs=0.12
        )


def test_a_network_trained_by_both_recipes_is_compared_with_itself() -> None:
    """However wrong its prediction, half a logit that each network gains counts as that; the prior says less."""
    both = again(synthetic_experience(24, 20), "large", 0.5, image_side=32)
    scale = RelativeScale().fit(both)
    scale.refine(both, np.full(len(both), -2.0))
    shift, _ = scale.effect_.predict(both.tasks[-1], scale.usual(both.tasks[-1]).spread)
    assert 0.4 < shift < 0.5


def test_longer_trainings_and_larger_images_are_predicted_to_reach_higher(experience: Experience) -> None:
    predictor = KernelRidge(folds=2)
    predictor._learn(again(experience, "longer", 0.8, epochs=48).take(np.arange(len(experience) + 60)))
    inputs, task = experience.graphs.take(np.arange(30)), experience.tasks[3]
    usual = predictor._estimate(Inputs(inputs, task)).value.mean()
    for changed in ({"epochs": 48}, {"epochs": 200}, {"image_side": 32}, {"train_images": 50_000}):
        other = replace(task, recipe="yet another", **changed)  # type: ignore[arg-type]
        estimate = predictor._estimate(Inputs(inputs, other))
        assert estimate.value.mean() > usual, changed
        assert estimate.beyond is not None
        assert (estimate.beyond > 0).all()


def _elsewhere(experience: Experience, assumed: tuple[str, ...]) -> Experience:
    """With trainings of ten times the epochs that gained a logit, done elsewhere: these fields were assumed."""
    both = again(experience, "own", 1.0, epochs=10 * experience.tasks[0].epochs)
    return replace(both, tasks=tuple(replace(t, assumed=assumed) if t.recipe == "own" else t for t in both.tasks))


def test_a_recipe_that_does_not_tell_its_epochs_teaches_nothing_of_what_these_do(experience: Experience) -> None:
    learned = {}
    for assumed in ((), ("epochs",)):
        known = _elsewhere(experience, assumed)
        scale = RelativeScale().fit(known)
        scale.refine(known, scale.relative(known))
        learned[assumed] = scale.effect_.effects_
        beyond = BeyondExperience().fit(known, scale.relative(known), scale.effect_)
        longest = scale.effect_.columns(known.tasks[-1])[0]
        assert (beyond.most_by_[0] == pytest.approx(longest)) == (not assumed)
    prior = RecipeEffect().fit(experience).effects_
    np.testing.assert_allclose(learned["epochs",], prior)
    assert learned[()][0] > prior[0]


def test_what_was_assumed_of_a_training_is_doubted(experience: Experience) -> None:
    effect, task = RecipeEffect().fit(experience), replace(experience.tasks[0], recipe="own", image_side=24)
    value, error = effect.predict(task, 0.5)
    same, larger = effect.predict(replace(task, assumed=("epochs", "train_images")), 0.5)
    assert same == value
    assert larger == pytest.approx(np.sqrt(error**2 + 2 * ASSUMED**2))
