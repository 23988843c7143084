"""The few images of the user's dataset that zero-cost proxies look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from presage.errors import InvalidArgument
from presage.training.augment import normalised
from presage.training.datasets.splits import stratified_order

if TYPE_CHECKING:
    from presage.training.data import DeviceData

__all__ = ["BATCH", "Minibatch"]

BATCH = 64
"""Images in a minibatch by default: what the papers use (64 to 128), and a few milliseconds a network."""


@dataclass(frozen=True, eq=False)
class Minibatch:
    """b normalised images and their labels.

    Attributes:
        images: (b, c, h, w) float32, b at least 2.
        labels: (b,) int64.
        classes: number of classes, k.
    """

    images: Tensor
    labels: Tensor
    classes: int

    def __post_init__(self) -> None:
        if self.images.dim() != 4 or len(self.images) < 2:
            raise InvalidArgument("images", "Minibatch", "be (b, c, h, w), b at least 2", tuple(self.images.shape))
        if self.labels.shape != self.images.shape[:1]:
            raise InvalidArgument("labels", "Minibatch", "be one for each image", tuple(self.labels.shape))
        if not torch.isfinite(self.images).all():
            raise InvalidArgument("images", "Minibatch", "be finite", "NaN or infinity")
        if self.labels.min() < 0 or self.labels.max() >= self.classes:
            raise InvalidArgument("labels", "Minibatch", f"be from 0 to {self.classes - 1}", self.labels.tolist())

    @classmethod
    def of(cls, data: DeviceData, size: int = BATCH, seed: int = 0) -> Minibatch:
        """Training images chosen by `seed`, classes as frequent as in the training set; all if there are fewer.

        Validation and test images are never looked at.
        """
        if size < 2:
            raise InvalidArgument("size", "Minibatch.of", "be at least 2", size)
        chosen = torch.from_numpy(stratified_order(data.y_train.cpu().numpy(), seed)[:size])
        return cls(normalised(data.x_train[chosen], data.mean, data.deviation), data.y_train[chosen], data.classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one image."""
        _, c, h, w = self.images.shape
        return (c, h, w)

    def parts(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels, so many at a time."""
        yield from zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)

    def to(self, device: torch.device) -> Minibatch:
        """The same images on another device."""
        return Minibatch(self.images.to(device), self.labels.to(device), self.classes)
