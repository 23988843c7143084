"""Searches with latency as objective or limit, and on scores that are no predicted accuracies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.database import Database
from presage.errors import NothingFeasible, UnknownName
from presage.search.latency.model import LatencyModel
from presage.search.latency.work import WORK
from presage.search.limits import Limits
from presage.search.result import SearchResult
from presage.search.run.engine import load_candidates, run_search
from presage.search.settings import SearchSettings
from presage.search.studies.scores import get_score, score_names
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.surrogate.predictors.prediction import Prediction
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
WEIGHTS = dict.fromkeys(WORK, 0.0) | {"constant": 1e-3, "dense wide convolutions: multiply-adds": 1e-7}
MODEL = LatencyModel(tuple(WEIGHTS.values()), (1, 8, 8), 2, 1, {"device": "a test"}, 60, 15, 0.1, 0.9)


class TableMeter:
    """Estimates by `MODEL`; measures what `factor` makes of that."""

    model = MODEL

    def __init__(self, factor: float = 1.0, slow: float | None = None) -> None:
        self.factor, self.slow = factor, slow
        self.measured: list[str] = []

    def measure(self, architecture: Architecture) -> float:
        self.measured.append(architecture.hash)
        found = float(MODEL.seconds(GraphBatch.of([architecture]))[0]) * self.factor
        return found if self.slow is None or len(self.measured) > 3 else self.slow


def _search(dataset: ImageDataset, folder: Path, **options: Any) -> SearchResult:
    settings = {"candidates": 120, "shortlist": 3, "batch": 30, **options.pop("settings", {})}
    scorer = options.pop("scorer", None) or TableScorer()
    return run_search(
        dataset,
        space=SPACE,
        recipe=RECIPE,
        settings=SearchSettings(**settings),
        scorer=lambda number, verified: scorer,
        run_folder=folder,
        trainer=TableTrainer(RECIPE.epochs),
        **options,
    )


def test_latency_as_objective_gives_a_front_and_measures_the_short_list(dataset: ImageDataset, tmp_path: Path) -> None:
    settings = {"strategy": "nsgaii", "objectives": ("accuracy", "latency")}
    meter = TableMeter(factor=2)
    result = _search(dataset, tmp_path / "run", settings=settings, latency=meter)
    candidates = load_candidates(tmp_path / "run", SPACE)
    assert candidates.latency == pytest.approx(MODEL.seconds(SPACE.decode_batch(candidates.codes)))
    assert len(meter.measured) == 3
    for one in result.verified:
        assert one.chosen.latency_seconds is not None
        assert one.chosen.measured_latency_seconds == pytest.approx(2 * one.chosen.latency_seconds)
    # nothing that was scored is both more accurate and faster than the first chosen
    first = result.verified[0].chosen
    better = (candidates.value > (first.predicted or 0)) & (candidates.latency < (first.latency_seconds or 0))
    assert not better.any()
    assert result.latency is not None
    assert "off by 10%" in result.latency
    again = _search(dataset, tmp_path / "run", settings=settings, latency=meter)
    assert again.verified == result.verified
    assert len(meter.measured) == 3


def test_no_candidate_over_a_latency_limit_is_scored_and_none_over_it_when_measured_is_trained(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    most = float(np.median(MODEL.seconds(SPACE.decode_batch(SPACE.sample(200, np.random.default_rng(1))))))
    scorer, meter = TableScorer(), TableMeter(slow=2 * most)  # the first three measured turn out slow
    settings = {"limits": Limits(latency_seconds=most)}
    result = _search(dataset, tmp_path / "run", settings=settings, latency=meter, scorer=scorer)
    assert scorer.asked
    assert MODEL.seconds(GraphBatch.of(scorer.asked)).max() <= most
    trained = [one.chosen.hash for one in result.verified]
    assert len(trained) == 3
    assert not set(trained) & set(meter.measured[:3])
    assert all((one.chosen.measured_latency_seconds or 1) <= most for one in result.verified)


def test_a_short_list_that_is_all_too_slow_is_said_in_one_line(dataset: ImageDataset, tmp_path: Path) -> None:
    settings = {"limits": Limits(latency_seconds=0.01)}
    with pytest.raises(NothingFeasible, match="when measured, whatever was estimated"):
        _search(dataset, tmp_path / "run", settings=settings, latency=TableMeter(factor=1000))


def test_without_latency_nothing_is_measured(dataset: ImageDataset, tmp_path: Path) -> None:
    meter = TableMeter()
    result = _search(dataset, tmp_path / "run", latency=meter)
    assert meter.measured == []
    assert result.latency is None
    assert not (tmp_path / "run" / "latency.json").exists()


class Spread(TableScorer):
    """A table whose intervals differ: wide where the hash begins with an even digit."""

    def score(self, graphs: GraphBatch) -> Prediction:
        found = super().score(graphs)
        even = np.array([int(one.hash[0], 16) % 2 == 0 for one in graphs.architectures()])
        half = np.where(even, 0.4, 0.01)
        return Prediction(found.value, found.value - half, found.value + half, 0.9)


def test_a_search_on_the_upper_bound_records_it_beside_the_prediction(dataset: ImageDataset, tmp_path: Path) -> None:
    import optuna

    result = _search(dataset, tmp_path / "run", scorer=Spread(), settings={"score": "ucb"})
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "journal.log"))
    )
    for trial in optuna.load_study(study_name="predicted-1", storage=storage).trials[:20]:
        user = trial.user_attrs
        # half a standard deviation: 1.6449 of them are half a 90 % interval
        wanted = user["predicted"] + 0.5 * (user["upper"] - user["predicted"]) / 1.6448536
        assert trial.value == pytest.approx(wanted, abs=1e-6)
    assert result.score == "upper confidence bound of predicted accuracy"
    assert all(one.chosen.predicted is not None for one in result.verified)


class Logarithms(TableScorer):
    """A stand-in for a zero-cost proxy: on a scale of its own, without intervals."""

    name = "proxy:naswot"

    def score(self, graphs: GraphBatch) -> Prediction:
        value = -50 + 100 * super().score(graphs).value
        return Prediction(value, value, value, 0.0)


def test_a_proxy_is_never_called_or_stored_as_a_prediction(dataset: ImageDataset, tmp_path: Path) -> None:
    with Database.open(tmp_path / "experience.duckdb") as database:
        settings = {"score": "proxy:naswot", "compare_random": 2, "acquisition": "ei", "rounds": 2}
        result = _search(dataset, tmp_path / "run", scorer=Logarithms(), settings=settings, database=database)
        assert database.predictions() == []
        assert len(database.experiment_records()) == 8
    assert "no accuracy" in result.score
    for one in (*result.verified, *result.baseline):
        assert (one.chosen.predicted, one.chosen.lower, one.chosen.level) == (None, None, None)
        assert one.chosen.score_name == "proxy:naswot"
        assert one.chosen.score is not None
    candidates = load_candidates(tmp_path / "run", SPACE)
    best = candidates.value[candidates.unique].max()
    assert result.rounds[0].best_predicted is None
    assert result.rounds[0].best_score == pytest.approx(best)
    assert result.verified[0].chosen.score == pytest.approx(best)
    again = _search(dataset, tmp_path / "run", scorer=Logarithms(), settings=settings)
    assert again.verified == result.verified


def test_scores_are_found_by_name() -> None:
    for name in score_names():
        assert get_score(name).name == name
        assert get_score(name).predicts == (name in ("predicted", "ucb"))
    assert get_score("ucb").of(0.5, 0.3, 0.7, 0.0) == pytest.approx(0.6)
    with pytest.raises(UnknownName, match="Did you mean `proxy:naswot`"):
        get_score("proxy:nasvot")
    with pytest.raises(UnknownName, match="score"):
        SearchSettings(score="predictd")
