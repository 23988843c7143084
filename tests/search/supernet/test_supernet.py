"""Super-nets: their gradients, their paths, their guards, and that they resume and repeat."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from presage.architecture.operations import Convolution
from presage.architecture.spaces import NB201, Chain, Darts, EnasMicro, Mobile, Space
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArgument
from presage.search.strategies import SUPERNETS
from presage.search.supernet import Guard, OneShot, OneShotSettings, SupernetEpoch
from presage.search.supernet.bank import SharedWeights
from presage.search.supernet.images import DividedImages
from presage.search.supernet.mixed import MixedNetwork
from presage.search.supernet.unrolled import dominant_eigenvalue, first_order, second_order
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(
    epochs=1, batch=16, image_side=8, train_images=64, validation_images=24, least_epoch_images=32, shift=0
)  # fmt: skip
CPU = torch.device("cpu")
SMALL = NB201(width=4)
BLOCKS = Mobile(stages=2, blocks=2, width=8)


@pytest.fixture(scope="module")
def data(dataset: ImageDataset) -> DeviceData:
    return prepare(dataset, RECIPE, "cpu")


def search(method: str, data: DeviceData, *, epochs: int = 3, seed: int = 0, space: Space = SMALL) -> OneShot:
    settings = OneShotSettings(epochs=epochs, guard=Guard(most_skips=2, ratio=None))
    return SUPERNETS.load(method)(space, data, RECIPE, settings=settings, seed=seed)


# The unrolled gradient ----------------------------------------------------------------------------------------------


def test_the_second_order_gradient_is_that_of_autograd_through_a_step() -> None:
    generator = torch.Generator().manual_seed(0)
    x, held = (torch.randn(20, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    y, y_held = (torch.randn(20, generator=generator, dtype=torch.float64) for _ in range(2))
    w = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    alpha = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    velocity = torch.randn(3, generator=generator, dtype=torch.float64)
    rate, momentum, decay = 0.05, 0.9, 0.01

    def loss(weight: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        return ((torch.tanh(inputs @ (weight * alpha.softmax(0))) - targets) ** 2).mean()

    gradient = torch.autograd.grad(loss(w, x, y), w, create_graph=True)[0]
    moved = w - rate * (momentum * velocity + gradient + decay * w)
    exact = torch.autograd.grad(loss(moved, held, y_held), alpha)[0]
    before = w.detach().clone()
    found = second_order(
        lambda: loss(w, x, y), lambda: loss(w, held, y_held), [w], [alpha],
        rate=rate, momentum=momentum, velocity=[velocity], decay=decay,
    )  # fmt: skip
    naive = first_order(lambda: loss(w, held, y_held), [alpha])[0]
    assert torch.allclose(found[0], exact, rtol=1e-3, atol=1e-7)
    assert not torch.allclose(naive, exact, rtol=1e-2)
    assert torch.equal(w.detach(), before)


def test_the_dominant_eigenvalue_of_a_quadratic_is_its_own() -> None:
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    hessian = turn @ torch.diag(torch.tensor([0.5, -7.0, 2.0, 1.0], dtype=torch.float64)) @ turn.T
    alpha = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    found = dominant_eigenvalue(lambda: 0.5 * alpha @ hessian @ alpha, [alpha], iterations=40)
    assert found == pytest.approx(-7.0, rel=1e-4)


# Paths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "partial"), [(SMALL, 1), (SMALL, 4), (Darts(width=4), 1), (Darts(width=4), 4), (BLOCKS, 1)]
)
def test_a_path_alone_is_the_mixture_with_weights_of_one_and_zero(space: Space, partial: int) -> None:
    relaxation = space.relaxation
    assert relaxation is not None
    network = MixedNetwork(relaxation.mixture(partial), (2, 8, 8), 3).train()
    x = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    for path in relaxation.paths(space.sample(3, np.random.default_rng(0))):
        taken = torch.from_numpy(path.any(axis=1)).float()
        with torch.no_grad():
            mixed = network.mixed(x, torch.from_numpy(path).float(), taken)
            assert torch.allclose(network.alone(x, path), mixed, atol=1e-5)


@pytest.mark.parametrize("space", [SMALL, Darts(width=4), BLOCKS])
def test_a_path_is_the_network_that_it_stands_for(space: Space) -> None:
    relaxation = space.relaxation
    assert relaxation is not None
    network = MixedNetwork(relaxation.mixture(), (2, 8, 8), 3).train()
    rng = np.random.default_rng(3)
    codes = space.sample(2000, rng)
    names = np.array(relaxation.operations)
    # the mixture normalises what it pools, and a dead convolution has no counterpart
    pools = np.array(["pool" in name or name == "none" for name in names])
    codes = codes[~relaxation.paths(codes)[:, :, pools].any(axis=(1, 2))][:2]
    assert len(codes)
    x = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    for code, path in zip(codes, relaxation.paths(codes), strict=True):
        child = build(space.decode(space.params(code)), (2, 8, 8), 3).train()
        mine = [
            getattr(network, f"n{index}")
            for index, needed in enumerate(network._needed(path))
            if needed and isinstance(network.architecture.nodes[index].operation, Convolution)
        ]
        theirs = [module for module in child.modules() if isinstance(module, nn.Conv2d)]
        for own, other in zip(mine, theirs, strict=True):
            other.load_state_dict(own.state_dict())
        list(child.modules())[-1].load_state_dict(list(network.modules())[-1].state_dict())
        with torch.no_grad():
            assert torch.allclose(network.alone(x, path), child(x), atol=1e-4)


@pytest.mark.parametrize("space", [SMALL, Chain(layers=3), EnasMicro(nodes=2, width=4)])
def test_a_network_of_its_own_with_inherited_weights_gives_what_the_child_gives(space: Space) -> None:
    bank = SharedWeights(space, (2, 8, 8), 3, seed=5, device=CPU)
    x = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    for code in space.sample(4, np.random.default_rng(1)):
        child = bank.child(code).eval()
        own = build(space.decode(space.params(code)), (2, 8, 8), 3).eval()
        own.load_state_dict(child.state_dict())
        with torch.no_grad():
            assert torch.allclose(own(x), child(x), atol=1e-5)


def test_networks_share_the_weights_of_the_places_where_they_are_alike() -> None:
    bank = SharedWeights(SMALL, (2, 8, 8), 3, seed=0, device=CPU)
    one = SMALL.codes([{**dict.fromkeys(SMALL.columns, "nor_conv_3x3"), "edge0to1": "nor_conv_1x1"}])[0]
    other = SMALL.codes([dict.fromkeys(SMALL.columns, "nor_conv_3x3")])[0]
    first, second = (bank.parameters_of(bank.child(code)) for code in (one, other))
    apart = set(first) ^ set(second)
    # in each of the three stages the first edge's convolution differs, and only that; what follows it is shared
    assert len([name for name in apart if "kernel=(1, 1)" in name]) == 3
    assert all("Convolution" in name for name in apart)
    assert all(first[name] is second[name] for name in set(first) & set(second))


def test_shared_weights_do_not_depend_on_who_asks_first() -> None:
    codes = SMALL.sample(2, np.random.default_rng(0))
    drawn = []
    for order in (codes, codes[::-1]):
        bank = SharedWeights(SMALL, (2, 8, 8), 3, seed=0, device=CPU)
        for code in order:
            bank.child(code)
        drawn.append(bank.state())
    assert set(drawn[0]) == set(drawn[1])
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])


# Searches -----------------------------------------------------------------------------------------------------------


def without_seconds(epochs: tuple[SupernetEpoch, ...]) -> list[SupernetEpoch]:
    return [replace(epoch, seconds=0.0) for epoch in epochs]


class Killed(BaseException):
    """Stands for a kill: nothing of presage catches it."""


@pytest.mark.parametrize("method", list(SUPERNETS))
def test_a_killed_search_goes_on_as_if_it_had_not_been(method: str, data: DeviceData, tmp_path: Path) -> None:
    whole = search(method, data)
    expected = whole.train()
    assert expected.status in ("finished", "stopped early")
    assert [epoch.epoch for epoch in expected.epochs] == list(range(len(expected.epochs)))

    def kill(record: SupernetEpoch, epochs: int) -> None:
        if record.epoch == 1:
            raise Killed

    path = tmp_path / "supernet.pt"
    with pytest.raises(Killed):
        search(method, data).train(path, kill)
    resumed = search(method, data)
    found = resumed.train(path)
    assert without_seconds(found.epochs) == without_seconds(expected.epochs)
    assert (found.found, found.weights) == (expected.found, expected.weights)
    again = search(method, data)
    assert again.train(path).weights == expected.weights
    codes = whole.draw(4, (0, 1))
    assert np.array_equal(codes, resumed.draw(4, (0, 1)))
    assert SMALL.valid(codes).all()
    proxies = whole.proxy_accuracy(codes)
    assert np.array_equal(proxies, resumed.proxy_accuracy(codes))
    assert ((proxies >= 0) & (proxies <= 1)).all()


VICTIM = """
import sys
import numpy as np, torch
from presage.architecture.spaces import NB201
from presage.search.supernet import Guard, OneShotSettings
from presage.search.strategies import SUPERNETS
from presage.training.data import prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

torch.set_num_threads(int(sys.argv[4]))
stored = np.load(sys.argv[1])
dataset = ImageDataset("blocks", *(stored[name] for name in stored.files), classes=("dark", "bright"))
recipe = Recipe.from_json(__import__("json").loads(sys.argv[2]))
settings = OneShotSettings(epochs=50, guard=Guard(most_skips=2, ratio=None))
one = SUPERNETS.load("enas")(NB201(width=4), prepare(dataset, recipe, "cpu"), recipe, settings=settings)
one.train(__import__("pathlib").Path(sys.argv[3]), lambda record, epochs: print(record.epoch, flush=True))
"""


@pytest.mark.slow
def test_a_search_goes_on_after_kill_9(dataset: ImageDataset, data: DeviceData, tmp_path: Path) -> None:
    images = {name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(tmp_path / "images.npz", **images)
    path = tmp_path / "supernet.pt"
    threads = str(torch.get_num_threads())  # sums in another order differ in the last digit
    recipe = json.dumps(RECIPE.to_json())
    words = [sys.executable, "-c", VICTIM, str(tmp_path / "images.npz"), recipe, str(path), threads]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        while not path.exists():
            assert victim.stdout.readline(), "it ended before it was killed"
        victim.kill()
    one = search("enas", data, epochs=50)
    one._resume(path)
    done = len(one.records)
    assert 1 <= done < 50
    whole = search("enas", data, epochs=50)
    for epoch in range(done + 1):
        expected = whole._epoch(epoch)
    assert replace(one._epoch(done), seconds=0.0) == replace(expected, seconds=0.0)


def test_another_seed_is_another_search(data: DeviceData) -> None:
    first, other = (search("enas", data, epochs=1, seed=seed).train() for seed in (0, 1))
    assert first.epochs[0].loss != other.epochs[0].loss


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("method", list(SUPERNETS))
def test_a_super_net_trains_on_a_gpu_and_resumes(method: str, dataset: ImageDataset, tmp_path: Path) -> None:
    data = prepare(dataset, RECIPE, "cuda")
    path = tmp_path / "supernet.pt"
    first = search(method, data, epochs=2)
    report = first.train(path)
    again = search(method, data, epochs=2)
    assert without_seconds(again.train(path).epochs) == without_seconds(report.epochs)
    proxies = again.proxy_accuracy(again.draw(3, (0, 1)))
    assert ((proxies >= 0) & (proxies <= 1)).all()


def test_the_order_of_validation_images_does_not_matter(data: DeviceData) -> None:
    by_class = torch.argsort(data.y_validation, stable=True)
    rows = by_class.repeat_interleave(20)
    sorted_by_class = replace(data, x_validation=data.x_validation[rows], y_validation=data.y_validation[rows])
    batches = list(DividedImages(sorted_by_class, RECIPE, 0.5, 0).validation_batches(size=120))
    assert sum(len(labels) for _, labels in batches) == len(sorted_by_class.y_validation)
    for _, labels in batches:  # as many of either class in each, or nearly
        assert 0.3 < float(labels.double().mean()) < 0.7


def test_an_image_alone_can_be_scored(dataset: ImageDataset) -> None:
    data = prepare(dataset, replace(RECIPE, validation_images=1, image_side=4), "cpu")
    alone = replace(data, x_validation=data.x_validation[:1], y_validation=data.y_validation[:1])
    one = search("enas", alone, epochs=1)
    one.train()
    assert set(one.proxy_accuracy(SMALL.sample(2, np.random.default_rng(0))).tolist()) <= {0.0, 1.0}


def test_a_checkpoint_of_another_search_is_refused(data: DeviceData, tmp_path: Path) -> None:
    path = tmp_path / "supernet.pt"
    search("enas", data, epochs=1).train(path)
    with pytest.raises(InvalidArgument, match="belong to this method"):
        search("enas", data, epochs=1, seed=1).train(path)


def test_enas_learns_what_its_weights_can_tell(data: DeviceData) -> None:
    one = search("enas", data, epochs=4)
    report = one.train()
    assert report.epochs[-1].loss < report.epochs[0].loss
    assert report.weights == one.weights > 0
    assert one.proxy_accuracy(one.draw(4, (0, 1))).max() > 0.8  # dark against bright


@pytest.mark.parametrize("space", [Chain(), EnasMicro()])
def test_a_space_without_relaxation_is_refused_by_gradient_in_one_line(space: Space, data: DeviceData) -> None:
    with pytest.raises(InvalidArgument, match="have a relaxation, as `darts`, `mobile` and `nb201` have"):
        search("darts-first", data, space=space)
    with pytest.raises(InvalidArgument, match="divide the width"):
        search("pc-darts", data, space=NB201(width=6))


# Guards -------------------------------------------------------------------------------------------------------------


def test_a_collapse_to_skips_is_seen_and_the_epoch_before_it_kept() -> None:
    skips = [{"normal": 8}, {"normal": 8}, {"normal": 1}, {"normal": 2}, {"normal": 3}]
    guard = Guard(most_skips=2, ratio=None)
    nothing = [None] * 5
    assert guard.detect(8, skips[:2], nothing[:2]) is None  # the first quarter is noise
    assert guard.detect(8, skips[:4], nothing[:4]) is None
    collapse = guard.detect(8, skips, nothing)
    assert collapse is not None
    assert (collapse.rule, collapse.epoch, collapse.kept) == ("skips", 4, 3)
    assert "3 in the normal cell" in collapse.reason
    assert Guard(most_skips=None, ratio=None).detect(8, skips, nothing) is None


def test_a_rising_eigenvalue_is_seen_and_the_epoch_before_it_kept() -> None:
    guard = Guard(most_skips=None, ratio=0.75, window=3)
    skips = [{"normal": 0}] * 8
    flat = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert guard.detect(8, skips[:6], flat) is None
    # mean of epochs 3 to 5 is 1.5, of 1 to 3 it is 1: 1 / 1.5 < 0.75
    collapse = guard.detect(8, skips[:6], [*flat[:4], 1.5, 2.0])
    assert collapse is not None
    assert (collapse.rule, collapse.epoch, collapse.kept) == ("eigenvalue", 5, 3)
    assert guard.detect(8, skips[:6], [*flat[:4], 1.2, 1.5]) is None  # 1 / 1.23
    assert guard.detect(8, skips[:6], [None, *flat[1:4], 1.5, math.nan]) is None


@pytest.mark.parametrize("method", ["darts-first", "pc-darts"])
def test_a_search_that_collapses_is_stopped_and_its_network_has_few_skips(method: str, data: DeviceData) -> None:
    one = search(method, data, epochs=8)
    with torch.no_grad():
        one.alpha[:, one.relaxation.skip] = 9.0  # type: ignore[attr-defined]
    report = one.train()
    assert report.status == "stopped early"
    assert report.collapse is not None
    assert report.collapse.rule == "skips"
    assert len(report.epochs) < 8
    assert max(report.epochs[-1].skips.values()) == 6
    assert report.found is not None
    assert list(report.found.values()).count("skip_connect") == 2
    assert report.to_json()["collapse"]["rule"] == "skips"


# Failures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["enas", "darts-first"])
def test_a_diverged_super_net_is_a_recorded_failure(method: str, data: DeviceData) -> None:
    settings = OneShotSettings(epochs=3, learning_rate=1e30)
    one = SUPERNETS.load(method)(SMALL, data, RECIPE, settings=settings)
    report = one.train()
    assert report.status == "diverged"
    assert report.failure is not None
    assert "\n" not in report.failure
    assert report.found is None
    assert np.isnan(one.proxy_accuracy(one.draw(3, (0,)))).all()


def test_a_lack_of_memory_leaves_the_last_whole_epoch(data: DeviceData, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = search("enas", data, epochs=2)
    expected.train()
    one = search("enas", data, epochs=3)
    kept = one._epoch

    def short(epoch: int) -> SupernetEpoch:
        if epoch == 2:
            one.bank.load_state({})  # type: ignore[attr-defined]  # what was learned is lost
            raise torch.OutOfMemoryError("CUDA out of memory")
        return kept(epoch)

    monkeypatch.setattr(one, "_epoch", short)
    report = one.train()
    assert (report.status, len(report.epochs)) == ("out_of_memory", 2)
    codes = SMALL.sample(3, np.random.default_rng(0))
    assert ((one.proxy_accuracy(codes) >= 0) & (one.proxy_accuracy(codes) <= 1)).all()
