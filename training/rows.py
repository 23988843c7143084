"""Rows of experience as plain values: what a shard's line holds and the database stores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from presage.architecture.graph import Architecture
from presage.architecture.serial import to_json
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult
from presage.training.recipe import Recipe

__all__ = ["Row", "architecture_row", "dataset_row", "experiment_row", "recipe_row"]

Row = dict[str, Any]


def dataset_row(dataset: ImageDataset) -> Row:
    """The dataset as its content's fingerprint, its name, and its sizes in pixels and images."""
    channels, height, width = dataset.shape
    return {
        "fingerprint": dataset.fingerprint,
        "name": dataset.name,
        "classes": len(dataset.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "train_images": len(dataset.y_train),
        "test_images": len(dataset.y_test),
    }


def architecture_row(
    architecture: Architecture, space: str | None = None, params: Mapping[str, object] | None = None
) -> Row:
    """`space` and `params` say where it came from, if it came from a space."""
    return {
        "hash": architecture.hash,
        "json": to_json(architecture.canonical),
        "space": space,
        "params": None if params is None else dict(params),
    }


def recipe_row(recipe: Recipe) -> Row:
    """The recipe with its hash."""
    return {"hash": recipe.hash, "json": recipe.to_json()}


def experiment_row(dataset: str, architecture: Architecture, recipe: Recipe, seed: int, result: TrainingResult) -> Row:
    """One training of one network on the dataset with this fingerprint. Accuracies are rounded to 6 digits."""
    cost = result.costs
    return {
        "dataset": dataset,
        "architecture": architecture.hash,
        "recipe": recipe.hash,
        "seed": seed,
        "status": result.status,
        "accuracy": _rounded(result.accuracy),
        "test_accuracy": _rounded(result.test_accuracy),
        "curve": [_rounded(value) for value in result.curve],
        "train_losses": [_rounded(value) for value in result.train_losses],
        "depth_accuracies": [_rounded(value) for value in result.depth_accuracies],
        "parameters": cost.parameters if cost else None,
        "multiply_adds": cost.multiply_adds if cost else None,
        "activation_bytes": cost.activation_bytes if cost else None,
        "depth": cost.depth if cost else None,
        "seconds": round(result.seconds, 3),
        "device": result.device,
        "precision": result.precision,
        "versions": result.versions,
        "failure": result.failure,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
