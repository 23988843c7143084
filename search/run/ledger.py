"""Rows of experience that a search writes into the database, and what it asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from presage.architecture.graph import Architecture
from presage.errors import InvalidExperience, WrongInput
from presage.reading import read_as
from presage.records import (
    ExperimentEntry,
    ExperimentRecord,
    PredictionEntry,
    PredictionRecord,
)
from presage.search.result import Chosen
from presage.search.run.networks import Networks
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult
from presage.training.recipe import Recipe
from presage.training.recording import (
    architecture_record,
    dataset_record,
    experiment_entry,
    experiment_record,
    recipe_record,
)

__all__ = ["OF_RUN", "Ledger", "Store", "crashed_row", "now", "read_row"]

OF_RUN = ("reused", "stopped")
"""What a run notes beside a row of experience, and the database does not take."""


def read_row(path: Path) -> dict[str, Any] | None:
    """A training's row as a run folder keeps it; None where there is none.

    Raises:
        WrongInput: the file is damaged.
    """

    def checked(value: Any) -> dict[str, Any]:
        if value["status"] != "crashed":
            ExperimentRecord.from_json({name: one for name, one in value.items() if name not in OF_RUN})
        return dict(value)

    try:
        return read_as(path, checked)
    except InvalidExperience as error:
        raise WrongInput(f"{path} is damaged: {error}") from None


def now() -> str:
    """The time as the database writes it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def crashed_row(dataset: str, architecture: str, recipe: str, seed: int, failure: str) -> dict[str, Any]:
    """A row for a training that ended in an error of its own. The database takes none of these: it says nothing of the
    network.

    Args:
        dataset, architecture, recipe: fingerprint, and hashes.
    """
    return {
        "dataset": dataset,
        "architecture": architecture,
        "recipe": recipe,
        "seed": seed,
        "status": "crashed",
        "accuracy": None,
        "test_accuracy": None,
        "curve": [],
        "seconds": 0.0,
        "failure": " ".join(failure.split())[:300],
        "created_at": now(),
    }


class Store(Protocol):
    """What a search asks of a database: a `presage.database.Database`, or one that is opened for each call."""

    def experiment_records(self, *, dataset: str, recipe: str) -> list[ExperimentRecord]:
        """Every experiment on a dataset (fingerprint) by a recipe (hash)."""

    def add_experiments(self, entries: Iterable[ExperimentEntry]) -> object:
        """Store experiments; the same again is passed over."""

    def add_predictions(self, entries: Iterable[PredictionEntry]) -> object:
        """Store predictions; the same again is passed over."""


class Ledger:
    """The database as a search on one dataset by one recipe uses it. Without a database it remembers nothing."""

    def __init__(self, database: Store | None, dataset: ImageDataset, recipe: Recipe, networks: Networks) -> None:
        self._database, self._networks, self._images = database, networks, dataset
        self.dataset, self.recipe = dataset.fingerprint, recipe.hash
        self._trained_by = recipe
        self._dataset, self._recipe = dataset_record(dataset), recipe_record(recipe)

    def by(self, recipe: Recipe) -> Ledger:
        """The same database, dataset and networks, for trainings by another recipe."""
        return Ledger(self._database, self._images, recipe, self._networks)

    @property
    def epochs(self) -> int:
        """Epochs of the recipe that networks are trained by."""
        return self._trained_by.epochs

    def known(self) -> dict[str, dict[str, Any]]:
        """Architecture hash → row, of every experiment on this dataset by this recipe; a finished one before others."""
        if self._database is None:
            return {}
        records = self._database.experiment_records(dataset=self.dataset, recipe=self.recipe)
        records.sort(key=lambda record: (not record.failed, -record.seed))
        return {record.architecture: record.to_json() for record in records}

    def has(self, chosen: Chosen, seed: int) -> bool:
        """Whether the very training of a network by this recipe and seed is stored."""
        if self._database is None:
            return False
        records = self._database.experiment_records(dataset=self.dataset, recipe=self.recipe)
        return any((record.architecture, record.seed) == (chosen.hash, seed) for record in records)

    def row(self, architecture: Architecture, seed: int, result: TrainingResult) -> dict[str, Any]:
        """One training as a row of experience."""
        return experiment_record(self.dataset, architecture, self._trained_by, seed, result).to_json()

    def crash(self, chosen: Chosen, seed: int, failure: str) -> dict[str, Any]:
        """See `crashed_row`."""
        return crashed_row(self.dataset, chosen.hash, self.recipe, seed, failure)

    def add_predictions(self, chosen: Sequence[Chosen]) -> None:
        """Store what was predicted of a short-list, before any of it is trained. The same again is passed over."""
        if self._database is not None and chosen:
            self._database.add_predictions(self._prediction(one) for one in chosen)

    def add_experiment(self, chosen: Chosen, row: Mapping[str, Any]) -> None:
        """Store one training. The same again is passed over."""
        if self._database is not None:
            experiment = ExperimentRecord.from_json(dict(row))
            origin = (self._networks.space.name, chosen.params)
            architecture = self._networks.of(chosen.params)
            entry = experiment_entry(experiment, self._dataset, architecture, self._trained_by, *origin)
            self._database.add_experiments([entry])

    def _prediction(self, chosen: Chosen) -> PredictionEntry:
        names = {"value": "predicted", "lower": "lower", "upper": "upper", "level": "level"}
        prediction = PredictionRecord(
            dataset=self.dataset,
            architecture=chosen.hash,
            recipe=self.recipe,
            predictor=chosen.predictor or "unknown",
            created_at=chosen.created_at,
            **{name: getattr(chosen, source) for name, source in names.items()},
        )
        architecture = architecture_record(self._networks.of(chosen.params), self._networks.space.name, chosen.params)
        return PredictionEntry(self._dataset, architecture, self._recipe, prediction)
