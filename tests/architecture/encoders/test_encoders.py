"""Encoders: hand-computed features, independent counts, and the same answer for every way of writing a network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders import (
    COST_FEATURE_NAMES,
    GRAPH_FEATURE_NAMES,
    LAYER_FEATURE_NAMES,
    cost_features,
    graph_features,
    layer_sequence,
)
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Zero,
)
from presage.architecture.spaces import get_space

SHAPE = (3, 16, 16)


def features(*architectures: Architecture, shape: tuple[int, int, int] = SHAPE) -> list[dict[str, float]]:
    found = graph_features(GraphBatch.of(architectures), shape)
    return [dict(zip(GRAPH_FEATURE_NAMES, row.tolist(), strict=True)) for row in found]


RESIDUAL = Architecture(
    (
        Node(Input()),
        Node(Convolution(8), (0,)),
        Node(BatchNorm(), (1,)),
        Node(Activation("relu"), (2,)),
        Node(Convolution(8, (5, 5), padding=(2, 2)), (3,)),
        Node(Activation("tanh"), (4,)),
        Node(Convolution(8, (1, 1), padding=(0, 0)), (5,)),
        Node(Add(), (3, 6)),
        Node(MaxPool(), (7,)),
        Node(Convolution(32, stride=(2, 2)), (8,)),
        Node(Dropout(250), (9,)),
        Node(AdaptiveAveragePool(), (10,)),
        Node(Flatten(), (11,)),
        Node(Linear(20), (12,)),
        Node(Dropout(500), (13,)),
        Node(Classifier(), (14,)),
    )
)


def test_a_residual_network_by_hand() -> None:
    (found,) = features(RESIDUAL)
    expected = {
        "count.convolution": 4,
        "count.convolution_1": 1,
        "count.convolution_3": 2,
        "count.convolution_5": 1,
        "count.convolution_strided": 1,
        "count.linear": 1,
        "count.relu": 1,
        "count.tanh": 1,
        "count.max_pool": 1,
        "kernel.mean": (3 + 5 + 1 + 3) / 4,
        "dropout.flat": 0.5,
        "dropout.maps": 0.25,
        "longest.weighted": 6,
        "shortest.weighted": 4,
        "longest.convolution_5_up": 1,
        "shortest.convolution_5_up": 0,
        "longest.pool": 1,
        "longest.halvings": 2,
        "shortest.halvings": 2,
        "paths.log_number": 1,
        "paths.mean_weighted": 5,
        "paths.spread_weighted": 1,
        "paths.mean_convolution_wide": 2.5,
        "paths.mean_convolution_1": 0.5,
        "paths.mean_pool": 1,
        "longest.learned_less_pool": 3 + 0.5 - 1,
        "shortest.learned_less_pool": 2 - 1,
        "sums.number": 1,
        "sums.log_most_terms": 1,
        "sums.share_convolution_1": 0.5,
        "sums.share_convolution_wide": 0.5,  # the skip: what the 3x3 convolution gave, normalised and rectified
        # 3 (first) + 4 (5x5) + 1 (pool, jump 1) + 2 · 2 (3x3 at half the side)
        "longest.log_receptive_field": np.log2(1 + 2 + 4 + 1 + 4),
        "shortest.log_receptive_field": np.log2(1 + 2 + 1 + 4),
        "longest.receptive_field_of_side": 12 / 16,
        # conv, 5x5 and 1x1 in a row, and then past the sum one more
        "run.without_norm": 3,
        "run.without_skip": 3,
        "run.without_activation": 2,
        "longest.saturating": 1,
        "channels.log_stem": 3,
        "channels.log_largest": 5,
        "channels.most_widened": 2,
        "channels.widenings": 1,
        "log.parameters": np.log2(3 * 8 * 9 + 16 + 64 * 25 + 64 + 8 * 32 * 9 + 33 * 20),
        "log.multiply_adds": np.log2(256 * (3 * 8 * 9 + 64 * 25 + 64) + 16 * 8 * 32 * 9 + 32 * 20),
        "share.parameters_largest": 2304 / (216 + 16 + 1600 + 64 + 2304 + 660),
        "norms_per_weighted": 1 / 5,
        "stage0.convolutions": 3,
        "stage1.convolutions": 0,
        "stage2.convolutions": 1,
        "stages.used": 2,
        "halvings.number": 2,
        "halvings.first_depth": 3,
        "halvings.last_depth": 4,
        "end.log_pixels": 4,
        "end.log_channels": 5,
        "end.log_features": np.log2(20),
        "linear.log_widest": np.log2(20),
        "linear.log_widest_input": 5,
        "narrowest.log_size": np.log2(20 / 768),
        "narrowest.log_channels": 3,
        "constant": 0,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name


def test_names_are_unique_and_values_finite_for_every_space_and_shape() -> None:
    assert len(set(GRAPH_FEATURE_NAMES)) == len(GRAPH_FEATURE_NAMES) > 100
    for name, shape in itertools.product(("chain", "nb201"), (SHAPE, (1, 4, 4), (3, 33, 20))):
        space = get_space(name)
        batch = space.decode_batch(space.sample(100, np.random.default_rng(0)))
        assert np.isfinite(graph_features(batch, shape)).all()
        assert np.isfinite(cost_features(batch, shape, 7)).all()
        assert np.isfinite(layer_sequence(batch, shape, 7).values).all()


def enumerated(architecture: Architecture) -> list[list[int]]:
    """Every path from image to classifier, as node positions: the slow way."""
    paths: list[list[list[int]]] = [[[0]]]
    for index, node in enumerate(architecture.nodes[1:], start=1):
        if isinstance(node.operation, Zero):
            paths.append([])
        else:
            paths.append([[*path, index] for source in node.inputs for path in paths[source]])
    return paths[-1]


@pytest.mark.parametrize("name", ["chain", "nb201"])
def test_paths_are_those_that_enumeration_finds(name: str) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(150, np.random.default_rng(4)))
    architectures = [a for a in batch.architectures() if sum(isinstance(n.operation, Zero) for n in a.nodes) == 0]
    assert len(architectures) > 50
    checked = 0
    for architecture, found in zip(architectures, features(*architectures), strict=True):
        if found["paths.log_number"] > 12:
            continue
        checked += 1
        operations = [node.operation for node in architecture.nodes]
        weighted = [isinstance(operation, Convolution | Linear | Classifier) for operation in operations]
        wide = [isinstance(operation, Convolution) and operation.kernel[0] > 1 for operation in operations]
        pool = [isinstance(operation, MaxPool | AveragePool) for operation in operations]
        norm = [operation.name in ("batch_norm", "group_norm") for operation in operations]
        paths = enumerated(architecture)
        depths = [sum(weighted[node] for node in path) for path in paths]
        assert found["paths.log_number"] == pytest.approx(np.log2(len(paths)), abs=1e-4)
        assert found["paths.mean_weighted"] == pytest.approx(np.mean(depths), abs=1e-4)
        assert found["paths.spread_weighted"] == pytest.approx(np.std(depths), abs=1e-3)
        for kind, marks in (("weighted", weighted), ("convolution_wide", wide), ("pool", pool), ("norm", norm)):
            lengths = [sum(marks[node] for node in path) for path in paths]
            if kind in ("convolution_wide", "pool"):
                assert found[f"paths.mean_{kind}"] == pytest.approx(np.mean(lengths), abs=1e-4)
            assert found[f"longest.{kind}"] == max(lengths)
            assert found[f"shortest.{kind}"] == min(lengths)
        point = [isinstance(operation, Convolution) and operation.kernel == (1, 1) for operation in operations]
        for powers in ((2, 0, 0), (0, 5, 2), (5, 2, 5)):
            weights = [
                -sum(w * marks[at] for at in path for w, marks in zip(powers, (wide, point, pool), strict=True))
                for path in paths
            ]
            name = "path_sum.wide{}_point{}_pool{}".format(*powers)
            assert found[name] == pytest.approx(np.log2(np.exp2(weights).sum()), abs=1e-4)
    assert checked > 40


def disguised(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """The same function, written with identities, zero terms, dead branches, split sums and repeated pools."""
    nodes: list[Node] = [Node(Input())]
    place = [0]

    def add(node: Node) -> int:
        nodes.append(node)
        return len(nodes) - 1

    for node in architecture.nodes[1:]:
        inputs = [place[source] for source in node.inputs]
        operation = node.operation
        if isinstance(operation, Classifier):
            place.append(add(Node(operation, tuple(inputs))))
            continue
        inputs = [add(Node(Identity(), (source,))) if rng.random() < 0.2 else source for source in inputs]
        if isinstance(operation, Add):
            order = rng.permutation(len(inputs))
            inputs = [inputs[at] for at in order]
            if len(inputs) > 2 and rng.random() < 0.5:
                inputs = [add(Node(Add(), (inputs[0], inputs[1]))), *inputs[2:]]
            if rng.random() < 0.3:
                inputs.append(add(Node(Zero(), (inputs[0],))))
        made = add(Node(operation, tuple(inputs)))
        if isinstance(operation, Convolution | AveragePool) and rng.random() < 0.3:
            add(Node(operation, tuple(inputs)))  # nothing reads it
        if rng.random() < 0.1:
            made = add(Node(Add(), (made,)))
        if rng.random() < 0.1:
            made = add(Node(Dropout(0), (made,)))
        if rng.random() < 0.1:
            made = add(Node(Concatenate(), (made,)))
        place.append(made)
    return Architecture(tuple(nodes))


@pytest.mark.parametrize("name", ["chain", "nb201", "nb201:cells=2,width=4"])
def test_every_way_of_writing_a_network_is_encoded_alike(name: str) -> None:
    space = get_space(name)
    rng = np.random.default_rng(5)
    batch = space.decode_batch(space.sample(150, rng))
    plain = batch.architectures()
    other = GraphBatch.of([disguised(architecture, rng) for architecture in plain])
    canonical = GraphBatch.of([architecture.canonical for architecture in plain])
    assert len(other.kind) > 1.1 * len(batch.kind)
    for like in (other, canonical):
        for left, right in (
            (graph_features(batch, SHAPE), graph_features(like, SHAPE)),
            (cost_features(batch, SHAPE, 10), cost_features(like, SHAPE, 10)),
            (layer_sequence(batch, SHAPE, 10).values, layer_sequence(like, SHAPE, 10).values),
        ):
            assert left.shape == right.shape
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


def test_different_cells_of_nb201_are_told_apart() -> None:
    space = get_space("nb201")
    batch = space.decode_batch(space.sample(600, np.random.default_rng(6)))
    found = graph_features(batch, SHAPE).round(4)
    hashes = {architecture.hash for architecture in batch.architectures()}
    assert len(np.unique(found, axis=0)) > 0.97 * len(hashes)


def gated(first: int, second: int) -> Architecture:
    return Architecture(
        (
            Node(Input()),
            Node(Convolution(8), (0,)),
            Node(AdaptiveAveragePool(), (1,)),
            Node(Convolution(8, (1, 1), padding=(0, 0), bias=True), (2,)),
            Node(Activation("sigmoid"), (3,)),
            Node(Multiply(), (first, second)),
            Node(Concatenate(), (5, 1)),
            Node(AdaptiveAveragePool(), (6,)),
            Node(Flatten(), (7,)),
            Node(Classifier(), (8,)),
        )
    )


def test_a_gate_is_commutative_and_its_pooling_is_not_the_end() -> None:
    left, right = features(gated(1, 4), gated(4, 1))
    assert left == right
    assert left["count.multiply"] == 1
    assert left["count.sigmoid"] == 1
    assert left["end.log_channels"] == 4
    assert left["end.log_pixels"] == 8
    assert left["concatenations.most_inputs"] == 2


@pytest.mark.parametrize(
    ("function", "other", "left"), [("relu", "relu", 1), ("relu6", "relu6", 1), ("relu", "tanh", 2)]
)
def test_an_activation_that_changes_nothing_is_not_counted(function: str, other: str, left: int) -> None:
    def activated(*between: Node) -> Architecture:
        end = 3 + len(between)
        nodes = (Node(Input()), Node(Convolution(4), (0,)), Node(Activation(other), (1,)), *between)
        return Architecture(
            (*nodes, Node(Activation(function), (end - 1,)), Node(Flatten(), (end,)), Node(Classifier(), (end + 1,)))
        )

    with_zero = (Node(Zero(), (2,)), Node(Add(), (2, 3)))
    doubled = (Node(Add(), (2, 2)),)  # twice a relu6 is clipped again
    found = features(activated(), activated(*with_zero), activated(Node(MaxPool(), (2,))), activated(*doubled))
    counts = [row["count.activation"] for row in found]
    pooled = 2 if function == "relu6" else left
    assert counts == [left, left, pooled, pooled]


def test_equal_operations_without_weights_count_once() -> None:
    def pooled(twice: bool) -> Architecture:
        flat = (Node(Flatten(), (4,)), Node(Classifier(), (5,)))
        second = Node(AveragePool(), (1,)) if twice else Node(Zero(), (2,))
        inputs = (2, 3) if twice else (2, 3, 2)
        head = (Node(Input()), Node(Convolution(4), (0,)), Node(AveragePool(), (1,)), second, Node(Add(), inputs))
        return Architecture((*head, *flat))

    once, twice = features(pooled(False), pooled(True))
    assert once == twice
    assert once["count.average_pool"] == 1
    assert once["sums.log_most_terms"] == 1


def test_a_network_of_zeros_is_constant() -> None:
    space = get_space("nb201")
    zeros = space.decode(dict.fromkeys(space.columns, "none"))
    stages = [features(zeros)[0], features(zeros.canonical)[0]]
    assert stages[0] == stages[1]
    nothing = Architecture(
        (Node(Input()), Node(Zero(), (0,)), Node(Convolution(4), (1,)), Node(Flatten(), (2,)), Node(Classifier(), (3,)))
    )
    (found,) = features(nothing)
    assert found["constant"] == 1
    assert found["count.convolution"] == found["longest.weighted"] == found["paths.log_number"] == 0


def test_sums_over_paths_stay_finite_in_networks_of_any_depth() -> None:
    deep = [Node(Input()), *(Node(Convolution(4), (at,)) for at in range(400))]
    doubled = [Node(Input())]
    for at in range(0, 2200, 2):
        doubled += [Node(Add(), (at, at)), Node(Activation("tanh"), (at + 1,))]
    for nodes, expected in ((deep, -1000), (doubled, 1000)):
        nodes += [Node(Flatten(), (len(nodes) - 1,)), Node(Classifier(), (len(nodes),))]
        (found,) = features(Architecture(tuple(nodes)))
        assert found["path_sum.wide5_point0_pool0"] == expected


def test_costs_are_those_of_the_canonical_form() -> None:
    space = get_space("chain")
    batch = space.decode_batch(space.sample(50, np.random.default_rng(7)))
    costs = batch_costs(GraphBatch.of([a.canonical for a in batch.architectures()]), SHAPE, 10)
    found = cost_features(batch, SHAPE, 10)
    assert found.shape == (50, len(COST_FEATURE_NAMES))
    np.testing.assert_allclose(found[:, 0], np.log10(1 + costs.parameters), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], np.log10(1 + costs.multiply_adds), rtol=1e-5)
    np.testing.assert_array_equal(found[:, 4], costs.depth)
    assert (
        10.0 ** found[:, 3] <= costs.activation_bytes * 1.001 + 1
    ).all()  # one operation's output is alive at some time


def test_the_layers_of_a_residual_network_by_hand() -> None:
    short = Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(), (1,))))
    found = layer_sequence(GraphBatch.of([RESIDUAL, short]), SHAPE, 10)
    assert found.lengths.tolist() == [8, 1]
    assert found.nodes.tolist() == [[1, 4, 6, 8, 9, 11, 13, 15], [2, *[-1] * 7]]
    assert found.mask.sum(axis=1).tolist() == [8, 1]
    assert (found.values[1, 1:] == 0).all()

    def column(name: str) -> list[float]:
        return found.values[0, :, LAYER_FEATURE_NAMES.index(name)].astype(float).round(4).tolist()

    assert column("is.convolution") == [1, 1, 1, 0, 1, 0, 0, 0]
    assert column("is.max_pool") == [0, 0, 0, 1, 0, 0, 0, 0]
    assert column("is.classifier") == [0, 0, 0, 0, 0, 0, 0, 1]
    assert column("log2_side_ratio") == [0, 0, 0, -1, -1, -2, 0, 0]
    assert column("log2_side_of_image") == [0, 0, 0, -1, -2, -4, -4, -4]
    assert column("log2_channels")[:6] == [3, 3, 3, 3, 5, 5]
    assert column("reads.norm") == [0, 1, 0, 1, 0, 0, 0, 0]
    assert column("reads.rectifier") == [0, 1, 0, 1, 0, 0, 0, 0]
    assert column("reads.saturating") == [0, 0, 1, 0, 0, 0, 0, 0]
    assert column("reads.dropout") == [0, 0, 0, 0, 0, 0.25, 0, 0.5]
    assert column("log2_terms_read") == [0, 0, 0, 1, 0, 0, 0, 0]
    assert column("so_far.depth") == [1, 2, 3, 3, 4, 4, 5, 6]
    weights = np.cumsum([216, 1600, 64, 0, 2304, 0, 660, 210])
    assert column("so_far.log10_weights") == pytest.approx(np.log10(1 + weights), abs=1e-4)
