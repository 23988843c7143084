"""How good predictors are on datasets they have never seen: each dataset, or family of datasets, left out in turn.

The target's rows leave the experience before anything is fitted, and only its `Task` (its probe) comes back. Finished
folds are kept in a folder, so that an interrupted evaluation, or a second one, goes on where it was; several processes
may share the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.few_shot_study import shot_scores
from presage.surrogate.evaluation.in_workers import described, kept, kept_in, kept_or, make, named, read, worked_out
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.scores import EvaluationTable
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.predictors.ensemble import Ensemble
from presage.surrogate.predictors.fitting import fit_all
from presage.surrogate.predictors.predictor import Predictor, StepCallback, dataset_folds
from presage.surrogate.predictors.side_by_side import one_at_a_time

__all__ = ["evaluate", "leave_out", "left_out_parts", "outcome_of", "score_table", "ways_of_leaving_out"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def evaluate(
    experience: Experience,
    predictors: Sequence[Predictor],
    *,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    cache: Path | None = None,
    progress: StepCallback | None = None,
) -> EvaluationTable:
    """Fits every predictor without each dataset in turn and scores it there; arguments as of `leave_out`."""
    outcomes = leave_out(experience, predictors, folds=folds, families=families, cache=cache, progress=progress)
    return score_table(outcomes, [predictor.name for predictor in predictors], ways_of_leaving_out(folds, families))


def score_table(outcomes: Sequence[Outcome], predictors: Sequence[str], how: str) -> EvaluationTable:
    """Scores of the named predictors over all networks of every left-out task, by dataset."""
    scores = [outcome.score(name) for name in predictors for outcome in outcomes]
    return EvaluationTable(tuple(predictors), tuple(sorted(scores, key=lambda score: (score.dataset, score.task))), how)


def ways_of_leaving_out(folds: int | None, families: Mapping[str, str] | None) -> str:
    """How datasets are left out, in words."""
    of_like = "with all of its family" if families else "whole"
    return f"each left out {of_like}" if folds is None else f"each left out {of_like}, in {folds} parts"


def leave_out(
    experience: Experience,
    predictors: Sequence[Predictor],
    *,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    shots: ShotPlan | None = None,
    few_shot: Collection[str] = (),
    cache: Path | None = None,
    progress: StepCallback | None = None,
    executor: Executor | None = None,
) -> list[Outcome]:
    """Fits every predictor without each dataset in turn and asks it there.

    Args:
        experience: trained networks on at least two datasets.
        predictors: unfitted; of one `name` only one. An ensemble reuses members that are evaluated beside it.
        folds: leave out the datasets in this many parts instead of one by one: faster, and no easier.
        families: name of a dataset → its family; a family is left out whole. Those not named are families of one.
        shots: also score predictors, and their rival, that know some trained networks of the target.
        few_shot: names of those predictors; the others are scored on the same networks without knowing any.
        cache: folder of finished folds.
        progress: called with (finished folds, all folds).
        executor: works out folds that are not kept yet, each by one thread; None is this process, one after another.

    Raises:
        InvalidArgument: for fewer than two datasets, two predictors of one name, or fewer than 2 folds.
    """
    names = [predictor.name for predictor in predictors]
    if len(set(names)) != len(names) or not names:
        raise InvalidArgument("predictors", "evaluate", "be at least one, of different names", names)
    parts = left_out_parts(experience, folds, families)
    if progress:
        progress(0, len(parts))
    told, outcomes = 0, list[Outcome]()
    with kept_in(cache, executor) as folder:
        said = [[p.name, p.settings()] for p in predictors], shots and shots.settings(), sorted(few_shot)
        paths = [named(folder, "fold", experience, part, *said) for part in parts]
        if executor is not None:
            reading = _reading(experience)
            missing = [(part, path) for part, path in zip(parts, paths, strict=True) if kept(path, reading) is None]
            asked = {
                "predictors": [described(predictor) for predictor in predictors],
                "shots": shots and shots.settings(),
                "few_shot": sorted(few_shot),
            }
            requests = [{**asked, "part": part, "path": str(path)} for part, path in missing]
            told = worked_out(work_out, requests, experience, executor, progress, len(parts))
        for done, (part, path) in enumerate(zip(parts, paths, strict=True), start=1):
            outcomes += _cached(experience, predictors, part, shots, few_shot, path)
            if progress and done > told:
                progress(done, len(parts))
    return sorted(outcomes, key=lambda outcome: (outcome.task.name, outcome.task.key))


def left_out_parts(
    experience: Experience, folds: int | None = None, families: Mapping[str, str] | None = None
) -> list[tuple[str, ...]]:
    """Fingerprints that are left out together, part by part."""
    if len(experience.fingerprints) < 2:
        raise InvalidArgument("experience", "evaluate", "hold at least 2 datasets", len(experience.fingerprints))
    if folds is not None and folds < 2:
        raise InvalidArgument("folds", "evaluate", "be at least 2", folds)
    if folds is not None and not families:
        return [tuple(experience.fingerprints[i] for i in part) for part in dataset_folds(experience, folds)]
    name = {task.fingerprint: task.name for task in experience.tasks}
    members: dict[str, list[str]] = {}
    for fingerprint in experience.fingerprints:
        family = (families or {}).get(name[fingerprint])
        members.setdefault(f"family {family}" if family else fingerprint, []).append(fingerprint)
    if len(members) < 2:
        raise InvalidArgument("families", "evaluate", "leave at least 2 families", list(members))
    parts = sorted(members.values(), key=len, reverse=True)
    if folds is None:
        return [tuple(part) for part in parts]
    dealt: list[list[str]] = [[] for _ in range(min(folds, len(parts)))]
    for part in parts:
        min(dealt, key=len).extend(part)
    return [tuple(part) for part in dealt]


def work_out(request: dict[str, Any]) -> None:
    """What a worker does: works out one fold by one thread, and leaves it where folds are kept."""
    shots = request["shots"]
    plan = shots and ShotPlan(**{**shots, "counts": tuple(shots["counts"])})
    predictors = [make(*one) for one in request["predictors"]]
    with one_at_a_time():
        _cached(
            read(request["experience"]), predictors, tuple(request["part"]), plan, request["few_shot"],
            Path(request["path"]),
        )  # fmt: skip


def _cached(
    experience: Experience,
    predictors: Sequence[Predictor],
    part: tuple[str, ...],
    shots: ShotPlan | None,
    few_shot: Collection[str],
    path: Path | None,
) -> list[Outcome]:
    def found() -> list[Outcome]:
        return _fold(experience, predictors, part, shots, few_shot)

    return kept_or(path, _reading(experience), found, Outcome.to_json)


def _reading(experience: Experience) -> Callable[[Any], Outcome]:
    return partial(Outcome.from_json, tasks={task.key: task for task in experience.tasks})


def _fold(
    experience: Experience,
    predictors: Sequence[Predictor],
    part: tuple[str, ...],
    shots: ShotPlan | None = None,
    few_shot: Collection[str] = (),
) -> list[Outcome]:
    """What predictors that were fitted without the datasets of `part` say of them."""
    known, target = experience.without(part), experience.only(part)
    learners = [predictor.clone() for predictor in predictors]
    simple = [learner for learner in learners if not isinstance(learner, Ensemble)]
    fit_all(simple, known)
    for learner in learners:
        if isinstance(learner, Ensemble):
            learner.fit(known, {member.name: member for member in simple if learner.could_use(member)})
    return [outcome_of(learners, target, index, part, shots, few_shot) for index in range(len(target.tasks))]


def outcome_of(
    learners: Sequence[Predictor],
    target: Experience,
    task_index: int,
    part: tuple[str, ...],
    shots: ShotPlan | None,
    few_shot: Collection[str],
) -> Outcome:
    """All predictors on one task; a network trained with several seeds counts once, with its mean accuracy."""
    rows, task = np.flatnonzero(target.task_index == task_index), target.tasks[task_index]
    hashes, first, of_row = np.unique(target.hashes[rows], return_index=True, return_inverse=True)
    truth = np.bincount(of_row, target.accuracy[rows]) / np.bincount(of_row)

    def encoded(some: Ints) -> Inputs:
        return target.inputs(rows[first[some]], task)

    inputs = encoded(np.arange(len(truth)))
    predictions = {learner.name: learner.interval_of(inputs) for learner in learners}
    twice_hashes, twice = _trained_twice(target, rows)
    return Outcome(
        task=task,
        left_out=part,
        experiments=len(rows),
        hashes=hashes,
        truth=truth,
        twice=twice,
        twice_hashes=twice_hashes,
        predictions=predictions,
        shots=shot_scores(learners, few_shot, predictions, encoded, truth, shots) if shots else (),
    )


def _trained_twice(target: Experience, rows: Ints) -> tuple[NDArray[np.str_], Floats]:
    """Hashes (m,) of the networks trained with several seeds, and their accuracies (2, m) by the first two seeds."""
    first: dict[str, float] = {}
    pairs: dict[str, tuple[float, float]] = {}
    for row in rows[np.argsort(target.seeds[rows], kind="stable")]:
        key, accuracy = str(target.hashes[row]), float(target.accuracy[row])
        if key not in first:
            first[key] = accuracy
        else:
            pairs.setdefault(key, (first[key], accuracy))
    return np.array(list(pairs), np.str_), np.array(list(pairs.values()), np.float64).reshape(-1, 2).T
