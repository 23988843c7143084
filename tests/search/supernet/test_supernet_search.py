"""Searches whose strategy trains a super-net, from their first epoch to verified networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from presage.architecture.batch.costs import batch_costs
from presage.architecture.graph import Architecture
from presage.architecture.spaces import NB201, Chain, Space
from presage.errors import InvalidArgument, UnknownName
from presage.search.limits import Limits
from presage.search.progress import SearchProgress, silent
from presage.search.result import SearchResult
from presage.search.run.engine import load_candidates, run_search
from presage.search.settings import SearchSettings
from presage.search.strategies import SUPERNET_STRATEGIES, SUPERNETS, get_sampler
from presage.search.supernet import DartsFirst, OneShot, OneShotSettings
from presage.search.supernet.one_shot_sampler import OneShotSampler
from presage.search.testing import SamplerContract, TableTrainer
from presage.training.data import prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(
    epochs=2, batch=16, image_side=8, train_images=64, validation_images=24, least_epoch_images=32, shift=0
)  # fmt: skip
SMALL = NB201(width=4)


class Hashes(TableTrainer):
    """Any network: its "trained" accuracy is a function of its hash."""

    def accuracy(self, architecture: Architecture) -> float:
        return 0.5 + int(architecture.hash[:6], 16) / 16**6 / 2


def searched(
    dataset: ImageDataset, folder: Path, space: Space = SMALL, told: list[SearchProgress] | None = None, **settings: Any
) -> tuple[SearchResult, Hashes]:
    trainer = Hashes(RECIPE.epochs)
    result = run_search(
        dataset, space=space, recipe=RECIPE, run_folder=folder, trainer=trainer, device="cpu",
        settings=SearchSettings(**{"candidates": 12, "shortlist": 2, "supernet_epochs": 2, **settings}),
        on_progress=told.append if told is not None else silent,
    )  # fmt: skip
    return result, trainer


def test_the_names_are_those_of_the_methods() -> None:
    assert set(SUPERNET_STRATEGIES) == set(SUPERNETS) - {"uniform"}


@pytest.mark.parametrize("strategy", ["enas", "darts-first"])
def test_what_a_super_net_finds_is_trained_and_its_scores_are_called_proxies(
    strategy: str, dataset: ImageDataset, tmp_path: Path
) -> None:
    told: list[SearchProgress] = []
    result, trainer = searched(dataset, tmp_path, told=told, strategy=strategy)
    assert [one.status for one in result.verified] == ["finished"] * 2
    assert len(trainer.trained) == 2
    chosen = [one.chosen for one in result.verified]
    assert all(one.predicted is None and one.score_name == "supernet" for one in chosen)
    assert all(one.score is not None and 0 <= one.score <= 1 for one in chosen)
    assert chosen[0].predictor == f"supernet:{strategy}"
    assert "proxy" in result.score
    assert result.supernet is not None
    assert result.supernet.startswith(f"Super-net {strategy}: 2 epochs")
    assert [(one.done, one.total) for one in told if one.stage == "supernet"] == [(1, 2), (2, 2)]
    report = json.loads((tmp_path / "supernet" / "report.json").read_text())
    if strategy != "enas":
        assert dict(chosen[0].params) == report["found"]  # what was found is verified, before all others
    study = optuna.load_study(
        study_name="predicted-1",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
        ),
    )
    assert all("predicted" not in trial.user_attrs for trial in study.trials)
    assert all(trial.user_attrs["score"] == "supernet" for trial in study.trials)

    again, untouched = searched(dataset, tmp_path, strategy=strategy)
    assert not untouched.trained
    assert [one.chosen for one in again.verified] == chosen


def test_other_strategies_may_search_on_a_super_net(dataset: ImageDataset, tmp_path: Path) -> None:
    result, _ = searched(dataset, tmp_path, space=Chain(layers=2), strategy="random", score="supernet")
    assert result.supernet is not None
    assert result.supernet.startswith("Super-net uniform")
    candidates = load_candidates(tmp_path, Chain(layers=2))
    assert len(candidates) == 12
    assert np.isfinite(candidates.value).all()


def test_a_search_killed_within_its_super_net_goes_on(dataset: ImageDataset, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: SearchProgress) -> None:
        if progress.stage == "supernet" and progress.done == 2:
            raise Killed

    settings = {"strategy": "enas", "supernet_epochs": 3, "candidates": 12, "shortlist": 2}
    with pytest.raises(Killed):
        run_search(
            dataset, space=SMALL, recipe=RECIPE, run_folder=tmp_path / "killed", trainer=Hashes(2), device="cpu",
            settings=SearchSettings(**settings), on_progress=kill,  # type: ignore[arg-type]
        )  # fmt: skip
    assert (tmp_path / "killed" / "supernet" / "checkpoint.pt").exists()
    resumed, _ = searched(dataset, tmp_path / "killed", **settings)
    whole, _ = searched(dataset, tmp_path / "whole", **settings)
    assert [one.chosen.hash for one in resumed.verified] == [one.chosen.hash for one in whole.verified]
    assert [one.chosen.score for one in resumed.verified] == [one.chosen.score for one in whole.verified]


def test_a_super_net_that_fails_at_once_is_a_result_without_networks(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(self: DartsFirst, epoch: int) -> None:
        raise MemoryError("not enough memory")

    monkeypatch.setattr(DartsFirst, "_epoch", short)
    result, trainer = searched(dataset, tmp_path, strategy="darts-first")
    assert result.best is None
    assert not trainer.trained
    assert result.supernet is not None
    assert "out_of_memory: not enough memory" in result.supernet


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"strategy": "enass"}, UnknownName, "Did you mean `enas`"),
        ({"strategy": "enas", "score": "ucb"}, InvalidArgument, "be supernet for the strategy enas"),
        ({"strategy": "enas", "objectives": ("accuracy", "parameters")}, InvalidArgument, "serve 2 objectives"),
        ({"strategy": "random", "supernet_epochs": 3}, InvalidArgument, "left out where there is no super-net"),
        ({"strategy": "enas", "supernet_epochs": 0}, InvalidArgument, "be at least 1"),
    ],
)
def test_a_wrong_setting_is_one_line(settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        SearchSettings(**settings)
    assert "\n" not in str(caught.value)


def test_a_network_over_a_limit_is_not_trained_though_it_was_found(dataset: ImageDataset, tmp_path: Path) -> None:
    codes = SMALL.sample(200, np.random.default_rng(0))
    costs = batch_costs(SMALL.decode_batch(codes), (1, 8, 8), 2)
    least = int(np.percentile(costs.parameters, 5))
    settings = SearchSettings(
        candidates=12, shortlist=2, supernet_epochs=1, strategy="darts-first", limits=Limits(parameters=least)
    )

    class Heavy(DartsFirst):
        @property
        def found(self) -> Any:
            return codes[int(costs.parameters.argmax())]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("presage.search.supernet.gradient.DartsFirst", Heavy)
        result = run_search(
            dataset, space=SMALL, recipe=RECIPE, run_folder=tmp_path, trainer=Hashes(2), device="cpu", settings=settings
        )  # fmt: skip
    assert result.verified
    assert all(one.chosen.parameters <= least for one in result.verified)
    assert result.supernet is not None
    assert "is over a limit" in result.supernet


def test_a_strategy_that_cannot_serve_a_space_is_one_line(dataset: ImageDataset, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument, match=r"have a relaxation, as `darts`, `mobile` and `nb201` have.*take the strategy enas"
    ):
        searched(dataset, tmp_path, space=Chain(), strategy="darts-second")
    with pytest.raises(InvalidArgument, match="be given for the score predicted"):
        searched(dataset, tmp_path, strategy="random", supernet_epochs=None)
    with pytest.raises(
        InvalidArgument, match=r"Got 'enas'. It trains a super-net on a dataset: type `presage search DATASET"
    ):
        get_sampler("enas")


@pytest.fixture(scope="module")
def trained(dataset: ImageDataset) -> OneShot:
    data = prepare(dataset, RECIPE, "cpu")
    one = DartsFirst(SMALL, data, RECIPE, settings=OneShotSettings(epochs=1))
    one.train()
    return one


class TestOneShotSampler(SamplerContract):
    @pytest.fixture
    def make(self, trained: OneShot) -> Callable[[int], OneShotSampler]:
        return lambda seed: OneShotSampler(trained, seed)

    def test_its_first_trial_is_what_was_found(self, trained: OneShot) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=OneShotSampler(trained, 0))

        def objective(trial: optuna.Trial) -> float:
            params = {one.name: trial.suggest_categorical(one.name, one.choices) for one in SMALL.parameters}
            return float(trained.proxy_accuracy(SMALL.codes([params]))[0])

        study.optimize(objective, n_trials=3)
        found = trained.found
        assert found is not None
        assert study.trials[0].params == SMALL.params(found)
        assert len({tuple(trial.params.values()) for trial in study.trials}) > 1
