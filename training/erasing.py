"""Random erasing (Zhong et al., arXiv 1708.04896) of whole batches where they lie."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["erased", "rectangles"]

AREAS = (0.02, 0.4)
"""Least and largest share of the image that a rectangle covers, as in the paper."""

ASPECTS = (0.3, 1 / 0.3)
"""Least and largest ratio of a rectangle's height to its width, drawn evenly in the logarithm."""


def erased(images: Tensor, probability: float, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Each image with this probability with a rectangle of its own filled; the paper's draws, each image its own.

    Args:
        images: (b, c, h, w).
        fill: (c,), the colour, of the images' type.
        generator: on the images' device.
    """
    b, _, h, w = images.shape
    u = torch.rand(5, b, generator=generator, device=images.device)
    area = AREAS[0] + u[0] * (AREAS[1] - AREAS[0])
    aspect = torch.exp(math.log(ASPECTS[0]) + u[1] * math.log(ASPECTS[1] / ASPECTS[0]))
    height = (torch.sqrt(area * aspect * h * w)).round_().clamp_(1, h)
    width = (torch.sqrt(area / aspect * h * w)).round_().clamp_(1, w)
    top, left = torch.floor(u[2] * (h - height + 1)), torch.floor(u[3] * (w - width + 1))
    inside = rectangles(top, left, height, width, h, w) & (u[4] < probability)[:, None, None]
    return torch.where(inside[:, None], fill[:, None, None], images)


def rectangles(top: Tensor, left: Tensor, height: Tensor, width: Tensor, h: int, w: int) -> Tensor:
    """Which pixels lie in each rectangle, (b, h, w) bool; corners and sizes are (b,)."""
    rows = torch.arange(h, device=top.device)
    columns = torch.arange(w, device=top.device)
    down = (rows >= top[:, None]) & (rows < (top + height)[:, None])
    across = (columns >= left[:, None]) & (columns < (left + width)[:, None])
    return down[:, :, None] & across[:, None, :]
