"""A base for samplers that only say what to propose next in a space of choices; Optuna's side follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from presage.architecture.spaces.space import Space
from presage.search.samplers.distributions import distributions
from presage.search.samplers.history import History
from presage.search.samplers.seeded_sampler import SeededSampler
from presage.search.samplers.suggested import Grid, SuggestedSpace, asked_for
from presage.search.samplers.trial_marks import keep_marks

__all__ = ["SpaceSampler"]


class SpaceSampler(SeededSampler):
    """In a study, each trial is a batch of one: the trials are read as a `History`, and `propose` is asked.

    Nothing is kept beside the study: its trials and their system attributes are all a proposal may depend on, and the
    random numbers of a trial depend on `seed` and its number alone. Trials that failed, were pruned or still run are
    there without a value.

    Args:
        seed: makes a study repeatable; None draws one.
        space: what the study's parameters mean, if they are those of a space: its networks can then be looked at. In
            any other study numeric parameters are cut into at most 16 ranges, and those not met before are drawn at
            random.
    """

    def __init__(self, seed: int | None = None, *, space: Space | None = None) -> None:
        super().__init__(seed)
        self.space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters of the space, or else every parameter that a completed trial has."""
        self.refuse_too_many(study)
        if self.space is not None:
            return {name: kind for name, kind in distributions(self.space).items() if not kind.single()}
        return asked_for(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What is proposed after the trials so far."""
        self.refuse_too_many(study)
        if not search_space:
            return {}
        grids = {name: Grid(kind) for name, kind in search_space.items()}
        space: Space = SuggestedSpace.of(grids)
        if self.space is not None and set(search_space) == self._searched:
            space = self.space
        history = _history(study, trial, space, grids)
        proposals = self.propose(space, history, 1, (self.seed, trial.number))
        if proposals.marks:
            keep_marks(study, trial, proposals.marks[0])
        numbers = self.numbers(trial, "value")
        code = space.normalise(proposals.codes[:1])[0]
        return {name: grid.value(int(code[space.columns[name]]), numbers) for name, grid in grids.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value: no trial that completed before had this parameter."""
        self.refuse_too_many(study)
        return Grid(param_distribution).draw(self.numbers(trial, param_name))

    @property
    def _searched(self) -> set[str]:
        assert self.space is not None
        return {parameter.name for parameter in self.space.parameters if len(parameter.choices) > 1}


def _history(study: Study, trial: FrozenTrial, space: Space, grids: Mapping[str, Grid]) -> History:
    """The other trials, by number, that have any of the parameters; what a trial lacks stands at choice 0."""
    signs = np.array([1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in study.directions])
    others = [
        one for one in study.get_trials(deepcopy=False) if one.number != trial.number and grids.keys() & one.params
    ]
    codes = np.zeros((len(others), len(space.sizes)), np.int64)
    values = np.full((len(others), len(signs)), np.nan)
    for row, one in enumerate(others):
        for name, value in one.params.items():
            if name in grids:
                codes[row, space.columns[name]] = grids[name].choice(value)
        if one.state == TrialState.COMPLETE:
            values[row] = signs * np.asarray(one.values)
    history = History(codes.shape[1], len(signs))
    marks: Sequence[Mapping[str, Any]] = [one.system_attrs for one in others]
    history.extend(space.normalise(codes), values, marks)
    return history
