"""Network keys against the canonical hash, which is their independent reference."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    Identity,
    Input,
    Multiply,
    Zero,
)
from presage.architecture.spaces import get_space
from presage.architecture.spaces.registry import SPACES
from presage.architecture.spaces.space import Space
from presage.search.sameness import _by_steps, _compiled, network_keys
from presage.search.testing import TinySpace


def _classes(words: list[object]) -> list[int]:
    first: dict[object, int] = {}
    return [first.setdefault(word, at) for at, word in enumerate(words)]


@pytest.mark.parametrize("space", [TinySpace(), get_space("chain"), get_space("nb201")], ids=lambda space: space.family)
def test_equal_keys_have_equal_hashes_and_nearly_always_the_reverse(space: Space) -> None:
    codes = space.sample(250, np.random.default_rng(1))
    graphs = space.decode_batch(codes)
    keys = _classes(network_keys(graphs).tolist())
    hashes = _classes([architecture.hash for architecture in graphs.architectures()])
    assert [hashes[at] for at in keys] == hashes  # never one key for two hashes
    assert len(set(keys)) <= 1.1 * len(set(hashes))


def test_no_two_cells_of_nas_bench_201_are_merged_wrongly() -> None:
    space = get_space("nb201")
    cells = np.indices([5] * 6).reshape(6, -1).T.astype(np.int64)[::31]
    graphs = space.decode_batch(cells)
    keys = network_keys(graphs).tolist()
    hashes = [architecture.hash for architecture in graphs.architectures()]
    assert len(set(zip(keys, hashes, strict=True))) == len(set(keys))


def _network(*nodes: Node) -> Architecture:
    end = len(nodes)
    return Architecture(
        (
            Node(Input()),
            *nodes,
            Node(AdaptiveAveragePool(), (end,)),
            Node(Flatten(), (end + 1,)),
            Node(Classifier(), (end + 2,)),
        )
    )


CONV, RELU = Convolution(4), Activation("relu")


def test_one_convolution_read_twice_is_not_two_convolutions() -> None:
    once = _network(Node(CONV, (0,)), Node(Add(), (1, 1)))
    twice = _network(Node(CONV, (0,)), Node(CONV, (0,)), Node(Add(), (1, 2)))
    assert once.hash != twice.hash
    one, other = network_keys(GraphBatch.of([once, twice]))
    assert one != other


def test_dead_nodes_identities_zeros_and_the_order_of_sums_do_not_matter() -> None:
    plain = _network(Node(CONV, (0,)), Node(RELU, (1,)), Node(Add(), (1, 2)))
    same = [
        _network(Node(CONV, (0,)), Node(RELU, (1,)), Node(Add(), (2, 1))),
        _network(Node(CONV, (0,)), Node(Identity(), (1,)), Node(RELU, (2,)), Node(Add(), (2, 3))),
        _network(Node(CONV, (0,)), Node(CONV, (0,)), Node(RELU, (1,)), Node(Add(), (1, 3))),
        _network(Node(CONV, (0,)), Node(RELU, (1,)), Node(Zero(), (1,)), Node(Add(), (1, 3)), Node(Add(), (4, 2))),
    ]
    assert {one.hash for one in same} == {plain.hash}
    keys = network_keys(GraphBatch.of([plain, *same]))
    assert len(np.unique(keys)) == 1


def test_the_order_of_a_concatenation_matters_and_that_of_a_product_does_not() -> None:
    def of(operation: Concatenate | Multiply, *inputs: int) -> Architecture:
        return _network(Node(CONV, (0,)), Node(RELU, (1,)), Node(operation, inputs))

    graphs = [of(Concatenate(), 1, 2), of(Concatenate(), 2, 1), of(Multiply(), 1, 2), of(Multiply(), 2, 1)]
    keys = network_keys(GraphBatch.of(graphs))
    assert keys[0] != keys[1]
    assert keys[2] == keys[3]


def test_zeros_of_different_widths_in_a_concatenation_are_told_apart() -> None:
    def of(width: int) -> Architecture:
        return _network(
            Node(CONV, (0,)), Node(Convolution(width), (0,)), Node(Zero(), (2,)), Node(Concatenate(), (1, 3))
        )

    one, other = network_keys(GraphBatch.of([of(2), of(8)]))
    assert one != other


@pytest.mark.parametrize("family", SPACES)
def test_compiled_keys_are_those_of_numpy(family: str) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    space = get_space(family)
    codes = space.normalise(space.sample(300, np.random.default_rng(2)))
    graphs = space.decode_batch(codes[space.valid(codes)])
    (expected, literal), (found, own) = _by_steps(graphs), _compiled(graphs)
    assert own.tolist() == literal.tolist()
    sure = np.setdiff1d(np.arange(len(graphs)), literal)
    assert len(sure) > 100
    assert found[sure].tolist() == expected[sure].tolist()


def test_no_networks_have_no_keys() -> None:
    assert len(network_keys(GraphBatch.of([]))) == 0
