"""The network inside `TapLSTM` once it is trained: read forward in NumPy, so that a prediction needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.sequences import starts_of

__all__ = ["TapReader"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

TOGETHER = 256
"""Networks read at once."""
_ONE, _HALF = np.float32(1.0), np.float32(0.5)


@dataclass(frozen=True, eq=False)
class TapReader:
    """What `TapNetwork` computes (there the formulas), for whole networks and without gradients.

    A network is a column here, so that each gate of all networks lies in one piece. A sigmoid is read by the hyperbolic
    tangent, σ(x) = (1 + tanh(x/2)) / 2, so that one call opens all four gates; its halves stand in the weights, where
    they cost nothing and no digit.

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
        starts, found, both = starts_of(lengths), np.empty(len(lengths)), self._gates(task)
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            found[rows] = self._read(layers, starts[rows], lengths[rows], *both)
        return found

    def _gates(self, task: Singles) -> tuple[Singles, Singles]:
        """Weights of both LSTMs on a task.

        Those of the first, (4u, f + 1 + u), read a layer, 1 and its own outputs; those of the second, (4v, 1 + u + v),
        read 1, the outputs of the first and its own.
        """
        w = self.weights
        first = w["layers.weight_hh_l0"].shape[1]
        fixed = w["layers.bias_ih_l0"] + w["layers.bias_hh_l0"]
        lower = np.concatenate([w["layers.weight_ih_l0"], fixed[:, None], _HALF * w["layers.weight_hh_l0"]], axis=1)
        recurrent = w["recurrent_weight"] + w["feedback_weight"] @ w["head"]
        # the task is the same at every step
        fixed = w["bias"] + w["offset"] * w["feedback_weight"][:, 0] + w["input_weight"][:, first:] @ task
        upper = [fixed[:, None], _HALF * w["input_weight"][:, :first], _HALF * recurrent]
        return _opened(lower), _opened(np.concatenate(upper, axis=1))

    def _read(self, layers: Singles, starts: Ints, lengths: Ints, lower: Singles, upper: Singles) -> Singles:
        """(b,) for networks from the longest to the shortest."""
        b, f, u, v = len(lengths), layers.shape[1], len(lower) // 4, len(upper) // 4
        seen = np.zeros((f + 1 + u + v, b), np.float32)  # a layer, 1, and twice the outputs of both
        seen[f] = 1.0
        own, outputs = slice(f + 1, f + 1 + u), slice(f + 1 + u, None)
        memory, gates = np.zeros((u + v, b), np.float32), np.empty((4 * max(u, v), b), np.float32)
        running = np.cumsum(np.bincount(lengths)[:0:-1])[::-1]  # (t,) networks that have more layers than each step
        for step, r in enumerate(running.tolist()):
            seen[:f, :r] = layers.take(starts[:r] + step, axis=0).T
            _step(np.matmul(lower, seen[: f + 1 + u, :r], out=gates[: 4 * u, :r]), memory[:u, :r], seen[own, :r])
            _step(np.matmul(upper, seen[f:, :r], out=gates[: 4 * v, :r]), memory[u:, :r], seen[outputs, :r])
        return np.asarray(_HALF * (self.weights["head"] @ seen[outputs])[0] + self.weights["offset"])


def _opened(weights: Singles) -> Singles:
    """Weights (4h, …) of gates by the tangent in torch's order: input, forget and output, then the candidate."""
    given, forgotten, candidate, told = np.split(weights, 4)
    return np.concatenate([_HALF * given, _HALF * forgotten, _HALF * told, candidate])


def _step(gates: Singles, memory: Singles, hidden: Singles) -> None:
    """One step of an LSTM: `memory` (h, b), and twice its output into `hidden` (h, b).

    Args:
        gates: (4h, b) before their non-linearities, by `_opened` weights; overwritten.
        memory: of the step before.
        hidden: where the outputs go.
    """
    h = len(memory)
    np.tanh(gates, out=gates)
    gates[: 3 * h] += _ONE
    given, forgotten, told, candidate = (gates[at * h : (at + 1) * h] for at in range(4))
    memory *= forgotten
    candidate *= given
    memory += candidate
    memory *= _HALF
    np.tanh(memory, out=candidate)
    np.multiply(candidate, told, out=hidden)
