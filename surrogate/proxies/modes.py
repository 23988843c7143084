"""What happens inside any module, whether it calls layers or functions: torch's calls seen one by one.

A `TorchFunctionMode` sees the calls of torch's Python functions, of a presage `Network` as of anybody's module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["ActivationKernel", "LastMap", "Linearised"]

_RECTIFIERS = frozenset({
    "relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "silu", "gelu", "mish", "hardswish", "softplus",
    "rrelu", "prelu", "tanh",
})  # fmt: skip
"""Activations that let through what is above 0: with a slope near 1, or near 0 at least (tanh)."""

_GATES = frozenset({"sigmoid", "hardsigmoid"})
_PASSED = _RECTIFIERS | {"softmax", "batch_norm", "group_norm", "layer_norm", "instance_norm"}


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", "")).rstrip("_")


class Linearised(TorchFunctionMode):
    """Inside, normalisations and activations pass their input through; a sigmoid gate is open (1)."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = _name(func)
        if name in _PASSED:
            return args[0] if args else (kwargs or {})["input"]
        if name in _GATES:
            return torch.ones_like(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))


class ActivationKernel(TorchFunctionMode):
    """Inside, codes of activation units (1 where the output is above 0) are summed up into a kernel over images.

    Attributes:
        kernel: (b, b) float64: for two images, the number of units in which their codes agree.
        units: number of units per image.
    """

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images
        self.kernel = torch.zeros(images, images, dtype=torch.float64)
        self.units = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if _name(func) in _RECTIFIERS and isinstance(output, Tensor) and len(output) == self.images:
            code = (output.detach().flatten(1) > 0).float()  # (b, u)
            both = (code @ code.T).double().cpu()  # exact below 2^24 units
            on = code.sum(1).double().cpu()
            self.kernel += both + (code.shape[1] - on[:, None] - on[None, :] + both)
            self.units += code.shape[1]
        return output


class LastMap(TorchFunctionMode):
    """Inside, the last feature map computed is kept: four axes, and more than one pixel.

    Attributes:
        output: (b, c, h, w); None where there was none, as in a network without convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.output: Tensor | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[2] * output.shape[3] > 1:
            self.output = output
        return output
