"""What can be measured of one image: one colour, blur, and of its file size and proportions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["odd_aspects", "odd_sizes", "one_colour_share", "tiny", "unusually_low"]

NEARLY = 3
"""Levels of 0 … 255 from the commonest value within which a pixel has its colour."""

ONE_COLOUR = 0.99
"""Share of pixels of nearly one colour from which an image has one colour."""

LEAST_SIZE_RATIO = 4.0
LEAST_ASPECT_RATIO = 2.0
LEAST_BLUR_RATIO = 1.6
"""How far from the usual an image is at least that is odd: times the pixels, times the aspect, times less sharp."""

SPREADS = 5.0
"""… and so many robust standard deviations (1.4826 times the median deviation from the median), of the logarithms."""

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def one_colour_share(image: npt.NDArray[np.uint8]) -> float:
    """Share of the pixels of (h, w, c) that are within `NEARLY` levels of the median colour in every channel."""
    pixels = image.reshape(-1, image.shape[2]).astype(np.int16)
    middle = np.median(pixels, axis=0)
    return float((np.abs(pixels - middle) <= NEARLY).all(axis=1).mean())


def unusually_low(sharp: Floats) -> tuple[Rows, Floats]:
    """Rows whose sharpness (n, levels) is far below the usual at some level, the least sharp first.

    Returns:
        The rows, and for each (its own, the usual) at the level where it is farthest below.
    """
    below = np.zeros(sharp.shape)
    usual = np.zeros(sharp.shape[1])
    for level, values in enumerate(sharp.T):
        known = np.flatnonzero(np.isfinite(values))
        if 2 * len(known) > len(values):  # of the larger images alone nothing is usual
            usual[level] = np.median(values[known])
            below[known, level] = -_deviation(np.log2(np.maximum(values[known], 1e-6)), LEAST_BLUR_RATIO)
    rows = _order(below.max(axis=1, initial=0.0))
    levels = below[rows].argmax(axis=1)
    return rows, np.stack([sharp[rows, levels], usual[levels]], axis=1)


def tiny(sizes: Rows, side: int) -> Rows:
    """Rows of (n, 2) sizes in pixels whose longer side is less than half the `side` that all are brought to."""
    longer = sizes.max(axis=1)
    return np.flatnonzero((2 * longer < side) & (longer > 0))


def odd_sizes(sizes: Rows) -> Rows:
    """Rows of (n, 2) sizes in pixels that have far more or fewer pixels than is usual, the oddest first."""
    return _order(np.abs(_deviation(np.log2(np.maximum(sizes.prod(axis=1), 1)), LEAST_SIZE_RATIO)))


def odd_aspects(sizes: Rows) -> Rows:
    """Rows of (n, 2) sizes in pixels of far other proportions than is usual, either way round, the oddest first."""
    w, h = np.maximum(sizes, 1).T
    return _order(np.abs(_deviation(np.abs(np.log2(w / h)), LEAST_ASPECT_RATIO)))


def _deviation(logarithms: Floats, least_ratio: float) -> Floats:
    """How far from the median, in units of what is odd: beyond -1 … 1 a value is."""
    if not len(logarithms):
        return logarithms
    away = logarithms - np.median(logarithms)
    spread = 1.4826 * float(np.median(np.abs(away)))
    odd: Floats = away / max(float(np.log2(least_ratio)), SPREADS * spread)
    return odd


def _order(odd: Floats) -> Rows:
    """Rows beyond 1, the greatest first."""
    rows = np.flatnonzero(odd > 1)
    return rows[np.argsort(-odd[rows], kind="stable")]
