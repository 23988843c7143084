"""`SideBySide`: trainings begun ahead of time on an executor, and taken back in the order they are asked for.

Whoever asks works through its networks as if one were trained after the other: what it decides and writes down is the
same, however many are trained at once and in whatever order they end.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import build
from presage.records.experiment import FINISHED, OUT_OF_MEMORY
from presage.training.checkpoint import load_checkpoint, restoring
from presage.training.data import DeviceData
from presage.training.failures import StopTraining, TrainingCrashed, failure_of
from presage.training.fitting import TrainingResult, fit
from presage.training.hardware import one_thread
from presage.training.job import ONE_AT_A_TIME, TrainingJob, epochs_of, forget, result_from, run_job, stop
from presage.training.loop import EpochRecord
from presage.training.memory import free_bytes, training_bytes
from presage.training.recipe import Recipe
from presage.training.shared_data import save_shared
from presage.training.workers import WorkerDied, WorkerFailed

__all__ = ["OnEpoch", "SideBySide"]

OnEpoch = Callable[[EpochRecord], None]
_LOOKED_EVERY = 0.2  # seconds


@dataclass(frozen=True, eq=False)
class _Begun:
    job: TrainingJob
    data: DeviceData
    future: Future[dict[str, Any]]
    memory: int


class SideBySide:
    """Trains up to `slots` networks at once, each by one thread.

    Args:
        executor: where; None is in this process, one after the other. Its functions are called with and give plain
            objects; an executor on other machines needs `scratch` and the checkpoints on a disk that all share, or
            takes what a message names with it, as `presage.training.cluster` does.
        slots: trainings at once.
        device: `auto`, `cpu` or `cuda`, where they are trained.
        scratch: folder for the images, removed by `close`.
        memory: bytes that trainings may take together; None is what is free here now.
        words: where it trains, for people.
    """

    def __init__(
        self,
        executor: Executor | None,
        slots: int,
        device: str,
        scratch: Path,
        memory: int | None = None,
        words: str = "",
    ) -> None:
        self.executor, self.slots, self.device, self.words = executor, slots if executor else 1, device, words
        self._scratch = scratch
        self._begun: dict[Path, _Begun] = {}
        self._memory = 0 if executor is None else free_bytes(device) if memory is None else memory

    @property
    def room(self) -> bool:
        """Whether fewer trainings are under way than may be; never where they are trained one after the other."""
        under_way = sum(not one.future.done() for one in self._begun.values())
        return self.executor is not None and under_way < self.slots

    def begin(
        self,
        architecture: Architecture,
        data: DeviceData,
        recipe: Recipe,
        *,
        seed: int,
        checkpoint: Path,
        test: bool = True,
        depth: bool = True,
    ) -> bool:
        """Begin a training, of which `result` is asked for later; whether there was room for it."""
        if self.executor is None:
            return False
        if checkpoint in self._begun:
            return True
        need = training_bytes(architecture, data.input_shape, data.classes, min(recipe.batch, len(data.x_train)))
        under_way = [one.memory for one in self._begun.values() if not one.future.done()]
        if under_way and (len(under_way) >= self.slots or sum(under_way) + need > self._memory):
            return False
        folder = self._shared(data)
        job = TrainingJob(architecture, recipe, seed, folder, self.device, checkpoint, test, depth, need)
        forget(checkpoint)
        self._begun[checkpoint] = _Begun(job, data, self.executor.submit(run_job, job.to_json()), need)
        return True

    def result(
        self,
        architecture: Architecture,
        data: DeviceData,
        recipe: Recipe,
        *,
        seed: int,
        checkpoint: Path,
        on_epoch: OnEpoch,
        test: bool = True,
        depth: bool = True,
    ) -> TrainingResult:
        """What became of a training, which is begun now unless it was before. See `presage.training.fit`.

        Args:
            on_epoch: may raise `StopTraining`: the result is then as it was after that epoch.

        Raises:
            InvalidArchitecture, StorageFull: see `presage.training.fit`.
            TrainingCrashed: it raised what is no result, or ended two worker processes.
        """
        if self.executor is None:
            with one_thread():
                return fit(
                    architecture, data, recipe,
                    seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, test=test, depth=depth,
                )  # fmt: skip
        while not self.begin(architecture, data, recipe, seed=seed, checkpoint=checkpoint, test=test, depth=depth):
            wait([one.future for one in self._begun.values() if not one.future.done()], return_when=FIRST_COMPLETED)
        one = self._begun[checkpoint]
        try:
            found = self._watched(one, on_epoch)
            if found.status == OUT_OF_MEMORY and self._others(one):
                wait(self._others(one))  # alone there may be memory enough
                self._begun[checkpoint] = one = replace(one, future=self.executor.submit(run_job, one.job.to_json()))
                found = self._watched(one, on_epoch)
        finally:
            self._begun.pop(checkpoint, None)
        return self._with_module(found, one) if found.status == FINISHED else found

    def close(self) -> None:
        """Stop what is still under way, and remove the images."""
        for one in self._begun.values():
            if not one.future.cancel():
                stop(one.job.checkpoint)
        self._begun.clear()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _others(self, one: _Begun) -> list[Future[dict[str, Any]]]:
        return [other.future for other in self._begun.values() if other is not one and not other.future.done()]

    def _shared(self, data: DeviceData) -> Path:
        text = f"{data.fingerprint} {tuple(data.x_train.shape)} {tuple(data.x_validation.shape)} {len(data.x_test)}"
        images = hashlib.sha256(data.train_images.tobytes() + data.validation_images.tobytes()).hexdigest()
        folder = self._scratch / hashlib.sha256(f"{text} {images}".encode()).hexdigest()[:16]
        if not (folder / "data.json").exists():
            save_shared(data, folder)
        return folder

    def _watched(self, one: _Begun, on_epoch: OnEpoch) -> TrainingResult:
        """Wait for the result, passing on its epochs as they come."""
        told = 0
        try:
            while not one.future.done():
                for record in epochs_of(one.job.checkpoint)[told:]:
                    told += 1
                    on_epoch(record)
                wait([one.future], timeout=_LOOKED_EVERY)
            found = self._answer(one)
            for record in found.records[told:]:
                told += 1
                on_epoch(record)
        except StopTraining as error:
            stop(one.job.checkpoint)
            found = self._answer(one)
            if not error.by_clock:
                return _stopped(found, told, error)
            if found.status == FINISHED:
                return found
            return replace(_stopped(found, len(found.records), error), module=self._with_module(found, one).module)
        finally:
            if one.future.done():
                forget(one.job.checkpoint)
        return found

    def _answer(self, one: _Begun) -> TrainingResult:
        try:
            return result_from(one.future.result())
        except (WorkerDied, WorkerFailed) as error:
            raise TrainingCrashed(str(error)) from None
        except BrokenExecutor as error:
            raise TrainingCrashed(f"the executor broke down: {error}") from None

    def _with_module(self, found: TrainingResult, one: _Begun) -> TrainingResult:
        """The last checkpoint of a finished training has its weights."""
        state = load_checkpoint(one.job.checkpoint, one.data.device)
        if state is None:
            return found
        with ONE_AT_A_TIME:
            module = build(one.job.architecture.canonical, one.data.input_shape, one.data.classes)
        with restoring(one.job.checkpoint):
            module.load_state_dict(state["module"])
        return replace(found, module=module.to(one.data.device))


def _stopped(found: TrainingResult, epochs: int, error: StopTraining) -> TrainingResult:
    """The result as it was after so many epochs, when it was stopped."""
    ended = failure_of(error)
    assert ended is not None
    status, failure = ended
    return replace(
        found, status=status, failure=failure, records=found.records[:epochs], accuracy=None, test_accuracy=None,
        balanced_accuracy=None, test_balanced_accuracy=None, module=None,
    )  # fmt: skip
