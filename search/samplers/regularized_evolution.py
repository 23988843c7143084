"""Regularised (ageing) evolution as an Optuna sampler that works in any study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.functions import functions_of
from presage.search.samplers.history import History, code_words
from presage.search.samplers.proposer import Proposals
from presage.search.samplers.seeded_sampler import SeededSampler, value_of

__all__ = ["RegularizedEvolutionSampler"]

_REDRAWS = 10  # of a child that is known already
_FEW = 16
"""A batch of no more asks for no function twice, a larger one for no code: candidates by the thousand are predicted,
what was predicted before costs nothing, and to tell functions apart costs a third of the rate."""


@dataclass(frozen=True)
class _Child:
    """What a trial is to be: its parameters' kinds and values."""

    kinds: dict[str, BaseDistribution]
    params: dict[str, Any]


class RegularizedEvolutionSampler(SeededSampler):
    """Each trial is the best of a random tournament within the youngest networks, with one parameter changed.

    The population is the last `population` completed trials of the study, by number: the oldest dies when a new one
    completes, however good it was ("ageing"). Until that many have completed, parameters are drawn at random. Failed,
    pruned and running trials are never parents.

    Nothing is kept beside the study: the population is read from its trials, and the random numbers of a trial depend
    on `seed` and the trial's number alone. So a study continues after a restart as if it had not stopped, and workers
    (`n_jobs`, or processes on one storage) never draw the same numbers for different trials.

    A child that a completed trial or a candidate recorded before already equals (in small batches: whose function one
    has) is drawn again with its parent, up to ten times: asking for the same network again tells nothing, and a
    population would fill with copies of its best.

    Parameters may be of any kind and conditional: a child repeats its parent's values as long as the objective asks
    for the parent's parameters; what the parent did not have is drawn at random.

    Reference: Real et al., *Regularized Evolution for Image Classifier Architecture Search*, arXiv 1802.01548,
    Algorithm 1. There P = 100 and S = 25, for tens of thousands of trials. For hundreds, fewer: the best cell of
    NAS-Bench-201 takes 133 trials with P = 30 and 176 with P = 50 (medians of 60 seeds, S = 25); on its ImageNet16-120
    accuracies and on NAS-Bench-Macro P = 30 is ahead too, by a twentieth.

    Args:
        seed: makes a study repeatable; None draws one.
        population: P, number of trials alive at a time.
        tournament: S, number of them from which each parent is the best (drawn with replacement).
    """

    def __init__(self, seed: int | None = None, *, population: int = 30, tournament: int = 25) -> None:
        super().__init__(seed)
        if population < 1:
            raise InvalidArgument("population", "RegularizedEvolutionSampler", "be at least 1", population)
        if tournament < 1:
            raise InvalidArgument("tournament", "RegularizedEvolutionSampler", "be at least 1", tournament)
        self.population = population
        self.tournament = tournament
        self._children: dict[tuple[str, int], _Child] = {}  # from `infer_…` to `sample_relative` of one trial

    # Optuna's side --------------------------------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters of this trial's parent; none while the population grows."""
        self.refuse_too_many(study)
        alive = self._alive(study)
        if len(alive) < self.population:
            return {}
        child = self._child(study, trial, alive)
        self._children[study.study_name, trial.number] = child
        return child.kinds

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parent's values with one of them changed."""
        self.refuse_too_many(study)
        child = self._children.pop((study.study_name, trial.number), None)
        if not search_space:
            return {}
        if child is None:  # called for a space of the caller's own
            alive = [one for one in self._alive(study) if _has(one, search_space)]
            if not alive:
                numbers = self.numbers(trial, "mutation")
                return {name: _draw(kind, numbers) for name, kind in search_space.items()}
            child = self._child(study, trial, alive, search_space)
        return child.params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value: the population is growing, or the parent had no such parameter."""
        self.refuse_too_many(study)
        return _draw(param_distribution, self.numbers(trial, param_name))

    # Batches --------------------------------------------------------------------------------------------------------

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """Children of `n` tournaments within the last P scored candidates (the last `n`, where that is more: a batch
        has no order within)."""
        numbers = np.random.default_rng(seed)
        scored = np.flatnonzero(history.scored)
        if len(scored) < self.population:
            return Proposals(space.sample(n, numbers))
        scored = scored[-self.lives(len(scored), n) :]
        size = self.drawn(len(scored))
        children: Codes = np.zeros((n, len(space.sizes)), np.int64)
        words_of = functions_of(space) if n <= _FEW else code_words
        words = np.zeros(n, np.uint64)
        todo = np.arange(n)
        for _ in range(1 + _REDRAWS):
            drawn = scored[numbers.integers(len(scored), size=(len(todo), size))]
            parents = drawn[np.arange(len(todo)), history.values[drawn, 0].argmax(axis=1)]
            children[todo] = space.mutate(history.codes[parents], numbers)
            words[todo] = words_of(children[todo])
            repeated = history.holds(words, words_of)
            repeated[np.setdiff1d(np.arange(n), np.unique(words, return_index=True)[1])] = True
            todo = np.flatnonzero(repeated)
            if not len(todo):
                break
        return Proposals(children)

    # What a subclass may say otherwise ------------------------------------------------------------------------------

    def lives(self, completed: int, batch: int) -> int:
        """How many of so many completed candidates, the youngest, are alive when so many are asked for at once."""
        return max(self.population, batch)

    def drawn(self, alive: int) -> int:
        """How many of so many take part in a tournament."""
        return self.tournament

    # ----------------------------------------------------------------------------------------------------------------

    def _alive(self, study: Study) -> list[FrozenTrial]:
        completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return completed[-self.lives(len(completed), 1) :]

    def _child(
        self,
        study: Study,
        trial: FrozenTrial,
        alive: Sequence[FrozenTrial],
        kinds: dict[str, BaseDistribution] | None = None,
    ) -> _Child:
        """A changed parent out of `alive`, of these parameters (its own where there are none given)."""
        completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        tournament, mutation = self.numbers(trial, "tournament"), self.numbers(trial, "mutation")
        for _ in range(1 + _REDRAWS):
            parent = self._best_of_tournament(study, alive, tournament)
            asked = {name: kind for name, kind in (kinds or parent.distributions).items() if kinds or not kind.single()}
            params = {name: parent.params[name] for name in asked}
            changeable = [name for name, kind in asked.items() if not kind.single()]
            if changeable:
                name = changeable[int(mutation.integers(len(changeable)))]
                params[name] = _another(asked[name], params[name], mutation)
            items = params.items()
            if not any(items <= one.params.items() for one in completed):
                break
        return _Child(asked, params)

    def _best_of_tournament(
        self, study: Study, alive: Sequence[FrozenTrial], numbers: np.random.Generator
    ) -> FrozenTrial:
        drawn = [alive[int(at)] for at in numbers.integers(len(alive), size=self.drawn(len(alive)))]
        best = max if study.direction == StudyDirection.MAXIMIZE else min
        return best(drawn, key=value_of)


def _has(trial: FrozenTrial, space: Mapping[str, BaseDistribution]) -> bool:
    for name, kind in space.items():
        if name not in trial.distributions:
            return False
        try:
            check_distribution_compatibility(trial.distributions[name], kind)
        except ValueError:
            return False
        if isinstance(kind, IntDistribution | FloatDistribution) and not kind.low <= trial.params[name] <= kind.high:
            return False
    return True


def _draw(kind: BaseDistribution, numbers: np.random.Generator) -> Any:
    """A uniform value of a distribution, in its own (external) type."""
    if isinstance(kind, CategoricalDistribution):
        return kind.choices[int(numbers.integers(len(kind.choices)))]
    if isinstance(kind, IntDistribution):
        if kind.log:
            low, high = np.log(kind.low - 0.5), np.log(kind.high + 0.5)
            drawn = round(float(np.exp(numbers.uniform(low, high))))
            return min(max(drawn, kind.low), kind.high)
        return kind.low + kind.step * int(numbers.integers((kind.high - kind.low) // kind.step + 1))
    assert isinstance(kind, FloatDistribution)  # Optuna has these three
    if kind.step is not None:
        steps = round((kind.high - kind.low) / kind.step)
        return float(min(kind.low + kind.step * int(numbers.integers(steps + 1)), kind.high))
    if kind.log:
        drawn_log = float(np.exp(numbers.uniform(np.log(kind.low), np.log(kind.high))))
        return min(max(drawn_log, kind.low), kind.high)
    return float(numbers.uniform(kind.low, kind.high))


def _another(kind: BaseDistribution, value: Any, numbers: np.random.Generator) -> Any:
    """A uniform value other than `value`."""
    if isinstance(kind, CategoricalDistribution):
        at = int(kind.to_internal_repr(value))
        return kind.choices[(at + int(numbers.integers(1, len(kind.choices)))) % len(kind.choices)]
    for _ in range(100):
        drawn = _draw(kind, numbers)
        if drawn != value:
            return drawn
    return drawn
