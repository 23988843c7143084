"""`Predictor`: what every accuracy predictor is, in scikit-learn's manners.

The constructor only stores; `fit` learns and returns self; what is learned ends in an underscore. A subclass says how
it learns and estimates; leaving out datasets, calibration and storage are the same for all and live here.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.blas import one_blas_thread
from presage.errors import InvalidArgument
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.conditioning import ConditionedPredictor, Conditioner, condition
from presage.surrogate.predictors.conformal import ConformalIntervals
from presage.surrogate.predictors.prediction import Estimate, Prediction
from presage.surrogate.predictors.side_by_side import side_by_side
from presage.surrogate.predictors.state import State

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["Predictor", "Setting", "StepCallback", "dataset_folds"]

Setting = bool | int | float | str
StepCallback = Callable[[int, int], None]
"""Called with (finished steps, all steps)."""
Floats = NDArray[np.float64]


class Predictor(ABC):
    """Accuracy predictor for any architecture on any task.

    Args:
        level: share of an unseen dataset's networks that the intervals should hold.
        folds: parts into which the known datasets are dealt for calibration; each is left out whole once.
        seed: makes `fit` deterministic.
    """

    name: ClassVar[str]
    level: float
    folds: int
    seed: int

    @one_blas_thread()
    def fit(self, experience: Experience, *, progress: StepCallback | None = None) -> Self:
        """Learns from experience: once per fold without its datasets, to calibrate intervals; then from all of it.

        Args:
            experience: what to learn from.
            progress: called with (finished steps, all steps) after each fold, and at the end.
        """
        if self.folds < 2:
            raise InvalidArgument("folds", type(self).__name__, "be at least 2", self.folds)
        tell, steps = progress or _nobody, self.fit_steps(experience)
        self.left_out_ = self.estimate_left_out(experience, lambda done, _: tell(done, steps))
        self._calibrate(experience)
        self._learn(experience)
        tell(steps, steps)
        return self

    def fit_steps(self, experience: Experience) -> int:
        """Steps that `fit` reports: its folds, and one for all of the experience."""
        return len(dataset_folds(experience, self.folds)) + 1

    def _calibrate(self, experience: Experience) -> None:
        self.interval_ = ConformalIntervals(self.level)
        self.interval_.fit(self.left_out_, experience.accuracy, experience.group)
        self.conditioner_ = Conditioner(self.level, self.seed).fit(self.left_out_, experience, self.interval_)

    def predict(self, graphs: GraphBatch, task: Task) -> Prediction:
        """Predicted accuracies and intervals of n architectures on a task.

        Raises:
            InvalidArgument: before `fit`.
            InvalidExperience: where an architecture's features are not finite.
        """
        return self.interval_of(Inputs(graphs, task))

    @one_blas_thread()
    def interval_of(self, inputs: Inputs) -> Prediction:
        """`predict` for inputs that may be encoded already."""
        self._check_fitted()
        return self.interval_.apply(self._estimate(inputs))

    def _check_fitted(self) -> None:
        if not hasattr(self, "interval_"):
            raise InvalidArgument("predictor", type(self).__name__, "be fitted", "an unfitted one", "Call `fit` first.")

    def condition_on(self, graphs: GraphBatch, accuracy: ArrayLike, task: Task) -> ConditionedPredictor:
        """This predictor once k networks have been trained on a task: at once, without fitting anew.

        The train-free prediction is the prior of a Gaussian process over what it errs by on this task; intervals are
        calibrated for k on datasets left out. With k = 0 every prediction is what it was.

        Args:
            graphs: the k architectures.
            accuracy: (k,) their trained validation accuracies, in [0, 1].
            task: the task.

        Raises:
            InvalidArgument: before `fit`; accuracies that are not in [0, 1], or not one for each network.
        """
        self._check_fitted()
        return condition(self, graphs, accuracy, task)

    def given(self, graphs: GraphBatch, accuracy: ArrayLike, task: Task) -> ConditionedPredictor:
        """The old name of `condition_on`, for one release."""
        warnings.warn("`given` is now named `condition_on`.", DeprecationWarning, stacklevel=2)
        return self.condition_on(graphs, accuracy, task)

    def estimate_left_out(self, experience: Experience, progress: StepCallback | None = None) -> Estimate:
        """Estimates (n,) for every row by a copy of this predictor that has seen nothing of the row's dataset.

        With one dataset there is nothing else to learn from: the mean, with a standard error of 1.

        Args:
            experience: the rows.
            progress: called with (finished folds, all folds).
        """
        value, std_error = np.full(len(experience), experience.accuracy.mean()), np.ones(len(experience))
        beyond, distance = np.zeros(len(experience)), np.full(len(experience), np.nan)
        parts, done, lock = dataset_folds(experience, self.folds), 0, Lock()

        def leave_out(out: NDArray[np.int64]) -> None:
            """Fills in the rows of these datasets, which no other part touches."""
            nonlocal done
            fold = np.isin(experience.group, out)
            learner = self._understudy()
            learner._learn(experience.take(~fold))
            for task, rows in experience.rows_by_task():
                if fold[rows[0]]:
                    estimate = learner._estimate(experience.inputs(rows, task))
                    value[rows], std_error[rows] = estimate.value, estimate.std_error
                    if estimate.beyond is not None:
                        beyond[rows] = estimate.beyond
                    if estimate.distance is not None:
                        distance[rows] = estimate.distance
            with lock:
                done += 1
                (progress or _nobody)(done, len(parts))

        _ = experience.features  # encoded once, before threads ask for it
        side_by_side([partial(leave_out, out) for out in parts])
        return Estimate(value, std_error, beyond, distance)

    def clone(self) -> Self:
        """An unfitted predictor of the same settings."""
        return type(self)(**self.settings())

    def _understudy(self) -> Self:
        """What learns in this predictor's stead while datasets are left out: a copy, or a cheaper and no better one."""
        return self.clone()

    def settings(self) -> dict[str, Setting]:
        """The constructor's arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def state(self) -> State:
        """Everything `fit` learned, for `presage.surrogate.predictors.storage.save_predictor`."""
        state = State()
        state.put("interval", self.interval_)
        conditioner = State()
        self.conditioner_.store(conditioner)
        state.put_part("conditioner", conditioner)
        self._store(state)
        return state

    def restore(self, state: State) -> Self:
        """The reverse of `state`."""
        self.interval_ = state.get("interval", ConformalIntervals)
        self.conditioner_ = Conditioner.restored(state.part("conditioner"), self.level, self.seed)
        self._restore(state)
        return self

    @abstractmethod
    def _learn(self, experience: Experience) -> None:
        """Learns point estimates, without calibration."""

    @abstractmethod
    def _estimate(self, inputs: Inputs) -> Estimate:
        """Estimates accuracies, (n,)."""

    @abstractmethod
    def _store(self, state: State) -> None:
        """Puts what `_learn` learned into `state`."""

    @abstractmethod
    def _restore(self, state: State) -> None:
        """Takes what `_learn` learned from `state`."""


def _nobody(done: int, total: int) -> None:
    """Tell nobody."""


def dataset_folds(experience: Experience, folds: int) -> list[NDArray[np.int64]]:
    """The datasets dealt into at most `folds` parts of like difficulty, as positions in `experience.fingerprints`.

    Dealt in the order of their DCN, so that every part holds easy and hard ones. None where there is one dataset.
    """
    dcn: Mapping[str, float] = {task.fingerprint: task.dcn for task in experience.tasks}
    order = sorted(range(len(experience.fingerprints)), key=lambda index: (dcn[experience.fingerprints[index]], index))
    parts = min(folds, len(order))
    return [np.array(order[part::parts], np.int64) for part in range(parts)] if parts > 1 else []
