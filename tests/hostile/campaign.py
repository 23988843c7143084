"""A campaign of mutations against one reader: what became of each, counted, with the seed of whatever went wrong."""

from __future__ import annotations

import shutil
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from presage.errors import PresageError
from tests.hostile.mutation import mutated
from tests.hostile.readers import READERS, Reader

__all__ = ["MOST_SECONDS", "READ", "REFUSED", "Campaign", "Outcome"]

MOST_SECONDS = 5.0
"""Of processor time, that reading one changed file may take."""

READ, REFUSED = "read", "refused"


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        sort: `read` (taken for sound, or with what is wrong in it named row by row), `refused` by an error of presage's
            own, `foreign` (an error of another type), `wrong` (taken for sound, and is not) or `slow`.
        what: about the last three.
        seconds: of processor time.
    """

    sort: str
    what: str
    seconds: float

    @property
    def bad(self) -> bool:
        """Whether it is a fault."""
        return self.sort not in (READ, REFUSED)


class Campaign:
    """Changes a file of the reader's sample for each seed, and reads it.

    Args:
        name: of the reader.
        home: where the sample is made, unless it is there, and each changed copy.
    """

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.reader = name, READERS[name]
        self._sample, self._copy = home / "sample", home / "copy"
        if not self._sample.exists():
            draft = home / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            self.reader.prepare(draft)
            draft.rename(self._sample)
        self._fresh()
        self.truth: Any = self.reader.read(self._copy)  # as it is, it must be read

    def outcome(self, seed: int) -> Outcome:
        """What becomes of the input of a seed."""
        self._fresh()
        damage(self.reader, self._copy, np.random.default_rng([len(self.name), seed]))
        sort, what, began = READ, "", time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = self.reader.read(self._copy)
                what = self.reader.wrong(found, self.truth, self._copy)
                sort = "wrong" if what else READ
            except PresageError as error:
                sort, what = REFUSED, f"{error}"
            except Exception as error:
                sort, what = "foreign", _where(error)
        seconds = time.process_time() - began
        if seconds > MOST_SECONDS:
            sort, what = "slow", f"{seconds:.1f} s, {sort}"
        return Outcome(sort, what, seconds)

    def _fresh(self) -> None:
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._sample, self._copy)


def counted(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How many of which sort."""
    return Counter(one.sort for one in outcomes)


def faults(outcomes: dict[int, Outcome]) -> Iterator[str]:
    """What went wrong, for a failing test."""
    for seed, one in outcomes.items():
        if one.bad:
            yield f"seed {seed}: {one.sort}: {one.what}"


def damage(reader: Reader, folder: Path, rng: np.random.Generator) -> None:
    """Change one file of the folder, by its bytes or as the reader's sort of file has it."""
    if reader.damage is not None:
        reader.damage(folder, rng)
        return
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in reader.spared)
    chosen = paths[int(rng.integers(len(paths)))]
    chosen.write_bytes(mutated(chosen.read_bytes(), rng))


def _where(error: Exception) -> str:
    last = Counter(frame.name for frame in traceback.extract_tb(error.__traceback__)[-3:])
    return f"{type(error).__name__}: {str(error)[:120]} in {', '.join(last)}"
