"""scikit-learn's hand-written digits: real images that need no download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    found = _table()
    x = np.rint(found[:, :64].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)  # (n, 8, 8, 1), from 0 … 16
    y = found[:, 64].astype(np.int64)
    train, test = set_aside_test(y)
    classes = tuple(str(digit) for digit in range(10))
    return ImageDataset(name, x[train], y[train], x[test], y[test], classes, test_given=False)


def _table() -> NDArray[np.float64]:
    """(1797, 65): 64 pixels and the label of each image.

    Read from the file that scikit-learn brings, without importing scikit-learn, which takes longer than a prediction;
    by its own reader where the file lies elsewhere.
    """
    spec = find_spec("sklearn")
    if spec is None:
        raise InvalidDataset("The dataset `digits` needs scikit-learn. Type `pip install scikit-learn`.")
    for folder in spec.submodule_search_locations or ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits as from_sklearn

    pixels, labels = from_sklearn(return_X_y=True)
    return np.column_stack([pixels, labels])
