"""What this machine makes of a search: a few random networks of the space are timed, and a few dozen scored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Space
from presage.errors import InvalidArgument
from presage.search.final.settings import FinalSettings
from presage.search.latency.model import LatencyModel
from presage.search.planning.plan import Workload
from presage.search.samplers.history import History
from presage.search.samplers.random import RandomSampler
from presage.search.settings import SearchSettings
from presage.search.studies.feasible import COSTS, Feasible, FeasibleDraws
from presage.search.studies.scorer import AnyScorer, prediction_of
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.recording import dataset_record
from presage.training.timing import Images, Speed, fitted_speed, timed
from presage.training.training_images import training_images

__all__ = ["MeasuredMachine", "images_of", "measured"]

_DRAWN = 64  # networks, of which the sizes are known and the scoring is timed
_TIMED = (0.1, 0.5, 0.9)  # quantiles, by multiply-adds, that are trained for a few steps
_LADDER = tuple(np.linspace(0, 1, 12).tolist())  # quantiles that a plan chooses the largest network from
_PROPOSED = 0.001  # seconds to propose and record a candidate


def images_of(dataset: ImageDataset, recipe: Recipe) -> Images:
    """How many images a training by this recipe sees."""
    train = training_images(dataset_record(dataset), replace(recipe, train_images=None))
    held = len(dataset.y_train) - train
    test = len(dataset.y_test) if recipe.test_images is None else min(len(dataset.y_test), recipe.test_images)
    return Images(train, min(held, recipe.validation_images), test)


@dataclass(frozen=True, eq=False)
class MeasuredMachine:
    """What is known of a search before anything is scored.

    Attributes:
        workload: with the least that candidates can take, and no time spent.
        drawn: networks to time a scorer with.
    """

    workload: Workload
    drawn: Feasible

    def scored(self, scorer: AnyScorer, spent: Callable[[], float]) -> Workload:
        """The workload with the scorer timed.

        Args:
            spent: seconds since the work began; asked after that.
        """
        candidate = _scoring(scorer, self.drawn) + _PROPOSED
        return replace(self.workload, candidate=candidate, spent=spent())


def measured(
    dataset: ImageDataset,
    space: Space,
    recipe: Recipe,
    settings: SearchSettings,
    final: FinalSettings | None,
    *,
    latency: LatencyModel | None,
    device: str,
) -> MeasuredMachine:
    """What a plan is made from. Takes seconds.

    Raises:
        NothingFeasible: no network of the space is within the limits.
        InvalidArgument: not one of the networks tried can be trained here.
    """
    shape, classes = _shape(dataset, recipe), len(dataset.classes)
    draws = FeasibleDraws(space, RandomSampler(0), settings.limits, shape, classes, latency)
    found = draws.draw(History(len(space.parameters)), _DRAWN, (settings.seed, _DRAWN))
    work = np.sort(found.costs[:, COSTS.index("multiply_adds")])
    networks = [space.decode(space.params(found.codes[row])) for row in _quantiles(found)]
    last = recipe if final is None else final.recipe
    searching = _speed(networks, shape, classes, recipe, device, depth=True)
    growth = 1.0
    if final is None:
        finishing = searching
    else:
        finishing = _speed(networks, _shape(dataset, last), classes, last, device, depth=False)
        at_both = [costs(networks[1].canonical, each, classes).multiply_adds for each in (shape, _shape(dataset, last))]
        growth = max(at_both[1], 1) / max(at_both[0], 1)
    ladder = sorted({int(value) for value in np.quantile(work, _LADDER)})
    workload = Workload(
        images=images_of(dataset, recipe),
        final_images=images_of(dataset, last),
        spent=0.0,
        candidate=_PROPOSED,
        searching=searching,
        finishing=finishing,
        multiply_adds=(*ladder, 2 * ladder[-1]),  # what a search finds may be larger than anything drawn at random
        growth=growth,
    )
    return MeasuredMachine(workload, found)


def _shape(dataset: ImageDataset, recipe: Recipe) -> tuple[int, int, int]:
    return (dataset.shape[0], recipe.image_side, recipe.image_side)


def _scoring(scorer: AnyScorer, found: Feasible) -> float:
    """Seconds to score one candidate, in a batch."""
    began = time.perf_counter()
    prediction_of(scorer, found.codes, found.graphs)
    return (time.perf_counter() - began) / len(found)


def _quantiles(found: Feasible) -> list[int]:
    """Rows of the networks that are timed."""
    order = np.argsort(found.costs[:, COSTS.index("multiply_adds")], kind="stable")
    return [int(order[round(share * (len(order) - 1))]) for share in _TIMED]


def _speed(
    networks: list[Architecture], shape: tuple[int, int, int], classes: int, recipe: Recipe, device: str, *, depth: bool
) -> Speed:
    timings = [timed(network, shape, classes, recipe, device, depth=depth) for network in networks]
    kept = [timing for timing in timings if timing is not None]
    if not kept:
        rule = "leave networks that can be trained here: none of three could be"
        raise InvalidArgument("recipe", "presage search", rule, f"{shape[1]} px, batch {recipe.batch}")
    return fitted_speed(kept)
