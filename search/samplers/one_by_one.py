"""Any Optuna sampler as a `Proposer`: it is asked candidate by candidate, in a study in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.samplers import BaseGASampler, BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from presage.architecture.spaces.space import Space
from presage.search.samplers.distributions import distributions
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposals

__all__ = ["OneByOne"]


class OneByOne:
    """Lets a sampler that knows only ask and tell (TPE, NSGA-II, one of the user's own) take part in batches.

    The study in memory mirrors `History`: scored candidates enter it with their values. What is asked is told as
    failed at once, since most of it may be over a limit; what was accepted comes back through the history. A batch is
    drawn from one state of knowledge, as with parallel workers. Costs what Optuna costs: about 1 ms a candidate.

    Args:
        make: a sampler from a seed. Called for every batch, so that a batch depends on its seed and the history alone.
    """

    def __init__(self, make: Callable[[int], BaseSampler]) -> None:
        self._make = make
        self._study: optuna.Study | None = None
        self._mirrored = 0
        self._generation = 0  # of a genetic sampler, the newest that anything was scored of

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """`n` answers of the sampler."""
        kinds = distributions(space)
        if self._study is None or len(history) < self._mirrored:
            directions = [StudyDirection.MAXIMIZE] * history.values.shape[1]
            self._study, self._mirrored, self._generation = optuna.create_study(directions=directions), 0, 0
        study = self._study
        for at in range(self._mirrored, len(history)):
            values = history.values[at]
            if not np.isnan(values).any():
                study.add_trial(
                    create_trial(
                        params=space.params(history.codes[at]),
                        distributions=kinds,
                        values=[float(value) for value in values],
                        system_attrs=dict(history.marks[at]),
                    )
                )
        self._mirrored = len(history)
        study.sampler = self._make(int(np.random.default_rng(seed).integers(2**31)))
        self._generation = _settle_parents(study, self._generation)
        params, marks = [], []
        for _ in range(n):
            trial = study.tell(study.ask(kinds), state=TrialState.FAIL)
            params.append(trial.params)
            marks.append(dict(trial.system_attrs))
        columns = [{choice: at for at, choice in enumerate(parameter.choices)} for parameter in space.parameters]
        codes = [
            [column[row[parameter.name]] for parameter, column in zip(space.parameters, columns, strict=True)]
            for row in params
        ]
        return Proposals(np.array(codes, np.int64), tuple(marks))


def _settle_parents(study: optuna.Study, newest: int) -> int:
    """Have a genetic sampler choose the parents of every generation begun, in order, before it is asked.

    It keeps them with the study when it first needs them, and reads them back in another order than it chose them:
    without this a study mirrored anew would differ from one mirrored as it grew.

    Args:
        newest: generation up to which that was done before.

    Returns:
        The newest generation now.
    """
    sampler = study.sampler
    if not isinstance(sampler, BaseGASampler) or sampler.population_size is None:
        return newest
    born = len(sampler.get_population(study, newest))
    while born:  # generations follow one another without a gap
        before, born = born, len(sampler.get_population(study, newest + 1))
        if born or before >= sampler.population_size:
            sampler.get_parent_population(study, newest + 1)
        newest += bool(born)
    return newest
