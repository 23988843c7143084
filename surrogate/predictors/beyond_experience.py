"""`BeyondExperience`: how far a network and its training reach beyond experience, and what is believed of it there.

Within experience nothing changes. Beyond it there are two views of a network, and both are believed: what was learned
of networks like it, with the trends of capacity going on from the largest known ones; and what was learned of its
scaled-down twin, as far as that is like known ones, with the same trends going on from the twin. The twin speaks for a
network that repeats itself: up to the square of the share of the nodes that it does without (docs/tried.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs, capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.capacity import CapacityTrend
from presage.surrogate.predictors.novelty import Novelty
from presage.surrogate.predictors.recipe_effect import RecipeEffect
from presage.surrogate.predictors.state import State

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["UNKNOWN", "BeyondExperience", "Believed"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_LEARNED = ("least", "most", "least_by", "most_by", "kinds")

UNITS = (1.0, 0.5, 0.5)
"""A distance of 1 beyond the sizes known: an octave of depth, half a power of ten of multiply-adds, of parameters."""
RECIPE_UNITS = (2.0, 2.0, 1.0)
"""The same beyond known trainings: doublings of the images seen and of the training images, octaves of the side."""
FEW = 30
"""Experiments at either end of a range that do not make it known: what one training of one large network says, is
believed of others like it and no more (at most one in `SHARE` of all)."""
SHARE = 40
LIKE, UNLIKE = 1.0, 1.6
"""Novelty up to which what was learned is believed of a network, and from which on nothing of it is."""
UNKNOWN = 0.75
"""Distance, at least, of a network with an operation that no known one has."""
ROOM = 1.0
"""Deviations of a task by which a relative accuracy may exceed, in the end, all those predicted of known networks."""
OF_UNLIKE, OF_DISTANCE = 0.8, 0.15
"""Standard errors, in deviations of a task: where nothing learned is believed, and for each unit of distance. The first
is also that of networks with an unknown operation: with linear layers, group norms, dropout, poolings or concatenations
withheld, networks that have them erred by .8 to 1.4 deviations in place of .7."""


@dataclass(frozen=True, eq=False)
class Believed:
    """Relative accuracies (n,), the distance of each from experience, and its standard error from that."""

    relative: Floats
    distance: Floats
    std_error: Floats


@dataclass(eq=False)
class BeyondExperience:
    """Learned beside every predictor of relative accuracies; its trends are part of every one."""

    def fit(self, experience: Experience, relative: Floats, effect: RecipeEffect) -> BeyondExperience:
        """Learns trends, known ranges and what known networks look like, from trained relative accuracies (n,).

        Args:
            experience: the n rows.
            relative: (n,) of them.
            effect: says how much more than usual a task's recipe is.
        """
        self.trend_ = CapacityTrend().fit(experience, relative, effect)
        self.least_, self.most_ = _known(capacities(experience.features))
        by = np.array([effect.columns(task) for task in experience.tasks])[experience.task_index]
        told = ~np.array([bool(task.assumed) for task in experience.tasks])[experience.task_index]
        self.least_by_, self.most_by_ = _known(by[told] if told.any() else by)
        self.novelty_ = Novelty().fit(experience.features)
        self.kinds_ = np.unique(experience.graphs.kind)
        return self

    def gains(self, experience: Experience, effect: RecipeEffect) -> Floats:
        """(n,) what each row's own training adds to its relative accuracy."""
        size, found = capacities(experience.features), np.empty(len(experience))
        for task, rows in experience.rows_by_task():
            found[rows] = self.trend_.gain(size[rows], effect.columns(task))
        return found

    def distances(self, size: Floats, by: Floats) -> tuple[Floats, float]:
        """How far networks of these capacities (n, 3), and a training that is more by (3,), reach."""
        over = np.maximum(size - self.most_, self.least_ - size) / UNITS
        recipe = np.maximum(by - self.most_by_, self.least_by_ - by) / RECIPE_UNITS
        return np.maximum(over.max(axis=1), 0.0), max(float(recipe.max()), 0.0)

    def apply(self, inputs: Inputs, by: Floats, learned: Callable[[Inputs], Floats], most: float) -> Believed:
        """The relative accuracies of n networks.

        Args:
            inputs: the networks and their task.
            by: (3,) `RecipeEffect.columns` of the task.
            learned: what was learned of them, but for what the training adds.
            most: the highest relative accuracy predicted of a known network.
        """
        size = inputs.capacities
        larger, longer = self.distances(size, by)
        distance = np.maximum(larger, longer)
        over = np.maximum(size - self.most_, 0.0)
        own_view = learned(inputs) + _under(over @ self.trend_.slopes_, 0.0)
        relative, trust = own_view + self.trend_.gain(size, by), np.ones(len(size))
        rows = np.flatnonzero(distance > 0)
        if len(rows):
            own, twins = inputs.beyond(rows, self._unlike, larger[rows] > 0)
            if twins is not None:
                some, twin, unlike = twins
                rows = rows[some]
                share = np.minimum(np.maximum(larger[rows], distance[rows] * own[some]), 1.0)
                small = twin.capacities
                grown = (size[rows] - small) @ (self.trend_.slopes_ + self.trend_.gains(by))
                instead = (1.0 - unlike) * learned(twin) + unlike * self.trend_.usual(small)
                instead = instead + self.trend_.gain(small, by) + _under(grown, 0.0)
                told = np.minimum(share, _repeated(inputs.graphs, rows, twin.graphs) ** 2)
                relative[rows] = (1.0 - told) * relative[rows] + told * instead
                trust[rows] = 1.0 - share * unlike
        distance = distance + (1.0 - trust)
        strange = self.strange(inputs.graphs)
        distance = np.where(strange, np.maximum(distance, UNKNOWN), distance)
        error = np.hypot(OF_UNLIKE * np.where(strange, 1.0, 1.0 - trust), OF_DISTANCE * distance)
        return Believed(_under(relative, most), distance, error)

    def strange(self, graphs: GraphBatch) -> Mask:
        """(n,) whether a network has an operation that no known one has."""
        found = np.zeros(len(graphs), np.bool_)
        found[graphs.graph[~np.isin(graphs.kind, self.kinds_)]] = True
        return found

    def _unlike(self, features: NDArray[np.float32]) -> Floats:
        """(n,) of networks with features (n, f), from 0, like known ones, to 1."""
        return np.clip((self.novelty_(features) - LIKE) / (UNLIKE - LIKE), 0.0, 1.0)

    def store(self, state: State) -> None:
        """Puts everything learned into `state`."""
        state.put("trend", self.trend_)
        state.put("novelty", self.novelty_)
        for name in _LEARNED:
            state.arrays[name] = np.asarray(getattr(self, f"{name}_"))

    @classmethod
    def restored(cls, state: State) -> BeyondExperience:
        """The reverse of `store`."""
        made = cls()
        made.trend_, made.novelty_ = state.get("trend", CapacityTrend), state.get("novelty", Novelty)
        for name in _LEARNED:
            setattr(made, f"{name}_", state.arrays[name])
        return made


def _repeated(graphs: GraphBatch, rows: Ints, twins: GraphBatch) -> Floats:
    """(r,) in [0, 1), the share of each network's nodes that its twin lacks, because equal ones stand before them."""
    return np.asarray(1.0 - np.diff(twins.node_start) / np.diff(graphs.node_start)[rows])


def _known(values: Floats) -> tuple[Floats, Floats]:
    """The least and the most, (c,) each, of n experiments (n, c), the outermost `FEW` left out."""
    ordered, few = np.sort(values, axis=0), min(FEW, len(values) // SHARE)
    return ordered[few], ordered[-1 - few]


def _under(values: Floats, top: float) -> Floats:
    """Values (n,) in the same order, none above `top` by more than `ROOM`."""
    over = np.maximum(values - top, 0.0)
    return np.asarray(np.where(over > 0, top - ROOM * np.expm1(-over / ROOM), values))
