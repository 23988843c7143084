"""Which labels look wrong: every image judged by probe nets that were trained without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from presage.errors import Diverged
from presage.probe.net import ProbeNet
from presage.probe.noise import HeldOutImages, LabelNoise, suspect_labels
from presage.probe.protocol import PROBE_RECIPE
from presage.training.augment import resized
from presage.training.data import DeviceData
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import stratified_order
from presage.training.hardware import choose_device
from presage.training.loop import fixed_randomness, logits_of, train

__all__ = ["FOLDS", "judged_by_others", "suspected_labels"]

FOLDS, ROUNDS = 4, 3
"""Every image is judged by as many nets as there are rounds, each trained on all folds but its own."""

SHARE_OF_TYPICAL = 0.1
"""Means over several nets are less extreme than what one says: the bound is twice `presage.probe.noise`'s."""
MOST_TRAINED_ON = 8_000
"""Images that the net of a fold is trained on, at most."""

_ROWS_AT_ONCE = 4_096


def suspected_labels(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> LabelNoise:
    """Suspected wrong labels of all images, training images first, then test images; rows count through both.

    Confident learning (`presage.probe.noise.suspect_labels`) on predictions out of fold: `FOLDS` probe nets, each
    trained by the probe's recipe on the other folds, in `ROUNDS` of other folds and weights, averaged. Rare classes are
    not judged: where a class has fewer images than there are folds, a net may never have seen it.
    """
    judged = judged_by_others(dataset, seed=seed, device=device, on_progress=on_progress)
    found = suspect_labels(judged, share_of_typical=SHARE_OF_TYPICAL)
    counts = np.bincount(np.concatenate([dataset.y_train, dataset.y_test]), minlength=len(dataset.classes))
    known = tuple(one for one in found.suspects if counts[one.label] >= FOLDS)
    return LabelNoise(found.examined, known)


def judged_by_others(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> HeldOutImages:
    """Of every image, the mean probabilities by nets that were trained without it.

    Args:
        seed: of the folds, weights and batches.
        on_progress: called with (epochs done, epochs in all).
    """
    target, images = choose_device(device), _small(dataset)
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    each = FOLDS * PROBE_RECIPE.epochs
    total = np.zeros((len(labels), len(dataset.classes)))
    for turn in range(ROUNDS):
        told = partial(_told, on_progress, turn * each, ROUNDS * each)
        total += _judged(dataset, images, labels, seed + 100 * turn, target, told)
    return HeldOutImages(np.arange(len(labels)), labels, (total / ROUNDS).astype(np.float32))


def _told(on_progress: Callable[[int, int], None], before: int, of: int, done: int) -> None:
    on_progress(before + done, of)


def _judged(
    dataset: ImageDataset,
    images: torch.Tensor,
    labels: npt.NDArray[np.int64],
    seed: int,
    target: torch.device,
    on_progress: Callable[[int], None],
) -> npt.NDArray[np.float32]:
    """(n, k) probabilities of every image, by one net each."""
    fold = np.empty(len(labels), dtype=np.int64)
    fold[stratified_order(labels, seed)] = np.arange(len(labels)) % FOLDS
    probabilities = np.full((len(labels), len(dataset.classes)), 1 / len(dataset.classes), dtype=np.float32)
    for number in range(FOLDS):
        asked, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(asked) or len(others) < 2:
            continue
        if len(others) > MOST_TRAINED_ON:
            others = np.sort(others[stratified_order(labels[others], seed)[:MOST_TRAINED_ON]])
        data = _data(dataset, images, labels, others, asked, target)
        with fixed_randomness(seed + number, target):
            net = ProbeNet(data.input_shape[0], data.classes, PROBE_RECIPE.image_side)
        for done in _trained(net, data, seed + number, target):
            on_progress(number * PROBE_RECIPE.epochs + done)
        probabilities[asked] = logits_of(net, data.x_test, data).softmax(dim=1).cpu().numpy()
    return probabilities


def _trained(net: ProbeNet, data: DeviceData, seed: int, device: torch.device) -> Iterator[int]:
    """Train; yields the number of epochs done. What diverges stays as it is then."""
    try:
        for record in train(net, data, replace(PROBE_RECIPE, train_images=None), seed=seed, device=device):
            yield record.epoch + 1
    except Diverged:
        return


def _small(dataset: ImageDataset) -> torch.Tensor:
    """All images as uint8 (n, c, s, s), at the probe's side."""
    parts = []
    for images in (dataset.x_train, dataset.x_test):
        for start in range(0, len(images), _ROWS_AT_ONCE):
            part = torch.from_numpy(images[start : start + _ROWS_AT_ONCE].transpose(0, 3, 1, 2).copy())
            parts.append(resized(part, PROBE_RECIPE.image_side))
    return torch.cat(parts)


def _data(
    dataset: ImageDataset,
    images: torch.Tensor,
    labels: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
    device: torch.device,
) -> DeviceData:
    """`rows` to train on, a few of them to validate on (it decides nothing), and those `asked` about as test images."""
    y = torch.from_numpy(labels)
    x = images[rows]
    few = rows[:: max(1, len(rows) // 200)]
    values = x.double().transpose(0, 1).flatten(1)  # (c, n·s·s)
    return DeviceData(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        classes=len(dataset.classes),
        x_train=x.to(device),
        y_train=y[rows].to(device),
        x_validation=images[few].to(device),
        y_validation=y[few].to(device),
        x_test=images[asked].to(device),
        y_test=y[asked].to(device),
        mean=values.mean(dim=1).float().to(device),
        deviation=values.std(dim=1).clamp_min(1.0).float().to(device),
        train_images=rows,
        validation_images=few,
    )
