from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from presage.architecture.graph import Architecture
from presage.architecture.spaces import get_space
from presage.errors import InvalidArchitecture, InvalidArgument
from presage.training import executors, job, side_by_side
from presage.training.data import DeviceData
from presage.training.executors import cores, slots_of
from presage.training.failures import StopTraining, TrainingCrashed
from presage.training.fitting import TrainingResult
from presage.training.job import STOP, result_from, run_job
from presage.training.loop import EpochRecord
from presage.training.memory import free_bytes, training_bytes
from presage.training.recipe import Recipe
from presage.training.shared_data import load_shared, save_shared
from presage.training.side_by_side import SideBySide
from presage.training.workers import Workers


def networks(count: int) -> list[Architecture]:
    space = get_space("nb201:cells=1,width=4")
    return space.decode_batch(space.sample(count, np.random.default_rng(0))).architectures()


class Here(Executor):
    """Does what it is given at once, and counts."""

    def __init__(self, call: Callable[..., Any] | None = None) -> None:
        self.call, self.messages = call, []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.messages.append(args[0])
        future: Future[Any] = Future()
        try:
            future.set_result((self.call or fn)(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def trained(
    executor: Executor | None, data: DeviceData, recipe: Recipe, folder: Path, count: int = 3
) -> list[tuple[TrainingResult, list[EpochRecord]]]:
    """All networks, begun as far as there is room before each is asked for."""
    beside = SideBySide(executor, 2, "cpu", folder / "scratch")
    places = [folder / str(at) / "checkpoint.pt" for at in range(count)]
    found = []
    for at, architecture in enumerate(networks(count)):
        for other in range(at, count):
            if not beside.begin(networks(count)[other], data, recipe, seed=1, checkpoint=places[other]):
                break
        seen: list[EpochRecord] = []
        how: dict[str, Any] = {"seed": 1, "checkpoint": places[at], "on_epoch": seen.append}
        places[at].parent.mkdir(parents=True, exist_ok=True)
        found.append((beside.result(architecture, data, recipe, **how), seen))
    beside.close()
    assert not (folder / "scratch").exists()
    return found


def numbers(result: TrainingResult) -> dict[str, Any]:
    """All but the time it took."""
    records = [replace(record, seconds=0) for record in result.records]
    return {**vars(result), "records": records, "seconds": 0, "module": None}


@pytest.fixture(params=["workers", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor
    if request.param == "workers":
        made = Workers(2)
    elif request.param == "threads":
        made = ThreadPoolExecutor(2)
    else:
        made = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with made:
        yield made


def test_results_are_the_same_on_every_executor(
    executor: Executor, data: DeviceData, brief: Recipe, tmp_path: Path
) -> None:
    here = trained(None, data, brief, tmp_path / "here")
    there = trained(executor, data, brief, tmp_path / "there")
    for (one, epochs), (other, other_epochs) in zip(here, there, strict=True):
        assert numbers(one) == numbers(other)
        assert one.device.endswith("1 threads")
        assert len(epochs) == len(other_epochs) == brief.epochs
        assert one.module is not None
        assert other.module is not None
        for name, value in one.module.state_dict().items():
            assert torch.equal(value, other.module.state_dict()[name]), name


def test_a_training_that_is_stopped_is_as_if_it_had_been_stopped_here(
    data: DeviceData, brief: Recipe, tmp_path: Path
) -> None:
    def stop_after_two(record: EpochRecord) -> None:
        if record.epoch == 1:
            raise StopTraining("enough")

    found = []
    for name, executor in (("here", None), ("there", Here())):
        beside = SideBySide(executor, 2, "cpu", tmp_path / name / "scratch")
        checkpoint = tmp_path / name / "checkpoint.pt"
        checkpoint.parent.mkdir(exist_ok=True)
        found.append(beside.result(networks(1)[0], data, brief, seed=0, checkpoint=checkpoint, on_epoch=stop_after_two))
    assert found[0].status == "pruned"
    assert numbers(found[0]) == numbers(found[1])


def test_a_training_that_the_clock_stops_is_as_far_as_it_got_and_keeps_its_weights(
    data: DeviceData, brief: Recipe, tmp_path: Path
) -> None:
    class Stopped(Here):
        """Is told to stop after the first epoch."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            (tmp_path / "stopped" / STOP).touch()
            return super().submit(fn, *args, **kwargs)

    def over(record: EpochRecord) -> None:
        raise StopTraining("the budget is used up", by_clock=True)

    found = {}
    for name, executor in (("done", Here()), ("stopped", Stopped())):
        (tmp_path / name).mkdir()
        beside = SideBySide(executor, 2, "cpu", tmp_path / name / "scratch")
        checkpoint = tmp_path / name / "checkpoint.pt"
        found[name] = beside.result(networks(1)[0], data, brief, seed=0, checkpoint=checkpoint, on_epoch=over)
    assert (found["done"].status, len(found["done"].records)) == ("finished", brief.epochs)
    assert (found["stopped"].status, len(found["stopped"].records)) == ("pruned", 1)
    assert found["stopped"].failure == "the budget is used up"
    for one in found.values():
        assert one.module is not None


def test_a_training_in_its_last_epoch_is_not_stopped_any_more(data: DeviceData, brief: Recipe, tmp_path: Path) -> None:
    """It would be as long, and count for nothing."""
    found = {}
    for name, epochs in (("last", 1), ("earlier", 2)):
        folder = tmp_path / name
        folder.mkdir()
        save_shared(data, folder / "data")
        asked = job.TrainingJob(
            networks(1)[0],
            replace(brief, epochs=epochs),
            0,
            folder / "data",
            "cpu",
            folder / "checkpoint.pt",
            True,
            False,
        )
        (folder / STOP).touch()
        found[name] = result_from(run_job(asked.to_json()))
    assert (found["last"].status, found["last"].accuracy is None) == ("finished", False)
    assert (found["earlier"].status, len(found["earlier"].records)) == ("pruned", 1)


def test_no_more_are_begun_than_slots_and_memory_allow(
    data: DeviceData, brief: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never(Here):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return Future()

    def begun(beside: SideBySide) -> list[bool]:
        places = [tmp_path / f"{at}" / "checkpoint.pt" for at in range(4)]
        return [
            beside.begin(one, data, brief, seed=0, checkpoint=place)
            for one, place in zip(networks(4), places, strict=True)
        ]

    assert begun(SideBySide(Never(), 3, "cpu", tmp_path / "one")) == [True, True, True, False]
    monkeypatch.setattr(side_by_side, "free_bytes", lambda device: 1)
    assert begun(SideBySide(Never(), 3, "cpu", tmp_path / "two")) == [True, False, False, False]
    assert begun(SideBySide(None, 3, "cpu", tmp_path / "three")) == [False] * 4


def test_there_is_room_when_any_of_those_begun_is_over(data: DeviceData, brief: Recipe, tmp_path: Path) -> None:
    class Later(Here):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            futures.append(Future())
            return futures[-1]

    futures: list[Future[Any]] = []
    beside = SideBySide(Later(), 2, "cpu", tmp_path / "scratch")
    for at, (one, room) in enumerate(zip(networks(2), (True, False), strict=True)):
        assert beside.room
        beside.begin(one, data, brief, seed=0, checkpoint=tmp_path / f"{at}" / "checkpoint.pt")
        assert beside.room is room
    futures[1].set_result({})
    assert beside.room
    assert not SideBySide(None, 2, "cpu", tmp_path / "none").room


def test_what_does_not_fit_beside_others_is_tried_again_alone(data: DeviceData, brief: Recipe, tmp_path: Path) -> None:
    other: Future[Any] = Future()
    lost = {"status": "out_of_memory", "accuracy": None, "test_accuracy": None, "records": [], "depth_nodes": []}
    lost |= {"costs": None, "seconds": 0.1, "device": "small", "precision": "float32", "versions": {}}

    class Small(Here):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if not self.messages:
                self.messages.append(args[0])
                return other
            return super().submit(fn, *args, **kwargs)

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        if len(executor.messages) == 2:
            threading.Timer(0.3, other.set_result, [{}]).start()
            return {"result": {**lost, "failure": "out of memory"}}
        assert other.done()
        return run_job(message)

    executor = Small(answer)
    beside = SideBySide(executor, 2, "cpu", tmp_path / "scratch")
    assert beside.begin(networks(2)[0], data, brief, seed=0, checkpoint=tmp_path / "first" / "checkpoint.pt")
    second = tmp_path / "second" / "checkpoint.pt"
    second.parent.mkdir()
    how: dict[str, Any] = {"seed": 0, "checkpoint": second, "on_epoch": lambda record: None}
    assert beside.result(networks(2)[1], data, brief, **how).status == "finished"
    assert len(executor.messages) == 3


def test_what_a_training_raises_is_raised_here_in_a_line(
    data: DeviceData, brief: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(executor: Executor) -> None:
        beside = SideBySide(executor, 2, "cpu", tmp_path / "scratch")
        beside.result(
            networks(1)[0], data, brief, seed=0, checkpoint=tmp_path / "checkpoint.pt", on_epoch=lambda record: None
        )

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(job, "fit", broken)
    with pytest.raises(TrainingCrashed, match=r"^ZeroDivisionError in test_side_by_side.py:\d+: by nothing$"):
        asked(Here())
    with pytest.raises(InvalidArchitecture, match="too large"):
        result_from({"raised": "architecture", "text": "too large"})


def test_a_prepared_dataset_is_shared_as_it_is(data: DeviceData, tmp_path: Path) -> None:
    save_shared(data, tmp_path)
    again = load_shared(tmp_path, torch.device("cpu"))
    for name, value in vars(data).items():
        other = getattr(again, name)
        same = torch.equal(value, other) if isinstance(value, torch.Tensor) else np.array_equal(value, other)
        assert same, name


def test_memory_grows_with_batch_and_is_limited_by_what_is_free() -> None:
    one, two = (training_bytes(networks(1)[0], (3, 32, 32), 10, batch) for batch in (64, 128))
    assert 700_000_000 < one < two < 2_000_000_000
    assert 10**8 < free_bytes("cpu") < 2**63


def test_auto_is_a_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots_of("auto", "cpu") == cores() >= 1
    assert slots_of(3, "cpu") == 3
    monkeypatch.setattr(executors, "cores", lambda: 16)
    assert slots_of("auto", "cpu") == 16
    for wrong in (0, -1, "many", True, 1.5):
        with pytest.raises(InvalidArgument, match="The `workers` of `presage search` must be auto"):
            slots_of(wrong, "cpu")  # type: ignore[arg-type]


def test_workers_take_turns_with_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "choose_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(executors, "cores", lambda: 64)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert slots_of("auto", "cuda") == 12
    assert executors._environments("cuda") == [{"CUDA_VISIBLE_DEVICES": name} for name in "012"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert executors._environments("cuda") == [{"CUDA_VISIBLE_DEVICES": name} for name in "47"]
