"""What predictors share that learn a network's place within its task and leave the task's level to `RelativeScale`."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from surrogate.encoding import Inputs
from surrogate.experience import Experience
from surrogate.prediction import Estimate
from surrogate.predictor import Predictor
from surrogate.relative import RelativeScale
from surrogate.state import State

__all__ = ["PlacePredictor"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PLACE = 3.5
"""Deviations; a network that failed on one task alone must not outweigh all others."""


class PlacePredictor(Predictor):
    """Learns places (n,) within tasks; level and spread come from the task's own rows or its probe."""

    def _learn(self, experience: Experience) -> None:
        self._prepare(experience)
        self.scale_ = RelativeScale().fit(experience)
        known = np.array([self.scale_.knows(task) for task in experience.tasks])[experience.task_index]
        self._learn_places(experience, np.flatnonzero(known), self._targets(experience)[known])
        places = self._places_of_rows(experience)
        if not known.all():  # tasks with few rows are placed by what the others taught, then all are learned from
            self.scale_.refine(experience, places)
            self._learn_places(experience, np.arange(len(experience)), self._targets(experience))
            places = self._places_of_rows(experience)
        self.place_error_ = float(np.sqrt(np.mean((self.scale_.places(experience) - places) ** 2)))

    def _targets(self, experience: Experience) -> Floats:
        return np.clip(self.scale_.targets(experience), -MOST_PLACE, MOST_PLACE)

    def _estimate(self, inputs: Inputs) -> Estimate:
        place, doubt = self._places(inputs)
        return self.scale_.estimate(inputs.task, place, np.hypot(self.place_error_, doubt))

    def _places_of_rows(self, experience: Experience) -> Floats:
        places = np.empty(len(experience))
        for task, rows in experience.rows_by_task():
            places[rows] = self._places(experience.inputs(rows, task))[0]
        return places

    def _store(self, state: State) -> None:
        scale = State()
        self.scale_.store(scale)
        state.put_part("scale", scale)
        state.arrays["place_error"] = np.asarray(self.place_error_)

    def _restore(self, state: State) -> None:
        self.scale_ = RelativeScale.restored(state.part("scale"))
        self.place_error_ = state.arrays["place_error"].item()

    @abstractmethod
    def _prepare(self, experience: Experience) -> None:
        """Checks the encodings and learns how to standardise them."""

    @abstractmethod
    def _learn_places(self, experience: Experience, rows: Ints, target: Floats) -> None:
        """Learns the places `target` (r,) of the given rows of `experience`."""

    @abstractmethod
    def _places(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Predicted places and the doubt in each beyond `place_error_`, both (n,)."""


def task_weight(experience: Experience) -> Floats:
    """(n,) weights of mean 1: a task counts as the square root of its rows, so that none drowns the others."""
    size = np.bincount(experience.task_index, minlength=len(experience.tasks))
    weight = 1.0 / np.sqrt(size[experience.task_index])
    return np.asarray(weight / weight.mean())
