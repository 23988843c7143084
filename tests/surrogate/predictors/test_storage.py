"""Fitted predictors on disk: damage is noticed, never executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presage.errors import InvalidArgument, StorageFull
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.sealing import seal
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
    assert {file.name for file in kept.iterdir()} == {"predictor.json", "arrays.safetensors", "seal.txt"}
    assert json.loads((kept / "predictor.json").read_text())["format"] == "presage-predictor"


@pytest.mark.parametrize("name", ["predictor.json", "arrays.safetensors", "seal.txt"])
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
    with pytest.raises(InvalidArgument, match="load_predictor") as caught:
        load_predictor(kept)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 2, 99])
def test_another_format_is_refused(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """Version 1 holds the same numbers under other names."""
    with monkeypatch.context() as patch:
        patch.setattr("presage.surrogate.predictors.storage.VERSION", version)
        save_predictor(CostOnly().fit(experience), tmp_path / "kept")
    with pytest.raises(InvalidArgument, match=f"version {version}"):
        load_predictor(tmp_path / "kept")


def test_a_header_without_what_it_needs_is_refused(kept: Path) -> None:
    """However well it is sealed."""
    for header in ("{", "[]", "{}", '{"format": "presage-predictor", "version": 3}'):
        (kept / "predictor.json").write_text(header)
        (kept / "seal.txt").unlink()
        files = {file.name: file.read_bytes() for file in kept.iterdir()}
        (kept / "seal.txt").write_bytes(seal(files, b""))
        with pytest.raises(InvalidArgument, match="load_predictor") as caught:
            load_predictor(kept)
        assert "\n" not in str(caught.value)


def test_a_sealed_folder_is_read_with_its_key_only(experience: Experience, tmp_path: Path) -> None:
    save_predictor(CostOnly().fit(experience), tmp_path / "kept", b"mine")
    assert isinstance(load_predictor(tmp_path / "kept", b"mine"), CostOnly)
    for key in (b"", b"theirs"):
        with pytest.raises(InvalidArgument, match="seal"):
            load_predictor(tmp_path / "kept", key)


def test_a_seal_tells_apart_what_is_the_same_when_joined() -> None:
    assert seal({"ab": b"c"}, b"") != seal({"a": b"bc"}, b"")
    assert seal({"a": b"", "b": b"x"}, b"") != seal({"a": b"x", "b": b""}, b"")


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
