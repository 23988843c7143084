"""Recipes where experiments are stored: a design of many of them, and the words that stand beside accuracies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from presage.database import Database
from presage.records import DatasetRecord
from presage.training import Recipe
from presage.training.design import Planned, core


def test_populate_trains_by_many_recipes_and_knows_what_the_database_has(
    presage: Callable, shapes_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presage.training import recipe_design

    by = [Recipe(epochs=1, train_images=40, least_epoch_images=1, batch=batch) for batch in (8, 16)]

    def design(dataset: DatasetRecord) -> Iterator[Planned]:
        assert dataset.train_images == 120
        for position in count():
            yield Planned(position, core()[position // 2], 0, "core", by[position % 2])

    monkeypatch.setattr(recipe_design, "recipe_sequence", design)
    database = tmp_path / "new.duckdb"
    with Database.open(database, from_seed=False):
        pass
    words = ("populate", shapes_npz, "--many-recipes", "--probes", 1, "--database", database, "--quiet", "--json")
    same = {"failed": 0, "refused": []}
    first = presage(*words, "--count", 2, "--out", tmp_path / "shards").json
    assert first == {**same, "experiments": 2, "already": 0, "added": 2, "probes": 1}
    second = presage(*words, "--count", 3, "--out", tmp_path / "elsewhere").json
    assert second == {**same, "experiments": 3, "already": 2, "added": 1, "probes": 0}
    info = presage("database", "info", "--database", database, "--json").json
    assert info["recipes"] == {by[0].hash: 2, by[1].hash: 1}
    refused = presage(*words[:-1], "--epochs", 3, "--out", tmp_path / "third")
    assert refused.code == 2
    assert "The `--many-recipes` of `presage populate` must be given without a recipe" in refused.err
    assert not (tmp_path / "third").exists()


def test_the_database_says_by_which_recipe_networks_were_trained(presage: Callable, experienced: Path) -> None:
    words, (key,) = "16 px, up to 2,000 images, 12 epochs", {Recipe().hash}
    info = ("database", "info", "--database", experienced)
    assert presage(*info, "--json").json["recipe_words"] == {key: words}
    assert f"by recipe:\n  {key[:12]}     48  {words}\n" in presage(*info).out
    query = ("database", "query", "--dcn", 0.6, "--database", experienced)
    best = presage(*query, "--json").json["best"]
    said = {one["recipe_words"] for one in best}
    (of_the_dataset,) = said
    assert of_the_dataset.startswith("16 px, ")
    assert of_the_dataset.endswith(" images, 12 epochs")
    assert {Recipe.from_json(one["recipe"]) for one in best} == {Recipe()}
    assert of_the_dataset in presage(*query).out
