"""Whether images may be mirrored, asked of a network that never saw a mirror image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from presage.training.data import prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.mirroring import SAFE_SHARE, Mirroring
from presage.training.mirroring import mirroring as asked
from presage.training.recipe import Recipe


class Brighter(nn.Module):
    """Names the half of an image that is brighter: left or right, or top or bottom."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        first, second = (half.mean(dim=(1, 2, 3)) for half in torch.chunk(x, 2, dim=self.axis))
        return torch.stack([first, second], dim=1)


def halves(axis: int) -> ImageDataset:
    """Images of which one half is bright; the class says which. Axis 1 is of rows, 2 of columns."""
    x, y = np.zeros((40, 8, 8, 1), np.uint8), np.arange(40) % 2
    for row, label in enumerate(y):
        part = slice(4 * label, 4 * label + 4)
        x[row, part, :] = 200 if axis == 1 else x[row, part, :]
        if axis == 2:
            x[row, :, part] = 200
    return ImageDataset("halves", x, y, x[:4], y[:4], ("first", "second"))


@pytest.mark.parametrize(("axis", "kept"), [(1, 1.0), (2, -1.0)])
def test_left_and_right_are_told_apart_from_top_and_bottom(axis: int, kept: float) -> None:
    data = prepare(halves(axis), Recipe(image_side=8, least_epoch_images=1), "cpu")
    found = asked([Brighter(axis + 1)], data)
    assert (found.accuracy, found.chance) == (1.0, 0.5)
    assert found.kept == pytest.approx(kept)
    assert found.safe is (kept >= SAFE_SHARE)


def test_a_network_that_has_learnt_nothing_has_nothing_to_say() -> None:
    assert not Mirroring(accuracy=0.53, mirrored=0.53, chance=0.5).safe


def test_few_images_are_given_the_benefit_of_their_doubt() -> None:
    cats_dogs = Mirroring(accuracy=0.7075, mirrored=0.685, chance=0.5, error=0.019)  # 58 of 400 named otherwise
    assert cats_dogs.kept < SAFE_SHARE
    assert cats_dogs.safe
    assert not Mirroring(accuracy=0.8, mirrored=0.5, chance=0.1, error=0.042).safe  # letters, 200 of them
    assert not Mirroring(accuracy=0.53, mirrored=0.52, chance=0.5, error=0.03).safe


def test_the_error_counts_images_that_are_named_rightly_one_way_only() -> None:
    data = prepare(halves(2), Recipe(image_side=8, least_epoch_images=1), "cpu")
    assert asked([Brighter(3)], data).error == pytest.approx(len(data.y_validation) ** -0.5)  # all of them


def test_the_mean_of_all_networks_counts() -> None:
    """What the best of ten loses on mirror images is partly the luck that made it the best."""
    data = prepare(halves(2), Recipe(image_side=8, least_epoch_images=1), "cpu")
    both = asked([Brighter(3), Brighter(2)], data)  # the second names half of them rightly, either way
    alone = asked([Brighter(3)], data)
    assert (both.networks, alone.networks) == (2, 1)
    assert both.accuracy == pytest.approx(0.75)
    assert both.mirrored == pytest.approx(0.25)
    assert both.error == pytest.approx(alone.error / 2)
    assert "the 2 networks of the short-list keep" in str(both)


def test_where_one_class_becomes_another_mirroring_is_not_safe() -> None:
    found = Mirroring(accuracy=0.9, mirrored=0.88, chance=0.1, worst_class=0.2)
    assert not found.safe
    assert "of one class 20%" in str(found)
    assert Mirroring.from_json(found.to_json()) == found
