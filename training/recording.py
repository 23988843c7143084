"""What training knows, as records of experience: datasets, architectures, recipes, and what came of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from presage.architecture.graph import Architecture
from presage.architecture.serial import to_json
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.entries import ExperimentEntry
from presage.records.experiment import ExperimentRecord
from presage.records.recipe import RecipeRecord
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

if TYPE_CHECKING:
    from presage.training.fitting import TrainingResult

__all__ = ["architecture_record", "dataset_record", "experiment_entry", "experiment_record", "recipe_record"]


def dataset_record(dataset: ImageDataset) -> DatasetRecord:
    """The dataset as its content's fingerprint, its name, and its sizes in pixels and images."""
    channels, height, width = dataset.shape
    return DatasetRecord(
        fingerprint=dataset.fingerprint,
        name=dataset.name,
        classes=len(dataset.classes),
        channels=channels,
        height=height,
        width=width,
        train_images=len(dataset.y_train),
        test_images=len(dataset.y_test),
        validation_images=None if dataset.validation is None else len(dataset.validation),
    )


def architecture_record(
    architecture: Architecture, space: str | None = None, params: Mapping[str, object] | None = None
) -> ArchitectureRecord:
    """`space` and `params` say where it came from, if it came from a space."""
    origin = None if params is None else dict(params)
    return ArchitectureRecord(architecture.hash, to_json(architecture.canonical), space, origin)


def recipe_record(recipe: Recipe) -> RecipeRecord:
    """The recipe with its hash."""
    return RecipeRecord(recipe.hash, recipe.to_json())


def experiment_record(
    dataset: str, architecture: Architecture, recipe: Recipe, seed: int, result: TrainingResult
) -> ExperimentRecord:
    """One training of one network on the dataset with this fingerprint; it ended now.

    Every field of the record that the result, or its costs, has under the same name is taken over. Accuracies and
    losses are rounded to 6 digits, seconds to 3.

    Raises:
        InvalidExperience: the result is of a plain module, whose costs are not known, or holds numbers that are none.
    """
    names = [field.name for field in fields(ExperimentRecord)]
    measured: dict[str, Any] = {name: _rounded(getattr(result, name)) for name in names if hasattr(result, name)}
    measured |= asdict(result.costs) if result.costs else {}
    return ExperimentRecord.from_json(
        measured
        | {
            "dataset": dataset,
            "architecture": architecture.hash,
            "recipe": recipe.hash,
            "seed": seed,
            "seconds": round(result.seconds, 3),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def experiment_entry(
    experiment: ExperimentRecord,
    dataset: DatasetRecord,
    architecture: Architecture,
    recipe: Recipe,
    space: str | None = None,
    params: Mapping[str, object] | None = None,
) -> ExperimentEntry:
    """The experiment together with all that it names, as it enters shards and databases.

    Raises:
        InvalidExperience: it names another dataset, architecture or recipe.
    """
    return ExperimentEntry(dataset, architecture_record(architecture, space, params), recipe_record(recipe), experiment)


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value
