"""TAPAS's scenarios: what each may know of the DCN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.errors import InvalidArgument
from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.scenarios import AnyDifficulty, DifficultyAsInput, DifficultyFilter, scenarios
from presage.surrogate.predictors.storage import save_predictor
from presage.surrogate.testing import _sampled, synthetic_experience, synthetic_task

DCNS = (0.2, 0.5, 0.52, 0.55, 0.9)


@pytest.fixture(scope="module")
def experience() -> Experience:
    made = synthetic_experience(5, 20)
    return replace(made, tasks=tuple(replace(t, dcn=d) for t, d in zip(made.tasks, DCNS, strict=True)), _source=None)


@pytest.fixture(scope="module")
def graphs() -> GraphBatch:
    return _sampled(12, np.random.default_rng(5))


def test_without_dcn_the_answer_does_not_depend_on_it(experience: Experience, graphs: GraphBatch) -> None:
    task = synthetic_task(77)
    values = {}
    for predictor in (AnyDifficulty(trees=20, folds=2), DifficultyAsInput(trees=20, folds=2)):
        predictor.fit(experience)
        values[predictor.name] = [predictor.predict(graphs, replace(task, dcn=dcn)).value for dcn in (0.2, 0.9)]
    np.testing.assert_array_equal(*values["tapas-1-no-dcn"])
    low, high = values["tapas-2-dcn"]
    assert high.mean() > low.mean()


def test_the_filter_keeps_datasets_within_the_tolerance_and_widens_for_want_of_rows(experience: Experience) -> None:
    def near(dcn: float, **settings: float) -> list[float]:
        predictor = DifficultyFilter(**{"trees": 5, "folds": 2, "least": 1, **settings}).fit(experience)  # type: ignore[arg-type]
        chosen = predictor.near(replace(synthetic_task(9), dcn=dcn))
        return sorted(task.dcn for task in experience.tasks if task.fingerprint in chosen)

    assert near(0.5) == [0.5, 0.52, 0.55]  # exactly .05 away is within
    assert near(0.5, tolerance=0.04) == [0.5, 0.52]
    assert near(0.9) == [0.9]
    assert near(0.9, least=21) == [0.55, 0.9]
    assert near(0.7) == [0.55]  # none is near: the nearest
    assert near(0.5, least=10**6) == list(DCNS)


def test_what_lies_beyond_the_filter_changes_nothing(experience: Experience, graphs: GraphBatch) -> None:
    task = replace(synthetic_task(9), dcn=0.52)
    accuracy = experience.accuracy.copy()
    far = np.isin(experience.task_index, [0, 4])
    accuracy[far] = 1 - accuracy[far]
    other = replace(experience, accuracy=accuracy, _source=None)

    def said(predictor: AnyDifficulty, given: Experience) -> list[float]:
        predictor._learn(given)
        values: list[float] = predictor._estimate(_inputs(graphs, task)).value.tolist()
        return values

    assert said(DifficultyFilter(trees=20, least=1), experience) == said(DifficultyFilter(trees=20, least=1), other)
    assert said(DifficultyAsInput(trees=20), experience) != said(DifficultyAsInput(trees=20), other)


def test_the_filter_cannot_be_stored(experience: Experience, tmp_path: object) -> None:
    fitted = DifficultyFilter(trees=5, folds=2).fit(experience)
    with pytest.raises(InvalidArgument, match="learned before it is asked"):
        save_predictor(fitted, tmp_path / "kept")  # type: ignore[operator]


def test_there_are_three_of_different_names() -> None:
    assert len({predictor.name for predictor in scenarios()}) == 3


def _inputs(graphs: GraphBatch, task: object) -> object:
    from presage.surrogate.data.encoding import Inputs

    return Inputs(graphs, task)  # type: ignore[arg-type]
