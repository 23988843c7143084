"""The matrix: what leaves the experience for each cell, scores that are their metrics, and cells that are too thin."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate import metrics
from presage.surrogate.data.encoding import capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation import matrix_study
from presage.surrogate.evaluation.leaving_out import left_out_parts
from presage.surrogate.evaluation.matrix import LEAST_TASKS, Matrix, allowed_width
from presage.surrogate.evaluation.matrix_splits import (
    CELLS,
    LEAST_NETWORKS,
    RECIPES,
    SIZES,
    MatrixCell,
    MatrixSplit,
    network_sizes,
    splits,
)
from presage.surrogate.evaluation.matrix_study import study_matrix
from presage.surrogate.evaluation.target_only import RIVAL
from presage.surrogate.predictors.baselines import CostOnly
from presage.surrogate.testing import synthetic_experience

DATASETS, NETWORKS, OTHERS = 6, 40, 25
LONGER, LONGEST, LARGER = "longer", "longest", "larger"


@pytest.fixture(scope="module")
def experience() -> Experience:
    """Six datasets by a usual recipe of 12 epochs and 16 pixels; two of 20 and 40 epochs on all, 32 pixels on one."""
    plain = synthetic_experience(DATASETS, NETWORKS)
    plain = replace(plain, tasks=tuple(replace(task, train_images=2000) for task in plain.tasks), _source=None)
    usual = [replace(task, recipe="usual") for task in plain.tasks]
    tasks = [
        *usual,
        *(replace(task, recipe=LONGER, epochs=20) for task in usual),
        *(replace(task, recipe=LONGEST, epochs=40) for task in usual),
        replace(usual[0], recipe=LARGER, image_side=32),
    ]
    rows, index = [np.arange(len(plain))], [plain.task_index]
    for at, task in enumerate(tasks[DATASETS:], start=DATASETS):
        own = np.flatnonzero(plain.task_index == usual.index(replace(task, recipe="usual", epochs=12, image_side=16)))
        rows.append(own[:OTHERS])
        index.append(np.full(OTHERS, at))
    chosen = np.concatenate(rows)
    return replace(plain.take(chosen), task_index=np.concatenate(index), tasks=tuple(tasks), _source=None)


@pytest.fixture(scope="module")
def asked(experience: Experience) -> list[MatrixSplit]:
    return splits(experience, left_out_parts(experience, 3))


def facts(experience: Experience, rows: np.ndarray) -> tuple[set[str], set[str], np.ndarray]:
    """Datasets, recipes and sizes of rows."""
    tasks = [experience.tasks[at] for at in experience.task_index[rows]]
    return {task.fingerprint for task in tasks}, {task.recipe for task in tasks}, network_sizes(experience)[rows]


def test_nothing_of_an_asked_dataset_recipe_or_size_is_learned_from(
    experience: Experience, asked: list[MatrixSplit]
) -> None:
    met = set()
    for split in asked:
        datasets, recipes, sizes = facts(experience, split.known)
        assert datasets.isdisjoint(split.left_out)
        assert "usual" in recipes
        for cell, rows in split.asked:
            met.add((cell.recipe, cell.sizes))
            of_datasets, wanted, asked_sizes = facts(experience, rows)
            assert of_datasets <= set(split.left_out)
            if cell.sizes == "larger":
                assert sizes.max() < asked_sizes.min()
                assert asked_sizes.max() <= np.quantile(network_sizes(experience), 0.99)
            if cell.recipe == "usual":
                assert wanted == {"usual"}
            elif cell.recipe == "known":
                assert wanted <= recipes - {"usual"}
            elif cell.recipe == "between":
                assert wanted == {LONGER}  # the others are the longest, and the only one of its side
                assert recipes >= {"usual", LONGEST}
                assert LONGER not in recipes
            else:
                (one,) = wanted
                poorer = {LONGER: {"usual"}, LONGEST: {"usual", LONGER}, LARGER: {"usual", LONGER, LONGEST}}
                assert recipes - {LARGER} == poorer[one]  # the side of that one is no matter of epochs
                assert one not in recipes
    assert met == {(recipe, sizes) for recipe in RECIPES for sizes in SIZES}


def test_every_dataset_is_asked_about_once_by_the_usual_recipe(
    experience: Experience, asked: list[MatrixSplit]
) -> None:
    usual = [rows for split in asked for cell, rows in split.asked if cell == MatrixCell("usual", "known")]
    assert (np.sum(usual, axis=0) == (experience.task_index < DATASETS)).all()


def test_sizes_do_not_grow_with_the_images(experience: Experience) -> None:
    of_task = [np.flatnonzero(experience.task_index == at)[:20] for at in (0, len(experience.tasks) - 1)]
    by_side = [network_sizes(experience)[rows] for rows in of_task]
    assert np.median(np.abs(by_side[0] - by_side[1])) < 0.05
    plain = [capacities(experience.features)[rows, 1] for rows in of_task]
    assert np.median(plain[1] - plain[0]) == pytest.approx(np.log10(4), abs=0.05)


@pytest.fixture(scope="module")
def found(experience: Experience) -> Matrix:
    return study_matrix(experience, CostOnly(), folds=3, draws=1)


def test_scores_are_the_metrics_of_what_was_predicted(experience: Experience, found: Matrix) -> None:
    parts = left_out_parts(experience, 3)
    part = parts[0]
    known = experience.without(part)
    learner = CostOnly().fit(known)
    task = next(task for task in experience.tasks if task.fingerprint == part[0] and task.recipe == "usual")
    rows = np.flatnonzero(experience.task_index == experience.tasks.index(task))
    said, truth = learner.interval_of(experience.inputs(rows, task)), experience.accuracy[rows]
    (score,) = [one for one in found.of(MatrixCell("usual", "known")) if one.task == task.key]
    sizes = capacities(experience.features)[rows]
    assert score.networks == NETWORKS
    assert score.kendall_tau == pytest.approx(metrics.kendall_tau(truth, said.value))
    assert score.by_multiply_adds == pytest.approx(metrics.kendall_tau(truth, sizes[:, 1]))
    assert score.by_parameters == pytest.approx(metrics.kendall_tau(truth, sizes[:, 2]))
    assert score.mse == pytest.approx(metrics.mse(truth, said.value))
    assert score.regret_5 == pytest.approx(metrics.regret_at_k(truth, said.value, 5))
    assert score.coverage == pytest.approx(metrics.coverage(truth, said.lower, said.upper))
    assert score.width == pytest.approx(metrics.width(said.lower, said.upper))
    assert score.blind_tau is not None  # half of the networks are the same on every dataset
    assert score.blind_tau > 0.5
    assert {(shot.method, shot.k) for shot in score.shots} == {
        ("cost-only", 0), ("cost-only", 5), ("cost-only", 20), (RIVAL, 5), (RIVAL, 20),
    }  # fmt: skip


def test_means_and_allowed_width_by_hand(found: Matrix) -> None:
    cell = MatrixCell("between", "known")
    scores = found.of(cell)
    assert len(scores) == DATASETS
    mse = float(np.mean([score.mse for score in scores]))
    assert allowed_width(mse) == pytest.approx(1.5 * 2 * 1.644854 * mse**0.5, rel=1e-6)
    fields = json.loads(json.dumps(found.to_json(), allow_nan=False))
    (one,) = [one for one in fields["cells"] if (one["recipe"], one["sizes"]) == ("between", "known")]
    assert one["rmse"] == pytest.approx(mse**0.5)
    assert one["allowed_width"] == pytest.approx(allowed_width(mse))
    assert (one["tasks"], one["networks"], one["too_few_tasks"]) == (DATASETS, DATASETS * OTHERS, False)
    told = {(label["k"], label["method"], label["told"]): label for label in one["labels"]}
    assert told[5, RIVAL, 5]["tasks"] == DATASETS
    assert told[20, RIVAL, 20]["tasks"] == 0  # which leaves 5 of 25 to score: too few
    assert told[5, RIVAL, 5]["width"] is None
    assert told[5, "cost-only", 5]["width"] > 0


def test_tables_show_every_cell_and_say_where_tasks_are_too_few(found: Matrix) -> None:
    matrix, paired, labels = found.tables()
    assert [row[:3] for row in paired.rows[:3]] == [
        (RECIPES[recipe], SIZES["known"], str(DATASETS)) for recipe in ("known", "between", "richer")
    ]
    assert [row[:2] for row in matrix.rows] == [(RECIPES[cell.recipe], SIZES[cell.sizes]) for cell in CELLS]
    assert matrix.rows[0][2] == str(DATASETS)
    assert {row[4] for row in labels.rows} == {"cost-only", RIVAL}
    thin = replace(found, scores=tuple(one for one in found.scores if one.recipe == "usual"))
    assert thin.tables()[0].note.startswith(f"Too few tasks to say much (fewer than {LEAST_TASKS};")
    assert "richer × known (none)" in thin.too_few()
    assert "usual × known" not in thin.too_few()
    assert replace(found, scores=()).tables()[2].note == (
        f"No task has 5 networks to tell and {LEAST_NETWORKS} to score."
    )


def test_rows_are_compared_on_the_tasks_that_all_of_them_have(found: Matrix) -> None:
    longer = {score.task for score in found.of(MatrixCell("between", "known"))}  # the one that can be asked in all ways
    for recipe in ("known", "between", "richer"):
        scores = found.paired(MatrixCell(recipe, "known"))
        assert {score.task for score in scores} == longer
        assert len(scores) == DATASETS < len(found.of(MatrixCell("richer", "known")))
    without = tuple(score for score in found.scores if score.recipe != "between")
    assert "No task of another recipe" in replace(found, scores=without).tables()[1].text()


def test_finished_parts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experience = synthetic_experience(4, 12)
    seen: list[tuple[int, int]] = []
    fit, fitted = matrix_study._scores, []

    def interrupted(*given: object) -> object:
        fitted.append(given)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return fit(*given)

    monkeypatch.setattr(matrix_study, "_scores", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study_matrix(experience, CostOnly(), folds=4, draws=1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    first = study_matrix(
        experience, CostOnly(), folds=4, draws=1, cache=tmp_path, progress=lambda done, of: seen.append((done, of))
    )
    total = len(list(tmp_path.iterdir()))
    assert len(fitted) == total + 1  # the two finished ones were not fitted again
    assert seen == [(done, total) for done in range(total + 1)]
    assert study_matrix(experience, CostOnly(), folds=4, draws=1, cache=tmp_path) == first
    assert len(fitted) == total + 1


def test_little_experience_leaves_cells_empty_and_one_dataset_is_refused() -> None:
    little = synthetic_experience(3, 8)
    found = study_matrix(little, CostOnly(), draws=1)
    assert {(score.recipe, score.sizes) for score in found.scores} <= {("usual", "known"), ("usual", "larger")}
    assert len(found.of(MatrixCell("usual", "known"))) == 3
    assert "usual × known (3)" in found.too_few()
    json.dumps(found.to_json(), allow_nan=False)
    tiny = study_matrix(synthetic_experience(2, 4), CostOnly(), draws=1)  # too few networks to rank anywhere
    assert tiny.scores == ()
    assert "usual × known (none)" in tiny.tables()[0].text()
    with pytest.raises(InvalidArgument, match="at least 2 datasets"):
        study_matrix(little.only(little.fingerprints[:1]), CostOnly())
