"""A dataset made ready for a recipe: split, resized, and on the device as uint8."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.errors import InvalidArgument
from presage.training.augment import resized
from presage.training.datasets.loading import ImageDataset
from presage.training.datasets.splits import Split, split, stratified_order
from presage.training.hardware import choose_device
from presage.training.recipe import AUTO, Recipe

__all__ = ["DeviceData", "prepare", "rows_for_test"]

_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, eq=False)
class DeviceData:
    """Images (uint8, (n, c, s, s)) and labels (int64, (n,)) on one device, and what normalises them.

    Attributes:
        name, fingerprint: of the dataset that this was made from.
        mean, deviation: (c,) float32, of the training images, in units of 0 to 255.
        classes: number of classes, k.
        train_images, validation_images: indices, into the dataset's training set, of the images used.
    """

    name: str
    fingerprint: str
    classes: int
    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor
    mean: Tensor
    deviation: Tensor
    train_images: NDArray[np.int64]
    validation_images: NDArray[np.int64]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(c, s, s)``: what networks take."""
        _, c, h, w = self.x_train.shape
        return (c, h, w)

    @property
    def device(self) -> torch.device:
        return self.x_train.device

    def to(self, device: torch.device) -> DeviceData:
        """The same data on another device."""
        return replace(
            self,
            x_train=self.x_train.to(device),
            y_train=self.y_train.to(device),
            x_validation=self.x_validation.to(device),
            y_validation=self.y_validation.to(device),
            x_test=self.x_test.to(device),
            y_test=self.y_test.to(device),
            mean=self.mean.to(device),
            deviation=self.deviation.to(device),
        )


def prepare(dataset: ImageDataset, recipe: Recipe, device: str | torch.device = "auto") -> DeviceData:
    """Divide, resize and move `dataset` as `recipe` says. Test images are only stored, never looked at.

    Raises:
        InvalidArgument: the recipe's side is still `auto`.
    """
    if recipe.image_side == AUTO:
        rule = "be a number: `presage.training.resolving.resolved` tells it from the images"
        raise InvalidArgument("image_side", "prepare", rule, "auto")
    target = choose_device(device)
    division = _divided(dataset, recipe)
    validation = _capped(division.validation, dataset.y_train, recipe.validation_images, recipe.split_seed)
    test = rows_for_test(dataset, recipe)
    x_train = _images(dataset.x_train, division.train, recipe.image_side)
    mean, deviation = _statistics(x_train)
    return DeviceData(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        classes=len(dataset.classes),
        x_train=x_train.to(target),
        y_train=_labels(dataset.y_train[division.train]).to(target),
        x_validation=_images(dataset.x_train, validation, recipe.image_side).to(target),
        y_validation=_labels(dataset.y_train[validation]).to(target),
        x_test=_images(dataset.x_test, test, recipe.image_side).to(target),
        y_test=_labels(dataset.y_test[test]).to(target),
        mean=mean.to(target),
        deviation=deviation.to(target),
        train_images=division.train,
        validation_images=validation,
    )


def rows_for_test(dataset: ImageDataset, recipe: Recipe) -> NDArray[np.int64]:
    """The rows of the dataset's test images that a recipe scores, (n,), ascending."""
    return _capped(np.arange(len(dataset.y_test)), dataset.y_test, recipe.test_images, recipe.split_seed)


def images_for_validation(dataset: ImageDataset, recipe: Recipe) -> int:
    """How many images a recipe validates on."""
    return min(len(_divided(dataset, recipe).validation), recipe.validation_images)


def _divided(dataset: ImageDataset, recipe: Recipe) -> Split:
    return split(
        dataset,
        seed=recipe.split_seed,
        validation_fraction=recipe.validation_fraction,
        train_images=recipe.train_images,
    )


def _capped(rows: NDArray[np.int64], labels: NDArray[np.int64], most: int | None, seed: int) -> NDArray[np.int64]:
    """At most `most` of `rows`, stratified by `labels` (of all rows), ascending."""
    if most is None or len(rows) <= most:
        return rows
    return np.sort(rows[stratified_order(labels[rows], seed)[:most]])


def _images(images: NDArray[np.uint8], rows: NDArray[np.int64], side: int) -> Tensor:
    """`rows` (n,) of uint8 (m, h, w, c) → uint8 (n, c, side, side), some at a time: copies of all would not fit."""
    out = torch.empty((len(rows), images.shape[3], side, side), dtype=torch.uint8)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = images[rows[start : start + _ROWS_AT_ONCE]]
        out[start : start + len(part)] = resized(torch.from_numpy(part.transpose(0, 3, 1, 2).copy()), side)
    return out


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (at least 1) of each channel, (c,) float32: summed in whole numbers, so exact and small.

    Args:
        images: uint8 (n, c, h, w).
    """
    n, c, h, w = images.shape
    count = n * h * w
    total, squares = torch.zeros(c, dtype=torch.int64), torch.zeros(c, dtype=torch.int64)
    for part in torch.split(images, 2048):
        wide = part.long()
        total += wide.sum(dim=(0, 2, 3))
        squares += (wide * wide).sum(dim=(0, 2, 3))
    spread = [
        (count * int(square) - int(s) ** 2) / (count * max(count - 1, 1))
        for s, square in zip(total, squares, strict=True)
    ]
    return (total.double() / count).float(), torch.tensor(spread, dtype=torch.float64).sqrt().clamp_min(1.0).float()


def _labels(labels: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64))
