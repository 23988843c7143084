from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Activation, Classifier, Convolution, Flatten, Input
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.training import precision
from presage.training.data import DeviceData
from presage.training.fitting import fit
from presage.training.precision import choose_precision, precision_of, step_seconds, step_work
from presage.training.recipe import Recipe

CPU = torch.device("cpu")


def residual(width: int) -> Architecture:
    space = get_space(f"blocks:blocks=3,width={width}")
    return space.decode_batch(space.sample(1, np.random.default_rng(0))).architecture(0).canonical


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device_type: True)


@pytest.mark.usefixtures("able")
def test_wide_networks_on_large_images_take_bfloat16_and_small_ones_float32() -> None:
    assert choose_precision("auto", CPU, residual(64), (3, 32, 32), 10, 64) == "bfloat16"
    assert choose_precision("auto", CPU, residual(8), (1, 16, 16), 10, 64) == "float32"


@pytest.mark.usefixtures("able")
def test_what_is_asked_for_is_kept_and_an_unknown_module_is_trained_in_float32() -> None:
    assert choose_precision("float32", CPU, residual(64), (3, 32, 32), 10, 64) == "float32"
    assert choose_precision("bfloat16", CPU, None, (3, 32, 32), 10, 64) == "bfloat16"
    assert choose_precision("auto", CPU, None, (3, 32, 32), 10, 64) == "float32"


def test_a_cpu_without_the_instructions_takes_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device_type: False)
    assert choose_precision("auto", CPU, residual(64), (3, 32, 32), 10, 64) == "float32"


@pytest.mark.usefixtures("able")
def test_the_rule_does_not_ask_for_threads() -> None:
    """Workers of one thread and a process of many must train alike."""
    before = torch.get_num_threads()
    found = set()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.add(choose_precision("auto", CPU, residual(32), (3, 32, 32), 10, 64))
    torch.set_num_threads(before)
    assert len(found) == 1


def test_the_work_of_a_step_is_counted_by_hand() -> None:
    nodes = (
        Node(Input(), ()),
        Node(Convolution(16, (3, 3), (1, 1), (1, 1)), (0,)),
        Node(Convolution(16, (3, 3), (1, 1), (1, 1), groups=16), (1,)),
        Node(Convolution(16, (5, 5), (1, 1), (2, 2), groups=16), (2,)),
        Node(Activation("relu"), (3,)),
        Node(Flatten(), (4,)),
        Node(Classifier(), (5,)),
    )
    work = step_work(Architecture(nodes), (3, 8, 8), 10, 2)
    size = 16 * 8 * 8
    assert work.operation == 6
    assert (work.wide, work.medium, work.narrow) == (0, 0, 2 * 3 * 9 * size)
    assert work.depthwise == 2 * (9 + 25) * size
    assert work.moved == 2 * ((3 * 8 * 8 + size) + 2 * size + 2 * size + (size + 10))
    assert work.pooled == 0


def test_prices_tell_seconds_of_real_steps() -> None:
    """A ResNet's step of 64 images, 42 million multiply-adds each: 0.33 s in float32 and 0.18 s where measured."""
    work = step_work(residual(32), (3, 32, 32), 10, 64)
    assert 0.05 < step_seconds(work, precision.BFLOAT16) < step_seconds(work, precision.FLOAT32) < 2


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_the_precision_recorded_is_the_one_trained_in(data: DeviceData, brief: Recipe, asked: str) -> None:
    recipe = replace(brief, precision=asked, epochs=1)
    result = fit(residual(8), data, recipe)
    assert result.precision == asked
    assert result.module is not None
    assert all(value.dtype == torch.float32 for value in result.module.parameters())


@pytest.mark.usefixtures("able")
def test_a_resumed_training_chooses_as_the_first_did(
    data: DeviceData, brief: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "LEAST_GAIN", 0.0)
    recipe = replace(brief, epochs=2)
    whole = fit(residual(8), data, recipe)
    resumed = fit(residual(8), data, recipe, checkpoint=tmp_path / "checkpoint.pt")
    again = fit(residual(8), data, recipe, checkpoint=tmp_path / "checkpoint.pt")
    assert whole.precision == resumed.precision == again.precision == "bfloat16"
    assert whole.curve == resumed.curve == again.curve


@pytest.mark.usefixtures("able")
def test_a_network_and_its_architecture_are_trained_in_the_same_precision(data: DeviceData, brief: Recipe) -> None:
    architecture = residual(8)
    module = build(architecture, data.input_shape, data.classes)
    assert precision_of(module, data, brief) == precision_of(architecture, data, brief)
