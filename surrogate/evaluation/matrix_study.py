"""`study_matrix`: fits a predictor for every part of the matrix; finished parts are kept in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from presage.surrogate import metrics
from presage.surrogate.data.encoding import capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.core_networks import blind_ranking
from presage.surrogate.evaluation.in_workers import described, kept, kept_in, kept_or, make, named, read, worked_out
from presage.surrogate.evaluation.leaving_out import left_out_parts, outcome_of
from presage.surrogate.evaluation.matrix import LABELS, Matrix, MatrixScore
from presage.surrogate.evaluation.matrix_splits import LEAST_NETWORKS, MatrixCell, MatrixSplit, splits
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.shots import ShotPlan, ShotScore
from presage.surrogate.predictors.predictor import Predictor, StepCallback
from presage.surrogate.predictors.side_by_side import one_at_a_time

__all__ = ["study_matrix"]

PARTS = 3
"""In which datasets are left out where no number is asked for: a matrix needs many fits."""


def study_matrix(
    experience: Experience,
    predictor: Predictor,
    *,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 8,
    cache: Path | None = None,
    progress: StepCallback | None = None,
    seed: int = 0,
    executor: Executor | None = None,
) -> Matrix:
    """Fits a predictor without datasets, recipes and large networks, and scores it there.

    Args:
        experience: trained networks on at least two datasets; recipes and sizes make more cells.
        predictor: unfitted.
        folds: parts in which datasets are left out; 3 if not given.
        families: as of `leave_out`.
        draws: random draws of the networks that are told.
        cache: folder of finished parts.
        progress: called with (finished fits, all fits).
        seed: of the draws.
        executor: as of `leave_out`.

    Raises:
        InvalidArgument: as `leave_out`.
    """
    parts = left_out_parts(experience, folds or PARTS, families)
    plan = ShotPlan(LABELS, draws, LEAST_NETWORKS, seed)
    asked = splits(experience, parts)
    told, scores = 0, list[MatrixScore]()
    if progress:
        progress(0, len(asked))
    with kept_in(cache, executor) as folder:
        paths = [_path(experience, predictor, split, plan, folder) for split in asked]
        if executor is not None:
            missing = [at for at, path in enumerate(paths) if kept(path, _told) is None]
            who = described(predictor)
            requests = [
                {
                    "predictor": who, "parts": parts, "split": at, "draws": draws, "seed": seed,
                    "path": str(paths[at]),
                }
                for at in missing
            ]  # fmt: skip
            told = worked_out(work_out, requests, experience, executor, progress, len(asked))
        for done, (split, path) in enumerate(zip(asked, paths, strict=True), start=1):
            scores += _cached(experience, predictor, split, plan, path)
            if progress and done > told:
                progress(done, len(asked))
    return Matrix(predictor.name, tuple(scores), len(parts))


def work_out(request: dict[str, Any]) -> None:
    """What a worker does: works out one part by one thread, and leaves it where parts are kept."""
    experience = read(request["experience"])
    plan = ShotPlan(LABELS, request["draws"], LEAST_NETWORKS, request["seed"])
    split = splits(experience, request["parts"])[request["split"]]
    with one_at_a_time():
        _cached(experience, make(*request["predictor"]), split, plan, Path(request["path"]))


def _cached(
    experience: Experience, predictor: Predictor, split: MatrixSplit, plan: ShotPlan, path: Path | None
) -> list[MatrixScore]:
    return kept_or(path, _told, lambda: _scores(experience, predictor, split, plan), asdict)


def _path(
    experience: Experience, predictor: Predictor, split: MatrixSplit, plan: ShotPlan, folder: Path | None
) -> Path | None:
    rows = [split.known, *(rows for _, rows in split.asked)]
    chosen = [hashlib.sha256(np.packbits(mask).tobytes()).hexdigest() for mask in rows]
    cells = [asdict(cell) for cell, _ in split.asked]
    return named(folder, "matrix", experience, chosen, cells, predictor.name, predictor.settings(), plan.settings())


def _told(entry: dict[str, Any]) -> MatrixScore:
    return MatrixScore(**{**entry, "shots": tuple(ShotScore(**shot) for shot in entry["shots"])})


def _scores(experience: Experience, predictor: Predictor, split: MatrixSplit, plan: ShotPlan) -> list[MatrixScore]:
    known = experience.take(split.known)
    learner = predictor.clone().fit(known)
    found = []
    for cell, rows in split.asked:
        target = experience.take(rows)
        for index in range(len(target.tasks)):
            outcome = outcome_of([learner], target, index, split.left_out, plan, [learner.name])
            found.append(_score(cell, outcome, known, target))
    return found


def _score(cell: MatrixCell, outcome: Outcome, known: Experience, target: Experience) -> MatrixScore:
    """The outcome of one predictor on one task of `target`, beside what sizes and the ranks on known tasks say."""
    truth, task = outcome.truth, outcome.task
    (said,) = outcome.predictions.values()
    value = said.value
    of_task = np.flatnonzero([target.tasks[index].key == task.key for index in target.task_index])
    _, first = np.unique(target.hashes[of_task], return_index=True)  # in the order of the outcome's hashes
    sizes = capacities(target.features[of_task[first]])
    blind = blind_ranking(known, outcome.hashes)
    ranked = ~np.isnan(blind)
    enough = int(ranked.sum()) >= LEAST_NETWORKS
    return MatrixScore(
        recipe=cell.recipe,
        sizes=cell.sizes,
        dataset=task.name,
        task=task.key,
        networks=len(truth),
        kendall_tau=metrics.kendall_tau(truth, value),
        by_parameters=metrics.kendall_tau(truth, sizes[:, 2]),
        by_multiply_adds=metrics.kendall_tau(truth, sizes[:, 1]),
        two_seed_tau=outcome.two_seed_tau(),
        blind_tau=metrics.kendall_tau(truth[ranked], blind[ranked]) if enough else None,
        tau_beside_blind=metrics.kendall_tau(truth[ranked], value[ranked]) if enough else None,
        mse=metrics.mse(truth, value),
        regret_5=metrics.regret_at_k(truth, value, 5),
        coverage=metrics.coverage(truth, said.lower, said.upper),
        width=metrics.width(said.lower, said.upper),
        shots=outcome.shots,
    )
