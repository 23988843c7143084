"""The database as long trainings use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.database import Database
    from presage.records import ExperimentEntry, ExperimentRecord, PredictionEntry, TextExperimentEntry

__all__ = ["BriefStore"]


@dataclass(frozen=True)
class BriefStore:
    """Opens the database for each call and lets go of it at once: hours of training keep no other process out of it.

    Args:
        open: opens the database.
    """

    open: Callable[[], Database]

    def experiment_records(
        self, *, dataset: str, recipe: str, architecture: str | None = None, status: str | None = None
    ) -> list[ExperimentRecord]:
        """As `Database.experiment_records`."""
        with self.open() as database:
            return database.experiment_records(dataset, architecture, recipe, status)

    def add_experiments(self, entries: Iterable[ExperimentEntry]) -> object:
        """As `Database.add_experiments`."""
        with self.open() as database:
            return database.add_experiments(entries)

    def add_text_experiments(self, entries: Iterable[TextExperimentEntry]) -> object:
        """As `Database.add_text_experiments`."""
        with self.open() as database:
            return database.add_text_experiments(entries)

    def add_predictions(self, entries: Iterable[PredictionEntry]) -> object:
        """As `Database.add_predictions`."""
        with self.open() as database:
            return database.add_predictions(entries)
