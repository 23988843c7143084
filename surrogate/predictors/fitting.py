"""Several predictors fitted to one experience side by side: their libraries compute outside Python's lock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.predictor import Predictor, StepCallback
from presage.surrogate.predictors.side_by_side import is_alone

__all__ = ["fit_all"]

MOST_WORKERS = 4


def fit_all(predictors: Sequence[Predictor], experience: Experience, progress: StepCallback | None = None) -> None:
    """Fits every predictor, in threads; the result does not depend on their number.

    Args:
        predictors: what to fit.
        experience: what to learn from.
        progress: called with (finished steps, all steps) of all together, by one thread at a time.
    """
    total, done, lock = sum(predictor.fit_steps(experience) for predictor in predictors), 0, Lock()

    def tell(_: int, __: int) -> None:
        nonlocal done
        with lock:
            done += 1
            if progress:
                progress(done, total)

    workers = min(len(predictors), os.cpu_count() or 1, MOST_WORKERS)
    if workers <= 1 or is_alone():
        for predictor in predictors:
            predictor.fit(experience, progress=tell)
        return
    _ = experience.features  # encoded once, before threads ask for it
    with ThreadPoolExecutor(workers) as pool:
        for finished in [pool.submit(predictor.fit, experience, progress=tell) for predictor in predictors]:
            finished.result()
