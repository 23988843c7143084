"""What a step of a torch module works on, beside the tensors that depend on the images: weights, and what is made of
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from presage.architecture.torch_bridge.layers import binomial
from presage.architecture.torch_bridge.layouts import NodeWriter, Refused
from presage.architecture.torch_bridge.standardising import TOLERANCE, standardisation

__all__ = ["Known", "Source", "TraceStep", "Weights"]

MOST_BLURRED = 9
"""Pixels of a blurring kernel, at most."""


@dataclass(frozen=True)
class Known:
    """A tensor that does not depend on the images.

    Attributes:
        tensor: its values.
        parameters, buffers: names of those it is made of.
    """

    tensor: Tensor
    parameters: frozenset[str] = frozenset()
    buffers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Source:
    """Where a tensor of a built network comes from.

    Attributes:
        own: its name in the node's module.
        tensor: its name in the traced module.
        factor: times this.
        transposed: whether its two axes are swapped.
        values: of fixed numbers, which have no name, themselves.
    """

    own: str
    tensor: str
    factor: float = 1.0
    transposed: bool = False
    values: Tensor | None = field(default=None, compare=False)


class Weights:
    """The tensors of the traced module, and which of them each node holds.

    Args:
        statistics: names of buffers that a training changes, though nothing learns them.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        statistics: frozenset[str] = frozenset(),
    ) -> None:
        self.parameters, self.buffers, self.statistics = parameters, buffers, statistics
        self.sources: dict[int, list[Source]] = {}

    def hold(self, node: int, *sources: Source | None) -> None:
        """The node holds these."""
        self.sources.setdefault(node, []).extend(source for source in sources if source is not None)

    def refuse_statistics(self, known: Known) -> None:
        """What is made of running statistics is no constant, though it looks like one in evaluation."""
        found = sorted(known.buffers & self.statistics)
        if found:
            raise Refused(f"it reckons with `{found[0]}`, which training changes, in a way that no operation has")

    def plain(self, own: str, known: object) -> Source | None:
        """The parameter or buffer that a tensor is, as `own`; None for none.

        Raises:
            Refused: it is made of parameters in a way of its own, or of none.
        """
        if known is None:
            return None
        if not isinstance(known, Known):
            raise Refused("its weights are computed from the images")
        names = known.parameters or known.buffers
        if len(names) == 1:
            name = next(iter(names))
            held = self.parameters[name] if known.parameters else self.buffers[name]
            if held.numel() == known.tensor.numel():
                if torch.equal(held.reshape(-1), known.tensor.reshape(-1)):
                    return Source(own, name)
                if held.dim() == 2 and known.tensor.dim() == 2 and torch.equal(held.t(), known.tensor):
                    return Source(own, name, transposed=True)
                made_of_both = known.parameters and known.buffers  # a spectral norm's: told by `kernels`
                factor = None if made_of_both else _factor(known.tensor.reshape(-1), held.reshape(-1))
                if factor is not None:
                    return Source(own, name, factor)
        made = ", ".join(f"`{name}`" for name in sorted(names)) or "no parameter"
        raise Refused(f"its weights are computed from {made}, in a way that no operation has")

    def kernels(self, known: object) -> tuple[dict[str, Any], list[Source]]:
        """How weights (o, …) are made of what is learned: fields of `Convolution` or `Linear`, and the tensors.

        Told by the numbers, for papers' formulas are spelled in many ways.

        Raises:
            Refused: where no such field says it.
        """
        try:
            plain = self.plain("weight", known)
        except Refused:
            if not isinstance(known, Known):
                raise
            if not known.parameters:
                return self._binomial(known) or self._fixed(known)
            found = self._made(known)
            if found is None:
                raise
            return found
        assert plain is not None
        if plain.tensor in self.buffers:
            assert isinstance(known, Known)
            return self._binomial(known) or self._fixed(known)
        return {}, [plain]

    def _fixed(self, known: Known) -> tuple[dict[str, Any], list[Source]]:
        self.refuse_statistics(known)
        return {"fixed": True}, [Source("weight", "", values=known.tensor.clone())]

    def _binomial(self, known: Known) -> tuple[dict[str, Any], list[Source]] | None:
        kernels = known.tensor
        if known.parameters or kernels.dim() != 4 or kernels.shape[1] != 1:
            return None
        rows, columns = kernels.shape[2:]
        if max(rows, columns) > MOST_BLURRED or not torch.allclose(kernels, binomial(len(kernels), (rows, columns))):
            return None
        return {"binomial": True}, []

    def _made(self, known: Known) -> tuple[dict[str, Any], list[Source]] | None:
        made = known.tensor.flatten(1).double()
        names = sorted(known.parameters)
        weight = next((name for name in names if self.parameters[name].numel() == made.numel() > len(made)), None)
        others = [name for name in names if name != weight]
        if weight is None or len(others) > 1 or any(self.parameters[name].numel() != len(made) for name in others):
            return None
        flat = self.parameters[weight].reshape(made.shape).double()
        if not others:
            ratio = _ratio(made, flat)
            if ratio is not None and _alike(ratio, ratio.mean()):
                return self._spectral(known, weight, made.shape)
        gain = self.parameters[others[0]].reshape(-1).double() if others else torch.ones(len(made)).double()
        ratio = _ratio(made, flat - flat.mean(1, keepdim=True))
        told = None if ratio is None else standardisation(flat, ratio, gain if others else None)
        if told is not None:
            fields, factor = told
            return fields, [Source("weight", weight), *(Source("gain", name, factor) for name in others)]
        ratio = _ratio(made, flat)
        if ratio is not None and others and _alike(ratio * torch.linalg.vector_norm(flat, dim=1), gain):
            return {"gain": True}, [Source("weight", weight), Source("gain", others[0])]
        return None

    def _spectral(self, known: Known, weight: str, shape: torch.Size) -> tuple[dict[str, Any], list[Source]] | None:
        def named(length: int, last: str) -> str | None:
            fits = [name for name in sorted(known.buffers) if self.buffers[name].numel() == length]
            return next((name for name in fits if name.endswith(last)), None)

        left, right = named(shape[0], "_u"), named(shape[1], "_v")
        if left is None or right is None:
            return None
        own = "parametrizations.weight"
        sources = [Source(f"{own}.original", weight), Source(f"{own}.0._u", left), Source(f"{own}.0._v", right)]
        return {"spectral": True}, sources


def _factor(made: Tensor, of: Tensor) -> float | None:
    """By how much one tensor is the other; None where it is no multiple."""
    ratio = _ratio(made[None].double(), of[None].double())
    return None if ratio is None or float(ratio) == 0 else float(ratio)


def _ratio(made: Tensor, of: Tensor) -> Tensor | None:
    """(o,) by how much each row of one is the row of the other; None where some is no multiple."""
    ratio = (made * of).sum(1) / of.square().sum(1)
    return ratio if bool(torch.isfinite(ratio).all()) and _alike(made, ratio[:, None] * of) else None


def _alike(left: Tensor, right: Tensor) -> bool:
    return bool((left - right).abs().max() <= TOLERANCE * right.abs().max())


@dataclass(frozen=True)
class TraceStep:
    """One call at hand: where nodes are written, where weights are looked up, and what torch gave."""

    writer: NodeWriter
    weights: Weights
    result: object

    @property
    def sizes(self) -> tuple[int, ...]:
        """Shape of the tensor that came out."""
        assert isinstance(self.result, Tensor)
        return tuple(self.result.shape)
