"""Small datasets, recipes and networks for the training floor's tests."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from presage.training import DeviceData, ImageDataset, Recipe, prepare


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def stripes() -> ImageDataset:
    """Three classes that a small network can tell apart: bright bands at the top, in the middle, at the bottom."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    images = rng.integers(0, 90, (240, 12, 12, 1))
    for label in range(3):
        images[labels == label, 4 * label : 4 * label + 4] += 120
    pixels = images.astype(np.uint8)
    return ImageDataset("stripes", pixels[:180], labels[:180], pixels[180:], labels[180:], ("top", "middle", "bottom"))


@pytest.fixture(scope="session")
def brief() -> Recipe:
    return Recipe(
        epochs=3, batch=32, image_side=12, train_images=96, validation_images=36, least_epoch_images=96, shift=1
    )


@pytest.fixture(scope="session")
def data(stripes: ImageDataset, brief: Recipe) -> DeviceData:
    return prepare(stripes, brief, "cpu")


class Small(nn.Module):
    """A tapped module of two convolutions, with dropout so that its training is random."""

    prefixes = (0, 1)

    def __init__(self, channels: int = 1, classes: int = 3) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.ReLU())
        self.last = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.LazyLinear(classes))
        self.eval()(torch.zeros(1, channels, 12, 12))

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_with_taps(x, ())[0]

    def forward_with_taps(self, x: Tensor, taps: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
        first = self.first(x)
        second = self.second(first)
        return self.last(second), [(first, second)[tap] for tap in taps]


@pytest.fixture
def small() -> Small:
    torch.manual_seed(0)
    return Small()
