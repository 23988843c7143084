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
from torch.nn.utils.parametrizations import spectral_norm

from presage.architecture.costs import MOST_PARAMETERS, costs
from presage.architecture.decimals import value_of
from presage.architecture.graph import Architecture, Node
from presage.architecture.node import readers_of
from presage.architecture.operations import (
    Add,
    BatchNorm,
    ChannelConvolution,
    ChannelNorm,
    Classifier,
    Convolution,
    Dropout,
    DropPath,
    GroupNorm,
    Linear,
    Operation,
    ParametricRelu,
    RmsNorm,
    Scale,
    Shape,
    Shift,
    TransposedConvolution,
)
from presage.architecture.stages import stage_ends
from presage.architecture.torch_bridge import layers
from presage.architecture.torch_bridge.functions import function_of
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["Network", "Step", "build", "slow_in_bfloat16", "weighted_module"]

_LARGEST_STRIDED = 32  # pixels: the side up to which torch's own strided 1x1 convolution is trusted

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
        self._plans: dict[tuple[tuple[int, ...], bool], tuple[Step, ...]] = {}

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
        lowered = images.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        plan = self._plans.get((taps, lowered))
        if plan is None:
            plan = self._plans[taps, lowered] = self._plan(frozenset(taps), lowered)
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

    def _plan(self, taps: frozenset[int], lowered: bool) -> tuple[Step, ...]:
        """What to run, node by node: (node, function, inputs, tensors to drop afterwards).

        Args:
            lowered: under autocast on a CPU, where some convolutions run in float32 all the same.
        """
        nodes = self.architecture.nodes
        readers = readers_of(nodes)
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
                if _skips_pixels(operation, self.shapes[node.inputs[0]]):
                    function = _Subsampled(module)
                elif lowered and slow_in_bfloat16(operation):
                    function = _InFloat32(module)
                else:
                    function = module
            elif isinstance(operation, Dropout):
                function = _Noise(self, operation.permille / 1000, _dropout)
            elif isinstance(operation, DropPath):
                function = _Noise(self, operation.permille / 1000, _drop_path)
            else:
                source = node.inputs[0]
                overwrite = readers[source] == [index] and source not in taps and _is_fresh(nodes[source])
                function = function_of(operation, self.shapes[source], overwrite)
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
        weight = layers.kernels(self.convolution)
        return F.conv2d(pixels, weight, self.convolution.bias, groups=self.convolution.groups)


def slow_in_bfloat16(operation: Operation) -> bool:
    """Whether it is a depthwise convolution that a CPU is slower at in bfloat16: of stride 2 (5 to 10 times), or of a
    window other than a dense 3x3 (twice; oneDNN of torch 2.14 with AVX-512)."""
    return (
        isinstance(operation, Convolution)
        and operation.groups == operation.channels > 1
        and (operation.stride != (1, 1) or operation.dilation != (1, 1) or operation.kernel != (3, 3))
    )


class _InFloat32:
    """A convolution in float32 under autocast, on what is bfloat16 before and after it."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        self.convolution = convolution

    def __call__(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            found: Tensor = self.convolution(x.float())
        return found.bfloat16()


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
            return _made(operation, convolution)
        case Linear():
            kind = layers.GainedLinear if operation.gain else nn.Linear
            linear = kind(inputs[0][0], operation.features, operation.bias)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            if operation.bias:
                nn.init.zeros_(linear.bias)
            return spectral_norm(linear) if operation.spectral else linear
        case TransposedConvolution(channels, kernel, stride, padding, dilation, rest, groups, bias):
            transposed = nn.ConvTranspose2d(
                inputs[0][0], channels, kernel, stride, padding, rest, groups, bias, dilation
            )  # fmt: skip
            nn.init.kaiming_normal_(transposed.weight, mode="fan_out", nonlinearity="relu")
            if transposed.bias is not None:
                nn.init.zeros_(transposed.bias)
            return transposed
        case Classifier():
            return _classifier(operation, inputs[0][0], classes)
        case BatchNorm():
            norm = nn.BatchNorm2d if len(inputs[0]) == 3 else nn.BatchNorm1d
            epsilon = value_of(operation.epsilon)
            return norm(inputs[0][0], epsilon, affine=operation.affine, track_running_stats=operation.tracked)
        case GroupNorm():
            epsilon = value_of(operation.epsilon)
            return nn.GroupNorm(operation.groups, inputs[0][0], epsilon, affine=operation.affine)
        case ChannelNorm():
            return layers.ChannelNormLayer(inputs[0][0], operation.affine, operation.bias, value_of(operation.epsilon))
        case RmsNorm():
            return layers.RmsNormLayer(inputs[0][0], operation.affine, value_of(operation.epsilon))
        case Scale():
            return layers.ScaleLayer(inputs[0][0] if operation.channelwise else None, operation.fixed)
        case Shift():
            return layers.ShiftLayer(inputs[0][0] if operation.channelwise else None, operation.fixed)
        case ParametricRelu():
            return nn.PReLU(inputs[0][0] if operation.channelwise else 1)
        case ChannelConvolution():
            return layers.ChannelConvolutionLayer(operation.kernel_size, operation.bias)
    return None


def _classifier(operation: Classifier, features: int, classes: int) -> nn.Module:
    bias, rectified = operation.bias, operation.rectified
    epsilon = value_of(operation.epsilon)
    if operation.pooled:
        maps = nn.BatchNorm2d(classes, epsilon, affine=operation.affine) if operation.normalised else None
        return layers.PooledClassifier(features, classes, bias, rectified, maps)
    if operation.normalised:
        norm = nn.BatchNorm1d(classes, epsilon, affine=operation.affine)
        return layers.NormedClassifier(features, classes, bias, rectified, norm)
    if operation.heads > 1:
        return layers.MeanClassifier(features, classes, bias, operation.heads)
    linear = (layers.GainedLinear if operation.gain else nn.Linear)(features, classes, bias)
    return spectral_norm(linear) if operation.spectral else linear


def _made(operation: Convolution, convolution: nn.Conv2d) -> nn.Module:
    """The convolution with its kernels made as the operation says."""
    if operation.binomial or operation.fixed:
        fixed = layers.binomial(operation.channels, operation.kernel) if operation.binomial else convolution.weight.data
        del convolution.weight
        convolution.register_buffer("weight", fixed, persistent=operation.fixed)
    if operation.standardised or operation.gain:
        return layers.MadeConvolution(convolution, operation)
    return spectral_norm(convolution) if operation.spectral else convolution
