"""How long final trainings may be, and how many, in the time that is left for them."""

from __future__ import annotations

import math
from dataclasses import replace

from presage.search.final.halving import tuning_epochs
from presage.search.final.settings import FinalSettings
from presage.search.planning.workload import Workload

__all__ = ["final_epochs", "several", "tunings"]

_FEW = 10_000
"""Training images of which one network learns less than the mean of more in the same time."""


def final_epochs(
    spare: float, final: FinalSettings, trials: int, workload: Workload, most: int, finals: int, *, beside: bool
) -> int:
    """Epochs of so many final trainings that fit into the time left, tuning included."""
    speed, turns = workload.finals(finals, side_by_side=beside)
    return _fitting_epochs(spare / turns, final, trials, replace(workload, finishing=speed), most)


def several(
    spare: float, final: FinalSettings, workload: Workload, most: int, chosen: int, found: tuple[int, int]
) -> tuple[int, int]:
    """How many of the `chosen` networks are trained finally, some at once, and for how many epochs each: as many as the
    recipe's length allows for, or half of it where images are few. They are averaged (`FinalSettings.average`).

    Args:
        found: networks and epochs of one turn.
    """
    least = final.recipe.epochs if workload.final_images.train > _FEW or not final.average else final.recipe.epochs / 2
    for networks in range(2 * workload.at_once, chosen + 1, workload.at_once):
        fits = final_epochs(spare, final, 0, workload, most, networks, beside=True)
        if fits < least:
            break
        found = networks, fits
    return found


def _fitting_epochs(seconds: float, final: FinalSettings, trials: int, workload: Workload, most: int) -> int:
    """Epochs of a final training that fits together with its tuning."""
    epoch = workload.finishing.epoch(final.recipe, workload.final_images, workload.growth * most)
    trainings = 1 + tunings(trials)
    epochs = math.floor((seconds - trainings * workload.finishing.start) / epoch)
    while (
        epochs > 0 and (epochs + tuning_epochs(trials, epochs)) * epoch + trainings * workload.finishing.start > seconds
    ):
        epochs -= 1
    return epochs


def tunings(trials: int) -> int:
    """Trainings that a tuning takes: a third of the settings again on every rung."""
    return 0 if trials < 2 else math.ceil(1.5 * trials)
