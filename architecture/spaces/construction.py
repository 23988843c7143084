"""`Construction`: a batch of codes while its networks are written, by the names of the space's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder
from presage.architecture.operations import ACTIVATIONS
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.space import Space

__all__ = ["Construction"]

Ints = NDArray[np.int64]

S = TypeVar("S", bound=Space)


class Construction(Generic[S]):
    """The networks of one batch of codes (n, p) while they are written.

    Args:
        functions: activation functions that the space's parameter `activation` chooses from.
    """

    def __init__(self, space: S, codes: Codes, functions: Sequence[str]) -> None:
        self.space, self.codes = space, codes
        self.builder = GraphBatchBuilder(len(codes))
        self.function = np.array([ACTIVATIONS.index(name) for name in functions])[self.of("activation")]

    def of(self, name: str) -> Ints:
        """(n,) position of the choice of a parameter."""
        return self.codes[:, self.space.columns[name]]

    def value(self, name: str) -> Ints:
        """(n,) the choice itself of a parameter of integers."""
        choices = self.space.parameters[self.space.columns[name]].choices
        return np.array(choices, np.int64)[self.of(name)]
