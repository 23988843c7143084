"""The text beside an exported network is Python that runs, on images of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.search.run.export import copy_network, load_network, save_architecture, save_weights
from presage.training.augment import resized

SHAPE, CLASSES = (1, 16, 16), ["zero", "one", "two"]


@pytest.fixture
def best(tmp_path: Path) -> Path:
    space = get_space("chain")
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0])).canonical
    torch.manual_seed(0)
    binding = {"input_shape": SHAPE, "classes": CLASSES, "mean": [100.0], "deviation": [50.0]}
    save_architecture(tmp_path / "network", architecture, binding)
    save_weights(tmp_path / "network", build(architecture, SHAPE, len(CLASSES)))
    copy_network(tmp_path / "network", tmp_path / "best")
    return tmp_path / "best"


@pytest.mark.parametrize("side", [8, 16, 40])
def test_the_readme_runs_and_resizes_as_the_training_does(
    best: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    monkeypatch.chdir(best.parent)
    images = torch.randint(0, 256, (5, 1, side, side + (side > 16)), dtype=torch.uint8)
    names = {"images": images}
    exec(compile((best / "README.txt").read_text(), "README.txt", "exec"), names)  # as a user would
    network = load_network(best)
    with torch.no_grad():
        expected = network((resized(images, 16).float() - network.mean) / network.deviation)
    torch.testing.assert_close(names["logits"], expected)
    assert names["names"] == [CLASSES[row] for row in expected.argmax(dim=1)]
