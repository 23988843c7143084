"""A network with fewer channels: `narrowed`, by which of them stay; `widths_kept`, by how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from presage.architecture.graph import Architecture, Node
from presage.architecture.operation import Operation
from presage.architecture.operations import Convolution, GroupNorm, Linear, Slice, TransposedConvolution
from presage.architecture.shrinking.channels import Channels
from presage.errors import InvalidArchitecture

__all__ = ["narrowed", "widths_kept"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def widths_kept(channels: Channels, widths: Sequence[int], scores: Floats | None = None) -> Mask:
    """(m,) which numbers stay where of each pool so many do, at least one.

    Args:
        scores: (m,) those of the highest stay; by default the first.
    """
    kept = np.ones(len(channels.fixed), np.bool_)
    for pool, width in zip(channels.pools, widths, strict=True):
        order = pool.numbers if scores is None else pool.numbers[np.argsort(-scores[pool.numbers], kind="stable")]
        kept[order[max(width, 1) :]] = False
    return kept


def narrowed(architecture: Architecture, channels: Channels, kept: Mask) -> Architecture:
    """The network without the channels that do not stay; it takes and gives the same shapes.

    Args:
        channels: of this very network (`channels_of`).
        kept: (m,) which numbers stay; fixed ones do in any case.

    Raises:
        InvalidArchitecture: a tensor would be left without channels; names the node.
    """
    kept = kept | channels.fixed
    nodes = []
    for index, node in enumerate(architecture.nodes):
        count = int(np.count_nonzero(kept[channels.layouts[index]]))
        if count == 0:
            raise InvalidArchitecture(f"Node {index} (`{node.operation.name}`) would be left without channels.")
        read = channels.layouts[node.inputs[0]] if node.inputs else channels.layouts[index]
        whole = channels.by_groups.get(index, False)
        nodes.append(Node(_narrowed(node.operation, count, kept[read], whole), node.inputs))
    return Architecture(tuple(nodes))


def _narrowed(operation: Operation, count: int, read: Mask, whole: bool) -> Operation:
    """An operation that makes `count` channels, and reads those of (c,) that are left."""
    match operation:
        case Convolution() | TransposedConvolution():
            return replace(operation, channels=count, groups=_groups(operation.groups, read, whole))
        case Linear():
            return replace(operation, features=count)
        case GroupNorm():
            return replace(operation, groups=_groups(operation.groups, read, whole))
        case Slice():
            start = int(np.count_nonzero(read[: operation.start]))
            return replace(operation, start=start, stop=start + count)
    return operation


def _groups(groups: int, read: Mask, whole: bool) -> int:
    """Groups that are left of `groups`, where `whole` ones went."""
    return int(np.count_nonzero(read)) * groups // len(read) if whole else groups
