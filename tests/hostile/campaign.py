"""A campaign of mutations against one reader: what became of each, counted, with the seed of whatever went wrong."""

from __future__ import annotations

import shutil
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from presage.errors import PresageError
from tests.hostile.mutation import mutated
from tests.hostile.readers import READERS, Reader

__all__ = ["MOST_SECONDS", "Outcomes", "attack"]

MOST_SECONDS = 5.0
"""Of processor time, that reading one changed file may take."""


@dataclass
class Outcomes:
    """What became of the inputs of one reader.

    Attributes:
        read: taken for sound, or with what is wrong in it named row by row.
        refused: by an error of presage's own.
        foreign: errors of other types, and where, by seed.
        slow: seconds, by seed.
    """

    read: int = 0
    refused: int = 0
    foreign: dict[int, str] = field(default_factory=dict)
    slow: dict[int, float] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """All of them."""
        return self.read + self.refused + len(self.foreign)


def attack(name: str, seeds: range, home: Path, begins: Callable[[int], None] = lambda seed: None) -> Outcomes:
    """Change one file of the reader's sample for each seed, and read it; `begins` is told of each before."""
    reader, found = READERS[name], Outcomes()
    sample, copy = home / "sample", home / "copy"
    sample.mkdir(parents=True)
    reader.prepare(sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shutil.copytree(sample, copy)
        reader.read(copy)  # as it is, it must be read
        for seed in seeds:
            begins(seed)
            shutil.rmtree(copy)
            shutil.copytree(sample, copy)
            _damage(reader, copy, np.random.default_rng([len(name), seed]))
            began = time.process_time()
            try:
                reader.read(copy)
                found.read += 1
            except PresageError:
                found.refused += 1
            except Exception as error:
                found.foreign[seed] = _where(error)
            if (seconds := time.process_time() - began) > MOST_SECONDS:
                found.slow[seed] = seconds
    return found


def _damage(reader: Reader, folder: Path, rng: np.random.Generator) -> None:
    if reader.damage is not None:
        reader.damage(folder, rng)
        return
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in reader.spared)
    chosen = paths[int(rng.integers(len(paths)))]
    chosen.write_bytes(mutated(chosen.read_bytes(), rng))


def _where(error: Exception) -> str:
    last = Counter(frame.name for frame in traceback.extract_tb(error.__traceback__)[-3:])
    return f"{type(error).__name__}: {str(error)[:120]} in {', '.join(last)}"


def described(found: Outcomes) -> str:
    """What went wrong, for a failing test."""
    return "\n".join(f"seed {seed}: {what}" for seed, what in (*found.foreign.items(), *found.slow.items()))
