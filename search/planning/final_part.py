"""How long final trainings may be, and how many, in the time that is left for them."""

from __future__ import annotations

import math
from dataclasses import replace

from presage.search.final.halving import tuning_epochs
from presage.search.final.settings import LEAST_EPOCHS, FinalSettings
from presage.search.planning.workload import Workload
from presage.training.recipe import Recipe
from presage.training.timing import Images

__all__ = ["final_epochs", "is_too_large", "several", "tunings", "whole_epochs"]

_FEW = 10_000
"""Training images of which one network learns less than the mean of more in the same time."""

_SHARED = 0.45
"""Of a whole training's epochs, what each of several networks has at least: a half, less what beginning more costs."""

_ENOUGH = 4
"""Networks whose mean is worth more than longer trainings of two; that of more, for fewer epochs each, is not."""

_MEANT = 3_200
"""Training images that the epochs of a recipe are meant for: of more of them it needs fewer epochs."""

_BALANCED = 16e6
"""Work of a network to which so many images are enough; of many images larger ones are shown more. Of few images
those of so much work learn more, in the half minute that each of several has, than larger ones for fewer epochs."""


def whole_epochs(recipe: Recipe, images: Images, work: float) -> int:
    """Epochs of a final training that are worth the name of a recipe's whole length: its own, or fewer where images are
    many, since a training is as long as it has steps. By `thorough` (40 epochs) that is one of 128,000 images.

    Larger networks for fewer epochs were better on 3,800 images and more than networks as small as the recipe's own
    epochs had asked for; on 1,850 and 2,250, smaller ones for more epochs were not (docs/tried.md).

    Args:
        work: of training the network on one image of the final side.
    """
    larger = max(work / _BALANCED, 1.0) if images.train > _FEW else 1.0
    found = round(recipe.epochs * _MEANT * larger / images.epoch(recipe))
    return min(max(found, LEAST_EPOCHS), recipe.epochs)


def final_epochs(
    spare: float, final: FinalSettings, trials: int, workload: Workload, most: int, finals: int, *, beside: bool
) -> int:
    """Epochs of so many final trainings that fit into the time left, tuning included."""
    speed, turns = workload.finals(finals, side_by_side=beside)
    return _fitting_epochs(spare / turns, final, trials, replace(workload, finishing=speed), most)


def several(
    spare: float,
    final: FinalSettings,
    workload: Workload,
    most: int,
    chosen: int,
    found: tuple[int, int],
    whole: int,
) -> tuple[int, int]:
    """How many of the `chosen` networks are trained finally, some at once, and for how many epochs each: as many as a
    whole training of each allows for, and where images are few up to four, each for half of that; beside those of
    one turn, which have a core each. They are averaged
    (`FinalSettings.average`): in about as many seconds the mean of four was better than that of two for twice as long,
    and than that of six or eight for shorter (docs/tried.md).

    Args:
        whole: epochs of a training of whole length.
        found: networks and epochs of one turn.
    """
    least = whole if workload.final_images.train > _FEW or not final.average else _SHARED * whole
    for networks in range(2 * workload.at_once, chosen + 1, workload.at_once):
        fits = final_epochs(spare, final, 0, workload, most, networks, beside=True)
        if fits < (least if networks <= _ENOUGH else whole):
            break
        found = networks, fits
    return found


def is_too_large(spare: float, final: FinalSettings, workload: Workload, most: int, whole: int) -> bool:
    """Whether networks of so much work, trained side by side, are larger than few images ask for while a whole training
    of each of four does not fit, or of as many as stand side by side.

    In equal seconds, 15 to 30 for each network, six convolutions of 9.9 million multiply-adds came to 2.3 points more
    in the mean of five datasets than those of 38.6 million for 15 to 20 epochs, and to 1.3 more than those of 2.6
    million (docs/tried.md).

    Args:
        whole: epochs of a training of whole length.
    """
    few = workload.final_images.train <= _FEW and final.average
    if not few or most * workload.growth <= _BALANCED:
        return False
    networks = max(_ENOUGH, workload.at_once)  # where more stand side by side, each has a core
    return final_epochs(spare, final, 0, workload, most, networks, beside=True) < whole


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
