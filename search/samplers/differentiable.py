"""A small ensemble of networks over one-hot parameters, through which a score can be climbed by its gradient."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from presage.architecture.spaces.space import Codes, Space

__all__ = ["DifferentiableSurrogate", "OneHot"]

Floats = NDArray[np.float64]


class OneHot:
    """Codes of a space as blocks of numbers, one block for each parameter: the s columns of a relaxed code.

    A code has one 1 in the block of each active parameter, and zeros in that of an inactive one, which says nothing of
    the network.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(space.sizes)])
        self.block = torch.from_numpy(np.repeat(np.arange(len(space.sizes)), space.sizes))
        self._grid = torch.from_numpy(
            np.where(
                np.arange(space.sizes.max()) < space.sizes[:, None],
                self.starts[:-1, None] + np.arange(space.sizes.max()),
                self.starts[-1],
            )
        )

    @property
    def width(self) -> int:
        """s, number of choices of all parameters together."""
        return int(self.starts[-1])

    def encode(self, codes: Codes) -> Tensor:
        """(n, s) of (n, p) codes."""
        made = np.zeros((len(codes), self.width), np.float32)
        rows, columns = np.nonzero(self.space.active(codes))
        made[rows, self.starts[columns] + codes[rows, columns]] = 1.0
        return torch.from_numpy(made)

    def softmax(self, logits: Tensor, temperature: float) -> Tensor:
        """(n, s) probabilities within each block."""
        padded = torch.cat([logits, logits.new_full((len(logits), 1), -torch.inf)], dim=1)
        blocks = torch.softmax(padded[:, self._grid] / temperature, dim=2)  # (n, p, most choices)
        return blocks[:, self._grid < self.width]

    def discrete(self, logits: Tensor) -> Codes:
        """(n, p) the likeliest choice of each parameter, inactive ones at choice 0."""
        padded = torch.cat([logits, logits.new_full((len(logits), 1), -torch.inf)], dim=1)
        codes: Codes = padded[:, self._grid].argmax(dim=2).numpy()
        return self.space.normalise(codes)

    def active(self, logits: Tensor) -> Tensor:
        """(n, s) 1 in the blocks of the parameters that count in the likeliest network, 0 elsewhere."""
        found = torch.from_numpy(self.space.active(self.discrete(logits)).astype(np.float32))
        return found[:, self.block]


class DifferentiableSurrogate:
    """An ensemble of perceptrons with two hidden layers, fitted together to (m, s) encoded candidates.

    Each member begins elsewhere and weighs the candidates differently (a Bayesian bootstrap), so that they agree where
    much is known. All runs on one thread: sums come out the same whatever the machine's cores.
    """

    def __init__(
        self, encoded: Tensor, values: Floats, seed: int, *, members: int = 4, hidden: int = 64, steps: int = 150
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        m, s = encoded.shape

        def weights(rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(members, rows, columns, generator=generator) / rows**0.5)

        # each active parameter adds one row of the first layer: scaled by their number, not by the columns'
        each = max(float(encoded.sum(dim=1).mean()), 1.0)
        self._first = nn.Parameter(torch.randn(members, s, hidden, generator=generator) / each**0.5)
        self._second, self._last = weights(hidden, hidden), weights(hidden, 1)
        self._biases = [nn.Parameter(torch.zeros(members, 1, size)) for size in (hidden, hidden, 1)]
        target = torch.from_numpy(values.astype(np.float32))
        share = (
            torch.rand(members, m, generator=generator).clamp_min(1e-6).log().neg()
        )  # exponential: Bayesian bootstrap
        parameters = [self._first, self._second, self._last, *self._biases]
        optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.01)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 - step / steps)
            optimizer.zero_grad()
            loss = (share * (self.members(encoded) - target) ** 2).mean(dim=1).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for parameter in parameters:
            parameter.requires_grad_(False)

    def members(self, relaxed: Tensor) -> Tensor:
        """(members, n) what each says of (n, s) relaxed codes."""
        x = torch.nn.functional.silu(relaxed @ self._first + self._biases[0])
        x = torch.nn.functional.silu(x @ self._second + self._biases[1])
        return (x @ self._last + self._biases[2])[:, :, 0]

    def bound(self, relaxed: Tensor, courage: float) -> Tensor:
        """(n,) mean over members plus `courage` times their deviation: where they differ, there is more to learn."""
        said = self.members(relaxed)
        return said.mean(dim=0) + courage * (said.var(dim=0) + 1e-8).sqrt()
