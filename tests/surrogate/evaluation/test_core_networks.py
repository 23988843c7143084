"""The networks common to all datasets, and what knowing them alone is worth: by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.experience import Experience
from presage.surrogate.evaluation.appraisal import core_table
from presage.surrogate.evaluation.core_networks import blind_ranking, core_networks
from presage.surrogate.evaluation.leaving_out import leave_out
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.baselines import CostOnly
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 20)


def three(experience: Experience, accuracy: list[list[float]]) -> Experience:
    """Networks a, b and c on some of the datasets."""
    rows = np.concatenate([np.flatnonzero(experience.task_index == task)[: len(a)] for task, a in enumerate(accuracy)])
    hashes = np.concatenate([list("abc")[: len(a)] for a in accuracy])
    return replace(experience.take(rows), hashes=hashes, accuracy=np.concatenate(accuracy), _source=None)


def test_a_core_network_is_trained_nearly_everywhere(experience: Experience) -> None:
    core = core_networks(experience)
    assert len(core) == 10
    for group in range(4):
        assert core <= set(experience.hashes[experience.group == group].tolist())
    short = three(experience, [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.1, 0.2]])
    assert core_networks(short) == {"a", "b"}
    assert core_networks(experience.only(experience.fingerprints[:1])) == frozenset()


def test_mean_ranks_by_hand(experience: Experience) -> None:
    known = three(experience, [[0.1, 0.2, 0.3], [0.5, 0.4, 0.9]])
    # ranks as shares: a 0 and .5, b .5 and 0, c 1 and 1
    np.testing.assert_allclose(blind_ranking(known, np.array(["c", "a", "b", "d"])), [1, 0.25, 0.25, np.nan])
    twice = known.take([0, 1, 2, 3, 4, 5, 3])  # a trained again on the second dataset, worse
    twice = replace(twice, accuracy=np.array([0.1, 0.2, 0.3, 0.5, 0.4, 0.9, 0.1]), _source=None)
    np.testing.assert_allclose(blind_ranking(twice, np.array(["a", "b", "c"])), [0, 0.5, 1])


def test_everyone_is_scored_on_the_core_beside_the_ranking(experience: Experience) -> None:
    outcomes = leave_out(experience, [CostOnly()])
    table = core_table(experience, outcomes, ["cost-only"], "each left out whole")
    assert table is not None
    assert table.predictors == ("cost-only", "dataset-blind")
    assert {score.networks for score in table.scores} == {10}
    outcome = outcomes[0]
    rows = np.flatnonzero(np.isin(outcome.hashes, sorted(core_networks(experience))))
    blind = blind_ranking(experience.without(outcome.left_out), outcome.hashes[rows])
    score = table.of("dataset-blind")[0]
    assert score.kendall_tau == pytest.approx(kendall_tau(outcome.truth[rows], blind))
    assert score.mse is None
    assert score.coverage is None
    assert table.mean("dataset-blind")["mse"] is None
    assert table.mean("cost-only")["mse"] is not None
    assert "dataset-blind" in table.text()


def test_without_common_networks_there_is_no_such_table(experience: Experience) -> None:
    own = np.array([f"{number}" for number in range(len(experience))])
    apart = replace(experience, hashes=own, _source=None)
    assert core_table(apart, leave_out(apart, [CostOnly()]), ["cost-only"], "") is None
