"""`SharedWeights`: one set of weights for every network of a space, each of which takes those of its places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from presage.architecture.graph import Architecture
from presage.architecture.operations import Operation, Shape
from presage.architecture.spaces.space import Codes, Space
from presage.architecture.torch_bridge.build import Network, weighted_module
from presage.training.loop import fixed_randomness

__all__ = ["SharedWeights", "accuracy", "normalising_by_batch"]


class SharedWeights:
    """The child networks of a space share weights (ENAS, Pham et al. 2018, arXiv 1802.03268).

    Two networks share the weights of a node where it stands at the same place (the same call of the space's
    `GraphBatchBuilder` wrote it), does the same operation and reads as many channels. A space that writes its networks
    without one shares by order: the first node of an operation and width, the second, and so on. Nothing here knows
    any space.

    Weights are drawn when a network first asks for them; what is drawn depends on `seed` and the place alone.
    """

    def __init__(
        self, space: Space, input_shape: tuple[int, int, int], classes: int, *, seed: int, device: torch.device
    ) -> None:
        self.space, self.input_shape, self.classes = space, input_shape, classes
        self.seed, self.device = seed, device
        self.modules: dict[str, nn.Module] = {}
        self._names: dict[int, str] = {}
        self._stored: dict[str, Tensor] = {}  # of a checkpoint, not asked for yet

    def children(self, codes: Codes) -> Iterator[Network]:
        """The networks of (n, p) codes, one after the other: modules whose weights are the shared ones."""
        batch = self.space.decode_batch(codes)
        for at in range(len(codes)):
            calls = None
            if batch.calls is not None:
                calls = batch.calls[batch.node_start[at] : batch.node_start[at + 1]].tolist()
            architecture = batch.architecture(at)
            yield self._child(architecture, _places(architecture, calls))

    def child(self, code: Codes) -> Network:
        """The network of one code (p,)."""
        return next(self.children(code[None]))

    def _child(self, architecture: Architecture, places: list[str]) -> Network:

        def module_of(index: int, inputs: Sequence[Shape]) -> nn.Module | None:
            operation = architecture.nodes[index].operation
            if not (operation.weighted or operation.normalises):
                return None
            return self._module(f"{places[index]}|{inputs[0][0]}", operation, inputs)

        return Network(architecture, self.input_shape, self.classes, module_of)

    def _module(self, key: str, operation: Operation, inputs: Sequence[Shape]) -> nn.Module:
        if key not in self.modules:
            with fixed_randomness(self.seed, torch.device("cpu"), crc32(key.encode())):
                module = weighted_module(operation, inputs, self.classes)
            assert module is not None
            stored = {name: self._stored.pop(f"{key}|{name}", None) for name in module.state_dict()}
            if all(value is not None for value in stored.values()):
                module.load_state_dict({name: value for name, value in stored.items() if value is not None})
            self.modules[key] = module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._names[id(self.modules[key])] = key
        return self.modules[key]

    def parameters_of(self, child: Network) -> dict[str, nn.Parameter]:
        """Name → weight of what a child uses, names being the same for every child."""
        return {
            f"{self._names[id(module)]}|{name}": weight
            for module in child.children()
            for name, weight in module.named_parameters()
        }

    def key_of(self, module: nn.Module) -> str:
        """The place of a module that a child uses."""
        return self._names[id(module)]

    @property
    def size(self) -> int:
        """Number of shared weights drawn so far."""
        drawn = sum(weight.numel() for module in self.modules.values() for weight in module.parameters())
        return drawn + sum(value.numel() for name, value in self._stored.items() if name.endswith(("|weight", "|bias")))

    def state(self) -> dict[str, Tensor]:
        """All weights drawn so far."""
        found = dict(self._stored)
        for key, module in self.modules.items():
            found |= {f"{key}|{name}": value.detach().clone() for name, value in module.state_dict().items()}
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.modules.clear()
        self._names.clear()
        self._stored = dict(state)


def _places(architecture: Architecture, calls: list[int] | None) -> list[str]:
    """A name for the place of each node."""
    if calls is not None:
        return [f"{call} {node.operation}" for call, node in zip(calls, architecture.nodes, strict=True)]
    seen: Counter[str] = Counter()
    found = []
    for node in architecture.nodes:
        name = str(node.operation)
        found.append(f"#{seen[name]} {name}")
        seen[name] += 1
    return found


def normalising_by_batch(module: nn.Module) -> nn.Module:
    """The module as it is scored: no dropout, but batch normalisation by the batch at hand, for the running statistics
    of shared weights belong to no network."""
    module.eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.train()
    return module


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of the labels (b,) hit by logits (b, k); NaN where a logit is not finite."""
    if not bool(torch.isfinite(logits).all()):
        return float(np.nan)
    return float((logits.argmax(dim=1) == labels).double().mean())
