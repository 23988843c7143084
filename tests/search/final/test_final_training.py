"""The final training in earnest: trainings of seconds on blocks of grey, the model that is left, kill -9."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.database import Database
from presage.search.final.finishing import Finishing
from presage.search.final.settings import FinalSettings
from presage.search.final.trainer import HeldOutScores, RecipesTrainer
from presage.search.limits import Limits
from presage.search.result import SearchResult
from presage.search.run.engine import run_search
from presage.search.run.pace import Unhurried
from presage.search.run.run_folder import RunFolder
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.model.folder import load_model
from presage.training.recipe import Recipe
from tests.search.final.conftest import RECIPE, SPACE

FINAL = replace(RECIPE, epochs=6, train_images=None, test_images=None, image_side=12, batch=16)


class _Hurried(Unhurried):
    """A final training is cut after its fourth epoch."""

    epochs = 4

    def is_over(self) -> bool:
        self.epochs -= 1
        return self.epochs <= 0


def _search(
    dataset: ImageDataset, folder: Path, database: Database, pace: Unhurried | None = None, **final: object
) -> SearchResult:
    return run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(candidates=40, shortlist=2, batch=20),
        scorer=lambda number, verified: TableScorer(), run_folder=folder, database=database, device="cpu", pace=pace,
        finish=Finishing(FinalSettings(FINAL, **{"trials": 3, **final})),  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_best_is_the_finally_trained_model_on_all_images(dataset: ImageDataset, tmp_path: Path) -> None:
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", database)
        records = database.experiment_records(recipe=Recipe.from_json(result.final.best.recipe).hash)  # type: ignore[union-attr]
    assert result.final is not None
    best = result.final.best
    assert best is not None
    model = load_model(tmp_path / "run" / "best")
    assert model.input_shape == (1, 12, 12)
    assert model.architecture.hash == best.hash
    assert model.recipe == Recipe.from_json(best.recipe)
    assert (model.accuracy, model.test_accuracy) == (
        pytest.approx(best.accuracy, abs=1e-6),
        pytest.approx(best.test_accuracy, abs=1e-6),
    )
    assert best.test_accuracy == pytest.approx(
        sum(
            model.classes.index(name) == label
            for name, label in zip(model.predict(dataset.x_test), dataset.y_test, strict=True)
        )
        / len(dataset.y_test),
        abs=1e-6,
    )
    assert [record.test_accuracy for record in records] == [best.test_accuracy]
    trained = RecipesTrainer(dataset, "cpu").data(model.recipe).train_images
    assert len(trained) == 80  # all but the validation split; the search had 40
    # the search's own network stays where it was
    assert load_model(tmp_path / "run" / "networks" / best.hash[:16]).input_shape == (1, 8, 8)
    before = (tmp_path / "run" / "best" / "architecture.json").stat().st_mtime_ns
    with Database.open(tmp_path / "experience.duckdb") as database:
        again = _search(dataset, tmp_path / "run", database)
    assert again.final == result.final
    assert (tmp_path / "run" / "best" / "architecture.json").stat().st_mtime_ns == before


def test_test_images_are_looked_at_for_the_chosen_network_alone(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = RecipesTrainer.tested

    def counted(self: RecipesTrainer, model: object, recipe: Recipe) -> HeldOutScores | None:
        looked.append(model.architecture.hash)  # type: ignore[attr-defined]
        return real(self, model, recipe)  # type: ignore[arg-type]

    monkeypatch.setattr(RecipesTrainer, "tested", counted)
    with Database.open(tmp_path / "experience.duckdb") as database:
        for _ in range(2):
            result = _search(dataset, tmp_path / "run", database, networks=2, trials=0, average=False)
    assert result.final is not None
    assert result.final.best is not None
    assert looked == [result.final.best.hash]
    assert [one.test_accuracy is None for one in result.final.trainings].count(True) == 1


def _scored(monkeypatch: pytest.MonkeyPatch, accuracy: float) -> list[str]:
    """Every mean of networks comes to this on validation images; gives the hashes of what test images saw."""
    looked: list[str] = []
    real = RecipesTrainer.tested

    def tested(self: RecipesTrainer, model: Any, recipe: Recipe) -> HeldOutScores | None:
        looked.append(model.architecture.hash)
        return real(self, model, recipe)

    monkeypatch.setattr(RecipesTrainer, "tested", tested)
    monkeypatch.setattr(RecipesTrainer, "validated", lambda self, model, recipe: HeldOutScores(accuracy))
    return looked


def test_the_mean_of_several_networks_is_left_where_it_is_as_good(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = _scored(monkeypatch, 1.0)
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", database, networks=2, trials=0)
        again = _search(dataset, tmp_path / "run", database, networks=2, trials=0)
        records = database.experiment_records()
    final = result.final
    assert final is not None
    assert final.best is not None
    assert final.ensemble is not None
    assert again.final == final
    assert sorted(looked) == sorted([final.best.hash, final.ensemble.hash])  # once each, of two networks and their mean
    assert final.ensemble.members[0] == final.best.hash
    assert sorted(final.ensemble.members) == sorted(one.hash for one in final.trainings)
    assert final.ensemble.accuracy == 1.0
    assert final.ensemble.hash not in {record.architecture for record in records}  # it was never trained
    best = load_model(tmp_path / "run" / "best")
    assert best.members == final.ensemble.members
    folders = [
        RunFolder(tmp_path / "run").final(one.hash, Recipe.from_json(one.recipe).hash) for one in final.trainings
    ]
    expected = sum(load_model(one).logits(dataset.x_test) for one in folders) / 2
    np.testing.assert_allclose(best.logits(dataset.x_test), expected, atol=1e-4)
    assert best.test_accuracy == pytest.approx(float((expected.argmax(1) == dataset.y_test).mean()), abs=1e-6)
    assert any("the mean of" in note for note in final.notes)
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert SearchResult.from_json(written, tmp_path / "run").final == final


@pytest.mark.parametrize(
    ("accuracy", "settings"),
    [(0.0, {}), (1.0, {"average": False}), (1.0, {"limits": Limits(parameters=1)}), (1.0, {"networks": 1})],
)
def test_else_the_best_network_is_left(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accuracy: float, settings: dict[str, Any]
) -> None:
    looked = _scored(monkeypatch, accuracy)
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", database, **{"networks": 2, "trials": 0, **settings})
    assert result.final is not None
    assert result.final.best is not None
    assert result.final.ensemble is None
    assert result.final.shipped == result.final.best
    assert looked == [result.final.best.hash]
    assert load_model(tmp_path / "run" / "best").members == ()


def test_a_final_recipe_that_is_the_searchs_own_leaves_the_experiment_that_is_stored(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    """The search reads accuracies by depth, the final training does not: one training, told once."""
    finish = Finishing(FinalSettings(RECIPE, trials=0))
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = run_search(
            dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(candidates=40, shortlist=2, batch=20),
            scorer=lambda number, verified: TableScorer(), run_folder=tmp_path / "run", database=database,
            device="cpu", finish=finish,
        )  # fmt: skip
        records = database.experiment_records(recipe=RECIPE.hash)
    assert result.final is not None
    assert result.final.best is not None
    assert len(records) == 2
    (same,) = [record for record in records if record.architecture == result.final.best.hash]
    assert same.accuracy == pytest.approx(result.final.best.accuracy, abs=1e-6)
    assert same.depth_accuracies


@pytest.mark.parametrize("better", [True, False])
def test_what_is_cut_short_is_left_where_it_is_better_than_by_the_search_s_recipe(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    real = RecipesTrainer.unfinished

    def unfinished(self: RecipesTrainer, *training: Any) -> Any:
        left = real(self, *training)
        assert left is not None
        assert left.accuracy == pytest.approx(training[-1].curve[-1], abs=1e-6)
        return replace(left, accuracy=1.0 if better else 0.0)

    monkeypatch.setattr(RecipesTrainer, "unfinished", unfinished)
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", database, _Hurried(), trials=0)
        assert result.final is not None
        assert result.final.best is None
        model = load_model(tmp_path / "run" / "best")
        assert model.input_shape[1] == (FINAL if better else RECIPE).image_side
        assert (model.stopped_after is not None) is better
        assert ("stopped after epoch" in (tmp_path / "run" / "best" / "README.md").read_text()) is better
        assert ("as it was then: 1.000 on validation images" in result.final.notes[-1]) is better
        later = _search(dataset, tmp_path / "run", database, trials=0)  # goes on, and is left in its place
    assert later.final is not None
    assert later.final.best is not None
    assert load_model(tmp_path / "run" / "best").accuracy == pytest.approx(later.final.best.accuracy, abs=1e-6)
    assert load_model(tmp_path / "run" / "best").stopped_after is None


def test_a_final_training_that_falls_short_is_not_left_as_the_best(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.search.final_result._NOISE", -1.0)  # whatever it comes to is too little
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", database, trials=0)
    assert result.final is not None
    assert result.final.best is not None
    assert result.final.best.test_accuracy is not None
    assert load_model(tmp_path / "run" / "best").input_shape[1] == RECIPE.image_side
