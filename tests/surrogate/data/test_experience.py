"""Experience as columns: subsets, tasks, shared encodings, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.errors import InvalidArgument, InvalidExperience
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.testing import synthetic_experience, synthetic_task


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 6)


def test_without_leaves_neither_rows_nor_task_of_a_dataset(experience: Experience) -> None:
    out = experience.fingerprints[1]
    rest = experience.without([out])
    assert len(rest) == 18
    assert out not in rest.fingerprints
    assert all(task.fingerprint != out for task in rest.tasks)
    np.testing.assert_array_equal(rest.accuracy, experience.accuracy[experience.task_index != 1])
    assert [rest.tasks[i].name for i in rest.task_index] == [
        experience.tasks[i].name for i in experience.task_index if i != 1
    ]


def test_two_recipes_of_one_dataset_are_two_tasks_and_one_group(experience: Experience) -> None:
    twice = replace(experience.tasks[0], recipe="s" * 64)
    both = replace(experience, tasks=(experience.tasks[0], twice, *experience.tasks[2:]), _source=None)
    assert len(both.fingerprints) == 3
    assert set(both.group[both.task_index <= 1]) == {0}
    assert len(both.without([twice.fingerprint])) == 12


def test_subsets_share_encodings_and_they_are_those_of_their_own_rows(experience: Experience) -> None:
    rows = np.array([20, 3, 9])
    part = experience.take(rows).take([2, 0])
    expected = [
        Inputs(experience.graphs.take([row]), experience.tasks[experience.task_index[row]]).features[0]
        for row in (9, 20)
    ]
    np.testing.assert_array_equal(part.features, expected)
    inputs = part.inputs(np.array([1]), part.tasks[part.task_index[1]])
    np.testing.assert_array_equal(inputs.features[0], expected[1])


def test_similar_keeps_the_datasets_within_tolerance(experience: Experience) -> None:
    dcn = experience.tasks[2].dcn
    near = experience.similar(dcn, 1e-9)
    assert [task.name for task in near.tasks] == [experience.tasks[2].name]
    assert len(experience.similar(0.5, 1.0)) == len(experience)


def test_digest_tells_what_can_be_learned_from(experience: Experience) -> None:
    same = synthetic_experience(4, 6)
    assert same.digest == experience.digest
    accuracy = experience.accuracy.copy()
    accuracy[0] += 1e-9
    assert replace(experience, accuracy=accuracy).digest != experience.digest
    tasks = (replace(experience.tasks[0], dcn=0.123), *experience.tasks[1:])
    assert replace(experience, tasks=tasks).digest != experience.digest


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("accuracy", np.full(23, 0.5), "as long as its graphs"),
        ("accuracy", np.full(24, 1.2), "in row 0"),
        ("task_index", np.full(24, 9), "must be below 4"),
        ("task_index", np.full(24, -1), "must be below 4"),
    ],
)
def test_columns_that_break_a_rule_are_refused(
    experience: Experience, column: str, value: np.ndarray, message: str
) -> None:
    with pytest.raises(InvalidExperience, match=message):
        replace(experience, **{column: value})


def test_nothing_left_is_refused(experience: Experience) -> None:
    with pytest.raises(InvalidArgument, match="leave at least one experiment"):
        experience.without(experience.fingerprints)
    with pytest.raises(InvalidArgument, match="leave at least one experiment"):
        experience.only(["nobody"])


@pytest.mark.parametrize(
    ("field", "value"), [("dcn", np.nan), ("dcn", 1.01), ("classes", 1), ("epochs", 0), ("train_images", 0)]
)
def test_a_task_that_breaks_a_rule_is_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidArgument, match=f"`{field}` of `Task`"):
        replace(synthetic_task(0), **{field: value})


def test_a_description_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="`noise` does not"):
        Task("f", "name", 3, 10, 16, 100, 12, 0.5, (("noise", np.inf),))
