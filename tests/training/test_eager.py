"""A training loads no compiler, which it has no use for."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from presage.training.eager import take_step

TRAINING = """
import sys
import numpy as np
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.training import ImageDataset, Recipe, prepare
from presage.training.loop import train

pixels = np.zeros((40, 8, 8, 1), np.uint8)
dataset = ImageDataset("dark", pixels, np.arange(40) % 2, pixels[:2], np.arange(2), classes=("a", "b"))
recipe = Recipe(epochs=2, batch=8, train_images=20, validation_images=10, image_side=8, optimizer=OPTIMIZER)
space = get_space("nb201")
network = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0]))
list(train(build(network, (1, 8, 8), 2), prepare(dataset, recipe, "cpu"), recipe, seed=0))
assert "torch._dynamo" not in sys.modules
"""


def test_a_training_does_not_load_the_compiler() -> None:
    for optimizer in ("adamw", "sgd"):
        script = TRAINING.replace("OPTIMIZER", repr(optimizer))
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (torch.optim.AdamW, {"betas": (0.9, 0.99), "weight_decay": 0.1, "fused": True}),
        (torch.optim.Adam, {"maximize": True}),
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
    ],
)
def test_a_step_is_the_optimizer_s_own_to_the_last_bit(kind: type, settings: dict) -> None:
    weights = []
    for how in (take_step, lambda optimizer: optimizer.step()):
        torch.manual_seed(0)
        weight = torch.randn(7, 3, requires_grad=True)
        optimizer = kind([weight], lr=0.1, **settings)
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            (weight.sin() ** 2).sum().backward()
            how(optimizer)
        assert weight.requires_grad
        weights.append(weight.detach().clone())
    assert torch.equal(*weights)
