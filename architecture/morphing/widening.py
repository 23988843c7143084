"""`widen`: a network some of whose layers have more channels, each a copy of one that was there (Net2WiderNet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.copying import check_read, check_weighted, copied, moved, refused, repeated
from presage.architecture.morphing.morphism import Ints, Morphism
from presage.architecture.operation import Operation, Shape
from presage.architecture.operations import (
    Classifier,
    Convolution,
    GroupNorm,
    Input,
    Linear,
    Slice,
    TransposedConvolution,
)
from presage.architecture.shrinking.channels import Channels, Pool, channels_of
from presage.errors import InvalidArgument

__all__ = ["copies_for", "widen"]


def copies_for(pool: Pool, width: int, rng: np.random.Generator) -> Ints:
    """(p,) how often each set of tied channels is to stand there for `width` of them: all equally often, some
    that are drawn once more (arXiv 1511.05641, eq. 2 draws all).

    Raises:
        InvalidArgument: a width below what there is.
    """
    count = len(pool.numbers)
    if width < count:
        raise InvalidArgument("width", "copies_for", f"be at least the {count} that there are", width)
    found = np.full(count, width // count, np.int64)
    found[rng.permutation(count)[: width % count]] += 1
    return found


def widen(
    architecture: Architecture,
    input_shape: Sequence[int],
    classes: int,
    pool: int,
    copies: Sequence[int] | Ints,
) -> Morphism:
    """The network with copies of some of its channels. What reads several copies of a channel weights them so that
    together they count as the one did.

    Reference: Chen et al., *Net2Net*, 2016, arXiv 1511.05641, section 2.2; for graphs with branches arXiv 1806.02639.

    Args:
        pool: which layers: a place in the `pools` of `presage.architecture.shrinking.channels.channels_of`.
        copies: (p,) how often each of its numbers stands there afterwards, at least 1.

    Raises:
        InvalidArchitecture: an operation, which is named, would compute something else.
        InvalidArgument: no such pool, or not a number of copies for each of its numbers.
    """
    channels = channels_of(architecture, input_shape, classes)
    if not 0 <= pool < len(channels.pools):
        raise InvalidArgument("pool", "widen", f"be a place among {len(channels.pools)}", pool)
    numbers, asked = channels.pools[pool].numbers, np.asarray(copies, np.int64)
    if asked.shape != numbers.shape or asked.min(initial=1) < 1:
        raise InvalidArgument("copies", "widen", f"be {len(numbers)} numbers of at least 1", asked.tolist())
    every = np.ones(len(channels.fixed), np.int64)
    every[numbers] = asked
    shapes = architecture.shapes(input_shape, classes)
    nodes: list[Node] = []
    sources: list[Ints] = []
    for index, node in enumerate(architecture.nodes):
        read = [sources[source] for source in node.inputs]
        before = [shapes[source] for source in node.inputs]
        sources.append(_made(index, node.operation, read, before, shapes[index], channels, every))
        nodes.append(Node(_widened(index, node.operation, read, before, sources[-1], channels), node.inputs))
    first = channels.pools[pool].makers[0]
    how = f"`{architecture.nodes[first].operation.name}` {first} widened from {len(numbers)} to {int(asked.sum())}"
    found = Architecture(tuple(nodes))
    found.shapes(input_shape, classes)
    return Morphism(found, how, tuple(range(len(nodes))), sources=tuple(sources))


def _made(
    index: int,
    operation: Operation,
    read: list[Ints],
    before: list[Shape],
    made: Shape,
    channels: Channels,
    copies: Ints,
) -> Ints:
    """(c',) the channel that each channel of a node becomes a copy of."""
    match operation:
        case Input() | Classifier():
            return np.arange(made[0], dtype=np.int64)
        case Convolution() | TransposedConvolution() | Linear():
            found = repeated(channels.layouts[index], copies)
            if len(found) != made[0] and getattr(operation, "spectral", False):
                raise refused(index, operation, "makes its kernels of all that it gives")
            return found
    return copied(index, operation, read, before, made)


def _widened(
    index: int, operation: Operation, read: list[Ints], before: list[Shape], made: Ints, channels: Channels
) -> Operation:
    """The operation as it makes the channels that it is to make, of those that it reads now."""
    whole = channels.by_groups.get(index, False)
    match operation:
        case Convolution() | TransposedConvolution():
            groups = operation.groups * len(read[0]) // before[0][0] if whole else operation.groups
            check_weighted(index, operation, read[0], made, before[0], operation.channels, (operation.groups, groups))
            return replace(operation, channels=len(made), groups=groups)
        case Linear():
            check_weighted(index, operation, read[0], made, before[0], operation.features, (1, 1))
            return replace(operation, features=len(made))
        case Classifier():
            check_weighted(index, operation, read[0], made, before[0], 0, (operation.heads, operation.heads))
        case GroupNorm():
            groups = operation.groups * len(read[0]) // before[0][0] if whole else operation.groups
            check_read(index, operation, read[0], before[0][0], (operation.groups, groups), evenly=True)
            return replace(operation, groups=groups)
        case Slice():
            places = moved(index, operation, read[0])
            return replace(operation, start=places.start, stop=places.stop)
    return operation
