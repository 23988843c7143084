"""What can be measured of one image: one colour, blur, and of its file size and proportions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["grey_of", "odd_aspects", "odd_sizes", "one_colour_share", "sharpness", "tiny", "unusually_low"]

NEARLY = 3
"""Levels of 0 … 255 from the commonest value within which a pixel has its colour."""

ONE_COLOUR = 0.99
"""Share of pixels of nearly one colour from which an image has one colour."""

LEAST_SIZE_RATIO = 4.0
LEAST_ASPECT_RATIO = 2.0
LEAST_BLUR_RATIO = 8.0
"""How far from the usual an image is at least that is odd: times the pixels, times the aspect, times less sharp."""

SPREADS = 5.0
"""… and so many robust standard deviations (1.4826 times the median deviation from the median), of the logarithms."""

_LEAST_SIDE = 8  # pixels of an image whose sharpness is measured

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def grey_of(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(h, w, c) as (h, w), in 0 … 255."""
    grey: npt.NDArray[np.float32] = image.astype(np.float32).mean(axis=2)
    return grey


def one_colour_share(image: npt.NDArray[np.uint8]) -> float:
    """Share of the pixels of (h, w, c) that are within `NEARLY` levels of the median colour in every channel."""
    pixels = image.reshape(-1, image.shape[2]).astype(np.int16)
    middle = np.median(pixels, axis=0)
    return float((np.abs(pixels - middle) <= NEARLY).all(axis=1).mean())


def sharpness(grey: npt.NDArray[np.float32]) -> float:
    """Variance of the Laplacian over the variance of the image (h, w): what blur lowers, and contrast does not.

    The Laplacian is the usual measure of focus (Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy,
    2000). NaN for an image of fewer than 8 x 8 pixels, whose Laplacian is of a few numbers, or of one colour.
    """
    if min(grey.shape) < _LEAST_SIDE or float(grey.std()) < 1.0:
        return float("nan")
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var() / grey.var())


def unusually_low(sharp: Floats) -> Rows:
    """Rows whose sharpness (n,) is far below the usual, the least sharp first."""
    known = np.flatnonzero(np.isfinite(sharp))
    logarithms = np.log2(np.maximum(sharp[known], 1e-6))
    below = -_deviation(logarithms, LEAST_BLUR_RATIO)
    return known[_order(below)]


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
