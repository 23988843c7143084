"""How much each channel of a trained network matters: `magnitudes` and `fisher`, a number for each set of tied ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.graph import Architecture
from presage.architecture.node import readers_of
from presage.architecture.operations import TransposedConvolution
from presage.architecture.shrinking.channels import Channels
from presage.architecture.torch_bridge.build import Network

__all__ = ["fisher", "magnitudes"]

Floats = NDArray[np.float64]


@torch.no_grad()
def magnitudes(network: Network, channels: Channels) -> Floats:
    """(m,) sum of absolute weights of the filters that make each channel, over the mean of their layer's; the mean of
    these where several filters do.

    Reference: Li et al., *Pruning Filters for Efficient ConvNets*, 2017, arXiv 1608.08710, section 3.1.
    """
    total, count = np.zeros(len(channels.fixed)), np.zeros(len(channels.fixed))
    for index in sorted({maker for pool in channels.pools for maker in pool.makers}):
        weight = getattr(network, f"n{index}").weight.detach().cpu().double().abs()
        operation = network.architecture.nodes[index].operation
        if isinstance(operation, TransposedConvolution):
            weight = weight.unflatten(0, (operation.groups, -1)).transpose(1, 2).flatten(0, 1)  # (o, c / groups, h, w)
        norms = weight.flatten(1).sum(1)
        shares = (norms / norms.mean().clamp_min(1e-12)).numpy()
        np.add.at(total, channels.layouts[index], shares)
        np.add.at(count, channels.layouts[index], 1)
    return total / np.maximum(count, 1)


def fisher(network: Network, channels: Channels, batches: Iterable[tuple[Tensor, Tensor]]) -> Floats:
    """(m,) how much the loss would rise without each channel, to second order: ½ the mean over images of the square of
    Σ over pixels of activation times gradient, summed over the layers that make it.

    Read after the normalisation and activation that follow a layer; the network is in evaluation mode.

    Reference: Theis et al., *Faster gaze prediction with dense networks and Fisher pruning*, 2018, arXiv 1801.05787,
    eq. 9.

    Args:
        batches: normalised images (b, c, h, w) and labels (b,), on the network's device.
    """
    makers = sorted({maker for pool in channels.pools for maker in pool.makers})
    readers = readers_of(network.architecture.nodes)
    taps = [_activated(network.architecture, readers, maker) for maker in makers]
    found, images_seen = np.zeros(len(channels.fixed)), 0
    network.eval()
    for images, labels in batches:
        with torch.enable_grad():
            logits, tapped = network.forward_with_taps(images, taps)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            gradients = torch.autograd.grad(loss, tapped, allow_unused=True)
        for tap, activation, gradient in zip(taps, tapped, gradients, strict=True):
            if gradient is not None:
                product = (activation.detach() * gradient).double()
                each = (product.flatten(2).sum(2) if product.dim() > 2 else product).square().sum(0)  # (c,)
                np.add.at(found, channels.layouts[tap], each.cpu().numpy())
        images_seen += len(images)
    return found / (2 * max(images_seen, 1))


def _activated(architecture: Architecture, readers: Sequence[Sequence[int]], maker: int) -> int:
    """The last node after a layer that only its normalisation and activation lead to."""
    at = maker
    while len(readers[at]) == 1:
        after = architecture.nodes[readers[at][0]]
        if len(after.inputs) > 1 or not after.operation.elementwise:
            break
        at = readers[at][0]
    return at
