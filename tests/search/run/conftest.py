"""What extrapolates the curves of tables."""

from __future__ import annotations

import numpy as np
import pytest

from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.surrogate.curves.learning_curves import LearningCurves, Setting
from presage.training.recipe import Recipe

EPOCHS = 8


@pytest.fixture(scope="session")
def extrapolator() -> CurveExtrapolator:
    """Learned from straight curves, as the table's are, of 12 datasets."""
    rng = np.random.default_rng(0)
    curves, settings, groups = [], [], []
    for group in range(12):
        for _ in range(25):
            top = rng.uniform(0.05, 0.95)
            noise = rng.normal(0, 0.01, EPOCHS)
            curves.append(np.clip(top * np.arange(1, EPOCHS + 1) / EPOCHS + noise, 0, 1))
            settings.append(Setting(Recipe(epochs=EPOCHS).to_json(), 2, int(rng.integers(50, 500)), 1000, 2))
            groups.append(f"dataset {group}")
    return CurveExtrapolator().fit(LearningCurves.of(curves, [np.ones(EPOCHS)] * len(curves), settings, groups))
