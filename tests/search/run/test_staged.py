"""Many trained briefly, few to their end: which, from which state, at which cost, and after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from presage.architecture.graph import Architecture
from presage.database import Database
from presage.errors import InvalidArgument, UnknownName
from presage.search.progress import SearchProgress
from presage.search.result import SearchResult
from presage.search.run.engine import run_search
from presage.search.run.status import run_status
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=3)
RECIPE = Recipe(epochs=9, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
KINDS = ("asha", "hyperband")


def _search(dataset: ImageDataset, folder: Path, fitted: CurveExtrapolator, kind: str, **options: Any) -> SearchResult:
    settings = {"candidates": 150, "shortlist": 12, "batch": 50, "verify": kind, **options.pop("settings", {})}
    return run_search(
        dataset, space=SPACE, recipe=options.pop("recipe", RECIPE), settings=SearchSettings(**settings),
        run_folder=folder, trainer=options.pop("trainer", None) or TableTrainer(RECIPE.epochs),
        scorer=lambda number, verified: TableScorer(), curves=lambda: fitted, **options,
    )  # fmt: skip


def _kept(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(one.chosen.hash, one.status, one.accuracy, one.curve, one.failure) for one in result.verified]


@pytest.mark.parametrize("kind", KINDS)
def test_few_come_to_their_end_and_the_others_are_called_what_they_are(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator, kind: str
) -> None:
    with Database.open(tmp_path / "experience.duckdb") as database:
        result = _search(dataset, tmp_path / "run", extrapolator, kind, database=database)
        stored = {one.architecture: one for one in database.experiment_records()}
    assert len(result.verified) == len(stored) == 12
    finished = [one for one in result.verified if one.accuracy is not None]
    assert 1 <= len(finished) <= 6
    for one in result.verified:
        row = stored[one.chosen.hash]
        assert row.status == one.status
        if one.accuracy is None:
            assert one.status == "pruned"
            assert row.accuracy is None
            assert len(one.curve) in (1, 3)
            assert one.failure == f"not promoted after {len(one.curve)} of 9 epochs ({kind})"
        else:
            assert len(one.curve) == 9
    epochs = sum(len(one.curve) for one in result.verified)
    assert epochs < 0.6 * 12 * 9
    assert result.best is not None
    assert result.best.accuracy == max(one.accuracy or 0 for one in finished)
    assert result.best.accuracy >= sorted(one.curve[0] for one in result.verified)[-3] * 9 - 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_study_shows_every_network_once(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator, kind: str
) -> None:
    import optuna

    result = _search(dataset, tmp_path / "run", extrapolator, kind)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "journal.log"))
    trials = optuna.load_study(study_name="verified", storage=optuna.storages.JournalStorage(backend)).trials
    assert len(trials) == 12
    for one, trial in zip(result.verified, trials, strict=True):
        assert trial.state == (TrialState.COMPLETE if one.status == "finished" else TrialState.PRUNED)
        assert list(trial.intermediate_values.values()) == pytest.approx(list(one.curve), abs=1e-6)
    assert not list((tmp_path / "run").rglob("paused.json"))
    assert not list((tmp_path / "run").rglob("checkpoint.pt"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dies_at", [1, 2, 5, 9, 13, 21])
def test_a_kill_at_any_epoch_changes_nothing(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator, kind: str, dies_at: int
) -> None:
    class Dies(TableTrainer):
        left = dies_at

        def train(self, architecture: Architecture, **options: Any) -> Any:
            inner = options["on_epoch"]

            def on_epoch(record: EpochRecord) -> None:
                self.left -= 1
                if not self.left:
                    raise KeyboardInterrupt
                inner(record)

            return super().train(architecture, **{**options, "on_epoch": on_epoch})

    whole = _search(dataset, tmp_path / "whole", extrapolator, kind)
    trainer = Dies(RECIPE.epochs)
    with pytest.raises(KeyboardInterrupt):
        _search(dataset, tmp_path / "run", extrapolator, kind, trainer=trainer)
    trainer.left = 0
    after = _search(dataset, tmp_path / "run", extrapolator, kind, trainer=trainer)
    assert _kept(after) == _kept(whole)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["best"] is not None


def test_promoted_trainings_go_on_from_their_state(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    """In earnest: every epoch is trained once, and the curve is that of a training without a pause."""
    settings = {"candidates": 60, "shortlist": 6, "batch": 30}
    told: list[SearchProgress] = []
    result = run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(**settings, verify="asha"),
        run_folder=tmp_path / "run", scorer=lambda number, verified: TableScorer(), curves=lambda: extrapolator,
        on_progress=told.append, device="cpu",
    )  # fmt: skip
    plain = run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=SearchSettings(**settings), run_folder=tmp_path / "plain",
        scorer=lambda number, verified: TableScorer(), device="cpu",
    )  # fmt: skip
    assert [one.chosen.hash for one in result.verified] == [one.chosen.hash for one in plain.verified]
    for one, whole in zip(result.verified, plain.verified, strict=True):
        assert one.curve == whole.curve[: len(one.curve)]
        if one.accuracy is not None:
            assert (one.accuracy, one.test_accuracy) == (whole.accuracy, whole.test_accuracy)
    assert {len(one.curve) for one in result.verified} > {1, 9}
    trained = [at for at in told if at.stage == "train" and at.total]
    assert all(at.done <= at.total for at in trained)
    assert trained[-1].done == trained[-1].total


def test_what_waits_is_said_to_wait(dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator) -> None:
    class Dies(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            if len({one.hash for one in self.trained}) == 5:
                raise KeyboardInterrupt
            return super().train(architecture, **options)

    with pytest.raises(KeyboardInterrupt):
        _search(dataset, tmp_path / "run", extrapolator, "hyperband", trainer=Dies(RECIPE.epochs))
    statuses = [one.status for one in run_status(tmp_path / "run").networks]
    assert statuses[:5] == [*["finished"] * 3, *["paused"] * 2]  # the bracket of whole trainings is the first
    assert set(statuses[5:]) <= {"waiting", "stopped"}
    _search(dataset, tmp_path / "run", extrapolator, "hyperband")
    assert {one.status for one in run_status(tmp_path / "run").networks} == {"finished", "pruned"}


def test_a_failed_training_is_not_promoted(
    dataset: ImageDataset, tmp_path: Path, extrapolator: CurveExtrapolator
) -> None:
    class Fails(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            if int(architecture.hash[:4], 16) % 2:
                raise RuntimeError("no kernel for this")
            return super().train(architecture, **options)

    result = _search(dataset, tmp_path / "run", extrapolator, "asha", trainer=Fails(RECIPE.epochs))
    statuses = {one.status for one in result.verified}
    assert statuses == {"crashed", "pruned", "finished"}
    assert all(not one.curve for one in result.verified if one.status == "crashed")


@pytest.mark.parametrize(("name", "value"), [("compare_random", 2), ("prune", True), ("early_stop", 1)])
def test_what_does_not_go_together_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"`{name}` of `run_search` must be left out beside `verify`"):
        SearchSettings(verify="asha", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="full, hyperband"):
        SearchSettings(verify="halving")
