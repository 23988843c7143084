"""Random networks for property tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import torch

from presage.architecture import Architecture, Node
from presage.architecture.operations import (
    ACTIVATIONS,
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelConvolution,
    ChannelNorm,
    ChannelPool,
    ChannelShuffle,
    Classifier,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupedSoftmax,
    GroupNorm,
    Identity,
    Input,
    Linear,
    LocalResponseNorm,
    Maximum,
    MaxPool,
    Multiply,
    Operation,
    Pad,
    PadLowest,
    ParametricRelu,
    PixelNorm,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    RmsNorm,
    Scale,
    Shape,
    Shift,
    Slice,
    StretchedAdd,
    TransposedConvolution,
    Unflatten,
    Upsample,
    Zero,
)


def _random_architecture(seed: int) -> Architecture:
    """A valid network for images (4, 8, 8) with branches, dead nodes, zeros, equal branches and nested sums."""
    rng = random.Random(seed)
    nodes = [Node(Input())]
    shapes: list[Shape] = [(4, 8, 8)]

    def append(operation: Operation, *inputs: int) -> int:
        shapes.append(operation.shape([shapes[source] for source in inputs]))
        nodes.append(Node(operation, inputs))
        return len(nodes) - 1

    def single(channels: int) -> Operation:
        return rng.choice(
            [
                Convolution(channels),
                Convolution(channels, (1, 1), padding=(0, 0), bias=True),
                Convolution(channels, (3, 3), groups=2),
                BatchNorm(),
                BatchNorm(affine=False),
                GroupNorm(2),
                Activation(rng.choice(ACTIVATIONS[: ACTIVATIONS.index("power")])),
                Activation(),
                Dropout(rng.choice([0, 500])),
                Identity(),
                Zero(),
                MaxPool((3, 3), (1, 1), (1, 1)),
                MaxPool((1, 1), (1, 1)),
                AveragePool((3, 3), (1, 1), (1, 1), count_padding=False),
                ChannelShuffle(rng.choice([1, 2])),
            ]
        )

    for _ in range(rng.randrange(2, 14)):
        recent = range(max(0, len(nodes) - 6), len(nodes))
        source = rng.choice(recent)
        alike = [node for node in recent if shapes[node] == shapes[source]]
        kind = rng.random()
        if kind < 0.55:
            append(single(shapes[source][0]), source)
        elif kind < 0.85:
            append(Add(), *(rng.choice(alike) for _ in range(rng.randrange(1, 4))))
        elif kind < 0.9:
            append(Multiply(), source, append(AdaptiveAveragePool(), rng.choice(alike)))
        elif kind < 0.95:
            append(Slice(0, shapes[source][0]), append(Concatenate(), source, rng.choice(alike)))
        elif shapes[source][1] > 2:
            append(MaxPool(), source)
    last = len(nodes) - 1
    if rng.random() < 0.5:
        last = append(AdaptiveAveragePool(), last)
    last = append(Flatten(), last)
    if rng.random() < 0.3:
        last = append(Linear(4), last)
    append(Classifier(), last)
    return Architecture(tuple(nodes))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, and lose much where other work runs beside them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def random_architecture() -> Callable[[int], Architecture]:
    return _random_architecture


@pytest.fixture(scope="session")
def everything() -> Architecture:
    """A network that holds every operation, for images of any size and channels."""
    return Architecture(
        (
            Node(Input()),
            Node(Convolution(8, (5, 3), (2, 1), (3, 1), (1, 2), bias=True), (0,)),
            Node(BatchNorm(affine=False), (1,)),
            Node(GroupNorm(4), (2,)),
            Node(Activation("gelu"), (3,)),
            Node(ChannelShuffle(2), (4,)),
            Node(Slice(2, 6), (5,)),
            Node(Convolution(4, (3, 3), groups=2), (6,)),
            Node(Concatenate(), (7, 5, 6)),
            Node(AdaptiveAveragePool(), (8,)),
            Node(Activation("sigmoid"), (9,)),
            Node(Multiply(), (8, 10)),
            Node(Multiply(), (10, 8)),
            Node(Identity(), (11,)),
            Node(Zero(), (12,)),
            Node(Add(), (13, 14, 12)),
            Node(DropPath(50), (15,)),
            Node(MaxPool((3, 2), (2, 2), (1, 0), ceil=True), (16,)),
            Node(AveragePool((3, 3), (1, 1), (1, 1), count_padding=False), (17,)),
            Node(AdaptiveMaxPool((2, 3)), (18,)),
            Node(ChannelNorm(), (19,)),
            Node(Scale(), (20,)),
            Node(Shift(channelwise=False), (21,)),
            Node(ConstantProduct((-25, -2)), (22,)),
            Node(ConstantSum((5, -1)), (23,)),
            Node(ParametricRelu(), (24,)),
            Node(RmsNorm(epsilon=(1, -5)), (25,)),
            Node(GroupedSoftmax(2), (26,)),
            Node(ChannelConvolution(3), (27,)),
            Node(Upsample((2, 2), smooth=True), (28,)),
            Node(PixelUnshuffle(2), (29,)),
            Node(PixelShuffle(2), (30,)),
            Node(Pad((0, 2), (-1, 1), "replicate"), (31,)),
            Node(PadLowest((0, 1), (1, 0)), (32,)),
            Node(MaxPool((2, 2), (1, 1)), (33,)),
            Node(ChannelPool(), (34,)),
            Node(PixelNorm(), (34,)),
            Node(StretchedAdd(), (35, 36)),
            Node(TransposedConvolution(4, (3, 2), (2, 1), (1, 0), (1, 2), (1, 0), bias=True), (37,)),
            Node(Resize((5, 4), "bicubic", smoothed=True), (38,)),
            Node(LocalResponseNorm(3, (2, -1)), (39,)),
            Node(MaxPool((2, 2), (1, 1), (1, 1), dilation=(2, 1)), (40,)),
            Node(AdaptiveMaxPool(), (41,)),
            Node(Maximum(), (41, 42)),
            Node(Flatten(), (43,)),
            Node(Linear(7, bias=False), (44,)),
            Node(BatchNorm(), (45,)),
            Node(Unflatten(), (46,)),
            Node(Flatten(), (47,)),
            Node(Dropout(300), (48,)),
            Node(Classifier(normalised=True, affine=True), (49,)),
        )
    )
