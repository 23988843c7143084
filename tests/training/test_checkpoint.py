from __future__ import annotations

import copy
import errno
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from presage.errors import InvalidArgument, StorageFull
from presage.training import DeviceData, Recipe, train
from presage.training.checkpoint import load_checkpoint, save_checkpoint


@pytest.mark.parametrize("stopped_after", [1, 2])
def test_a_resumed_run_repeats_an_uninterrupted_one(
    small: nn.Module, data: DeviceData, brief: Recipe, tmp_path: Path, stopped_after: int
) -> None:
    recipe = replace(brief, epochs=4)
    whole_module = copy.deepcopy(small)
    whole = [replace(r, seconds=0) for r in train(whole_module, data, recipe, seed=3)]
    path = tmp_path / "run.pt"
    begun = train(copy.deepcopy(small), data, recipe, seed=3, checkpoint=path)
    for _ in range(stopped_after):
        next(begun)
    begun.close()
    torch.manual_seed(99)  # neither the weights it begins with nor the state of the generator matter
    again = type(small)()
    resumed = [replace(r, seconds=0) for r in train(again, data, recipe, seed=3, checkpoint=path)]
    assert resumed == whole
    for left, right in zip(again.parameters(), whole_module.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_finished_run_is_only_read(small: nn.Module, data: DeviceData, brief: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    first = list(train(small, data, brief, seed=0, checkpoint=path))
    assert list(train(type(small)(), data, brief, seed=0, checkpoint=path)) == first


def test_a_checkpoint_of_another_training_is_refused(
    small: nn.Module, data: DeviceData, brief: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "run.pt"
    list(train(small, data, replace(brief, epochs=1), seed=0, checkpoint=path))
    with pytest.raises(InvalidArgument, match="belong to this network"):
        list(train(small, data, replace(brief, epochs=1), seed=1, checkpoint=path))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 half a file"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(InvalidArgument, match="Delete it") as caught:
        load_checkpoint(path, torch.device("cpu"))
    assert "\n" not in str(caught.value)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'harmed'}",)

    path = tmp_path / "run.pt"
    torch.save({"records": Harm()}, path)
    with pytest.raises(InvalidArgument):
        load_checkpoint(path, torch.device("cpu"))
    assert not (tmp_path / "harmed").exists()


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"records": [1]})

    def full(state: object, stream: io.BufferedWriter) -> None:
        stream.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageFull):
        save_checkpoint(path, {"records": [1, 2]})
    assert load_checkpoint(path, torch.device("cpu")) == {"records": [1]}
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
