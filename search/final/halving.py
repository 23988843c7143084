"""Which settings are tried, for how many epochs each: successive halving, the innermost bracket of Hyperband.

Every rung is trained by a whole schedule of its own (warm-up to nothing), not by the beginning of a long one: a few
epochs into a long warm-up say nothing of a learning rate. What a rung costs is known before it begins.
"""

from __future__ import annotations

import math

from presage.training.recipe import Recipe

__all__ = ["FACTOR", "rungs", "settings", "tuning_epochs"]

FACTOR = 3
"""Of the settings of a rung one in so many goes on, to as many times the epochs (Hyperband's eta, 1603.06560)."""

_RATE, _DECAY = 4.0, 10.0  # the recipe's own learning rate and weight decay, times or divided by at most so much
_LEAST_DECAY = 1e-4  # in place of none
_PLASTIC = 1.32471795724474602596  # its powers step through the plane evenly (Roberts' R2 sequence)


def rungs(trials: int, epochs: int) -> tuple[tuple[int, int], ...]:
    """(settings, epochs) of each rung before a final training of `epochs`.

    9 settings before 27 epochs: (9, 3), (3, 9); the best of the last three is what the network is trained by.
    """
    if trials < 2:
        return ()
    depth = max(math.ceil(math.log(trials, FACTOR) - 1e-9), 1)
    found = []
    for rung in range(depth):
        alive = max(math.ceil(trials / FACTOR**rung), 2)
        found.append((alive, max(round(epochs / FACTOR ** (depth - rung)), 1)))
    return tuple(found)


def tuning_epochs(trials: int, epochs: int) -> int:
    """Epochs of all the trainings before a final training of `epochs`."""
    return sum(alive * each for alive, each in rungs(trials, epochs))


def settings(recipe: Recipe, trials: int, seed: int) -> list[tuple[float, float]]:
    """(learning rate, weight decay) of each trial: the recipe's own first, then evenly around it, in logarithms."""
    decay = max(recipe.weight_decay, _LEAST_DECAY)
    shift = (seed * 0.618033988749895) % 1.0
    found = [(recipe.learning_rate, recipe.weight_decay)]
    for at in range(1, trials):
        across = (0.5 + shift + at / _PLASTIC) % 1.0
        up = (0.5 + shift + at / _PLASTIC**2) % 1.0
        found.append(
            (
                _rounded(recipe.learning_rate * _RATE ** (2 * across - 1)),
                _rounded(decay * _DECAY ** (2 * up - 1)),
            )
        )
    return found


def _rounded(value: float) -> float:
    """Three digits: what a person would write, and the same text in every recipe."""
    return float(f"{value:.3g}")
