"""The REINFORCE rule: how a controller learns from the rewards of what it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.spaces.space import Codes
from presage.errors import InvalidArgument
from presage.search.samplers.controller import Controller

__all__ = ["Reinforce", "Update"]


@dataclass(frozen=True)
class Update:
    """What one update saw.

    Attributes:
        loss: the loss that was descended, see `Reinforce`.
        entropy: mean entropy of the codes' parameters along the way, nats a parameter.
        baseline: after the update, in units of the reward.
    """

    loss: float
    entropy: float
    baseline: float


class Reinforce:
    """Steps of Adam on batches of rewarded codes, larger rewards being better:

        loss = - mean_i  A_i · log π(code_i)  -  β · mean_i  H_i / p
        A_i  = clip((r_i - b) / s, -clip, clip)

    b is the moving average of the rewards, s that of their distance from it: so the step does not depend on the unit
    of the reward. Both begin with the first batch. H_i / p is the entropy per parameter. Rewards that are not finite
    are left out.

    What the controller did not write itself (`own` False) teaches it only where it is better than the baseline: the
    gradient of log π is that of its own distribution, and pushing away from what it would never write has no bound
    (self-imitation, Oh et al., arXiv 1806.05635).

    References: Williams 1992; Zoph & Le, arXiv 1611.01578, section 3.2.

    Args:
        controller: learns.
        learning_rate: of Adam.
        entropy_weight: β; larger keeps exploring longer.
        decay: of the moving averages, per update.
        clip: most standard distances from the baseline that one reward may count.
        gradient_norm: the gradient is scaled down to this.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        learning_rate: float = 0.01,
        entropy_weight: float = 0.1,
        decay: float = 0.9,
        clip: float = 3.0,
        gradient_norm: float = 5.0,
    ) -> None:
        for name, value in (("learning_rate", learning_rate), ("clip", clip), ("gradient_norm", gradient_norm)):
            if not value > 0:
                raise InvalidArgument(name, "Reinforce", "be over 0", value)
        if not entropy_weight >= 0:
            raise InvalidArgument("entropy_weight", "Reinforce", "be at least 0", entropy_weight)
        if not 0 <= decay < 1:
            raise InvalidArgument("decay", "Reinforce", "be at least 0 and under 1", decay)
        self.controller = controller
        self.entropy_weight, self.decay, self.clip = entropy_weight, decay, clip
        self.baseline = self.spread = float("nan")  # until there is a reward
        self._adam = _Adam(controller, learning_rate, gradient_norm)

    def update(
        self,
        codes: Codes,
        rewards: NDArray[np.float64],
        *,
        own: NDArray[np.bool_] | None = None,
        active: NDArray[np.bool_] | None = None,
    ) -> Update | None:
        """One step on n rewarded codes; None where no reward is finite.

        Args:
            codes: (n, p), normalised.
            rewards: (n,), larger is better.
            own: (n,) which the controller wrote; all where it is None.
            active: (n, p) as for `Controller.evaluate`.
        """
        known = np.flatnonzero(np.isfinite(rewards))
        if not len(known):
            return None
        rewards, codes = rewards[known], codes[known]
        mask = None if active is None else active[known]
        advantages = self.advantages(rewards)
        if own is not None:
            advantages = np.where(own[known], advantages, np.maximum(advantages, 0.0))
        loss, entropy = self.loss(codes, advantages, mask)
        self._adam.step(loss)
        return Update(float(loss.detach()), float(entropy.detach()), self.baseline)

    def loss(
        self, codes: Codes, advantages: NDArray[np.float64], active: NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of n codes and the mean entropy per parameter; both scalars, with gradient."""
        log_prob, entropy = self.controller.evaluate(codes, active)
        mean_entropy = entropy.mean() / codes.shape[1]
        weighted = torch.from_numpy(advantages.astype(np.float32)) * log_prob
        return -weighted.mean() - self.entropy_weight * mean_entropy, mean_entropy

    def advantages(self, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) how much better than the baseline each reward is; the baseline then moves towards them."""
        mean = float(rewards.mean())
        before = mean if np.isnan(self.baseline) else self.baseline
        distance = float(np.abs(rewards - before).mean())
        spread = distance if np.isnan(self.spread) else self.decay * self.spread + (1 - self.decay) * distance
        self.baseline, self.spread = self.decay * before + (1 - self.decay) * mean, spread
        scaled = (rewards - before) / spread if spread > 0 else np.zeros_like(rewards)
        return np.clip(scaled, -self.clip, self.clip)

    # State ----------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """Everything learned, as named tensors: for safetensors."""
        found = {f"controller.{name}": value.detach().clone() for name, value in self.controller.state_dict().items()}
        averages = torch.tensor([self.baseline, self.spread, self._adam.steps], dtype=torch.float64)
        return {**found, **self._adam.state(), "averages": averages}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave, on a controller of the same space and width."""
        names = self.controller.state_dict()
        self.controller.load_state_dict({name: state[f"controller.{name}"] for name in names})
        self.baseline, self.spread, steps = state["averages"].tolist()
        self._adam.load_state(state, int(steps))


class _Adam:
    """Adam (Kingma & Ba, arXiv 1412.6980), the gradient clipped by its norm.

    `torch.optim` would import the compiler when it is first asked for a step, for seconds; a predicted study is over
    in as many.
    """

    def __init__(self, controller: Controller, rate: float, norm: float) -> None:
        self.rate, self.norm, self.steps = rate, norm, 0
        self._named = dict(controller.named_parameters())
        self._first = {name: torch.zeros_like(weight) for name, weight in self._named.items()}
        self._second = {name: torch.zeros_like(weight) for name, weight in self._named.items()}

    def step(self, loss: Tensor) -> None:
        """Descend the loss; not at all where its gradient is not finite."""
        weights = list(self._named.values())
        gradients = torch.autograd.grad(loss, weights)
        norm = float(torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt())
        if not np.isfinite(norm):
            return
        scale = min(1.0, self.norm / max(norm, 1e-12))
        self.steps += 1
        first, second = list(self._first.values()), list(self._second.values())
        rate = self.rate / (1 - 0.9**self.steps)
        correction = (1 - 0.999**self.steps) ** -0.5
        with torch.no_grad():
            for weight, gradient, mean, square in zip(weights, gradients, first, second, strict=True):
                mean.mul_(0.9).add_(gradient, alpha=0.1 * scale)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001 * scale**2)
                weight.addcdiv_(mean, square.sqrt().mul_(correction).add_(1e-8), value=-rate)

    def state(self) -> dict[str, Tensor]:
        found = {f"adam.mean.{name}": value.clone() for name, value in self._first.items()}
        return {**found, **{f"adam.square.{name}": value.clone() for name, value in self._second.items()}}

    def load_state(self, state: Mapping[str, Tensor], steps: int) -> None:
        self.steps = steps
        for name in self._named:
            self._first[name].copy_(state[f"adam.mean.{name}"])
            self._second[name].copy_(state[f"adam.square.{name}"])
