"""LightGBM's trees, from its text: of few networks by NumPy, of many by LightGBM or compiled, equal to the last bit.

Importing LightGBM imports scikit-learn and scipy too, which takes longer than predicting a few networks does.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import is_worth_it
from presage.errors import InvalidArgument
from presage.surrogate.predictors.tree_nodes import Nodes

if TYPE_CHECKING:
    from lightgbm import Booster

    from presage.surrogate.predictors.tree_kernel import Splits

__all__ = ["TreeModel"]

Floats = NDArray[np.float64]

FEW = 1024
"""Rows up to which NumPy is used where LightGBM has not been imported yet."""
MANY = 16_384
"""Rows that NumPy has been given before LightGBM is imported all the same: it takes a fourth of the time for each, and
so many take as long as the import."""


@dataclass(eq=False)
class TreeModel:
    """Boosted regression trees, as LightGBM writes them.

    Args:
        text: `Booster.model_to_string()`.
    """

    text: str
    _walked: int = field(default=0, init=False, repr=False)

    def predict(self, matrix: NDArray[np.float32], threads: int = 0) -> Floats:
        """(n,) sums of the leaves that the rows of `matrix` (n, f) fall into.

        Args:
            matrix: NaN stands for what is missing.
            threads: of LightGBM; 0 for all.
        """
        splits = self.splits if is_worth_it(len(matrix)) else None
        if (
            splits is not None and np.isin(splits.feature, np.arange(matrix.shape[1])).all()
        ):  # compiled, none is checked
            from presage.surrogate.predictors.tree_splits import predicted

            return predicted(splits, matrix, threads)
        if len(matrix) <= FEW and self._walked < MANY and "lightgbm" not in sys.modules and self.nodes is not None:
            self._walked += len(matrix)
            return self.nodes.predict(matrix)
        return np.asarray(self.booster.predict(matrix, num_threads=threads))

    @cached_property
    def booster(self) -> Booster:
        """The same as LightGBM's own object. Its parser trusts the text: see `presage.surrogate.predictors.sealing`."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    @cached_property
    def nodes(self) -> Nodes | None:
        """The same as arrays; None where it is written in another way than `Nodes` reads."""
        try:
            return Nodes.of(self.text)
        except InvalidArgument:
            return None

    @cached_property
    def splits(self) -> Splits | None:
        """The same for the compiled kernel; None where it does not take such trees."""
        from presage.surrogate.predictors.tree_splits import splits_of

        return None if self.nodes is None else splits_of(self.nodes)
