"""The networks of NAS-Bench-Macro (Su et al. 2021, arXiv 2103.11922): an example of a space of one's own.

Eight layers, each an identity or one of two inverted bottlenecks; costs are exactly the benchmark's.

    python benchmarks/nbmacro.py      checks parameters and multiply-adds against the table
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
)
from presage.architecture.spaces.space import Categorical, Codes, Space

Mask = NDArray[np.bool_]
LAYERS = ((64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
"""Channels and stride of each layer."""


@dataclass(frozen=True)
class NBMacro(Space):
    """`identity`, `mb3` (kernel 3, expansion 3) or `mb5` (kernel 5, expansion 6) in each of eight layers.

    Where the shape changes, the identity is a pointwise convolution.
    """

    family: ClassVar[str] = "nbmacro"

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(Categorical(f"layer{layer}", ("identity", "mb3", "mb5")) for layer in range(1, 9))

    def decode_batch(self, codes: Codes) -> GraphBatch:
        builder, everywhere = GraphBatchBuilder(len(codes)), np.ones(len(codes), np.bool_)
        x, before = convolved(builder, builder.image, everywhere, 32, 3), 32
        for layer, (width, stride) in enumerate(LAYERS):
            there = codes[:, layer] > 0
            wide = codes[:, layer] == 2
            inner, kernel = before * np.where(wide, 6, 3), np.where(wide, 5, 3)
            y = convolved(builder, x, there, inner, 1)
            y = convolved(builder, y, there, inner, kernel, stride=stride, groups=inner)
            y = normed(builder, y, there, width, 1)
            if stride == 1 and before == width:
                y = builder.add(Add, x, y, where=there)
            else:
                x = normed(builder, x, ~there, width, 1, stride=stride)
            x, before = np.where(there, y, x), width
        x = convolved(builder, x, everywhere, 1280, 1)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()


def normed(
    builder: GraphBatchBuilder,
    x: Nodes,
    where: Mask,
    width: object,
    kernel: object,
    stride: int = 1,
    groups: object = 1,
) -> Nodes:
    """A convolution and its batch norm, in the networks of `where`."""
    padding = kernel // 2  # type: ignore[operator] # an integer, or one for each network
    x = builder.then(
        x, Convolution, where=where, channels=width, kernel=kernel, padding=padding, stride=stride, groups=groups
    )
    return builder.then(x, BatchNorm, where=where)


def convolved(
    builder: GraphBatchBuilder,
    x: Nodes,
    where: Mask,
    width: object,
    kernel: object,
    stride: int = 1,
    groups: object = 1,
) -> Nodes:
    """The same with a ReLU."""
    return builder.then(normed(builder, x, where, width, kernel, stride, groups), Activation, where=where)


def main() -> None:
    import pyarrow.parquet

    path = Path(__file__).resolve().parents[2] / "shared" / "tables" / "nbmacro.parquet"
    if not path.exists():
        print("Skipped: needs ../shared/tables/nbmacro.parquet, which only developers have.")
        return
    table = pyarrow.parquet.read_table(path).to_pydict()
    codes = np.array([[int(choice) for choice in name] for name in table["arch"]], np.int64)
    costs = batch_costs(NBMacro().decode_batch(codes), (3, 32, 32), 10)
    parameters = int((costs.parameters == np.array(table["params"])).sum())
    multiply_adds = int((costs.multiply_adds == np.array(table["flops"])).sum())
    print(f"Of {len(codes)} networks, {parameters} have the table's parameters, {multiply_adds} its multiply-adds.")


if __name__ == "__main__":
    main()
