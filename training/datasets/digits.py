"""scikit-learn's hand-written digits: real images that need no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from presage.errors import InvalidDataset
from presage.training.datasets.decoding import Progress
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import set_aside_test

__all__ = ["load_digits"]


def load_digits(
    name: str = "digits", *, skip_corrupt: bool = False, on_progress: Progress | None = None, cache: Path | None = None
) -> ImageDataset:
    """1,797 grey 8x8 images of ten classes (the test part of UCI's optdigits), split 80/20 by a fixed seed.

    Args:
        name, skip_corrupt, on_progress, cache: nothing to choose, skip, wait for or keep here.

    Raises:
        InvalidDataset: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits as from_sklearn
    except ImportError:
        raise InvalidDataset("The dataset `digits` needs scikit-learn. Type `pip install scikit-learn`.") from None
    found = from_sklearn()
    x = np.rint(np.asarray(found.images) * (255 / 16)).astype(np.uint8)[..., None]  # (n, 8, 8, 1), from 0 … 16
    y = np.asarray(found.target).astype(np.int64)
    train, test = set_aside_test(y)
    classes = tuple(str(digit) for digit in range(10))
    return ImageDataset(name, x[train], y[train], x[test], y[test], classes, test_given=False)
