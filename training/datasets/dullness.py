"""Datasets that hold next to nothing to see: all images alike, few levels, nearly one colour. Told before any probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from presage.training.datasets.image_dataset import ImageDataset

__all__ = ["FEWEST_LEVELS", "dullness", "with_dullness"]

FEWEST_LEVELS = 17
"""Levels of 0 … 255 that images hold unless they are warned about: scikit-learn's digits have so many."""

_NEARLY_ALL = 0.99  # of all pixels in one colour
_NEARLY = 3  # levels within which an image has one colour
_MOST_BLANK = 0.5  # of the images, each of one colour
_LOOKED_AT = 2_000  # images, evenly spread


def with_dullness(dataset: ImageDataset) -> ImageDataset:
    """The dataset, with what `dullness` says of its training images among its warnings."""
    said = dullness(dataset.x_train, dataset.name)
    return replace(dataset, warnings=(*dataset.warnings, *said)) if said else dataset


def dullness(images: npt.NDArray[np.uint8], owner: object) -> tuple[str, ...]:
    """A line where images (n, h, w, c) hold too little to learn from, judged by 2,000 of them; else none."""
    rows = np.unique(np.linspace(0, len(images) - 1, _LOOKED_AT).astype(np.int64))
    some = images if len(rows) == len(images) else images[rows]
    check = "Check how they were saved."
    if len(some) > 1 and (some == some[:1]).all():
        return (f"All images of `{owner}` are alike. {check}",)
    held = np.flatnonzero(np.bincount(some.ravel(), minlength=256))
    if len(held) < FEWEST_LEVELS:
        levels = f"{len(held)} levels, {held[0]} … {held[-1]} of 0 … 255" if len(held) > 1 else "1 level"
        return (f"The images of `{owner}` hold only {levels}. {check}",)
    share, colour = _commonest(some)
    if share >= _NEARLY_ALL:
        return (f"Of all pixels of `{owner}`, {share:.1%} have one colour ({colour}). {check}",)
    blank = float((np.ptp(some, axis=(1, 2)) <= _NEARLY).all(axis=1).mean())
    if blank >= _MOST_BLANK:
        return (f"Of the images of `{owner}`, {blank:.1%} are of one colour each. {check}",)
    return ()


def _commonest(images: npt.NDArray[np.uint8]) -> tuple[float, str]:
    """(share of the commonest colour among all pixels, that colour as text)."""
    pixels = images.reshape(-1, images.shape[3]).astype(np.int32)
    codes = pixels[:, 0] if pixels.shape[1] == 1 else (pixels[:, 0] << 16) | (pixels[:, 1] << 8) | pixels[:, 2]
    counts = np.bincount(codes)
    best = int(counts.argmax())
    colour = str(best) if pixels.shape[1] == 1 else f"{best >> 16}, {best >> 8 & 255}, {best & 255}"
    return float(counts[best] / len(codes)), colour
