"""`presage status`: a search in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


def begun(folder: Path, stop: bool = False) -> None:
    """A search in a folder, with two networks trained, or stopped after the first epoch of the first."""
    x, y = np.arange(120 * 64, dtype=np.int64).reshape(120, 8, 8, 1) % 251, np.arange(120) % 2
    pixels = x.astype(np.uint8)
    dataset = ImageDataset("blocks", pixels[:100], y[:100], pixels[100:], y[100:], classes=("dark", "bright"))

    def tell(at: object) -> None:
        if stop and (at.stage, at.done) == ("train", 2):  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    settings = SearchSettings(candidates=60, shortlist=2, batch=20)
    run_search(
        dataset, space=TinySpace(layers=2), recipe=RECIPE, settings=settings,
        scorer=lambda number, verified: TableScorer(), run_folder=folder, trainer=TableTrainer(RECIPE.epochs),
        on_progress=tell,
    )  # fmt: skip


def test_a_finished_search_is_told_in_a_table(presage: Callable, tmp_path: Path) -> None:
    begun(tmp_path)
    outcome = presage("status", tmp_path)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"{tmp_path}: finished; tiny:layers=2 by evolution"
    assert lines[4].split()[:4] == ["candidates", "60", "of", "60"]
    assert sum("2 of 2" in line for line in lines) == 1 + 2  # the short-list, and the epochs of each network
    assert f"Report: {tmp_path / 'report.html'}" in lines[-1]
    told = presage("status", tmp_path, "--json").json
    assert told["state"] == "finished"
    assert [one["status"] for one in told["networks"]] == ["finished", "finished"]


def test_a_stopped_search_ends_with_1_and_says_how_to_go_on(presage: Callable, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, stop=True)
    outcome = presage("status", tmp_path)
    assert outcome.code == 1
    assert "stopped" in outcome.out
    assert "1 of 2" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("It was stopped. Type the command that began it")


def test_what_is_no_run_is_wrong_input(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("status", tmp_path / "nowhere")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "`presage status` must hold a run that was begun" in outcome.err
