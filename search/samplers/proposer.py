"""What lets a strategy propose many candidates at once, beside working as an Optuna sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from optuna.samplers import BaseSampler

from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers.history import History

__all__ = ["BatchSampler", "Proposals", "Proposer"]


@dataclass(frozen=True)
class Proposals:
    """Candidates of a space that are not scored yet.

    `codes` is (n, p). `marks`, one mapping per candidate or none at all, is stored with each trial (Optuna's system
    attributes) and comes back in `History.marks`: what a strategy must know of a candidate to go on after a restart.
    """

    codes: Codes
    marks: tuple[Mapping[str, Any], ...] = ()


class Proposer(Protocol):
    """A strategy, seen from the predicted study.

    Optuna's ask and tell cost about 1 ms a trial, a predictor a fiftieth of that: strategies therefore propose in
    batches. A proposal may depend on its arguments alone: after a kill the last batch is proposed again, and must come
    out the same. What a strategy learns (a controller's weights, say) it learns from `history`, in order.
    """

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """`n` candidates (codes need be neither valid nor within the limits: those that are not are dropped).

        Args:
            space: where the candidates are from.
            history: every candidate recorded so far, in order.
            n: number of candidates.
            seed: integers for `numpy.random.default_rng`; different at every call.
        """


class BatchSampler(BaseSampler, ABC):
    """An Optuna sampler that is a `Proposer` too."""

    @abstractmethod
    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """See `Proposer.propose`."""
