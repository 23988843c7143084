"""The minibatch that proxies look at: training images alone, chosen by a seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from presage.errors import InvalidArgument
from presage.surrogate.proxies import Minibatch
from presage.training.data import DeviceData


def device_data(n: int = 40, classes: int = 4) -> DeviceData:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.integers(0, 256, (n, 1, 4, 4), np.uint8))
    y = torch.arange(n) % classes
    forbidden = torch.zeros(0, 1, 4, 4, dtype=torch.uint8)
    none = torch.zeros(0, dtype=torch.int64)
    rows = np.arange(n)
    return DeviceData(
        "made", "0" * 64, classes, x, y, forbidden, none, forbidden, none,
        torch.tensor([127.5]), torch.tensor([73.9]), rows, rows[:0],
    )  # fmt: skip


def test_a_minibatch_is_stratified_normalised_training_images() -> None:
    data = device_data()
    found = Minibatch.of(data, 12, seed=1)
    assert torch.bincount(found.labels).tolist() == [3, 3, 3, 3]
    assert torch.equal(Minibatch.of(data, 12, seed=1).images, found.images)
    assert not torch.equal(Minibatch.of(data, 12, seed=2).images, found.images)
    pixels = (found.images * 73.9 + 127.5).round().to(torch.uint8)
    assert all(any(torch.equal(image, other) for other in data.x_train) for image in pixels)
    assert len(Minibatch.of(data, 500).images) == 40


@pytest.mark.parametrize(
    ("images", "rule"), [(torch.zeros(1, 1, 2, 2), "b at least 2"), (torch.full((2, 1, 2, 2), math.nan), "be finite")]
)
def test_images_that_nothing_can_be_read_off_are_refused(images: torch.Tensor, rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        Minibatch(images, torch.zeros(len(images), dtype=torch.int64), 2)
