"""DARTS on data: weights and architecture learned together by gradient, the architecture on images held out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from presage.architecture.spaces.space import Codes, Space
from presage.errors import Diverged
from presage.search.strategies import check_serves
from presage.search.supernet.bank import accuracy, normalising_by_batch
from presage.search.supernet.collapse import Collapse, Guard
from presage.search.supernet.mixed import MixedNetwork
from presage.search.supernet.one_shot import OneShot
from presage.search.supernet.report import OneShotSettings, SupernetEpoch
from presage.search.supernet.unrolled import dominant_eigenvalue, first_order, second_order
from presage.training.data import DeviceData
from presage.training.loop import fixed_randomness
from presage.training.recipe import Recipe

__all__ = ["ByGradient", "DartsFirst", "DartsSecond", "PartialChannels"]

_MOMENTUM, _DECAY, _CLIP = 0.9, 3e-4, 5.0  # of the weights, as the authors have them
_MOST_RATE = 0.05


class ByGradient(OneShot):
    """Bilevel optimisation (DARTS, Liu et al. 2019, arXiv 1806.09055, algorithm 1) on the mixture of a space.

    In turn: a step of Adam on the architecture weights by the held-out loss, a step of SGD on the shared weights by the
    training loss. The rate of Adam is chosen so that all its steps together go as far as the paper's.
    """

    unrolled: ClassVar[bool] = False
    partial: ClassVar[int] = 1
    warmup: ClassVar[float] = 0.0
    """Share of the epochs in which only the weights learn."""
    travel: ClassVar[float] = 6.0  # 50 epochs of 390 steps of 3e-4
    """As far as the paper's steps can carry an architecture weight."""
    alpha_betas: ClassVar[tuple[float, float]] = (0.5, 0.999)
    alpha_decay: ClassVar[float] = 1e-3
    default = OneShotSettings(epochs=24, held_out=0.5, learning_rate=0.025)

    def __init__(
        self, space: Space, data: DeviceData, recipe: Recipe, *, settings: OneShotSettings | None = None, seed: int = 0
    ) -> None:
        check_serves(self.name, space)
        relaxation = space.relaxation
        assert relaxation is not None
        super().__init__(space, data, recipe, settings=settings, seed=seed)
        self.relaxation = relaxation
        self._available = torch.from_numpy(relaxation.available).to(data.device)
        mixture = relaxation.mixture(self.partial)
        with fixed_randomness(seed, torch.device("cpu")):
            network = MixedNetwork(mixture, data.input_shape, data.classes)
        self.network = network.to(device=data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.shared = list(self.network.parameters())
        generator = torch.Generator().manual_seed(seed)
        e, o = len(relaxation.edges), len(relaxation.operations)
        self.alpha = (1e-3 * torch.randn(e, o, generator=generator)).to(data.device).requires_grad_()
        self.beta = (1e-3 * torch.randn(e, generator=generator)).to(data.device).requires_grad_()
        self._targets = [[edge.kind, edge.target] for edge in relaxation.edges]
        self.optimizer = torch.optim.SGD(
            self.shared, lr=self.rate(0.0), momentum=_MOMENTUM, weight_decay=_DECAY, foreach=True
        )
        alpha_steps = max((self.epochs - self._warm) * self.images.steps, 1)
        self.alpha_rate = min(self.travel / alpha_steps, _MOST_RATE)
        self.alpha_optimizer = torch.optim.Adam(
            self.architecture, lr=self.alpha_rate, betas=self.alpha_betas, weight_decay=self.alpha_decay
        )
        self.past: list[Tensor] = []  # (E, O) strengths after each epoch

    @property
    def _warm(self) -> int:
        return round(self.warmup * self.epochs)

    @property
    def architecture(self) -> list[Tensor]:
        """What is learned on held-out images: α (E, O), and β (E,) with partial channels."""
        return [self.alpha, self.beta] if self.partial > 1 else [self.alpha]

    @property
    def weights(self) -> int:
        return sum(weight.numel() for weight in self.shared)

    def mixing(self) -> tuple[Tensor, Tensor]:
        """How much each operation (E, O) and each edge (E,) counts: softmax over operations; edges count one each, or
        by a softmax over those into one state (edge normalisation, section 3.3 of PC-DARTS)."""
        operations = self.alpha.masked_fill(~self._available, -math.inf).softmax(dim=1)
        if self.partial == 1:
            return operations, torch.ones_like(self.beta)
        edges = torch.empty_like(self.beta)
        for target in {tuple(one) for one in self._targets}:
            into = [at for at, one in enumerate(self._targets) if tuple(one) == target]
            edges = edges.index_put((torch.tensor(into, device=edges.device),), self.beta[into].softmax(dim=0))
        return operations, edges

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy (nats) of the mixture on a batch (b, c, s, s)."""
        return F.cross_entropy(self.network.mixed(x, *self.mixing()), y)

    # An epoch -------------------------------------------------------------------------------------------------------

    def _epoch(self, epoch: int) -> SupernetEpoch:
        began = time.perf_counter()
        self.network.train()
        losses, hits = [], []
        steps = zip(self.images.weight_batches(epoch), self.images.choice_batches(epoch), strict=True)
        for step, ((x, y), (x_held, y_held)) in enumerate(steps):
            rate = self.rate((epoch + step / self.images.steps) / self.epochs)
            self.optimizer.param_groups[0]["lr"] = rate
            if epoch >= self._warm:
                self._choose((x, y), (x_held, y_held), rate)
            loss = F.cross_entropy(self._training_logits(x), y)
            gradients = torch.autograd.grad(loss, self.shared, allow_unused=True)
            for weight, gradient in zip(self.shared, gradients, strict=True):
                weight.grad = gradient
            torch.nn.utils.clip_grad_norm_(self.shared, _CLIP)
            self.optimizer.step()
            losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean) or not bool(torch.isfinite(self.alpha).all()):
            raise Diverged(f"The loss of the super-net became {mean} in epoch {epoch}.")
        with torch.no_grad():
            for x_held, y_held in self.images.choice_batches(epoch, min(self.images.steps, 4)):
                hits.append(accuracy(self._held_out_logits(x_held), y_held))
        self.past.append(self.strength())
        operations = self.mixing()[0].detach()
        entropy = float(-(operations * operations.clamp_min(1e-12).log()).sum(dim=1).mean())
        skips = self.relaxation.skips(self.relaxation.derive(_numpy(self.past[-1])))
        eigenvalue = self._eigenvalue() if epoch >= self._warm else None
        return SupernetEpoch(
            epoch, mean, float(np.mean(hits)), entropy, skips, eigenvalue, round(time.perf_counter() - began, 4)
        )

    def _training_logits(self, x: Tensor) -> Tensor:
        """Logits that the shared weights learn from."""
        logits: Tensor = self.network.mixed(x, *(part.detach() for part in self.mixing()))
        return logits

    def _held_out_logits(self, x: Tensor) -> Tensor:
        """Logits whose accuracy is told after an epoch."""
        logits: Tensor = self.network.mixed(x, *self.mixing())
        return logits

    def _choose(self, training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor], rate: float) -> None:
        """One step of the architecture weights."""
        parts = self.architecture
        if self.unrolled:
            velocity = [self.optimizer.state[weight].get("momentum_buffer") for weight in self.shared]
            gradients = second_order(
                lambda: self.loss(*training), lambda: self.loss(*held_out), self.shared, parts,
                rate=rate, momentum=_MOMENTUM, velocity=velocity, decay=_DECAY,
            )  # fmt: skip
        else:
            gradients = first_order(lambda: self.loss(*held_out), parts)
        for part, gradient in zip(parts, gradients, strict=True):
            part.grad = gradient
        self.alpha_optimizer.step()

    def _eigenvalue(self) -> float | None:
        if self.settings.guard.ratio is None:
            return None
        x, y = next(self.images.choice_batches(0, 1))  # the same images in every epoch, so that epochs compare
        return dominant_eigenvalue(lambda: self.loss(x, y), self.architecture, seed=self.seed)

    def _stop(self) -> Collapse | None:
        skips, eigenvalues = zip(*((record.skips, record.eigenvalue) for record in self.records), strict=True)
        return self._guard.detect(self.epochs, skips, eigenvalues)

    @property
    def _guard(self) -> Guard:
        guard = self.settings.guard
        return guard if self.relaxation.skips_collapse else replace(guard, most_skips=None)

    # What it found --------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def strength(self) -> Tensor:
        """(E, O) how strong each operation is: its share of its edge, times the edge's share of its state."""
        operations, edges = self.mixing()
        return (operations * edges[:, None]).detach().cpu().clone()

    @property
    def _final(self) -> Tensor:
        """(E, O) the strengths that the search settles for: those of the last epoch, or of one before a collapse."""
        if not self.past:
            return self.strength()
        if self.collapse is not None and self.collapse.kept is not None:
            return self.past[self.collapse.kept]
        return self.past[-1]

    @property
    def found(self) -> Codes:
        return self._derive(_numpy(self._final))

    def _derive(self, strength: np.ndarray[Any, np.dtype[np.float64]]) -> Codes:
        limit = self._guard.most_skips
        if limit is None:
            return self.relaxation.derive(strength)
        return self.relaxation.derive_limited(strength, limit)

    def draw(self, n: int, seed: Sequence[int]) -> Codes:
        """The derived network, then networks derived from operations drawn by their strengths."""
        rng = np.random.default_rng(seed)
        strength = _numpy(self._final)
        noise = np.exp(rng.gumbel(size=(n, *strength.shape)))
        return np.stack([self.found, *(self._derive(strength * one) for one in noise[1:])])[:n]

    def _logits(self, code: Codes, batches: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        path = self.relaxation.paths(code[None])[0]
        normalising_by_batch(self.network)
        return [(self.network.alone(x, path), y) for x, y in batches]

    # State ----------------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return {
            "network": {name: value.detach().clone() for name, value in self.network.state_dict().items()},
            "architecture": [self.alpha.detach().clone(), self.beta.detach().clone()],
            "optimizer": _copied(self.optimizer.state_dict()),
            "alpha_optimizer": _copied(self.alpha_optimizer.state_dict()),
            "past": list(self.past),
        }

    def _load_state(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        with torch.no_grad():
            for part, value in zip((self.alpha, self.beta), state["architecture"], strict=True):
                part.copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
        self.past = [one.cpu() for one in state["past"]]


class DartsFirst(ByGradient):
    """DARTS, first order: the weights are taken for trained (ξ = 0)."""

    name = "darts-first"


class DartsSecond(ByGradient):
    """DARTS, second order: through one unrolled step of the weights. Costs about twice as much an epoch."""

    name = "darts-second"
    unrolled = True


class PartialChannels(ByGradient):
    """PC-DARTS (Xu et al. 2020, arXiv 1907.05737): a quarter of the channels takes part in the choice, edges are
    normalised, and in the first 30 % of the epochs only the weights learn."""

    name = "pc-darts"
    partial = 4
    warmup = 0.3


def _numpy(strength: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    return strength.double().numpy()


def _copied(state: Any) -> Any:
    """Plain containers with their tensors copied."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {name: _copied(value) for name, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state
