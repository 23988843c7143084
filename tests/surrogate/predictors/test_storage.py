"""Fitted predictors on disk: damage is noticed, never executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presage.errors import InvalidArgument, StorageFull
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.storage import load_predictor, save_predictor
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 8)


@pytest.fixture
def kept(experience: Experience, tmp_path: Path) -> Path:
    save_predictor(CostOnly().fit(experience), tmp_path / "kept")
    return tmp_path / "kept"


def test_only_json_safetensors_and_text_are_written(kept: Path) -> None:
    assert {file.name for file in kept.iterdir()} == {"predictor.json", "arrays.safetensors"}
    assert json.loads((kept / "predictor.json").read_text())["format"] == "presage-predictor"


@pytest.mark.parametrize("name", ["predictor.json", "arrays.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing"])
def test_damage_is_refused_in_one_line(kept: Path, name: str, damage: str) -> None:
    file = kept / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]
        file.write_bytes({"truncated": content[:middle], "flipped": flipped, "empty": b""}[damage])
    if damage == "flipped" and name == "predictor.json":
        return  # a flipped bit in a number of the header may still be a valid header
    with pytest.raises(InvalidArgument, match="load_predictor") as caught:
        load_predictor(kept)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 99])
def test_another_format_is_refused(kept: Path, version: int) -> None:
    """Version 1 holds the same numbers under other names."""
    _rewritten(kept, version=version)
    with pytest.raises(InvalidArgument, match=f"version {version}"):
        load_predictor(kept)


def _rewritten(kept: Path, **fields: object) -> None:
    header = json.loads((kept / "predictor.json").read_text())
    (kept / "predictor.json").write_text(json.dumps({**header, **fields}))


def test_a_file_outside_the_folder_is_never_read(kept: Path) -> None:
    header = json.loads((kept / "predictor.json").read_text())
    header["files"] = {"../../etc/hostname": "0"}
    (kept / "predictor.json").write_text(json.dumps(header))
    with pytest.raises(InvalidArgument):
        load_predictor(kept)


def test_saving_again_replaces(experience: Experience, kept: Path) -> None:
    save_predictor(DatasetMean().fit(experience), kept)
    assert isinstance(load_predictor(kept), DatasetMean)
    assert [file.name for file in kept.parent.iterdir()] == ["kept"]


def test_a_full_disk_is_said_in_one_line(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    fitted = CostOnly().fit(experience)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match="No space left"):
        save_predictor(fitted, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
