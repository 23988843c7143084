"""`State`: everything a fitted predictor learned as arrays, lists of names and texts, ready to be written to files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["State"]

T = TypeVar("T")


@dataclass(eq=False)
class State:
    """Arrays (numbers are arrays without axes), words and texts by name.

    `put` and `get` carry over an object whose attributes are numbers, arrays or tuples of names.
    """

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, learned: object) -> None:
        """Stores an object's attributes under `name`."""
        for attribute, value in vars(learned).items():
            if isinstance(value, tuple):
                self.words[f"{name}.{attribute}"] = list(value)
            else:
                self.arrays[f"{name}.{attribute}"] = np.asarray(value)

    def get(self, name: str, kind: type[T]) -> T:
        """The object of class `kind` stored under `name`."""
        made = kind.__new__(kind)
        start = f"{name}."
        for key, array in self.arrays.items():
            if key.startswith(start) and "." not in key[len(start) :]:
                setattr(made, key[len(start) :], array.item() if array.ndim == 0 else array)
        for key, words in self.words.items():
            if key.startswith(start) and "." not in key[len(start) :]:
                setattr(made, key[len(start) :], tuple(words))
        return made

    def part(self, name: str) -> State:
        """The entries whose names begin with `name/`, without that beginning."""
        start = f"{name}/"

        def within(entries: dict[str, T]) -> dict[str, T]:
            return {key[len(start) :]: value for key, value in entries.items() if key.startswith(start)}

        return State(within(self.arrays), within(self.words), within(self.texts))

    def put_part(self, name: str, part: State) -> None:
        """The reverse of `part`."""
        self.arrays.update({f"{name}/{key}": value for key, value in part.arrays.items()})
        self.words.update({f"{name}/{key}": value for key, value in part.words.items()})
        self.texts.update({f"{name}/{key}": value for key, value in part.texts.items()})
