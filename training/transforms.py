"""Random photometric and geometric transforms of whole batches where they lie: one for each image, of its own strength.

The transforms and their ranges are those of TrivialAugment (Müller & Hutter, arXiv 2103.10158, table 1, its RA space);
an edge pixel is repeated where a geometric transform leaves the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["GEOMETRIC", "PHOTOMETRIC", "POLICY_TRANSFORMS", "Transform", "transformed"]

Transform = Callable[[Tensor, Tensor], Tensor]
"""Images (b, c, h, w), float32 in 0 to 255, and signed strengths (b,) in [-1, 1], to images of the same shape."""

_ROTATION, _SHEAR, _TRANSLATION = math.radians(30), 0.3, 0.3
_FACTOR = 0.9  # of colour, contrast, brightness, sharpness: 1 - 0.9 to 1 + 0.9
_BITS = 4  # that posterising takes away at most, of 8


def identity(images: Tensor, strength: Tensor) -> Tensor:
    """As it is."""
    return images


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    """Times ``1 + 0.9·strength``."""
    return images * _factor(strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """From the image's mean grey by the factor."""
    mean = _grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return mean + _factor(strength) * (images - mean)


def colour(images: Tensor, strength: Tensor) -> Tensor:
    """From each pixel's grey by the factor; a grey image stays."""
    grey = _grey(images)
    return grey + _factor(strength) * (images - grey)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """From a smoothed image by the factor; the outermost pixels stay."""
    kernel = images.new_tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
    if min(images.shape[2:]) < 3:
        return images
    c = images.shape[1]
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel.expand(c, 1, 3, 3), groups=c)
    return smooth + _factor(strength) * (images - smooth)


def posterised(images: Tensor, strength: Tensor) -> Tensor:
    """To 8 down to 4 bits a channel."""
    step = torch.exp2((strength.abs() * _BITS).round())[:, None, None, None]
    return torch.floor(torch.floor(images) / step) * step


def solarised(images: Tensor, strength: Tensor) -> Tensor:
    """Inverted from a threshold on, which falls from 256 to 0."""
    threshold = (256 * (1 - strength.abs()))[:, None, None, None]
    return torch.where(images >= threshold, 255 - images, images)


def stretched(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel's least and largest value to 0 and 255 (autocontrast); a flat channel stays."""
    least, most = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    scaled = (images - least) * (255 / (most - least).clamp_min(1e-3))
    return torch.where(most > least, scaled, images)


def equalised(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel's values evenly spread over 0 to 255, as PIL does it."""
    b, c, h, w = images.shape
    values = images.round().long().clamp_(0, 255).reshape(b * c, h * w)
    counts = torch.zeros(b * c, 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(1, values, torch.ones_like(values))
    last = counts.gather(1, values.amax(dim=1, keepdim=True))  # how often the largest value occurs
    step = (h * w - last) // 255  # (b·c, 1)
    before = counts.cumsum(dim=1) - counts
    table = ((before + step // 2) // step.clamp_min(1)).clamp_(0, 255)
    spread = table.gather(1, values)
    return torch.where(step > 0, spread, values).to(images.dtype).view(b, c, h, w)


def rotated(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 30 degrees about the middle, a positive strength counter-clockwise."""
    sine, cosine = torch.sin(strength * _ROTATION), torch.cos(strength * _ROTATION)
    zero = torch.zeros_like(strength)
    return _affine(images, ((cosine, -sine, zero), (sine, cosine, zero)))


def sheared_across(images: Tensor, strength: Tensor) -> Tensor:
    """Rows shifted by up to 0.3 of their distance from the middle."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _affine(images, ((one, strength * _SHEAR, zero), (zero, one, zero)))


def sheared_down(images: Tensor, strength: Tensor) -> Tensor:
    """Columns shifted by up to 0.3 of their distance from the middle."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _affine(images, ((one, zero, zero), (strength * _SHEAR, one, zero)))


def moved_across(images: Tensor, strength: Tensor) -> Tensor:
    """Left by up to 0.3 of the width, in parts of a pixel; right where the strength is negative."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _affine(images, ((one, zero, strength * _TRANSLATION * images.shape[3]), (zero, one, zero)))


def moved_down(images: Tensor, strength: Tensor) -> Tensor:
    """Up by up to 0.3 of the height, in parts of a pixel; down where the strength is negative."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _affine(images, ((one, zero, zero), (zero, one, strength * _TRANSLATION * images.shape[2])))


PHOTOMETRIC: tuple[Transform, ...] = (
    *(identity, brightness, contrast, colour, sharpness, posterised, solarised, stretched, equalised),
)
GEOMETRIC: tuple[Transform, ...] = (identity, rotated, sheared_across, sheared_down, moved_across, moved_down)
POLICY_TRANSFORMS: dict[str, tuple[Transform, ...]] = {
    "none": (),
    "trivial": (*PHOTOMETRIC, *GEOMETRIC[1:]),
    "photometric": PHOTOMETRIC,
    "geometric": GEOMETRIC,
}
"""Of each policy of a recipe (`presage.training.recipe.POLICIES`)."""


def transformed(images: Tensor, transforms: Sequence[Transform], generator: torch.Generator) -> Tensor:
    """Each image by one of the transforms, drawn evenly, with a strength drawn evenly from [-1, 1].

    Args:
        images: uint8 (b, c, h, w).
        generator: on the images' device.

    Returns:
        uint8 (b, c, h, w), in the memory layout of `images`.
    """
    b, device = len(images), images.device
    which = torch.randint(len(transforms), (b,), generator=generator, device=device)
    strength = 2 * torch.rand(b, generator=generator, device=device) - 1
    found = images.clone(memory_format=torch.preserve_format)
    for number, transform in enumerate(transforms):
        rows = (which == number).nonzero()[:, 0]
        if transform is not identity and len(rows):
            changed = transform(images[rows].float(), strength[rows])
            found[rows] = changed.round_().clamp_(0, 255).byte()
    return found


def _factor(strength: Tensor) -> Tensor:
    return (1 + _FACTOR * strength)[:, None, None, None]


def _grey(images: Tensor) -> Tensor:
    """Luma (b, 1, h, w), by ITU-R 601; the mean where there are not three channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    weights = images.new_tensor([0.2989, 0.587, 0.114])
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)


def _affine(images: Tensor, rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Images read, bilinearly, at ``rows · (x, y, 1)``, in pixels from the middle. `rows`: two of three, (b,) each."""
    h, w = images.shape[2:]
    x = torch.arange(w, device=images.device) - (w - 1) / 2
    y = torch.arange(h, device=images.device) - (h - 1) / 2
    places = [
        a[:, None, None] * x[None, None, :] + b[:, None, None] * y[None, :, None] + c[:, None, None] for a, b, c in rows
    ]
    grid = torch.stack([places[0] * (2 / w), places[1] * (2 / h)], dim=3)  # (b, h, w, 2), the image in [-1, 1]
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
