"""A base for samplers that keep no random state: a trial's random numbers follow from the seed and its number."""

from __future__ import annotations

import secrets
from typing import ClassVar
from zlib import crc32

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from presage.errors import InvalidArgument
from presage.search.samplers.proposer import BatchSampler

__all__ = ["SeededSampler", "value_of"]


class SeededSampler(BatchSampler):
    """A sampler whose study continues after a restart as if it had not stopped; workers never draw the same numbers.

    Attributes:
        several_objectives: whether it serves studies of more than one.

    Args:
        seed: makes a study repeatable; None draws one.
    """

    several_objectives: ClassVar[bool] = False

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and seed < 0:
            raise InvalidArgument("seed", type(self).__name__, "be None or at least 0", seed)
        self.seed = secrets.randbits(63) if seed is None else seed

    def reseed_rng(self) -> None:
        """Nothing to do: every trial has random numbers of its own."""

    def numbers(self, trial: FrozenTrial, purpose: str) -> np.random.Generator:
        """The random numbers of a trial, apart for each purpose."""
        return np.random.default_rng((self.seed, trial.number, crc32(purpose.encode())))

    def refuse_too_many(self, study: Study) -> None:
        """Raise `InvalidArgument` where the study has several objectives and the sampler serves one."""
        if len(study.directions) > 1 and not self.several_objectives:
            hint = "For several, use `bayes` or `nsgaii`."
            raise InvalidArgument("study", type(self).__name__, "have one objective", len(study.directions), hint)


def value_of(trial: FrozenTrial) -> float:
    """The value of a completed trial of one objective."""
    assert trial.value is not None
    return trial.value
