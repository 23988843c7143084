"""How good predictors are on datasets they have never seen: each dataset, or family of datasets, left out in turn.

The target's rows leave the experience before anything is fitted, and only its `Task` (its probe) comes back.
Finished folds are kept in a folder, so that an interrupted evaluation, or a second one, goes on where it was; several
processes may share the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presage_errors import InvalidArgument
from surrogate import metrics
from surrogate.cache import code_version
from surrogate.ensemble import Ensemble
from surrogate.experience import Experience
from surrogate.fitting import fit_all
from surrogate.predictor import Predictor, dataset_folds
from surrogate.scores import EvaluationTable, Score

__all__ = ["evaluate", "left_out_parts", "two_seed_tau"]

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]


def evaluate(
    experience: Experience,
    predictors: Sequence[Predictor],
    *,
    folds: int | None = None,
    families: Mapping[str, str] | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> EvaluationTable:
    """Fits every predictor without each dataset in turn and scores it there.

    Args:
        experience: trained networks on at least two datasets.
        predictors: unfitted; of one `name` only one. An ensemble reuses members that are evaluated beside it.
        folds: leave out the datasets in this many parts instead of one by one: faster, and no easier.
        families: name of a dataset → its family; a family is left out whole. Those not named are families of one.
        cache: folder of finished folds.
        progress: called with (finished folds, all folds).

    Raises:
        InvalidArgument: for fewer than two datasets, two predictors of one name, or fewer than 2 folds.
    """
    names = [predictor.name for predictor in predictors]
    if len(set(names)) != len(names) or not names:
        raise InvalidArgument("predictors", "evaluate", "be at least one, of different names", names)
    parts = left_out_parts(experience, folds, families)
    if progress:
        progress(0, len(parts))
    scores: list[Score] = []
    for done, part in enumerate(parts, start=1):
        scores += _cached(experience, predictors, part, cache)
        if progress:
            progress(done, len(parts))
    return EvaluationTable(tuple(names), tuple(sorted(scores, key=lambda score: (score.dataset, score.task))))


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


def two_seed_tau(experience: Experience, rows: Ints, least: int = 3) -> float | None:
    """Kendall τ between two trainings, by different seeds, of the same networks on one task: what τ could be reached.

    None where fewer than `least` networks were trained twice.
    """
    first: dict[str, float] = {}
    pairs: dict[str, tuple[float, float]] = {}
    for row in rows[np.argsort(experience.seeds[rows], kind="stable")]:
        key, accuracy = str(experience.hashes[row]), float(experience.accuracy[row])
        if key not in first:
            first[key] = accuracy
        else:
            pairs.setdefault(key, (first[key], accuracy))
    if len(pairs) < least:
        return None
    one, other = np.array(list(pairs.values())).T
    return metrics.kendall_tau(one, other)


def _cached(
    experience: Experience, predictors: Sequence[Predictor], part: tuple[str, ...], folder: Path | None
) -> list[Score]:
    if folder is None:
        return _fold(experience, predictors, part)
    described = [experience.digest, part, code_version(), [[p.name, p.settings()] for p in predictors]]
    place = folder / f"fold-{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]}.json"
    try:
        return [Score.from_json(entry) for entry in json.loads(place.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        scores = _fold(experience, predictors, part)
    folder.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps([score.to_json(points=True) for score in scores]), encoding="utf-8")
    partial.replace(place)
    return scores


def _fold(experience: Experience, predictors: Sequence[Predictor], part: tuple[str, ...]) -> list[Score]:
    """Scores on the datasets of `part` by predictors that were fitted without them."""
    known, target = experience.without(part), experience.only(part)
    learners = [predictor.clone() for predictor in predictors]
    simple = [learner for learner in learners if not isinstance(learner, Ensemble)]
    fit_all(simple, known)
    for learner in learners:
        if isinstance(learner, Ensemble):
            learner.fit(known, {member.name: member for member in simple if learner.could_use(member)})
    return [_score(learner, target, task_index) for learner in learners for task_index in range(len(target.tasks))]


def _score(learner: Predictor, target: Experience, task_index: int) -> Score:
    """One predictor on one task; a network trained with several seeds counts once, with its mean accuracy."""
    rows = np.flatnonzero(target.task_index == task_index)
    task = target.tasks[task_index]
    _, first, of_row = np.unique(target.hashes[rows], return_index=True, return_inverse=True)
    truth = np.bincount(of_row, target.accuracy[rows]) / np.bincount(of_row)
    prediction = learner.interval_of(target.inputs(rows[first], task))
    return Score.of(learner.name, task, truth, prediction, two_seed_tau(target, rows))
