"""`VersionTrainer`: smaller versions trained, each once, its result kept in its folder and in the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from presage.architecture.graph import Architecture
from presage.files import write_json
from presage.records import ExperimentRecord
from presage.records.experiment import FINISHED
from presage.search.run.attempts import attempt_by_epochs, settled
from presage.search.run.ledger import OF_RUN, Store, crashed_row, read_row
from presage.search.run.run_folder import RunFolder
from presage.search.run.trainer import Trainer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.fitting import TrainingResult
from presage.training.loop import EpochRecord
from presage.training.model.folder import ARCHITECTURE, save_model
from presage.training.recipe import Recipe
from presage.training.recording import dataset_record, experiment_entry, experiment_record

__all__ = ["VersionTrainer"]


class VersionTrainer:
    """Trains networks from scratch by one recipe and seed; what ends one (NaN, lack of memory, a crash) ends no other.

    Killed at any moment and asked again, it gives the results it has and goes on with a training from its last epoch.

    Args:
        store: the database.
    """

    def __init__(
        self, trainer: Trainer, dataset: ImageDataset, recipe: Recipe, seed: int, folder: RunFolder, store: Store
    ) -> None:
        self._trainer, self._dataset, self._recipe, self._seed = trainer, dataset, recipe, seed
        self._folder, self._store = folder, store

    def row(
        self, architecture: Architecture, on_epoch: Callable[[EpochRecord], None], *, model: bool
    ) -> dict[str, Any]:
        """The experiment of a network, as JSON; with `reused` where it was in the database.

        Args:
            model: whether the trained network is wanted: what the database knows is trained all the same.
        """
        folder = self._folder.network(architecture.hash)
        row = read_row(folder / "experiment.json")
        if row is not None and model and row["status"] == FINISHED and not (folder / ARCHITECTURE).exists():
            row = None  # the weights were not wanted then
        if row is None and not model:
            row = self._known(architecture)
        if row is None:
            row = self._trained(architecture, folder, on_epoch, model=model)
        write_json(folder / "experiment.json", row)
        if row["status"] != "crashed" and not row.get("reused"):
            record = ExperimentRecord.from_json({name: row[name] for name in row if name not in OF_RUN})
            entry = experiment_entry(record, dataset_record(self._dataset), architecture, self._recipe)
            self._store.add_experiments([entry])
        settled(folder)
        return row

    def _known(self, architecture: Architecture) -> dict[str, Any] | None:
        """The very training, where the database has it."""
        records = self._store.experiment_records(dataset=self._dataset.fingerprint, recipe=self._recipe.hash)
        for record in records:
            if (record.architecture, record.seed, record.status) == (architecture.hash, self._seed, FINISHED):
                return {**record.to_json(), "reused": True}
        return None

    def _trained(
        self, architecture: Architecture, folder: Path, on_epoch: Callable[[EpochRecord], None], *, model: bool
    ) -> dict[str, Any]:
        def train(tell: Callable[[EpochRecord], None]) -> TrainingResult:
            checkpoint = folder / "checkpoint.pt"
            return self._trainer.train(architecture, seed=self._seed, checkpoint=checkpoint, on_epoch=tell)

        result = attempt_by_epochs(folder, train, on_epoch)
        dataset, recipe = self._dataset.fingerprint, self._recipe.hash
        if isinstance(result, str):
            return crashed_row(dataset, architecture.hash, recipe, self._seed, result)
        if model and result.status == FINISHED and result.module is not None:
            save_model(self._trainer.model(architecture, result), folder, program=False)
        return experiment_record(dataset, architecture, self._recipe, self._seed, result).to_json()
