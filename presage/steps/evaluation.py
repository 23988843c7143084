"""How good the predictors are on datasets that they have never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import PresageError
from presage.progress import OnStage
from presage.recipes import recipe_record_words

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
    matrix: bool,
    seed: int,
    cache: Path,
    progress: OnStage,
    workers: int | str = 1,
) -> Appraisal:
    """As `Session.evaluate`; the database is let go of before anything is fitted."""
    from presage.surrogate import get_predictor, load_experience
    from presage.surrogate.evaluation.appraisal import STUDIES, appraise
    from presage.surrogate.evaluation.core_networks import core_networks
    from presage.surrogate.evaluation.difficulty import study_difficulty
    from presage.surrogate.evaluation.matrix_study import study_matrix
    from presage.surrogate.evaluation.shots import ShotPlan
    from presage.surrogate.predictors.recipe_effect import usual_tasks

    with _worked_out_on(workers) as executor:
        unfitted = [get_predictor(name, seed=seed) for name in predictors]
        asked = tuple(STUDIES) if studies is None else tuple(studies)
        with opened() as database:
            experience = load_experience(database)
            words = {record.hash: recipe_record_words(record) for record in database.recipes()}
            difficulty = study_difficulty(database, experience, core_networks(experience)) if "dcn" in asked else None
        found = appraise(
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
            executor=executor,
        )
        if matrix:
            chosen = next(predictor for predictor in unfitted if predictor.name == found.predictor)
            found = replace(
                found,
                matrix=study_matrix(
                    experience,
                    chosen,
                    folds=folds,
                    families=families,
                    draws=draws,
                    cache=cache,
                    progress=lambda done, total: progress("evaluate the matrix", done, total),
                    seed=seed,
                    executor=executor,
                ),
            )
        usual = experience.tasks[int(usual_tasks(experience)[0])].recipe
        return replace(found, recipe_words=words.get(usual, usual))


@contextmanager
def _worked_out_on(workers: int | str) -> Iterator[Executor | None]:
    """What `--workers` names, for the block; None is this process.

    Raises:
        InvalidArgument: `workers` means nothing, or another machine.
        PresageError: a fold raised in its worker, or ended two of them; finished ones are kept.
    """
    if workers == 1:
        yield None
        return
    from presage.training.executors import slots_of, worker_processes
    from presage.training.workers import WorkerDied, WorkerFailed

    slots = slots_of(workers, "cpu", "presage evaluate")
    if slots == 1:
        yield None
        return
    try:
        with worker_processes(slots, "cpu") as own:
            yield own
    except (WorkerDied, WorkerFailed, BrokenExecutor) as error:
        raise PresageError(
            f"A fold of `presage evaluate` failed in its worker: {error}. The same call goes on with those unfinished."
        ) from None
