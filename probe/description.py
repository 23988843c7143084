"""What a dataset looks like, in numbers cheap enough to compute for every one: no network, NumPy only, under 2 s."""

from __future__ import annotations

from math import log, log2

import numpy as np
import numpy.typing as npt

from presage.training.datasets.loading import ImageDataset
from presage.training.datasets.splits import stratified_order

__all__ = ["DESCRIPTION_NAMES", "describe"]

Floats = npt.NDArray[np.float64]

DESCRIPTION_NAMES = (
    "log_classes",  # natural logarithm of k
    "log_images",  # of all training images
    "log_images_per_class",  # of their mean over classes
    "log_smallest_class",  # of the images of the rarest class
    "imbalance",  # 1 - entropy of the class shares / log k; 0 = balanced
    "chance",  # share of the commonest class
    "channels",
    "log2_side",  # of the square root of h·w, in pixels
    "brightness",  # mean pixel, in [0, 1]
    "deviation",  # standard deviation over all pixels
    "contrast",  # mean over images of the standard deviation within the image
    "brightness_spread",  # standard deviation over images of their mean pixel
    "colour",  # mean absolute difference of a channel to the grey value
    "extreme_pixels",  # share of pixels that are 0 or 255
    "roughness",  # mean absolute step between neighbouring pixels / deviation
    "high_frequency",  # share of the spectral energy (without the mean) above half the highest frequency, per axis
    "log_effective_dimension",  # natural logarithm of (Σλ)² / Σλ² over the covariance's eigenvalues λ
    "first_component",  # share of the variance on the first principal component
    "between_class_variance",  # share of the pixel variance that class means explain
    "neighbour_distance",  # mean distance to the nearest image / mean distance to any image
    "nearest_mean_accuracy",  # of the class with the nearest mean image, on images left out
    "one_neighbour_accuracy",  # of 1-NN on pixels, on images left out
    "linear_accuracy",  # of ridge regression on pixels, on images left out
)
"""Names, in order, of what `describe` returns."""

SIDE = 16
REFERENCES = 1_500
QUERIES = 500
TEXTURED = 256  # images whose spectrum is taken


def describe(dataset: ImageDataset, *, seed: int = 0) -> dict[str, float]:
    """Describe the training images of `dataset` (never its test images) by `DESCRIPTION_NAMES`, all finite.

    Accuracies and variances come from at most 2,000 images, a stratified draw by `seed`, area-averaged to 16x16 pixels;
    three quarters are known to the classifiers, one quarter is asked. Counts come from all images.
    """
    n, h, w, channels = dataset.x_train.shape
    k = len(dataset.classes)
    counts = np.bincount(dataset.y_train, minlength=k).astype(np.float64)
    shares = counts[counts > 0] / n
    entropy = float(-(shares * np.log(shares)).sum())
    rows = stratified_order(dataset.y_train, seed)[: REFERENCES + QUERIES]
    images = dataset.x_train[rows]
    small = shrink(images, SIDE)  # (b, SIDE, SIDE, c), in [0, 1]
    pixels = small.reshape(len(small), -1)
    means = pixels.mean(axis=1)
    numbers = {
        "log_classes": log(k),
        "log_images": log(n),
        "log_images_per_class": log(n / k),
        "log_smallest_class": log(max(1.0, float(counts.min()))),
        "imbalance": max(0.0, 1.0 - entropy / log(k)),
        "chance": float(shares.max()),
        "channels": float(channels),
        "log2_side": log2((h * w) ** 0.5),
        "brightness": float(pixels.mean()),
        "deviation": float(pixels.std()),
        "contrast": float(pixels.std(axis=1).mean()),
        "brightness_spread": float(means.std()),
        "colour": float(np.abs(small - small.mean(axis=3, keepdims=True)).mean()),
        "extreme_pixels": float(((images == 0) | (images == 255)).mean()),
        **_texture(images[:TEXTURED].mean(axis=3)),
        **_geometry(pixels, dataset.y_train[rows], k),
    }
    return {name: float(numbers[name]) for name in DESCRIPTION_NAMES}


def shrink(images: npt.NDArray[np.uint8], side: int) -> Floats:
    """Images (b, h, w, c) averaged over a grid of side x side areas, as (b, side, side, c) in [0, 1].

    Areas overlap by a pixel where the side does not divide; a smaller image repeats its pixels.
    """
    return np.concatenate(
        [
            _averaged(_averaged(part / 255.0, side, 1), side, 2)
            for part in np.array_split(images, 1 + len(images) // 256)
        ]
    )


def _averaged(values: Floats, side: int, axis: int) -> Floats:
    size = values.shape[axis]
    start = np.arange(side) * size // side
    stop = np.maximum(start + 1, -(-(np.arange(side) + 1) * size // side))
    padding = [(0, 0)] * values.ndim
    padding[axis] = (1, 0)
    sums = np.pad(values.cumsum(axis=axis), padding)
    shape = [1] * values.ndim
    shape[axis] = side
    averaged: Floats = (sums.take(stop, axis=axis) - sums.take(start, axis=axis)) / (stop - start).reshape(shape)
    return averaged


def _texture(grey: Floats) -> dict[str, float]:
    """Roughness and spectrum of grey images (b, h, w)."""
    steps = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2) if grey.shape[axis] > 1]
    deviation = float(grey.std())
    energy = np.abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2  # (b, h, w)
    rows, columns = (np.abs(np.fft.fftfreq(size)) for size in grey.shape[1:])
    high = np.maximum(rows[:, None], columns[None, :]) > 0.25
    return {
        "roughness": float(np.mean(steps)) / deviation if steps and deviation > 0 else 0.0,
        "high_frequency": _ratio(float(energy[:, high].sum()), float(energy.sum())),
    }


def _geometry(pixels: Floats, labels: npt.NDArray[np.int64], k: int) -> dict[str, float]:
    """Dimension, class structure and the accuracy of three simple classifiers, from pixels (b, f) and labels (b,)."""
    centred = pixels - pixels.mean(axis=0)
    spectrum = np.linalg.eigvalsh(centred.T @ centred).clip(min=0.0)
    total = float(spectrum.sum())
    means, counts = _class_means(centred, labels, k)
    # Nothing is known of a class without a reference image, so a quarter is left out by position, in seeded order.
    known = len(pixels) - max(1, len(pixels) // 4)
    x, y, asked, truth = centred[:known], labels[:known], centred[known:], labels[known:]
    distances = _distances(asked, x)
    nearest = distances.argmin(axis=1)
    references, present = _class_means(x, y, k)
    to_means = _distances(asked, references)
    to_means[:, present == 0] = np.inf
    return {
        "log_effective_dimension": log(max(1.0, _ratio(total**2, float((spectrum**2).sum())))),
        "first_component": _ratio(float(spectrum[-1]), total),
        "between_class_variance": _ratio(float((counts[:, None] * means**2).sum()), total),
        "neighbour_distance": _ratio(float(distances.min(axis=1).mean()), float(distances.mean())),
        "nearest_mean_accuracy": float((to_means.argmin(axis=1) == truth).mean()),
        "one_neighbour_accuracy": float((y[nearest] == truth).mean()),
        "linear_accuracy": float((_ridge(x, y, asked, k).argmax(axis=1) == truth).mean()),
    }


def _class_means(x: Floats, y: npt.NDArray[np.int64], k: int) -> tuple[Floats, Floats]:
    """Mean of each class (k, f), zero where it has none, and images of each (k,)."""
    counts = np.bincount(y, minlength=k).astype(np.float64)
    sums = np.eye(k)[y].T @ x
    return sums / np.maximum(counts, 1.0)[:, None], counts


def _distances(a: Floats, b: Floats) -> Floats:
    """Euclidean distances (len(a), len(b))."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    distances: Floats = np.sqrt(squared.clip(min=0.0))
    return distances


def _ridge(x: Floats, y: npt.NDArray[np.int64], asked: Floats, k: int) -> Floats:
    """Scores (len(asked), k) of ridge regression on one-hot labels; the penalty is the mean variance."""
    bias = x.mean(axis=0)
    shifted = x - bias
    gram = shifted.T @ shifted
    penalty = np.trace(gram) / len(gram) + 1e-9
    targets = np.eye(k)[y]
    weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), shifted.T @ (targets - targets.mean(axis=0)))
    scores: Floats = (asked - bias) @ weights + targets.mean(axis=0)
    return scores


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
