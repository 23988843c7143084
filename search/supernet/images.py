"""`DividedImages`: the training images in two parts, one for the shared weights, one for the choice of architecture."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from presage.errors import InvalidArgument
from presage.training.augment import augmented, normalised
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

__all__ = ["DividedImages"]

Batch = tuple[Tensor, Tensor]


class DividedImages:
    """Weights learn from one part of the training images, the architecture from the other; the validation images stay
    for scoring.

    Every batch follows from the seed, the epoch and its number, so that a resumed run sees what it would have seen.

    Args:
        share: of the training images held out for the architecture.
    """

    def __init__(self, data: DeviceData, recipe: Recipe, share: float, seed: int) -> None:
        n = len(data.x_train)
        held = round(share * n)
        if not 1 <= held < n:
            raise InvalidArgument("train_images", "supernet", "leave images for both weights and architecture", n)
        self.data, self.recipe, self.seed = data, recipe, seed
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        self.for_weights, self.for_choice = order[held:].to(data.device), order[:held].to(data.device)
        self.batch = min(recipe.batch, len(self.for_weights), len(self.for_choice))
        seen = max(len(self.for_weights), round(recipe.least_epoch_images * (1 - share)))
        self.steps = max(seen // self.batch, 1)

    def weight_batches(self, epoch: int) -> Iterator[Batch]:
        """`steps` augmented batches (b, c, s, s) and labels (b,) for the weights."""
        return self._batches(self.for_weights, self.steps, (self.seed, epoch, 0))

    def choice_batches(self, epoch: int, number: int | None = None) -> Iterator[Batch]:
        """As many batches (or `number`) for the architecture."""
        return self._batches(self.for_choice, self.steps if number is None else number, (self.seed, epoch, 1))

    def validation_batches(self, size: int = 250) -> Iterator[Batch]:
        """All validation images as they are, in batches of about one size, in an order of their own: batches normalise
        themselves, and a dataset sorted by class would make batches of one class."""
        n = len(self.data.x_validation)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(self.seed)).to(self.data.device)
        for rows in torch.tensor_split(order, math.ceil(n / size)):
            yield self._ready(self.data.x_validation[rows], self.data.y_validation[rows])

    def _ready(self, images: Tensor, labels: Tensor) -> Batch:
        """Normalised; an image alone is doubled, for no batch of one can be normalised by its own statistics."""
        if len(images) == 1:
            images, labels = images.repeat(2, 1, 1, 1), labels.repeat(2)
        return normalised(images, self.data.mean, self.data.deviation), labels

    def _batches(self, rows: Tensor, steps: int, key: tuple[int, int, int]) -> Iterator[Batch]:
        data, recipe = self.data, self.recipe
        number = sum(part * factor for part, factor in zip(key, (1_000_003, 4, 1), strict=True))
        order = torch.Generator().manual_seed(number)
        noise = torch.Generator(data.device).manual_seed(number)
        passes = math.ceil(steps * self.batch / len(rows))
        drawn = torch.cat([torch.randperm(len(rows), generator=order) for _ in range(passes)]).to(data.device)
        for at in torch.split(drawn[: steps * self.batch], self.batch):
            images = augmented(data.x_train[rows[at]], shift=recipe.largest_shift, flip=recipe.flip, generator=noise)
            yield self._ready(images, data.y_train[rows[at]])
