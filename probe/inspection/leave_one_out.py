"""Classes of points told by all other points: ridge regression on a Gaussian kernel, each point left out in turn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

__all__ = ["KernelMap", "left_out_probabilities"]

LANDMARKS = 700
"""Points that stand for all in the kernel (Nyström); with fewer points, all of them do."""

_NARROWNESS = 1.5  # exponent of the kernel at the median squared distance
_PENALTIES = tuple(10.0 ** (-step / 2) for step in range(4, 12))  # times the number of points
_TEMPERATURES = (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25, 0.3)
_WRONG = 0.05  # share of labels that are taken to be drawn anew, so that no penalty is chosen for believing them
_CHOSEN_BY = 4_000  # points by which penalty and temperature are chosen


@dataclass(frozen=True)
class KernelMap:
    """Points as they are seen by a Gaussian kernel through landmarks: inner products are nearly the kernel.

    Source: Williams and Seeger, Using the Nyström Method to Speed Up Kernel Machines (NIPS 2000).
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    landmarks: torch.Tensor
    scale: float
    root: torch.Tensor

    @classmethod
    def of(cls, points: torch.Tensor) -> KernelMap:
        """By landmarks (m, f), which are brought to mean 0 and deviation 1; the median of their squared distances is
        the kernel's unit."""
        mean, deviation = points.mean(dim=0), points.std(dim=0, unbiased=False).clamp_min(1e-6)
        landmarks = (points - mean) / deviation
        squares = _squares(landmarks, landmarks)
        apart = squares[squares > 1e-6]
        scale = float(apart.median()) if len(apart) else 1.0
        values, axes = torch.linalg.eigh(torch.exp(-_NARROWNESS * squares / scale).double())
        root = axes * (values + 1e-6).clamp_min(1e-6).rsqrt()
        return cls(mean, deviation, landmarks, scale, root.float())

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """(n, m) of points (n, f)."""
        squares = _squares((points - self.mean) / self.deviation, self.landmarks)
        return torch.exp(-_NARROWNESS * squares / self.scale) @ self.root


def _squares(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Squared distances (n, m)."""
    return (a.square().sum(dim=1)[:, None] + b.square().sum(dim=1) - 2 * a @ b.T).clamp_min(0)


def left_out_probabilities(seen: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Of each point, what the regression of all others on their labels says of it, as probabilities (n, k).

    No point is fitted anew: the residual of a point left out is its residual among all, over one less its leverage
    (Allen's PRESS, Technometrics 1974). Penalty and temperature of the softmax are those of the best likelihood of
    labels, left out likewise, of which a twentieth is taken to be drawn at random.

    Args:
        seen: (n, m) as `KernelMap` gives them.
        labels: (n,) in 0 … k-1.
    """
    n = len(seen)
    values, axes = torch.linalg.eigh((seen.T @ seen).double())
    values, turned = values.clamp_min(0).float(), seen @ axes.float()
    truth = F.one_hot(labels, classes).float()
    mean = truth.mean(dim=0)
    towards = turned.T @ (truth - mean)  # (m, k)

    def scores(penalty: float, rows: torch.Tensor) -> torch.Tensor:
        shrunk, some = 1 / (values + penalty * n), turned[rows]
        leverage = (some.square() @ shrunk)[:, None]
        own = truth[rows] - mean
        left_out: torch.Tensor = (some @ (shrunk[:, None] * towards) - leverage * own) / (1 - leverage).clamp_min(1e-3)
        return left_out + mean

    rows = torch.arange(0, n, max(1, n // _CHOSEN_BY))
    best, chosen = float("inf"), (_PENALTIES[0], _TEMPERATURES[0])
    for penalty in _PENALTIES:
        found = scores(penalty, rows)
        for temperature in _TEMPERATURES:
            own = (found / temperature).softmax(dim=1).gather(1, labels[rows, None])
            loss = float(-((1 - _WRONG) * own + _WRONG / classes).log().mean())
            if loss < best:
                best, chosen = loss, (penalty, temperature)
    return (scores(chosen[0], torch.arange(n)) / chosen[1]).softmax(dim=1)
