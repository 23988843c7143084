"""`EnasMacro`: whole networks layer by layer with any skip connections (ENAS, Pham et al. 2018, arXiv 1802.03268)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    MaxPool,
)
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.space import Categorical, Space
from presage.errors import InvalidArgument

__all__ = ["EnasMacro"]

Mask = NDArray[np.bool_]

CHOICES = ("conv_3x3", "conv_5x5", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
CONV3, CONV5, SEPARABLE3, SEPARABLE5, AVERAGE, LARGEST = range(6)


@dataclass(frozen=True)
class EnasMacro(Space):
    """`layers` layers; each does one of `CHOICES` to what the layer before it gives, and any earlier layers are added.

    ``layer4.skip2`` = 1 adds the output of layer 2 to that of layer 4; 0 stands for the stem. Layer k has k - 1 such
    parameters, so that there are 6^L · 2^(L(L-1)/2) networks, as in section 2.3 of the paper. As in the authors' child
    network, a 1×1 convolution comes before each operation, and a batch normalisation after each sum.

    After one third and two thirds of the layers the side is halved and the width doubled, by a 2×2 average pooling and
    a 1×1 convolution: as many weights as in the paper's two shifted 1×1 convolutions, for sides of any parity. Earlier
    layers are brought to the new size only where a later layer reads them. The paper's CIFAR-10 network is
    `layers=12, width=36` or wider; the defaults are small enough for a CPU.
    """

    family: ClassVar[str] = "enas_macro"
    layers: int = 6
    width: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= 50:
            raise InvalidArgument("layers", "EnasMacro", "be between 1 and 50", self.layers)
        if not 1 <= self.width <= 100_000:
            raise InvalidArgument("width", "EnasMacro", "be between 1 and 100000", self.width)

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        found = []
        for layer in range(1, self.layers + 1):
            found.append(Categorical(f"layer{layer}.operation", CHOICES))
            found += [Categorical(f"layer{layer}.skip{source}", (0, 1)) for source in range(layer - 1)]
        return tuple(found)

    @cached_property
    def skip_parameters(self) -> tuple[tuple[int, int, int], ...]:
        """(column, earlier layer, layer) of each parameter that is a skip connection; layer 0 is the stem."""
        return tuple(
            (self.columns[f"layer{layer}.skip{source}"], source, layer)
            for layer in range(1, self.layers + 1)
            for source in range(layer - 1)
        )

    def stage(self, layer: int) -> int:
        """How often the side was halved before this layer: 0, 1 or 2."""
        third = max(self.layers // 3, 1)
        return min(max(layer - 1, 0) // third, 2)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder = GraphBatchBuilder(len(codes))
        x = builder.add(Convolution, builder.image, channels=self.width, kernel=3, padding=1)
        # for each layer, the stem first, its output at the side and width of the layer now written
        outputs = [builder.add(BatchNorm, x)]
        for layer in range(1, self.layers + 1):
            stage = self.stage(layer)
            if stage > self.stage(layer - 1):
                needed = [self._read_from(codes, source, layer) for source in range(layer)]
                outputs = [
                    self._reduced(builder, output, self.width << stage, where)
                    for output, where in zip(outputs, needed, strict=True)
                ]
            body = self._layer(builder, outputs[-1], codes[:, self.columns[f"layer{layer}.operation"]], stage)
            skips = [codes[:, self.columns[f"layer{layer}.skip{source}"]] == 1 for source in range(layer - 1)]
            some = np.any(skips, axis=0) if skips else np.zeros(len(codes), np.bool_)
            terms = [np.where(skip, output, -1) for skip, output in zip(skips, outputs[:-1], strict=True)]
            total = builder.add(BatchNorm, builder.add(Add, body, *terms, where=some), where=some)
            outputs.append(np.where(some, total, body))
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, outputs[-1])))
        return builder.finish()

    def _read_from(self, codes: Codes, source: int, layer: int) -> Mask:
        """(n,) whether the output of layer `source` is read by `layer` or a later one."""
        if source == layer - 1:
            return np.ones(len(codes), np.bool_)
        later = [self.columns[f"layer{reader}.skip{source}"] for reader in range(layer, self.layers + 1)]
        read: Mask = np.any(codes[:, later] == 1, axis=1)
        return read

    def _reduced(self, builder: GraphBatchBuilder, x: Nodes, width: int, where: Mask) -> Nodes:
        x = builder.add(AveragePool, x, where=where, ceil=True)  # ceil: no image is too small
        x = builder.add(Convolution, x, where=where, channels=width, kernel=1, padding=0)
        return builder.add(BatchNorm, x, where=where)

    def _layer(self, builder: GraphBatchBuilder, x: Nodes, operation: NDArray[np.int64], stage: int) -> Nodes:
        width = self.width << stage
        x = builder.add(Convolution, x, channels=width, kernel=1, padding=0)
        x = builder.add(Activation, builder.add(BatchNorm, x))
        separable = (operation == SEPARABLE3) | (operation == SEPARABLE5)
        convolved = separable | (operation == CONV3) | (operation == CONV5)
        kernel = np.where((operation == CONV5) | (operation == SEPARABLE5), 5, 3)
        y = builder.then(
            x,
            Convolution,
            where=convolved,
            channels=width,
            kernel=kernel,
            padding=kernel // 2,
            groups=np.where(separable, width, 1),
        )
        y = builder.then(y, Convolution, where=separable, channels=width, kernel=1, padding=0)
        y = builder.then(y, BatchNorm, where=convolved)
        y = builder.then(y, Activation, where=convolved)
        window = {"kernel": 3, "stride": 1, "padding": 1}
        y = builder.then(y, AveragePool, where=operation == AVERAGE, count_padding=False, **window)
        return builder.then(y, MaxPool, where=operation == LARGEST, **window)
