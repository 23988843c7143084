"""How a search trains a network: `RecipeTrainer` in earnest, a table in tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol

from presage.architecture.graph import Architecture
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult, fit
from presage.training.loop import EpochRecord
from presage.training.model.trained import TrainedModel, trained_model
from presage.training.recipe import Recipe

__all__ = ["RecipeTrainer", "Trainer"]


class Trainer(Protocol):
    """Trains one network fully."""

    def model(self, architecture: Architecture, result: TrainingResult) -> TrainedModel:
        """What a finished training left, with all that is needed to use it."""

    def train(
        self, architecture: Architecture, *, seed: int, checkpoint: Path, on_epoch: Callable[[EpochRecord], None]
    ) -> TrainingResult:
        """Train, resuming from `checkpoint` where there is one. `on_epoch` may raise `StopTraining`."""


class RecipeTrainer:
    """Trains on a dataset by a recipe. The data is divided, resized and moved when first needed."""

    def __init__(self, dataset: ImageDataset, recipe: Recipe, device: str = "auto") -> None:
        self.dataset, self.recipe, self.device = dataset, recipe, device

    @cached_property
    def data(self) -> DeviceData:
        """The dataset as the recipe has it."""
        return prepare(self.dataset, self.recipe, self.device)

    def model(self, architecture: Architecture, result: TrainingResult) -> TrainedModel:
        """See `Trainer.model`."""
        return trained_model(architecture, self.dataset, self.data, self.recipe, result)

    def train(
        self, architecture: Architecture, *, seed: int, checkpoint: Path, on_epoch: Callable[[EpochRecord], None]
    ) -> TrainingResult:
        """See `Trainer.train`."""
        return fit(architecture, self.data, self.recipe, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, test=True)
