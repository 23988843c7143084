"""Layers that `build` needs and torch has not: weights that are made of what is learned, scales and shifts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.decimals import value_of
from presage.architecture.operations import Convolution
from presage.architecture.torch_bridge.standardising import standardised

__all__ = [
    "ChannelConvolutionLayer",
    "ChannelNormLayer",
    "GainedLinear",
    "MadeConvolution",
    "MeanClassifier",
    "NormedClassifier",
    "PooledClassifier",
    "RmsNormLayer",
    "ScaleLayer",
    "ShiftLayer",
    "binomial",
    "kernels",
]


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    """(c,) or () values as they act on (b, c, …)."""
    return values if values.dim() == 0 else values.reshape(-1, *(1,) * (x.dim() - 2))


def _hold(layer: nn.Module, name: str, values: Tensor, fixed: bool) -> None:
    if fixed:
        layer.register_buffer(name, values)
    else:
        layer.register_parameter(name, nn.Parameter(values))


class ScaleLayer(nn.Module):
    """Times a learned number for each of the channels; None: one for all. Or a `fixed` one: a buffer."""

    weight: Tensor

    def __init__(self, channels: int | None, fixed: bool = False) -> None:
        super().__init__()
        _hold(self, "weight", torch.ones(() if channels is None else channels), fixed)

    def forward(self, x: Tensor) -> Tensor:
        return x * _per_channel(self.weight, x)


class ShiftLayer(nn.Module):
    """Plus a learned number for each of the channels; None: one for all. Or a `fixed` one: a buffer."""

    bias: Tensor

    def __init__(self, channels: int | None, fixed: bool = False) -> None:
        super().__init__()
        _hold(self, "bias", torch.zeros(() if channels is None else channels), fixed)

    def forward(self, x: Tensor) -> Tensor:
        return x + _per_channel(self.bias, x)


class ChannelNormLayer(nn.Module):
    """Layer normalisation over axis 1."""

    def __init__(self, channels: int, affine: bool, bias: bool, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        return F.layer_norm(last, last.shape[-1:], self.weight, self.bias, self.epsilon).movedim(-1, 1)


class RmsNormLayer(nn.Module):
    """Over the root of the mean square of axis 1."""

    def __init__(self, channels: int, affine: bool, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        normed = x * torch.rsqrt(x.square().mean(1, keepdim=True) + self.epsilon)
        return normed if self.weight is None else normed * _per_channel(self.weight, x)


class ChannelConvolutionLayer(nn.Module):
    """1-d convolution along axis 1, the same at every pixel."""

    def __init__(self, kernel: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, 1, kernel))
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        made = F.conv1d(last.reshape(-1, 1, last.shape[-1]), self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        return made.reshape(last.shape).movedim(-1, 1)


class MadeConvolution(nn.Conv2d):
    """A convolution whose kernels are made of its weights: standardised, or of a learned norm, or both.

    Args:
        convolution: the plain one, whose weights it takes.
        operation: says how: kernels with a gain that are not standardised are divided by their norm (arXiv 1602.07868).
    """

    def __init__(self, convolution: nn.Conv2d, operation: Convolution) -> None:
        super().__init__(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type] # torch: a pair, of any length
            convolution.stride,  # type: ignore[arg-type]
            convolution.padding,  # type: ignore[arg-type]
            convolution.dilation,  # type: ignore[arg-type]
            convolution.groups,
            convolution.bias is not None,
        )
        self.weight, self.bias = convolution.weight, convolution.bias
        self.operation = operation
        fan_in = self.weight[0].numel()
        alike = torch.full((self.out_channels,), fan_in**-0.5)
        start = alike if operation.standardised else _norms(self.weight).detach()
        self.gain = nn.Parameter(start) if operation.gain else None

    def kernels(self) -> Tensor:
        """(o, c / groups, h, w) what it convolves with."""
        flat, made = self.weight.flatten(1), self.operation
        if made.standardised:
            flat = standardised(flat, value_of(made.epsilon), made.unbiased, made.outside)
        else:
            flat = flat / _norms(self.weight)[:, None]
        if self.gain is not None:
            flat = flat * self.gain[:, None]
        return flat.view_as(self.weight)

    def forward(self, input: Tensor) -> Tensor:  # torch's own name for it
        made: Tensor = self._conv_forward(input, self.kernels(), self.bias)
        return made


class GainedLinear(nn.Linear):
    """A linear layer whose rows have norms of their own, learned (arXiv 1602.07868)."""

    def __init__(self, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__(inputs, outputs, bias)
        self.gain = nn.Parameter(_norms(self.weight).detach())

    def forward(self, input: Tensor) -> Tensor:  # torch's own name for it
        return F.linear(input, self.weight * (self.gain / _norms(self.weight))[:, None], self.bias)


class PooledClassifier(nn.Conv2d):
    """Classes of every pixel, (b, c, h, w) → the mean of them, (b, k).

    Args:
        norm: batch normalisation of the classes, before the ReLU; None for none.
    """

    def __init__(
        self, channels: int, classes: int, bias: bool, rectified: bool, norm: nn.BatchNorm2d | None = None
    ) -> None:
        super().__init__(channels, classes, 1, bias=bias)
        self.rectified, self.norm = rectified, norm

    def forward(self, input: Tensor) -> Tensor:  # torch's own name for it
        made = super().forward(input)
        if self.norm is not None:
            made = self.norm(made)
        return (F.relu(made) if self.rectified else made).mean((2, 3))


class MeanClassifier(nn.Module):
    """The mean of several linear layers, each on a part of the features, (b, f) → (b, k)."""

    def __init__(self, features: int, classes: int, bias: bool, heads: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(features // heads, classes, bias) for _ in range(heads))

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(len(self.heads), 1)
        return torch.stack([head(part) for head, part in zip(self.heads, parts, strict=True)]).mean(0)


class NormedClassifier(nn.Linear):
    """A linear layer whose outputs are batch-normalised, (b, f) → (b, k)."""

    def __init__(self, features: int, classes: int, bias: bool, rectified: bool, norm: nn.BatchNorm1d) -> None:
        super().__init__(features, classes, bias)
        self.rectified, self.norm = rectified, norm

    def forward(self, input: Tensor) -> Tensor:  # torch's own name for it
        made: Tensor = self.norm(super().forward(input))
        return F.relu(made) if self.rectified else made


def _norms(weight: Tensor) -> Tensor:
    """(o,) norm of each output's weights."""
    found: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return found


def binomial(channels: int, kernel: tuple[int, int]) -> Tensor:
    """(channels, 1, h, w) kernels of binomial coefficients that sum to 1."""
    rows = []
    for size in kernel:
        row = torch.ones(1)
        for _ in range(size - 1):
            row = F.pad(row, (0, 1)) + F.pad(row, (1, 0))
        rows.append(row / row.sum())
    return torch.outer(rows[0], rows[1]).repeat(channels, 1, 1, 1)


def kernels(convolution: nn.Conv2d) -> Tensor:
    """What a convolution convolves with."""
    return convolution.kernels() if isinstance(convolution, MadeConvolution) else convolution.weight
