"""Epochs that fit a time, on made-up machines; and the command that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presage.errors import InvalidArgument
from presage.steps.training_time import epochs_within
from presage.training.recipe import Recipe
from presage.training.timing import Images, Timing

RECIPE = Recipe(epochs=10, batch=50, least_epoch_images=1)
IMAGES = Images(1000, 0)
TIMINGS = [Timing(1_000_000, 0.001, 0.0003), Timing(3_000_000, 0.003, 0.001)]  # 1 and 3 seconds an epoch


def test_as_many_epochs_as_fit_for_all_networks_together() -> None:
    found = epochs_within(100, 14, TIMINGS, IMAGES, RECIPE)
    assert found.recipe.epochs == 20  # 95 - 14 - 1 to begin, 4 an epoch
    assert found.seconds == pytest.approx(81, abs=1e-6)
    assert found.recipe.hash != RECIPE.hash


def test_never_more_than_four_times_the_recipe_s() -> None:
    assert epochs_within(1e6, 0, TIMINGS, IMAGES, RECIPE).recipe.epochs == 40


def test_too_little_time_for_one_epoch_is_refused_with_what_would_do() -> None:
    with pytest.raises(InvalidArgument, match=r"must be at least 8s for one epoch .* Got '5s'"):
        epochs_within(5, 1, TIMINGS, IMAGES, RECIPE)
    assert epochs_within(8, 1, TIMINGS, IMAGES, RECIPE).recipe.epochs == 1


def test_train_takes_a_budget(presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 1).out)
    words = ("train", shapes_npz, file, "--database", experienced, "--out", tmp_path / "models", "--epochs", 1)
    outcome = presage(*words, "--budget", "1h", "--json")
    assert outcome.code == 0
    assert outcome.json["recipe"]["epochs"] == 4  # there is time for all that make sense
    assert "4 epochs, about" in outcome.err
    assert "of 1h 0m" in outcome.err
    refused = presage(*words, "--budget", "10")
    assert refused.code == 2
    assert "The `--budget` of `presage train` must be a time such as 90s, 10m or 1h30m" in refused.err
