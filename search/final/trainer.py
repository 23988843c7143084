"""How a network is trained by any recipe: `RecipesTrainer` in earnest, a table in tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from presage.architecture.graph import Architecture
from presage.training.balance import is_unbalanced
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult, fit
from presage.training.held_out import Predictions, predictions_of
from presage.training.loop import EpochRecord, evaluate
from presage.training.mirroring import Mirroring, mirroring
from presage.training.model.folder import ARCHITECTURE, load_model
from presage.training.model.trained import TrainedModel, trained_model
from presage.training.precision import precision_of
from presage.training.recipe import Recipe
from presage.training.side_by_side import SideBySide

__all__ = ["AnyRecipeTrainer", "ExaminingRecipes", "RecipesAhead", "RecipesTrainer", "ScoringRecipes", "HeldOutScores"]


@dataclass(frozen=True)
class HeldOutScores:
    """Trained accuracy on images held out, and the balanced one where classes are unbalanced; of how many images."""

    accuracy: float
    balanced_accuracy: float | None = None
    images: int = 0

    @property
    def standard_error(self) -> float:
        """Of the accuracy; 0 where it is not known of how many images it is."""
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.images) if self.images else 0.0


class AnyRecipeTrainer(Protocol):
    """Trains one network by one recipe, and looks at the test images only when it is asked to."""

    def train(
        self,
        architecture: Architecture,
        recipe: Recipe,
        *,
        seed: int,
        checkpoint: Path,
        on_epoch: Callable[[EpochRecord], None],
    ) -> TrainingResult:
        """Train, resuming from `checkpoint` where there is one. `on_epoch` may raise `StopTraining`."""

    def model(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> TrainedModel | None:
        """What a finished training left, with all that is needed to use it."""

    def unfinished(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> TrainedModel | None:
        """What a training that was cut short left, as it is, with its accuracies on validation images."""

    def tested(self, model: TrainedModel, recipe: Recipe) -> HeldOutScores | None:
        """On the test images; None where there are none."""

    def mirroring(self, folders: Iterable[Path], recipe: Recipe) -> Mirroring | None:
        """What models in folders, trained by a recipe that does not mirror, make of mirror images; None where no
        model lies there."""


@runtime_checkable
class RecipesAhead(Protocol):
    """A trainer that can begin trainings before it is asked for what became of them."""

    def begin(self, architecture: Architecture, recipe: Recipe, *, seed: int, checkpoint: Path) -> bool:
        """Begin what `train` is to be asked for; whether there was room for it."""

    def room(self) -> bool:
        """Whether one more could be under way now."""


@runtime_checkable
class ExaminingRecipes(Protocol):
    """A trainer that can tell what a network says of each image held out."""

    def predictions(self, model: TrainedModel, recipe: Recipe, *, test: bool) -> Predictions:
        """On validation images, and on test images where `test` says that they are looked at."""


@runtime_checkable
class ScoringRecipes(Protocol):
    """A trainer that can score a network which it did not train itself."""

    def validated(self, model: TrainedModel, recipe: Recipe) -> HeldOutScores:
        """On validation images."""

    def tested(self, model: TrainedModel, recipe: Recipe) -> HeldOutScores | None:
        """On the test images; None where there are none."""


class RecipesTrainer:
    """Trains on a dataset. Its images are prepared once for recipes that treat them alike; the latest are kept.

    Args:
        beside: trains several settings at once, those that were begun; the others are trained in this process, by all
            its threads, whatever `beside` is.
    """

    def __init__(self, dataset: ImageDataset, device: str = "auto", beside: SideBySide | None = None) -> None:
        self.dataset, self.device, self.beside = dataset, device, beside
        self._begun: set[Path] = set()
        self._latest: tuple[tuple[object, ...], DeviceData] | None = None

    def data(self, recipe: Recipe) -> DeviceData:
        """The dataset as a recipe has it."""
        key = (
            *(recipe.image_side, recipe.train_images, recipe.test_images),
            *(recipe.validation_fraction, recipe.validation_images, recipe.split_seed),
        )
        if self._latest is None or self._latest[0] != key:
            self._latest = None  # its memory is given back first
            self._latest = key, prepare(self.dataset, recipe, self.device)
        return self._latest[1]

    def train(
        self,
        architecture: Architecture,
        recipe: Recipe,
        *,
        seed: int,
        checkpoint: Path,
        on_epoch: Callable[[EpochRecord], None],
    ) -> TrainingResult:
        """See `AnyRecipeTrainer.train`. Accuracy by depth is not read: nobody looks at it, and it takes time."""
        if self.beside is not None and checkpoint in self._begun:
            self._begun.remove(checkpoint)
            return self.beside.result(
                architecture, self.data(recipe), recipe,
                seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, test=False, depth=False,
            )  # fmt: skip
        return fit(
            architecture, self.data(recipe), recipe,
            seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, test=False, depth=False,
        )  # fmt: skip

    def begin(self, architecture: Architecture, recipe: Recipe, *, seed: int, checkpoint: Path) -> bool:
        """Begin a training that is one of several, each by one thread; whether there was room for it."""
        if self.beside is None:
            return False
        self._begun.add(checkpoint)
        return self.beside.begin(
            architecture, self.data(recipe), recipe, seed=seed, checkpoint=checkpoint, test=False, depth=False
        )

    def room(self) -> bool:
        """See `RecipesAhead.room`."""
        return self.beside is not None and self.beside.room

    def model(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> TrainedModel:
        """See `AnyRecipeTrainer.model`."""
        return trained_model(architecture, self.dataset, self.data(recipe), recipe, result)

    def unfinished(self, architecture: Architecture, recipe: Recipe, result: TrainingResult) -> TrainedModel | None:
        """See `AnyRecipeTrainer.unfinished`. The weights themselves are scored, not what a recipe averages of them."""
        if result.module is None:
            return None
        data = self.data(recipe)
        module = result.module.to(data.device)
        scores = evaluate(
            module, data.x_validation, data.y_validation, data,
            precision=result.precision, mirroring=recipe.test_mirroring,
        )  # fmt: skip
        balanced = scores.balanced_accuracy if is_unbalanced(data.y_train, data.classes) else None
        scored = replace(result, accuracy=scores.accuracy, balanced_accuracy=balanced)
        return trained_model(architecture, self.dataset, data, recipe, scored)

    def tested(self, model: TrainedModel, recipe: Recipe) -> HeldOutScores | None:
        """See `AnyRecipeTrainer.tested`."""
        data = self.data(recipe)
        return _scores(model, recipe, data, test=True) if len(data.x_test) else None

    def validated(self, model: TrainedModel, recipe: Recipe) -> HeldOutScores:
        """See `ScoringRecipes.validated`."""
        return _scores(model, recipe, self.data(recipe), test=False)

    def predictions(self, model: TrainedModel, recipe: Recipe, *, test: bool) -> Predictions:
        """See `ExaminingRecipes.predictions`."""
        data = self.data(recipe)
        module = model.module.to(data.device)
        found = predictions_of(module, model.architecture, self.dataset, data, recipe, test=test)
        model.module.cpu()
        return found

    def mirroring(self, folders: Iterable[Path], recipe: Recipe) -> Mirroring | None:
        """See `AnyRecipeTrainer.mirroring`."""
        there = [folder for folder in folders if (folder / ARCHITECTURE).exists()]
        if recipe.flip or not there:
            return None
        data = self.data(recipe)
        return mirroring((load_model(folder).module.to(data.device) for folder in there), data)


def _scores(model: TrainedModel, recipe: Recipe, data: DeviceData, *, test: bool) -> HeldOutScores:
    images, labels = (data.x_test, data.y_test) if test else (data.x_validation, data.y_validation)
    module = model.module.to(data.device)
    precision = precision_of(model.architecture, data, recipe)
    scores = evaluate(module, images, labels, data, precision=precision, mirroring=recipe.test_mirroring)
    model.module.cpu()
    balanced = scores.balanced_accuracy if is_unbalanced(data.y_train, data.classes) else None
    return HeldOutScores(scores.accuracy, balanced, len(images))
