"""Whole batches of uint8 images, augmented and normalised where they lie."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from presage.training.erasing import erased
from presage.training.recipe import Recipe
from presage.training.transforms import POLICY_TRANSFORMS, transformed

__all__ = ["augmented", "augmented_by", "normalised", "resized", "resized_batch"]


def augmented_by(recipe: Recipe, images: Tensor, mean: Tensor, generator: torch.Generator) -> Tensor:
    """All that a recipe does to each image alone: mirror and shift, then its policy, then erasing.

    Args:
        images: uint8 (b, c, h, w).
        mean: (c,), in the images' own units: the colour of what is erased.
        generator: on the images' device. Draws are made only for what the recipe asks for.

    Returns:
        uint8 (b, c, h, w), channels last in memory.
    """
    images = augmented(images, shift=recipe.largest_shift, flip=recipe.flip, generator=generator)
    transforms = POLICY_TRANSFORMS[recipe.policy]
    if transforms:
        images = transformed(images, transforms, generator)
    if recipe.erasing:
        images = erased(images, recipe.erasing, mean.round().to(images.dtype), generator)
    return images


def augmented(images: Tensor, *, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image shifted by its own random offset of up to `shift` pixels, edge pixels repeated; mirrored if `flip`.

    Args:
        images: uint8 (b, c, h, w).
        generator: on the images' device.

    Returns:
        uint8 (b, c, h, w), channels last in memory.
    """
    b, c, h, w = images.shape
    device = images.device
    if shift == 0 and not flip:
        return images.contiguous(memory_format=torch.channels_last)
    rows = torch.arange(h, device=device).expand(b, h)
    columns = torch.arange(w, device=device).expand(b, w)
    if flip:
        mirrored = torch.randint(2, (b, 1), generator=generator, device=device, dtype=torch.bool)
        columns = torch.where(mirrored, columns.flip(1), columns)
    if shift:
        offsets = torch.randint(-shift, shift + 1, (2, b, 1), generator=generator, device=device)
        rows = (rows + offsets[0]).clamp_(0, h - 1)
        columns = (columns + offsets[1]).clamp_(0, w - 1)
    # One gather of whole pixels: index ((b·h)·w) into (b·h·w, c).
    pixels = images.permute(0, 2, 3, 1).reshape(b * h * w, c)
    start = torch.arange(b, device=device)[:, None] * h
    flat = ((start + rows)[:, :, None] * w + columns[:, None, :]).reshape(-1)
    return pixels.index_select(0, flat).view(b, h, w, c).permute(0, 3, 1, 2)  # (b, c, h, w)


def normalised(images: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """``(images - mean) / deviation`` per channel, float32, channels last in memory.

    Args:
        images: uint8 (b, c, h, w).
        mean, deviation: (c,), in the images' own units.
    """
    scaled = (images.float() - mean[:, None, None]) / deviation[:, None, None]
    return scaled.contiguous(memory_format=torch.channels_last)


def resized(images: Tensor, side: int) -> Tensor:
    """uint8 (n, c, h, w) → uint8 (n, c, side, side): bilinear, antialiased where it shrinks."""
    if images.shape[2:] == (side, side):
        return images
    parts = [resized_batch(part, side).byte() for part in torch.split(images, 2048)]
    return torch.cat(parts) if parts else images.new_empty((0, images.shape[1], side, side))


def resized_batch(images: Tensor, side: int) -> Tensor:
    """uint8 (n, c, h, w) → float32 (n, c, side, side), whole numbers of 0 to 255. Equal sides stay as they are."""
    return F.interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True).round_().clamp_(0, 255)
