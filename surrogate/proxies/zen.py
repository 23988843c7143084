"""Zen-score: how complex a function an untrained network is, from noise alone."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from presage.surrogate.proxies.modes import LastMap
from presage.surrogate.proxies.subject import Subject, normalisations, weighted

__all__ = ["zen"]

_STEP = 0.01


def zen(subject: Subject) -> float:
    """log E‖f(x) − f(x + αε)‖_F + Σ over normalisations of log √(mean over channels of σ²); x, ε ~ N(0, 1), α = 0.01.

    f ends with the last feature map of more than one pixel, before global pooling. Weights are drawn from N(0, 1),
    biases are 0. The second term gives back the scale that normalisation takes away; σ² is the variance of what enters
    it, over images and pixels. Group normalisation is compensated like batch normalisation; residual connections stay
    (the paper's code removes them). Measured in float32, and again in float64 where that overflows. Batch size: 64;
    only the shape of the images is used.

    Reference: Lin et al., *Zen-NAS*, 2021, arXiv 2102.01063, eq. 5 and 6, algorithm 1.
    """
    module = subject.altered()
    with torch.no_grad():
        for layer in weighted(module):
            layer.weight.normal_()
            if layer.bias is not None:
                layer.bias.zero_()
        for norm in normalisations(module):
            if norm.weight is not None:
                norm.weight.fill_(1.0)
            if norm.bias is not None:
                norm.bias.zero_()
        images = torch.randn_like(subject.minibatch.images)
        near = images + _STEP * torch.randn_like(images)
        found = _zen(module, images, near)
        return found if math.isfinite(found) else _zen(module.double(), images.double(), near.double())


def _zen(module: nn.Module, images: Tensor, near: Tensor) -> float:
    scales: list[Tensor] = []
    hooks = [layer.register_forward_pre_hook(partial(_watch, scales)) for layer in normalisations(module)]
    try:
        output = _features(module, images)
    finally:
        for hook in hooks:
            hook.remove()
    distance = (output - _features(module, near)).flatten(1).norm(dim=1).mean()
    return float(distance.log() + sum(scales))


def _watch(scales: list[Tensor], layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    x = inputs[0]
    if isinstance(layer, nn.GroupNorm):
        variance = x.reshape(len(x), layer.num_groups, -1).var(dim=2)  # (b, groups)
    else:
        variance = x.transpose(0, 1).flatten(1).var(dim=1)  # (c,)
    scales.append(0.5 * variance.mean().log())


def _features(module: nn.Module, images: Tensor) -> Tensor:
    with LastMap() as mode:
        output: Tensor = module(images)
    return output if mode.output is None else mode.output
