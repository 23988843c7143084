"""The learning rate over a training: what share of its highest is taken at each step."""

from __future__ import annotations

import math

__all__ = ["rate_share"]


def rate_share(schedule: str, warmup: float, step: float, steps: float) -> float:
    """Share of the highest learning rate at `step` of `steps`.

    Args:
        schedule: one of `presage.training.recipe.SCHEDULES`.
        warmup: share of all steps in which the rate rises.
    """
    if schedule == "constant":
        return 1.0
    rise = max(warmup * steps, 1.0)
    if step < rise:
        return max((step + 1) / (rise + 1), 0.01)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1.0)))
