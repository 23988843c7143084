"""The space `hierarchical` keeps the contract and is what the paper describes: levels, mutation, parameters."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.operations import Concatenate, Convolution
from presage.architecture.spaces import Choice, Hierarchical
from presage.architecture.spaces.hierarchical import PRIMITIVES
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument

NONE, IDENTITY, CONV, DEPTHWISE, SEPARABLE, LARGEST, AVERAGE = PRIMITIVES
EDGES = ("edge0to1", "edge0to2", "edge1to2", "edge0to3", "edge1to3", "edge2to3")
CELL_EDGES = (*EDGES, "edge0to4", "edge1to4", "edge2to4", "edge3to4")

BEST = {
    "motif1": (LARGEST, CONV, DEPTHWISE, SEPARABLE, CONV, LARGEST),
    "motif2": (LARGEST, DEPTHWISE, DEPTHWISE, CONV, SEPARABLE, SEPARABLE),
    "motif3": (SEPARABLE, DEPTHWISE, SEPARABLE, SEPARABLE, IDENTITY, AVERAGE),
    "motif4": (AVERAGE, SEPARABLE, SEPARABLE, IDENTITY, LARGEST, AVERAGE),
    "motif5": (IDENTITY, SEPARABLE, IDENTITY, SEPARABLE, IDENTITY, SEPARABLE),
    "motif6": (DEPTHWISE, LARGEST, LARGEST, SEPARABLE, IDENTITY, AVERAGE),
}
BEST_CELL = (5, 3, 3, 3, 1, 3, 4, 5, 5, 5)
"""The cell that the paper's evolution found, as its appendix draws it (one label is not legible there: identity)."""


class TestHierarchical(SpaceContract):
    space = Hierarchical()


class TestSmallHierarchical(SpaceContract):
    space = Hierarchical(motifs=2, cells=2, width=3)


def named(motifs: dict[str, tuple[str, ...]], cell: dict[str, str]) -> dict[str, Choice]:
    """Parameters of `Hierarchical`: the motifs edge by edge, all other edges none."""
    space = Hierarchical()
    found: dict[str, Choice] = dict.fromkeys((parameter.name for parameter in space.parameters), NONE)
    for name, edges in motifs.items():
        found |= {f"{name}.{edge}": primitive for edge, primitive in zip(EDGES, edges, strict=True)}
    return found | {f"cell.{edge}": motif for edge, motif in cell.items()}


def best() -> dict[str, Choice]:
    return named(BEST, {edge: f"motif{motif}" for edge, motif in zip(CELL_EDGES, BEST_CELL, strict=True)})


def by_hand(width: int, cells: int) -> int:
    """Parameters of the paper's network for CIFAR-10 with its best cell."""

    def separable(read: int, wide: int) -> int:
        return 9 * read + read * wide + 2 * wide

    def motif(name: str, read: int, wide: int) -> int:
        chosen = dict(zip(EDGES, BEST[name], strict=True))
        channels, total = [read], 0
        for target in (1, 2, 3):
            given = 0
            for source in range(target):
                primitive, has = chosen[f"edge{source}to{target}"], channels[source]
                given += wide if primitive in (CONV, SEPARABLE) else has
                total += {CONV: has * wide + 2 * wide, DEPTHWISE: 11 * has, SEPARABLE: separable(has, wide)}.get(
                    primitive, 0
                )
            channels.append(given)
        return total + channels[-1] * wide + 2 * wide

    wide, total = width, 27 * width + 2 * width
    for stage in range(3):
        for cell in range(cells):
            for edge, name in zip(CELL_EDGES, BEST_CELL, strict=True):
                source = int(edge.removeprefix("edge").split("to")[0])
                total += motif(f"motif{name}", max(source, 1) * wide, wide)
            after = wide * (2 if cell == cells - 1 and stage < 2 else 1)
            total += separable(4 * wide, after)
            wide = after
    return total + (wide + 1) * 10


@pytest.mark.parametrize(("cells", "width", "millions"), [(1, 16, None), (2, 64, 15.7)])
def test_the_papers_best_cell_has_the_published_parameters(cells: int, width: int, millions: float | None) -> None:
    space = Hierarchical(cells=cells, width=width)
    found = costs(space.decode(best()), (3, 32, 32), 10).parameters
    assert found == by_hand(width, cells)
    if millions is not None:
        assert found / 1e6 == pytest.approx(millions, abs=0.05)


def test_levels_have_as_many_motifs_and_nodes_as_the_papers() -> None:
    """M = 6 primitives beside none, 6 motifs of 4 nodes, one cell of 5 (section 4.1)."""
    counts = Counter(parameter.name.split(".")[0] for parameter in Hierarchical().parameters)
    assert counts == {**dict.fromkeys((f"motif{motif}" for motif in range(1, 7)), 6), "cell": 10}
    assert {len(parameter.choices) for parameter in Hierarchical().parameters} == {7}
    shapes = Hierarchical(width=16).decode(best()).shapes((3, 32, 32), 10)
    assert {shape[1] for shape in shapes if len(shape) == 3} == {32, 16, 8, 1}


def test_a_node_is_what_leads_to_it_one_after_the_other() -> None:
    motif = (CONV, DEPTHWISE, NONE, IDENTITY, LARGEST, AVERAGE)
    space = Hierarchical(width=4)
    network = space.decode(named({"motif2": motif}, {"edge0to4": "motif2"}))
    shapes = network.shapes((3, 8, 8), 10)
    joined = [shapes[at] for at, node in enumerate(network.nodes) if isinstance(node.operation, Concatenate)]
    assert joined == [(12, 8, 8), (24, 4, 4), (48, 2, 2)]  # of the input, node 1 and node 2
    channels = [node.operation.channels for node in network.nodes if isinstance(node.operation, Convolution)]
    assert channels == [4] * 5 + [8] * 5 + [16] * 6  # stem; of each stage three of the motif, two of the separable one


def test_what_leads_nowhere_is_not_there() -> None:
    space = Hierarchical()
    chain = (IDENTITY, NONE, CONV, NONE, NONE, DEPTHWISE)
    loose = (IDENTITY, SEPARABLE, NONE, NONE, CONV, NONE)  # its third node is not read
    bare = (NONE, NONE, SEPARABLE, NONE, SEPARABLE, SEPARABLE)  # nothing reads its input
    cell = {"edge0to4": "motif1", "edge0to1": "motif2", "edge1to4": "motif3", "edge0to3": "motif1"}
    some = space.decode(named({"motif1": chain, "motif2": loose, "motif3": bare}, cell))
    assert some == space.decode(named({"motif1": chain}, {"edge0to4": "motif1"}))
    with pytest.raises(InvalidArgument, match="stand for a network"):
        space.codes([named({"motif3": bare}, {"edge0to4": "motif3"})])
    with pytest.raises(InvalidArgument, match="stand for a network"):
        space.codes([named({"motif1": chain}, {"edge0to3": "motif1"})])


def test_mutation_draws_level_motif_node_and_edge_as_the_paper_does() -> None:
    """Half of the changes are of the cell; a motif is changed as often as another; of a graph, each later node as often
    as another, whatever the number of nodes that may lead to it (section 3.1)."""
    space = Hierarchical()
    parents = np.repeat(space.codes([best()]), 20_000, axis=0)
    children = space.mutate(parents, np.random.default_rng(0))
    changed = Counter(space.parameters[at].name for at in np.nonzero(children != parents)[1])
    assert sum(changed.values()) == 20_000
    groups = Counter[str]()
    targets = Counter[str]()
    for name, count in changed.items():
        group, edge = name.split(".")
        groups[group] += count
        targets[f"{group == 'cell'} {edge[-1]}"] += count
    assert groups["cell"] == pytest.approx(10_000, rel=0.05)
    assert all(groups[f"motif{motif}"] == pytest.approx(10_000 / 6, rel=0.12) for motif in range(1, 7))
    assert all(targets[f"True {target}"] == pytest.approx(2_500, rel=0.1) for target in range(1, 5))
    assert all(targets[f"False {target}"] == pytest.approx(10_000 / 3, rel=0.1) for target in range(1, 4))


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="be between 1 and 100"):
        Hierarchical(motifs=0)
    with pytest.raises(InvalidArgument, match="width"):
        Hierarchical(width=0)
