"""What a predicted study has recorded so far, as columns: what strategies learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes

__all__ = ["History"]


class History:
    """Candidates in the order they were recorded; m of them, p parameters, k objectives.

    Values are oriented so that *larger is better* in every column, whatever Optuna calls the direction: a cost that is
    minimised stands here with its sign turned.
    """

    def __init__(self, parameters: int, objectives: int = 1) -> None:
        self._codes = np.zeros((1024, parameters), np.int64)
        self._values = np.zeros((1024, objectives))
        self._marks: list[Mapping[str, Any]] = []
        self._size = 0

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
        return np.asarray(np.isfinite(self.values).all(axis=1), np.bool_)

    @property
    def marks(self) -> Sequence[Mapping[str, Any]]:
        """(m,) what the strategy attached to each candidate; an empty mapping where it attached nothing."""
        return self._marks

    def extend(
        self, codes: Codes, values: NDArray[np.float64], marks: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Append n candidates: codes (n, p), values (n, k), marks (n,)."""
        need = self._size + len(codes)
        if need > len(self._codes):
            room = max(need, 2 * len(self._codes))
            for name in ("_codes", "_values"):
                old: NDArray[Any] = getattr(self, name)
                new = np.zeros((room, old.shape[1]), old.dtype)
                new[: self._size] = old[: self._size]
                setattr(self, name, new)
        self._codes[self._size : need] = codes
        self._values[self._size : need] = values
        self._marks.extend(marks or [{}] * len(codes))
        self._size = need

    def first(self, m: int) -> History:
        """A history of the first `m` candidates."""
        part = History(self._codes.shape[1], self._values.shape[1])
        part.extend(self.codes[:m], self.values[:m], self._marks[:m])
        return part
