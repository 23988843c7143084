"""What people build without a search is scored first, and some of it is trained."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.spaces.codes import Codes
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace, table_accuracy
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


class _Referenced(TinySpace):
    """Whose references are of two kinds, in two sizes each; the second kind is the better."""

    @cached_property
    def references(self) -> tuple[Codes, ...]:
        codes = self.sample(40, np.random.default_rng(0))
        values = [table_accuracy(self.decode(self.params(code))) for code in codes]
        low, middle, high = np.argsort(values)[[0, 20, 39]]
        return codes[[high, low]], codes[[low, middle]]


def _referenced(dataset: ImageDataset, folder: Path, **settings: Any) -> list[str]:
    asked = SearchSettings(**{"candidates": 120, "shortlist": 3, "batch": 30, **settings})
    trainer = TableTrainer(RECIPE.epochs)
    result = run_search(
        dataset, space=_Referenced(layers=2), recipe=RECIPE, settings=asked,
        scorer=lambda number, verified: TableScorer(), run_folder=folder, trainer=trainer,
    )  # fmt: skip
    return [one.chosen.hash for one in result.rounds[0].verified]


def test_half_of_a_short_list_are_the_best_kinds_of_references_the_largest_of_each(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    space = _Referenced(layers=2)
    (_, low), (_, middle) = [[space.decode(space.params(code)).hash for code in kind] for kind in space.references]
    assert _referenced(dataset, tmp_path / "three")[0] == middle
    assert _referenced(dataset, tmp_path / "four", shortlist=4)[:2] == [middle, low]
    assert _referenced(dataset, tmp_path / "four", shortlist=4)[:2] == [middle, low]  # read again
    assert not {middle, low} & set(_referenced(dataset, tmp_path / "few", candidates=15))
