"""All 15,625 cells of NAS-Bench-201: the benchmark's own classes, and those of the canonical form by brute force."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from presage.architecture import Architecture, Node, costs
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Identity,
    Input,
    Operation,
    Zero,
)
from presage.architecture.spaces.nb201_isomorphism import isomorphism_class
from presage.errors import InvalidArchitecture

Cell = tuple[tuple[tuple[str, int], ...], ...]

KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


@pytest.fixture(scope="module")
def table(shared: Path) -> dict[str, list[str]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = shared / "tables" / "nb201.parquet"
    if not path.is_file():
        pytest.skip("needs ../shared/tables/nb201.parquet")
    columns: dict[str, list[str]] = parquet.read_table(path, columns=["arch_str", "unique_graph"]).to_pydict()
    return columns


def parse(text: str) -> Cell:
    edges = [[edge.split("~") for edge in node.split("|") if edge] for node in text.split("+")]
    return tuple(tuple((operation, int(source)) for operation, source in node) for node in edges)


def network(cell: Cell) -> Architecture:
    """Stem, one cell written as literally as can be (a node for every edge and every sum), head."""
    nodes = [Node(Input()), Node(Convolution(8), (0,)), Node(BatchNorm(), (1,))]

    def append(operation: Operation, *inputs: int) -> int:
        nodes.append(Node(operation, inputs))
        return len(nodes) - 1

    values = [2]
    for edges in cell:
        terms = []
        for operation, source in edges:
            value = values[source]
            if operation in KERNELS:
                size = KERNELS[operation]
                convolution = Convolution(8, (size, size), padding=(size // 2, size // 2))
                terms.append(append(BatchNorm(), append(convolution, append(Activation(), value))))
            elif operation == "avg_pool_3x3":
                terms.append(append(AveragePool((3, 3), (1, 1), (1, 1), count_padding=False), value))
            else:
                terms.append(append(Identity() if operation == "skip_connect" else Zero(), value))
        values.append(append(Add(), *terms))
    append(Classifier(), append(Flatten(), append(AdaptiveAveragePool(), values[-1])))
    return Architecture(tuple(nodes))


def brute_force(cell: Cell) -> object:
    """The function of a cell up to weights: its live operations, in that of all their orders that is written smallest.

    Operations are (name, operations summed before it); the two kinds of convolution have weights of their own, so two
    of them are two; pooling has none, so two of it on one sum are one.
    """
    values: list[tuple[object, ...]] = [("image",)]
    made: dict[object, tuple[str, tuple[object, ...]]] = {}
    for target, edges in enumerate(cell):
        terms: list[object] = []
        for operation, source in edges:
            if operation == "none" or not values[source]:
                continue
            if operation == "skip_connect":
                terms.extend(values[source])
            else:
                name = (target, source) if operation in KERNELS else (operation, values[source])
                made[name] = (operation, values[source])
                terms.append(name)
        values.append(tuple(sorted(terms, key=repr)))
    live: list[object] = []
    stack = list(values[-1])
    while stack:
        name = stack.pop()
        if name != "image" and name not in live:
            live.append(name)
            stack.extend(made[name][1])

    def written(order: tuple[object, ...]) -> tuple[object, ...]:
        place = {name: index for index, name in enumerate(order)}
        place["image"] = -1
        lines = [(made[name][0], tuple(sorted(place[term] for term in made[name][1]))) for name in order]
        return tuple(lines), tuple(sorted(place[term] for term in values[-1]))

    def expression(name: object) -> str:
        terms = made[name][1] if name in made else ()
        return "0" if name == "image" else f"({'+'.join(sorted(map(expression, terms)))}){made[name][0]}"

    live.sort(key=expression)
    groups = [tuple(group) for _, group in itertools.groupby(live, key=expression)]
    orders = itertools.product(*(itertools.permutations(group) for group in groups))
    return min(written(tuple(itertools.chain(*order))) for order in orders)  # type: ignore[type-var]


def test_the_benchmarks_own_classes_are_its_column_unique_graph(table: dict[str, list[str]]) -> None:
    classes = [isomorphism_class(text) for text in table["arch_str"]]
    assert len(classes) == 15_625
    assert len(set(classes)) == len(set(table["unique_graph"])) == 6_466
    assert len(set(zip(classes, table["unique_graph"], strict=True))) == 6_466


def test_equal_hash_means_equal_function_and_the_reverse(table: dict[str, list[str]]) -> None:
    cells = [parse(text) for text in table["arch_str"]]
    hashes, parameters, seconds = [], {}, 0.0
    for cell in cells:  # one at a time: a hundred thousand live nodes would keep the garbage collector busy
        found = network(cell)
        start = time.process_time()
        hashes.append(found.hash)
        seconds += time.process_time() - start
        if found.hash not in parameters:
            parameters[found.hash] = costs(found.canonical, (3, 8, 8), 10).parameters
    assert seconds < 20  # 3.4 s where little else runs
    functions = [brute_force(cell) for cell in cells]
    assert len(set(functions)) == len(set(hashes)) == len(set(zip(functions, hashes, strict=True))) == 5_260

    counts: dict[str, set[int]] = {}
    for name, hashed in zip(table["unique_graph"], hashes, strict=True):
        counts.setdefault(name, set()).add(parameters[hashed])
    assert sum(len(sizes) > 1 for sizes in counts.values()) == 430  # why `unique_graph` cannot be the hash


def test_a_string_of_no_cell_is_refused() -> None:
    with pytest.raises(InvalidArchitecture, match="NAS-Bench-201 string"):
        isomorphism_class("|conv~0|")
