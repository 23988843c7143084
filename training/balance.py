"""Balanced accuracy: what accuracy is worth where some classes are rare. One rule says where it is told."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["UNBALANCED", "balanced_accuracy", "is_unbalanced"]

UNBALANCED = 1.5
"""Classes are unbalanced where the largest has at least so many times the training images of the smallest."""


def is_unbalanced(labels: Tensor, classes: int) -> bool:
    """Whether the balanced accuracy is told beside the accuracy, by the labels (n,) of the training images.

    A class without an image does not count. The draws of a recipe are stratified, so that all recipes agree but by
    rounding.
    """
    counts = torch.bincount(labels, minlength=classes)
    counts = counts[counts > 0]
    return len(counts) > 1 and bool(counts.max() >= UNBALANCED * counts.min())


def balanced_accuracy(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """Mean over the classes of the share of their images that were named rightly, in [0, 1] (Brodersen et al. 2010).

    A class without an image does not count.

    Args:
        predicted, labels: (n,).
    """
    counts = torch.bincount(labels, minlength=classes).double()
    right = torch.bincount(labels[predicted == labels], minlength=classes).double()
    return float((right[counts > 0] / counts[counts > 0]).mean())
