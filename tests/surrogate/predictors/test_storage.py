"""Fitted predictors on disk: damage is noticed, never executed; a cache refits what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument, StorageFull
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors import cache, storage
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.cache import KEPT, cache_key, fitted
from presage.surrogate.predictors.predictor import Predictor
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
    json.loads((kept / "predictor.json").read_text())


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


class Counted:
    """Hands out experience and counts how often it was asked."""

    def __init__(self, experience: Experience) -> None:
        self.experience, self.calls = experience, 0

    def __call__(self) -> Experience:
        self.calls += 1
        return self.experience


def test_the_cache_learns_once_from_the_same_content(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    first = fitted(CostOnly(), "content", source, tmp_path)
    again = fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 1
    task = experience.tasks[0]
    values = [predictor.predict(experience.graphs, task).value for predictor in (first, again)]
    np.testing.assert_array_equal(*values)
    fitted(CostOnly(), "other content", source, tmp_path)
    fitted(CostOnly(penalty=2.0), "content", source, tmp_path)
    assert source.calls == 3


def test_a_damaged_cache_is_fitted_again(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    path = tmp_path / cache_key(CostOnly(), "content")
    (path / "arrays.safetensors").write_bytes(b"\x00" * 100)
    fitted(CostOnly(), "content", source, tmp_path)
    fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 2


def test_what_an_older_presage_kept_is_fitted_again(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    _rewritten(tmp_path / cache_key(CostOnly(), "content"), version=1)
    again = fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 2
    assert again.predict(experience.graphs, experience.tasks[0]).value.std() > 0


def test_every_module_that_learns_or_encodes_counts_in_the_name_of_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed file in a folder of a folder is other code: what was fitted by the old one is not read."""
    deepest = ("architecture/canonical/form.py", "surrogate/data/logit.py", "surrogate/predictors/more/deeper.py")
    for name in (*deepest, "surrogate/notes.txt", "training/loop.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(cache.resources, "files", lambda package: tmp_path / package.removeprefix("presage."))
    before = cache.code_version.__wrapped__()
    for name in deepest:
        (tmp_path / name).write_text("2")
        after = cache.code_version.__wrapped__()
        assert after != before, name
        before = after
    for name in ("surrogate/notes.txt", "training/loop.py"):
        (tmp_path / name).write_text("2")
        assert cache.code_version.__wrapped__() == before


def test_a_full_disk_costs_only_the_cache(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match="No space left"):
        save_predictor(CostOnly().fit(experience), tmp_path / "kept")
    made = fitted(CostOnly(), "content", Counted(experience), tmp_path)
    assert isinstance(made, Predictor)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept(experience: Experience) -> None:
    assert hasattr(fitted(CostOnly(), "content", lambda: experience, None), "interval_")


def test_the_longest_unused_are_removed(experience: Experience, tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        fitted(DatasetMean(), str(number), lambda: experience, tmp_path)
    assert len(list(tmp_path.iterdir())) == KEPT
    assert storage.FORMAT == "presage-predictor"
