"""SMASH: a hypernetwork that gives every network of a space its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from presage.architecture.spaces.space import Codes, Space
from presage.architecture.torch_bridge.build import Network
from presage.search.supernet.enas import Enas, Uniform
from presage.search.supernet.report import OneShotSettings
from presage.training.data import DeviceData
from presage.training.loop import fixed_randomness
from presage.training.recipe import Recipe

__all__ = ["HyperNetwork", "Smash"]

_HIDDEN, _CODE = 64, 8
_SHARE = 0.5  # spread of what the code adds to a weight at first, of the spread of the weight itself


class HyperNetwork:
    """Architecture → its weights: ``W = W₀ + A h(c)``, c being the code as one-hot choices.

    The inner layers ``h`` are one for all networks. Of the last layer each place of `SharedWeights` has its own: the
    matrix ``A``, kept here, and the bias ``W₀``, the weight that the place shares. Weights of convolutions and of dense
    layers are given so; biases and those of normalisation are shared as they are.

    Args:
        space: whose codes are read.
        seed: what is drawn depends on it and on the place alone.
    """

    def __init__(self, space: Space, *, seed: int, device: torch.device) -> None:
        self.sizes, self.seed, self.device = space.sizes, seed, device
        with fixed_randomness(seed, torch.device("cpu"), crc32(b"hypernetwork")):
            inner = (nn.Linear(int(space.sizes.sum()), _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _CODE), nn.Tanh())
            self.inner = nn.Sequential(*inner).to(device)
        self.last: dict[str, nn.Parameter] = {}

    def embedding(self, code: Codes) -> Tensor:
        """(d,) ``h(c)`` of one code (p,)."""
        chosen = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]) + code
        c = torch.zeros(int(self.sizes.sum()), device=self.device)
        c[torch.as_tensor(chosen, device=self.device)] = 1.0
        found: Tensor = self.inner(c)
        return found

    def matrix(self, key: str, weight: Tensor) -> nn.Parameter:
        """(w, d) ``A`` of a place with a weight of w numbers."""
        if key not in self.last:
            with fixed_randomness(self.seed, torch.device("cpu"), crc32(f"{key}|last".encode())):
                drawn = torch.randn(weight.numel(), _CODE) * (_SHARE * float(weight.detach().std(correction=0)))
            self.last[key] = nn.Parameter((drawn / _CODE**0.5).to(self.device))
        return self.last[key]

    @property
    def size(self) -> int:
        """Number of weights drawn so far, the shared ones apart."""
        return sum(weight.numel() for weight in (*self.inner.parameters(), *self.last.values()))

    def state(self) -> dict[str, Tensor]:
        found = {f"inner|{name}": value.detach().clone() for name, value in self.inner.state_dict().items()}
        return found | {f"last|{name}": value.detach().clone() for name, value in self.last.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        parts = {"inner": dict[str, Tensor](), "last": dict[str, Tensor]()}
        for key, value in state.items():
            part, _, name = key.partition("|")
            parts[part][name] = value
        self.inner.load_state_dict(parts["inner"])
        self.last = {name: nn.Parameter(value.to(self.device)) for name, value in parts["last"].items()}


class Smash(Uniform):
    """One-shot search through a hypernetwork (Brock et al. 2018, *SMASH*, arXiv 1708.05344, algorithm 1), in any space.

    Each batch trains the hypernetwork by the loss of a network drawn at random, with the weights that it is given;
    then networks drawn at random are scored on the validation images, each with its own, and the best is what the
    search finds. The paper's hypernetwork is a convolutional one that reads a drawing of the network's memory, and
    gives the pointwise convolutions alone; this one reads the parameters of the space (`HyperNetwork`).
    """

    name = "smash"
    default = replace(Enas.default, epochs=100)

    def __init__(
        self, space: Space, data: DeviceData, recipe: Recipe, *, settings: OneShotSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__(space, data, recipe, settings=settings, seed=seed)
        self.hyper = HyperNetwork(space, seed=seed, device=data.device)

    @property
    def weights(self) -> int:
        return super().weights + self.hyper.size

    def _output(self, child: Network, code: Codes, x: Tensor) -> Tensor:
        h = self.hyper.embedding(code)
        given = {
            f"{name}.weight": weight + (self.hyper.matrix(self.bank.key_of(module), weight) @ h).view_as(weight)
            for name, module in child.named_children()
            if (weight := _weight_of(module)) is not None
        }
        logits: Tensor = functional_call(child, given, (x,))
        return logits

    def _weights_of(self, child: Network) -> dict[str, nn.Parameter]:
        found = super()._weights_of(child)
        found |= {f"inner|{name}": weight for name, weight in self.hyper.inner.named_parameters()}
        for module in child.children():
            weight = _weight_of(module)
            if weight is not None:
                key = self.bank.key_of(module)
                found[f"{key}|last"] = self.hyper.matrix(key, weight)
        return found

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "hypernetwork": self.hyper.state()}

    def _load_state(self, state: Mapping[str, Any]) -> None:
        super()._load_state(state)
        self.hyper.load_state(state["hypernetwork"])


def _weight_of(module: nn.Module) -> nn.Parameter | None:
    """The weight that the hypernetwork gives a module; None where it gives none."""
    weight = module.weight if isinstance(module, nn.Conv2d | nn.Linear) else None
    return weight if isinstance(weight, nn.Parameter) else None
