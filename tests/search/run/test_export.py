"""The best network of a search, published: the lines that say how to use it run, and old folders are understood."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.search.result import Chosen, Verified
from presage.search.run.export import how_to_use, load_network, publish
from presage.training import Recipe
from presage.training.augment import resized
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.model.folder import load_model, save_model
from presage.training.model.trained import TrainedModel

SHAPE, CLASSES = (1, 16, 16), ("zero", "one", "two")
RECIPE = Recipe(epochs=3)


@pytest.fixture
def dataset() -> ImageDataset:
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 1), dtype=np.uint8)
    return ImageDataset("figures", images, np.arange(12) % 3, images, np.arange(12) % 3, CLASSES)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A folder as verification leaves it."""
    space = get_space("chain")
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0])).canonical
    torch.manual_seed(0)
    module = build(architecture, SHAPE, len(CLASSES)).eval()
    model = TrainedModel(architecture, module, CLASSES, SHAPE, (100.0,), (50.0,), "figures", 28, RECIPE, 0.75, 0.5)
    save_model(model, tmp_path / "network", program=False)
    return tmp_path / "network"


@pytest.fixture
def best(network: Path, dataset: ImageDataset) -> Path:
    publish(network, network.parent / "best", verified(network), dataset, RECIPE)
    return network.parent / "best"


def verified(network: Path) -> Verified:
    key = load_model(network).architecture.hash
    chosen = Chosen(key, {}, "short-list", 1, 10, 20, 30, "2026-01-01T00:00:00.000000+00:00")
    row = {"status": "finished", "accuracy": 0.75, "test_accuracy": 0.5, "curve": [0.75], "seconds": 1.0}
    return Verified.of(chosen, row | {"failure": None}, reused=False)


@pytest.mark.parametrize("side", [8, 16, 40])
def test_the_lines_beside_it_run_and_resize_as_the_training_does(
    best: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    monkeypatch.chdir(best.parent)
    from PIL import Image

    for name in ("a.jpg", "b.png"):
        Image.new("L", (30, 30), 90).save(name)
    images = torch.randint(0, 256, (5, 1, side, side + (side > 16)), dtype=torch.uint8)
    names = {"images": images}
    exec(compile(how_to_use(best), "how to use", "exec"), names)  # as a user would
    module = load_network(best)
    with torch.no_grad():
        expected = module((resized(images, 16).float() - module.mean) / module.deviation)
    torch.testing.assert_close(names["logits"], expected, atol=1e-5, rtol=1e-5)
    assert len(names["names"]) == 2
    assert set(names["names"]) <= set(CLASSES)


def test_it_keeps_what_is_known_of_the_network(best: Path) -> None:
    model = load_model(best)
    assert (model.recipe, model.accuracy, model.test_accuracy, model.stored_side) == (RECIPE, 0.75, 0.5, 28)
    assert "16 px, up to 2,000 images, 3 epochs" in (best / "README.md").read_text(encoding="utf-8")


def test_a_network_that_is_there_already_is_not_exported_again(
    network: Path, best: Path, dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.training.model.folder.save_model", lambda *_, **__: pytest.fail("exported again"))
    publish(network, best, verified(network), dataset, RECIPE)


def test_a_network_that_an_earlier_version_trained_is_published_with_what_the_run_knows(
    network: Path, dataset: ImageDataset
) -> None:
    described = json.loads((network / "architecture.json").read_text(encoding="utf-8"))
    kept = ("format", "version", "architecture", "input_shape", "classes", "mean", "deviation")
    (network / "architecture.json").write_text(json.dumps({name: described[name] for name in kept}))
    publish(network, network.parent / "best", verified(network), dataset, RECIPE)
    model = load_model(network.parent / "best")
    assert (model.recipe, model.accuracy, model.test_accuracy) == (RECIPE, 0.75, 0.5)
    assert (model.dataset, model.stored_side) == ("figures", 28)


def test_a_network_that_torch_cannot_export_is_published_without_a_program(
    network: Path, dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr("presage.training.model.folder.export_program", fails)
    with pytest.warns(UserWarning, match="no such operator"):
        publish(network, network.parent / "best", verified(network), dataset, RECIPE)
    assert "torch.export" not in how_to_use(network.parent / "best")
    assert load_model(network.parent / "best").predict(dataset.x_test[:2])
