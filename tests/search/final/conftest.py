"""A trainer for final trainings that reads accuracies off a formula, and searches on a table around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.graph import Architecture
from presage.search.final.finishing import Finishing
from presage.search.final.settings import FinalSettings
from presage.search.final.trainer import HeldOutScores
from presage.search.result import SearchResult
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace, table_accuracy
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult
from presage.training.loop import EpochRecord
from presage.training.mirroring import Mirroring
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
FINAL = replace(RECIPE, epochs=9, train_images=None, validation_images=1000, learning_rate=0.01, weight_decay=0.1)


class RatesTrainer:
    """Best at a learning rate of 0.021, whatever the network; a rate over 0.0215 diverges.

    Attributes:
        trained: (hash, recipe) of every training begun.
    """

    best_rate, most_rate = 0.021, 0.0215

    def __init__(self) -> None:
        self.trained: list[tuple[str, Recipe]] = []
        self.looks = 0
        self.mirrored: Mirroring | None = None

    def accuracy(self, architecture: Architecture, recipe: Recipe) -> float:
        """In [0, 1]: lower the farther the rate is from the best, and the fewer epochs."""
        far = abs(math.log(recipe.learning_rate / self.best_rate))
        return (table_accuracy(architecture) * 0.9 + 0.1) * (1 - 0.1 * far) * (1 - 0.5 / (1 + recipe.epochs))

    def train(
        self,
        architecture: Architecture,
        recipe: Recipe,
        *,
        seed: int,
        checkpoint: Path,
        on_epoch: Callable[[EpochRecord], None],
    ) -> TrainingResult:
        """See `AnyRecipeTrainer.train`."""
        self.trained.append((architecture.hash, recipe))
        if recipe.learning_rate > self.most_rate:
            result = TableTrainer(1)
            result.status = "diverged"
            return result.train(architecture, seed=seed, checkpoint=checkpoint, on_epoch=lambda record: None)
        table = TableTrainer(recipe.epochs)
        table.accuracy = lambda one: self.accuracy(one, recipe)  # type: ignore[method-assign]
        found = table.train(architecture, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch)
        return replace(found, test_accuracy=None)

    def model(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> Any:
        """A table leaves no network."""
        return None

    def unfinished(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> Any:
        """A table leaves no network."""
        return None

    def tested(self, model: Any, recipe: Recipe) -> HeldOutScores | None:
        """Counted."""
        self.looks += 1
        return HeldOutScores(0.5)

    def mirroring(self, folders: Iterable[Path], recipe: Recipe) -> Mirroring | None:
        """As it is told."""
        return self.mirrored


Search = Callable[..., SearchResult]


@pytest.fixture
def noise() -> ImageDataset:
    """Of which 400 images validate: an accuracy is known to 2 points."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2040, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(2040) % 2
    return ImageDataset("noise", images[:2000], labels[:2000], images[2000:], labels[2000:], classes=("one", "other"))


@pytest.fixture
def search(noise: ImageDataset, tmp_path: Path) -> Search:
    """A search on a table with a final training by `trainer`; further arguments as `run_search` has them."""

    def run(trainer: Any, final: FinalSettings | None = None, folder: str = "run", **options: Any) -> SearchResult:
        settings = {"candidates": 60, "shortlist": 3, "batch": 20, **options.pop("settings", {})}
        return run_search(
            noise,
            space=SPACE,
            recipe=RECIPE,
            settings=SearchSettings(**settings),
            scorer=lambda number, verified: TableScorer(),
            run_folder=tmp_path / folder,
            trainer=options.pop("search_trainer", None) or TableTrainer(RECIPE.epochs),
            finish=Finishing(final or FinalSettings(FINAL), trainer),
            **options,
        )

    return run
