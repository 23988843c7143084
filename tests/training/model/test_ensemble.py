"""Several trained networks as one: the mean of their logits, and a model like any other."""

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
from presage.errors import InvalidModel
from presage.files import read_json, write_json
from presage.training.model.ensemble import ensemble_of
from presage.training.model.folder import load_model, save_model
from presage.training.model.trained import TrainedModel
from presage.training.recipe import Recipe

CLASSES = ("one", "two", "three")
SIDE = 16


def network(name: str, seed: int) -> Architecture:
    space = get_space(name)
    return space.decode(space.params(space.sample(1, np.random.default_rng(seed))[0]))


def model_of(architecture: Architecture, seed: int = 0) -> TrainedModel:
    """With weights and statistics that are no longer fresh."""
    torch.manual_seed(seed)
    module = build(architecture.canonical, (3, SIDE, SIDE), len(CLASSES))
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value.add_(0.02 * (torch.rand_like(value) - 0.5))
    recipe = Recipe(image_side=SIDE)
    return TrainedModel(
        architecture.canonical, module.eval(), CLASSES, (3, SIDE, SIDE), (120.0, 110.0, 100.0), (60.0, 61.0, 62.0),
        dataset="shapes", recipe=recipe, accuracy=0.5, test_accuracy=0.4,
    )  # fmt: skip


def images(n: int = 9) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 23, 23, 3), dtype=np.uint8)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("names", [("stages", "chain"), ("nb201", "nb201", "mobile"), ("darts", "enas_macro")])
def test_its_logits_are_the_mean_of_the_members(names: tuple[str, ...], mirrored: bool) -> None:
    members = [model_of(network(name, at), at) for at, name in enumerate(names)]
    members = [replace(one, recipe=Recipe(image_side=SIDE, test_mirroring=mirrored)) for one in members]
    whole = ensemble_of(members)
    assert whole is not None
    expected = np.mean([one.logits(images()) for one in members], axis=0)
    np.testing.assert_allclose(whole.logits(images()), expected, atol=1e-5)
    assert whole.members == tuple(one.architecture.hash for one in members)
    assert (whole.accuracy, whole.test_accuracy) == (None, None)


def test_one_network_with_two_weights_is_two_members() -> None:
    same = network("stages", 3)
    members = [model_of(same, 0), model_of(same, 1)]
    whole = ensemble_of(members)
    assert whole is not None
    expected = (members[0].logits(images()) + members[1].logits(images())) / 2
    assert np.abs(members[0].logits(images()) - members[1].logits(images())).max() > 1e-2
    np.testing.assert_allclose(whole.logits(images()), expected, atol=1e-5)


def test_classifiers_without_a_bias_have_a_part_in_it() -> None:
    nodes = (
        Node(Input()), Node(Convolution(4, (3, 3)), (0,)), Node(Activation("relu"), (1,)), Node(Flatten(), (2,)),
        Node(Classifier(bias=False), (3,)),
    )  # fmt: skip
    members = [model_of(Architecture(nodes)), model_of(network("chain", 1), 1)]
    whole = ensemble_of(members)
    assert whole is not None
    expected = (members[0].logits(images()) + members[1].logits(images())) / 2
    np.testing.assert_allclose(whole.logits(images()), expected, atol=1e-5)


def test_it_lies_in_a_folder_like_any_model_and_runs_by_torch_alone(tmp_path: Path) -> None:
    members = [model_of(network("stages", at), at) for at in range(2)]
    whole = ensemble_of(members)
    assert whole is not None
    whole = replace(whole, accuracy=0.75)
    save_model(whole, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert (loaded.members, loaded.accuracy, loaded.digest) == (whole.members, 0.75, whole.digest)
    np.testing.assert_array_equal(loaded.logits(images()), whole.logits(images()))
    program = torch.export.load(tmp_path / "m" / "program.pt2").module()
    exported = program(torch.from_numpy(images()).permute(0, 3, 1, 2)).detach().numpy()
    expected = (members[0].logits(images()) + members[1].logits(images())) / 2
    np.testing.assert_allclose(exported, expected, atol=1e-4)
    assert "the mean of the logits of 2 networks" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "the mean of" in loaded._repr_html_()
    alone = tmp_path / "alone"
    save_model(members[0], alone, program=False)
    assert "members" not in read_json(alone / "architecture.json")


@pytest.mark.parametrize("members", ["abc", [3], ["../../etc"]])
def test_members_that_are_no_hashes_are_refused(members: object, tmp_path: Path) -> None:
    save_model(model_of(network("chain", 0)), tmp_path / "m", program=False)
    described = read_json(tmp_path / "m" / "architecture.json")
    write_json(tmp_path / "m" / "architecture.json", {**described, "members": members})
    with pytest.raises(InvalidModel, match="is damaged"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize(
    "other",
    [
        {"classes": ("three", "two", "one")},
        {"mean": (1.0, 2.0, 3.0)},
        {"recipe": Recipe(image_side=SIDE, test_mirroring=True)},
    ],
)
def test_networks_that_take_or_tell_other_things_are_not_joined(other: dict[str, object]) -> None:
    first = model_of(network("chain", 0))
    assert ensemble_of([first, replace(first, **other)]) is None


def test_an_end_that_is_more_than_fully_connected_is_not_joined() -> None:
    nodes = (Node(Input()), Node(Convolution(4, (3, 3)), (0,)), Node(Classifier(pooled=True), (1,)))
    assert ensemble_of([model_of(network("chain", 0)), model_of(Architecture(nodes))]) is None
