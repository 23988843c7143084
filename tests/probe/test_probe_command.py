from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.errors import Diverged
from presage.files import held
from presage.probe import DESCRIPTION_NAMES, PROBE_VERSION, run
from presage.probe.__main__ import main
from presage.training import EpochRecord, ImageDataset


@pytest.fixture
def file(patterns: Callable[..., ImageDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset's file; probes are shortened, what is tested here does not depend on how well they learn."""
    quick = replace(run.PROBE_RECIPE, least_epoch_images=64, train_images=64, epochs=2)
    monkeypatch.setattr(run, "PROBE_RECIPE", quick)
    dataset = patterns()
    path = tmp_path / "patterns.npz"
    arrays = {name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(path, **arrays)
    return str(path)


def shard(out: Path) -> Path:
    return out / f"probes-{PROBE_VERSION}.jsonl"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_probes_are_written_as_shard_lines(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shards"
    assert main([file, "--out", str(out), "--seeds", "2"]) == 0
    assert capsys.readouterr().out.startswith("patterns: DCN ")
    lines = list(read_lines(shard(out)))
    assert [(line["kind"], line["probe"]["seed"]) for line in lines] == [("probe", 0), ("probe", 1)]
    assert set(lines[0]["dataset"]) == {
        "fingerprint", "name", "classes", "channels", "height", "width", "train_images", "test_images",
        "validation_images",
    }  # fmt: skip
    row = lines[0]["probe"]
    assert set(row) == {
        "dataset", "version", "seed", "dcn", "curve", "seconds", "device", "versions", "description", "created_at"
    }  # fmt: skip
    assert row["dataset"] == lines[0]["dataset"]["fingerprint"]
    assert row["dcn"] == max(row["curve"])
    assert tuple(row["description"]) == DESCRIPTION_NAMES


def test_a_second_run_adds_only_what_is_missing_and_a_torn_line_is_repaired(file: str, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    main([file, "--out", str(out), "--seeds", "1"])
    first = shard(out).read_text()
    main([file, "--out", str(out), "--seeds", "1"])
    assert shard(out).read_text() == first
    with shard(out).open("a") as stream:
        stream.write(first[: len(first) // 2])  # killed while writing
    main([file, "--out", str(out), "--seeds", "2"])
    assert [line["probe"]["seed"] for line in read_lines(shard(out))] == [0, 1]
    assert shard(out).read_text().startswith(first)


def test_known_datasets_are_read_from_the_folder(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], patterns: Callable[..., ImageDataset]
) -> None:
    out = tmp_path / "shards"
    main([file, "--out", str(out), "--seeds", "1"])
    other = patterns(seed=5)
    np.savez(tmp_path / "other.npz", x_train=other.x_train, y_train=other.y_train)
    capsys.readouterr()
    assert main([str(tmp_path / "other.npz"), "--out", str(out), "--seeds", "1", "--json"]) == 0
    assert [near["name"] for near in json.loads(capsys.readouterr().out)["nearest"]] == ["patterns"]


@pytest.mark.parametrize("error", [MemoryError(), Diverged("The loss became nan.")])
def test_a_failed_probe_is_exit_code_1_and_the_next_dataset_is_probed(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real, calls = run.train, 0

    def failing_first(*arguments: Any, **named: Any) -> Iterator[EpochRecord]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise error
        return real(*arguments, **named)

    monkeypatch.setattr(run, "train", failing_first)
    assert main([file, file, "--seeds", "1"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("patterns, seed 0: ")
    assert captured.out.startswith("patterns: DCN ")


def test_wrong_input_is_one_line_and_exit_code_2(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([str(tmp_path / "absent.npz")], [file, "--seeds", "0"], [file, "--device", "abacus"]):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1


def test_a_folder_that_another_probe_writes_to_is_refused(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [file, "--out", str(tmp_path / "shards"), "--seeds", "1"]
    with held(tmp_path / "shards" / "probe.lock", RuntimeError("held already")):
        assert main(words) == 2
    assert "be a folder that no other probe writes to" in capsys.readouterr().err
    assert not shard(tmp_path / "shards").exists()
    assert main(words) == 0
