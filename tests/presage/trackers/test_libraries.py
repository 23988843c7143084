"""Each tracker is told of a search by its real library, without a network, and read back by that library."""

from __future__ import annotations

import json
import struct
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presage.trackers.registry import TRACKERS, trackers_of


def test_tensorboard_has_the_curves_of_every_network(told: Callable[..., Path]) -> None:
    pytest.importorskip("tensorboard", reason="the extra presage[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = told(*trackers_of("tensorboard", "log", "test"))
    folders = {path.name: path for path in (run / "tensorboard").iterdir()}
    assert set(folders) == {"presage", "calm-otter-1a2b3c4d", "keen-heron-5e6f7a8b--final-recipe", "lost-mole-9c0d1e2f"}
    events = EventAccumulator(str(folders["calm-otter-1a2b3c4d"])).Reload()
    assert [(one.step, one.value) for one in events.Scalars("validation_accuracy")] == [
        (1, pytest.approx(0.4)), (2, pytest.approx(0.7)),
    ]  # fmt: skip
    assert [one.value for one in events.Scalars("trained/accuracy")] == [pytest.approx(0.7)]
    whole = EventAccumulator(str(folders["presage"])).Reload()
    (options,) = whole.Tensors("search flowers/text_summary")
    assert b"| recipe.epochs | 2 |" in options.tensor_proto.string_val[0]
    (ending,) = whole.Tensors("finished/text_summary")
    assert b"| best_accuracy | 0.8 |" in ending.tensor_proto.string_val[0]


def test_tensorboard_is_written_anew_for_a_search_that_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra presage[tensorboard] is not installed")
    from presage.trackers.tracker import Tracked

    for _ in range(2):
        (tracker,) = trackers_of("tensorboard", "log", "test")
        tracker.begin(Tracked("search", tmp_path))
        tracker.end("finished", {}, [])
    assert len(list((tmp_path / "tensorboard" / "presage").iterdir())) == 1


def test_mlflow_has_a_run_with_one_for_each_network(
    told: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra presage[mlflow] is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    told(*trackers_of("mlflow", "log", "test"))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("presage")
    runs = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 4
    whole, network = runs["search flowers"], runs["calm-otter 1a2b3c4d"]
    assert whole.data.params == {
        "dataset": "flowers", "candidates": "9", "recipe.epochs": "2", "prune": "False", "limits _ms_": "2.5",
    }  # fmt: skip
    assert whole.data.metrics == {"best_accuracy": 0.8}
    assert {one.path for one in client.list_artifacts(whole.info.run_id)} == {"report.html", "best"}
    assert [one.path for one in client.list_artifacts(whole.info.run_id, "best")] == ["best/weights.bin"]
    assert network.data.tags["mlflow.parentRunId"] == whole.info.run_id
    history = client.get_metric_history(network.info.run_id, "validation_accuracy")
    assert [(one.step, one.value) for one in history] == [(1, 0.4), (2, 0.7)]
    assert runs["lost-mole 9c0d1e2f"].data.params == {"status": "diverged"}
    assert {one.info.status for one in runs.values()} == {"FINISHED"}


@pytest.mark.parametrize(("error", "state"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_mlflow_says_how_a_search_ended(
    told: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], state: str
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra presage[mlflow] is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="of the search"):
        told(*trackers_of("mlflow", "log", "test"), fail=error)
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("presage").experiment_id])
    assert {one.info.status for one in runs} == {state}


def logged(content: bytes) -> Iterator[bytes]:
    """Records of a file of wandb, which is a log as LevelDB has them: blocks of 32 KiB, in which each piece follows its
    checksum (4 bytes), length (2) and kind (1: whole, 2: first, 3: middle, 4: last)."""
    at, record = 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield record
            record = b""


def test_wandb_has_a_section_for_each_network(
    told: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb", reason="the extra presage[wandb] is not installed")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = told(*trackers_of("wandb", "log", "test"))
    assert capfd.readouterr().out == ""
    (file,) = (run / "wandb").glob("offline-run-*/*.wandb")
    found: list[Record] = []
    ends = time.monotonic() + 120  # a process of wandb's own writes it, for a moment after the run is finished
    while not any(one.WhichOneof("record_type") == "exit" for one in found) and time.monotonic() < ends:
        time.sleep(0.1)
        found = [Record.FromString(data) for data in logged(file.read_bytes())]
    (begun,) = (one.run for one in found if one.WhichOneof("record_type") == "run")
    assert (begun.project, begun.display_name) == ("presage", "search flowers")
    config = {one.key: json.loads(one.value_json) for one in begun.config.update}
    assert (config["dataset"], config["recipe.epochs"]) == ("flowers", 2)
    rows = [
        {".".join(item.nested_key) or item.key: item.value_json for item in one.history.item}
        for one in found
        if one.WhichOneof("record_type") == "history"
    ]
    curve = [
        (int(row["calm-otter-1a2b3c4d/epoch"]), float(row["calm-otter-1a2b3c4d/validation_accuracy"]))
        for row in rows
        if "calm-otter-1a2b3c4d/epoch" in row
    ]
    assert curve == [(1, pytest.approx(0.4)), (2, pytest.approx(0.7))]
    assert any("networks" in key for row in rows for key in row)
    assert {one.artifact.type for one in found if one.WhichOneof("record_type") == "artifact"} >= {"model", "file"}
    (ended,) = (one.exit for one in found if one.WhichOneof("record_type") == "exit")
    assert ended.exit_code == 0


def test_trackio_has_the_curves_on_this_machine(
    told: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported
    monkeypatch.setenv("TRACKIO_PROJECT", f"presage-{tmp_path.name}")
    pytest.importorskip("trackio", reason="the extra presage[trackio] is not installed")
    from trackio.sqlite_storage import SQLiteStorage

    told(*trackers_of("trackio", "log", "test"))
    assert capfd.readouterr().out == ""
    project = f"presage-{tmp_path.name}"
    (run,) = SQLiteStorage.get_runs(project)
    rows = SQLiteStorage.get_logs(project, run)
    name = "calm-otter 1a2b3c4d/validation_accuracy"
    assert [(row["step"], row[name]) for row in rows if name in row] == [(1, 0.4), (2, 0.7)]
    assert any(row.get("best_accuracy") == 0.8 for row in rows)


def test_every_tracker_has_an_extra_and_a_test() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(TRACKERS) <= set(project["optional-dependencies"])
    assert all(
        any(f"def test_{name}_has" in line for line in Path(__file__).read_text().splitlines()) for name in TRACKERS
    )
