from __future__ import annotations

import numpy as np
import pytest

from presage.surrogate.curves.learning_curves import LearningCurves, Setting

RECIPE = {
    "epochs": 10, "warmup": 0.2, "schedule": "one_cycle", "learning_rate": 0.006, "batch": 64, "weight_decay": 0.02,
    "label_smoothing": 0.1, "image_side": 16,
}  # fmt: skip


def drawn(datasets: int, each: int, seed: int, lean: float = 0.0) -> LearningCurves:
    """Curves that rise from chance to an accuracy by a power of the epoch, whose pace is the dataset's; with noise.

    Args:
        lean: logits by which the last epoch of all lies off.
    """
    rng = np.random.default_rng(seed)
    curves, losses, settings, groups = [], [], [], []
    t = np.arange(1, 11)
    for dataset in range(datasets):
        level, pace = rng.normal(1.0, 0.6), rng.uniform(0.4, 0.9)
        for _ in range(each):
            size = rng.uniform(8, 14)
            top = level + 0.15 * (size - 11) + rng.normal(0, 0.1)
            logits = top + 1.5 - 3.0 * (t / 10.0) ** -pace / 2 + rng.normal(0, 0.05, 10)
            logits[-1] += lean
            accuracy = 1 / (1 + np.exp(-logits))
            curves.append(accuracy)
            losses.append(-np.log(accuracy))
            settings.append(Setting(RECIPE, 10, round(np.exp(size)), round(np.exp(size + 3)), 7))
            groups.append(f"dataset {dataset}")
    return LearningCurves.of(curves, losses, settings, [f"{group}/recipe" for group in groups], groups)


@pytest.fixture(scope="session")
def experience() -> LearningCurves:
    """20 datasets of 12 trainings."""
    return drawn(20, 12, seed=0)


@pytest.fixture(scope="session")
def unseen() -> LearningCurves:
    """12 datasets of 20 trainings, of the same kind."""
    return drawn(12, 20, seed=99)
