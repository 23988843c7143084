"""`RelaxedSampler`: gradient ascent over relaxed parameters, DARTS's idea on predictions instead of shared weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.acquiring import best_first, unseen
from presage.search.samplers.differentiable import DifferentiableSurrogate, OneHot
from presage.search.samplers.history import History
from presage.search.samplers.posterior import evened
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.space_sampler import SpaceSampler
from presage.training.hardware import one_thread

__all__ = ["RelaxedSampler"]

_REFIT = 10  # scored candidates between two fits, so that a study of single trials stays quick
_KEPT = 512  # candidates that a fit sees: the best half, and others
_HOT, _COLD = 1.0, 0.1  # temperatures that an ascent begins and ends with
_RATE = 0.15  # of the ascent, in logits


class RelaxedSampler(SpaceSampler):
    """Every choice becomes a mixture of its alternatives, and the mixtures climb a differentiable surrogate's gradient.

    A small ensemble of networks learns the score from one-hot parameters of the candidates so far
    (`DifferentiableSurrogate`). Relaxed codes, half of them begun at the best candidates and half anywhere, ascend its
    mean plus `courage` deviations: a softmax over each parameter's choices, with Gumbel noise, whose temperature falls
    from 1 to 0.1 until each mixture is nearly one choice. The likeliest choices make the candidates; the most promising
    that were not tried before are proposed, and the study scores them anew: the surrogate only guides.

    DARTS (Liu et al., arXiv 1806.09055) relaxes in the same way the operations of a cell inside a network that is being
    trained; annealed Gumbel noise as in SNAS (Xie et al., arXiv 1812.09926). Here nothing is trained but the surrogate.

    Args:
        seed, space: see `SpaceSampler`.
        initial: candidates drawn at random before the first surrogate.
        steps: of each ascent.
        courage: deviations of the ensemble that are added to its mean.
        explore: share of each batch that is drawn at random.
    """

    def __init__(
        self,
        seed: int | None = None,
        *,
        space: Space | None = None,
        initial: int = 20,
        steps: int = 30,
        courage: float = 0.5,
        explore: float = 0.05,
    ) -> None:
        super().__init__(seed, space=space)
        for name, value, least in (("initial", initial, 2), ("steps", steps, 1)):
            if value < least:
                raise InvalidArgument(name, "RelaxedSampler", f"be at least {least}", value)
        if not 0 <= explore <= 1:
            raise InvalidArgument("explore", "RelaxedSampler", "be within 0 and 1", explore)
        if courage < 0:
            raise InvalidArgument("courage", "RelaxedSampler", "be at least 0", courage)
        self.initial, self.steps, self.courage, self.explore = initial, steps, courage, explore
        self._fitted: tuple[Space, Codes, np.ndarray, DifferentiableSurrogate] | None = None

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """`n` candidates, the most promising discretised ends of twice as many ascents first."""
        numbers = np.random.default_rng(seed)
        scored = np.flatnonzero(history.scored)
        if len(scored) < self.initial:
            return Proposals(space.sample(n, numbers))
        wanted = n - int(self.explore * n)
        with one_thread():
            one_hot = OneHot(space)
            surrogate = self._surrogate(space, one_hot, history, scored)
            starts = self._starts(one_hot, history, max(2 * wanted, 16), numbers)
            ends = self._ascended(one_hot, surrogate, starts, int(numbers.integers(2**62)))
            found = self._promising(space, one_hot, surrogate, ends, history, numbers)[:wanted]
        return Proposals(np.concatenate([found, space.sample(n - len(found), numbers)]))

    def _surrogate(
        self, space: Space, one_hot: OneHot, history: History, scored: np.ndarray
    ) -> DifferentiableSurrogate:
        """Fitted to the first 10, 20, … scored candidates: a function of the history alone, so it can be kept."""
        known = scored[: max(len(scored) // _REFIT * _REFIT, self.initial)]
        codes, values = history.codes[known], history.values[known, 0]
        if self._fitted is not None:
            before, *seen, surrogate = self._fitted
            if before == space and np.array_equal(seen[0], codes) and np.array_equal(seen[1], values):
                return surrogate
        order = np.argsort(-values, kind="stable")
        others = np.sort(order[_KEPT // 2 :])[-(_KEPT // 2) :]  # beside the best, the youngest
        chosen = np.concatenate([order[: _KEPT // 2], others])
        surrogate = DifferentiableSurrogate(
            one_hot.encode(codes[chosen]), evened(values[chosen, None])[:, 0], seed=len(known)
        )
        self._fitted = (space, codes.copy(), values.copy(), surrogate)
        return surrogate

    def _starts(self, one_hot: OneHot, history: History, size: int, numbers: np.random.Generator) -> Tensor:
        """(size, s) logits: half lean to the best candidates (more of them to the very best), half to nothing."""
        logits = numbers.gumbel(size=(size, one_hot.width)).astype(np.float32)
        best = history.codes[best_first(history)]
        rank = np.floor(numbers.exponential(5.0, size // 2)).astype(int)
        logits[: size // 2] += 2.0 * one_hot.encode(best[rank % len(best)]).numpy()
        return torch.from_numpy(logits)

    def _ascended(self, one_hot: OneHot, surrogate: DifferentiableSurrogate, logits: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        logits = logits.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([logits], lr=_RATE, maximize=True)
        for step in range(self.steps):
            done = step / max(self.steps - 1, 1)
            temperature = _HOT ** (1 - done) * _COLD**done
            noise = -torch.empty_like(logits).exponential_(generator=generator).log()
            optimizer.zero_grad()
            relaxed = one_hot.softmax(logits + (1 - done) * noise, temperature)
            relaxed = relaxed * one_hot.active(logits.detach())  # what does not count has no gradient
            surrogate.bound(relaxed, self.courage).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return logits.detach()

    def _promising(
        self,
        space: Space,
        one_hot: OneHot,
        surrogate: DifferentiableSurrogate,
        ends: Tensor,
        history: History,
        numbers: np.random.Generator,
    ) -> Codes:
        """The different discrete codes that were not tried before, and changes of them; the most promising first."""
        codes = one_hot.discrete(ends)
        codes = np.concatenate([codes, space.mutate(codes[space.valid(codes)], numbers)])
        codes = unseen(codes[space.valid(codes)], history)
        if not len(codes):
            return codes
        said = surrogate.bound(one_hot.encode(codes), self.courage).numpy()
        found: Codes = codes[np.argsort(-said, kind="stable")]
        return found
