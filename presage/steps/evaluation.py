"""How good the predictors are on datasets that they have never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.surrogate.evaluation.appraisal import Appraisal

__all__ = ["evaluate"]


def evaluate(
    place: Workplace,
    predictors: Sequence[str],
    *,
    studies: Sequence[str] | None = None,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 8,
) -> Appraisal:
    """Every named predictor on datasets, or families of them, left out whole; all studies unless some are named."""
    from presage.surrogate import get_predictor, load_experience
    from presage.surrogate.evaluation.appraisal import STUDIES, appraise
    from presage.surrogate.evaluation.core_networks import core_networks
    from presage.surrogate.evaluation.difficulty import study_difficulty
    from presage.surrogate.evaluation.shots import ShotPlan

    unfitted = [get_predictor(name, seed=place.seed) for name in predictors]
    asked = tuple(STUDIES) if studies is None else tuple(studies)
    with place.open() as database:
        experience = load_experience(database)
        difficulty = study_difficulty(database, experience, core_networks(experience)) if "dcn" in asked else None
    return appraise(
        experience,
        unfitted,
        studies=asked,
        difficulty=difficulty,
        folds=folds,
        families=families,
        shots=ShotPlan(draws=draws, seed=place.seed),
        cache=place.cache("evaluation"),
        progress=lambda done, total: place.step("evaluate", done, total),
        seed=place.seed,
    )
