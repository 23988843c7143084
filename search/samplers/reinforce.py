"""REINFORCE with a recurrent controller, as an Optuna sampler that works in any study."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.controller import Controller
from presage.search.samplers.history import History
from presage.search.samplers.policy_gradient import Reinforce
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.seeded_sampler import SeededSampler, value_of
from presage.search.samplers.suggested import Grid, SuggestedSpace, asked_for
from presage.training.hardware import one_thread

__all__ = ["ReinforceSampler"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
_OWN = "reinforce"  # mark of the candidates that the controller wrote
_SHARE = 32  # an update when this part of what is known is new


class ReinforceSampler(SeededSampler):
    """A recurrent controller writes each network; what scores better than the moving average becomes more likely.

    The controller (`Controller`) learns from finished trials in the order they finished: one step (`Reinforce`) for
    every `batch` of them, and once thousands are known, whenever a thirty-second part is new, on `largest_batch` of
    that, evenly spread: so a search of thousands is not slowed down. Failed and pruned trials teach nothing.

    Nothing is kept beside the study: a controller that has seen other trials, or none after a restart, begins anew
    and goes through them again, which gives the very same weights. The random numbers of a trial depend on `seed` and
    its number alone.

    In a study that is not presage's, numeric parameters are cut into at most 16 ranges, and a parameter that a trial
    was not asked for counts as inactive there. Parameters not met before are drawn at random.

    References: Williams 1992; Zoph & Le, *Neural Architecture Search with Reinforcement Learning*, arXiv 1611.01578.

    Args:
        seed: of the controller's first weights and of all draws; None draws one.
        batch: finished trials before the first update, and from one to the next at first.
        largest_batch: most trials that one update learns from.
        learning_rate, entropy_weight: see `Reinforce`.
        hidden, temperature, tanh_constant: see `Controller`.
    """

    def __init__(
        self,
        seed: int | None = None,
        *,
        batch: int = 10,
        largest_batch: int = 32,
        learning_rate: float = 0.012,
        entropy_weight: float = 0.1,
        hidden: int = 16,
        temperature: float = 1.0,
        tanh_constant: float | None = 2.5,
    ) -> None:
        super().__init__(seed)
        if batch < 1:
            raise InvalidArgument("batch", "ReinforceSampler", "be at least 1", batch)
        if largest_batch < batch:
            rule = f"be at least `batch` ({batch})"
            raise InvalidArgument("largest_batch", "ReinforceSampler", rule, largest_batch)
        self.batch, self.largest_batch = batch, largest_batch
        self.learning_rate, self.entropy_weight = learning_rate, entropy_weight
        self.hidden, self.temperature, self.tanh_constant = hidden, temperature, tanh_constant
        self._rule(SuggestedSpace(("x",), (2,)))  # says now what is wrong with the rest
        self._pupil: _Pupil | None = None
        self._trials: _Trials | None = None
        self._lock = threading.Lock()  # threads of one study share the controller

    # Optuna's side --------------------------------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every parameter that a finished trial has."""
        self.refuse_too_many(study)
        return asked_for(_finished(study))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the controller writes."""
        self.refuse_too_many(study)
        if not search_space:
            return {}
        numbers = self.numbers(trial, "controller")
        finished = _finished(study)
        with self._lock, one_thread():
            if self._trials is None or not self._trials.lead_to(study, search_space, finished):
                self._trials = _Trials(study, search_space)
            trials = self._trials
            trials.extend(finished)
            codes, rewards, active = trials.columns()
            pupil = self._taught(
                trials.space, codes, rewards, active.__getitem__, lambda rows: np.ones(len(rows), np.bool_)
            )
            code = pupil.write(1, numbers)[0]
        return {name: grid.value(int(at), numbers) for (name, grid), at in zip(trials.grids.items(), code, strict=True)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value: no trial that finished before had this parameter."""
        self.refuse_too_many(study)
        return Grid(param_distribution).draw(self.numbers(trial, param_name))

    # Batches --------------------------------------------------------------------------------------------------------

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """`n` networks by a controller that has learned from the history."""
        with self._lock, one_thread():
            codes, marks = history.codes, history.marks
            pupil = self._taught(
                space,
                codes,
                history.values[:, 0],
                lambda rows: space.active(codes[rows]),
                lambda rows: np.array([_OWN in marks[row] for row in rows.tolist()], np.bool_),
                history,
            )
            return Proposals(pupil.write(n, np.random.default_rng(seed)), ({_OWN: 1},) * n)

    # ----------------------------------------------------------------------------------------------------------------

    def _rule(self, space: Space) -> Reinforce:
        controller = Controller(
            space,
            hidden=self.hidden,
            temperature=self.temperature,
            tanh_constant=self.tanh_constant,
            seed=self.seed % 2**63,
        )
        return Reinforce(controller, learning_rate=self.learning_rate, entropy_weight=self.entropy_weight)

    def _taught(
        self,
        space: Space,
        codes: Codes,
        rewards: Floats,
        active: Callable[[Rows], Mask],
        own: Callable[[Rows], Mask],
        source: History | None = None,
    ) -> _Pupil:
        """A controller that has learned from all of this, in order; one that already knows the beginning goes on.

        Args:
            active, own: of the candidates that it learns from, a small part of all.
            source: whose candidates these are: what was learned of it before is not compared again.
        """
        if self._pupil is None or not self._pupil.has_seen(space, codes, rewards, source):
            self._pupil = _Pupil(self._rule(space))
        pupil = self._pupil
        pupil.source = source
        while True:
            known = len(pupil.rewards)
            fresh = max(known // _SHARE, self.batch)
            if known + fresh > len(rewards):
                return pupil
            few = min(fresh, self.largest_batch)
            rows = known + np.arange(few) * fresh // few
            pupil.rule.update(codes[rows], rewards[rows], own=own(rows), active=active(rows))
            pupil.codes, pupil.rewards = codes[: known + fresh].copy(), rewards[: known + fresh].copy()


class _Pupil:
    """A controller, and what it has learned from so far."""

    def __init__(self, rule: Reinforce) -> None:
        self.rule = rule
        self.codes = np.zeros((0, len(rule.controller.space.sizes)), np.int64)
        self.rewards = np.zeros(0)
        self.source: History | None = None

    def has_seen(self, space: Space, codes: Codes, rewards: Floats, source: History | None) -> bool:
        """Whether what it has learned from is how these candidates begin."""
        seen = len(self.rewards)
        if self.rule.controller.space != space or seen > len(rewards):
            return False
        if source is not None and source is self.source:  # which is only ever added to
            return True
        return bool(
            np.array_equal(self.codes, codes[:seen]) and np.array_equal(self.rewards, rewards[:seen], equal_nan=True)
        )

    def write(self, n: int, numbers: np.random.Generator) -> Codes:
        generator = torch.Generator().manual_seed(int(numbers.integers(2**63)))
        return self.rule.controller.draw(n, generator)


class _Trials:
    """The finished trials of a study as codes."""

    def __init__(self, study: Study, search_space: dict[str, BaseDistribution]) -> None:
        self.study, self.search_space = study.study_name, search_space
        self.sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        self.grids = {name: Grid(kind) for name, kind in search_space.items()}
        self.space = SuggestedSpace.of(self.grids)
        self._numbers: list[int] = []
        self._choices: list[list[int]] = []  # -1 where the trial has no such parameter
        self._rewards: list[float] = []

    def lead_to(self, study: Study, search_space: dict[str, BaseDistribution], finished: Sequence[FrozenTrial]) -> bool:
        """Whether only trials at the end are missing here."""
        numbers = [trial.number for trial in finished[: len(self._numbers)]]
        return self.study == study.study_name and self.search_space == search_space and self._numbers == numbers

    def extend(self, finished: Sequence[FrozenTrial]) -> None:
        """Take in the trials that are missing at the end."""
        for trial in finished[len(self._numbers) :]:
            params = trial.params
            self._numbers.append(trial.number)
            self._choices.append(
                [grid.choice(params[name]) if name in params else -1 for name, grid in self.grids.items()]
            )
            self._rewards.append(self.sign * value_of(trial))

    def columns(self) -> tuple[Codes, Floats, Mask]:
        """Codes (m, p), rewards (m,) and which parameters counted (m, p)."""
        choices = np.array(self._choices, np.int64).reshape(len(self._choices), len(self.grids))
        return np.maximum(choices, 0), np.array(self._rewards), choices >= 0


def _finished(study: Study) -> list[FrozenTrial]:
    """Completed trials in the order of completion, so that one that took long does not change what was learned."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(trials, key=_when)


def _when(trial: FrozenTrial) -> tuple[float, int]:
    return (trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0, trial.number)
