"""Which arithmetic a network is trained in: a fixed rule of hardware, network, images and batch.

On a CPU that multiplies bfloat16 (AVX-512 BF16, AMX) it pays where channels are many and images large, and costs time
where they are few. Timing both at run time would make results depend on the machine's load, so the seconds of a step
in either are estimated from the graph: prices of kinds of operations, fitted by `benchmarks/precision.py` on networks
of all spaces (regret 1.02, worst 1.3). Tensors are channels-last in either: contiguous ones were the fastest for
no network measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import NamedTuple

import torch
from torch import nn

from presage.architecture.graph import Architecture
from presage.architecture.operation import Operation
from presage.architecture.operations import AveragePool, Convolution, MaxPool, Shape
from presage.architecture.torch_bridge.build import Network
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

__all__ = [
    "BFLOAT16",
    "FLOAT32",
    "LEAST_GAIN",
    "Prices",
    "choose_precision",
    "multiplies_bfloat16",
    "precision_of",
    "step_seconds",
    "step_work",
]

_WIDE, _MEDIUM = 32, 16  # channels of a group


class Prices(NamedTuple):
    """Of a training step, forward and backward: how much of each there is, or the seconds of one of each.

    Attributes:
        operation: operations of the network. All others are for each image of the batch.
        wide, medium, narrow: multiply-adds of convolutions whose groups read and write 32 channels or more, 16 or
            more, fewer; depthwise ones apart.
        depthwise: multiply-adds of depthwise convolutions, some of which run in float32 in either.
        pooled: numbers read by the windows of poolings.
        moved: numbers read and written by all the others, and by convolutions that are not depthwise.
    """

    operation: float
    wide: float
    medium: float
    narrow: float
    depthwise: float
    pooled: float
    moved: float


@cache
def multiplies_bfloat16(device_type: str) -> bool:
    """Whether the hardware multiplies bfloat16 itself: a GPU by its own account, a CPU by its instructions."""
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type != "cpu":
        return False
    able = torch.cpu.get_capabilities()  # type: ignore[no-untyped-call, unused-ignore]
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


FLOAT32 = Prices(
    operation=1.66e-4, wide=4.53e-11, medium=5.87e-11, narrow=9.6e-11,
    depthwise=6.12e-10, pooled=1.54e-10, moved=1.06e-9
)  # fmt: skip
BFLOAT16 = Prices(
    operation=2.5e-4, wide=2.19e-11, medium=2.82e-11, narrow=1.03e-10,
    depthwise=6.08e-10, pooled=4.78e-10, moved=7.03e-10
)  # fmt: skip
"""Seconds, on one thread of an AMD EPYC with AVX-512 BF16, torch 2.14; what counts is how they compare."""

LEAST_GAIN = 1.1
"""By how many times a step must be estimated faster in bfloat16 to be trained in it."""


def choose_precision(
    asked: str, device: torch.device, architecture: Architecture | None, shape: Sequence[int], classes: int, batch: int
) -> str:
    """`float32` or `bfloat16`, the same on every machine with such hardware, whatever its load and threads.

    `auto` takes bfloat16 on a GPU that multiplies it. On a CPU that does, it takes what this architecture's steps are
    estimated to be faster in, and float32 for a module whose architecture is not known.

    Args:
        asked: one of `presage.training.recipe.PRECISIONS`.
        architecture: as it is built; None where it is not known.
        shape: of the images, ``(c, h, w)``.
        batch: images a step.
    """
    if asked != "auto":
        return asked
    if not multiplies_bfloat16(device.type):
        return "float32"
    if device.type == "cuda":
        return "bfloat16"
    if architecture is None:
        return "float32"
    work = step_work(architecture, shape, classes, batch)
    return "bfloat16" if step_seconds(work, FLOAT32) > LEAST_GAIN * step_seconds(work, BFLOAT16) else "float32"


def precision_of(network: Architecture | nn.Module, data: DeviceData, recipe: Recipe) -> str:
    """The precision that `fit` and `train` train this network in on `data`."""
    architecture: Architecture | None = None
    if isinstance(network, Architecture):
        architecture = network.canonical
    elif isinstance(network, Network):
        architecture = network.architecture
    batch = min(recipe.batch, len(data.x_train))
    return choose_precision(recipe.precision, data.device, architecture, data.input_shape, data.classes, batch)


def step_work(architecture: Architecture, shape: Sequence[int], classes: int, batch: int) -> Prices:
    """What a step of `batch` images consists of."""
    shapes = architecture.shapes(shape, classes)
    total = dict.fromkeys(Prices._fields, 0)
    for index, node in enumerate(architecture.nodes):
        if node.inputs:
            total["operation"] += 1
            for kind, amount in _image_work(node.operation, [shapes[each] for each in node.inputs], shapes[index]):
                total[kind] += amount * batch
    return Prices(**{kind: float(amount) for kind, amount in total.items()})


def step_seconds(work: Prices, prices: Prices) -> float:
    """Estimated seconds of a step, forward and backward."""
    return sum(amount * price for amount, price in zip(work, prices, strict=True))


def _image_work(operation: Operation, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, int]]:
    """Of one image, all but the operation itself."""
    written, read = prod(output), sum(prod(each) for each in inputs)
    if isinstance(operation, Convolution):
        _, multiply_adds = operation.cost(operation, inputs[0], output)
        if operation.groups == operation.channels > 1:
            return [("depthwise", multiply_adds)]
        channels = min(inputs[0][0], operation.channels) // operation.groups
        width = "wide" if channels >= _WIDE else "medium" if channels >= _MEDIUM else "narrow"
        return [(width, multiply_adds), ("moved", read + written)]
    if isinstance(operation, MaxPool | AveragePool):
        return [("pooled", written * prod(operation.kernel))]
    return [("moved", read + written)]
