"""The work of a training: what it counts, and that a limit on it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces import Stages
from presage.errors import NothingFeasible
from presage.search.latency.training_work import training_work
from presage.search.limits import Limits
from presage.search.samplers.history import History
from presage.search.samplers.random import RandomSampler
from presage.search.studies.feasible import FeasibleDraws

SPACE = Stages(stages=2)
SHAPE = (3, 32, 32)
PLAIN: dict[str, Any] = {
    "stages": 2, "width": 32, "stem": "convolution", "down": "max_pool", "activation": "relu", "end.pool": "average",
    "end.dropout": 0, "stage1.depth": 2, "stage1.kernel": 3, "stage2.depth": 2, "stage2.kernel": 3,
    "stage2.quarters": 8,
}  # fmt: skip


def one(kind: str, **changed: Any) -> GraphBatch:
    return GraphBatch.of([SPACE.decode({**PLAIN, "stage1.block": kind, "stage2.block": kind, **changed})])


def test_a_multiply_add_of_depthwise_convolutions_is_several_times_the_work_of_one_of_wide_ones() -> None:
    each = {
        kind: training_work(one(kind), SHAPE, 5)[0] / batch_costs(one(kind), SHAPE, 5).multiply_adds[0]
        for kind in ("convolution", "residual", "inverted")
    }
    assert 0.7 < each["convolution"] < 1.5
    assert 0.7 < each["residual"] < 1.5
    assert each["inverted"] > 2.5 * each["convolution"]


def test_work_grows_with_the_image_with_depth_and_with_width() -> None:
    least = training_work(one("residual"), SHAPE, 5)[0]
    assert training_work(one("residual"), (3, 64, 64), 5)[0] == pytest.approx(4 * least, rel=0.05)
    assert training_work(one("residual", **{"stage1.depth": 3}), SHAPE, 5)[0] > 1.2 * least
    assert training_work(one("residual", width=48), SHAPE, 5)[0] > 1.5 * least


def test_no_candidate_is_over_the_limit_and_where_none_is_within_the_nearest_is_told() -> None:
    draws = FeasibleDraws(SPACE, RandomSampler(0), Limits(training_work=8_000_000), SHAPE, 5)
    found = draws.draw(History(len(SPACE.parameters)), 40, (0,))
    done = training_work(found.graphs, SHAPE, 5)
    assert len(found) == 40
    assert done.max() <= 8_000_000
    free = FeasibleDraws(SPACE, RandomSampler(0), Limits(), SHAPE, 5).draw(History(len(SPACE.parameters)), 40, (0,))
    assert np.max(training_work(free.graphs, SHAPE, 5)) > 8_000_000
    with pytest.raises(NothingFeasible, match="work of a training"):
        FeasibleDraws(SPACE, RandomSampler(0), Limits(training_work=10), SHAPE, 5).draw(
            History(len(SPACE.parameters)), 4, (0,)
        )


def test_a_limit_that_is_not_set_is_not_told_so_that_runs_of_before_go_on() -> None:
    assert "training_work" not in Limits().to_json()
    assert Limits.from_json(Limits(training_work=7).to_json()) == Limits(training_work=7)
    assert Limits.from_json({"parameters": 3}) == Limits(parameters=3)
