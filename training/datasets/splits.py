"""Which images train and which validate: fixed by a seed, stratified, the same on every platform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presage.errors import InvalidArgument
from presage.training.datasets.image_dataset import ImageDataset, refusal

__all__ = ["MOST_VALIDATION_IMAGES", "Split", "set_aside_test", "split", "stratified_order"]

MOST_VALIDATION_IMAGES = 2_000
TEST_FRACTION = 0.2
TEST_SEED = 0

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a dataset's training images; its test images take no part.

    Attributes:
        train: rows to train on, ascending, (n,) int64; every class at least once.
        validation: rows to validate on, ascending, (n,) int64; none of them in `train`.
        unvalidated: classes (labels) without an image to validate on: those with a single training image, or that the
            dataset's own validation images leave out.
        seed, validation_fraction, train_images: what was asked for.
    """

    train: Indices
    validation: Indices
    unvalidated: tuple[int, ...]
    seed: int
    validation_fraction: float
    train_images: int | None


def split(
    dataset: ImageDataset, *, seed: int = 0, validation_fraction: float = 0.2, train_images: int | None = None
) -> Split:
    """Set validation images aside, then take (at most `train_images` of) the rest to train on.

    A dataset's own validation images are those, all of them. Else both draws are stratified. Validation is drawn first,
    so that every `train_images` shares it; of two caps, the smaller one's training images are a subset of the larger
    one's.

    Args:
        dataset: only its training labels are read, and which of its images validate.
        seed: of the draw; not negative.
        validation_fraction: share of the training images to validate on, in (0, 1). The number is at most 2,000 and
            at least one for each class of 2 images or more. Of no effect where the dataset has its own.
        train_images: most images to train on; None: all that remain.

    Raises:
        InvalidArgument: a seed, fraction or cap out of range; a cap below the number of classes.
        InvalidDataset: no class has two training images, so nothing can be validated on.
    """
    k, n = len(dataset.classes), len(dataset.y_train)
    if seed < 0:
        raise InvalidArgument("seed", "split", "be at least 0", seed)
    if not 0.0 < validation_fraction < 1.0:
        raise InvalidArgument("validation_fraction", "split", "lie between 0 and 1", validation_fraction)
    if train_images is not None and train_images < k:
        rule = f"be at least the number of classes of `{dataset.name}`, {k}"
        raise InvalidArgument("train_images", "split", rule, train_images)
    if dataset.validation is not None:
        rest, validation = np.delete(np.arange(n), dataset.validation), dataset.validation
    elif np.bincount(dataset.y_train, minlength=k).max() < 2:
        raise refusal("classes", dataset.name, "include one of at least 2 training images, to validate on", "none")
    else:
        rest, validation = _hold_out(
            dataset.y_train, min(round(validation_fraction * n), MOST_VALIDATION_IMAGES), seed
        )  # fmt: skip
    if train_images is not None:
        rest = np.sort(rest[stratified_order(dataset.y_train[rest], seed + 1)[:train_images]])
    unvalidated = tuple(np.flatnonzero(np.bincount(dataset.y_train[validation], minlength=k) == 0).tolist())
    return Split(rest, validation, unvalidated, seed, validation_fraction, train_images)


def set_aside_test(labels: npt.NDArray[np.int64]) -> tuple[Indices, Indices]:
    """(rows to train on, rows to test on) for images that came without a test set: stratified 80/20, seed fixed.

    Args:
        labels: (n,) int64 in 0 … k-1. A class of one image is not tested.
    """
    return _hold_out(labels, round(TEST_FRACTION * len(labels)), TEST_SEED)


def _hold_out(labels: npt.NDArray[np.int64], wanted: int, seed: int) -> tuple[Indices, Indices]:
    """(rows kept, rows held out), ascending. Keeps an image of every class; holds out one of each class it can."""
    order = stratified_order(labels, seed)
    _, last = np.unique(labels[order][::-1], return_index=True)  # the last image of each class is never held out
    kept = np.zeros(len(labels), dtype=bool)
    kept[len(labels) - 1 - last] = True
    held = order[~kept][: max(wanted, int((np.bincount(labels) > 1).sum()))]
    rest = np.ones(len(labels), dtype=bool)
    rest[held] = False
    return np.flatnonzero(rest), np.sort(held)


def stratified_order(labels: npt.NDArray[np.int64], seed: int) -> Indices:
    """A seeded order of all rows of which every prefix is stratified.

    First one image of every class, in the order of the classes; then the i-th image of a class of m stands at
    (i + u) / m with u drawn per class from [0, 1). So a prefix of p images holds p·m/n of each class, give or take
    one or two, and prefixes nest.

    Args:
        labels: (n,) int64, not negative.
        seed: of PCG64, of whose raw output only is used: NumPy promises that it never changes.
    """
    n, k = len(labels), int(labels.max(initial=-1)) + 1
    raw = np.random.PCG64(seed).random_raw(n + k)
    offset = (raw[n:] >> np.uint64(11)).astype(np.float64) * 2.0**-53
    by_class = np.lexsort((raw[:n], labels))
    sizes = np.bincount(labels, minlength=k)
    grouped = labels[by_class]
    rank = np.arange(n) - (np.cumsum(sizes) - sizes)[grouped]
    place = np.where(rank == 0, -1.0, (rank + offset[grouped]) / np.maximum(sizes, 1)[grouped])
    return by_class[np.lexsort((grouped, place))].astype(np.int64)
