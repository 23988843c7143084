"""How a search trains a network: `RecipeTrainer` in earnest, a table in tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from presage.architecture.graph import Architecture
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult, fit
from presage.training.held_out import Predictions, predictions_of
from presage.training.loop import EpochRecord
from presage.training.model.trained import TrainedModel, trained_model
from presage.training.recipe import Recipe
from presage.training.side_by_side import SideBySide

__all__ = ["Ahead", "Examining", "RecipeTrainer", "Trainer"]


class Trainer(Protocol):
    """Trains one network fully."""

    def model(self, architecture: Architecture, result: TrainingResult) -> TrainedModel:
        """What a finished training left, with all that is needed to use it."""

    def train(
        self, architecture: Architecture, *, seed: int, checkpoint: Path, on_epoch: Callable[[EpochRecord], None]
    ) -> TrainingResult:
        """Train, resuming from `checkpoint` where there is one. `on_epoch` may raise `StopTraining`."""


@runtime_checkable
class Ahead(Protocol):
    """A trainer that can begin trainings before it is asked for what became of them."""

    def begin(self, architecture: Architecture, *, seed: int, checkpoint: Path) -> bool:
        """Begin what `train` is to be asked for; whether there was room for it."""


@runtime_checkable
class Examining(Protocol):
    """A trainer that can tell what a network says of each image held out."""

    def predictions(self, architecture: Architecture, result: TrainingResult) -> Predictions:
        """Of a finished training whose module is there, on validation and test images."""


class RecipeTrainer:
    """Trains on a dataset by a recipe. The data is divided, resized and moved when first needed.

    Args:
        beside: trains several networks at once; None trains in this process, by all its threads.
    """

    def __init__(
        self, dataset: ImageDataset, recipe: Recipe, device: str = "auto", beside: SideBySide | None = None
    ) -> None:
        self.dataset, self.recipe, self.device, self.beside = dataset, recipe, device, beside

    @cached_property
    def data(self) -> DeviceData:
        """The dataset as the recipe has it."""
        return prepare(self.dataset, self.recipe, self.device)

    def model(self, architecture: Architecture, result: TrainingResult) -> TrainedModel:
        """See `Trainer.model`."""
        return trained_model(architecture, self.dataset, self.data, self.recipe, result)

    def predictions(self, architecture: Architecture, result: TrainingResult) -> Predictions:
        """See `Examining.predictions`."""
        assert result.module is not None  # as said there
        module = result.module.to(self.data.device)
        return predictions_of(module, architecture, self.dataset, self.data, self.recipe, test=True)

    def train(
        self, architecture: Architecture, *, seed: int, checkpoint: Path, on_epoch: Callable[[EpochRecord], None]
    ) -> TrainingResult:
        """See `Trainer.train`."""
        if self.beside is not None:
            return self.beside.result(
                architecture, self.data, self.recipe, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch
            )
        return fit(architecture, self.data, self.recipe, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, test=True)

    def begin(self, architecture: Architecture, *, seed: int, checkpoint: Path) -> bool:
        """See `Ahead.begin`."""
        if self.beside is None:
            return False
        return self.beside.begin(architecture, self.data, self.recipe, seed=seed, checkpoint=checkpoint)
