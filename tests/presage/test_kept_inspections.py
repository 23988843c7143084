"""What an inspection found is kept beside the database, and looked up by everything that it looks at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presage.probe.inspection import inspect as checking
from presage.steps import kept_inspections
from presage.steps.inspecting import inspect
from presage.steps.kept_inspections import KeptInspections, inspection_key
from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.loading import load_dataset


@pytest.fixture
def dataset() -> ImageDataset:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 12, 12, 1), dtype=np.uint8)
    x[7] = x[30]
    return dataset_of_arrays("noise", x, np.arange(60) % 3, ["a", "b", "c"])


def test_a_second_inspection_of_the_same_looks_at_nothing(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inspect(dataset, kept=tmp_path / "kept")
    monkeypatch.setattr(checking, "inspect_dataset", None)  # would be called
    assert inspect(dataset, kept=tmp_path / "kept") == first
    renamed = inspect(replace(dataset, name="other"), kept=tmp_path / "kept")
    assert renamed == replace(first, name="other")
    with pytest.raises(TypeError):
        inspect(dataset, seed=1, kept=tmp_path / "kept")


def test_another_version_seed_label_or_name_of_a_class_is_another_key(
    dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = dataset.y_train.copy()
    labels[0] = (labels[0] + 1) % 3
    keys = {
        inspection_key(dataset, 0),
        inspection_key(dataset, 1),
        inspection_key(replace(dataset, y_train=labels), 0),
        inspection_key(replace(dataset, classes=("a", "b", "d")), 0),
    }
    monkeypatch.setattr(checking, "VERSION", checking.VERSION + 1)
    assert len(keys | {inspection_key(dataset, 0)}) == 5


def test_files_that_changed_are_inspected_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(path)
    dataset = load_dataset(tmp_path / "photos")
    assert inspection_key(dataset, 0) is None  # written just now
    monkeypatch.setattr(kept_inspections, "_SETTLED_SECONDS", 0.0)
    before = inspection_key(dataset, 0)
    assert before is not None
    assert inspection_key(dataset, 0) == before
    (tmp_path / "photos" / "a" / "0.png").touch()
    assert inspection_key(dataset, 0) not in (before, None)
    (tmp_path / "photos" / "a" / "0.png").unlink()
    assert inspection_key(dataset, 0) is None


def test_what_is_damaged_is_found_anew_and_the_oldest_go(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inspect(dataset, kept=tmp_path)
    (path,) = tmp_path.glob("*.json")
    path.write_text('{"issues": 3}', encoding="utf-8")
    assert inspect(dataset, kept=tmp_path) == first
    monkeypatch.setattr(kept_inspections, "MOST_KEPT", 2)
    store = KeptInspections(tmp_path)
    for key in ("b", "c"):
        store.keep(key, first)
    assert {found.stem for found in tmp_path.glob("*.json")} == {"b", "c"}


def test_where_nothing_can_be_written_the_inspection_is_told_all_the_same(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert inspect(dataset, kept=tmp_path / "file").of("duplicate") or inspect(dataset).of("leaked")
