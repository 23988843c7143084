"""An `Experience` as one file, for processes that learn from the same rows: arrays without objects, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.files import replacing
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task

__all__ = ["load_snapshot", "save_snapshot"]

_COLUMNS = ("hashes", "task_index", "accuracy", "seeds", "spaces", "early")
_GRAPHS = "graphs/"


def save_snapshot(experience: Experience, path: Path) -> None:
    """Writes all rows with their features to `path`, whole or not at all.

    Raises:
        StorageFull: where the disk is full.
    """
    graphs = {field.name: getattr(experience.graphs, field.name) for field in fields(experience.graphs)}
    arrays: dict[str, NDArray[Any]] = {_GRAPHS + name: array for name, array in graphs.items() if array is not None}
    arrays |= {name: getattr(experience, name) for name in _COLUMNS}
    arrays["features"] = experience.features
    arrays["depths"] = np.array([len(one) for one in experience.depth_accuracies], np.int64)
    arrays["depth_accuracies"] = np.array([value for one in experience.depth_accuracies for value in one], np.float64)
    arrays["tasks"] = np.array(json.dumps([asdict(task) for task in experience.tasks]))
    with replacing(path) as draft, draft.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def load_snapshot(path: Path) -> Experience:
    """The experience in `path`; its features are not encoded again."""
    from presage.architecture.batch.graph_batch import GraphBatch

    with np.load(path, allow_pickle=False) as arrays:
        graphs = {name.removeprefix(_GRAPHS): arrays[name] for name in arrays.files if name.startswith(_GRAPHS)}
        ends = np.cumsum(arrays["depths"])[:-1]
        experience = Experience(
            graphs=GraphBatch(**graphs),
            tasks=tuple(_task(entry) for entry in json.loads(arrays["tasks"].item())),
            depth_accuracies=tuple(tuple(one.tolist()) for one in np.split(arrays["depth_accuracies"], ends)),
            **{name: arrays[name] for name in _COLUMNS},
        )
        experience.__dict__["_own_features"] = arrays["features"]
    return experience


def _task(entry: dict[str, Any]) -> Task:
    told = {"description": tuple((name, value) for name, value in entry["description"])}
    return Task(**{**entry, **told, "assumed": tuple(entry["assumed"])})
