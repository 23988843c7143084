"""Several predictors fitted to one experience side by side: their libraries compute outside Python's lock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from surrogate.experience import Experience
from surrogate.predictor import Predictor

__all__ = ["fit_all"]

MOST_WORKERS = 4


def fit_all(predictors: Sequence[Predictor], experience: Experience) -> None:
    """Fits every predictor, in threads; the result does not depend on their number."""
    workers = min(len(predictors), os.cpu_count() or 1, MOST_WORKERS)
    if workers <= 1:
        for predictor in predictors:
            predictor.fit(experience)
        return
    _ = experience.features  # encoded once, before threads ask for it
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(predictor.fit, experience) for predictor in predictors]:
            done.result()
