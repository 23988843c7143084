"""ProxylessNAS: gradients of gates, what a step holds, how latency is aimed at, and searches from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.architecture.spaces import NB201, Chain, Codes, Darts, Mobile, Space
from presage.errors import InvalidArgument
from presage.search.latency.model import LatencyModel
from presage.search.latency.work import WORK
from presage.search.limits import Limits
from presage.search.progress import SearchProgress, silent
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.strategies import SUPERNETS, check_serves
from presage.search.supernet import LatencyAim, OneShotSettings, Proxyless
from presage.search.supernet.memory import held_for_backward
from presage.search.supernet.mixed import MixedNetwork
from presage.search.supernet.proxyless import gate_gradient, rescaled
from presage.search.supernet.report import Settled
from presage.search.testing import TableTrainer
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(
    epochs=2, batch=16, image_side=8, train_images=64, validation_images=24, least_epoch_images=32, shift=0
)  # fmt: skip
SMALL = Mobile(stages=2, blocks=3, width=8)
SECONDS = dict.fromkeys(WORK, 0.0) | {
    "constant": 1e-4, "dense 1x1 convolutions: multiply-adds": 1e-9, "depthwise convolutions: multiply-adds": 1e-8,
}  # fmt: skip
MODEL = LatencyModel(tuple(SECONDS.values()), (1, 8, 8), 2, 1, {"device": "a test"}, 60, 15, 0.1, 0.9)


@pytest.fixture(scope="module")
def data(dataset: ImageDataset) -> DeviceData:
    return prepare(dataset, RECIPE, "cpu")


def seconds_of(codes: Codes, space: Space = SMALL) -> np.ndarray[Any, np.dtype[np.float64]]:
    return MODEL.seconds(space.decode_batch(codes))


def limit(share: float) -> float:
    """Seconds that so many of the space's networks are within."""
    return float(np.quantile(seconds_of(SMALL.sample(500, np.random.default_rng(0))), share))


def made(data: DeviceData, most: float | None = None, epochs: int = 3, space: Space = SMALL) -> Proxyless:
    aim = None if most is None else LatencyAim(MODEL, most)
    return Proxyless(space, data, RECIPE, settings=OneShotSettings(epochs=epochs), latency=aim)


# Gates --------------------------------------------------------------------------------------------------------------


def test_the_gradient_for_gates_is_that_of_equation_4() -> None:
    slopes = torch.tensor([[2.0, -1.0]])
    shares = torch.tensor([[0.25, 0.75]])
    # i = 1: 2 · 0.25 · (1 - 0.25) + (-1) · 0.75 · (0 - 0.25) = 0.375 + 0.1875
    assert torch.allclose(gate_gradient(slopes, shares), torch.tensor([[0.5625, -0.5625]]))
    generator = torch.Generator().manual_seed(0)
    alpha = torch.randn(3, 5, generator=generator, requires_grad=True)
    slopes = torch.randn(3, 5, generator=generator)
    expected = torch.autograd.grad((slopes * alpha.softmax(1)).sum(), alpha)[0]
    assert torch.allclose(gate_gradient(slopes, alpha.detach().softmax(1)), expected, atol=1e-6)


def test_two_updated_weights_leave_the_shares_of_the_others_alone() -> None:
    alpha = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    columns = torch.tensor([[0, 3]]).expand(4, 2)
    before = alpha.gather(1, columns)
    moved = alpha.scatter(1, columns, rescaled(before, before + torch.tensor([0.7, -0.2])))
    others = [1, 2, 4, 5, 6]
    assert torch.allclose(moved.softmax(1)[:, others], alpha.softmax(1)[:, others], atol=1e-6)
    assert bool((moved.softmax(1)[:, 0] > alpha.softmax(1)[:, 0]).all())


def drawn(space: Space, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(E, O) an operation of each edge, and another of each."""
    relaxation = space.relaxation
    assert relaxation is not None
    order = np.random.default_rng(seed).random(relaxation.available.shape) + relaxation.available
    columns = np.argsort(-order, axis=1)[:, :2]
    one, other = (np.arange(order.shape[1]) == columns[:, at : at + 1] for at in (0, 1))
    return one, other


@pytest.mark.parametrize("space", [SMALL, NB201(width=4), Darts(width=4)])
def test_the_gradient_of_each_drawn_gate_is_that_of_finite_differences(space: Space) -> None:
    relaxation = space.relaxation
    assert relaxation is not None
    torch.manual_seed(0)
    network = MixedNetwork(relaxation.mixture(), (2, 8, 8), 3).double().train()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(6, 2, 8, 8, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (6,), generator=generator)
    path, beside = drawn(space, 3)

    def loss(gates: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(network.gated(x, path, beside, gates), y)

    gates = torch.from_numpy(path).double().requires_grad_()
    found = torch.autograd.grad(loss(gates), gates)[0]
    assert torch.allclose(network.gated(x, path, beside, gates), network.alone(x, path))
    step = 1e-5
    for row, column in np.argwhere(path | beside).tolist():
        sides = []
        for sign in (1, -1):
            moved = gates.detach().clone()
            moved[row, column] += sign * step
            sides.append(float(loss(moved).detach()))
        slope = (sides[0] - sides[1]) / (2 * step)
        assert float(found[row, column]) == pytest.approx(slope, rel=1e-3, abs=1e-6)
    assert not found[torch.from_numpy(~(path | beside))].any()


def test_a_step_holds_one_path_and_the_outputs_of_another_not_the_mixture() -> None:
    relaxation = SMALL.relaxation
    network = MixedNetwork(relaxation.mixture(), (2, 8, 8), 3).train()
    x = torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    path, beside = drawn(SMALL, 3)
    gates = torch.from_numpy(path).float().requires_grad_()
    shares = torch.from_numpy(relaxation.available / relaxation.available.sum(axis=1, keepdims=True)).float()
    weights = list(network.parameters())
    alone = held_for_backward(lambda: network.alone(x, path), weights)
    both = held_for_backward(lambda: network.gated(x, path, beside, gates), weights)
    ones = torch.ones(len(shares))
    mixture = held_for_backward(lambda: network.mixed(x, shares.requires_grad_(), ones), weights)
    outputs = [
        4 * 16 * int(np.prod(network.shapes[node]))
        for node, gate in network.gates.items()
        if gate.operation is not None and (path | beside)[gate.edge, gate.operation]
    ]
    assert alone < both <= alone + sum(outputs) + 4096  # and the gates themselves
    assert both < mixture / 3


# Latency ------------------------------------------------------------------------------------------------------------


def test_the_latency_of_a_network_of_blocks_is_the_sum_of_those_of_its_operations() -> None:
    latency = LatencyAim(MODEL, 1.0).of(SMALL, SMALL.relaxation)
    codes = SMALL.sample(100, np.random.default_rng(5))
    paths = SMALL.relaxation.paths(codes)
    assert np.allclose([latency.expected(path) for path in paths], seconds_of(codes), rtol=1e-9)
    wide, narrow = (SMALL.relaxation.operations.index(f"expand{e}_kernel7") for e in (6, 3))
    assert (latency.seconds[:, wide] > latency.seconds[:, narrow]).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_is_derived_is_within_the_limit_and_uses_it(share: float) -> None:
    most = limit(share)
    latency = LatencyAim(MODEL, most).of(SMALL, SMALL.relaxation)
    rng = np.random.default_rng(0)
    for _ in range(5):
        strength = rng.dirichlet(np.ones(7), len(SMALL.relaxation.edges))
        code = latency.strongest(strength, SMALL.relaxation.derive)
        assert 0.9 * most < seconds_of(code[None])[0] <= most
        drawn = SMALL.sample(2000, rng)
        near = np.abs(seconds_of(drawn) / most - 0.975) <= 0.025
        chances = (SMALL.relaxation.paths(drawn[near]) * np.log(strength)).sum(axis=(1, 2))
        own = (SMALL.relaxation.paths(code[None]) * np.log(strength)).sum()
        assert (chances > own).mean() < 0.02  # few of the networks that use it as far are stronger


def test_a_limit_that_no_network_meets_gives_the_fastest() -> None:
    latency = LatencyAim(MODEL, 1e-6).of(SMALL, SMALL.relaxation)
    code = latency.strongest(np.full((6, 7), 1 / 7), SMALL.relaxation.derive)
    drawn = SMALL.sample(2000, np.random.default_rng(0))
    assert seconds_of(code[None])[0] <= seconds_of(drawn).min() + 1e-12


def test_expected_latency_falls_to_the_limit_where_accuracy_says_nothing(
    data: DeviceData, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = limit(0.2)
    one = made(data, most)
    monkeypatch.setattr(one, "_gated_loss", lambda x, y, columns, gates: 0.0 * gates.sum())
    one._warming = False
    batch = next(one.images.choice_batches(0))
    before = one._excess()
    for _ in range(300):
        one._choose(batch, batch, 0.1)
    assert before > 0.1
    assert one._excess() < 0.02


def test_where_estimates_mislead_networks_beside_the_best_are_measured(data: DeviceData) -> None:
    """What takes long on the device is an operation that the estimate thinks cheap: no derivation is near the limit."""
    most = limit(0.6)
    one = made(data, most, epochs=1)
    one.train()
    measured: list[tuple[int, ...]] = []

    def measure(code: np.ndarray) -> float:
        measured.append(tuple(code.tolist()))
        seconds = float(seconds_of(code[None])[0])
        return 3.0 * seconds if len(measured) <= 8 and seconds > 0.7 * most else 0.85 * seconds

    settled = one.settle(measure)
    assert settled is not None
    assert len(settled.tried) > 8  # derivations; the same one is measured once
    assert len(set(measured)) == len(measured)
    assert 0.95 * most <= settled.seconds <= most
    assert settled.code == measured[-1]


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_what_is_settled_for_meets_the_limit_when_measured(data: DeviceData, factor: float) -> None:
    most = limit(0.6)
    one = made(data, most, epochs=1)
    one.train()
    settled = one.settle(lambda code: factor * float(seconds_of(code[None])[0]))
    assert settled is not None
    assert 0.95 * most <= settled.seconds <= most
    assert settled.seconds == pytest.approx(factor * seconds_of(one.found[None])[0])
    assert settled.correction == pytest.approx(factor)
    assert Settled.from_json(json.loads(json.dumps(settled.to_json()))) == settled
    assert tuple(one.found.tolist()) == settled.code
    again = made(data, most, epochs=1)
    again.restore(settled)
    assert np.array_equal(again.found, one.found)


# Searches -----------------------------------------------------------------------------------------------------------


class Meter:
    """Estimates by `MODEL`; measures so many times as much."""

    model = MODEL

    def __init__(self, factor: float) -> None:
        self.factor, self.measured = factor, 0

    def measure(self, architecture: Architecture) -> float:
        self.measured += 1
        return self.factor * float(MODEL.seconds(GraphBatch.of([architecture]))[0])


class Hashes(TableTrainer):
    """Any network: its "trained" accuracy is a function of its hash."""

    def accuracy(self, architecture: Architecture) -> float:
        return 0.5 + int(architecture.hash[:6], 16) / 16**6 / 2


def searched(
    dataset: ImageDataset, folder: Path, most: float, on_progress: Any = silent, factor: float = 1.25, **settings: Any
) -> Any:
    meter = Meter(factor)
    asked = {"candidates": 8, "shortlist": 2, "supernet_epochs": 3, "strategy": "proxyless", **settings}
    result = run_search(
        dataset, space=SMALL, recipe=RECIPE, run_folder=folder, trainer=Hashes(2), device="cpu", latency=meter,
        settings=SearchSettings(**asked, limits=Limits(latency_seconds=most)), on_progress=on_progress,
    )  # fmt: skip
    return result, meter


class Killed(BaseException):
    """Stands for a kill: nothing of presage catches it."""


def test_a_search_meets_its_limit_when_measured_and_goes_on_after_a_kill(dataset: ImageDataset, tmp_path: Path) -> None:
    most = limit(0.7)

    def kill(progress: SearchProgress) -> None:
        if progress.stage == "supernet" and progress.done == 2:
            raise Killed

    with pytest.raises(Killed):
        searched(dataset, tmp_path / "killed", most, kill)
    resumed, _ = searched(dataset, tmp_path / "killed", most)
    whole, _ = searched(dataset, tmp_path / "whole", most, compare_random=2)
    assert [one.chosen.hash for one in resumed.verified] == [one.chosen.hash for one in whole.verified]
    first = whole.verified[0].chosen
    report = json.loads((tmp_path / "whole" / "supernet" / "report.json").read_text())
    assert dict(first.params) == report["found"]  # what it settled for is trained, and before all others
    assert 0.95 * most <= first.measured_latency_seconds <= most
    assert all(one.chosen.measured_latency_seconds <= most for one in whole.verified)
    assert len(whole.baseline) == 2
    assert first.score_name == "supernet"
    written = SMALL.decode(report["found"])
    assert from_json(json.loads(json.dumps(to_json(written)))).hash == first.hash
    again, meter = searched(dataset, tmp_path / "killed", most)
    assert [one.chosen for one in again.verified] == [one.chosen for one in resumed.verified]
    assert meter.measured == 0


def test_a_network_that_is_faster_than_estimated_may_use_the_limit(dataset: ImageDataset, tmp_path: Path) -> None:
    most = limit(0.4)
    result, _ = searched(dataset, tmp_path, most, factor=0.8)
    first = result.verified[0].chosen
    assert 0.95 * most <= first.measured_latency_seconds <= most
    assert first.latency_seconds == pytest.approx(first.measured_latency_seconds)  # the estimates were corrected
    assert all(one.chosen.measured_latency_seconds <= most for one in result.verified)


def test_without_a_limit_what_is_derived_is_the_likeliest_of_each_block(data: DeviceData) -> None:
    one = made(data)
    report = one.train()
    assert report.status == "finished"
    assert [epoch.eigenvalue for epoch in report.epochs] == [None] * 3
    assert np.array_equal(SMALL.relaxation.paths(one.found[None])[0], one._likeliest())
    assert set(report.epochs[-1].skips) == {"stage1", "stage2"}
    assert one.settle(lambda code: 1.0) is None


def test_a_space_that_cannot_be_searched_so_is_refused_in_one_line(data: DeviceData) -> None:
    with pytest.raises(InvalidArgument, match="have a relaxation, as `darts`, `mobile` and `nb201` have") as caught:
        made(data, space=Chain())
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidArgument, match=r"be one of cells.*take the strategy darts-first or proxyless"):
        check_serves("pc-darts", Mobile())
    with pytest.raises(InvalidArgument, match="be 1: blocks change side and width"):
        SMALL.relaxation.mixture(4)


@pytest.mark.parametrize("method", ["darts-first", "darts-second"])
def test_the_mixture_of_blocks_is_searched_by_darts_too(method: str, data: DeviceData) -> None:
    one = SUPERNETS.load(method)(SMALL, data, RECIPE, settings=OneShotSettings(epochs=2))
    report = one.train()
    assert report.status == "finished"
    shares = one.mixing()[0]
    assert not shares[~torch.from_numpy(SMALL.relaxation.available)].any()  # what is no candidate has no share
    assert torch.allclose(shares.sum(dim=1), torch.ones(len(shares)))
    assert SMALL.valid(one.draw(4, (0, 1))).all()
