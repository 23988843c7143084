"""What a predicted study has recorded so far, as columns: what strategies learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes

__all__ = ["History", "Words", "code_words"]

Words = Callable[[Codes], NDArray[np.uint64]]
"""Codes (n, p) → a word for each, (n,)."""


def code_words(codes: Codes) -> NDArray[np.uint64]:
    """(n,) a word for each code; equal codes have equal words, and others hardly ever."""
    odd = np.random.default_rng(0).integers(0, 2**63, codes.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    words: NDArray[np.uint64] = ((codes.astype(np.uint64) + np.uint64(1)) * odd).sum(axis=1, dtype=np.uint64)
    return words


class History:
    """Candidates in the order they were recorded; m of them, p parameters, k objectives. Only ever added to.

    Values are oriented so that *larger is better* in every column, whatever Optuna calls the direction: a cost that is
    minimised stands here with its sign turned.
    """

    def __init__(self, parameters: int, objectives: int = 1) -> None:
        self._codes = np.zeros((1024, parameters), np.int64)
        self._values = np.zeros((1024, objectives))
        self._scored = np.zeros(1024, np.bool_)
        self._marks: list[Mapping[str, Any]] = []
        self._size = 0
        self._words: dict[Words, tuple[set[int], int]] = {}  # of the first so many candidates

    def __len__(self) -> int:
        return self._size

    @property
    def codes(self) -> Codes:
        """(m, p) choice indices."""
        return self._codes[: self._size]

    @property
    def values(self) -> NDArray[np.float64]:
        """(m, k) larger is better; NaN where the candidate could not be scored."""
        return self._values[: self._size]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(m,) whether the candidate has a value."""
        return self._scored[: self._size]

    @property
    def marks(self) -> Sequence[Mapping[str, Any]]:
        """(m,) what the strategy attached to each candidate; an empty mapping where it attached nothing."""
        return self._marks

    def holds(self, words: NDArray[np.uint64], of: Words = code_words) -> NDArray[np.bool_]:
        """(n,) whether a candidate has this word, as `of` gives them. What is recorded is looked at once, not every
        time."""
        held, worded = self._words.get(of, (set(), 0))
        if worded < self._size:
            held.update(of(self._codes[worded : self._size]).tolist())
            self._words[of] = held, self._size
        return np.fromiter((word in held for word in words.tolist()), np.bool_, len(words))

    def extend(
        self, codes: Codes, values: NDArray[np.float64], marks: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Append n candidates: codes (n, p), values (n, k), marks (n,)."""
        need = self._size + len(codes)
        if need > len(self._codes):
            room = max(need, 2 * len(self._codes))
            for name in ("_codes", "_values", "_scored"):
                old: NDArray[Any] = getattr(self, name)
                new = np.zeros((room, *old.shape[1:]), old.dtype)
                new[: self._size] = old[: self._size]
                setattr(self, name, new)
        self._codes[self._size : need] = codes
        self._values[self._size : need] = values
        self._scored[self._size : need] = np.isfinite(values).all(axis=1)
        self._marks.extend(marks or [{}] * len(codes))
        self._size = need

    def first(self, m: int) -> History:
        """A history of the first `m` candidates."""
        part = History(self._codes.shape[1], self._values.shape[1])
        part.extend(self.codes[:m], self.values[:m], self._marks[:m])
        return part
