"""What this machine makes of a search: a few random networks of the space are timed, and a few dozen scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Space
from presage.errors import InvalidArgument
from presage.search.latency.model import LatencyModel
from presage.search.latency.training_work import training_work
from presage.search.planning.workload import Offer, Offered, PlannedPart, Workload
from presage.search.samplers.history import History
from presage.search.samplers.random import RandomSampler
from presage.search.settings import SearchSettings
from presage.search.studies.feasible import Feasible, FeasibleDraws
from presage.search.studies.scorer import AnyScorer, prediction_of
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.hardware import one_thread
from presage.training.recipe import Recipe
from presage.training.recording import dataset_record
from presage.training.timing import Images, Speed, fitted_speed, timed
from presage.training.training_images import training_images

__all__ = ["PROPOSED", "MeasuredMachine", "images_of", "measured"]

_DRAWN = 64  # networks, of which the sizes are known and the scoring is timed
_TIMED = (0.1, 0.5, 0.9)  # quantiles, by the work of training them, that are trained for a few steps
_LADDER = tuple(np.linspace(0, 1, 12).tolist())  # quantiles that a plan chooses the largest network from
_TIMED_SIDE = 32  # of the final recipes, the one whose side is nearest is timed

PROPOSED = 0.001
"""Seconds to propose and record a candidate."""


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
        dataset: to be searched for.
        offers: pairs of recipes, the best first.
        drawn: networks to time a scorer with, and whose sizes are those to choose from.
        networks: three of them, that were timed: a small, a middling and a large one.
        searching, finishing: what was measured, and on images of which side.
        at_once: networks that are trained side by side.
        beside: as `finishing`, of one thread; None where nothing is trained side by side.
    """

    dataset: ImageDataset
    offers: tuple[Offer, ...]
    drawn: Feasible
    networks: tuple[Architecture, ...]
    searching: tuple[Speed, int]
    finishing: tuple[Speed, int]
    at_once: int = 1
    beside: tuple[Speed, int] | None = None

    def scoring(self, scorer: AnyScorer) -> float:
        """Seconds to propose and score a candidate."""
        return _scoring(scorer, self.drawn) + PROPOSED

    def offered(self, before: Sequence[PlannedPart], candidate: float) -> tuple[Offered, ...]:
        """Every offer with the work it would be.

        Args:
            before: what is done before the search, whatever is chosen.
            candidate: seconds to propose and score one.
        """
        return tuple(Offered(offer, self._workload(offer, before, candidate)) for offer in self.offers)

    def _workload(self, offer: Offer, before: Sequence[PlannedPart], candidate: float) -> Workload:
        recipe = offer.recipe
        last = recipe if offer.final is None else offer.final.recipe
        work = training_work(self.drawn.graphs, _shape(self.dataset, recipe), len(self.dataset.classes))
        ladder = sorted({int(value) for value in np.quantile(work, _LADDER)})
        return Workload(
            images=images_of(self.dataset, recipe),
            final_images=images_of(self.dataset, last),
            spent=sum(part.seconds for part in before),
            candidate=candidate,
            searching=_at(self.searching, recipe.image_side),
            finishing=_at(self.finishing, last.image_side),
            works=(*ladder, 2 * ladder[-1]),  # what a search finds may be larger than anything drawn at random
            growth=self._growth(recipe.image_side, last.image_side),
            before=tuple(before),
            at_once=self.at_once,
            beside=None if self.beside is None else _at(self.beside, last.image_side),
        )

    def _growth(self, side: int, larger: int) -> float:
        """Work of training the middling network on images of one side, as a multiple of that on those of another."""
        c, middling = self.dataset.shape[0], GraphBatch.of([self.networks[1].canonical])
        first, second = (
            training_work(middling, (c, each, each), len(self.dataset.classes))[0] for each in (side, larger)
        )
        return float(second / first)


def _at(measured: tuple[Speed, int], side: int) -> Speed:
    """The speed on images of another side: what does not depend on the network grows with the pixels."""
    speed, timed_at = measured
    return speed if side == timed_at else replace(speed, image=speed.image * (side / timed_at) ** 2)


def measured(
    dataset: ImageDataset,
    space: Space,
    offers: Sequence[Offer],
    settings: SearchSettings,
    *,
    latency: LatencyModel | None,
    device: str,
    at_once: int | None = None,
    brief: bool = False,
) -> MeasuredMachine:
    """What a plan is made from. Takes seconds: on images of two sides, whatever is offered; on the larger, no large
    network.

    Args:
        at_once: networks that are trained side by side, each by one thread; None: one after the other, by all threads.
        brief: where some are trained side by side, final trainings are timed by one thread alone. A training by all
            threads, which small networks make little of, then counts as one by one.

    Raises:
        NothingFeasible: no network of the space is within the limits.
        InvalidArgument: not one of the networks tried can be trained here.
    """
    recipe = offers[-1].recipe
    shape, classes = _shape(dataset, recipe), len(dataset.classes)
    draws = FeasibleDraws(space, RandomSampler(0), settings.limits, shape, classes, latency)
    found = draws.draw(History(len(space.parameters)), _DRAWN, (settings.seed, _DRAWN))
    done = training_work(found.graphs, shape, classes)
    networks = tuple(space.decode(space.params(found.codes[row])) for row in _quantiles(done))
    with nullcontext() if at_once is None else one_thread():
        searching = _speed(networks, shape, classes, recipe, device, depth=True), recipe.image_side
    finals = [offer.final.recipe for offer in offers if offer.final is not None]
    finishing, beside = searching, None
    if finals:
        last = min(finals, key=lambda one: abs(one.image_side - _TIMED_SIDE))
        asked = networks[:2], _shape(dataset, last), classes, last, device
        if at_once is not None and at_once > 1:
            with one_thread():
                finishing = beside = _speed(*asked, depth=False), last.image_side
        if beside is None or not brief:
            finishing = _speed(*asked, depth=False), last.image_side  # by all threads: it is one training
    return MeasuredMachine(dataset, tuple(offers), found, networks, searching, finishing, at_once or 1, beside)


def _shape(dataset: ImageDataset, recipe: Recipe) -> tuple[int, int, int]:
    return (dataset.shape[0], recipe.image_side, recipe.image_side)


def _scoring(scorer: AnyScorer, found: Feasible) -> float:
    """Seconds to score one candidate, in a batch."""
    began = time.perf_counter()
    prediction_of(scorer, found.codes, found.graphs)
    return (time.perf_counter() - began) / len(found)


def _quantiles(done: NDArray[np.float64]) -> list[int]:
    """Rows of the networks that are timed, of which the work is known."""
    order = np.argsort(done, kind="stable")
    return [int(order[round(share * (len(order) - 1))]) for share in _TIMED]


def _speed(
    networks: Sequence[Architecture],
    shape: tuple[int, int, int],
    classes: int,
    recipe: Recipe,
    device: str,
    *,
    depth: bool,
) -> Speed:
    timings = [timed(network, shape, classes, recipe, device, depth=depth) for network in networks]
    done = training_work(GraphBatch.of([network.canonical for network in networks]), shape, classes)
    kept = [replace(one, work=float(own)) for one, own in zip(timings, done, strict=True) if one is not None]
    if not kept:
        rule = "leave networks that can be trained here: none of three could be"
        raise InvalidArgument("recipe", "presage search", rule, f"{shape[1]} px, batch {recipe.batch}")
    return fitted_speed(kept)
