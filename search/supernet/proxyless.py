"""ProxylessNAS on data: binary gates choose a path; one is trained at a time, and two are weighed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.spaces.space import Codes, Space
from presage.search.supernet.gradient import ByGradient
from presage.search.supernet.latency_aim import LatencyAim
from presage.search.supernet.report import OneShotSettings, Settled, SupernetEpoch
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

__all__ = ["Proxyless", "gate_gradient", "rescaled"]

Mask = NDArray[np.bool_]

_STEEPNESS = 20.0  # κ: weight of the excess over a limit
_SETTLED = 0.95, 1.0  # of the limit, that what was found takes when measured
_TRIES = 8  # derivations until it does
_TRIES_BESIDE = 24  # measured beside the best of these where none does
_MARGIN = 0.9  # of the limit, for what is estimated and not measured until it fits
_MOST_ROOM = 1.5  # limits that an estimate may take where what is measured is faster than estimated


def gate_gradient(gates: Tensor, shares: Tensor) -> Tensor:
    """∂L/∂α of candidates of which one is on, from what the loss says of their binary gates (1812.00332, equation 4).

        ∂L/∂α_i ≈ Σ_j ∂L/∂g_j · p_j · (δ_ij - p_i)

    Args:
        gates: (E, J) ∂L/∂g.
        shares: (E, J) p, each row summing to one.

    Returns:
        (E, J) one for each candidate.
    """
    weighed = gates * shares
    return weighed - shares * weighed.sum(dim=1, keepdim=True)


def rescaled(before: Tensor, after: Tensor) -> Tensor:
    """α of the sampled candidates, shifted so that the shares of all others stay as they were (section 3.2.1).

    A share is a softmax, so ``Σ exp(α)`` over the sampled ones must not change.

    Args:
        before, after: (E, J) α of the sampled candidates before a step and after it.
    """
    return after + (before.logsumexp(dim=1, keepdim=True) - after.logsumexp(dim=1, keepdim=True))


class Proxyless(ByGradient):
    """ProxylessNAS (Cai et al. 2019, arXiv 1812.00332) on the mixture of a space.

    The weights learn along one path, drawn by the shares of the operations, a path for each batch. In turn the
    architecture learns on held-out images: of each edge two operations are drawn, of these one is on, and their two
    architecture weights descend by `gate_gradient` and are `rescaled`. So activations of one path are held for a
    step, and of a second only what its operations give (`presage.search.supernet.memory`).

    Where latency is limited, its expected value (equation 2) has a part in the loss of the architecture. The paper adds
    λ₂ · E[latency] (equation 3) and leaves λ₂ to the user; here the limit takes its place, and what is added is
    ``κ / 2 · max(E[latency] / limit - 1, 0)²``: λ₂ grows with the excess, and is nothing within the limit. What is
    derived is the strongest network that uses 95 to 100 % of the limit; `settle` measures it, and where it does not
    derives it anew, and looks at networks beside it.

    In the first third of the epochs operations are drawn evenly and only weights learn.
    """

    name = "proxyless"
    warmup: ClassVar[float] = 1 / 3
    default = OneShotSettings(epochs=60, held_out=0.3, learning_rate=0.1)
    travel = 20.0  # two of seven operations move at a time
    alpha_betas = (0.0, 0.999)  # as the authors have them: what was not drawn does not move
    alpha_decay = 0.0

    def __init__(
        self,
        space: Space,
        data: DeviceData,
        recipe: Recipe,
        *,
        settings: OneShotSettings | None = None,
        latency: LatencyAim | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(space, data, recipe, settings=settings, seed=seed)
        self.aim = latency
        self.latency = None if latency is None else latency.of(space, self.relaxation)
        self.settled: Codes | None = None
        self.room: float | None = None if latency is None else latency.most  # seconds, estimated
        self._relative: Tensor | None = None  # (E, O) seconds of operations in limits
        if latency is not None and self.latency is not None:
            self._relative = torch.from_numpy(self.latency.seconds / latency.most).to(self.alpha)
        self._drawn, self._warming = torch.Generator(), True

    # Paths ----------------------------------------------------------------------------------------------------------

    def _path(self, shares: Tensor) -> Mask:
        """(E, O) one operation of each edge, drawn by (E, O) shares."""
        drawn = torch.multinomial(shares.cpu(), 1, generator=self._drawn)
        return _masks(drawn, shares.shape[1])

    def two(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Two different operations of each edge, drawn by (E, O) shares, and which of them is on: (E, 2) columns, those
        that are on first, and (E, 2) shares between the two."""
        columns = torch.multinomial(shares.cpu(), 2, generator=self._drawn)
        between = shares.cpu().gather(1, columns)
        between = between / between.sum(dim=1, keepdim=True)
        on = torch.multinomial(between, 1, generator=self._drawn)
        order = torch.cat([on, 1 - on], dim=1)
        return columns.gather(1, order), between.gather(1, order)

    # An epoch -------------------------------------------------------------------------------------------------------

    def _epoch(self, epoch: int) -> SupernetEpoch:
        self._drawn.manual_seed(1_000_003 * self.seed + epoch)
        self._warming = epoch < self._warm
        return super()._epoch(epoch)

    @torch.no_grad()
    def _shares(self) -> Tensor:
        """(E, O) what operations are drawn by."""
        if self._warming:
            return self._available / self._available.sum(dim=1, keepdim=True)
        shares = self.mixing()[0].detach()
        # two must be there to be drawn, however sure a share has become
        return shares.clamp_min(1e-6).masked_fill(~self._available, 0.0)

    def _training_logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network.alone(x, self._path(self._shares()))
        return logits

    def _held_out_logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network.alone(x, self._likeliest())
        return logits

    def _choose(self, training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor], rate: float) -> None:
        x, y = held_out
        columns, between = self.two(self._shares())
        columns, between = columns.to(self.alpha.device), between.to(self.alpha.device)
        gates = self._gates(columns)
        slopes = torch.autograd.grad(self._gated_loss(x, y, columns, gates), gates)[0].gather(1, columns)
        if self._relative is not None:
            slopes = slopes + _STEEPNESS * self._excess() * self._relative.gather(1, columns)
        gradient = torch.zeros_like(self.alpha).scatter(1, columns, gate_gradient(slopes, between))
        before = self.alpha.detach().gather(1, columns)
        self.alpha.grad = gradient
        self.alpha_optimizer.step()
        with torch.no_grad():
            self.alpha.scatter_(1, columns, rescaled(before, self.alpha.gather(1, columns)))

    def _gates(self, columns: Tensor) -> Tensor:
        """(E, O) binary gates: 1 where the first of two drawn operations (E, 2) is."""
        gates = torch.zeros_like(self.alpha)
        return gates.scatter(1, columns[:, :1], 1.0).detach().requires_grad_()

    def _gated_loss(self, x: Tensor, y: Tensor, columns: Tensor, gates: Tensor) -> Tensor:
        path, beside = (_masks(columns[:, at : at + 1].cpu(), gates.shape[1]) for at in (0, 1))
        return F.cross_entropy(self.network.gated(x, path, beside, gates), y)

    def _excess(self) -> float:
        """By how much the expected latency is over the limit, in limits; 0 within it."""
        assert self.latency is not None
        shares = self.mixing()[0].detach().cpu().double().numpy()
        return max(self.latency.expected(shares) / self.latency.aim.most - 1, 0.0)

    def _eigenvalue(self) -> float | None:
        return None  # it would hold all paths at once

    # What it found --------------------------------------------------------------------------------------------------

    def _likeliest(self) -> Mask:
        """(E, O) the likeliest operation of each edge."""
        best = self.mixing()[0].detach().argmax(dim=1, keepdim=True).cpu()
        return _masks(best, self.alpha.shape[1])

    @property
    def found(self) -> Codes:
        return super().found if self.settled is None else self.settled

    def _derive(self, strength: NDArray[np.float64]) -> Codes:
        if self.latency is None:
            return super()._derive(strength)
        assert self.room is not None
        room = self.room if self.settled is None else _MARGIN * self.room
        return self.latency.strongest(strength, super()._derive, room)

    def settle(self, measure: Callable[[Codes], float]) -> Settled | None:
        """Measure what is derived, and derive anew with more or less room until it takes 95 to 100 % of the limit.

        Where derivations miss that, networks are measured that differ from the slowest within the limit (from the
        fastest, where none is) by one operation, those first whose estimate, corrected by what that one took, is there,
        the more probable before others. Where that fails too, the slowest within the limit when measured is settled
        for; where none is, the fastest.

        Args:
            measure: seconds of the network of a code (p,).

        Returns:
            What was settled for: its seconds, and those of all that were measured.
        """
        if self.latency is None or not self.records:
            return None
        limit, strength, seconds = self.latency.aim.most, self._final.double().numpy(), list[float]()
        rooms, codes = [limit], list[Codes]()
        while True:
            self.room = rooms[-1]
            codes.append(self._derive(strength))
            same = next((at for at, code in enumerate(codes[:-1]) if np.array_equal(code, codes[-1])), None)
            seconds.append(measure(codes[-1]) if same is None else seconds[same])
            if len(codes) == _TRIES or _meets(seconds[-1], limit):
                break
            rooms.append(_next_room(rooms, seconds, limit))
        room = rooms[_nearest(seconds, limit)]
        while not _meets(seconds[-1], limit) and len(codes) < _TRIES + _TRIES_BESIDE:
            beside = self._beside(codes, seconds, strength)
            if beside is None:
                break
            codes.append(beside)
            seconds.append(measure(beside))
        best = _nearest(seconds, limit)
        estimated = float(self.latency.estimated(codes[best][None])[0])
        settled = Settled(tuple(codes[best].tolist()), room, estimated, seconds[best], tuple(seconds))
        self.restore(settled)
        return settled

    def _beside(self, codes: Sequence[Codes], seconds: Sequence[float], strength: NDArray[np.float64]) -> Codes | None:
        """(p,) what to measure next beside the best of those that were; None where all of that was."""
        assert self.latency is not None
        limit, best = self.latency.aim.most, _nearest(seconds, self.latency.aim.most)
        beside = self.latency.beside(codes[best], super()._derive)
        beside = beside[~(beside[:, None] == np.stack(codes)[None]).all(axis=2).any(axis=1)]
        if not len(beside):
            return None
        estimated = self.latency.estimated(np.concatenate([codes[best][None], beside]))
        taken = estimated[1:] * seconds[best] / estimated[0] / limit
        low, high = _SETTLED
        apart = np.maximum(np.maximum(low - taken, taken - high), 0.0)
        order = np.lexsort((-self.latency.chances(beside, strength), apart))
        found: Codes = beside[order[0]]
        return found

    def restore(self, settled: Settled) -> None:
        """Go on with what `settle` gave."""
        self.settled, self.room = np.array(settled.code, np.int64), settled.room

    # State ----------------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        aim = {} if self.aim is None else {"latency": self.aim.to_json()}
        return {**super()._identity(), **aim}


def _next_room(rooms: Sequence[float], seconds: Sequence[float], limit: float) -> float:
    """What to derive with next: between the largest room within the limit and the smallest over it; where only one of
    them is known, in proportion to what was measured."""
    within = max((room for room, taken in zip(rooms, seconds, strict=True) if taken <= limit), default=None)
    over = min((room for room, taken in zip(rooms, seconds, strict=True) if taken > limit), default=None)
    if within is not None and over is not None and within < over:
        return float(np.sqrt(within * over))
    return min(rooms[-1] * sum(_SETTLED) / 2 * limit / seconds[-1], _MOST_ROOM * limit)


def _meets(seconds: float, limit: float) -> bool:
    return _SETTLED[0] <= seconds / limit <= _SETTLED[1]


def _nearest(seconds: Sequence[float], limit: float) -> int:
    """Position of the slowest within the limit; of the fastest where none is."""
    taken = np.array(seconds)
    return int(np.where(taken <= limit, taken, -taken - limit).argmax())


def _masks(columns: Tensor, operations: int) -> Mask:
    """(E, O) true where an edge's column (E, 1) is."""
    found: Mask = torch.zeros(len(columns), operations, dtype=torch.bool).scatter(1, columns, True).numpy()
    return found
