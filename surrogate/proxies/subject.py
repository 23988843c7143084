"""A network under measurement: a copy that may be altered, and what several proxies read off one backward pass."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from presage.surrogate.proxies.minibatch import Minibatch

__all__ = ["Backward", "NoValue", "Subject", "log", "normalisations", "weighted"]

Weighted = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.GroupNorm


def weighted(module: nn.Module) -> Iterator[Weighted]:
    """Every convolution and linear layer, in order."""
    return (part for part in module.modules() if isinstance(part, Weighted))


def normalisations(module: nn.Module) -> Iterator[Normalisation]:
    """Every batch or group normalisation, in order."""
    return (part for part in module.modules() if isinstance(part, Normalisation))


class NoValue(Exception):
    """A network that a proxy says nothing of; the text says why. Never leaves `measure`."""


def log(value: float) -> float:
    """Natural logarithm of a sum that is 0 where nothing flows through the network, or no gradient flows back."""
    if value == 0:
        raise NoValue("nothing flows through it")
    return math.log(value) if value > 0 else math.nan


@dataclass(frozen=True, eq=False)
class Backward:
    """What one backward pass of the cross-entropy left in each convolution and linear layer.

    Attributes:
        weights: of each layer.
        gradients: ∂L/∂w of each, zeros where the layer does not reach the output.
        activations: of each layer that does, Σ over channels of ½ · mean over images of (Σ over pixels a · ∂L/∂a)².
    """

    weights: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    activations: tuple[Tensor, ...]


@dataclass(eq=False)
class Subject:
    """A module that belongs to the measurement alone, on the device of its minibatch, in float32.

    Batch normalisation uses the minibatch's own statistics, as at the start of a training; dropout is off.
    """

    module: nn.Module
    minibatch: Minibatch

    def __post_init__(self) -> None:
        self.module.eval()
        for part in self.module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.train()
        for layer in weighted(self.module):
            layer.weight.requires_grad_(True)

    def altered(self) -> nn.Module:
        """A further copy, for a proxy that overwrites weights."""
        return copy.deepcopy(self.module)

    @cached_property
    def backward(self) -> Backward:
        """One forward and one backward pass of the mean cross-entropy over the minibatch."""
        layers = list(weighted(self.module))
        found: list[Tensor] = []
        hooks = [layer.register_forward_hook(partial(_watch, found)) for layer in layers]
        try:
            loss = F.cross_entropy(self.module(self.minibatch.images), self.minibatch.labels)
            weights = [layer.weight for layer in layers]
            gradients = _gradients(loss, weights)
        finally:
            _remove(hooks)
        return Backward(tuple(weight.detach() for weight in weights), gradients, tuple(found))


def _watch(found: list[Tensor], layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """Note a layer's part of the Fisher information once its gradient is known."""
    if not output.requires_grad:
        return
    activation = output.detach().clone()  # what follows may overwrite it

    def note(gradient: Tensor) -> None:
        product = activation * gradient
        per_channel = product.flatten(2).sum(2) if product.dim() > 2 else product  # (b, c)
        found.append(0.5 * per_channel.square().mean(0).sum())

    output.register_hook(note)  # type: ignore[no-untyped-call]


def _gradients(value: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    if not value.requires_grad:
        return tuple(torch.zeros_like(weight) for weight in weights)
    found = torch.autograd.grad(value, weights, allow_unused=True)
    return tuple(
        torch.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(weights, found, strict=True)
    )


def _remove(hooks: Sequence[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()
