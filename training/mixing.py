"""Mixup (Zhang et al., arXiv 1710.09412) and CutMix (Yun et al., arXiv 1905.04899), a share drawn for each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from presage.training.erasing import rectangles

__all__ = ["Mixed", "mixed"]


@dataclass(frozen=True, eq=False)
class Mixed:
    """A batch each of whose images is mixed with another of it.

    Attributes:
        images: (b, c, h, w).
        first, second: labels of the image and of the one mixed in, (b,) int64.
        share: of the first, (b,) float32 in [0, 1].
    """

    images: Tensor
    first: Tensor
    second: Tensor
    share: Tensor

    @property
    def labels(self) -> Tensor:
        """The label of the larger share, (b,) int64."""
        return torch.where(self.share >= 0.5, self.first, self.second)

    def loss(self, logits: Tensor, smoothing: float, weights: Tensor | None) -> Tensor:
        """Mean cross-entropy of logits (b, k), each of the two labels by its share (equation 1 of mixup's paper).

        Args:
            weights: of classes, (k,); a mean is weighted by them, as in `torch.nn.CrossEntropyLoss`.
        """
        parts = [
            share * F.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction="none")
            for share, labels in ((self.share, self.first), (1 - self.share, self.second))
        ]
        total = (parts[0] + parts[1]).sum()
        if weights is None:
            return total / len(logits)
        return total / (self.share * weights[self.first] + (1 - self.share) * weights[self.second]).sum()


def mixed(images: Tensor, labels: Tensor, mixup: float, cutmix: float, generator: torch.Generator) -> Mixed:
    """Each image mixed with one other of the batch, drawn as a permutation.

    Args:
        images: (b, c, h, w), normalised.
        labels: (b,) int64.
        mixup, cutmix: parameters of the beta distributions, not both 0. With both, a coin decides for each image.
        generator: on the images' device.
    """
    b, _, h, w = images.shape
    device = images.device
    partner = torch.randperm(b, generator=generator, device=device)
    others = images[partner]
    share, blend, pasted = torch.ones(b, device=device), None, None
    if mixup:
        share = blend = _beta(mixup, b, generator)
    if cutmix:
        wanted = _beta(cutmix, b, generator)
        pasted, kept = _pasted(wanted, h, w, generator)
        if blend is None:
            share = kept
        else:
            coin = torch.rand(b, generator=generator, device=device) < 0.5
            pasted = pasted & coin[:, None, None]
            blend = torch.where(coin, 1.0, blend)
            share = torch.where(coin, kept, blend)
    if blend is not None:
        images = others + blend[:, None, None, None] * (images - others)
    if pasted is not None:
        images = torch.where(pasted[:, None], others, images)
    return Mixed(images, labels, labels[partner], share)


def _beta(parameter: float, b: int, generator: torch.Generator) -> Tensor:
    """Draws from the beta distribution with both parameters equal, (b,) float32."""
    both = torch._standard_gamma(
        torch.full((2, b), parameter, dtype=torch.float64, device=generator.device), generator=generator
    )
    total = both.sum(dim=0)
    halves = torch.where(total > 0, both[0] / total, 0.5)  # both may be too small for a number
    return halves.float()


def _pasted(share: Tensor, h: int, w: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pixels of the other image, (b, h, w) bool, and the share that stays, (b,): CutMix's equation 2."""
    u = torch.rand(2, len(share), generator=generator, device=share.device)
    side = torch.sqrt(1 - share)
    spans = []
    for size, place in ((h, u[0]), (w, u[1])):
        centre, half = torch.floor(place * size), torch.floor(side * size) / 2
        start, end = torch.floor(centre - half).clamp_(0, size), torch.floor(centre + half).clamp_(0, size)
        spans.append((start, end - start))
    (top, height), (left, width) = spans
    return rectangles(top, left, height, width, h, w), 1 - height * width / (h * w)
