"""`build`: an architecture as a trainable `torch.nn.Module`.

The module runs the graph exactly as it is given (not its canonical form): nodes in order, each tensor dropped once its
last reader has run, ReLU in place where nothing else sees its input. Weights of node 7 are called ``n7.weight``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupNorm,
    Identity,
    Linear,
    MaxPool,
    Multiply,
    Operation,
    Shape,
    Slice,
    Zero,
)
from presage.architecture.stages import stage_ends
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["MOST_PARAMETERS", "Network", "Step", "build", "weighted_module"]

_LARGEST_STRIDED = 32  # pixels: the side up to which torch's own strided 1x1 convolution is trusted
MOST_PARAMETERS = 2_000_000_000
"""More parameters than this are refused: 8 GB of float32 weights, and three times as much to train."""

ModuleOf = Callable[[int, Sequence[Shape]], nn.Module | None]
Step = tuple[int, Callable[..., Tensor], tuple[int, ...], tuple[int, ...]]


def build(architecture: Architecture, input_shape: Sequence[int], classes: int) -> Network:
    """The network for images ``(c, h, w)`` and `classes` outputs, freshly initialised by torch's global generator.

    Raises:
        InvalidArchitecture: where shapes do not fit, or it has more than `MOST_PARAMETERS` parameters.
    """
    parameters = costs(architecture, input_shape, classes).parameters
    if parameters > MOST_PARAMETERS:
        raise InvalidArchitecture(
            f"The architecture must have at most {MOST_PARAMETERS:,} parameters to be built. Got {parameters:,}."
        )
    return Network(architecture, input_shape, classes)


class Network(nn.Module):
    """An architecture as a module: images ``(b, c, h, w)`` → logits ``(b, k)``.

    Attributes:
        architecture: what it was built from.
        prefixes: nodes after which a depth head may read the network, see `presage.architecture.stages.stage_ends`.
        shapes: output shape of every node, without the batch axis.

    Args:
        module_of: gives the module of a node with weights by its position and the shapes of its inputs, None for the
            others; fresh modules by default.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_shape: Sequence[int],
        classes: int,
        module_of: ModuleOf | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.shapes = architecture.shapes(input_shape, classes)
        self.prefixes = stage_ends(architecture)
        for index, node in enumerate(architecture.nodes):
            inputs = [self.shapes[source] for source in node.inputs]
            module = module_of(index, inputs) if module_of else weighted_module(node.operation, inputs, classes)
            if module is not None:
                self.add_module(f"n{index}", module)
        self._plans: dict[tuple[int, ...], tuple[Step, ...]] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (b, k) of images (b, c, h, w)."""
        return self._run(images, ())[0]

    def forward_with_taps(self, images: Tensor, taps: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Logits (b, k), and the output of each node in `taps`, (b, c, h, w) or (b, f), in the order of `taps`.

        Raises:
            InvalidArgument: where a tap is no node.
        """
        for tap in taps:
            if not 0 <= tap < len(self.architecture.nodes):
                raise InvalidArgument("taps", "Network", f"be nodes from 0 to {len(self.architecture.nodes) - 1}", tap)
        return self._run(images, tuple(taps))

    def _run(self, images: Tensor, taps: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
        plan = self._plans.get(taps)
        if plan is None:
            plan = self._plans[taps] = self._plan(frozenset(taps))
        tensors: list[Any] = [None] * len(self.architecture.nodes)
        tensors[0] = images
        for index, function, sources, done in plan:
            if len(sources) == 1:
                tensors[index] = function(tensors[sources[0]])
            else:
                tensors[index] = function(*[tensors[source] for source in sources])
            for source in done:
                tensors[source] = None
        return tensors[-1], [tensors[tap] for tap in taps]

    def _plan(self, taps: frozenset[int]) -> tuple[Step, ...]:
        """What to run, node by node: (node, function, inputs, tensors to drop afterwards)."""
        nodes = self.architecture.nodes
        readers: list[list[int]] = [[] for _ in nodes]
        for index, node in enumerate(nodes):
            for source in node.inputs:
                readers[source].append(index)
        drop: list[list[int]] = [[] for _ in nodes]
        for index, found in enumerate(readers[:-1]):
            if index not in taps:
                drop[found[-1] if found else index].append(index)
        steps: list[Step] = []
        for index, node in enumerate(nodes[1:], start=1):
            operation = node.operation
            function: Callable[..., Tensor]
            if hasattr(self, f"n{index}"):
                module = getattr(self, f"n{index}")
                function = _Subsampled(module) if _skips_pixels(operation, self.shapes[node.inputs[0]]) else module
            elif isinstance(operation, Dropout):
                function = _Noise(self, operation.permille / 1000, _dropout)
            elif isinstance(operation, DropPath):
                function = _Noise(self, operation.permille / 1000, _drop_path)
            else:
                source = node.inputs[0]
                overwrite = readers[source] == [index] and source not in taps and _is_fresh(nodes[source])
                function = _function(operation, self.shapes[source], overwrite)
            steps.append((index, function, node.inputs, tuple(drop[index])))
        return tuple(steps)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}}  # plans hold functions, and refer to this very module


def _skips_pixels(operation: Operation, shape: Shape) -> bool:
    """Whether it is a strided 1x1 convolution of a large image: oneDNN (of torch 2.14, on a CPU with AVX-512) writes
    beyond its memory in the backward pass of one, from sides of 48 and 8 channels on, and the process dies."""
    return (
        isinstance(operation, Convolution)
        and operation.kernel == (1, 1)
        and operation.padding == (0, 0)
        and operation.stride != (1, 1)
        and max(shape[1:]) > _LARGEST_STRIDED
    )


class _Subsampled:
    """A strided 1x1 convolution as one of stride 1 over the pixels that it reads: the same values."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self.convolution = convolution

    def __call__(self, x: Tensor) -> Tensor:
        down, across = self.convolution.stride
        pixels = x[:, :, ::down, ::across]
        if not x.is_contiguous():
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        return F.conv2d(pixels, self.convolution.weight, self.convolution.bias, groups=self.convolution.groups)


class _Noise:
    """Dropout of a kind, switched off when the network is not training."""

    def __init__(self, network: nn.Module, probability: float, function: Callable[[Tensor, float], Tensor]) -> None:
        self.network, self.probability, self.function = network, probability, function

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x, self.probability) if self.network.training and self.probability > 0 else x


def _dropout(x: Tensor, probability: float) -> Tensor:
    return F.dropout(x, probability)


def _drop_path(x: Tensor, probability: float) -> Tensor:
    """Stochastic depth (1603.09382): whole images of the branch are zeroed, the others scaled to keep the mean."""
    if probability >= 1:
        return torch.zeros_like(x)
    keep = torch.empty((x.shape[0],) + (1,) * (x.dim() - 1), dtype=x.dtype, device=x.device).bernoulli_(1 - probability)
    return x * keep.div_(1 - probability)


def _is_fresh(node: Node) -> bool:
    """Whether the output is a tensor of its own that the backward pass does not need: it may be overwritten."""
    operation = node.operation
    return operation.weighted or operation.normalises or (isinstance(operation, Add) and len(node.inputs) > 1)


def weighted_module(operation: Operation, inputs: Sequence[Shape], classes: int) -> nn.Module | None:
    """The module of an operation that holds weights or statistics, initialised; None for the others."""
    match operation:
        case Convolution():
            convolution = nn.Conv2d(
                inputs[0][0],
                operation.channels,
                operation.kernel,
                operation.stride,
                operation.padding,
                operation.dilation,
                operation.groups,
                operation.bias,
            )
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
            return convolution
        case Linear():
            linear = nn.Linear(inputs[0][0], operation.features, operation.bias)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            if operation.bias:
                nn.init.zeros_(linear.bias)
            return linear
        case Classifier():
            return nn.Linear(inputs[0][0], classes, operation.bias)
        case BatchNorm():
            kind = nn.BatchNorm2d if len(inputs[0]) == 3 else nn.BatchNorm1d
            return kind(inputs[0][0], affine=operation.affine)
        case GroupNorm():
            return nn.GroupNorm(operation.groups, inputs[0][0], affine=operation.affine)
    return None


def _function(operation: Operation, shape: Shape, overwrite: bool) -> Callable[..., Tensor]:
    """The function of an operation without weights. `shape`: of its first input; `overwrite`: it may work in place."""
    match operation:
        case Activation():
            return _activation(operation.function, overwrite)
        case MaxPool(kernel, stride, padding, ceil):
            return lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil)
        case AveragePool(kernel, stride, padding, ceil, count_padding):
            return lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, count_padding)
        case AdaptiveAveragePool(size):
            if size == (1, 1):
                return lambda x: x.mean((2, 3), keepdim=True)
            return lambda x: F.adaptive_avg_pool2d(x, size)
        case AdaptiveMaxPool(size):
            return lambda x: F.adaptive_max_pool2d(x, size)
        case Flatten():
            return lambda x: x.flatten(1)
        case Slice(start, stop):
            return lambda x: x[:, start:stop]
        case ChannelShuffle(groups):
            return lambda x: _shuffle(x, groups)
        case Add():
            return _add
        case Multiply():
            return torch.mul
        case Concatenate():
            return lambda *xs: torch.cat(xs, 1)
        case Zero():
            return torch.zeros_like
        case Identity():
            return lambda x: x
    raise InvalidArchitecture(f"The operation `{operation.name}` on {shape} cannot be built.")


def _activation(name: str, overwrite: bool) -> Callable[[Tensor], Tensor]:
    if name == "softmax":
        return lambda x: F.softmax(x, 1)
    if overwrite and name == "relu":
        return torch.relu_
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "relu": torch.relu,
        "relu6": F.relu6,
        "silu": F.silu,
        "gelu": F.gelu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "hardswish": F.hardswish,
        "hardsigmoid": F.hardsigmoid,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
    }
    return functions[name]


def _add(first: Tensor, *others: Tensor) -> Tensor:
    if not others:
        return first
    total = first + others[0]
    for other in others[1:]:
        # in place where the type allows: this tensor is this node's own
        total = total.add_(other) if total.dtype == other.dtype else total + other
    return total


def _shuffle(x: Tensor, groups: int) -> Tensor:
    """(b, g·c, …) → (b, c·g, …): channels of the groups interleaved."""
    b, c, *size = x.shape
    return x.reshape(b, groups, c // groups, *size).transpose(1, 2).reshape(b, c, *size)
