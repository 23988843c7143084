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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from presage.architecture.spaces.space import Space
from presage.errors import WrongInput
from presage.reading import reading
from presage.search.studies.scored_columns import ScoredColumns
from presage.search.studies.scored_trial import ScoredTrial

if TYPE_CHECKING:
    from presage.database.array_files import ArrayWriter

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
        self._writer: ArrayWriter | None = None
        self._written: int | None = None  # by this object, which is then the only one that writes
        self._codes = [f"parameter {parameter.name}" for parameter in space.parameters]
        self._values = ["value"] if objectives == 1 else [f"value {at + 1}" for at in range(objectives)]

    @property
    def rows(self) -> int:
        """Candidates in all parts; none of the files is opened."""
        return rows_in(self.folder) if self._written is None else self._written

    def write(self, trials: Sequence[ScoredTrial]) -> None:
        """Add some, as one part.

        Raises:
            StorageFull, StorageFailed: the disk is full, or fails; what was there before is whole.
        """
        if not trials:
            return
        from presage.database.array_files import ArrayWriter

        first, told = self.rows, ScoredColumns.of(trials, len(self._codes), len(self._values))
        values = np.where(told.scored[:, None], told.values, np.nan)
        columns: dict[str, Array] = dict(zip(self._codes, told.codes.astype(np.uint16).T.copy(), strict=True))
        columns |= dict(zip(self._values, values.T.copy(), strict=True))
        columns |= told.user
        texts = {
            id(one): json.dumps(one, separators=(",", ":")) for one in {id(one): one for one in told.system}.values()
        }
        columns[_SYSTEM] = np.array([texts[id(one)] for one in told.system], object)
        if self._writer is None:
            self._writer = ArrayWriter()
        self._writer.write(self.folder / f"{first:09d}-{first + len(trials):09d}.parquet", columns)
        self._written = first + len(trials)

    def read(self) -> Iterator[ScoredColumns]:
        """All of them, in order, part by part.

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
            yield trials
            expected = end

    def _part(self, path: Path) -> ScoredColumns:
        from presage.database.array_files import read_arrays

        arrays = read_arrays(path)
        with reading(path):
            return self._trials(arrays)

    def _trials(self, arrays: Mapping[str, Array]) -> ScoredColumns:
        """Raises whatever is wrong with what stands there."""
        fixed = [*self._codes, *self._values, _SYSTEM]
        codes = np.stack([arrays[name] for name in self._codes], axis=1)
        sizes = np.array([len(parameter.choices) for parameter in self._space.parameters])
        if codes.dtype.kind not in "ui" or (codes < 0).any() or (codes >= sizes).any():
            raise ValueError("a parameter has no such choice")
        values = np.stack([arrays[name] for name in self._values], axis=1).astype(np.float64)
        user = {name: array for name, array in arrays.items() if name not in fixed}
        texts: list[str] = arrays[_SYSTEM].tolist()
        system = {text: dict(json.loads(text)) for text in set(texts)}
        return ScoredColumns(codes.astype(np.int64), values, user, [system[text] for text in texts])


def rows_in(folder: Path) -> int:
    """Candidates in the parts of a folder, by their names."""
    return max((end for _, _, end in _parts(folder)), default=0)


def _parts(folder: Path) -> list[tuple[Path, int, int]]:
    """Each with its first row, and the one after its last, in order."""
    found = ((path, _PART.fullmatch(path.name)) for path in folder.glob("*.parquet"))
    return sorted((path, int(name[1]), int(name[2])) for path, name in found if name is not None)
