"""The network inside `TapLSTM` once it is trained: read forward in NumPy, so that a prediction needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.sequences import padded, starts_of

__all__ = ["TapReader"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

TOGETHER = 256
"""Networks read at once."""


@dataclass(frozen=True, eq=False)
class TapReader:
    """What `TapNetwork` computes (there the formulas), for whole networks and without gradients.

    Attributes:
        weights: by the names of `TapNetwork.state_dict()`.
    """

    weights: Mapping[str, Singles]

    def relative(self, layers: Singles, lengths: Ints, task: Singles) -> Floats:
        """(n,) relative accuracies of whole networks on one task (q,).

        Args:
            layers: (l, f) standardised, network by network.
            lengths: (n,) layers of each network.
            task: (q,) standardised.
        """
        order = np.argsort(-lengths, kind="stable")  # those that are longer go on when others have ended
        starts, found = starts_of(lengths), np.empty(len(lengths))
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            found[rows] = self._read(padded(layers, starts[rows], lengths[rows]), lengths[rows], task)
        return found

    def _read(self, layers: Singles, lengths: Ints, task: Singles) -> Singles:
        """(b,) for networks from the longest to the shortest."""
        w = self.weights
        first, second = w["layers.weight_hh_l0"].shape[1], w["recurrent_weight"].shape[1]
        # the first LSTM's inputs of all steps at once; the task is the same at every step of the second
        seen = layers @ w["layers.weight_ih_l0"].T + (w["layers.bias_ih_l0"] + w["layers.bias_hh_l0"])
        recurrent = (w["recurrent_weight"] + w["feedback_weight"] @ w["head"]).T
        bias = w["bias"] + w["offset"] * w["feedback_weight"][:, 0] + w["input_weight"][:, first:] @ task
        from_first, own = w["input_weight"][:, :first].T, w["layers.weight_hh_l0"].T
        lower, upper = _Cell.zeros(len(layers), first), _Cell.zeros(len(layers), second)
        last = np.empty((len(layers), second), np.float32)
        for step in range(layers.shape[1]):
            running = int(np.searchsorted(-lengths, -step, side="left"))  # networks with more layers than `step`
            lower, upper = lower.take(running), upper.take(running)
            lower.step(seen[:running, step] + lower.hidden @ own)
            upper.step(lower.hidden @ from_first + upper.hidden @ recurrent + bias)
            last[:running] = upper.hidden
        return np.asarray((last @ w["head"].T)[:, 0] + w["offset"])


@dataclass(eq=False)
class _Cell:
    """State of an LSTM, (b, h) each."""

    hidden: Singles
    memory: Singles

    @classmethod
    def zeros(cls, rows: int, size: int) -> _Cell:
        return cls(np.zeros((rows, size), np.float32), np.zeros((rows, size), np.float32))

    def take(self, rows: int) -> _Cell:
        return self if rows == len(self.hidden) else _Cell(self.hidden[:rows], self.memory[:rows])

    def step(self, gates: Singles) -> None:
        """One step, given the gates (b, 4h) before their non-linearities: input, forget, candidate, output."""
        size = self.hidden.shape[1]
        opened = [_sigmoid(gates[:, at * size : (at + 1) * size]) for at in (0, 1, 3)]
        self.memory = opened[1] * self.memory + opened[0] * np.tanh(gates[:, 2 * size : 3 * size])
        self.hidden = opened[2] * np.tanh(self.memory)


def _sigmoid(x: Singles) -> Singles:
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, np.float32)
