"""Blur of an image, told by how much another blur would change it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LEVELS", "grey_of", "sharpness"]

LEVELS = 3
"""An image is looked at as it is, at half and at a quarter of its sides: noise over a blurred picture is gone there."""

_LEAST_SIDE = 8  # pixels of an image whose sharpness is measured
_LEAST_HALVED = 32  # pixels of the shorter side at half or a quarter
_WINDOW = 5  # pixels that the blur takes the mean of
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

Greys = npt.NDArray[np.float32]


def grey_of(image: npt.NDArray[np.uint8]) -> Greys:
    """(h, w, c) as (h, w), in 0 … 255, not rounded: the steps between levels look like edges where there are none."""
    values = image.astype(np.float32)
    grey: Greys = values @ _LUMA if values.shape[2] == 3 else values.mean(axis=2)
    return grey


def sharpness(grey: Greys) -> npt.NDArray[np.float64]:
    """(LEVELS,) share of the differences between neighbouring pixels of (h, w) that a blur takes away, in 0 … 1.

    A blurred image loses little of them by being blurred again (Crete et al., The blur effect, SPIE 2007: their
    measure is 1 less this). Unlike the energy of edges it hardly depends on what an image shows. NaN at a level
    where the image is too small, or of one colour.
    """
    found = np.full(LEVELS, np.nan)
    for level in range(LEVELS):
        side = min(grey.shape)
        if side < (_LEAST_HALVED if level else _LEAST_SIDE) or float(grey.std()) < 1.0:
            break
        found[level] = _lost(grey)
        h, w = (length // 2 * 2 for length in grey.shape)
        grey = grey[:h, :w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))
    return found


def _lost(grey: Greys) -> float:
    lost = total = 0.0
    for turned in (grey, grey.T):
        sums = np.cumsum(np.pad(turned, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
        blurred = (sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW
        around = _WINDOW // 2
        before = np.abs(np.diff(turned[around : around + len(blurred)], axis=0))
        after = np.abs(np.diff(blurred, axis=0))
        lost += float(np.maximum(before - after, 0).sum())
        total += float(before.sum())
    return lost / total if total else float("nan")
