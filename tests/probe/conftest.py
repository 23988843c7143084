from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from presage.probe import ProbeRun, run_probe
from presage.training import ImageDataset

Maker = Callable[..., ImageDataset]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def make_patterns(
    *, n: int = 400, classes: int = 4, noise: float = 20.0, seed: int = 0, side: int = 16, random_labels: bool = False
) -> ImageDataset:
    """Each class is a coarse random pattern of grey; an image is its class's pattern and pixel noise."""
    draw = np.random.default_rng(seed)
    patterns = np.kron(draw.uniform(60, 200, (classes, 4, 4)), np.ones((side // 4, side // 4)))
    labels = np.arange(n) % classes
    pixels = patterns[labels] + draw.normal(0.0, noise, (n, side, side))
    images = pixels.clip(0, 255).astype(np.uint8)[..., None]
    shown = draw.permutation(labels) if random_labels else labels
    cut = n - 2 * classes
    names = tuple(f"pattern {label}" for label in range(classes))
    return ImageDataset("patterns", images[:cut], shown[:cut], images[cut:], shown[cut:], names)


@pytest.fixture(scope="session")
def patterns() -> Maker:
    return make_patterns


@pytest.fixture(scope="session")
def easy_run() -> ProbeRun:
    return run_probe(make_patterns(), seed=3, device="cpu")
