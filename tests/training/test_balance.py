"""Balanced accuracy: by hand, and told where classes are unbalanced alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from presage.training.balance import balanced_accuracy, imbalance, is_unbalanced
from presage.training.datasets.image_dataset import ImageDataset


def test_it_is_the_mean_of_the_recalls_of_the_classes_there_are() -> None:
    labels, predicted = torch.tensor([0, 0, 0, 2]), torch.tensor([0, 0, 1, 2])
    assert balanced_accuracy(predicted, labels, 4) == pytest.approx((2 / 3 + 1) / 2)


def test_it_is_as_scikit_learn_has_it() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.multinomial(torch.tensor([8.0, 1.0, 1.0]), 200, replacement=True, generator=generator)
    predicted = torch.randint(0, 3, (200,), generator=generator)
    expected = balanced_accuracy_score(labels.numpy(), predicted.numpy())
    assert balanced_accuracy(predicted, labels, 3) == pytest.approx(expected)


@pytest.mark.parametrize(("counts", "told"), [((30, 20), True), ((29, 20), False), ((5, 0), False), ((6, 0, 4), True)])
def test_classes_are_unbalanced_from_one_and_a_half_times_on(counts: tuple[int, ...], told: bool) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    assert is_unbalanced(labels, len(counts)) is told


def test_a_class_without_a_test_image_is_said() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    train, test = np.repeat([0, 1, 2], 4), np.array([0, 0, 1])
    dataset = ImageDataset("d", images, train, images[:3], test, ("a", "b", "c"))
    assert imbalance(dataset) == ("No test image is of c: a test accuracy says nothing of it.",)
    assert imbalance(ImageDataset("d", images, train, images[:3], np.arange(3), ("a", "b", "c"))) == ()
