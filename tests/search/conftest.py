"""A dataset that a search learns in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from presage.training.datasets.image_dataset import ImageDataset


@pytest.fixture(scope="session")
def dataset() -> ImageDataset:
    """Two classes of 8×8 grey images that differ in brightness: any network learns them."""
    rng = np.random.default_rng(0)

    def images(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(n) % 2
        pixels = rng.integers(0, 120, (n, 8, 8, 1)) + 120 * labels[:, None, None, None]
        return pixels.astype(np.uint8), labels.astype(np.int64)

    return ImageDataset("blocks", *images(100), *images(20), classes=("dark", "bright"))
