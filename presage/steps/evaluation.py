"""How good the predictors are on datasets that they have never seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.progress import OnStage

if TYPE_CHECKING:
    from presage.database import Database
    from presage.surrogate.evaluation.appraisal import Appraisal

__all__ = ["evaluate"]


def evaluate(
    opened: Callable[[], Database],
    predictors: Sequence[str],
    *,
    studies: Sequence[str] | None,
    folds: int | None,
    families: Mapping[str, str] | None,
    draws: int,
    seed: int,
    cache: Path,
    progress: OnStage,
) -> Appraisal:
    """As `Session.evaluate`; the database is let go of before anything is fitted."""
    from presage.surrogate import get_predictor, load_experience
    from presage.surrogate.evaluation.appraisal import STUDIES, appraise
    from presage.surrogate.evaluation.core_networks import core_networks
    from presage.surrogate.evaluation.difficulty import study_difficulty
    from presage.surrogate.evaluation.shots import ShotPlan

    unfitted = [get_predictor(name, seed=seed) for name in predictors]
    asked = tuple(STUDIES) if studies is None else tuple(studies)
    with opened() as database:
        experience = load_experience(database)
        difficulty = study_difficulty(database, experience, core_networks(experience)) if "dcn" in asked else None
    return appraise(
        experience,
        unfitted,
        studies=asked,
        difficulty=difficulty,
        folds=folds,
        families=families,
        shots=ShotPlan(draws=draws, seed=seed),
        cache=cache,
        progress=lambda done, total: progress("evaluate", done, total),
        seed=seed,
    )
