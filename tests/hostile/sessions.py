"""What a user's commands do besides searching, as victims: train, probe and populate, evaluate, sync, predict."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.serial import to_json
from presage.architecture.spaces import get_space
from presage.architectures import NamedArchitecture
from presage.database import Database
from presage.records import ArchitectureRecord
from presage.records.testing import dataset_record, experiment_entry, probe_entry
from presage.session import Session
from presage.steps.experience import sync_experience
from presage.training.recipe import Recipe
from presage.training.recording import dataset_record as record_of
from presage.training.recording import recipe_record
from tests.hostile.readers import RECIPE, SPACE, blocks, stored

__all__ = ["evaluated", "populated", "predicted", "synced", "trained"]

_TIMES = ("seconds", "created_at")


def rows(path: Path) -> object:
    """Every experiment of a database, by its identity, without times; and how many rows of each kind there are."""
    with Database.open(path) as database:
        found = sorted(database.experiment_records(), key=lambda one: one.identity)
        counts = database.info().to_json()["rows"]
        damage = [str(one) for one in database.check()]
    told = [{name: value for name, value in asdict(one).items() if name not in _TIMES} for one in found]
    return [told, counts, damage]


def session(folder: Path) -> Session:
    """With a database of its own, in which there is no shipped experience."""
    with Database.open(folder / "x.duckdb", from_seed=False):
        pass
    return Session(folder / "x.duckdb", device="cpu")


def trained(folder: Path) -> object:
    """Two networks trained, each left as a model."""
    named = [
        NamedArchitecture(f"net {number}", SPACE.decode(SPACE.params(code)))
        for number, code in enumerate(SPACE.sample(2, np.random.default_rng(0)))
    ]
    found = session(folder).train(blocks(), named, RECIPE, out=folder / "models")
    weights = {
        one.name: hashlib.sha256((Path(str(one.model)) / "weights.safetensors").read_bytes()).hexdigest()
        for one in found
    }
    left = sorted(one.name for one in (folder / "models").iterdir())
    return [weights, left, rows(folder / "x.duckdb")]


def populated(folder: Path) -> object:
    """A dataset probed, and the first networks of the design trained on it."""
    if not (folder / "noise.npz").exists():
        images = blocks()
        with (folder / "draft").open("wb") as file:
            np.savez(file, x_train=images.x_train, y_train=images.y_train, x_test=images.x_test, y_test=images.y_test)
        (folder / "draft").rename(folder / "noise.npz")
    with ThreadPoolExecutor(1) as executor:
        summary, _ = session(folder).populate(
            [str(folder / "noise.npz")], folder / "shards", 4, RECIPE, probes=1, executor=executor
        )
    if summary.refused:
        raise RuntimeError(f"not trained: {summary.refused}")
    lines = [path.read_bytes().count(b"\n") for path in sorted((folder / "shards").glob("*.jsonl"))]
    return [lines, rows(folder / "x.duckdb")]


def experienced(path: Path) -> None:
    """A database of six networks on each of four datasets, accuracies made up."""
    space, recipe = get_space("nb201"), recipe_record(Recipe())
    with Database.open(path, from_seed=False) as database:
        for number in range(4):
            dataset = dataset_record(f"made-up-{number}")
            described = {"log_classes": math.log(dataset.classes)}
            shape = (dataset.channels, Recipe().image_side, Recipe().image_side)
            entries = []
            for rank, code in enumerate(space.sample(6, np.random.default_rng(1))):
                network = space.decode(space.params(code)).canonical
                record = ArchitectureRecord(network.hash, to_json(network), space.name, space.params(code))
                counted = asdict(costs(network, shape, dataset.classes))
                curve = [0.4 + 0.1 * number + 0.01 * rank] * Recipe().epochs
                changed: dict[str, Any] = {"accuracy": curve[-1], "curve": curve, "train_losses": curve, **counted}
                entries.append(experiment_entry(rank, dataset=dataset, architecture=record, recipe=recipe, **changed))
            database.add_experiments(entries)
            database.add_probe(probe_entry(dataset, dcn=0.5 + 0.1 * number, description=described))
        database.add_probe(probe_entry(record_of(blocks()), dcn=0.6))


def evaluated(folder: Path) -> object:
    """Predictors on datasets left out, the finished parts kept."""
    experienced(folder / "x.duckdb")
    found = Session(folder / "x.duckdb").evaluate(["dataset-mean", "kernel-ridge"], studies=[], draws=1)
    return [found.to_json(points=True), rows(folder / "x.duckdb")]


def predicted(folder: Path) -> object:
    """Networks predicted by a predictor that is fitted and kept."""
    experienced(folder / "x.duckdb")
    asked = Session(folder / "x.duckdb", predictor="boosted-trees")
    space = get_space("nb201")
    named = [
        NamedArchitecture("net", space.decode(space.params(code))) for code in space.sample(2, np.random.default_rng(7))
    ]
    found = [asdict(one) for one in asked.predict(blocks(), named, Recipe())]
    return [found, sorted(one.name for one in asked.cache("predictors").iterdir() if not one.name.startswith("."))]


def synced(folder: Path) -> object:
    """Two databases that exchange what they hold by a place: each has all in the end, once."""
    stored(folder / "mine.duckdb")
    experienced(folder / "theirs.duckdb")
    for name in ("mine", "theirs", "mine"):
        with_all = partial(Database.open, folder / f"{name}.duckdb", from_seed=False)
        sync_experience(with_all, str(folder / "place"))
    return [rows(folder / "mine.duckdb"), rows(folder / "theirs.duckdb")]
