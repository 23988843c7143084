"""`Trainings`: what one network is trained by beside the search's recipe. Each training is done once, and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from presage.architecture.graph import Architecture
from presage.files import write_json
from presage.reading import read_as
from presage.records.experiment import FINISHED, PRUNED
from presage.search.final.trainer import AnyRecipeTrainer, ExaminingRecipes, RecipesAhead
from presage.search.result import Chosen
from presage.search.run.attempts import attempt, settled
from presage.search.run.context import RunContext
from presage.search.run.export import publish_model
from presage.search.run.ledger import read_row
from presage.training.failures import StopTraining
from presage.training.held_out import PREDICTIONS
from presage.training.loop import EpochRecord
from presage.training.model.folder import load_model, save_model
from presage.training.model.trained import TrainedModel
from presage.training.recipe import Recipe

__all__ = ["STOPPED", "Trainings"]

STOPPED = "stopped"
"""Status of a training that a budget ended: it is not over, and goes on from its last epoch when asked for again."""

Row = Mapping[str, Any]

_EXPERIMENT, _CHECKPOINT = "experiment.json", "checkpoint.pt"


class Trainings:
    """Trains one network by several recipes.

    As in `Verification`, each training has a folder in which its result is put down before anything else learns of
    it: killed at any moment and asked again, none that was finished is repeated, and one that was under way goes on
    from its last whole epoch. What ends a training is its recorded result.
    """

    def __init__(self, run: RunContext, trainer: AnyRecipeTrainer, network: Chosen) -> None:
        self.run, self.network = run, network
        self.unfinished: TrainedModel | None = None
        self._trainer = trainer
        self._by_one_thread: set[str] = set()  # hashes of recipes

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.run.networks.of(self.network.params)

    def folder(self, recipe: Recipe) -> Path:
        """Where the training by this recipe is kept."""
        return self.run.folder.final(self.network.hash, recipe.hash)

    def known(self, recipe: Recipe) -> Row | None:
        """What became of a training; None where it is not over."""
        return read_row(self.folder(recipe) / _EXPERIMENT)

    def row(
        self, recipe: Recipe, *, keep: bool = False, on_epoch: Callable[[EpochRecord], None] = lambda record: None
    ) -> Row:
        """What became of the training by a recipe, which is trained now unless that is known.

        Args:
            keep: leave the network as a model in `folder`.
            on_epoch: may raise `StopTraining`; the status is `STOPPED` then, and nothing is put down.
        """
        found = self.known(recipe)
        return self._trained(recipe, keep, on_epoch) if found is None else found

    def begin(self, recipe: Recipe) -> bool:
        """Begin a training that is one of several, of which `row` is asked for later; whether there was room for it."""
        if self.run.beside is not None:
            self._by_one_thread.add(recipe.hash)
        if not isinstance(self._trainer, RecipesAhead):
            return False
        checkpoint = self.folder(recipe) / _CHECKPOINT
        return self._trainer.begin(self.architecture, recipe, seed=self.run.settings.seed, checkpoint=checkpoint)

    def enter(self, recipe: Recipe, row: Row) -> None:
        """Store the training in the database, unless it has it: the search's own, say, with accuracies by depth too.

        A crash says nothing of the network.
        """
        ledger = self.run.ledger.by(recipe)
        if row["status"] not in ("crashed", STOPPED) and not ledger.has(self.network, row["seed"]):
            ledger.add_experiment(self.network, row)

    def tested(self, recipe: Recipe, row: Row) -> tuple[Row, TrainedModel | None]:
        """The row with its test accuracy, which is computed unless it is known, and the model."""
        folder = self.folder(recipe)
        if not (folder / "architecture.json").exists():
            return row, None
        model = load_model(folder)
        if row["test_accuracy"] is None:
            scores = self._trainer.tested(model, recipe)
            if scores is not None:
                balanced = scores.balanced_accuracy
                row = {
                    **row,
                    "test_accuracy": round(scores.accuracy, 6),
                    "test_balanced_accuracy": None if balanced is None else round(balanced, 6),
                }
                names = ("test_accuracy", "test_balanced_accuracy")
                model = replace(model, **{name: row[name] for name in names})
                save_model(model, folder, program=False)
                self._examine(model, recipe, folder, test=True)
                write_json(folder / _EXPERIMENT, row)
        return row, model

    def publish_unfinished(self, recipe: Recipe) -> TrainedModel | None:
        """Leave the network of a training that was cut short in the run's folder ``best``, its test accuracy known."""
        model, folder = self.unfinished, self.folder(recipe) / "unfinished"
        if model is None:
            return None
        scores = self._trainer.tested(model, recipe)
        if scores is not None:
            balanced = scores.balanced_accuracy
            model = replace(model, test_accuracy=scores.accuracy, test_balanced_accuracy=balanced)
        save_model(model, folder, program=False)
        self._examine(model, recipe, folder, test=True)
        publish_model(model, folder, self.run.folder.best)
        return model

    def _examine(self, model: TrainedModel, recipe: Recipe, folder: Path, *, test: bool) -> None:
        """Put down what the network says of each image held out."""
        if isinstance(self._trainer, ExaminingRecipes):
            write_json(folder / PREDICTIONS, self._trainer.predictions(model, recipe, test=test).to_json())

    def _trained(self, recipe: Recipe, keep: bool, on_epoch: Callable[[EpochRecord], None]) -> Row:
        folder, seed, ledger = self.folder(recipe), self.run.settings.seed, self.run.ledger.by(recipe)
        done = read_as(folder / "epochs.json", int) or 0
        stopped = False

        def report(record: EpochRecord) -> None:
            nonlocal stopped
            write_json(folder / "epochs.json", record.epoch + 1)
            try:
                on_epoch(record)
            except StopTraining:
                stopped = record.epoch + 1 < recipe.epochs
                if stopped:
                    raise

        result = attempt(
            folder, done,
            lambda: self._trainer.train(
                self.architecture, recipe, seed=seed, checkpoint=folder / _CHECKPOINT, on_epoch=report
            ),
        )  # fmt: skip
        if isinstance(result, str):
            row: Row = ledger.crash(self.network, seed, result)
        else:
            row = ledger.row(self.architecture, seed, result)
            if stopped and row["status"] == PRUNED:
                left = self._trainer.unfinished(self.architecture, recipe, result)
                self.unfinished = None if left is None else replace(left, stopped_after=len(row["curve"]))
                return {**row, "status": STOPPED}
            told = keep or recipe.hash not in self._by_one_thread  # a setting's says little of one by all threads
            if told and row["status"] == FINISHED:  # one that ended early took less than its epochs do
                self.run.pace.trained(self.architecture, recipe, result.seconds)
            if keep and row["status"] == FINISHED:
                model = self._trainer.model(self.architecture, recipe, result)
                if model is not None:
                    save_model(model, folder, program=False)
                    self._examine(model, recipe, folder, test=False)
        write_json(folder / _EXPERIMENT, row)
        settled(folder)
        (folder / "epochs.json").unlink(missing_ok=True)
        return row
