"""The average of the weights over the steps of a training (Polyak & Juditsky 1992), exponential and corrected early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """``average ← d·average + (1 - d)·weights`` after each step t = 1, 2 …, with ``d = min(decay, t / (t + 9))``.

    While few steps are done the average is over them alone: the beginning is forgotten. Statistics of batch
    normalisation are averaged as weights are; counters are taken as they are.
    """

    def __init__(self, modules: Sequence[nn.Module], decay: float) -> None:
        self.decay = decay
        self.step = 0
        self._live = [value for module in modules for value in module.state_dict(keep_vars=True).values()]
        self._average = [value.detach().clone() for value in self._live]
        self._moving = [row for row, value in enumerate(self._live) if value.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        self.step += 1
        decay = min(self.decay, self.step / (self.step + 9))
        averages = [self._average[row] for row in self._moving]
        torch._foreach_lerp_(averages, [self._live[row].detach() for row in self._moving], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The modules have the average's weights within the block, and their own after it."""
        own = [value.detach().clone() for value in self._live]
        self.install()
        try:
            yield
        finally:
            self._write(own)

    @torch.no_grad()
    def install(self) -> None:
        """Give the modules the average's weights for good."""
        moving = set(self._moving)
        self._write([self._average[row] if row in moving else self._live[row] for row in range(len(self._live))])

    @torch.no_grad()
    def _write(self, values: Sequence[Tensor]) -> None:
        for live, value in zip(self._live, values, strict=True):
            live.detach().copy_(value)

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"step": self.step, "average": list(self._average)}

    def load(self, state: dict[str, object]) -> None:
        """Go on from what `state` gave."""
        step, average = state["step"], state["average"]
        assert isinstance(step, int)
        assert isinstance(average, list)
        self.step = step
        for own, value in zip(self._average, average, strict=True):
            own.copy_(value)
