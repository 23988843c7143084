"""Datasets of arrays in memory, without a test set of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from presage.training.datasets.dullness import with_dullness
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import set_aside_test

__all__ = ["dataset_of_arrays"]


def dataset_of_arrays(
    name: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], classes: Sequence[str]
) -> ImageDataset:
    """A dataset called `name`, of which a fifth is set aside as test set by a fixed seed.

    Args:
        images: (n, h, w, c) uint8.
        labels: (n,) int64 in 0 … k-1.
        classes: names of the k classes.

    Raises:
        InvalidDataset: what no network can learn from, such as a class of a single image.
    """
    train, test = set_aside_test(labels)
    x_train, x_test = images[train], images[test]
    dataset = ImageDataset(name, x_train, labels[train], x_test, labels[test], tuple(classes), test_given=False)
    return with_dullness(dataset)
