"""Antialiased resizing of whole batches."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from presage_errors import InvalidArgument

__all__ = ["resize"]

_IMAGES_AT_ONCE = 2_048  # float copies stay small


def resize(images: torch.Tensor, side: int) -> torch.Tensor:
    """Square images by a triangle filter that widens with the reduction, so that nothing aliases.

    Args:
        images: (b, c, h, w) uint8, on any device. Other proportions are squeezed into the square.
        side: of the result, in pixels.

    Returns:
        (b, c, side, side) uint8 on the same device; `images` itself where it has that size already. Devices may
        round a pixel differently by 1.

    Raises:
        InvalidArgument: images of another type or rank, or a side below 1.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise InvalidArgument("images", "resize", "be (b, c, h, w) uint8", f"{tuple(images.shape)} {images.dtype}")
    if side < 1:
        raise InvalidArgument("side", "resize", "be at least 1", side)
    if images.shape[2:] == (side, side):
        return images
    out = images.new_empty((*images.shape[:2], side, side))
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        rows = slice(start, start + _IMAGES_AT_ONCE)
        smooth = F.interpolate(images[rows].float(), size=(side, side), mode="bilinear", antialias=True)
        out[rows] = smooth.round_().clamp_(0, 255)  # (≤ 2048, c, side, side)
    return out
