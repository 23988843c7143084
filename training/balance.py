"""Balanced accuracy: what accuracy is worth where some classes are rare. One rule says where it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a command that only predicts warns of imbalance too, and does without torch
    from torch import Tensor

    from presage.training.datasets.image_dataset import ImageDataset

__all__ = ["UNBALANCED", "balanced_accuracy", "imbalance", "is_unbalanced"]

UNBALANCED = 1.5
"""Classes are unbalanced where the largest has at least so many times the training images of the smallest."""

_MOST_NAMED = 3


def is_unbalanced(labels: Tensor, classes: int) -> bool:
    """Whether the balanced accuracy is told beside the accuracy, by the labels (n,) of the training images.

    A class without an image does not count. The draws of a recipe are stratified, so that all recipes agree but by
    rounding.
    """
    return _unequal(labels.bincount(minlength=classes).cpu().numpy())


def imbalance(dataset: ImageDataset) -> tuple[str, ...]:
    """A line where the classes of a dataset are unbalanced, with what to do, and one where some have no test image."""
    counts = np.bincount(dataset.y_train, minlength=len(dataset.classes))
    return (*_unbalanced(dataset, counts), *_untested(dataset))


def _untested(dataset: ImageDataset) -> tuple[str, ...]:
    tested = np.bincount(dataset.y_test, minlength=len(dataset.classes))
    missing = [name for name, count in zip(dataset.classes, tested, strict=True) if not count]
    if not missing:
        return ()
    shown = ", ".join(missing[:_MOST_NAMED]) + (", …" if len(missing) > _MOST_NAMED else "")
    return (f"No test image is of {shown}: a test accuracy says nothing of {'it' if len(missing) == 1 else 'them'}.",)


def _unbalanced(dataset: ImageDataset, counts: NDArray[np.int64]) -> tuple[str, ...]:
    if not _unequal(counts):
        return ()
    most, least = int(counts.argmax()), int(counts.argmin())
    held = f"{counts[most]:,} training images of {dataset.classes[most]}, {counts[least]:,} of {dataset.classes[least]}"
    advice = "Look at the balanced accuracy; `--set class_weights=true` weighs rare classes more."
    return (f"Classes are unbalanced: {held} ({counts[most] / counts[least]:.1f} times). {advice}",)


def balanced_accuracy(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """Mean over the classes of the share of their images that were named rightly, in [0, 1] (Brodersen et al. 2010).

    A class without an image does not count.

    Args:
        predicted, labels: (n,).
    """
    counts = labels.bincount(minlength=classes).double()
    right = labels[predicted == labels].bincount(minlength=classes).double()
    return float((right[counts > 0] / counts[counts > 0]).mean())


def _unequal(counts: NDArray[np.int64]) -> bool:
    there = counts[counts > 0]
    return len(there) > 1 and bool(there.max() >= UNBALANCED * there.min())
