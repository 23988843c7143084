"""A training as a message: what any executor runs, in this process, in another, or on a machine that shares the disk.

`run_job` takes and gives plain objects. Beside its checkpoint it leaves the epochs it has done, for whoever watches,
and looks for a word to stop.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from presage.architecture.costs import Costs
from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.errors import InvalidArchitecture, StorageFull
from presage.reading import reading
from presage.training.data import DeviceData
from presage.training.failures import StopTraining, TrainingCrashed, crash_line
from presage.training.fitting import TrainingResult, fit
from presage.training.hardware import choose_device, one_thread
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe
from presage.training.shared_data import load_shared

__all__ = ["EPOCHS", "ONE_AT_A_TIME", "STOP", "TrainingJob", "epochs_of", "forget", "result_from", "run_job", "stop"]

EPOCHS, STOP = "epochs.jsonl", "stop"
"""Beside a checkpoint: the epochs done, a line of JSON each; and a word to stop."""
_KINDS: dict[str, type[Exception]] = {"architecture": InvalidArchitecture, "storage": StorageFull}
ONE_AT_A_TIME = threading.Lock()
"""Torch's random state is the process's: where jobs run in threads of it, they must not draw at once."""

_latest: dict[tuple[str, str], DeviceData] = {}


@dataclass(frozen=True)
class TrainingJob:
    """One training, by one thread.

    Attributes:
        data: folder that `presage.training.shared_data.save_shared` wrote.
        device: `auto`, `cpu` or `cuda`, where it is trained.
        checkpoint: in a folder of this training alone.
        test: score the test images at the end.
        depth: read the accuracy by depth.
        memory: bytes that it takes at most, estimated, for whoever finds it a place.
    """

    architecture: Architecture
    recipe: Recipe
    seed: int
    data: Path
    device: str
    checkpoint: Path
    test: bool
    depth: bool
    memory: int = 0

    def to_json(self) -> dict[str, Any]:
        """For `run_job`."""
        return {
            "architecture": to_json(self.architecture.canonical),
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "data": str(self.data.resolve()),
            "device": self.device,
            "checkpoint": str(self.checkpoint.resolve()),
            "test": self.test,
            "depth": self.depth,
            "memory": self.memory,
        }


def run_job(message: Mapping[str, Any]) -> dict[str, Any]:
    """Train as `TrainingJob.to_json` says, from the checkpoint where there is one; for `result_from`."""
    checkpoint, recipe = Path(message["checkpoint"]), Recipe.from_json(message["recipe"])
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with ONE_AT_A_TIME, one_thread(), (checkpoint.with_name(EPOCHS)).open("w") as epochs:

        def tell(record: EpochRecord) -> None:
            epochs.write(json.dumps(asdict(record)) + "\n")
            epochs.flush()
            if record.epoch + 1 < recipe.epochs and checkpoint.with_name(STOP).exists():  # else it is over anyway
                raise StopTraining("no longer wanted")

        try:
            result = fit(
                from_json(message["architecture"]),
                _data(message["data"], message["device"]),
                recipe,
                seed=message["seed"],
                checkpoint=checkpoint,
                on_epoch=tell,
                test=message["test"],
                depth=message["depth"],
            )
        except Exception as error:
            kinds = [name for name, kind in _KINDS.items() if isinstance(error, kind)]
            return {"raised": kinds[0] if kinds else "crash", "text": str(error) if kinds else crash_line(error)}
    found = asdict(replace(result, module=None))
    return {"result": {name: value for name, value in found.items() if name != "module"}}


def result_from(answer: Mapping[str, Any]) -> TrainingResult:
    """The result that `run_job` gave, without the module; raises what it raised.

    Raises:
        InvalidArchitecture, StorageFull: see `fit`.
        TrainingCrashed: the training raised what is no result.
    """
    if "raised" in answer:
        raise _KINDS.get(answer["raised"], TrainingCrashed)(answer["text"])
    found = dict(answer["result"])
    found["records"] = tuple(_record(each) for each in found["records"])
    found["depth_nodes"] = tuple(found["depth_nodes"])
    found["costs"] = None if found["costs"] is None else Costs(**found["costs"])
    return TrainingResult(**found, module=None)


def epochs_of(checkpoint: Path) -> list[EpochRecord]:
    """The epochs that a job has done so far."""
    try:
        lines = checkpoint.with_name(EPOCHS).read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    with reading(checkpoint.with_name(EPOCHS)):
        return [_record(json.loads(line)) for line in lines if line.endswith("\n")]


def stop(checkpoint: Path) -> None:
    """Have a job end after its next epoch."""
    checkpoint.with_name(STOP).touch()


def forget(checkpoint: Path) -> None:
    """Remove what is only of use while a job runs; the checkpoint stays."""
    for name in (EPOCHS, STOP):
        checkpoint.with_name(name).unlink(missing_ok=True)


def _record(fields: Mapping[str, Any]) -> EpochRecord:
    return EpochRecord(**{**fields, "depth_accuracies": tuple(fields["depth_accuracies"])})


def _data(folder: str, device: str) -> DeviceData:
    """The latest dataset is kept: trainings of one search are on few."""
    key = folder, device
    if key not in _latest:
        _latest.clear()
        _latest[key] = load_shared(Path(folder), choose_device(device))
    return _latest[key]
