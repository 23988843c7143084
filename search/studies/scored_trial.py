"""A trial that was over when it was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ScoredTrial"]


@dataclass(frozen=True)
class ScoredTrial:
    """A trial that was over when it was recorded.

    Attributes:
        code: (p,) choice indices.
        values: one per objective, as the study's directions have them; empty where the trial failed.
        user: shown by the dashboard beside the trial.
        system: for presage and the strategy.
    """

    code: Sequence[int]
    values: tuple[float, ...]
    user: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
