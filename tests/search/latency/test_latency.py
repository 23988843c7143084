"""Latency: what it is estimated from, how the estimate is fitted and kept, and searches that it limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument, NothingFeasible, WrongInput
from presage.files import read_json
from presage.search.latency.measuring import LatencyMeter, time_network
from presage.search.latency.model import LatencyModel, fit_latency
from presage.search.latency.work import WORK, work
from presage.search.limits import Limits
from presage.search.samplers import RandomSampler
from presage.search.samplers.history import History
from presage.search.strategies import get_proposer
from presage.search.studies.feasible import FeasibleDraws, check_feasible
from presage.search.testing import TinySpace

SPACE = TinySpace()
SHAPE, CLASSES = (1, 8, 8), 10
TRUE = dict.fromkeys(WORK, 0.0) | {
    "constant": 1e-4,
    "dense wide convolutions": 3e-5,
    "dense wide convolutions: multiply-adds": 2e-9,
    "other operations": 1e-5,
}


def _graphs(n: int, seed: int = 0) -> GraphBatch:
    return SPACE.decode_batch(SPACE.sample(n, np.random.default_rng(seed)))


def _made_up(graphs: GraphBatch) -> np.ndarray:
    """Latencies that are exactly so much for each piece of work."""
    return work(graphs, SHAPE, CLASSES) @ np.array(list(TRUE.values()))


def _model(constant: float, per_multiply_add: float = 0.0) -> LatencyModel:
    found = dict.fromkeys(WORK, 0.0) | {
        "constant": constant,
        "dense wide convolutions: multiply-adds": per_multiply_add,
    }
    return LatencyModel(tuple(found.values()), SHAPE, CLASSES, 1, {"device": "a test"}, 8, 2, 0.1, 0.9)


def test_work_is_that_counted_by_hand() -> None:
    params = {"width0": 4, "kernel0": 3, "then0": "relu", "width1": 8, "kernel1": 1, "then1": "pool"}
    params |= {"width2": 2, "kernel2": 3, "then2": "identity"}
    found = dict(zip(WORK, work(GraphBatch.of([SPACE.decode(params)]), SHAPE, CLASSES)[0].tolist(), strict=True))
    assert found == {
        "constant": 1,
        "dense 1x1 convolutions": 1,
        "dense 1x1 convolutions: multiply-adds": 64 * 4 * 8,
        "dense wide convolutions": 2,
        "dense wide convolutions: multiply-adds": 64 * 9 * 4 + 16 * 9 * 8 * 2,
        "grouped convolutions": 0,
        "grouped convolutions: multiply-adds": 0,
        "depthwise convolutions": 0,
        "depthwise convolutions: multiply-adds": 0,
        "convolutions: numbers read and written": 64 * (1 + 4) + 64 * (4 + 8) + 16 * (8 + 2),
        "linear layers: parameters": 2 * 10,
        "other operations": 4,  # relu, pool, global average, flatten
        "other operations: numbers written": 64 * 4 + 16 * 8 + 2 + 2,
        "sums": 0,
    }


def test_depthwise_and_grouped_convolutions_and_sums_are_told_apart() -> None:
    space = get_space("blocks:blocks=1,width=8")
    columns = [WORK.index(name) for name in ("depthwise convolutions", "grouped convolutions", "sums")]
    kinds = [dict.fromkeys(space.columns, kind) for kind in ("S", "G(N)", "G(2)")]
    found = work(GraphBatch.of([space.decode(params) for params in kinds]), (3, 8, 8), 4)[:, columns]
    assert found.tolist() == [[0, 0, 3], [6, 0, 3], [0, 6, 3]]


def test_what_a_network_does_not_need_is_no_work() -> None:
    space = get_space("nb201")
    graphs = space.decode_batch(space.sample(40, np.random.default_rng(3)))
    canonical = GraphBatch.of([architecture.canonical for architecture in graphs.architectures()])
    assert np.array_equal(work(graphs, (3, 8, 8), 4)[:, :-1], work(canonical, (3, 8, 8), 4)[:, :-1])


def test_a_fit_finds_the_seconds_per_work_and_tells_no_error() -> None:
    graphs, others = _graphs(60), _graphs(30, seed=1)
    model = fit_latency(graphs, _made_up(graphs), SHAPE, CLASSES, machine={"device": "none"})
    assert model.networks == 60
    assert model.held_out == 15
    assert model.error < 0.02
    assert model.rank > 0.98
    assert min(model.weights) >= 0
    assert model.seconds(others) == pytest.approx(_made_up(others), rel=0.05)


def test_noise_is_told_as_error() -> None:
    graphs = _graphs(80)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.3, 80))
    model = fit_latency(graphs, _made_up(graphs) * noise, SHAPE, CLASSES)
    assert 0.1 < model.error < 0.5  # the median of |1 - exp(0.3 z)| is 0.2
    assert "20 of them held out" in model.summary


def test_estimates_never_fall_where_a_network_does_more() -> None:
    graphs = _graphs(60)
    rng = np.random.default_rng(5)
    model = fit_latency(graphs, rng.uniform(1e-4, 1e-2, 60), SHAPE, CLASSES)  # no law at all
    params: dict[str, Any] = {"width0": 2, "kernel0": 1, "then0": "none", "width1": 2, "kernel1": 1, "then1": "none"}
    params |= {"width2": 2, "kernel2": 3, "then2": "none"}
    wider = [SPACE.decode({**params, "width1": width}) for width in (2, 4, 8)]
    found = model.seconds(GraphBatch.of(wider))
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("seconds", [[0.1], [0.1, 0.0, 0.2], [0.1, np.nan, 0.2]])
def test_latencies_that_nothing_can_be_fitted_to_are_refused(seconds: list[float]) -> None:
    with pytest.raises(InvalidArgument, match="seconds"):
        fit_latency(_graphs(len(seconds)), seconds, SHAPE, CLASSES)


def test_a_model_is_the_same_after_json_and_a_damaged_one_is_refused() -> None:
    model = _model(0.5, 0.25)
    assert LatencyModel.from_json(model.to_json()) == model
    few = fit_latency(_graphs(3), [0.1, 0.2, 0.3], SHAPE, CLASSES)
    assert np.isnan(few.error)
    assert np.isnan(LatencyModel.from_json(few.to_json()).error)
    for damage in ({"version": 2}, {"weights": [1.0]}, {"weights": [-1.0] * len(WORK)}, {"input_shape": 3}):
        with pytest.raises(WrongInput, match="latency model"):
            LatencyModel.from_json({**model.to_json(), **damage})
    with pytest.raises(WrongInput):
        LatencyModel.from_json([])


def test_a_pass_is_timed_and_a_longer_one_takes_longer() -> None:
    class Wait(torch.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert not torch.is_grad_enabled()
            assert not self.training
            square = torch.ones(self.size, self.size)
            return x.sum() + (square @ square).sum()

    short, long = (time_network(Wait(size), (1, 4, 4), device=torch.device("cpu")) for size in (4, 600))
    assert 0 < short < long


def test_a_space_is_measured_once_a_machine(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def meter(**options: Any) -> LatencyMeter:
        return LatencyMeter(
            SPACE, SHAPE, CLASSES, device="cpu", cache=tmp_path, networks=6,
            on_network=lambda done, total: told.append((done, total)), **options,
        )  # fmt: skip

    first = meter()
    assert first.model.networks == 6
    assert told == [(at, 12) for at in range(1, 13)]  # each network twice
    assert first.path is not None
    assert read_json(first.path)["machine"] == first.machine
    assert meter().model == first.model
    assert len(told) == 12  # from the cache
    assert meter(batch=2).path != first.path
    first.path.write_text("{}")
    assert meter().model.networks == 6
    assert len(told) == 24  # a damaged one is measured again
    assert first.measure(SPACE.decode(SPACE.params(SPACE.sample(1, np.random.default_rng(0))[0]))) > 0


def test_the_measured_networks_are_spread_over_the_costs() -> None:
    meter = LatencyMeter(SPACE, SHAPE, CLASSES, networks=5)
    from presage.architecture.batch.costs import batch_costs

    found = batch_costs(meter._sample(), SHAPE, CLASSES).multiply_adds
    everything = batch_costs(_graphs(600), SHAPE, CLASSES).multiply_adds
    assert found[0] == everything.min()
    assert found[-1] == everything.max()
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("strategy", ["random", "evolution"])
def test_no_draw_is_over_the_latency_limit(strategy: str) -> None:
    model = _model(1e-3, 1e-7)
    most = float(np.quantile(model.seconds(_graphs(500)), 0.02))
    draws = FeasibleDraws(SPACE, get_proposer(strategy, 0), Limits(latency_seconds=most), SHAPE, CLASSES, model)
    history = History(len(SPACE.parameters))
    for batch in range(2):
        found = draws.draw(history, 20, (0, batch))
        assert len(found) == 20
        assert found.latency == pytest.approx(model.seconds(found.graphs))
        assert found.latency.max() <= most
        history.extend(found.codes, found.costs[:, :1] * 1.0)


def test_a_latency_that_no_network_reaches_is_said_in_one_line() -> None:
    model = _model(1e-3)
    limits = Limits(latency_seconds=0.5e-3)
    said = r"within 0\.0005 seconds of estimated latency .* The nearest has 0\.001 seconds"
    with pytest.raises(NothingFeasible, match=said):
        check_feasible(SPACE, limits, SHAPE, CLASSES, model)
    with pytest.raises(InvalidArgument, match="latency"):
        FeasibleDraws(SPACE, RandomSampler(0), limits, SHAPE, CLASSES)
