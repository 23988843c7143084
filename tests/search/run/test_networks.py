"""Networks that a run speaks of are decoded once, however many of its parts ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from presage.architecture.graph import Architecture
from presage.database import Database
from presage.search.run.engine import run_search
from presage.search.run.networks import Networks
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


def test_parameters_and_codes_name_the_same_network() -> None:
    space = TinySpace(layers=2)
    networks = Networks(space)
    code = space.codes([space.params(space.sizes - 1)])[0]
    assert networks.at(code) is networks.of(space.params(code))
    assert networks.at(code) == space.decode(space.params(code))


def test_a_search_decodes_no_network_twice(dataset: ImageDataset, tmp_path: Path) -> None:
    decoded: list[str] = []

    class Counting(TinySpace):
        def decode(self, params: Any) -> Architecture:
            decoded.append(repr(params))
            return super().decode(params)

    with Database.open(tmp_path / "experience.duckdb") as database:
        result = run_search(
            dataset, space=Counting(layers=2), recipe=RECIPE, run_folder=tmp_path / "run", database=database,
            settings=SearchSettings(candidates=60, shortlist=3, rounds=2, batch=30, compare_random=2),
            scorer=lambda number, verified: TableScorer(), trainer=TableTrainer(RECIPE.epochs),
        )  # fmt: skip
    assert len(result.verified) == 6
    assert decoded
    assert len(decoded) == len(set(decoded))
