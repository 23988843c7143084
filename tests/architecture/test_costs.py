"""Costs against numbers worked out by hand."""

from __future__ import annotations

import pytest

from presage.architecture import Architecture, Costs, Node, costs
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
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
    Shape,
    Slice,
)
from presage.errors import InvalidArchitecture, InvalidArgument


def chain(*operations: Operation) -> Architecture:
    nodes = [Node(Input())]
    for operation in operations:
        nodes.append(Node(operation, (len(nodes) - 1,)))
    return Architecture(tuple(nodes))


def test_a_chain_by_hand() -> None:
    network = chain(
        Convolution(8, kernel=(3, 3), bias=True),  # 8·3·9 + 8 = 224 parameters; 8·64·27 = 13,824 multiply-adds
        BatchNorm(),  # 16 parameters
        Activation(),
        MaxPool(),  # 8×4×4
        Convolution(8, kernel=(5, 5), padding=(2, 2), groups=8),  # 8·25 = 200 parameters; 8·16·25 = 3,200
        Flatten(),  # 128
        Linear(10),  # 1,290 parameters; 1,280
        Classifier(),  # 5·11 = 55 parameters; 50
    )
    assert costs(network, (3, 8, 8), 5) == Costs(
        parameters=224 + 16 + 200 + 1_290 + 55,
        multiply_adds=13_824 + 3_200 + 1_280 + 50,
        activation_bytes=4 * 2 * 512,  # 8×8×8 and its normalised copy
        depth=4,
    )


def test_peak_of_activations_keeps_an_input_until_its_last_reader() -> None:
    # sizes: image 12, a 16 (4×2×2), b 16, c 16, sum 16, mean 4, flat 4, logits 2
    nodes = (
        Node(Input()),
        Node(Convolution(4), (0,)),  # a: alive 12 + 16 = 28
        Node(Activation(), (1,)),  # b: alive a, b = 32
        Node(Activation("tanh"), (2,)),  # c: alive a (read by the sum), b, c = 48
        Node(Add(), (3, 1)),  # alive a, c, sum = 48
        Node(AdaptiveAveragePool(), (4,)),
        Node(Flatten(), (5,)),
        Node(Classifier(), (6,)),
    )
    assert costs(Architecture(nodes), (3, 2, 2), 2).activation_bytes == 4 * 48


def test_a_node_that_nothing_reads_lives_while_it_runs() -> None:
    nodes = (
        Node(Input()),
        Node(Convolution(100), (0,)),  # 400 numbers, read by none
        Node(Flatten(), (0,)),
        Node(Classifier(), (2,)),
    )
    found = costs(Architecture(nodes), (3, 2, 2), 2)
    assert found.activation_bytes == 4 * (12 + 400)
    assert found.depth == 1


def test_depth_is_the_longest_path_of_weighted_layers() -> None:
    nodes = (
        Node(Input()),
        Node(Convolution(4), (0,)),
        Node(Convolution(4), (1,)),
        Node(Convolution(4), (2,)),
        Node(Add(), (1, 3)),
        Node(Flatten(), (4,)),
        Node(Classifier(), (5,)),
    )
    assert costs(Architecture(nodes), (3, 2, 2), 2).depth == 4


@pytest.mark.parametrize(
    ("operation", "inputs", "shape", "parameters", "multiply_adds"),
    [
        (Convolution(6, (3, 1), (2, 1), (0, 0), (2, 1), 3), [(3, 9, 4)], (6, 3, 4), 18, 6 * 12 * 3),
        (MaxPool((3, 3), (2, 2), (1, 1)), [(2, 7, 8)], (2, 4, 4), 0, 0),
        (MaxPool((3, 3), (2, 2), (0, 0), True), [(2, 8, 8)], (2, 4, 4), 0, 0),
        (MaxPool((2, 2), (2, 2), (1, 1), True), [(2, 5, 5)], (2, 3, 3), 0, 0),
        (AveragePool((2, 3), (1, 3), (0, 1)), [(2, 5, 5)], (2, 4, 2), 0, 0),
        (GroupNorm(2), [(4, 3, 3)], (4, 3, 3), 8, 0),
        (BatchNorm(False), [(4, 3, 3)], (4, 3, 3), 0, 0),
        (Slice(1, 3), [(4, 3, 3)], (2, 3, 3), 0, 0),
        (Multiply(), [(4, 3, 3), (4, 1, 1)], (4, 3, 3), 0, 0),
        (Concatenate(), [(4, 3, 3), (2, 3, 3)], (6, 3, 3), 0, 0),
    ],
)
def test_single_operations_by_hand(
    operation: Operation, inputs: list[Shape], shape: Shape, parameters: int, multiply_adds: int
) -> None:
    assert operation.shape(inputs) == shape
    assert operation.cost(operation, inputs[0], shape) == (parameters, multiply_adds)


@pytest.mark.parametrize("shape", [(3, 8), (3, 8, 0), (1, 2, 3, 4)])
def test_image_shape_must_be_three_positive_numbers(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"The `input_shape` of `Architecture.shapes` must be \(c, h, w\)"):
        costs(chain(Flatten(), Classifier()), shape, 10)


def test_one_class_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="`classes`"):
        costs(chain(Flatten(), Classifier()), (3, 8, 8), 1)


def test_classifier_on_a_map_is_refused() -> None:
    with pytest.raises(InvalidArchitecture, match="Node 1: The operation `classifier` needs a flat input"):
        costs(chain(Classifier()), (3, 8, 8), 10)
