"""Trainings ended by their extrapolated curves: which, what is kept of them, and that a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from presage.architecture.graph import Architecture
from presage.database import Database
from presage.errors import InvalidArgument
from presage.search.early_stopped import EarlyStopped, Savings, savings
from presage.search.result import SearchResult
from presage.search.run.early_stop import CHANCE, Curves, EarlyStop
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=8, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


class Falling(TableTrainer):
    """The first network reaches .9, each further one .2 less."""

    def accuracy(self, architecture: Architecture) -> float:
        hashes = list(dict.fromkeys(one.hash for one in (*self.trained, architecture)))
        return 0.9 - 0.2 * hashes.index(architecture.hash)


def _search(dataset: ImageDataset, folder: Path, extrapolator: CurveExtrapolator, **options: Any) -> SearchResult:
    settings = {"candidates": 120, "shortlist": 4, "batch": 30, "early_stop": 1, **options.pop("settings", {})}
    trainer = options.pop("trainer", None) or Falling(RECIPE.epochs)
    return run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(**settings), run_folder=folder, trainer=trainer,
        scorer=lambda number, verified: TableScorer(), curves=lambda: extrapolator, **options,
    )  # fmt: skip


def test_the_hopeless_are_ended_and_called_so(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", extrapolator, database=database)
        assert [one.status for one in result.verified] == ["finished", "pruned", "pruned", "pruned"]
        stored = database.experiment_records()
        assert sorted(one.status for one in stored) == ["finished", "pruned", "pruned", "pruned"]
        assert sum(one.accuracy is None and one.test_accuracy is None for one in stored) == 3
    first, *others = result.verified
    assert first.status == "finished"
    assert first.stopped is None
    for one in others:
        assert one.status == "pruned"
        assert one.accuracy is None
        assert one.stopped is not None
        assert len(one.curve) == one.stopped.epoch < 8
        assert one.stopped.upper < one.stopped.best == pytest.approx(0.9)
        assert one.failure == one.stopped.words
    # what lags farther is ended no later
    assert others[2].stopped is not None
    assert others[0].stopped is not None
    assert others[2].stopped.epoch <= others[0].stopped.epoch


def test_what_was_saved_and_may_be_lost_is_told(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    result = _search(dataset, tmp_path / "run", extrapolator)
    told = result.early_stopping
    assert told is not None
    saved = sum(8 - len(one.curve) for one in result.verified)
    assert (told.stopped, told.trainings, told.epochs_saved, told.epochs) == (3, 4, saved, 32)
    assert told.seconds_saved == pytest.approx(0.01 * saved)
    assert 0 <= told.chance_lost < 3 * CHANCE
    assert f"{saved} of 32 epochs were saved" in told.words
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["early_stopping"]["epochs_saved"] == saved
    again = SearchResult.from_json(written, tmp_path / "run")
    assert again.early_stopping == told
    assert [one.stopped for one in again.verified] == [one.stopped for one in result.verified]
    assert told.words in result._repr_html_()


@pytest.mark.parametrize("dies_at", range(1, 12))
def test_a_kill_at_any_epoch_changes_nothing(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator, dies_at: int
) -> None:
    class Dies(Falling):
        left = dies_at

        def train(self, architecture: Architecture, **options: Any) -> Any:
            inner = options["on_epoch"]

            def on_epoch(record: EpochRecord) -> None:
                inner(record)
                self.left -= 1
                if not self.left:
                    raise KeyboardInterrupt

            return super().train(architecture, **{**options, "on_epoch": on_epoch})

    whole = _search(dataset, tmp_path / "whole", extrapolator)
    trainer = Dies(RECIPE.epochs)
    with pytest.raises(KeyboardInterrupt):
        _search(dataset, tmp_path / "run", extrapolator, trainer=trainer)
    trainer.left = 0
    after = _search(dataset, tmp_path / "run", extrapolator, trainer=trainer)
    kept = [(one.chosen.hash, one.status, one.curve, one.stopped) for one in after.verified]
    assert kept == [(one.chosen.hash, one.status, one.curve, one.stopped) for one in whole.verified]


def test_what_extrapolates_stays_the_same_through_a_run(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    first = _search(dataset, tmp_path / "run", extrapolator)
    (tmp_path / "run" / "result.json").unlink()

    def never() -> CurveExtrapolator:
        raise AssertionError("the run folder keeps it")

    settings = SearchSettings(candidates=120, shortlist=4, batch=30, early_stop=1)
    again = run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=settings, run_folder=tmp_path / "run",
        trainer=Falling(RECIPE.epochs), scorer=lambda number, verified: TableScorer(), curves=never,
    )  # fmt: skip
    assert again.verified == first.verified


def test_as_many_as_are_wanted_are_trained_to_the_end(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    result = _search(dataset, tmp_path / "run", extrapolator, settings={"early_stop": 2})
    assert [one.status for one in result.verified] == ["finished", "finished", "pruned", "pruned"]


def test_the_study_shows_them_as_pruned(dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator) -> None:
    import optuna

    result = _search(dataset, tmp_path / "run", extrapolator)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "journal.log"))
    )
    trials = optuna.load_study(study_name="verified", storage=storage).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, *[TrialState.PRUNED] * 3]
    assert [len(trial.intermediate_values) for trial in trials] == [len(one.curve) for one in result.verified]


def _judge(extrapolator: CurveExtrapolator, keep: int = 1) -> EarlyStop:
    return EarlyStop(Curves(extrapolator, RECIPE, (1, 8, 8), 2), keep)


def _records(top: float, epochs: int) -> list[EpochRecord]:
    return [EpochRecord(t, 1.0, 0.0, 1.0, top * (t + 1) / RECIPE.epochs, (), 0.5) for t in range(epochs)]


def _row(top: float, status: str = "finished") -> dict[str, Any]:
    curve = [one.validation_accuracy for one in _records(top, RECIPE.epochs)]
    return {
        "status": status, "accuracy": top, "curve": curve, "train_losses": [1.0] * len(curve), "parameters": 100,
        "multiply_adds": 1000, "depth": 2,
    }  # fmt: skip


def test_nothing_is_judged_before_a_quarter_nor_at_the_end_nor_without_a_best(
    extrapolator: CurveExtrapolator,
) -> None:
    network, judge = SPACE.decode(SPACE.params(SPACE.sample(1, np.random.default_rng(0))[0])), _judge(extrapolator)
    assert judge.verdict(network, _records(0.1, 4)) is None
    judge.learn(_row(0.95, "pruned"))
    assert judge.bar is None
    judge.learn(_row(0.9))
    assert judge.verdict(network, _records(0.1, 1)) is None
    assert judge.verdict(network, _records(0.1, 8)) is None
    found = judge.verdict(network, _records(0.1, 4))
    assert found is not None
    assert found.seconds_saved == pytest.approx(0.5 * 4)
    assert judge.verdict(network, _records(0.89, 4)) is None


def test_without_curves_or_beside_random_networks_it_is_refused(dataset: ImageDataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"`early_stop` of `run_search` must be left out beside"):
        SearchSettings(early_stop=1, compare_random=2)
    with pytest.raises(InvalidArgument, match=r"`curves` of `run_search` must be given"):
        run_search(
            dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(early_stop=1), run_folder=tmp_path / "run",
            scorer=lambda number, verified: TableScorer(),
        )  # fmt: skip


def test_savings_of_none(dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator) -> None:
    first = _search(dataset, tmp_path / "run", extrapolator, settings={"shortlist": 1})
    told = first.early_stopping
    assert told is not None
    assert told.words == "Early stopping: none of 1 trainings was ended before its last epoch."
    ended = EarlyStopped(4, 8, 0.5, 0.4, 0.6, 0.9, 0.9, 0.01, 2.0)
    assert EarlyStopped.from_json(ended.to_json()) == ended
    assert savings([ended, ended], 3, 8) == Savings(2, 3, 8, 24, 4.0, 0.02)
