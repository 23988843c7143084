"""Conditioning: the posterior by hand, intervals that hold for every k, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from presage import surrogate
from presage.errors import InvalidArgument
from presage.surrogate import metrics
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.baselines import CostOnly
from presage.surrogate.predictors.conditioning import SHOTS, ConditionedPredictor, Conditioner
from presage.surrogate.predictors.conformal import ConformalIntervals
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.residual_process import BEYOND, MOST_ERROR, ResidualProcess
from presage.surrogate.testing import synthetic_experience, synthetic_task

Floats = np.ndarray


def process(offset: float, tilt: float, like: float, noise: float, length: float) -> ResidualProcess:
    made = ResidualProcess()
    made.logs_ = np.log([offset, tilt, like, noise, length])
    made.centre_, made.deviation_, made.length_ = np.zeros(2), np.ones(2), 1.0
    return made


def test_one_trained_network_by_hand() -> None:
    known = process(offset=0.2, tilt=1e-12, like=0.6, noise=1.0, length=2.0)
    before = Estimate(np.array([0.5]), np.array([0.4 * slope(0.5)]))
    observations = known.observations(np.zeros((1, 2), np.float32), before, from_logit(np.array([0.3])))
    near, far = np.zeros((1, 2), np.float32), np.full((1, 2), 3.0, np.float32)
    for features, distance in ((near, 0.0), (far, 18**0.5)):
        scaled = 3**0.5 * distance / 2
        matern = (1 + scaled) * np.exp(-scaled)
        gain = (0.2 + 0.6 * matern) / (0.2 + 0.6 + 1.0)
        after = known.posterior(observations, features, before)
        assert to_logit(after.value)[0] == pytest.approx(gain * 0.3, abs=1e-6)
        shrink = np.sqrt(1 - gain**2)  # (prior − c²/prior)/prior
        assert after.std_error[0] == pytest.approx(0.4 * shrink * slope(after.value)[0], rel=1e-6)


def test_what_lies_beyond_experience_is_all_networks_alike_and_one_tells_of_it() -> None:
    """A recipe never seen: the doubt of it is shared, however unlike the networks are."""
    known = process(offset=0.05, tilt=1e-12, like=1e-9, noise=1.0, length=1.0)
    before = Estimate(np.array([0.5]), np.array([0.3 * slope(0.5)]), np.array([0.6 * slope(0.5)]))
    features = np.zeros((1, 2), np.float32)
    observations = known.observations(features, before, from_logit(np.array([0.5])))
    after = known.posterior(observations, features + 9, before)
    shared = 0.05 * 0.3**2 + BEYOND * 0.6**2
    gain = shared / (shared + 0.3**2)
    assert to_logit(after.value)[0] == pytest.approx(gain * 0.5, abs=1e-6)
    whole, left = np.hypot(0.3, 0.6), np.sqrt(1 - gain**2)  # prior: shared + noise
    assert after.std_error[0] == pytest.approx(whole * left * slope(after.value)[0], rel=1e-6)


def test_networks_that_spread_more_than_predicted_stretch_the_others() -> None:
    known = process(offset=1e-9, tilt=0.5, like=1e-9, noise=0.1, length=1.0)
    logits = np.linspace(-1, 1, 9)
    before = Estimate(from_logit(logits), 0.4 * slope(from_logit(logits)))
    observations = known.observations(np.zeros((9, 2), np.float32), before, from_logit(1.3 * logits))
    after = to_logit(known.posterior(observations, np.zeros((9, 2), np.float32), before).value)
    assert 1.2 < after[-1] / logits[-1] < 1.3


def test_one_failed_training_counts_as_a_bounded_error() -> None:
    known = process(0.2, 0.1, 0.6, 1.0, 1.0)
    before = Estimate(np.array([0.9]), np.array([0.3 * slope(0.9)]))
    observations = known.observations(np.zeros((1, 2), np.float32), before, np.array([0.1]))
    assert observations.error[0] == pytest.approx(-MOST_ERROR * 0.3)


def simulated(datasets: int, networks: int, seed: int) -> tuple[Estimate, Experience]:
    """Left-out estimates whose errors share an offset within each dataset; 0.35 logits of it, 0.3 of noise."""
    experience = synthetic_experience(datasets, networks)
    rng = np.random.default_rng(seed)
    error = 0.35 * rng.standard_normal(datasets)[experience.group] + 0.3 * rng.standard_normal(len(experience))
    value = from_logit(to_logit(experience.accuracy) - error)
    return Estimate(value, 0.46 * slope(value)), experience


def test_intervals_hold_at_every_k_and_narrow_with_it() -> None:
    estimate, experience = simulated(28, 40, seed=0)
    train_free = ConformalIntervals(0.9).fit(estimate, experience.accuracy, experience.group)
    conditioner = Conditioner().fit(estimate, experience, train_free)
    truth_of, fresh = simulated(28, 40, seed=1)  # the same networks, errors drawn anew
    standard = conditioner.process_.standard(fresh.features)
    widths = []
    for k in (0, 1, 5, 12, 20):
        covered, width = [], []
        for dataset in range(28):
            rows = np.flatnonzero(fresh.group == dataset)
            given, rest = rows[:k], rows[20:]
            seen, unseen = (Estimate(truth_of.value[some], truth_of.std_error[some]) for some in (given, rest))
            observations = conditioner.process_.observations(fresh.features[given], seen, fresh.accuracy[given])
            answer = conditioner.interval(conditioner.process_.posterior(observations, standard[rest], unseen), k)
            covered.append(metrics.coverage(fresh.accuracy[rest], answer.lower, answer.upper))
            width.append(metrics.width(answer.lower, answer.upper))
        assert 0.86 <= np.mean(covered) <= 0.97, k
        widths.append(np.mean(width))
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.85 * widths[0]


def test_between_the_calibrated_numbers_the_width_changes_without_a_jump() -> None:
    estimate, experience = simulated(12, 70, seed=2)
    train_free = ConformalIntervals(0.9).fit(estimate, experience.accuracy, experience.group)
    conditioner = Conditioner().fit(estimate, experience, train_free)
    some = Estimate(np.array([0.5]), np.array([0.1]))
    halves = [(conditioner.interval(some, k).upper - some.value)[0] for k in range(SHOTS[-1] + 30)]
    assert halves[0] == pytest.approx(train_free.half(some)[0])
    for number, k in enumerate(SHOTS, start=1):
        assert halves[k] == pytest.approx(conditioner.intervals_[number].half(some)[0])
    assert halves[-1] == halves[SHOTS[-1]]
    assert np.abs(np.diff(np.log(halves))).max() < 0.4


def test_with_too_few_datasets_intervals_promise_nothing_at_any_k() -> None:
    estimate, experience = simulated(4, 40, seed=3)
    train_free = ConformalIntervals(0.9).fit(estimate, experience.accuracy, experience.group)
    conditioner = Conditioner().fit(estimate, experience, train_free)
    for k in (0, 3, 50):
        answer = conditioner.interval(Estimate(np.array([0.5]), np.array([0.1])), k)
        assert (answer.lower[0], answer.upper[0]) == (0, 1)


def test_accuracies_that_are_none_are_refused() -> None:
    experience = synthetic_experience(3, 10)
    graphs, task = experience.graphs.take([0, 1]), experience.tasks[0]
    with pytest.raises(InvalidArgument, match="Call `fit` first"):
        CostOnly().condition_on(graphs, [0.5, 0.5], task)
    fitted = CostOnly().fit(experience)
    with pytest.raises(InvalidArgument, match=r"one number per network \(2\)"):
        fitted.condition_on(graphs, [0.5], task)
    for bad in (np.nan, 1.5, -0.1):
        with pytest.raises(InvalidArgument, match="for network 1"):
            fitted.condition_on(graphs, [0.5, bad], task)


def test_the_old_names_serve_for_one_release_and_say_the_new_one() -> None:
    fitted = CostOnly().fit(synthetic_experience(3, 12))
    graphs, task = synthetic_experience(1, 4, seed=5).graphs, synthetic_task(9)
    with pytest.warns(DeprecationWarning, match="`condition_on`"):
        old = fitted.given(graphs, np.full(4, 0.5), task)
    new = fitted.condition_on(graphs, np.full(4, 0.5), task)
    assert isinstance(old, surrogate.InformedPredictor)
    assert surrogate.InformedPredictor is ConditionedPredictor
    np.testing.assert_array_equal(old.predict(graphs, task).lower, new.predict(graphs, task).lower)
