"""Networks with few weights that are not zero: which stay, and trainings that keep the others at zero."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, register_parametrization, remove_parametrizations

from presage.errors import InvalidArgument

__all__ = ["hold_zeros", "kept_by_magnitude", "kept_by_snip", "let_go", "nonzero", "prunable", "zeroed"]

Masks = list[Tensor]
"""Of each of the `prunable` layers, in order, which weights stay."""


def prunable(network: nn.Module) -> Iterator[nn.Module]:
    """Every layer whose weights may go: convolutions and matrix products; not normalisations, not biases."""
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.dim() > 1:
            yield module


def nonzero(network: nn.Module) -> int:
    """Parameters that are not zero, and all of layers whose weights may not go."""
    weights = [_weight(module) for module in prunable(network)]
    others = sum(value.numel() for value in network.parameters()) - sum(weight.numel() for weight in weights)
    return others + sum(int(torch.count_nonzero(weight)) for weight in weights)


@torch.no_grad()
def kept_by_magnitude(network: nn.Module, parameters: int) -> Masks:
    """The weights of the largest absolute values of all layers, so many that `parameters` are left in all (Han et al.,
    2015, arXiv 1506.02626; one threshold for the whole network, as arXiv 1803.03635 has it for deep ones).

    Raises:
        InvalidArgument: fewer parameters than the network has beside its prunable weights.
    """
    return _largest(network, [_weight(module).abs() for module in prunable(network)], parameters)


def kept_by_snip(network: nn.Module, images: Tensor, labels: Tensor, parameters: int) -> Masks:
    """The weights of the largest connection sensitivity \\|w · ∂L/∂w\\| on one minibatch, before any training.

    Reference: Lee et al., *SNIP*, 2019, arXiv 1810.02340, eq. 6.

    Args:
        images: (b, c, h, w), normalised, on the network's device; the statistics of batch normalisation are theirs.
        labels: (b,).
        parameters: left in all.

    Raises:
        InvalidArgument: as `kept_by_magnitude`.
    """
    network.train()
    weights = [_weight(module) for module in prunable(network)]
    with torch.enable_grad():
        gradients = torch.autograd.grad(F.cross_entropy(network(images), labels), weights, allow_unused=True)
    scores = [
        torch.zeros_like(weight) if gradient is None else (weight.detach() * gradient).abs()
        for weight, gradient in zip(weights, gradients, strict=True)
    ]
    return _largest(network, scores, parameters)


@torch.no_grad()
def zeroed(network: nn.Module, kept: Masks) -> None:
    """Set the weights that do not stay to zero."""
    for module, mask in zip(prunable(network), kept, strict=True):
        _weight(module).mul_(mask)


class _Held(nn.Module):
    """Weights of which some stay zero, whatever an optimiser makes of them."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def hold_zeros(network: nn.Module) -> None:
    """Weights that are zero now stay so while the network is trained, until `let_go`."""
    for module in list(prunable(network)):
        register_parametrization(module, "weight", _Held(_weight(module).detach() != 0))


def let_go(network: nn.Module) -> None:
    """Plain weights again, with their zeros."""
    for module in list(network.modules()):
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight", leave_parametrized=True)


def _weight(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def _largest(network: nn.Module, scores: list[Tensor], parameters: int) -> Masks:
    total = sum(score.numel() for score in scores)
    others = sum(value.numel() for value in network.parameters()) - total
    count = parameters - others
    if not 0 < count <= total:
        rule = f"be above the {others:,} that may not go, and at most {others + total:,}"
        raise InvalidArgument("parameters", "pruning", rule, parameters)
    flat = torch.cat([score.flatten() for score in scores])
    mask = torch.zeros_like(flat, dtype=torch.bool)
    mask[flat.topk(count).indices] = True
    parts = mask.split([score.numel() for score in scores])  # type: ignore[no-untyped-call]
    return [part.view_as(score) for part, score in zip(parts, scores, strict=True)]
