"""SynFlow: how much flows through an untrained network's weights, whatever the images."""

from __future__ import annotations

import math

import torch
from torch import nn

from presage.surrogate.proxies.modes import Linearised
from presage.surrogate.proxies.subject import Subject, log, weighted

__all__ = ["synflow"]

_SCALES = (1.0, 1e-300, 1e300)


def synflow(subject: Subject) -> float:
    """log Σ \\|w\\| ⊙ ∂R/∂\\|w\\| over all weights; R the sum of outputs for one image of ones.

    The network is linearised: weights are their absolute values, biases 0, activations and normalisations pass their
    input through (batch normalisation would undo the flow: arXiv 2101.08134). Float64; as R is linear in the image, a
    network so deep that this overflows or vanishes is measured anew with image and output scaled by 10^∓300, and the
    logarithm set right. No images are used.

    Reference: Tanaka et al., *Pruning neural networks without any data by iteratively conserving synaptic flow*, 2020,
    arXiv 2006.05467, eq. 2.
    """
    module = subject.altered().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
        for layer in weighted(module):
            if layer.bias is not None:
                layer.bias.zero_()
    found = math.nan
    for scale in _SCALES:
        found = _flow(module, subject, scale)
        if 0 < found < math.inf:
            return math.log(found) - 2 * math.log(scale)
    return log(found)


def _flow(module: nn.Module, subject: Subject, scale: float) -> float:
    images = subject.minibatch.images
    ones = torch.full((1, *images.shape[1:]), scale, dtype=torch.float64, device=images.device)
    layers = list(weighted(module))
    with Linearised():
        total = module(ones).sum()
    if not total.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(total * scale, [layer.weight for layer in layers], allow_unused=True)
    pairs = zip(layers, gradients, strict=True)
    return sum(float((layer.weight.detach() * found).sum()) for layer, found in pairs if found is not None)
