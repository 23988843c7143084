"""How long a training takes on this machine: a few steps of a few networks are timed, and the rest follows by its work.

On a machine that others use, too, single steps scatter by a factor of ten; a median of several is what to plan by, and
to be corrected by what trainings really took.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.training.data import DeviceData
from presage.training.fitting import fit
from presage.training.hardware import choose_device
from presage.training.loop import evaluate
from presage.training.recipe import Recipe

__all__ = ["Images", "Speed", "Timing", "fitted_speed", "timed"]

_STEPS, _EPOCHS = 2, 5  # steps an epoch, and epochs, of which the first warms up
_LEAST_SHARE = 0.5
_SCORED = 128  # images validated at once


@dataclass(frozen=True)
class Images:
    """How many images a training sees: `train` of the dataset before a recipe's cap, and those that are scored."""

    train: int
    validation: int
    test: int = 0

    def epoch(self, recipe: Recipe) -> int:
        """Images trained in one epoch: small training sets are passed over several times."""
        n = self.train if recipe.train_images is None else min(self.train, recipe.train_images)
        batch = min(recipe.batch, n)
        return math.ceil(recipe.least_epoch_images / n) * n // batch * batch


@dataclass(frozen=True)
class Timing:
    """What one network took, by one recipe.

    Attributes:
        work: of the network for one image: its multiply-adds, or what else tells a network's time from another's.
        image: seconds for each image trained.
        scored: seconds for each image scored.
    """

    work: float
    image: float
    scored: float

    def epoch(self, recipe: Recipe, images: Images) -> float:
        """Seconds of one epoch of this network, validated."""
        return self.image * images.epoch(recipe) + self.scored * images.validation


@dataclass(frozen=True)
class Speed:
    """Seconds of trainings on one machine, on images of one side.

    Attributes:
        image: for each image trained, whatever the network.
        each: beside it, for each unit of the network's work, as the timings told it.
        scored: share of those that scoring an image takes.
        start: seconds to build a network and begin.
    """

    image: float
    each: float
    scored: float = 1 / 3
    start: float = 0.5

    def epoch(self, recipe: Recipe, images: Images, work: float) -> float:
        """Seconds of one epoch, validated."""
        return self._image(work) * (images.epoch(recipe) + self.scored * images.validation)

    def seconds(self, recipe: Recipe, images: Images, work: float) -> float:
        """Seconds of a whole training."""
        test = self._image(work) * self.scored * images.test
        return self.start + recipe.epochs * self.epoch(recipe, images, work) + test

    def _image(self, work: float) -> float:
        return self.image + self.each * work


def fitted_speed(timings: Sequence[Timing]) -> Speed:
    """The speed that explains the timings best: least squares of relative errors, no term below zero.

    Whatever a network costs, an image takes at least half of what one took with the smallest: a line through a few
    scattered times may say that small networks are free, and they are not.
    """
    work = np.array([timing.work for timing in timings], float)
    seconds = np.array([timing.image for timing in timings], float)
    both = np.stack([np.ones_like(work), work], axis=1) / seconds[:, None]
    found, *_ = np.linalg.lstsq(both, np.ones_like(seconds), rcond=None)
    if min(found) < 0 or len(timings) < 2 or len(set(work)) < 2:  # one term alone: that which explains more
        alone = [float(column.sum() / (column**2).sum()) for column in both.T]
        errors = [float(((1 - column * each) ** 2).sum()) for column, each in zip(both.T, alone, strict=True)]
        found = np.array([0.0, alone[1]]) if errors[1] < errors[0] else np.array([alone[0], 0.0])
    least = _LEAST_SHARE * float(seconds.min())
    if len(timings) > 1 and found[0] < least:
        rest = (1 - least / seconds) / both[:, 1]
        found = np.array([least, max(float(np.median(rest)), 0.0)])
    share = statistics.median(timing.scored / timing.image for timing in timings)
    return Speed(float(found[0]), float(found[1]), min(max(share, 0.05), 1.0))


def timed(
    network: Architecture | nn.Module,
    shape: tuple[int, int, int],
    classes: int,
    recipe: Recipe,
    device: str = "auto",
    *,
    depth: bool = False,
) -> Timing | None:
    """Train a network for a few steps on noise, augmentation included, and score some; the medians.

    Args:
        network: of a module the multiply-adds are not known, and given as 0.
        shape: (c, s, s), images as the recipe sees them.
        depth: read the accuracy by depth, too, as a short-list's trainings do.

    Returns:
        None where it could not be trained: out of memory, or it diverged on noise.

    Raises:
        InvalidArchitecture: the network cannot take images of this shape.
    """
    data = _noise(shape, classes, recipe.batch * _STEPS, choose_device(device))
    short = replace(recipe, epochs=_EPOCHS, least_epoch_images=1, train_images=None)
    result = fit(network, data, short, test=False, depth=depth)
    if result.module is None or len(result.records) < _EPOCHS:
        return None
    scored = []
    for _ in range(3):
        began = time.perf_counter()
        evaluate(result.module, data.x_validation, data.y_validation, data, precision=result.precision)
        scored.append((time.perf_counter() - began) / _SCORED)
    scoring = statistics.median(scored)
    epoch = statistics.median(record.seconds for record in result.records[1:])
    trained = max(epoch - _SCORED * scoring, epoch / 4) / (recipe.batch * _STEPS)
    work = costs(network.canonical, shape, classes).multiply_adds if isinstance(network, Architecture) else 0
    return Timing(work, max(trained, 1e-9), scoring)


def _noise(shape: tuple[int, int, int], classes: int, images: int, device: torch.device) -> DeviceData:
    generator = torch.Generator().manual_seed(0)
    total = images + _SCORED
    x = torch.randint(0, 256, (total, *shape), generator=generator, dtype=torch.uint8).to(device)
    y = (torch.arange(total) % classes).to(device)
    return DeviceData(
        name="noise",
        fingerprint="0" * 64,
        classes=classes,
        x_train=x[:images],
        y_train=y[:images],
        x_validation=x[images:],
        y_validation=y[images:],
        x_test=x[:0],
        y_test=y[:0],
        mean=torch.full((shape[0],), 127.5).to(device),
        deviation=torch.full((shape[0],), 73.9).to(device),  # of noise that is uniform in 0 to 255
        train_images=np.arange(images),
        validation_images=np.arange(images, total),
    )
