"""From the database to experience and tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Activation, AdaptiveAveragePool, Classifier, Convolution, Flatten, Input
from presage.architecture.serial import to_json
from presage.database import Database
from presage.errors import InvalidExperience
from presage.surrogate.data.loading import load_experience, make_task, task_of
from presage.training.recipe import AUTO, Recipe

RECIPE = Recipe(train_images=500)


def network(channels: int) -> Architecture:
    operations = [Input(), Convolution(channels), Activation(), AdaptiveAveragePool(), Flatten(), Classifier()]
    return Architecture(tuple(Node(op, (i - 1,) if i else ()) for i, op in enumerate(operations))).canonical


def dataset(number: int) -> dict[str, Any]:
    return {
        "fingerprint": f"{number:064x}",
        "name": f"data-{number}",
        "classes": 5,
        "channels": 1,
        "height": 28,
        "width": 28,
        "train_images": 400,
        "test_images": 100,
    }


def experiment(number: int, channels: int, accuracy: float | None, seed: int = 0) -> dict[str, Any]:
    made = network(channels)
    return {
        "format": "presage-experience",
        "version": 1,
        "kind": "experiment",
        "dataset": dataset(number),
        "architecture": {"hash": made.hash, "json": to_json(made), "space": None, "params": None},
        "recipe": {"hash": RECIPE.hash, "json": RECIPE.to_json()},
        "experiment": {
            "dataset": f"{number:064x}",
            "architecture": made.hash,
            "recipe": RECIPE.hash,
            "seed": seed,
            "status": "diverged" if accuracy is None else "finished",
            "accuracy": accuracy,
            "test_accuracy": accuracy,
            "curve": [],
            "train_losses": [],
            "depth_accuracies": [] if accuracy is None else [accuracy / 2],
            "parameters": 1,
            "multiply_adds": 1,
            "activation_bytes": 1,
            "depth": 2,
            "seconds": 1.0,
            "device": "cpu",
            "precision": "float32",
            "versions": {},
            "failure": "NaN" if accuracy is None else None,
            "created_at": "2026-11-22T00:00:00+00:00",
        },
    }


def probe(number: int, dcn: float, seed: int = 0, version: str = "probe-1") -> dict[str, Any]:
    run = {
        "dataset": f"{number:064x}",
        "version": version,
        "seed": seed,
        "dcn": dcn,
        "curve": [dcn / 2, dcn],
        "seconds": 1.0,
        "device": "cpu",
        "versions": {},
        "description": {"brightness": 0.25 + seed},
        "created_at": "2026-11-22T00:00:00+00:00",
    }
    head = {"format": "presage-experience", "version": 1, "kind": "probe"}
    return {**head, "dataset": dataset(number), "probe": run}


@pytest.fixture
def database(tmp_path: Path) -> Any:
    lines = [
        experiment(1, 8, 0.5),
        experiment(1, 16, 0.6),
        experiment(1, 16, 0.7, seed=1),
        experiment(2, 8, 0.9),
        experiment(2, 16, None),
        experiment(3, 8, 0.3),  # a dataset without a probe
        probe(1, 0.4),
        probe(1, 0.6, seed=1),
        probe(2, 0.8),
        probe(3, 0.1, version="probe-0"),
    ]
    shard = tmp_path / "shard.jsonl"
    shard.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with Database.open(tmp_path / "experience.duckdb") as opened:
        report = opened.import_shards([shard])
        assert not report.refused, report.refused
        yield opened


def test_finished_experiments_on_probed_datasets_are_loaded(database: Database) -> None:
    experience = load_experience(database)
    found = {
        (experience.tasks[task].name, str(key), int(seed), float(accuracy))
        for task, key, seed, accuracy in zip(
            experience.task_index, experience.hashes, experience.seeds, experience.accuracy, strict=True
        )
    }
    small, large = network(8).hash, network(16).hash
    assert found == {
        ("data-1", small, 0, 0.5),
        ("data-1", large, 0, 0.6),
        ("data-1", large, 1, 0.7),
        ("data-2", small, 0, 0.9),
    }
    for row in range(4):
        assert experience.graphs.architecture(row).hash == experience.hashes[row]
        assert experience.depth_accuracies[row] == (pytest.approx(experience.accuracy[row] / 2),)


def test_a_task_is_what_the_recipe_makes_of_the_dataset(database: Database) -> None:
    task = load_experience(database).only([f"{1:064x}"]).tasks[0]
    assert task.dcn == pytest.approx(0.5)  # the mean over seeds
    described = dict(task.description)
    assert described["brightness"] == 0.25
    assert described["probe_first"] == pytest.approx(0.25)  # the mean curve over seeds: 0.25, 0.5
    assert described["probe_fifth"] == pytest.approx(0.5)
    assert (task.channels, task.classes, task.epochs, task.image_side) == (1, 5, RECIPE.epochs, RECIPE.image_side)
    assert task.train_images == 320  # 400 less a fifth for validation, under the cap of 500
    assert task.recipe == RECIPE.hash
    assert task == task_of(database, f"{1:064x}", RECIPE.to_json(), RECIPE.hash)
    made = make_task(
        fingerprint="f" * 64, name="new", channels=3, classes=10, train_images=9000,
        recipe=RECIPE.to_json(), recipe_hash=RECIPE.hash, dcn=0.5,
    )  # fmt: skip
    assert made.train_images == 500
    given = {"fingerprint": "f" * 64, "name": "new", "channels": 3, "classes": 10, "train_images": 400, "dcn": 0.5}
    own = make_task(**given, recipe=RECIPE.to_json(), recipe_hash=RECIPE.hash, validation_images=30)
    assert own.train_images == 370  # what the dataset has to validate on is not the recipe's fifth
    assert made.input_shape == (3, RECIPE.image_side, RECIPE.image_side)


def test_two_probe_versions_are_never_mixed(database: Database) -> None:
    other = load_experience(database, probe_version="probe-0")
    assert [task.name for task in other.tasks] == ["data-3"]
    np.testing.assert_array_equal(other.accuracy, [0.3])
    assert task_of(database, f"{3:064x}", RECIPE.to_json(), RECIPE.hash, "probe-0") == other.tasks[0]
    with pytest.raises(InvalidExperience, match="Run `presage probe`"):
        task_of(database, f"{3:064x}", RECIPE.to_json(), RECIPE.hash, "probe-1")


def test_rungs_of_the_ladder_describe_a_task_and_are_no_probes(database: Database, tmp_path: Path) -> None:
    before = load_experience(database).only([f"{1:064x}"]).tasks[0]
    lines = [probe(1, 0.2, version="probe-1/half-images"), probe(1, 0.4, seed=1, version="probe-1/half-images")]
    lines += [probe(number, 0.7, version="probe-0/twice-side") for number in (1, 2, 3)]  # more datasets than any probe
    shard = tmp_path / "ladder.jsonl"
    shard.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert not database.import_shards([shard]).refused
    tasks = {task.name: task for task in load_experience(database).tasks}
    assert dict(tasks["data-1"].description) == {**dict(before.description), "ladder:half-images": pytest.approx(0.3)}
    assert not any(name.startswith("ladder") for name, _ in tasks["data-2"].description)  # the other version's
    assert tasks["data-1"].dcn == before.dcn
    assert task_of(database, f"{1:064x}", RECIPE.to_json(), RECIPE.hash) == tasks["data-1"]
    assert database.difficulties("probe-1")[f"{1:064x}"] == pytest.approx(0.5)
    assert database.info().datasets[0].dcn == {"probe-1": pytest.approx(0.5)}


def test_nothing_to_learn_from_is_said_in_one_line(database: Database) -> None:
    with pytest.raises(InvalidExperience, match="Run `presage populate`"):
        load_experience(database, datasets=[f"{3:064x}"])
    with pytest.raises(InvalidExperience, match="Run `presage probe`"):
        task_of(database, f"{3:064x}", RECIPE.to_json(), RECIPE.hash)


@pytest.mark.parametrize(
    ("recipe", "step"),
    [
        (Recipe(learning_rate=0.006, batch=64), 0.006 / 64),
        (Recipe(learning_rate=0.05, batch=100, optimizer="sgd"), 0.12 * 0.05 / 100),
        (Recipe(learning_rate=0.006, batch=AUTO), 0.0),
        (Recipe(unknown=("batch",)), 0.0),
        (Recipe(unknown=("learning_rate",)), 0.0),
    ],
)
def test_a_task_knows_what_an_image_moves_the_weights_by_where_its_recipe_tells(recipe: Recipe, step: float) -> None:
    task = make_task(
        fingerprint="f",
        name="n",
        channels=3,
        classes=5,
        train_images=400,
        recipe=recipe.to_json(),
        recipe_hash=recipe.hash,
        dcn=0.5,
    )
    assert task.step == pytest.approx(step)
