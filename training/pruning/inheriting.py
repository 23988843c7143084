"""`inherited`: a network without some of its channels, with the weights that it had."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.operation import Operation
from presage.architecture.operations import (
    Classifier,
    Convolution,
    Linear,
    TransposedConvolution,
)
from presage.architecture.shrinking.channels import Channels
from presage.architecture.shrinking.narrowing import narrowed
from presage.architecture.torch_bridge.build import Network
from presage.errors import InvalidArgument

__all__ = ["inherited"]

Mask = NDArray[np.bool_]


def inherited(network: Network, channels: Channels, kept: Mask, input_shape: Sequence[int], classes: int) -> Network:
    """The network with the channels that stay, and their weights and statistics; on the CPU, in evaluation mode.

    Where the channels that go are zero at every node, its logits are those of the network; of normalisations over
    channels (layer and group normalisation, softmax) that are left with others the statistics change.

    Args:
        channels: of the network's architecture (`channels_of`).
        kept: (m,) which numbers stay; fixed ones do in any case.

    Raises:
        InvalidArchitecture: a tensor would be left without channels.
        InvalidArgument: kernels that are made of a spectral norm.
    """
    kept = kept | channels.fixed
    architecture = network.architecture
    small = Network(narrowed(architecture, channels, kept), input_shape, classes)
    state, found = network.state_dict(), small.state_dict()
    for name in found:
        index = int(name.split(".", 1)[0].removeprefix("n"))
        node = architecture.nodes[index]
        if "parametrizations" in name:
            raise InvalidArgument("network", "inherited", "have no spectral norms", node.operation.name)
        read, made = kept[channels.layouts[node.inputs[0]]], kept[channels.layouts[index]]
        found[name] = _left(node.operation, name.split(".", 1)[1], state[name].cpu(), read, made)
    small.load_state_dict(found)
    return small.eval()


def _left(operation: Operation, name: str, values: Tensor, read: Mask, made: Mask) -> Tensor:
    """What is left of one tensor of a node that reads channels (c,) and makes (o,)."""
    match operation:
        case Convolution() if name == "weight":
            return _rows(_columns(values, read, operation.groups), made)
        case TransposedConvolution() if name == "weight":  # (c, o / groups, h, w)
            return _rows(_columns(values, made, operation.groups), read)
        case Linear() if name == "weight":
            return _rows(_columns(values, read, 1), made)
        case Classifier():
            if not name.endswith("weight") or name.startswith("norm"):
                return values
            parts = read.reshape(operation.heads, -1)
            head = int(name.split(".")[1]) if operation.heads > 1 else 0
            return _columns(values, parts[head], 1)
    if values.dim() == 1 and len(values) == len(made):
        return _rows(values, made)
    return values


def _rows(values: Tensor, kept: Mask) -> Tensor:
    return values[torch.from_numpy(np.flatnonzero(kept))]


def _columns(values: Tensor, kept: Mask, groups: int) -> Tensor:
    """Of (r, c / groups, …) the columns that stay: in each group that is left, those at the same places."""
    parts = kept.reshape(groups, -1)
    places = np.flatnonzero(parts[parts.any(axis=1)][0])
    return values[:, torch.from_numpy(places)]
