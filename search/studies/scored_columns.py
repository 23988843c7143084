"""Finished trials as columns: what is recorded of thousands of candidates without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from presage.search.studies.scored_trial import ScoredTrial

__all__ = ["ScoredColumns"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ScoredColumns(Sequence[ScoredTrial]):
    """n trials that were over when they were recorded; each is a `ScoredTrial` where it is asked for.

    Attributes:
        codes: (n, p) choice indices.
        values: (n, k) one per objective, as the study's directions have them; a row that holds NaN is of a trial that
            failed.
        user: what the dashboard shows, (n,) each: whole numbers, numbers that may be missing (NaN), texts that may be
            (empty, in columns of objects).
        system: (n,) for presage and the strategy; may be one object for many.
    """

    codes: Array
    values: Array
    user: Mapping[str, Array]
    system: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, trials: Sequence[ScoredTrial], parameters: int, objectives: int) -> ScoredColumns:
        """Trials as columns; what are columns already stays."""
        if isinstance(trials, ScoredColumns):
            return trials
        missing = (np.nan,) * objectives
        return cls(
            np.array([trial.code for trial in trials], np.int64).reshape(len(trials), parameters),
            np.array([trial.values or missing for trial in trials], np.float64).reshape(len(trials), objectives),
            _user(trials),
            [trial.system for trial in trials],
        )

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, at: int) -> ScoredTrial: ...
    @overload
    def __getitem__(self, at: slice) -> ScoredColumns: ...
    def __getitem__(self, at: int | slice) -> ScoredTrial | ScoredColumns:
        user: dict[str, Any] = {name: column[at] for name, column in self.user.items()}
        if isinstance(at, slice):
            return ScoredColumns(self.codes[at], self.values[at], user, self.system[at])
        values = self.values[at].tolist() if self.scored[at] else ()
        said = {name: value.item() if isinstance(value, np.generic) else value for name, value in user.items()}
        said = {name: value for name, value in said.items() if value != "" and value == value}
        return ScoredTrial(self.codes[at].tolist(), tuple(values), said, self.system[at])

    @cached_property
    def scored(self) -> npt.NDArray[np.bool_]:
        """(n,) trials that did not fail."""
        found: npt.NDArray[np.bool_] = np.asarray(np.isfinite(self.values).all(axis=1))
        return found


def _user(trials: Sequence[ScoredTrial]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name in dict.fromkeys(name for trial in trials for name in trial.user):
        said = [trial.user.get(name) for trial in trials]
        if any(isinstance(value, str) for value in said):
            found[name] = np.array([value or "" for value in said], object)
        elif all(isinstance(value, int) for value in said):
            found[name] = np.array(said, np.int64)
        else:
            found[name] = np.array([np.nan if value is None else value for value in said], np.float64)
    return found
