from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from presage.training.datasets.image_dataset import ImageDataset

FOLDER = Path(__file__).parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rivals() -> ModuleType:
    return script("rivals")


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return script("rival_models")


@pytest.fixture(scope="module")
def bars() -> ImageDataset:
    """Upright and level bars in noise."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 60, (120, 16, 16, 1)), np.arange(120) % 2
    for row, label in enumerate(y):
        at = rng.integers(2, 12)
        if label:
            x[row, :, at : at + 3] += 150
        else:
            x[row, at : at + 3] += 150
    pixels = x.astype(np.uint8)
    return ImageDataset("bars", pixels[:90], y[:90], pixels[90:], y[90:], ("level", "upright"))


def row(dataset: str, rival: str, test: float) -> dict[str, object]:
    return {"dataset": dataset, "budget": "10m", "rival": rival, "test": test, "cpu": 60.0}


def test_presage_is_compared_with_the_best_rival_of_each_dataset(rivals: ModuleType) -> None:
    rows = [row("a", "presage", 0.8), row("a", "ten_line", 0.7), row("a", "hog_svm", 0.75)]
    rows += [row("b", "presage", 0.5), row("b", "resnet18", 0.51)]
    told = rivals.report(rows, "10m")
    assert "+5.0" in told
    assert "-1.0" in told
    assert told.endswith("Best on 1 of 2, +2.0 points in the mean.")
    assert "Best on" not in rivals.report(rows[1:3], "10m")


@pytest.mark.parametrize(
    ("name", "flips"), [("flowers5", True), ("fashion_mnist", True), ("mnist", False), ("gtsrb", False)]
)
def test_rivals_are_mirrored_where_a_person_would(rivals: ModuleType, name: str, flips: bool) -> None:
    assert rivals.mirrored(name) is flips


def test_each_rival_learns_what_is_easy(models: ModuleType, bars: ImageDataset) -> None:
    assert models.hog_svm(bars).test > 0.9
    torch.set_num_threads(1)
    found = models.trained(bars, models.ten_line, 16, 3.0, mirrored=True)
    assert found.test > 0.9
    assert "16 px" in found.what
    assert "81 images, mirrored" in found.what


def test_a_part_of_an_epoch_is_trained_where_a_whole_one_takes_longer(models: ModuleType, bars: ImageDataset) -> None:
    torch.set_num_threads(1)
    found = models.trained(bars, models.ten_line, 16, 1e-9, mirrored=False)
    assert found.what == "16 px, 0.50 of an epoch, 81 images"


def test_the_ten_line_network_is_as_described(models: ModuleType) -> None:
    assert sum(weight.numel() for weight in models.ten_line(3, 10).parameters()) == 72_954
