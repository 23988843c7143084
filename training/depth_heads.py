"""Accuracy by depth: one linear classifier per tapped layer, on detached features, all trained in one batched product.

TAPAS (1806.00250, section 3.3) trains every prefix of a network to know its accuracy. Here a linear head reads the
globally averaged features of each prefix while the whole network trains; no gradient enters the body. It is cheaper,
and it is another quantity: what the prefix *holds* linearly, not what it would reach if trained alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DepthHeads"]


class DepthHeads(nn.Module):
    """Linear heads on `t` taps whose features have the given `widths`, for `classes` = k outputs.

    Features are standardised by running statistics and laid side by side, padded to the widest, so that a step is two
    batched products. The gradient of softmax regression is written out: autograd is not needed.
    """

    weight: Tensor  # (t, f, k)
    bias: Tensor  # (t, 1, k)
    running_mean: Tensor  # (sum of widths,)
    running_var: Tensor
    place: Tensor  # (t·f,) int64: where a padded feature lies; the last, added column is zero

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        total, widest = sum(widths), max(widths, default=0)
        self.weight = nn.Parameter(torch.zeros(len(widths), widest, classes))
        self.bias = nn.Parameter(torch.zeros(len(widths), 1, classes))
        self.register_buffer("running_mean", torch.zeros(total))
        self.register_buffer("running_var", torch.ones(total))
        place = torch.full((len(widths), widest), total)
        start = 0
        for tap, width in enumerate(widths):
            place[tap, :width] = torch.arange(start, start + width)
            start += width
        self.register_buffer("place", place.flatten())

    @staticmethod
    @torch.no_grad()
    def pooled(taps: Sequence[Tensor]) -> list[Tensor]:
        """(b, f, h, w) or (b, f) each → float32 (b, f) each, detached."""
        return [(tap.mean(dim=(2, 3)) if tap.dim() == 4 else tap).detach().float() for tap in taps]

    @torch.no_grad()
    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Pooled features → logits (t, b, k)."""
        return torch.baddbmm(self.bias, self._standardised(features), self.weight)

    @torch.no_grad()
    def backward(self, features: Sequence[Tensor], labels: Tensor) -> None:
        """Write the gradients of the mean cross-entropy, tap by tap, into the parameters' `grad`."""
        x = self._standardised(features)  # (t, b, f)
        b = x.shape[1]
        error = torch.baddbmm(self.bias, x, self.weight).softmax(dim=2)  # (t, b, k)
        error[:, torch.arange(b, device=labels.device), labels] -= 1.0
        error /= b
        self.weight.grad = torch.bmm(x.transpose(1, 2), error)
        self.bias.grad = error.sum(dim=1, keepdim=True)

    def _standardised(self, features: Sequence[Tensor]) -> Tensor:
        side_by_side = torch.cat(list(features), dim=1)  # (b, sum of widths)
        b = len(side_by_side)
        standard = F.batch_norm(side_by_side, self.running_mean, self.running_var, training=self.training and b > 1)
        padded = F.pad(standard, (0, 1)).index_select(1, self.place)
        return padded.view(b, self.weight.shape[0], self.weight.shape[1]).transpose(0, 1)
