"""`bayes`: its model against independent references, its picks, the contracts, and a real table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument
from presage.search.samplers import acquiring, model_sampler
from presage.search.samplers.acquiring import Acquisition, best_first, unseen
from presage.search.samplers.bayes import BayesSampler
from presage.search.samplers.distributions import distributions
from presage.search.samplers.history import History
from presage.search.samplers.network_features import NetworkFeatures
from presage.search.samplers.posterior import Posterior, evened
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace()


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: BayesSampler(seed=1, initial=2)

    @pytest.fixture
    def multi_objective_sampler(self) -> Callable[[], BaseSampler]:
        return lambda: BayesSampler(seed=1, initial=2)


class TestOurContract(SamplerContract):
    several_objectives = True
    trials = 10

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: BayesSampler(seed, initial=3)


def _points(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32) / 2


def test_the_posterior_is_that_of_scikit_learn() -> None:
    points, values = _points(40), evened(np.random.default_rng(1).normal(size=(40, 2)))
    values[:, 0] = evened(points[:, :1].astype(float) ** 2 + points[:, 1:2])[:, 0]
    posterior = Posterior.of(points, values)
    others = _points(15, seed=2)
    outlook = posterior.outlook(others)
    kernel = Matern(posterior.length, nu=2.5, length_scale_bounds="fixed")
    reference = GaussianProcessRegressor(kernel, alpha=posterior.noise, optimizer=None).fit(points, values)
    mean, deviation = reference.predict(others, return_std=True)
    np.testing.assert_allclose(outlook.mean, mean, atol=2e-3)  # single precision
    # scikit-learn's variance is 1; ours is fitted for each objective
    np.testing.assert_allclose(outlook.deviation, deviation * np.sqrt(posterior.variance), rtol=1e-3)


def test_a_candidate_taken_shrinks_deviations_as_if_it_were_known() -> None:
    points, values = _points(30), evened(np.random.default_rng(1).normal(size=(30, 1)))
    posterior, others = Posterior.of(points, values), _points(12, seed=2)
    outlook = posterior.outlook(others)
    before = outlook.mean.copy()
    outlook.take(3)
    outlook.take(7)
    kernel = Matern(posterior.length, nu=2.5, length_scale_bounds="fixed")
    known = np.concatenate([points, others[[3, 7]]])
    reference = GaussianProcessRegressor(kernel, alpha=posterior.noise, optimizer=None).fit(known, np.zeros(32))
    np.testing.assert_allclose(np.sqrt(outlook.share), reference.predict(others, return_std=True)[1], atol=2e-3)
    np.testing.assert_array_equal(outlook.mean, before)


def test_evened_values_keep_their_order_and_hold_the_tail() -> None:
    values = np.array([[10.0], [91.0], [90.0], [90.5], [89.0], [90.0]])
    found = evened(values)[:, 0]
    assert found.mean() == pytest.approx(0)
    assert found.std() == pytest.approx(1)
    assert (np.diff(found[np.argsort(values[:, 0], kind="stable")]) >= -1e-12).all()
    assert found[2] == found[5]
    plain = (values[:, 0] - values.mean()) / values.std()
    assert found[0] > plain[0]  # a network that learned nothing is no further away than it must be
    np.testing.assert_array_equal(evened(np.full((4, 1), 0.3)), 0)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_any_unit_gives_the_same_and_finite_outlook(scale: float) -> None:
    points, raw = _points(20), np.random.default_rng(1).normal(size=(20, 1))
    plain = Posterior.of(points, evened(raw)).outlook(_points(5, 3))
    scaled = Posterior.of(points, evened(raw * scale)).outlook(_points(5, 3))
    np.testing.assert_allclose(scaled.mean, plain.mean, atol=1e-6)
    assert np.isfinite(scaled.deviation).all()


def test_features_are_those_of_the_network_not_of_its_code() -> None:
    features = NetworkFeatures(SPACE, (3, 8, 8), 2)
    codes = SPACE.sample(40, np.random.default_rng(1))
    first = features(codes)
    identity, none = SPACE.parameters[2].choices.index("identity"), SPACE.parameters[2].choices.index("none")
    same = codes.copy()
    same[:, 2] = np.where(codes[:, 2] == identity, none, codes[:, 2])
    np.testing.assert_allclose(features(same), first, atol=1e-6)
    np.testing.assert_array_equal(NetworkFeatures(SPACE, (3, 8, 8), 2)(codes[5:9]), first[5:9])  # kept or not


def _history(codes: np.ndarray, values: np.ndarray) -> History:
    history = History(codes.shape[1], values.shape[1])
    history.extend(codes, values)
    return history


def test_best_first_with_one_and_with_several_objectives() -> None:
    codes = np.zeros((4, 2), np.int64)
    assert best_first(_history(codes, np.array([[1.0], [3.0], [np.nan], [2.0]]))).tolist() == [1, 3, 0]
    two = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 0.5], [0.0, 0.0]])  # the second and third are the front
    assert best_first(_history(codes, two)).tolist() == [1, 2, 0, 3]


def test_what_was_tried_or_failed_is_not_tried_again() -> None:
    history = _history(np.array([[0, 1], [1, 1]]), np.array([[0.5], [np.nan]]))
    found = unseen(np.array([[1, 1], [2, 0], [0, 1], [2, 0], [0, 0]]), history)
    assert found.tolist() == [[2, 0], [0, 0]]


def test_no_two_networks_that_compute_the_same_are_proposed() -> None:
    """Of the cells of NAS-Bench-201, 15,625 codes, 6,466 are different functions."""
    space = get_space("nb201")
    sampler, history = BayesSampler(0), History(len(space.parameters))
    for trial in range(60):
        codes = space.normalise(sampler.propose(space, history, 1, (0, trial)).codes)
        plain = (codes == codes.max(axis=1, keepdims=True)).mean(axis=1)  # best where many networks are one
        history.extend(codes, plain[:, None])
    hashes = [space.decode(space.params(code)).hash for code in history.codes[sampler.initial :]]
    assert len(set(hashes)) == len(hashes)


def test_a_lucky_draw_is_not_what_must_be_improved_on() -> None:
    """One of two equal networks had luck: what is expected to improve are those near neither."""
    numbers = np.random.default_rng(0)
    codes = SPACE.sample(40, numbers)
    good = codes[:, [0]] + codes[:, [3]] + 0.3 * numbers.standard_normal((40, 1))
    lucky = good.copy()
    lucky[20] = good.max() + 1.0
    acquisition = Acquisition(_history(codes, lucky), best_first(_history(codes, lucky)), NetworkFeatures(SPACE))
    believed = acquisition._posterior.smoothed(acquisition._values)
    assert acquisition._best == pytest.approx(believed.max())
    assert acquisition._best < acquisition._values.max() - 0.2
    known = acquisition._posterior.outlook(acquisition._posterior.points).mean
    np.testing.assert_allclose(believed, known, atol=1e-4)


def test_candidates_climb_what_the_model_thinks_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space("chain")
    numbers = np.random.default_rng(0)
    codes = space.sample(30, numbers)
    history = _history(codes, codes.sum(axis=1, keepdims=True).astype(float))
    ranked = best_first(history)
    acquisition = Acquisition(history, ranked, NetworkFeatures(space))
    found = BayesSampler(0).propose(space, history, 1, (0, 1)).codes
    monkeypatch.setattr(model_sampler, "STEPS", 0)
    plain = BayesSampler(0).propose(space, history, 1, (0, 1)).codes
    assert acquisition.worth(found, numbers)[0] > acquisition.worth(plain, numbers)[0]


def test_a_batch_is_of_different_networks_and_better_than_random() -> None:
    numbers = np.random.default_rng(0)
    codes = SPACE.sample(80, numbers)
    good = lambda codes: codes[:, [0]] + codes[:, [3]] + 0.5 * codes[:, [1]]  # noqa: E731 - two lines of arithmetic
    history = _history(codes, good(codes).astype(float))
    candidates = unseen(SPACE.sample(600, numbers), history)
    acquisition = Acquisition(history, best_first(history), NetworkFeatures(SPACE))
    found = acquisition.chosen(candidates, 60, numbers)
    assert len(np.unique(found, axis=0)) == 60
    assert good(found).mean() > good(candidates).mean() + 0.5


def test_several_objectives_spread_along_the_front() -> None:
    sampler, history = BayesSampler(0), History(len(SPACE.parameters), 2)
    for batch in range(6):
        proposals = sampler.propose(SPACE, history, 20, (0, batch))
        wide = proposals.codes[:, [0, 3, 6]].sum(axis=1) + 0.3 * proposals.codes[:, 1]
        history.extend(proposals.codes, np.stack([wide, -wide + proposals.codes[:, 4]], axis=1).astype(float))
    late, early = history.values[60:], history.values[:20]
    assert late.sum(axis=1).mean() > early.sum(axis=1).mean()
    assert late[:, 0].max() - late[:, 0].min() > 3


def test_growth_is_that_of_the_hypervolume(monkeypatch: pytest.MonkeyPatch) -> None:
    """With certain values and many directions, up to the constant of two objectives, π / 4."""
    monkeypatch.setattr(acquiring, "DIRECTIONS", 20_000)
    numbers = np.random.default_rng(0)
    values, candidates = numbers.normal(size=(10, 2)), numbers.normal(size=(25, 2))
    certain = SimpleNamespace(mean=candidates, deviation=np.zeros((25, 2)), share=np.zeros(25))
    found = np.pi / 4 * acquiring._growth(certain, values, [], numbers)  # type: ignore[arg-type]
    reference = -(values.min(axis=0) - 0.1)  # Optuna's is of minimised values
    before = compute_hypervolume(-values, reference)
    inside = np.maximum(candidates, values.min(axis=0) - 0.1)
    expected = [compute_hypervolume(-np.vstack([values, one]), reference) - before for one in inside]
    np.testing.assert_allclose(found, expected, atol=0.06 * max(expected))


def test_in_a_study_of_its_space_it_sees_the_networks() -> None:
    kinds = distributions(SPACE)
    study = optuna.create_study(direction="maximize", sampler=BayesSampler(2, space=SPACE, initial=4))
    for _ in range(12):
        trial = study.ask(kinds)
        study.tell(trial, float(trial.params["width0"] + trial.params["width1"] + trial.params["width2"]))
    assert study.best_value >= 20
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 12


def test_a_space_that_is_used_up_is_drawn_from_again() -> None:
    tiny = TinySpace(layers=1)
    history = _history(tiny.codes([tiny.params(code) for code in np.ndindex(3, 2, 4)]), np.arange(24.0)[:, None])
    assert len(BayesSampler(0).propose(tiny, history, 7, (0, 0)).codes) == 7


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InvalidArgument, match="`initial` of `BayesSampler` must be at least 1"):
        BayesSampler(initial=0)
    with pytest.raises(InvalidArgument, match="`seed` of `BayesSampler`"):
        BayesSampler(-1)


def test_the_best_cell_of_nas_bench_201_is_found_within_fifty_queries(shared: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch_str", "c10_val_200ep"]
    table = parquet.read_table(shared / "tables" / "nb201.parquet", columns=columns).to_pydict()
    space, accuracy = get_space("nb201"), dict(zip(table["arch_str"], table["c10_val_200ep"], strict=True))
    sampler, queries = BayesSampler(0), []
    for seed in range(3):
        history = History(6)
        while len(history) < 70 and (not len(history) or history.values.max() < 91.57):
            code = sampler.propose(space, history, 1, (seed, len(history))).codes
            history.extend(code, np.array([[accuracy[space.to_string(space.params(code[0]))]]]))  # type: ignore[attr-defined]
        queries.append(len(history))
    assert np.median(queries) <= 50  # 18 in the median of twenty seeds; random needs 7,800
