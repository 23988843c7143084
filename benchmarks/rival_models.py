"""What a user would write in an hour instead: the rivals that `benchmarks/rivals.py` measures presage against.

Nothing here uses presage but to read pixels and to hold the same validation images out: that the rivals are what they
would be elsewhere. Each gives its accuracies on validation and test images; test images choose nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import split

__all__ = ["Scored", "hog_svm", "resnet18", "ten_line", "trained"]

_AT_ONCE = 250  # images that are classified
_BATCH = 64
_TIMED = 16  # steps


@dataclass(frozen=True)
class Scored:
    """Accuracies, processor seconds, and what was done in words."""

    validation: float
    test: float
    cpu: float
    what: str


@dataclass(frozen=True)
class _Images:
    """uint8 images (n, h, w, c) and labels (n,), in three parts."""

    train: tuple[NDArray[np.uint8], NDArray[np.int64]]
    validation: tuple[NDArray[np.uint8], NDArray[np.int64]]
    test: tuple[NDArray[np.uint8], NDArray[np.int64]]

    @classmethod
    def of(cls, dataset: ImageDataset) -> _Images:
        held = split(dataset, validation_fraction=0.1)
        return cls(
            (dataset.x_train[held.train], dataset.y_train[held.train]),
            (dataset.x_train[held.validation], dataset.y_train[held.validation]),
            (dataset.x_test, dataset.y_test),
        )


def ten_line(channels: int, classes: int, width: int = 16) -> nn.Module:
    """Six 3x3 convolutions with batch normalisation, pooled twice: 16-16-32-32-64-64."""

    def block(i: int, o: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *block(channels, width), *block(width, width), nn.MaxPool2d(2),
        *block(width, 2 * width), *block(2 * width, 2 * width), nn.MaxPool2d(2),
        *block(2 * width, 4 * width), *block(4 * width, 4 * width),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes),
    )  # fmt: skip


def resnet18(channels: int, classes: int) -> nn.Module:
    """torchvision's, from scratch; its first convolution takes as many channels as the images have."""
    from torchvision.models import resnet18 as build

    module: nn.Module = build(num_classes=classes)
    if channels != 3:
        module.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    return module


def trained(
    dataset: ImageDataset, build: Callable[[int, int], nn.Module], side: int, seconds: float, *, mirrored: bool
) -> Scored:
    """A network trained for so many processor seconds: AdamW, one cycle, label smoothing, shifts of 2 px in 32.

    As many whole epochs as fit, by what some steps took, and where not one does, as much of it. The steps that are
    timed are given for nothing.
    """
    images = _Images.of(dataset)
    x, y, mean, deviation = _tensors(*images.train, side)
    torch.manual_seed(0)
    net = _fresh(build, dataset)
    whole = -(-len(x) // _BATCH)
    one = _timed_step(net, x, y, mirrored) * whole
    epochs = max(1, int(seconds / one))
    part = min(max(int(seconds / one * whole), 1), whole)  # steps of an epoch
    torch.manual_seed(0)
    net = _fresh(build, dataset)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
    began = time.process_time()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=epochs * part + 1)
    for _ in range(epochs):
        _epoch(net, optimizer, schedule, x, y, mirrored, part)
    spent = time.process_time() - began
    scores = [_accuracy(net, *_tensors(*part, side, mean, deviation)[:2]) for part in (images.validation, images.test)]
    told = f"{epochs} epochs" if part == whole else f"{part / whole:.2f} of an epoch"
    return Scored(*scores, spent, f"{side} px, {told}, {len(x):,} images{', mirrored' if mirrored else ''}")


def _timed_step(net: nn.Module, x: Tensor, y: Tensor, mirrored: bool) -> float:
    """Processor seconds of a step; those before it, which are slower, do not count."""
    optimizer, steps = torch.optim.AdamW(net.parameters(), 1e-4), min(_TIMED, -(-len(x) // _BATCH))
    _epoch(net, optimizer, None, x, y, mirrored, steps)
    began = time.process_time()
    _epoch(net, optimizer, None, x, y, mirrored, steps)
    return (time.process_time() - began) / steps


def _fresh(build: Callable[[int, int], nn.Module], dataset: ImageDataset) -> nn.Module:
    return build(dataset.shape[0], len(dataset.classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None,
    x: Tensor,
    y: Tensor,
    mirrored: bool,
    steps: int,
) -> None:
    """So many steps, of an epoch at most."""
    net.train()
    side = x.shape[2]
    pad = max(side // 16, 1)
    for rows in torch.randperm(len(x)).split(_BATCH)[:steps]:
        if len(rows) < 2:  # batch normalisation needs two
            continue
        b = x[rows]
        if mirrored:
            b = torch.where(torch.rand(len(b), 1, 1, 1) < 0.5, b.flip(3), b)
        b = F.pad(b, (pad, pad, pad, pad), mode="replicate")
        top, left = torch.randint(0, 2 * pad + 1, (2,)).tolist()
        b = b[:, :, top : top + side, left : left + side].to(memory_format=torch.channels_last)
        F.cross_entropy(net(b), y[rows], label_smoothing=0.1).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if schedule is not None:
            schedule.step()


def _accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    net.eval()
    with torch.inference_mode():
        right = torch.cat([net(part).argmax(1) for part in x.split(_AT_ONCE)]) == y
    return float(right.double().mean())


def _tensors(
    x: NDArray[np.uint8], y: NDArray[np.int64], side: int, mean: Tensor | None = None, deviation: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalised images (n, c, side, side), labels, and what they were normalised by."""
    found = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).float().div(255)
    if found.shape[2:] != (side, side):
        found = F.interpolate(found, (side, side), mode="bilinear", antialias=True, align_corners=False)
    if mean is None or deviation is None:
        mean, deviation = found.mean((0, 2, 3), keepdim=True), found.std((0, 2, 3), keepdim=True)
    return (found - mean) / deviation, torch.from_numpy(y), mean, deviation


def hog_svm(dataset: ImageDataset) -> Scored:
    """Histograms of oriented gradients (Dalal & Triggs 2005) at 32 px and of colours, and a linear SVM of them.

    Validation chooses its C; what is scored is fitted to the validation images, too.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    images = _Images.of(dataset)
    began = time.process_time()
    x, validation, test = (_hog_and_colour(part[0]) for part in (images.train, images.validation, images.test))

    def fitted(c: float, x: NDArray[np.float64], y: NDArray[np.int64]) -> object:
        return make_pipeline(StandardScaler(), LinearSVC(C=c, dual="auto", max_iter=2000)).fit(x, y)

    def score(model: object, x: NDArray[np.float64], y: NDArray[np.int64]) -> float:
        return float((model.predict(x) == y).mean())  # type: ignore[attr-defined]

    found = {
        c: score(fitted(c, x, images.train[1]), validation, images.validation[1]) for c in (1e-4, 1e-3, 1e-2, 1e-1)
    }
    best = max(found, key=lambda c: found[c])
    both = fitted(best, np.concatenate([x, validation]), np.concatenate([images.train[1], images.validation[1]]))
    return Scored(found[best], score(both, test, images.test[1]), time.process_time() - began, f"C {best:g}")


def _hog_and_colour(x: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, f): 9 orientations in cells of 4 px, blocks of 2x2 cells normalised; 8 levels of each channel in quarters."""
    images = _tensors(x, np.zeros(len(x), np.int64), 32, torch.zeros(1), torch.ones(1))[0].numpy().astype(np.float64)
    n, c, side, _ = images.shape
    dy, dx = np.gradient(images, axis=(2, 3))
    strength = np.hypot(dx, dy)
    strongest = strength.argmax(axis=1)[:, None]
    strength = np.take_along_axis(strength, strongest, 1)[:, 0]
    angle = np.take_along_axis(np.arctan2(dy, dx), strongest, 1)[:, 0] % np.pi
    at = angle / np.pi * 9 - 0.5
    low = np.floor(at)
    share = at - low
    cells = np.zeros((n, 9, side // 4, side // 4))
    for orientation in range(9):
        votes = strength * ((low % 9 == orientation) * (1 - share) + ((low + 1) % 9 == orientation) * share)
        cells[:, orientation] = votes.reshape(n, side // 4, 4, side // 4, 4).sum(axis=(2, 4))
    blocks = np.stack([cells[:, :, i : i + side // 4 - 1, j : j + side // 4 - 1] for i in (0, 1) for j in (0, 1)], 1)
    blocks /= np.sqrt((blocks**2).sum(axis=(1, 2), keepdims=True) + 1e-3)
    levels = np.minimum((images * 8).astype(np.int64), 7)
    quarters = levels.reshape(n, c, 2, side // 2, 2, side // 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 4, -1)
    colours = np.stack([(quarters == level).mean(axis=3) for level in range(8)], axis=3)
    return np.concatenate([np.clip(blocks, 0, 0.2).reshape(n, -1), np.sqrt(colours).reshape(n, -1)], axis=1)
