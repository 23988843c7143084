"""Which networks of a left-out dataset count as trained, and which are then scored: random draws, fixed by a seed.

One draw serves every method and every k: the k trained ones are the first k of one random order, and scored are those
that no k of the draw trained, so that methods and numbers of trained networks are compared on the same networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument
from presage.surrogate import metrics
from presage.surrogate.evaluation.tables import mean_of
from presage.surrogate.predictors.prediction import Prediction

__all__ = ["Draw", "ShotPlan", "ShotScore", "shot_score"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Draw:
    """One random order of a dataset's networks.

    Attributes:
        order: (n,) rows; the first k are the ones trained.
        counts: the k that leave enough to score.
        scored: rows that are scored, whatever the k.
    """

    order: Ints
    counts: tuple[int, ...]
    scored: Ints


@dataclass(frozen=True)
class ShotPlan:
    """How few-shot predictions and their rival are evaluated.

    Args:
        counts: numbers of trained networks of the target, rising.
        draws: random draws that are averaged.
        least_scored: networks that must be left to score; a dataset with fewer goes without that k.
        seed: of the draws.
    """

    counts: tuple[int, ...] = (5, 10, 20, 50)
    draws: int = 8
    least_scored: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.counts or list(self.counts) != sorted(set(self.counts)) or self.counts[0] < 1:
            raise InvalidArgument("counts", "ShotPlan", "rise and be at least 1", self.counts)
        if self.draws < 1:
            raise InvalidArgument("draws", "ShotPlan", "be at least 1", self.draws)

    def of(self, task: str, networks: int) -> list[Draw]:
        """The draws of a task with n networks, none where it has too few for the least k."""
        counts = tuple(k for k in self.counts if networks - k >= self.least_scored)
        if not counts:
            return []
        digest = hashlib.sha256(task.encode()).digest()
        found = []
        for draw in range(self.draws):
            rng = np.random.default_rng([self.seed, draw, int.from_bytes(digest[:8], "big")])
            order = rng.permutation(networks).astype(np.int64)
            found.append(Draw(order, counts, order[counts[-1] :]))
        return found

    def settings(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ShotScore:
    """A method that knew k trained networks of a left-out task; means over the draws."""

    method: str
    k: int
    networks: int
    kendall_tau: float
    spearman: float
    mse: float
    r2: float
    regret_5: float
    coverage: float | None
    width: float | None


def shot_score(method: str, k: int, answers: Sequence[tuple[Floats, Prediction | Floats]]) -> ShotScore:
    """The mean score of one method over draws, each given as truth (m,) and what was predicted."""
    columns: dict[str, list[float | None]] = {}
    for truth, said in answers:
        whole = said if isinstance(said, Prediction) else None
        value = said.value if isinstance(said, Prediction) else said
        scores = {
            "kendall_tau": metrics.kendall_tau(truth, value),
            "spearman": metrics.spearman(truth, value),
            "mse": metrics.mse(truth, value),
            "r2": metrics.r2(truth, value),
            "regret_5": metrics.regret_at_k(truth, value, 5),
            "coverage": metrics.coverage(truth, whole.lower, whole.upper) if whole else None,
            "width": metrics.width(whole.lower, whole.upper) if whole else None,
        }
        for name, score in scores.items():
            columns.setdefault(name, []).append(score)
    means: dict[str, Any] = {name: mean_of(values) for name, values in columns.items()}
    return ShotScore(method=method, k=k, networks=len(answers[0][0]), **means)
