"""`Finishing`: the last step of a search, in which the best of the short-list are trained by the final recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.files import write_json
from presage.reading import read_as, record
from presage.search.final.halving import tuning_epochs
from presage.search.final.joining import joined
from presage.search.final.settings import LEAST_EPOCHS, FinalSettings
from presage.search.final.trainer import AnyRecipeTrainer, RecipesAhead, RecipesTrainer, ScoringRecipes
from presage.search.final.trainings import STOPPED, Row, Trainings
from presage.search.final.tuning import Tuned, tuned
from presage.search.final_result import FinalEnsemble, FinalResult, FinalTraining
from presage.search.progress import SearchProgress
from presage.search.result import SearchResult, Verified
from presage.search.run.context import RunContext
from presage.search.run.export import publish_model
from presage.speakable import named
from presage.training.failures import StopTraining
from presage.training.loop import EpochRecord
from presage.training.mirroring import Mirroring
from presage.training.recipe import Recipe
from presage.training.recipe_words import words_on
from presage.training.recipes import for_photos
from presage.training.recording import dataset_record

__all__ = ["Finishing"]

_LATE = 1 / 4  # of the epochs planned, over which a network that comes late is trained still


class Finishing:
    """Trains the best of a short-list finally, and leaves the best of them in the run's folder ``best``.

    Validation images choose; test images are looked at once, for the one that is chosen. They are the same images as
    in the search where the recipes divide the data alike.

    Args:
        trainer: trains by any recipe; by default on the run's dataset and device.
    """

    def __init__(self, settings: FinalSettings, trainer: AnyRecipeTrainer | None = None) -> None:
        self.settings, self._trainer = settings, trainer

    def __call__(self, run: RunContext, result: SearchResult) -> SearchResult:
        """The result of a search with what its final trainings came to."""
        trained = sorted(
            (one for one in result.verified if one.accuracy is not None), key=lambda one: -(one.accuracy or 0.0)
        )
        chosen = trained[: self.settings.networks]
        trainer = self._trainer or RecipesTrainer(run.dataset, run.device, run.beside)
        notes: list[str] = []
        settings = self._for_images(run, trainer, trained, notes) if self.settings.mirror else self.settings
        chosen = chosen[: run.pace.finishes(len(chosen))]
        networks = [_Network(run, trainer, one, settings, at, len(chosen), notes) for at, one in enumerate(chosen)]
        if settings.side_by_side and settings.trials < 2:
            ahead = len(networks) if isinstance(trainer, RecipesAhead) else 1
            room = trainer.room if isinstance(trainer, RecipesAhead) else lambda: False
            done = _in_turns(networks, ahead if run.beside is None else run.beside.slots, room, notes)
        else:
            done = [one.trained() for one in networks]
        final = FinalResult(tuple(one.record for one in done))
        ensemble = None
        if final.best is not None:
            best = next(one for one in done if one.record.hash == (final.best and final.best.hash))
            if not final.falls_short:
                ensemble = self._ensemble(run, trainer, done, settings)
            best.test(publish=ensemble is None and not final.falls_short)
        cut, as_it_was = (None, None) if final.best is not None else self._cut_short(done)
        for one in done:
            one.enter()
        mean = [] if ensemble is None else [str(ensemble)]
        told = (*notes, *_remarks(final, cut), *mean)
        final = FinalResult(tuple(one.record for one in done), told, as_it_was, ensemble)
        return replace(result, final=final)

    def _ensemble(
        self, run: RunContext, trainer: AnyRecipeTrainer, done: Sequence[_Network], settings: FinalSettings
    ) -> FinalEnsemble | None:
        """The mean of several networks, left in the run's folder `best`, where one is as good as the best network."""
        if not settings.average or not isinstance(trainer, ScoringRecipes):
            return None
        kept = run.folder.ensemble
        found = joined(trainer, [(one.record, one.folder) for one in done], settings.limits, kept)
        if found is None:
            return None
        publish_model(found[1], kept, run.folder.best)
        return found[0]

    def _cut_short(self, done: Sequence[_Network]) -> tuple[str | None, str | None]:
        """Where every final training was cut short, the best of these networks is left as it is, if it is no worse
        than by the search's recipe: in a sentence, and its hash."""
        best = max(done, key=lambda one: one.unfinished_accuracy, default=None)
        if best is None or best.unfinished_accuracy < max(one.verified.accuracy or 0.0 for one in done):
            return None, None
        told = best.publish_unfinished()
        return told, None if told is None else best.record.hash

    def _for_images(
        self, run: RunContext, trainer: AnyRecipeTrainer, trained: Sequence[Verified], notes: list[str]
    ) -> FinalSettings:
        """The settings as suit the images: mirrored where the short-list's networks say that it does no harm."""
        kept = run.folder.mirroring
        told = read_as(kept, lambda value: record(Mirroring, value))
        folders = [run.folder.network(one.chosen.hash) for one in trained]
        found = trainer.mirroring(folders, run.recipe) if told is None else told
        if found is None:
            return self.settings
        write_json(kept, found.to_json())
        notes.append(str(found))
        if not found.safe:
            return self.settings
        recipe = for_photos(self.settings.recipe)
        return replace(self.settings, recipe=replace(recipe, test_mirroring=recipe.test_mirroring and found.in_test))


class _Network:
    """One network's final training. `record` and `row` are what became of it."""

    record: FinalTraining
    row: Row
    recipe: Recipe
    left_out = False

    def __init__(
        self,
        run: RunContext,
        trainer: AnyRecipeTrainer,
        verified: Verified,
        settings: FinalSettings,
        at: int,
        networks: int,
        notes: list[str],
    ) -> None:
        self.run, self.verified, self.settings, self._notes = run, verified, settings, notes
        self._where = f"network {at + 1} of {networks}"
        self._trainings = Trainings(run, trainer, verified.chosen)

    def begin(self, *, late: bool) -> bool:
        """Begin the training, one of several at once, unless it is over. Untuned, its recipe is fixed now.

        Args:
            late: others were trained before, so that it may be left out: where no more than a quarter of the epochs
                fit, or no more than the fewest that any training is given.

        Returns:
            False where it has to be begun but has not: there was no room for it.
        """
        asked = self._within_limits(self.settings.recipe)
        self.recipe = self.run.pace.fitted(self._architecture, asked)
        if self._trainings.known(self.recipe) is None:
            self.left_out = late and self.recipe.epochs <= max(_LATE * asked.epochs, LEAST_EPOCHS)
            if not self.left_out:
                return self._trainings.begin(self.recipe)
        return True

    def trained(self, meanwhile: Callable[[], None] = lambda: None) -> _Network:
        """Tune, then train.

        Args:
            meanwhile: called after every epoch of the training.
        """
        base = self._within_limits(self.settings.recipe)
        found = Tuned(base, (), 0.0)
        if self.settings.trials > 1:
            total = tuning_epochs(self.settings.trials, base.epochs)
            found = tuned(self._trainings, base, self.settings.trials, on_epoch=self._teller("tune", total))
        self.recipe = self.run.pace.fitted(self._architecture, found.recipe)
        tell = self._teller("final", self.recipe.epochs)

        def on_epoch(record: EpochRecord) -> None:
            tell(record)
            meanwhile()
            if self.run.pace.is_over():
                raise StopTraining("the budget is used up", by_clock=True)

        self.row = self._trainings.row(self.recipe, keep=True, on_epoch=on_epoch)
        self.record = self._record(found)
        return self

    def test(self, *, publish: bool) -> None:
        """Look at the test images, once; `publish` leaves the network in the run's folder `best`."""
        self.row, model = self._trainings.tested(self.recipe, self.row)
        self.record = replace(
            self.record,
            test_accuracy=self.row["test_accuracy"],
            test_balanced_accuracy=self.row.get("test_balanced_accuracy"),
        )
        if model is not None and publish:
            publish_model(model, self._trainings.folder(self.recipe), self.run.folder.best)

    @property
    def folder(self) -> Path:
        """Of its model."""
        return self._trainings.folder(self.recipe)

    @property
    def unfinished_accuracy(self) -> float:
        """On validation images, of a training that was cut short, as it is; 0 where there is none."""
        model = self._trainings.unfinished
        return 0.0 if model is None else model.accuracy or 0.0

    def publish_unfinished(self) -> str | None:
        """Leave it in the run's folder `best` as it is, with its accuracies in a sentence."""
        model = self._trainings.publish_unfinished(self.recipe)
        if model is None:
            return None
        test = "" if model.test_accuracy is None else f", {model.test_accuracy:.3f} on test images"
        return (
            f"The best network is {named(self.record.hash)} as it was then: {model.accuracy:.3f} on validation images"
            f"{test}, no less than by the search's recipe."
        )

    def enter(self) -> None:
        """Store the final training in the database."""
        self._trainings.enter(self.recipe, self.row)

    @property
    def _architecture(self) -> Architecture:
        return self._trainings.architecture

    def _costs(self, side: int) -> Any:
        dataset = self.run.dataset
        return costs(self._architecture.canonical, (dataset.shape[0], side, side), len(dataset.classes))

    def _within_limits(self, recipe: Recipe) -> Recipe:
        """The final recipe; on the search's images where the network would be over a limit on larger ones."""
        limits, side = self.settings.limits, self.run.recipe.image_side
        if recipe.image_side == side:
            return recipe
        at_final, asked = self._costs(recipe.image_side), (limits.multiply_adds, limits.activation_bytes)
        over = [
            most is not None and cost > most
            for most, cost in zip(asked, (at_final.multiply_adds, at_final.activation_bytes), strict=True)
        ]
        if not any(over) and limits.latency_seconds is None:
            return recipe
        self._note(
            f"The final training is at {side} pixels, as the search, not at {recipe.image_side}: the limits are on "
            "networks for images of that size."
        )
        return replace(recipe, image_side=side, shift=min(recipe.shift, side - 1))

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _teller(self, stage: str, total: int) -> Any:
        done = 0

        def tell(record: EpochRecord) -> None:
            nonlocal done
            done = max(done + 1, record.epoch + 1)
            detail = f"{self._where}, validation accuracy {record.validation_accuracy:.3f}"
            network = self.verified.chosen.hash
            self.run.on_progress(SearchProgress(stage, min(done, total), total, 0, detail, network, record))

        return tell

    def _record(self, found: Tuned) -> FinalTraining:
        row, size = self.row, self._costs(self.recipe.image_side)
        failure = row["failure"]
        if row["status"] == STOPPED:
            failure = (
                f"stopped by the budget after epoch {len(row['curve'])} of {self.recipe.epochs}, half-way through "
                "its schedule; the same command with a larger budget goes on"
            )
        return FinalTraining(
            hash=self.verified.chosen.hash,
            params=self.verified.chosen.params,
            recipe=self.recipe.to_json(),
            recipe_words=words_on(self.recipe, dataset_record(self.run.dataset)),
            trials=found.trials,
            status=row["status"],
            accuracy=row["accuracy"],
            test_accuracy=row["test_accuracy"],
            search_accuracy=self.verified.accuracy,
            curve=tuple(row["curve"]),
            seconds=row["seconds"],
            tuning_seconds=found.seconds,
            parameters=size.parameters,
            multiply_adds=size.multiply_adds,
            failure=failure,
            balanced_accuracy=row.get("balanced_accuracy"),
            test_balanced_accuracy=row.get("test_balanced_accuracy"),
        )


def _in_turns(networks: Sequence[_Network], slots: int, room: Callable[[], bool], notes: list[str]) -> list[_Network]:
    """Train `slots` at once. How long each is trained is fixed when it begins, by the time that is left then; those for
    which there is no time any more are left out.

    Args:
        room: whether one of those begun is over, though another that is waited for is not: the next begins then,
            unless one before it still waits for memory.
    """
    done: list[_Network] = []
    begun = at = 0
    waits = -1  # the latest that found no room

    def begin() -> None:
        nonlocal begun, waits
        while begun < len(networks) and (begun < at + slots or (waits < at and room())):
            begun += 1
            if not networks[begun - 1].begin(late=begun > slots):
                waits = begun - 1

    for at, one in enumerate(networks):  # noqa: B007
        begin()
        if one.left_out:
            notes.append(f"There was no time for the final training of {named(one.verified.chosen.hash)}.")
        else:
            done.append(one.trained(begin))
    return done


def _remarks(final: FinalResult, cut: str | None) -> Sequence[str]:
    """What is to be known of the outcome."""
    best = final.best
    failed = [
        f"The final training of {named(one.hash)} has no accuracy ({one.status}): {one.failure}."
        for one in final.trainings
        if one.accuracy is None
    ]
    if best is None:
        return [*failed, cut or "The best network is the one trained by the search's recipe."] if failed else []
    before = best.search_accuracy
    if before is not None and (best.accuracy or 0.0) < before:
        failed.append(
            f"The final training came to less on validation images ({best.accuracy:.3f}) than the search's recipe "
            f"({before:.3f}). Its rates may not suit this dataset: try another --final-recipe."
            + (" The best network is the one trained by the search's recipe." if final.falls_short else "")
        )
    return failed
