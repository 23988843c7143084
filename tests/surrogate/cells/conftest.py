"""Experience of cells that is made up: what a cell scores is told by one feature, times the text's level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from presage.architecture.recurrent.features import CELL_FEATURES, cell_features
from presage.architecture.recurrent.spaces import RnnEnas
from presage.surrogate.cells.experience import CellExperience

DEPTH = CELL_FEATURES.index("mean_depth")


@pytest.fixture(scope="session")
def made_up() -> Callable[..., CellExperience]:
    def make(texts: int = 4, each: int = 40, noise: float = 0.01, sign: float = 1.0) -> CellExperience:
        space, numbers = RnnEnas(nodes=6), np.random.default_rng(0)
        cells = space.cells(space.sample(texts * each, numbers))
        features = cell_features(cells)
        scale = features[:, DEPTH] - features[:, DEPTH].mean()
        relative = sign * 0.02 * scale + noise * numbers.standard_normal(len(cells))
        text = np.repeat(np.arange(texts), each)
        names = tuple(f"{at:064x}" for at in range(texts))
        return CellExperience(
            tuple(one.hash for one in cells), features, relative, 0.0 * relative, text, text, names, len(cells)
        )

    return make
