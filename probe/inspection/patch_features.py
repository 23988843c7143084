"""Features of images that no label was asked for: how often small whitened patches of the images are seen where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from presage.training.augment import resized

__all__ = ["SIDE", "PatchFeatures", "at_side"]

SIDE = 16
"""Pixels of the side that images are brought to."""

FILTERS, PATCH, POOLED, COARSE = 128, 5, 2, 4
_DRAWN = 10_000  # patches that the filters are whitened by
_LEAST_CONTRAST = 10.0  # added to a patch's variance, of levels 0 … 255
_LEAST_VARIANCE = 0.1  # added to the variances that are whitened
_LEAST_RESPONSE = 0.3  # what a filter must answer to count
_ROWS_AT_ONCE = 128

Images = npt.NDArray[np.uint8]


class PatchFeatures:
    """A bank of filters that are whitened patches of the images themselves, drawn at random, and what they answer.

    Each of `FILTERS` patches of 5 x 5 pixels is laid over every place of an image, local brightness and contrast taken
    out; what it answers beyond a bound, for and against, is averaged over each quarter of the image. The image at
    4 x 4 pixels stands beside: colours and rough shape.

    Source: Coates, Lee and Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning (AISTATS 2011),
    with drawn patches as filters (Coates and Ng, ICML 2011).

    Args:
        images: uint8 (n, c, `SIDE`, `SIDE`) to draw patches from.
        generator: draws them.
    """

    def __init__(self, images: torch.Tensor, generator: torch.Generator) -> None:
        n, c = images.shape[:2]
        drawn = [torch.randint(most, (_DRAWN,), generator=generator) for most in (n, *(SIDE - PATCH + 1,) * 2)]
        image, top, left = (one.view(-1, 1, 1, 1) for one in drawn)
        reach = torch.arange(PATCH)
        patches = images[image, torch.arange(c).view(1, -1, 1, 1), top + reach.view(-1, 1), left + reach]
        points = patches.flatten(1).float()  # (m, c·5·5)
        points = points - points.mean(dim=1, keepdim=True)
        points = points / (points.square().mean(dim=1, keepdim=True) + _LEAST_CONTRAST).sqrt()
        mean = points.mean(dim=0)
        variances, axes = torch.linalg.eigh((points - mean).T @ (points - mean) / len(points))
        whitening = axes @ torch.diag((variances.clamp_min(0) + _LEAST_VARIANCE).rsqrt()) @ axes.T
        chosen = torch.randperm(len(points), generator=generator)[:FILTERS]
        units = F.normalize((points[chosen] - mean) @ whitening)
        filters = units @ whitening
        self._offset = (filters @ mean).view(-1, 1, 1)
        filters = filters - filters.mean(dim=1, keepdim=True)  # blind to brightness, as the patches are
        self._filters = filters.view(-1, c, PATCH, PATCH)
        self._box = torch.full((1, c, PATCH, PATCH), 1 / (c * PATCH * PATCH))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, f) of images uint8 (n, c, `SIDE`, `SIDE`)."""
        starts = range(0, len(images), _ROWS_AT_ONCE)
        return torch.cat([self._of(images[start : start + _ROWS_AT_ONCE]) for start in starts])

    def _of(self, images: torch.Tensor) -> torch.Tensor:
        levels = images.float()
        centred = levels - levels.mean(dim=(1, 2, 3), keepdim=True)
        mean, square = F.conv2d(centred, self._box), F.conv2d(centred.square(), self._box)
        contrast = (square - mean.square()).clamp_min(0).add(_LEAST_CONTRAST).rsqrt()
        answers = F.conv2d(centred, self._filters) * contrast - self._offset
        held = [F.adaptive_avg_pool2d((sign * answers - _LEAST_RESPONSE).clamp_min(0), POOLED) for sign in (1, -1)]
        return torch.cat([*(one.flatten(1) for one in held), F.adaptive_avg_pool2d(levels / 255, COARSE).flatten(1)], 1)


def at_side(images: Images) -> torch.Tensor:
    """Images (n, h, w, c) as uint8 (n, c, `SIDE`, `SIDE`)."""
    return resized(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), SIDE)
