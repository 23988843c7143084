"""The gradient of DARTS for the architecture: after one unrolled step of the weights, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["dominant_eigenvalue", "first_order", "second_order"]

Loss = Callable[[], Tensor]
"""A loss as a function of the present values of weights and architecture."""


def first_order(held_out: Loss, architecture: Sequence[Tensor]) -> list[Tensor]:
    """∇_α L_held-out(w, α): the weights are taken for trained (equation 7 of 1806.09055 with ξ = 0)."""
    return list(torch.autograd.grad(held_out(), list(architecture)))


def second_order(
    training: Loss,
    held_out: Loss,
    weights: Sequence[Tensor],
    architecture: Sequence[Tensor],
    *,
    rate: float,
    momentum: float = 0.0,
    velocity: Sequence[Tensor | None] | None = None,
    decay: float = 0.0,
) -> list[Tensor]:
    """∇_α L_held-out(w′, α) after one step w′ of SGD, equations 6 to 8 of DARTS (1806.09055):

        w′ = w - ξ (μ v + ∇_w L_training(w, α) + λ w)
        ∇_α L_held-out(w′, α) - ξ [∇_α L_training(w⁺, α) - ∇_α L_training(w⁻, α)] / 2ε,
        w± = w ± ε ∇_w′ L_held-out(w′, α),   ε = 0.01 / ‖∇_w′ L_held-out(w′, α)‖.

    Weights are put back as they were.

    Args:
        rate: ξ.
        momentum, velocity: μ and v of the optimizer of the weights; None stands for zeros.
        decay: λ.
    """
    weights, architecture = list(weights), list(architecture)
    before = [weight.detach().clone() for weight in weights]
    try:
        gradients = torch.autograd.grad(training(), weights, allow_unused=True)
        with torch.no_grad():
            for at, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
                step = decay * weight if gradient is None else gradient + decay * weight
                moved = velocity[at] if velocity is not None else None
                if moved is not None:
                    step = step + momentum * moved
                weight.sub_(step, alpha=rate)
        found = torch.autograd.grad(held_out(), [*architecture, *weights], allow_unused=True)
        direct = [_or_zeros(one, alpha) for one, alpha in zip(found, architecture, strict=False)]
        towards = [_or_zeros(one, weight) for one, weight in zip(found[len(architecture) :], weights, strict=True)]
        norm = float(torch.stack([one.square().sum() for one in towards]).sum().sqrt())
        if norm == 0:
            return direct
        epsilon = 0.01 / norm
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, old, one in zip(weights, before, towards, strict=True):
                    weight.copy_(old).add_(one, alpha=sign * epsilon)
            sides.append(torch.autograd.grad(training(), architecture, allow_unused=True))
    finally:
        with torch.no_grad():
            for weight, old in zip(weights, before, strict=True):
                weight.copy_(old)
    implicit = [
        (_or_zeros(plus, alpha) - _or_zeros(minus, alpha)) / (2 * epsilon)
        for plus, minus, alpha in zip(*sides, architecture, strict=True)
    ]
    return [one - rate * other for one, other in zip(direct, implicit, strict=True)]


def dominant_eigenvalue(
    held_out: Loss, architecture: Sequence[Tensor], *, iterations: int = 6, step: float = 1e-2, seed: int = 0
) -> float:
    """Eigenvalue of largest magnitude of ∇²_α L_held-out: how sharp the minimum is that a search runs into.

    By power iteration; the product of the Hessian with a direction is a difference of gradients. Sharp minima go with
    collapse (R-DARTS, Zela et al. 2020, arXiv 1909.09656).
    """
    parts = list(architecture)
    generator = torch.Generator().manual_seed(seed)
    direction = [torch.randn(part.shape, generator=generator).to(part.device) for part in parts]
    before = [part.detach().clone() for part in parts]
    value = 0.0
    try:
        for _ in range(iterations):
            norm = float(torch.stack([one.square().sum() for one in direction]).sum().sqrt())
            if norm == 0:
                return 0.0
            direction = [one / norm for one in direction]
            sides = []
            for sign in (1, -1):
                with torch.no_grad():
                    for part, old, one in zip(parts, before, direction, strict=True):
                        part.copy_(old).add_(one, alpha=sign * step)
                sides.append(torch.autograd.grad(held_out(), parts))
            product = [(plus - minus) / (2 * step) for plus, minus in zip(*sides, strict=True)]
            value = float(torch.stack([(one * made).sum() for one, made in zip(direction, product, strict=True)]).sum())
            direction = product
    finally:
        with torch.no_grad():
            for part, old in zip(parts, before, strict=True):
                part.copy_(old)
    return value


def _or_zeros(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient
