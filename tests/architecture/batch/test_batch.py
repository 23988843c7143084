"""A batch holds architectures exactly, and its shapes and costs are those of each of them."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.batch.builder import GraphBatchBuilder
from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import ATTRIBUTES, GraphBatch
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    ACTIVATIONS,
    OPERATIONS,
    Activation,
    Add,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    GroupNorm,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Operation,
    Slice,
)
from presage.architecture.spaces import get_space
from presage.architecture.testing import same_batch
from presage.errors import InvalidArchitecture, InvalidArgument

SHAPES = ((3, 16, 16), (1, 8, 8), (3, 33, 21))


def line(*operations: Operation) -> Architecture:
    return Architecture((Node(Input()), *(Node(operation, (i,)) for i, operation in enumerate(operations))))


SMALL = line(Convolution(4), Flatten(), Classifier(bias=False))


def test_every_operation_is_held_exactly(everything: Architecture) -> None:
    assert {type(node.operation) for node in everything.nodes} == set(OPERATIONS)
    functions = [line(Activation(name), Flatten(), Classifier()) for name in ACTIVATIONS]
    architectures = [SMALL, everything, *functions]
    batch = GraphBatch.of(architectures)
    assert len(batch) == len(architectures)
    assert batch.architectures() == architectures
    assert batch.architecture(-1) == architectures[-1]
    with pytest.raises(InvalidArgument, match="`index`"):
        batch.architecture(len(batch))


def test_what_is_derived_of_a_batch_is_made_once_and_kept_for_the_last_arguments() -> None:
    batch, made = GraphBatch.of([SMALL]), []

    def derived(kind: type, arguments: tuple[int, ...]) -> object:
        def make() -> object:
            made.append((kind, arguments))
            return kind(arguments)

        return batch.derived(kind, arguments, make)

    first = derived(list, (1, 2))
    assert derived(list, (1, 2)) is first
    assert derived(set, (3,)) == {3}
    assert derived(list, (1, 2)) is first
    assert derived(list, (4,)) == [4]
    assert derived(list, (1, 2)) is not first
    assert made == [(list, (1, 2)), (set, (3,)), (list, (4,)), (list, (1, 2))]


def test_shapes_are_kept_for_the_images_asked_for_last() -> None:
    batch = GraphBatch.of([SMALL])
    first = batch_shapes(batch, (3, 8, 8))
    assert batch_shapes(batch, [3, 8, 8]) is first
    assert batch_shapes(batch, (3, 8, 8), 7).channels[-1] == 7
    assert batch_shapes(batch, (3, 6, 8)).height[1] == 6
    assert batch_shapes(batch, (3, 8, 8)).height[1] == 8


def test_the_layout_is_as_documented() -> None:
    batch = GraphBatch.of([SMALL, SMALL])
    assert batch.node_start.tolist() == [0, 4, 8]
    assert batch.kind.tolist() == [0, 1, 15, 3] * 2
    assert batch.edge_start.tolist() == [0, 0, 1, 2, 3, 3, 4, 5, 6]
    assert batch.edge_source.tolist() == [0, 1, 2, 4, 5, 6]
    assert batch.edge_target.tolist() == [1, 2, 3, 5, 6, 7]
    assert batch.graph.tolist() == [0] * 4 + [1] * 4
    assert batch.column("kernel_w").tolist() == [0, 3, 0, 0] * 2
    assert "padding_h" in ATTRIBUTES


def test_a_stretch_of_a_batch_is_what_take_gives(everything: Architecture) -> None:
    batch = GraphBatch.of([SMALL, everything, SMALL, everything])
    for start, stop in ((0, 4), (1, 3), (2, 2), (3, 4)):
        assert same_batch(batch.between(start, stop), batch.take(list(range(start, stop))))
    assert np.shares_memory(batch.between(1, 3).attributes, batch.attributes)


def test_take_and_concatenate(everything: Architecture) -> None:
    batch = GraphBatch.of([SMALL, everything, SMALL])
    assert batch.take([1, 1, 0]).architectures() == [everything, everything, SMALL]
    assert batch.take(np.array([False, True, False])).architectures() == [everything]
    assert batch.take([]).architectures() == []
    joined = GraphBatch.concatenate([batch, GraphBatch.of([]), GraphBatch.of([everything])])
    assert same_batch(joined, GraphBatch.of([SMALL, everything, SMALL, everything]))
    assert len(GraphBatch.concatenate([])) == 0


def test_a_builder_writes_different_networks_at_once() -> None:
    builder = GraphBatchBuilder(2)
    x = builder.add(Convolution, builder.image, channels=np.array([8, 16]), kernel=(1, 3), padding=(0, 1))
    x = builder.then(x, Activation, where=np.array([False, True]), function="silu")
    y = builder.add(Convolution, x, where=np.array([True, False]), channels=8, bias=True)
    x = builder.add(Add, x, y)
    builder.add(Classifier, builder.add(Flatten, x))
    flat = (Node(Flatten(), (3,)), Node(Classifier(), (4,)))
    conv = Convolution(8, (1, 3), padding=(0, 1))
    assert builder.finish().architectures() == [
        Architecture(
            (Node(Input()), Node(conv, (0,)), Node(Convolution(8, bias=True), (1,)), Node(Add(), (1, 2)), *flat)
        ),
        Architecture(
            (
                Node(Input()),
                Node(Convolution(16, (1, 3), padding=(0, 1)), (0,)),
                Node(Activation("silu"), (1,)),
                Node(Add(), (2,)),
                *flat,
            )
        ),
    ]
    with pytest.raises(TypeError, match="colour"):
        builder.add(Flatten, x, colour=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_those_of_each_architecture(everything: Architecture, shape: tuple[int, int, int]) -> None:
    architectures = [everything, SMALL]
    for name in ("chain", "nb201"):
        space = get_space(name)
        architectures += space.decode_batch(space.sample(40, np.random.default_rng(0))).architectures()
    batch = GraphBatch.of(architectures)
    found = batch_shapes(batch, shape, 7)
    expected = [item for architecture in architectures for item in architecture.shapes(shape, 7)]
    assert found.flat.tolist() == [len(item) == 1 for item in expected]
    padded = [item if len(item) == 3 else (item[0], 1, 1) for item in expected]
    assert list(zip(found.channels, found.height, found.width, strict=True)) == padded


@pytest.mark.parametrize("name", ["chain", "nb201", "nb201:cells=2,width=4"])
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 9, 13)])
def test_costs_are_those_of_each_of_200_architectures(name: str, shape: tuple[int, int, int]) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(200, np.random.default_rng(1)))
    found = batch_costs(batch, shape, 10)
    for index, architecture in enumerate(batch.architectures()):
        one = costs(architecture, shape, 10)
        assert found.parameters[index] == one.parameters
        assert found.multiply_adds[index] == one.multiply_adds
        assert found.activation_bytes[index] == one.activation_bytes
        assert found.depth[index] == one.depth


def test_costs_of_every_operation_and_of_a_count_beyond_32_bits(everything: Architecture) -> None:
    vast = line(Convolution(10**6), Convolution(10**6, (1, 1), padding=(0, 0)), Flatten(), Classifier())
    batch = GraphBatch.of([everything, vast])
    found = batch_costs(batch, (3, 8, 8), 5)
    for index, architecture in enumerate(batch.architectures()):
        one = costs(architecture, (3, 8, 8), 5)
        assert (found.parameters[index], found.multiply_adds[index]) == (one.parameters, one.multiply_adds)
        assert (found.activation_bytes[index], found.depth[index]) == (one.activation_bytes, one.depth)
    assert found.parameters[1] > 10**12
    assert len(batch_costs(GraphBatch.of([]), (3, 8, 8), 5)) == 0


def test_costs_by_hand() -> None:
    # 3x4x4 → conv 4x4x4 → 64 → 5 classes; the convolution and its input are alive together
    found = batch_costs(GraphBatch.of([SMALL]), (3, 4, 4), 5)
    assert found.parameters.tolist() == [4 * 3 * 9 + 64 * 5]
    assert found.multiply_adds.tolist() == [4 * 16 * 27 + 64 * 5]
    assert found.activation_bytes.tolist() == [4 * (64 + 64)]
    assert found.depth.tolist() == [2]


def joined(operation: Operation, left: int, right: int) -> Architecture:
    flat = (Node(Flatten(), (3,)), Node(Classifier(), (4,)))
    pair = (Node(Convolution(left), (0,)), Node(Convolution(right, stride=(2, 2)), (0,)))
    return Architecture((Node(Input()), *pair, Node(operation, (1, 2)), *flat))


@pytest.mark.parametrize(
    "wrong",
    [
        line(Convolution(4, (9, 9)), Flatten(), Classifier()),
        line(Convolution(4, groups=2), Flatten(), Classifier()),
        line(Convolution(3, groups=3), Convolution(4, groups=3), Flatten(), Classifier()),
        line(GroupNorm(2), Flatten(), Classifier()),
        line(ChannelShuffle(2), Flatten(), Classifier()),
        line(Slice(1, 4), Flatten(), Classifier()),
        line(MaxPool((2, 2), padding=(2, 2)), Flatten(), Classifier()),
        line(Flatten(), Convolution(4), Flatten(), Classifier()),
        line(Flatten(), MaxPool(), Classifier()),
        line(Convolution(4), Linear(4), Classifier()),
        line(Convolution(4), Classifier()),
        joined(Add(), 4, 4),
        joined(Multiply(), 4, 4),
        joined(Concatenate(), 4, 8),
    ],
)
def test_impossible_shapes_are_refused_with_the_words_of_the_architecture(wrong: Architecture) -> None:
    with pytest.raises(InvalidArchitecture) as one:
        wrong.shapes((3, 4, 4), 2)
    with pytest.raises(InvalidArchitecture) as many:
        batch_costs(GraphBatch.of([SMALL, wrong]), (3, 4, 4), 2)
    assert str(many.value) == f"Architecture 1: {one.value}"


def test_costs_of_made_kernels_and_of_classifiers_of_pixels_are_those_of_each() -> None:
    graphs = [
        line(Convolution(8, gain=True), Convolution(8, groups=8, binomial=True), Classifier(pooled=True)),
        line(Convolution(8, standardised=True, epsilon=(1, -6)), Flatten(), Linear(5, gain=True), Classifier()),
        SMALL,
    ]
    found = batch_costs(GraphBatch.of(graphs), (3, 9, 8), 4)
    each = [costs(graph, (3, 9, 8), 4) for graph in graphs]
    assert found.parameters.tolist() == [one.parameters for one in each]
    assert found.multiply_adds.tolist() == [one.multiply_adds for one in each]
    assert found.activation_bytes.tolist() == [one.activation_bytes for one in each]
    assert GraphBatch.of(graphs).architectures() == graphs
