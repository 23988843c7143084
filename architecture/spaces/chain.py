"""`Chain`: plain networks of variable depth in the manner of TAPAS (Istrate et al. 2019, arXiv 1806.00250)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    GroupNorm,
    Linear,
    MaxPool,
)
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.construction import Construction
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["Chain"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

LAYERS = ("convolution", "residual", "separable", "max_pool", "average_pool")
NORMS = ("none", "batch", "group")
FUNCTIONS = ("relu", "leaky_relu", "silu", "tanh")
SKIPS = ("none", "add", "concatenate")
ENDS = ("average", "max", "grid", "flatten")
FURTHEST_SKIP = 3
GROUPS = 4  # divides every width


@dataclass(frozen=True)
class Chain(Space):
    """Up to `layers` layers one after the other, each perhaps joined by the output of an earlier one, then an end.

    A layer is a convolution, a residual block of two, a separable convolution (pointwise, then depthwise, as in
    arXiv 2003.13549, so that it needs not know its input's channels) or a pooling, with stride 1 or 2. Every layer of
    stride s turns a side of h into ⌈h / s⌉, so that no image is too small. What strongly sets apart weak networks
    from strong ones (normalisation, kernel, skips, dropout) is chosen once for the network.
    """

    family: ClassVar[str] = "chain"
    layers: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= 100:
            raise InvalidArgument("layers", "Chain", "be between 1 and 100", self.layers)

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = [
            Categorical("depth", tuple(range(1, self.layers + 1))),
            Categorical("width", (8, 12, 16, 24)),
            Categorical("kernel", ("mixed", 1, 3, 5, 7)),
            Categorical("norm", NORMS),
            Categorical("activation", FUNCTIONS),
            Categorical("skips", SKIPS),
            Categorical("dropout", (0, 150)),
            Categorical("end.pool", ENDS),
            Categorical("end.hidden", (0, 32, 64, 128)),
            Categorical("end.dropout", (0, 200, 500)),
        ]
        for layer in range(1, self.layers + 1):
            found += [
                # the first layer has weights: from there on every width is known, whatever the image
                Categorical(f"layer{layer}.operation", LAYERS if layer > 1 else LAYERS[:3]),
                Categorical(f"layer{layer}.kernel", (1, 3, 5, 7)),
                Categorical(f"layer{layer}.widen", (1, 2)),
                Categorical(f"layer{layer}.stride", (1, 2)),
            ]
            if layer > 1:
                found.append(Categorical(f"layer{layer}.skip", tuple(range(min(layer - 1, FURTHEST_SKIP) + 1))))
        return tuple(found)

    def active(self, codes: Codes) -> Mask:
        found = np.ones(codes.shape, np.bool_)
        mixed, skips = codes[:, self.columns["kernel"]] == 0, codes[:, self.columns["skips"]] > 0
        for layer in range(1, self.layers + 1):
            there = codes[:, self.columns["depth"]] >= layer - 1
            weighted = there & (codes[:, self.columns[f"layer{layer}.operation"]] < LAYERS.index("max_pool"))
            found[:, self.columns[f"layer{layer}.operation"]] = there
            found[:, self.columns[f"layer{layer}.stride"]] = there
            found[:, self.columns[f"layer{layer}.kernel"]] = weighted & mixed
            found[:, self.columns[f"layer{layer}.widen"]] = weighted
            if layer > 1:
                found[:, self.columns[f"layer{layer}.skip"]] = there & skips
        return found

    def decode_batch(self, codes: Codes) -> GraphBatch:
        return _Construction(self, self.normalise(codes)).finish()


class _Construction(Construction[Chain]):
    """The networks of one batch of codes while they are written."""

    def __init__(self, space: Chain, codes: Codes) -> None:
        super().__init__(space, codes, FUNCTIONS)
        self.kernel = np.array([0, 1, 3, 5, 7])[self.of("kernel")]
        self.norm = self.of("norm")

    def finish(self) -> GraphBatch:
        n = len(self.codes)
        # what each layer left: its node, its channels (0 stands for those of the image), how often it was halved
        nodes, channels, halvings = [self.builder.image], [np.zeros(n, np.int64)], [np.zeros(n, np.int64)]
        depth = self.value("depth")
        for layer in range(1, self.space.layers + 1):
            there = depth >= layer
            x, c = self.layer(layer, there, nodes[-1], channels[-1])
            h = halvings[-1] + (there & (self.of(f"layer{layer}.stride") == 1))
            if layer > 1:
                back = np.where(there, self.of(f"layer{layer}.skip"), 0)
                x, c = self.joined(back, x, c, h, nodes, channels, halvings)
            nodes.append(x)
            channels.append(c)
            halvings.append(h)
        self.end(nodes[-1])
        return self.builder.finish()

    def layer(self, layer: int, there: Mask, x: Nodes, channels: Ints) -> tuple[Nodes, Ints]:
        """Layer number `layer` after x where it is there: its node and its channels."""
        builder, operation = self.builder, self.of(f"layer{layer}.operation")
        stride = self.value(f"layer{layer}.stride")
        width = self.value("width") * self.value(f"layer{layer}.widen")
        kernel = np.where(self.kernel == 0, self.value(f"layer{layer}.kernel"), self.kernel)
        plain, residual, separable, largest, mean = (there & (operation == at) for at in range(len(LAYERS)))
        weighted = plain | residual | separable
        square = {"kernel": kernel, "padding": kernel // 2}

        # first convolution; that of a separable one is pointwise, the depthwise one strides
        body = builder.then(
            x,
            Convolution,
            where=weighted,
            channels=width,
            kernel=np.where(separable, 1, kernel),
            padding=np.where(separable, 0, kernel // 2),
            stride=np.where(separable, 1, stride),
        )
        body = builder.then(body, Convolution, where=separable, channels=width, stride=stride, groups=width, **square)
        body = self.normed(body, weighted)
        body = self.activated(body, residual)
        body = builder.then(body, Convolution, where=residual, channels=width, **square)
        body = self.normed(body, residual)
        projected = residual & ((channels != width) | (stride == 2))
        shortcut = builder.then(x, Convolution, where=projected, channels=width, kernel=1, padding=0, stride=stride)
        shortcut = self.normed(shortcut, projected)
        body = np.where(residual, builder.add(Add, shortcut, body, where=residual), body)
        body = self.activated(body, weighted)
        dropped = weighted & (self.of("dropout") == 1)
        body = builder.then(body, Dropout, where=dropped, permille=self.value("dropout"))
        body = builder.then(body, MaxPool, where=largest, kernel=3, stride=stride, padding=1)
        body = builder.then(body, AveragePool, where=mean, kernel=3, stride=stride, padding=1, count_padding=False)
        return body, np.where(weighted, width, channels)

    def normed(self, x: Nodes, where: Mask) -> Nodes:
        x = self.builder.then(x, BatchNorm, where=where & (self.norm == NORMS.index("batch")))
        return self.builder.then(x, GroupNorm, where=where & (self.norm == NORMS.index("group")), groups=GROUPS)

    def activated(self, x: Nodes, where: Mask) -> Nodes:
        return self.builder.then(x, Activation, where=where, function=self.function)

    def joined(
        self,
        back: Ints,
        x: Nodes,
        channels: Ints,
        halved: Ints,
        nodes: list[Nodes],
        all_channels: list[Ints],
        all_halvings: list[Ints],
    ) -> tuple[Nodes, Ints]:
        """x joined by the output of the layer `back` layers before it (0: none), made to fit."""
        near = range(1, min(FURTHEST_SKIP, len(nodes) - 1) + 1)
        which = [back == distance for distance in near]
        source = np.select(which, [nodes[-distance] for distance in near], -1)
        source_channels = np.select(which, [all_channels[-distance] for distance in near], 0)
        halvings = halved - np.select(which, [all_halvings[-distance] for distance in near], 0)
        there, builder = back > 0, self.builder
        added, concatenated = (there & (self.of("skips") == SKIPS.index(join)) for join in ("add", "concatenate"))
        step = 1 << halvings
        source = builder.then(source, AveragePool, where=there & (halvings > 0), kernel=step, stride=step, ceil=True)
        unlike = added & (source_channels != channels)
        source = builder.then(source, Convolution, where=unlike, channels=channels, kernel=1, padding=0)
        total = builder.add(Add, x, source, where=added)
        both = builder.add(Concatenate, x, source, where=concatenated)
        return np.select([added, concatenated], [total, both], x), channels + source_channels * concatenated

    def end(self, x: Nodes) -> None:
        """Pooling, flattening, an optional hidden layer, dropout and the classifier."""
        builder, pool = self.builder, self.of("end.pool")
        averaged = (pool == ENDS.index("average")) | (pool == ENDS.index("grid"))
        x = builder.then(x, AdaptiveAveragePool, where=averaged, size=np.where(pool == ENDS.index("grid"), 2, 1))
        x = builder.then(x, AdaptiveMaxPool, where=pool == ENDS.index("max"))
        x = builder.add(Flatten, x)
        hidden = self.value("end.hidden")
        x = builder.then(x, Linear, where=hidden > 0, features=hidden)
        x = self.activated(x, hidden > 0)
        x = builder.then(x, Dropout, where=self.of("end.dropout") > 0, permille=self.value("end.dropout"))
        builder.add(Classifier, x)
