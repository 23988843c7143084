"""What predictors share that learn a network's relative accuracy and leave the task's mean to `RelativeScale`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.data.task_columns import task_columns
from presage.surrogate.predictors.beyond_experience import BeyondExperience
from presage.surrogate.predictors.monotone import MonotoneMap
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.predictors.state import State

__all__ = ["RelativePredictor"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_RELATIVE = 3.5
"""Deviations; a network that failed on one task alone must not outweigh all others."""


class RelativePredictor(Predictor):
    """Learns relative accuracies (n,); mean and spread come from the task's own rows or its probe."""

    _columns: tuple[Experience, NDArray[np.float32]] | None = None

    def _learn(self, experience: Experience) -> None:
        self.scale_ = RelativeScale().fit(experience)
        self.worth_ = MonotoneMap().fit(np.zeros(0), np.zeros(0))
        self._prepare(experience)
        self.beyond_ = BeyondExperience().fit(experience, self.scale_.relative(experience), self.scale_.effect_)
        known = np.array([self.scale_.knows(task) for task in experience.tasks])[experience.task_index]
        if not known.all():  # tasks with few rows get their means by what the others taught, then all are learned from
            placed = self._placing(experience, np.flatnonzero(known))
            self.scale_.refine(experience, placed, self.beyond_.gains(experience, self.scale_.effect_))
        relative = self._learn_and_predict(experience, np.arange(len(experience)))
        self.most_ = float(relative.max())
        self.relative_rmse_ = float(np.sqrt(np.mean((self.scale_.relative(experience) - relative) ** 2)))
        self._columns = None

    def _placing(self, experience: Experience, rows: Ints) -> Floats:
        """(n,) relative accuracies, learned from `rows`, that place the tasks of all others."""
        return self._learn_and_predict(experience, rows)

    def _placed_by(self, other: RelativePredictor, experience: Experience, rows: Ints) -> Floats:
        """`_placing` by another, cheaper predictor, which takes scale and trends from this one."""
        other.scale_, other.beyond_ = self.scale_, self.beyond_
        other._prepare(experience)
        return other._learn_and_predict(experience, rows)

    def _learn_and_predict(self, experience: Experience, rows: Ints) -> Floats:
        """Learns from `rows` and predicts the relative accuracies of all, (n,).

        What is learned is in part a rank (`RelativeScale.targets`); `worth_` then says what each is worth in logits.
        """
        gains = self.beyond_.gains(experience, self.scale_.effect_)
        target = np.clip((self.scale_.targets(experience) - gains)[rows], -MOST_RELATIVE, MOST_RELATIVE)
        self._learn_relative(experience, rows, target)
        predicted = self._relative_of_rows(experience)
        self.worth_ = MonotoneMap().fit(predicted[rows], (self.scale_.relative(experience) - gains)[rows])
        return self.worth_(predicted) + gains

    def _task_columns(self, task: Task) -> NDArray[np.float32]:
        """(q,) `task_columns`, and how far networks are expected to spread on the task."""
        spread = self.scale_.spread_model_.predict(task)[0]
        return np.append(task_columns(task), np.float32(spread))

    def _columns_of_tasks(self, experience: Experience) -> NDArray[np.float32]:
        """(d, q) `_task_columns` of the tasks of what is being learned from, computed once."""
        if self._columns is None or self._columns[0] is not experience:
            self._columns = experience, np.stack([self._task_columns(task) for task in experience.tasks])
        return self._columns[1]

    def _estimate(self, inputs: Inputs) -> Estimate:
        std_error = np.zeros(0)

        def learned(some: Inputs) -> Floats:
            nonlocal std_error
            relative, own = self._relative(some)
            if some is inputs:
                std_error = own
            return self.worth_(relative)

        found = self.beyond_.apply(inputs, self.scale_.effect_.columns(inputs.task), learned, self.most_)
        within = np.hypot(self.relative_rmse_, std_error)
        estimate = self.scale_.estimate(inputs.task, found.relative, within, found.std_error)
        return replace(estimate, distance=found.distance)

    def _relative_of_rows(self, experience: Experience) -> Floats:
        relative = np.empty(len(experience))
        for task, rows in experience.rows_by_task():
            relative[rows] = self._relative(experience.inputs(rows, task))[0]
        return relative

    def _store(self, state: State) -> None:
        scale = State()
        self.scale_.store(scale)
        state.put_part("scale", scale)
        beyond = State()
        self.beyond_.store(beyond)
        state.put_part("beyond", beyond)
        state.put("worth", self.worth_)
        state.arrays["relative_rmse"], state.arrays["most"] = np.asarray(self.relative_rmse_), np.asarray(self.most_)

    def _restore(self, state: State) -> None:
        self.scale_ = RelativeScale.restored(state.part("scale"))
        self.beyond_ = BeyondExperience.restored(state.part("beyond"))
        self.worth_ = state.get("worth", MonotoneMap)
        self.relative_rmse_, self.most_ = (state.arrays[name].item() for name in ("relative_rmse", "most"))

    @abstractmethod
    def _prepare(self, experience: Experience) -> None:
        """Checks the encodings and learns how to standardise them."""

    @abstractmethod
    def _learn_relative(self, experience: Experience, rows: Ints, target: Floats) -> None:
        """Learns the relative accuracies `target` (r,) of the given rows of `experience`."""

    @abstractmethod
    def _relative(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Predicted relative accuracies and the standard error of each beyond `relative_rmse_`, both (n,)."""


def task_weight(experience: Experience) -> Floats:
    """(n,) weights of mean 1: a dataset counts as the square root of its rows, so that none drowns the others.

    By datasets and not by tasks: a dataset that was trained on by many recipes, a few networks each, is still one.
    """
    size = np.bincount(experience.group)
    weight = 1.0 / np.sqrt(size[experience.group])
    return np.asarray(weight / weight.mean())
