"""Made-up experience for tests and benchmarks: well-formed in every rule, true in nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.entries import ExperimentEntry, PredictionEntry, ProbeEntry
from presage.records.experiment import ExperimentRecord
from presage.records.prediction import PredictionRecord
from presage.records.probe import ProbeRecord
from presage.records.recipe import RecipeRecord

__all__ = [
    "architecture_record",
    "dataset_record",
    "experiment_entry",
    "prediction_entry",
    "probe_entry",
    "recipe_record",
]

_TIME = "2026-11-22T04:11:00+00:00"
_EPOCHS = 4


def dataset_record(name: str = "digits", **changed: Any) -> DatasetRecord:
    """A small grey dataset whose fingerprint follows from its name."""
    facts = {"classes": 10, "channels": 1, "height": 8, "width": 8, "train_images": 1437, "test_images": 360}
    fingerprint = hashlib.sha256(name.encode()).hexdigest()
    return DatasetRecord(**{"fingerprint": fingerprint, "name": name, **facts, **changed})


def architecture_record(
    number: int = 0, space: str | None = "chain", params: Mapping[str, Any] | None = None, json_text: str | None = None
) -> ArchitectureRecord:
    """An architecture that differs with `number`; or that of a real architecture's JSON text."""
    value = {"format": "presage-architecture", "version": 1, "nodes": [{"op": "input", "inputs": [], "number": number}]}
    text = json_text or json.dumps(value, separators=(",", ":"))
    return ArchitectureRecord(hashlib.sha256(text.encode()).hexdigest(), json.loads(text), space, params)


def recipe_record(epochs: int = _EPOCHS) -> RecipeRecord:
    """A recipe of that many epochs."""
    value = {"epochs": epochs, "format": "presage-recipe", "version": 1}
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return RecipeRecord(hashlib.sha256(text.encode()).hexdigest(), value)


def experiment_entry(
    number: int = 0,
    *,
    dataset: DatasetRecord | None = None,
    architecture: ArchitectureRecord | None = None,
    recipe: RecipeRecord | None = None,
    **changed: Any,
) -> ExperimentEntry:
    """A finished experiment of architecture `number`; `changed` are fields of the experiment."""
    dataset = dataset or dataset_record()
    architecture = architecture or architecture_record(number)
    recipe = recipe or recipe_record()
    epochs = int(recipe.json["epochs"])
    accuracy = 0.5 + (number % 400) / 1000
    finished = changed.get("status", "finished") == "finished"
    fields: dict[str, Any] = {
        "dataset": dataset.fingerprint,
        "architecture": architecture.hash,
        "recipe": recipe.hash,
        "seed": 0,
        "status": "finished",
        "accuracy": accuracy if finished else None,
        "test_accuracy": accuracy - 0.01 if finished else None,
        "curve": [accuracy * (e + 1) / epochs for e in range(epochs)] if finished else [],
        "train_losses": [2.0 / (e + 1) for e in range(epochs)] if finished else [],
        "depth_accuracies": [0.2, accuracy],
        "parameters": 1000 + number,
        "multiply_adds": 50_000 + number,
        "activation_bytes": 4096,
        "depth": 5,
        "seconds": 1.25,
        "device": "cpu",
        "precision": "float32",
        "versions": {"presage": "0.1.0", "torch": "2.15.0"},
        "failure": None if finished else "made up",
        "created_at": _TIME,
    }
    return ExperimentEntry(dataset, architecture, recipe, ExperimentRecord(**(fields | changed)))


def probe_entry(dataset: DatasetRecord | None = None, **changed: Any) -> ProbeEntry:
    """A probe with DCN 0.7; `changed` are fields of the probe."""
    dataset = dataset or dataset_record()
    fields: dict[str, Any] = {
        "dataset": dataset.fingerprint,
        "version": "1",
        "seed": 0,
        "dcn": 0.7,
        "curve": [0.3, 0.6, 0.7],
        "seconds": 2.0,
        "device": "cpu",
        "versions": {"torch": "2.15.0"},
        "description": {"log_classes": 2.302585092994046},
        "created_at": _TIME,
    }
    return ProbeEntry(dataset, ProbeRecord(**(fields | changed)))


def prediction_entry(number: int = 0, dataset: DatasetRecord | None = None, **changed: Any) -> PredictionEntry:
    """A prediction for architecture `number`; `changed` are fields of the prediction."""
    dataset, architecture, recipe = dataset or dataset_record(), architecture_record(number), recipe_record()
    fields: dict[str, Any] = {
        "dataset": dataset.fingerprint,
        "architecture": architecture.hash,
        "recipe": recipe.hash,
        "predictor": "ensemble",
        "value": 0.8,
        "lower": 0.7,
        "upper": 0.9,
        "level": 0.9,
        "created_at": _TIME,
    }
    return PredictionEntry(dataset, architecture, recipe, PredictionRecord(**(fields | changed)))
