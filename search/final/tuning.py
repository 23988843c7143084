"""Learning rate and weight decay tuned for one network: a small Optuna study by successive halving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from presage.files import writing
from presage.records.experiment import FINISHED
from presage.search.final.halving import rungs, settings
from presage.search.final.trainings import Row, Trainings
from presage.search.final_result import TuningTrial
from presage.training.data import images_for_validation
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe

__all__ = ["Tuned", "tuned"]

_OWN = 0  # trial of the recipe's own setting
_RATE, _DECAY = "learning_rate", "weight_decay"
_KINDS = {_RATE: FloatDistribution(0.0, 1e6), _DECAY: FloatDistribution(0.0, 1e6)}


@dataclass(frozen=True)
class Tuned:
    """What the tuning of one network came to.

    Attributes:
        recipe: the final recipe, with the best setting.
        trials: in the order they were tried.
        seconds: of their trainings.
    """

    recipe: Recipe
    trials: tuple[TuningTrial, ...]
    seconds: float


def tuned(
    trainings: Trainings, recipe: Recipe, trials: int, *, on_epoch: Callable[[EpochRecord], None] = lambda record: None
) -> Tuned:
    """The final recipe with the learning rate and weight decay that serve a network best.

    Many settings are trained for few epochs, the better for more (`rungs`); the recipe's own is among them to the end,
    and stays where no other is better by a standard error of an accuracy on as many validation images: so many
    images do not tell like settings apart. The study is in the run's journal, each training in its folder and
    in the database. Where the pace allows no more, what was tried longest counts. Where every setting failed, the
    recipe stays as it is.
    """
    return _Tuning(trainings, recipe, trials).run(on_epoch)


class _Tuning:
    def __init__(self, trainings: Trainings, recipe: Recipe, trials: int) -> None:
        self._trainings, self._recipe, self._journal = trainings, recipe, trainings.run.journal
        self._rungs = rungs(trials, recipe.epochs)
        self._settings = settings(recipe, trials, trainings.run.settings.seed)
        self._study = self._journal.study(f"final-{trainings.network.hash[:8]}-{recipe.hash[:8]}")
        self._best: dict[int, tuple[int, Row]] = {}  # trial → epochs and row of its longest training
        self._seconds = 0.0
        self._may_begin: dict[str, bool] = {}  # by recipe: whether there is time for the training
        self._begun: set[str] = set()

    def run(self, on_epoch: Callable[[EpochRecord], None]) -> Tuned:
        self._enqueue()
        alive = list(range(len(self._settings)))
        for number, (_, epochs) in enumerate(self._rungs):
            for at, trial in enumerate(alive):
                self._begin(alive[at:], epochs)
                if not self._train(trial, epochs, on_epoch):
                    return self._result()
            left = self._rungs[number + 1][0] if number + 1 < len(self._rungs) else 0
            kept = self._ranked(alive)
            if _OWN in kept[left:]:
                kept.remove(_OWN)
                kept.insert(max(left - 1, 0), _OWN)
            for trial in alive:
                self._tell(trial, goes_on=trial in kept[:left], last=not left)
            alive = sorted(kept[:left])
        return self._result()

    def _enqueue(self) -> None:
        for rate, decay in self._settings[len(self._study.get_trials(deepcopy=False)) :]:
            trial = create_trial(
                state=TrialState.WAITING, params={_RATE: rate, _DECAY: decay}, distributions=dict(_KINDS)
            )
            with writing(self._journal.path):
                self._study.add_trial(trial)

    def _begin(self, trials: list[int], epochs: int) -> None:
        """Begin the next trainings, in order, as far as there is room and time for them."""
        pace, architecture = self._trainings.run.pace, self._trainings.architecture
        for recipe in (self._set(trial, epochs) for trial in trials):
            if self._trainings.known(recipe) is not None or recipe.hash in self._begun:
                continue
            if recipe.hash not in self._may_begin:
                self._may_begin[recipe.hash] = pace.begins(architecture, recipe, "tune")
            if not self._may_begin[recipe.hash] or not self._trainings.begin(recipe):
                return
            self._begun.add(recipe.hash)

    def _train(self, trial: int, epochs: int, on_epoch: Callable[[EpochRecord], None]) -> bool:
        """Whether it was trained: False where there is no time for it."""
        recipe = self._set(trial, epochs)
        if not self._may_begin.get(recipe.hash, True):
            return False
        row = self._trainings.row(recipe, on_epoch=on_epoch)
        self._trainings.enter(recipe, row)
        self._best[trial] = epochs, row
        self._seconds += row["seconds"]
        frozen = self._frozen(trial)
        if not frozen.state.is_finished() and row["accuracy"] is not None and epochs not in frozen.intermediate_values:
            with writing(self._journal.path):
                self._open(frozen).report(row["accuracy"], epochs)
        return True

    def _set(self, trial: int, epochs: int) -> Recipe:
        rate, decay = self._settings[trial]
        return replace(self._recipe, learning_rate=rate, weight_decay=decay, epochs=epochs)

    def _ranked(self, trials: list[int]) -> list[int]:
        """Those that finished, the best first; of equals the earlier."""
        found = [trial for trial in trials if self._best[trial][1]["status"] == FINISHED]
        return sorted(found, key=lambda trial: (-self._best[trial][1]["accuracy"], trial))

    def _as_good(self, ranked: list[int]) -> bool:
        """Whether the recipe's own setting is as good as the best, as far as so many images tell."""
        if _OWN not in ranked:
            return False
        best, own = (self._best[trial][1]["accuracy"] for trial in (ranked[0], _OWN))
        images = images_for_validation(self._trainings.run.dataset, self._recipe)
        return bool(best - own <= sqrt(best * (1 - best) / images))

    def _tell(self, trial: int, *, goes_on: bool, last: bool) -> None:
        frozen = self._frozen(trial)
        if goes_on or frozen.state.is_finished():
            return
        row = self._best[trial][1]
        with writing(self._journal.path):
            if row["status"] != FINISHED:
                open_trial = self._open(frozen)
                open_trial.set_user_attr("failure", row["failure"])
                self._study.tell(open_trial, state=TrialState.FAIL)
            elif last:
                self._study.tell(self._open(frozen), row["accuracy"])
            else:
                self._study.tell(self._open(frozen), state=TrialState.PRUNED)

    def _frozen(self, trial: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[trial]

    def _open(self, frozen: FrozenTrial) -> Trial:
        storage = self._journal.storage
        study = storage.get_study_id_from_name(self._study.study_name)
        trial_id = storage.get_trial_id_from_study_id_trial_number(study, frozen.number)
        if frozen.state == TrialState.WAITING:
            storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        return Trial(self._study, trial_id)

    def _result(self) -> Tuned:
        finished = [trial for trial in self._best if self._best[trial][1]["status"] == FINISHED]
        longest = max((self._best[trial][0] for trial in finished), default=0)
        ranked = self._ranked([trial for trial in finished if self._best[trial][0] == longest])
        rate, decay = self._settings[_OWN if not ranked or self._as_good(ranked) else ranked[0]]
        trials = tuple(
            TuningTrial(*self._settings[trial], epochs, row["accuracy"], row["status"])
            for trial, (epochs, row) in sorted(self._best.items())
        )
        return Tuned(replace(self._recipe, learning_rate=rate, weight_decay=decay), trials, round(self._seconds, 3))
