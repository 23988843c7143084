"""The candidates of a large predicted study: Parquet files of some hundred rows, a file for each batch.

A journal takes 3 to 7 kB for a candidate, since every trial repeats what its parameters may be. Here it is about 100
bytes, and any program that reads Parquet has all of them::

    SELECT * FROM 'runs/search/candidates/predicted-1/*.parquet'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.architecture.spaces.space import Space
from presage.errors import WrongInput
from presage.reading import reading
from presage.search.studies.scored_trial import ScoredTrial

__all__ = ["CandidateParts", "rows_in"]

_PART = re.compile(r"(\d{9})-(\d{9})\.parquet")
_SYSTEM = "system"

Array = npt.NDArray[Any]


class CandidateParts:
    """The parts of one study, rows in order: names tell the first row and the one after the last.

    Args:
        folder: of this study alone; made when something is written.
        objectives: how many values a candidate has.
    """

    def __init__(self, folder: Path, space: Space, objectives: int) -> None:
        self.folder, self._space = folder, space
        self._codes = [f"parameter {parameter.name}" for parameter in space.parameters]
        self._values = ["value"] if objectives == 1 else [f"value {at + 1}" for at in range(objectives)]

    @property
    def rows(self) -> int:
        """Candidates in all parts; none of the files is opened."""
        return rows_in(self.folder)

    def write(self, trials: Sequence[ScoredTrial]) -> None:
        """Add some, as one part.

        Raises:
            StorageFull, StorageFailed: the disk is full, or fails; what was there before is whole.
        """
        if not trials:
            return
        from presage.database.array_files import write_arrays

        first = self.rows
        codes = np.array([trial.code for trial in trials], np.uint16).reshape(len(trials), len(self._codes))
        missing = (np.nan,) * len(self._values)
        values = np.array([trial.values or missing for trial in trials], np.float64)
        columns: dict[str, Array] = dict(zip(self._codes, codes.T.copy(), strict=True))
        columns |= dict(zip(self._values, values.T.copy(), strict=True))
        columns |= _user(trials)
        columns[_SYSTEM] = np.array([json.dumps(trial.system, separators=(",", ":")) for trial in trials], object)
        write_arrays(self.folder / f"{first:09d}-{first + len(trials):09d}.parquet", columns)

    def read(self) -> Iterator[ScoredTrial]:
        """All of them, in order.

        Raises:
            WrongInput: a part is missing, damaged or something else.
        """
        expected = 0
        for path, first, end in _parts(self.folder):
            if first != expected:
                raise WrongInput(f"{self.folder} is damaged: rows {expected} to {first} are missing.")
            trials = self._part(path)
            if len(trials) != end - first:
                raise WrongInput(f"{path} is damaged: it holds {len(trials)} candidates, not {end - first}.")
            yield from trials
            expected = end

    def _part(self, path: Path) -> list[ScoredTrial]:
        from presage.database.array_files import read_arrays

        arrays = read_arrays(path)
        with reading(path):
            return self._trials(arrays)

    def _trials(self, arrays: Mapping[str, Array]) -> list[ScoredTrial]:
        """Raises whatever is wrong with what stands there."""
        fixed = [*self._codes, *self._values, _SYSTEM]
        codes = np.stack([arrays[name] for name in self._codes], axis=1)
        sizes = np.array([len(parameter.choices) for parameter in self._space.parameters])
        if codes.dtype.kind not in "ui" or (codes < 0).any() or (codes >= sizes).any():
            raise ValueError("a parameter has no such choice")
        values = np.stack([arrays[name] for name in self._values], axis=1).astype(np.float64)
        is_scored: list[bool] = np.asarray(np.isfinite(values).all(axis=1)).tolist()
        user = {name: array.tolist() for name, array in arrays.items() if name not in fixed}
        rows = zip(codes.astype(np.int64).tolist(), values.tolist(), is_scored, arrays[_SYSTEM].tolist(), strict=True)
        return [
            ScoredTrial(code, tuple(value) if scored else (), _said(user, at), dict(json.loads(system)))
            for at, (code, value, scored, system) in enumerate(rows)
        ]


def rows_in(folder: Path) -> int:
    """Candidates in the parts of a folder, by their names."""
    return max((end for _, _, end in _parts(folder)), default=0)


def _parts(folder: Path) -> list[tuple[Path, int, int]]:
    """Each with its first row, and the one after its last, in order."""
    found = ((path, _PART.fullmatch(path.name)) for path in folder.glob("*.parquet"))
    return sorted((path, int(name[1]), int(name[2])) for path, name in found if name is not None)


def _user(trials: Sequence[ScoredTrial]) -> dict[str, Array]:
    """What was said of the candidates, as columns: numbers that are missing are NaN, texts empty."""
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


def _said(user: dict[str, list[Any]], at: int) -> dict[str, Any]:
    return {name: column[at] for name, column in user.items() if column[at] != "" and column[at] == column[at]}
