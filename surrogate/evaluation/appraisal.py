"""`appraise`: the whole evaluation: predictors, TAPAS's scenarios, core networks, few shots and their rival, the DCN.

Every predictor is fitted once a fold; all that is compared afterwards comes from what it then said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from presage.errors import InvalidArgument, UnknownName
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.core_networks import BLIND, blind_ranking, core_networks
from presage.surrogate.evaluation.difficulty import DifficultyStudy
from presage.surrogate.evaluation.few_shot_study import FewShotStudy
from presage.surrogate.evaluation.goals import Goal, goals, goals_table
from presage.surrogate.evaluation.interval_study import interval_measures, interval_table
from presage.surrogate.evaluation.leaving_out import leave_out, score_table, ways_of_leaving_out
from presage.surrogate.evaluation.matrix import Matrix
from presage.surrogate.evaluation.matrix_splits import LEAST_NETWORKS
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.scenarios import scenarios
from presage.surrogate.evaluation.scores import EvaluationTable
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.evaluation.tables import Table
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.predictors.predictor import Predictor, StepCallback
from presage.surrogate.predictors.recipe_effect import usual_tasks

__all__ = ["BASELINES", "STUDIES", "Appraisal", "appraise", "core_table"]

STUDIES: Mapping[str, str] = {
    "scenarios": "TAPAS's three: no DCN, DCN as input, DCN and filter",
    "core": "the networks trained on every dataset, beside the dataset-blind ranking",
    "few-shot": "k trained networks of the target, and the rival that knows nothing else",
    "dcn": "the DCN against mean trained accuracy, its stability and its cost",
}
"""What is studied beside the predictors."""

BASELINES = ("dataset-mean", "cost-only", "nearest-dataset", "tapas-1-no-dcn", "tapas-2-dcn", "tapas-3-dcn-filter")
"""What a predictor must beat."""

PREFERRED = "ensemble"
OTHERS = f"Of at least {LEAST_NETWORKS} networks each; many are short-lists of searches, all alike."
LEAST_CORE = 5
"""Core networks that a dataset must have to be ranked by them."""


@dataclass(frozen=True)
class Appraisal:
    """Everything an evaluation found.

    Attributes:
        predictor: the one that the goals are about.
        table: scores on all networks of the left-out datasets by the recipe that most datasets were trained by.
        outcomes: of those tasks: what a plot needs.
        core: scores on the core networks alone, and of the dataset-blind ranking; None where there are none.
        few_shot: what trained networks of the target are worth; None where it was not studied.
        difficulty: of the DCN; None where it was not studied.
        others: scores on the tasks of other recipes, of `LEAST_NETWORKS` networks or more; None where there are none.
        matrix: recipes and sizes left out beside the datasets (`study_matrix`); None where it was not studied.
        recipe_words: the recipe that the networks of `table` were trained by, in words.
    """

    predictor: str
    table: EvaluationTable
    outcomes: tuple[Outcome, ...]
    core: EvaluationTable | None = None
    few_shot: FewShotStudy | None = None
    difficulty: DifficultyStudy | None = None
    others: EvaluationTable | None = None
    matrix: Matrix | None = None
    recipe_words: str = ""

    @cached_property
    def goals(self) -> list[Goal]:
        """What was measured against what should be reached."""
        baselines = [name for name in self.table.predictors if name in BASELINES and name != self.predictor]
        return goals(self.predictor, self.table, baselines, self.core, self.few_shot, self.difficulty)

    def tables(self) -> list[Table]:
        """Every table, the goals last."""
        found = [*self.table.tables(), self.table.details(self.predictor)]
        if self.others is not None:
            found.append(self.others.means("other-recipes", "tasks by other recipes", OTHERS))
        found.append(interval_table(self.outcomes, self.table.predictors))
        if self.core is not None:
            subject = "Only networks trained on every dataset."
            found += self.core.tables("core", subject)
        if self.few_shot is not None and self.few_shot.counts:
            found += self.few_shot.tables()
        if self.difficulty is not None:
            found += self.difficulty.tables()
        if self.matrix is not None:
            found += self.matrix.tables()
        return [*found, goals_table(self.predictor, self.goals)]

    def text(self) -> str:
        """All tables in plain text, and the recipes."""
        said = [f"Recipe: {self.recipe_words}."] if self.recipe_words else []
        return "\n\n".join([*(table.text() for table in self.tables()), *said])

    def to_json(self, *, points: bool = False) -> dict[str, Any]:
        """The predictors' table with everything else beside it; every predicted and trained accuracy if asked for."""
        return {
            **self.table.to_json(points=points),
            "recipe_words": self.recipe_words,
            "predictor": self.predictor,
            "intervals": {name: interval_measures(self.outcomes, name) for name in self.table.predictors},
            "others": None if self.others is None else self.others.to_json(points=points),
            "core": None if self.core is None else self.core.to_json(),
            "few_shot": None if self.few_shot is None else self.few_shot.to_json(),
            "dcn": None if self.difficulty is None else self.difficulty.to_json(),
            "matrix": None if self.matrix is None else self.matrix.to_json(),
            "goals": [goal.to_json() for goal in self.goals],
        }


def appraise(
    experience: Experience,
    predictors: Sequence[Predictor],
    *,
    studies: Collection[str] = tuple(STUDIES),
    difficulty: DifficultyStudy | None = None,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    shots: ShotPlan | None = None,
    cache: Path | None = None,
    progress: StepCallback | None = None,
    seed: int = 0,
    executor: Executor | None = None,
) -> Appraisal:
    """Evaluates predictors on left-out datasets, with the studies asked for.

    What is compared is of the recipe that most datasets were trained by: by another a dataset has few networks, mostly
    one, which says nothing of a ranking. Tasks of other recipes with enough of them stand in `others`.

    Args:
        experience: trained networks on at least two datasets.
        predictors: unfitted. The goals are about the ensemble if it is among them, else the first that is no baseline.
        studies: names of `STUDIES`.
        difficulty: what the study `dcn` found (`study_difficulty` makes it from a database).
        folds, families, cache, progress, executor: as of `leave_out`.
        shots: how few-shot predictions are evaluated.
        seed: of the scenarios' trees and the draws.

    Raises:
        UnknownName: for an unknown study.
        InvalidArgument: as `leave_out`.
    """
    for study in studies:
        if study not in STUDIES:
            raise UnknownName("study", study, STUDIES)
    asked = [*predictors, *(scenarios(seed) if "scenarios" in studies else ())]
    if not predictors:
        raise InvalidArgument("predictors", "evaluate", "be at least one, of different names", [])
    names = [predictor.name for predictor in predictors]
    chosen = PREFERRED if PREFERRED in names else next((name for name in names if name not in BASELINES), names[0])
    every_task = leave_out(
        experience,
        asked,
        folds=folds,
        families=families,
        shots=(shots or ShotPlan(seed=seed)) if "few-shot" in studies else None,
        few_shot=[chosen],
        cache=cache,
        progress=progress,
        executor=executor,
    )
    usual = {experience.tasks[at].key for at in usual_tasks(experience)}
    outcomes = [outcome for outcome in every_task if outcome.task.key in usual]
    others = [one for one in every_task if one.task.key not in usual and len(one.truth) >= LEAST_NETWORKS]
    how, every = ways_of_leaving_out(folds, families), [predictor.name for predictor in asked]
    rivals = (chosen, *(name for name in every if name != chosen))
    return Appraisal(
        predictor=chosen,
        table=score_table(outcomes, every, how),
        outcomes=tuple(outcomes),
        core=core_table(experience, outcomes, every, how) if "core" in studies else None,
        few_shot=FewShotStudy(tuple(outcomes), rivals) if "few-shot" in studies else None,
        difficulty=difficulty if "dcn" in studies else None,
        others=score_table(others, every, how) if others else None,
    )


def core_table(
    experience: Experience, outcomes: Sequence[Outcome], predictors: Sequence[str], how: str
) -> EvaluationTable | None:
    """Scores on the networks trained on every dataset, those of the dataset-blind ranking beside the predictors'.

    The ranking of a target comes from the datasets that were not left out with it. None where no dataset has enough
    such networks.
    """
    core, scores = core_networks(experience), []
    for outcome in outcomes:
        rows = np.flatnonzero(np.isin(outcome.hashes, sorted(core)))
        if len(rows) < LEAST_CORE:
            continue
        blind = blind_ranking(experience.without(outcome.left_out), outcome.hashes[rows])
        ranked = ~np.isnan(blind)
        rows, blind = rows[ranked], blind[ranked]
        for name in predictors:
            said = outcome.predictions[name]
            part = Prediction(said.value[rows], said.lower[rows], said.upper[rows], said.level)
            scores.append(outcome.score_among(name, rows, part))
        scores.append(outcome.score_among(BLIND, rows, blind))
    if not scores:
        return None
    return EvaluationTable((*predictors, BLIND), tuple(scores), how)
