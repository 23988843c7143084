"""The compiled encoder gives what the NumPy encoders give: on every space, on random networks, and where it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from presage.architecture import Architecture, Node
from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.compiled.compiling import FEW, SWITCH, is_available
from presage.architecture.encoders import (
    COST_FEATURE_NAMES,
    GRAPH_FEATURE_NAMES,
    LAYER_FEATURE_NAMES,
    cost_features,
    graph_features,
    ragged_layers,
    scaled_down,
)
from presage.architecture.operations import Activation, Add, Classifier, Convolution, Flatten, Input, Zero
from presage.architecture.spaces import SPACES, get_space
from presage.errors import InvalidArchitecture
from presage.surrogate.testing import synthetic_experience, synthetic_task

pytest.importorskip("numba", reason="the extra `fast` is not installed")
pytestmark = pytest.mark.usefixtures("compiled")
NAMES = (*GRAPH_FEATURE_NAMES, *COST_FEATURE_NAMES)


def assert_encoded_alike(batch: GraphBatch, image: tuple[int, int, int], classes: int = 7) -> None:
    """Compares with NumPy, feature by feature, each to 1e-6 of what is larger, it or 1."""
    from presage.architecture.compiled.encoder import encoded

    fresh = GraphBatch(batch.node_start, batch.kind, batch.attributes, batch.edge_start, batch.edge_source)
    found = encoded(fresh, image, classes)
    expected = np.concatenate([graph_features(batch, image), cost_features(batch, image, classes)], axis=1)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    error = np.abs(found - expected) / np.maximum(np.abs(expected), 1.0)
    assert {name: worst for name, worst in zip(NAMES, error.max(axis=0), strict=True) if not worst <= 1e-6} == {}
    assert_read_alike(batch, fresh, image, classes)
    assert_costed_alike(batch, fresh, image, classes)


def assert_costed_alike(batch: GraphBatch, fresh: GraphBatch, image: tuple[int, int, int], classes: int) -> None:
    """Compares the costs of the same networks, which are whole numbers."""
    from presage.architecture.compiled.encoder import costs_of

    found, expected = costs_of(fresh, image, classes), batch_costs(batch, image, classes)
    for name in ("parameters", "multiply_adds", "activation_bytes", "depth"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def assert_read_alike(batch: GraphBatch, fresh: GraphBatch, image: tuple[int, int, int], classes: int) -> None:
    """Compares the layer sequences of the same networks: the layers, in the same order, feature by feature."""
    from presage.architecture.compiled.encoder import layers_of

    found, expected = layers_of(fresh, image, classes), ragged_layers(batch, image, classes)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_array_equal(found.nodes, expected.nodes)
    assert found.values.dtype == expected.values.dtype
    assert found.values.shape == expected.values.shape
    error = np.abs(found.values - expected.values) / np.maximum(np.abs(expected.values), 1.0)
    worst = zip(LAYER_FEATURE_NAMES, error.max(axis=0), strict=True)
    assert {name: most for name, most in worst if not most <= 1e-6} == {}


@pytest.mark.parametrize("name", [*SPACES, "nb201:cells=5,width=16"])
def test_every_space_is_encoded_as_by_numpy(name: str) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(300, np.random.default_rng(5)))
    assert_encoded_alike(batch, (3, 32, 32))
    assert_encoded_alike(batch, (1, 29, 31), classes=100)


def test_the_layers_of_twins_are_read_as_by_numpy() -> None:
    """Their shapes are set, and no sum or concatenation need fit any more."""
    space = get_space("nb201:cells=5,width=16")
    codes, image = space.sample(100, np.random.default_rng(5)), (3, 32, 32)
    batch, fresh = (scaled_down(space.decode_batch(codes), image) for _ in range(2))
    assert_read_alike(batch, fresh, image, 7)


def test_layers_alone_are_those_beside_features() -> None:
    from presage.architecture.compiled.encoder import encoded, layers_of

    space = get_space("mobile")
    codes = space.sample(200, np.random.default_rng(5))
    alone, beside = space.decode_batch(codes), space.decode_batch(codes)
    first = layers_of(alone, (3, 32, 32), 10)
    encoded(beside, (3, 32, 32), 4)
    found = layers_of(beside, (3, 32, 32), 10)
    np.testing.assert_array_equal(found.values, first.values)
    np.testing.assert_array_equal(encoded(alone, (3, 32, 32), 4), encoded(beside, (3, 32, 32), 4))
    other = layers_of(alone, (3, 16, 16), 10)
    assert not np.array_equal(other.values, first.values)


def test_random_networks_are_encoded_as_by_numpy(random_architecture: Callable[[int], Architecture]) -> None:
    batch = GraphBatch.of([random_architecture(seed) for seed in range(300)])
    assert_encoded_alike(batch, (4, 16, 16))


def test_every_operation_is_encoded_as_by_numpy(everything: Architecture) -> None:
    assert_encoded_alike(GraphBatch.of([everything, everything]), (3, 16, 16))


def test_what_is_zero_clipped_or_said_twice_is_seen_through_as_by_numpy() -> None:
    def network(*middle: Node) -> Architecture:
        last = len(middle) + 1
        return Architecture((Node(Input()), *middle, Node(Flatten(), (last - 1,)), Node(Classifier(), (last,))))

    convolution = Convolution(8, (3, 3), padding=(1, 1))
    batch = GraphBatch.of(
        [
            network(Node(Zero(), (0,))),
            network(Node(convolution, (0,)), Node(Zero(), (1,)), Node(Add(), (2, 1)), Node(Add(), (3, 3))),
            network(*(Node(Activation("relu6"), (at,)) for at in range(3))),
            network(
                Node(Activation("hardtanh"), (0,)),
                Node(Zero(), (0,)),
                Node(Add(), (1, 2)),
                Node(Activation("hardtanh"), (3,)),
            ),
            network(*(Node(Activation("tanh"), (0,)) for _ in range(2)), Node(Add(), (1, 2))),
            network(Node(Activation("sigmoid"), (0,)), Node(Activation("relu"), (1,)), Node(convolution, (2,))),
        ]
    )
    assert_encoded_alike(batch, (3, 16, 16))


def test_parts_of_a_batch_are_encoded_as_the_whole() -> None:
    from presage.architecture.compiled.encoder import encoded

    space = get_space("chain")
    batch = space.decode_batch(space.sample(700, np.random.default_rng(1)))
    whole = encoded(batch, (3, 32, 32), 10)
    np.testing.assert_array_equal(encoded(batch.between(300, 600), (3, 32, 32), 10), whole[300:600])
    np.testing.assert_array_equal(encoded(batch.take([5, 3]), (3, 32, 32), 10), whole[[5, 3]])


def test_shapes_are_those_of_numpy_and_kept() -> None:
    from presage.architecture.compiled.encoder import shapes_of

    space = get_space("enas_micro")
    codes = space.sample(50, np.random.default_rng(2))
    expected, batch = batch_shapes(space.decode_batch(codes), (3, 30, 33)), space.decode_batch(codes)
    found = shapes_of(batch, (3, 30, 33))
    for name in ("channels", "height", "width", "flat"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert batch_shapes(batch, (3, 30, 33)) is found


def test_images_that_do_not_fit_are_refused_in_the_same_words() -> None:
    from presage.architecture.compiled.encoder import encoded

    wide = Architecture(
        (Node(Input()), Node(Convolution(4, (9, 9)), (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    )
    small = Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(), (1,))))
    with pytest.raises(InvalidArchitecture) as expected:
        graph_features(GraphBatch.of([small, wide]), (3, 4, 4))
    with pytest.raises(InvalidArchitecture, match="Architecture 1") as found:
        encoded(GraphBatch.of([small, wide]), (3, 4, 4), 10)
    assert str(found.value) == str(expected.value)


def test_the_switch_leaves_everything_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert not is_available()
    monkeypatch.delenv(SWITCH)
    assert is_available()


@pytest.mark.parametrize(("count", "switch", "loaded"), [(FEW, "1", True), (FEW, "0", False), (8, "1", False)])
def test_numba_is_loaded_for_many_networks_alone(count: int, switch: str, loaded: bool) -> None:
    code = f"""
import sys
import numpy as np
from presage.architecture.spaces import get_space
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.testing import synthetic_task
space = get_space("chain")
Inputs(space.decode_batch(space.sample({count}, np.random.default_rng(0))), synthetic_task(1)).features
print("numba" in sys.modules)
"""
    environment = {**os.environ, SWITCH: switch}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)


def test_what_is_learned_is_learned_from_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    from presage.surrogate.data.encoding import Inputs

    experience = synthetic_experience(3, 4)
    for name in ("encoded", "layers_of"):
        monkeypatch.setattr(f"presage.architecture.compiled.encoder.{name}", lambda *_: pytest.fail("was compiled"))
    assert len(experience.features) == len(experience.sequences) == 12
    task, rows = next(experience.rows_by_task())
    assert not experience.inputs(rows, task).compiled
    assert not experience.inputs(rows, task).take(np.arange(1)).compiled
    assert Inputs(experience.graphs, task).compiled


def test_a_task_reads_the_layers_of_many_networks_by_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from presage.surrogate.data.encoding import Inputs

    space, task = get_space("chain"), synthetic_task(1)
    codes = space.sample(FEW, np.random.default_rng(0))
    expected = Inputs(space.decode_batch(codes), task, compiled=False).sequence
    monkeypatch.setattr("presage.architecture.encoders.ragged_layers", lambda *_: pytest.fail("was not compiled"))
    found = Inputs(space.decode_batch(codes), task).sequence
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_allclose(found.layers, expected.layers, rtol=1e-6, atol=1e-6)
