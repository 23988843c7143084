"""The space `nb101` keeps the contract and holds the cells of NAS-Bench-101: as many, and with as many parameters."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest

from presage.architecture.batch.costs import batch_costs
from presage.architecture.costs import costs
from presage.architecture.operations import Add, Concatenate, Convolution, MaxPool, Slice
from presage.architecture.spaces import NB101, Codes
from presage.architecture.spaces.labelled_graphs import LabelledGraphs, whole
from presage.architecture.spaces.nb101 import CHOICES, MOST_EDGES
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument

CONV3, CONV1, POOL = CHOICES
PUBLISHED = {2: 1, 3: 6, 4: 84, 5: 2441, 6: 62010, 7: 359082}
"""Vertices → cells of so many: 423,624 together, as the paper counts them (section 2.1)."""
BENCHMARK = NB101(cells=3, width=128)

INCEPTION = (
    [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ["input", CONV1, CONV3, CONV3, CONV3, POOL, "output"],
)
"""The Inception-like cell that the authors' page and notebook query."""


class TestNB101(SpaceContract):
    space = NB101()


class TestSmallNB101(SpaceContract):
    space = NB101(vertices=5, cells=2, width=7, stacks=2)


def parameters(space: NB101, codes: Codes) -> list[int]:
    found: list[int] = batch_costs(space.decode_batch(codes), (3, 32, 32), 10).parameters.tolist()
    return found


def test_the_cell_of_the_authors_notebook_has_its_parameters_and_its_spelling() -> None:
    params = BENCHMARK.from_matrix(*INCEPTION)
    assert parameters(BENCHMARK, BENCHMARK.codes([params])) == [2_694_282]
    matrix, operations = BENCHMARK.to_matrix(params)
    assert matrix == [
        [0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ]
    assert operations == ["input", CONV3, CONV1, POOL, CONV3, CONV3, "output"]


@pytest.mark.slow
def test_the_largest_network_has_the_parameters_of_the_benchmarks_largest() -> None:
    graphs = whole(7, MOST_EDGES)
    codes = np.zeros((len(graphs), len(BENCHMARK.sizes)), np.int64)  # every vertex a 3×3 convolution
    for column, parameter in enumerate(BENCHMARK.parameters[:21]):
        source, target = map(int, parameter.name.removeprefix("edge").split("to"))
        codes[:, column] = graphs[:, source, target]
    assert max(parameters(BENCHMARK, codes)) == 49_979_274


def test_parameters_are_those_worked_out_by_hand() -> None:
    """Input to output alone: three cells a stack are three pointwise convolutions with normalisation."""
    alone = BENCHMARK.codes([BENCHMARK.from_matrix([[0, 1], [0, 0]], ["input", "output"])])
    widths = [(128, 128)] * 3 + [(128, 256)] + [(256, 256)] * 2 + [(256, 512)] + [(512, 512)] * 2
    stem = 27 * 128 + 2 * 128
    body = sum(before * after + 2 * after for before, after in widths)
    assert parameters(BENCHMARK, alone) == [stem + body + 512 * 10 + 10]


@pytest.mark.parametrize(
    ("matrix", "before", "width", "channels"),
    [
        pytest.param([(0, 1), (1, 2), (2, 3)], 8, 16, [16, 16, 16], id="a chain"),
        pytest.param([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)], 8, 8, [8, 8, 8, 8], id="a branch within"),
        pytest.param([(0, 1), (0, 2), (1, 3), (2, 3)], 8, 15, [8, 7, 15], id="a branch at the output"),
        pytest.param([(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 8, 8, [3, 3, 2, 8], id="three, uneven"),
        pytest.param([(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)], 8, 9, [5, 5, 4, 9], id="the widest reader"),
        pytest.param([(0, 1), (0, 3), (1, 2), (1, 4), (2, 3), (3, 4)], 8, 15, [8, 7, 7, 15], id="read on and given"),
    ],
)
def test_channels_are_those_of_the_authors_own_tests(
    matrix: list[tuple[int, int]], before: int, width: int, channels: list[int]
) -> None:
    v = 1 + max(target for _, target in matrix)
    edges = np.zeros((1, v, v), np.bool_)
    edges[(0, *zip(*matrix, strict=True))] = True
    graphs = LabelledGraphs(edges, np.zeros((1, v), np.int64), 3)
    assert graphs.channels(width)[0, 1:].tolist() == channels


def classes_by_burnside(v: int) -> int:
    """Labelled graphs of v vertices up to isomorphism, by Burnside's lemma over matrices that are listed one by one."""
    places = [(source, target) for target in range(1, v) for source in range(target)]
    total = 0.0
    for matrix in whole(v, MOST_EDGES).tolist():
        edges = {edge for edge in places if matrix[edge[0]][edge[1]]}
        spellings, fixed = 0, 0
        for inner in permutations(range(1, v - 1)):
            order = (0, *inner, v - 1)
            moved = {(order[source], order[target]) for source, target in edges}
            spellings += all(source < target for source, target in moved)
            if moved == edges:
                fixed += 3 ** cycles(order)
        total += fixed / spellings
    return round(total)


def cycles(order: tuple[int, ...]) -> int:
    """Cycles of a permutation, those of its first and last element apart, which stay where they are."""
    seen: set[int] = set()
    found = 0
    for start in range(1, len(order) - 1):
        at = start
        found += at not in seen
        while at not in seen:
            seen.add(at)
            at = order[at]
    return found


@pytest.mark.parametrize("v", [2, 3, 4, 5, 6, pytest.param(7, marks=pytest.mark.slow)])
def test_there_are_as_many_cells_as_were_published(v: int) -> None:
    assert classes_by_burnside(v) == PUBLISHED[v]
    assert sum(PUBLISHED.values()) == 423_624


def test_whole_graphs_are_all_matrices_with_every_vertex_between_input_and_output() -> None:
    found = 0
    for bits in product((False, True), repeat=10):
        matrix = np.zeros((5, 5), np.bool_)
        matrix[np.tril_indices(5, -1)[::-1]] = bits
        found += bool(matrix[:-1].any(axis=1).all() and matrix[:, 1:].any(axis=0).all() and matrix.sum() <= MOST_EDGES)
    assert len(whole(5, MOST_EDGES)) == found
    assert len(np.unique(whole(5, MOST_EDGES).reshape(found, -1), axis=0)) == found


def all_codes(space: NB101) -> Codes:
    raw = np.array(list(product(*(range(size) for size in space.sizes))), np.int64)
    return np.unique(space.normalise(raw[space.valid(raw)]), axis=0)


def test_every_spelling_of_a_cell_is_one_network_and_the_cells_are_as_many_as_published() -> None:
    space = NB101(vertices=4, width=5, cells=1)  # a width that two vertices divide unevenly
    codes = all_codes(space)
    keys = space.graphs(codes).spelled().key()
    hashes = [architecture.hash for architecture in space.decode_batch(codes).architectures()]
    assert len(set(keys.tolist())) == len(set(hashes)) == len(set(zip(keys.tolist(), hashes, strict=True)))
    assert len(set(hashes)) == PUBLISHED[2] + PUBLISHED[3] + PUBLISHED[4]


@pytest.mark.parametrize("v", [2, 3, 4, 5, 6, pytest.param(7, marks=pytest.mark.slow)])
def test_all_graphs_spell_the_published_number_of_cells(v: int) -> None:
    labels = np.zeros((len(CHOICES) ** (v - 2), v), np.int64)
    labels[:, 1:-1] = np.array(list(product(range(len(CHOICES)), repeat=v - 2))).reshape(len(labels), v - 2)
    keys = set[int]()
    for edges in whole(v, MOST_EDGES):
        graphs = LabelledGraphs(np.broadcast_to(edges, (len(labels), v, v)), labels, len(CHOICES))
        keys.update(graphs.spelled().key().tolist())
    assert len(keys) == PUBLISHED[v]


def test_isomorphic_cells_are_one_network() -> None:
    matrix, operations = np.array(INCEPTION[0]), INCEPTION[1]
    first = BENCHMARK.decode(BENCHMARK.from_matrix(*INCEPTION))
    for order in ([0, 5, 1, 2, 3, 4, 6], [0, 3, 4, 5, 2, 1, 6], [0, 2, 3, 1, 5, 4, 6]):
        other = BENCHMARK.from_matrix(matrix[np.ix_(order, order)].tolist(), [operations[at] for at in order])
        assert BENCHMARK.decode(other) == first


def test_every_cell_is_equally_likely() -> None:
    space, each = NB101(vertices=4), 200
    keys = space.graphs(space.sample(91 * each, np.random.default_rng(0))).spelled().key()
    counts = np.array(list(Counter(keys.tolist()).values()))
    assert len(counts) == 91
    assert ((counts - each) ** 2 / each).sum() < 137  # χ² of 90 degrees of freedom, p = .001


def test_a_sample_hardly_repeats_itself() -> None:
    space = NB101()
    keys = space.graphs(space.sample(2000, np.random.default_rng(1))).spelled().key()
    assert len(np.unique(keys)) > 1980


def test_what_does_not_lie_between_input_and_output_counts_for_nothing() -> None:
    space = NB101()
    chain = space.from_matrix([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", POOL, "output"])
    loose = {**chain, **{f"edge{source}to5": 1 for source in range(5)}, "edge3to4": 1, "vertex5": CONV1}
    codes = space.codes([chain, loose])
    assert not space.active(codes)[1, space.columns["vertex5"]]
    assert space.decode(space.params(codes[0])) == space.decode(space.params(codes[1]))


def test_a_loose_vertex_comes_back_by_one_edge() -> None:
    space = NB101(vertices=5)
    codes = space.sample(3000, np.random.default_rng(2))
    used = space.graphs(codes).used.sum(axis=1)
    grown = [(space.graphs(space.neighbours(code)).used.sum(axis=1) == 5).any() for code in codes[used == 4]]
    assert len(grown) > 50
    assert np.mean(grown) > 0.5


def test_over_nine_edges_and_no_way_through_are_refused() -> None:
    space = NB101()
    ten = np.triu(np.ones((5, 5), np.int64), 1).tolist()
    with pytest.raises(InvalidArgument, match="stand for a network"):
        space.from_matrix(ten, ["input", CONV3, CONV3, CONV3, "output"])
    with pytest.raises(InvalidArgument, match="stand for a network"):
        space.from_matrix([[0, 1, 0], [0, 0, 0], [0, 0, 0]], ["input", CONV3, "output"])
    with pytest.raises(InvalidArgument, match="above its diagonal"):
        space.from_matrix([[0, 1], [1, 0]], ["input", "output"])
    with pytest.raises(InvalidArgument, match="as many rows and columns"):
        space.from_matrix([[0, 1]], ["input", "output"])
    with pytest.raises(InvalidArgument, match="begin with input"):
        space.from_matrix([[0, 1], [0, 0]], ["output", "input"])
    with pytest.raises(InvalidArgument, match="vertex1"):
        space.from_matrix([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv5x5", "output"])
    with pytest.raises(InvalidArgument, match="be between 3 and 7"):
        NB101(vertices=8)
    with pytest.raises(InvalidArgument, match="be between 5 and"):
        NB101(width=4)


def test_a_cell_is_written_as_the_published_code_builds_it() -> None:
    """Two vertices share 15 channels as 8 and 7; the wider is cut for the narrower; the input is added."""
    space = NB101(width=15, cells=1, stacks=1)
    matrix = [[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    network = space.decode(space.from_matrix(matrix, ["input", CONV3, POOL, "output"]))
    found = [node.operation for node in network.nodes]
    assert sorted(one.channels for one in found if isinstance(one, Convolution)) == [8, 8, 15, 15]
    assert [(one.start, one.stop) for one in found if isinstance(one, Slice)] == [(0, 7)]
    assert sum(isinstance(one, MaxPool) for one in found) == sum(isinstance(one, Concatenate) for one in found) == 1
    shapes = network.shapes((3, 8, 8), 10)
    assert [shapes[at] for at, one in enumerate(found) if isinstance(one, Add)] == [(15, 8, 8)]


def test_the_side_is_halved_and_the_width_doubled_between_stacks() -> None:
    network = BENCHMARK.decode(BENCHMARK.from_matrix(*INCEPTION))
    shapes = network.shapes((3, 32, 32), 10)
    joined = [shapes[at] for at, node in enumerate(network.nodes) if isinstance(node.operation, Concatenate)]
    assert joined == [(128, 32, 32)] * 3 + [(256, 16, 16)] * 3 + [(512, 8, 8)] * 3
    assert costs(network, (3, 32, 32), 10).parameters == 2_694_282
