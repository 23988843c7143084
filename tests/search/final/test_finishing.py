"""The final training after a search: which networks, by which rates, and what is left of it. On a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from presage.architecture.graph import Architecture
from presage.database import Database
from presage.search.final.settings import FinalSettings
from presage.search.limits import Limits
from presage.search.progress import SearchProgress
from presage.search.result import SearchResult
from presage.search.run.pace import Unhurried
from presage.search.testing import TableTrainer
from presage.training.fitting import TrainingResult
from presage.training.recipe import Recipe
from tests.search.final.conftest import FINAL, RECIPE, RatesTrainer, Search


def _study(folder: Path) -> optuna.Study:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "journal.log")))
    (name,) = [one.study_name for one in storage.get_all_studies() if one.study_name.startswith("final-")]
    return optuna.load_study(study_name=name, storage=storage)


def test_the_winner_is_tuned_and_trained_by_the_best_rates(search: Search, tmp_path: Path) -> None:
    trainer = RatesTrainer()
    result = search(trainer)
    assert result.final is not None
    (only,) = result.final.trainings
    assert result.best is not None
    assert only.hash == result.best.chosen.hash
    assert {digest for digest, _ in trainer.trained} == {only.hash}
    assert len(trainer.trained) == 9 + 3 + 1
    assert [recipe.epochs for _, recipe in trainer.trained] == [1] * 9 + [3] * 3 + [9]
    fine = [one for one in only.trials if one.status == "finished"]
    nearest = min(fine, key=lambda one: abs(one.learning_rate / RatesTrainer.best_rate - 1))
    recipe = Recipe.from_json(only.recipe)
    assert (recipe.learning_rate, recipe.weight_decay) == (nearest.learning_rate, nearest.weight_decay)
    assert recipe == replace(FINAL, learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay)
    assert only.status == "finished"
    assert only.search_accuracy == result.best.accuracy
    assert sum(one.epochs == 3 for one in only.trials) == 3
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert SearchResult.from_json(written, tmp_path / "run").final == result.final


def test_the_recipe_s_own_rates_stay_where_no_others_are_better_by_a_standard_error(search: Search) -> None:
    trainer = RatesTrainer()
    trainer.best_rate = 0.012  # 1.8 % better than 0.01, of 400 validation images
    result = search(trainer)
    assert result.final is not None
    (only,) = result.final.trainings
    last = {one.learning_rate: one.accuracy for one in only.trials if one.epochs == 3}
    assert 0 < max(last.values()) - last[FINAL.learning_rate] < 0.02
    assert Recipe.from_json(only.recipe) == FINAL


def test_the_recipe_s_own_rates_are_tried_to_the_end_however_they_begin(search: Search, tmp_path: Path) -> None:
    trainer = RatesTrainer()
    trainer.best_rate = trainer.most_rate = 0.05
    result = search(trainer)
    assert result.final is not None
    (only,) = result.final.trainings
    own, *others = [trial.intermediate_values for trial in _study(tmp_path / "run").trials]
    assert sum(one[1] > own[1] for one in others) >= 3
    assert own.keys() == {1, 3}
    assert only.recipe["learning_rate"] > FINAL.learning_rate


def test_the_study_shows_every_setting(search: Search, tmp_path: Path) -> None:
    result = search(RatesTrainer())
    study = _study(tmp_path / "run")
    assert result.final is not None
    (only,) = result.final.trainings
    assert [trial.params for trial in study.trials] == [
        {"learning_rate": one.learning_rate, "weight_decay": one.weight_decay} for one in only.trials
    ]
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.COMPLETE) == 3
    assert states.count(TrialState.FAIL) == sum(one.status == "diverged" for one in only.trials) > 0
    assert study.best_params["learning_rate"] == only.recipe["learning_rate"]
    assert study.best_trial.intermediate_values.keys() == {1, 3}


def test_a_finished_search_asked_again_trains_nothing(search: Search, tmp_path: Path) -> None:
    first = search(RatesTrainer())
    trainer, short_list = RatesTrainer(), TableTrainer(4)
    again = search(trainer, search_trainer=short_list)
    assert trainer.trained == []
    assert short_list.trained == []
    assert again.final == first.final
    assert len(_study(tmp_path / "run").trials) == 9


class _Killed(RatesTrainer):
    """The process dies at the n-th training."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def train(self, architecture: Architecture, recipe: Recipe, **options: Any) -> TrainingResult:
        if len(self.trained) == self.at:
            raise SystemExit
        return super().train(architecture, recipe, **options)


@pytest.mark.parametrize("at", [0, 1, 8, 9, 11, 12])
def test_a_search_killed_at_any_training_comes_to_the_same_and_repeats_none(
    search: Search, tmp_path: Path, at: int
) -> None:
    whole = search(RatesTrainer(), folder="whole")
    before = _Killed(at)
    with pytest.raises(SystemExit):
        search(before)
    after = RatesTrainer()
    resumed = search(after)
    assert len(before.trained) + len(after.trained) == 13
    assert resumed.final == whole.final
    assert [(trial.state, trial.intermediate_values) for trial in _study(tmp_path / "run").trials] == [
        (trial.state, trial.intermediate_values) for trial in _study(tmp_path / "whole").trials
    ]


def test_another_final_recipe_in_the_same_folder_trains_only_finally(search: Search) -> None:
    search(RatesTrainer())
    short_list, trainer = TableTrainer(4), RatesTrainer()
    again = search(trainer, FinalSettings(replace(FINAL, epochs=6), trials=0), search_trainer=short_list)
    assert short_list.trained == []
    assert [recipe for _, recipe in trainer.trained] == [replace(FINAL, epochs=6)]
    assert again.final is not None
    assert again.final.trainings[0].trials == ()


def test_of_several_networks_validation_chooses(search: Search) -> None:
    trainer = RatesTrainer()
    result = search(trainer, FinalSettings(FINAL, networks=2, trials=0))
    assert result.final is not None
    assert [one.hash for one in result.final.trainings] == [
        one.chosen.hash for one in sorted(result.verified, key=lambda one: -(one.accuracy or 0))[:2]
    ]
    assert result.final.best is not None
    assert result.final.best.accuracy == max(one.accuracy or 0 for one in result.final.trainings)


def test_every_training_enters_the_database_once_by_its_own_recipe(search: Search, tmp_path: Path) -> None:
    with Database.open(tmp_path / "experience.duckdb") as database:
        for _ in range(2):
            result = search(RatesTrainer(), database=database)
        records = database.experiment_records()
    assert result.final is not None
    (only,) = result.final.trainings
    assert len(records) == 3 + 9 + 3 + 1
    final = [record for record in records if record.recipe == Recipe.from_json(only.recipe).hash]
    assert [record.accuracy for record in final] == [only.accuracy]


class _Failing(RatesTrainer):
    """Every training with more than three epochs ends badly."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    def train(self, architecture: Architecture, recipe: Recipe, **options: Any) -> TrainingResult:
        if recipe.epochs <= 3:
            return super().train(architecture, recipe, **options)
        if self.error is not None:
            raise self.error
        return super().train(architecture, replace(recipe, learning_rate=1.0), **options)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [(None, "diverged", "diverged"), (RuntimeError("cudnn exploded"), "crashed", "cudnn exploded")],
)
def test_a_final_training_that_fails_is_recorded_and_the_search_s_network_stays_the_best(
    search: Search, error: Exception | None, status: str, told: str
) -> None:
    result = search(_Failing(error))
    assert result.final is not None
    assert result.final.best is None
    assert result.final.trainings[0].status == status
    assert told in result.final.notes[0]
    assert "The best network is the one trained by the search's recipe." in result.final.notes
    assert result.best is not None


def test_where_every_setting_fails_the_recipe_s_own_is_trained(search: Search) -> None:
    trainer = RatesTrainer()
    trainer.most_rate = 0.0
    result = search(trainer)
    assert result.final is not None
    (only,) = result.final.trainings
    assert {one.status for one in only.trials} == {"diverged"}
    assert Recipe.from_json(only.recipe) == FINAL
    assert only.status == "diverged"


def test_it_is_said_when_the_final_training_comes_to_less(search: Search) -> None:
    result = search(RatesTrainer(), FinalSettings(replace(FINAL, epochs=1), trials=0))
    assert result.final is not None
    assert "came to less on validation images" in result.final.notes[0]


def test_a_limit_holds_for_the_final_training_too(search: Search) -> None:
    larger = FinalSettings(replace(FINAL, image_side=16), trials=0)
    free = search(RatesTrainer(), larger, "free")
    assert free.final is not None
    assert free.final.trainings[0].recipe["image_side"] == 16
    most = free.final.trainings[0].multiply_adds - 1
    limits = Limits(multiply_adds=most)
    mine = search(RatesTrainer(), larger, "planned", settings={"limits": limits})  # a plan's own: on its own images
    assert mine.final is not None
    assert mine.final.trainings[0].recipe["image_side"] == 16
    limited = search(RatesTrainer(), replace(larger, limits=limits), "limited", settings={"limits": limits})
    assert limited.final is not None
    assert limited.final.trainings[0].recipe["image_side"] == 8
    assert limited.final.trainings[0].multiply_adds <= most
    assert "at 8 pixels, as the search, not at 16" in limited.final.notes[0]


def test_no_network_to_train_finally_is_no_error(search: Search) -> None:
    failing = TableTrainer(4)
    failing.status = "diverged"
    result = search(RatesTrainer(), search_trainer=failing)
    assert result.best is None
    assert result.final is not None
    assert result.final.trainings == ()


def test_progress_is_told_to_the_end(search: Search) -> None:
    seen: list[SearchProgress] = []
    search(RatesTrainer(), on_progress=seen.append)
    for stage in ("tune", "final"):
        told = [one for one in seen if one.stage == stage]
        assert [one.done for one in told] == sorted(one.done for one in told)
    assert [(one.done, one.total) for one in seen if one.stage == "final"][-1] == (9, 9)


class _Pace(Unhurried):
    """Time for so many trainings of the tuning, and for so many epochs of the final training."""

    def __init__(self, tune: int, epochs: int) -> None:
        self.tune, self.epochs = tune, epochs

    def begins(self, architecture: Architecture, recipe: Recipe, stage: str) -> bool:
        self.tune -= stage == "tune"
        return self.tune >= 0

    def is_over(self) -> bool:
        self.epochs -= 1
        return self.epochs <= 0


def test_without_time_the_best_setting_so_far_counts(search: Search) -> None:
    trainer = RatesTrainer()
    result = search(trainer, pace=_Pace(10, 99))
    assert result.final is not None
    (only,) = result.final.trainings
    assert len(trainer.trained) == 11
    longest = [one for one in only.trials if one.epochs == 3]
    assert [longest[0].learning_rate] == [only.recipe["learning_rate"]]
    assert only.status == "finished"


def test_a_final_training_that_is_cut_is_told_and_goes_on_later(search: Search, tmp_path: Path) -> None:
    cut = search(RatesTrainer(), FinalSettings(FINAL, trials=0), pace=_Pace(0, 4))
    assert cut.final is not None
    assert cut.final.best is None
    (only,) = cut.final.trainings
    assert (only.status, only.accuracy, len(only.curve)) == ("stopped", None, 4)
    assert "after epoch 4 of 9" in cut.final.notes[0]
    later = search(RatesTrainer(), FinalSettings(FINAL, trials=0))
    assert later.final is not None
    assert later.final.best is not None
    assert len(later.final.best.curve) == 9


@pytest.mark.parametrize("failing", [False, True])
def test_a_training_that_ended_early_does_not_tell_how_long_one_takes(search: Search, failing: bool) -> None:
    told: list[int] = []

    class Told(Unhurried):
        def trained(self, architecture: Architecture, recipe: Recipe, seconds: float) -> None:
            told.append(recipe.epochs)

    trainer = RatesTrainer()
    trainer.most_rate = 0.0 if failing else 1.0
    result = search(trainer, FinalSettings(FINAL, trials=0), pace=Told())
    assert result.final is not None
    assert [one.status for one in result.final.trainings] == ["diverged" if failing else "finished"]
    assert told.count(FINAL.epochs) == (0 if failing else 1)
    assert len(told) > 1  # those of the short-list
    told.clear()
    short = TableTrainer(RECIPE.epochs)
    short.status = "diverged"
    search(trainer, folder="none", search_trainer=short, pace=Told())
    assert short.trained
    assert not told


def test_the_pace_says_how_many_networks_are_trained_finally(search: Search) -> None:
    class Told(Unhurried):
        networks = 0

        def finishes(self, networks: int) -> int:
            self.networks = networks
            return networks - 1

    pace, trainer = Told(), RatesTrainer()
    result = search(trainer, FinalSettings(FINAL, networks=40, trials=0), pace=pace)
    assert pace.networks == len(result.verified) < 40
    assert result.final is not None
    assert len(trainer.trained) == len(result.final.trainings) == pace.networks - 1  # what it says is trained
