"""ENAS on data: a controller writes networks, all of which share one set of weights."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.spaces.space import Codes, Space
from presage.architecture.torch_bridge.build import Network
from presage.errors import Diverged
from presage.search.samplers.controller import Controller
from presage.search.samplers.policy_gradient import Reinforce
from presage.search.supernet.bank import SharedWeights, accuracy, normalising_by_batch
from presage.search.supernet.one_shot import OneShot
from presage.search.supernet.report import OneShotSettings, SupernetEpoch
from presage.training.data import DeviceData
from presage.training.loop import fixed_randomness
from presage.training.recipe import Recipe

__all__ = ["Enas", "Uniform"]

_MOMENTUM, _DECAY, _CLIP = 0.9, 1e-4, 5.0
_UPDATES, _WRITTEN = 10, 8  # of the controller an epoch, and networks for each
_TEMPERATURE, _CONTROLLER_RATE = 5.0, 0.0035
_WARMUP = 0.25  # share of the epochs in which it writes at random: rewards by untrained weights teach nothing


class Enas(OneShot):
    """Efficient neural architecture search (Pham et al. 2018, arXiv 1802.03268), in any space.

    In each epoch the shared weights learn on training images, a network that the controller writes for every batch;
    then, the first quarter of the epochs apart, the controller learns by REINFORCE from the accuracy of what it writes
    on batches of held-out images. The networks it writes in the end are scored on the validation images; the best is
    what the search finds.
    """

    name = "enas"
    default = OneShotSettings(epochs=30, held_out=0.2, learning_rate=0.05)
    teaches: ClassVar[bool] = True
    """Whether the controller learns."""

    def __init__(
        self, space: Space, data: DeviceData, recipe: Recipe, *, settings: OneShotSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__(space, data, recipe, settings=settings, seed=seed)
        self.bank = SharedWeights(space, data.input_shape, data.classes, seed=seed, device=data.device)
        controller = Controller(space, temperature=_TEMPERATURE, seed=seed)
        self.rule = Reinforce(controller, learning_rate=_CONTROLLER_RATE)
        self.velocity: dict[str, Tensor] = {}

    @property
    def weights(self) -> int:
        return self.bank.size

    def _epoch(self, epoch: int) -> SupernetEpoch:
        began = time.perf_counter()
        written = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        losses = []
        with fixed_randomness(self.seed, self.data.device, 1 + epoch):  # dropout of the children
            codes, _, _ = self.rule.controller.sample(self.images.steps, written)
            children = self.bank.children(codes)
            batches = zip(self.images.weight_batches(epoch), codes, children, strict=True)
            for step, ((x, y), code, child) in enumerate(batches):
                child.train()
                loss = F.cross_entropy(self._output(child, code, x), y)
                self._descend(child, loss, self.rate((epoch + step / self.images.steps) / self.epochs))
                losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise Diverged(f"The loss of the shared weights became {mean} in epoch {epoch}.")
        rewards, entropy = self._teach(epoch, written)
        return SupernetEpoch(epoch, mean, rewards, entropy, {}, None, round(time.perf_counter() - began, 4))

    def _descend(self, child: Network, loss: Tensor, rate: float) -> None:
        """One step of SGD with Nesterov momentum on the weights that a child uses."""
        named = self._weights_of(child)
        weights = list(named.values())
        gradients = [
            torch.zeros_like(weight) if gradient is None else gradient
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights, allow_unused=True), strict=True)
        ]
        norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
        scale = (_CLIP / (norm + 1e-6)).clamp(max=1.0)
        with torch.no_grad():
            for (name, weight), gradient in zip(named.items(), gradients, strict=True):
                step = gradient * scale + _DECAY * weight
                moved = self.velocity.get(name)
                moved = step.clone() if moved is None else moved.mul_(_MOMENTUM).add_(step)
                self.velocity[name] = moved
                weight.sub_(step + _MOMENTUM * moved, alpha=rate)

    def _teach(self, epoch: int, written: torch.Generator) -> tuple[float, float]:
        """Updates of the controller; mean reward of the last, and entropy per parameter."""
        mean, entropy = 0.0, 0.0
        batches = list(self.images.choice_batches(epoch, _UPDATES))
        learns = self.teaches and epoch >= round(_WARMUP * self.epochs)
        for x, y in batches if learns else batches[:1]:
            codes, _, surprise = self.rule.controller.sample(_WRITTEN, written)
            children = self.bank.children(codes)
            rewards = np.array([self._reward(child, code, x, y) for code, child in zip(codes, children, strict=True)])
            if learns:
                self.rule.update(codes, rewards)
            mean = float(np.nanmean(rewards)) if np.isfinite(rewards).any() else math.nan
            entropy = float(surprise.mean()) / codes.shape[1]
        return mean, entropy

    @torch.no_grad()
    def _reward(self, child: Network, code: Codes, x: Tensor, y: Tensor) -> float:
        normalising_by_batch(child)
        return accuracy(self._output(child, code, x), y)

    def draw(self, n: int, seed: Sequence[int]) -> Codes:
        """Networks as the controller writes them."""
        number = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
        codes, _, _ = self.rule.controller.sample(n, torch.Generator().manual_seed(number))
        return codes

    def _logits(self, code: Codes, batches: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        child = self.bank.child(code)
        normalising_by_batch(child)
        return [(self._output(child, code, x), y) for x, y in batches]

    # What a subclass may say otherwise ------------------------------------------------------------------------------

    def _output(self, child: Network, code: Codes, x: Tensor) -> Tensor:
        """(b, k) logits of the network of one code (p,)."""
        logits: Tensor = child(x)
        return logits

    def _weights_of(self, child: Network) -> dict[str, nn.Parameter]:
        """Name → weight of what learns where a child does, names being the same for every child."""
        return self.bank.parameters_of(child)

    # ----------------------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        velocity = {name: value.clone() for name, value in self.velocity.items()}
        return {"bank": self.bank.state(), "velocity": velocity, "controller": self.rule.state()}

    def _load_state(self, state: Mapping[str, Any]) -> None:
        self.bank.load_state(state["bank"])
        self.velocity = dict(state["velocity"])
        self.rule.load_state({name: value.cpu() for name, value in state["controller"].items()})


class Uniform(Enas):
    """Shared weights for every network alike: each batch trains one drawn at random (Guo et al. 2020, arXiv
    1904.00420), which leaves the search to others."""

    name = "uniform"
    default = replace(Enas.default, epochs=100)
    teaches = False
