"""Spaces of recurrent cells keep the contract, have as many cells as the papers say, and hold the published ones."""

from __future__ import annotations

from itertools import product
from math import factorial

import numpy as np
import pytest

from presage.architecture.recurrent.published import DARTS_V1, DARTS_V2, ENAS, published
from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.architecture.recurrent.spaces import CellSpace, RnnDarts, RnnEnas, RnnTree
from presage.architecture.testing import CodeSpaceContract
from presage.errors import InvalidArgument


class TestRnnEnas(CodeSpaceContract):
    space = RnnEnas()
    registry = CELL_SPACES


class TestRnnDarts(CodeSpaceContract):
    space = RnnDarts()
    registry = CELL_SPACES


class TestRnnTree(CodeSpaceContract):
    space = RnnTree()
    registry = CELL_SPACES


def every(space: CellSpace) -> np.ndarray:
    return np.array(list(product(*(range(size) for size in space.sizes.tolist()))), np.int64)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 12])
def test_there_are_as_many_cells_as_the_formulas_say(nodes: int) -> None:
    assert RnnEnas(nodes).combinations == 4**nodes * factorial(nodes - 1)
    assert RnnDarts(nodes).combinations == 4**nodes * factorial(nodes)
    if nodes <= 3:
        assert len(every(RnnDarts(nodes))) == 4**nodes * factorial(nodes)


def test_other_wirings_and_activations_are_other_cells() -> None:
    cells = RnnDarts(nodes=3).cells(every(RnnDarts(nodes=3)))
    # nodes are interchangeable where neither reads the other: fewer functions than codes, none lost otherwise
    assert len(cells) == 384
    assert len({cell.hash for cell in cells}) == len({frozenset_of(cell) for cell in cells})


def frozenset_of(cell: object) -> object:
    """A tree of (activation, children) from node 0, children as a multiset: what a cell of `rnn_darts` computes."""
    from presage.architecture.operations import Activation
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.architecture.recurrent.operations import Blend

    assert isinstance(cell, RecurrentCell)
    children: dict[int, list[tuple[str, int]]] = {}
    for at, node in enumerate(cell.nodes):
        if isinstance(node.operation, Blend):
            new = cell.nodes[node.inputs[1]].operation
            function = new.function if isinstance(new, Activation) else "identity"
            children.setdefault(node.inputs[2], []).append((function, at))

    def tree(at: int) -> object:
        return tuple(sorted(((name, tree(child)) for name, child in children.get(at, [])), key=repr))

    return tree(1)


def test_the_published_cells_are_in_their_spaces() -> None:
    enas, darts = RnnEnas(), RnnDarts()
    assert enas.cell(enas.from_genotype("tanh", ENAS)).hash == published("enas").hash
    assert darts.cell(darts.from_genotype(DARTS_V1)).hash == published("darts_v1").hash
    assert darts.cell(darts.from_genotype(DARTS_V2)).hash == published("darts_v2").hash


def test_the_tree_of_the_paper_s_example() -> None:
    """Figure 5 of arXiv 1611.01578: base 2; a_0 = tanh(W x + U h), a_1 = relu(W x ⊙ U h), c into a_0, c' from a_1."""
    space = RnnTree(leaves=2)
    cell = space.cell(
        {
            "node0.combine": "add", "node0.activation": "tanh",
            "node1.combine": "product", "node1.activation": "relu",
            "node2.combine": "product", "node2.activation": "sigmoid",
            "inject.node": 0, "inject.combine": "add", "inject.activation": "relu",
            "memory.node": 1,
        }
    )  # fmt: skip
    assert cell.states == 2
    assert cell.parameters(3, 2) == 3 * (2 * 2 + 2 * 3 + 3)  # two matrices of x, two of h, three biases
    output, memory = cell.nodes[-1].inputs
    assert cell.nodes[output].operation.function == "sigmoid"  # type: ignore[attr-defined]
    assert cell.nodes[memory].operation.name == "product"


@pytest.mark.parametrize("name", ["rnn_enas:nodes=0", "rnn_darts:nodes=65", "rnn_tree:leaves=3"])
def test_sizes_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="must be"):
        get_cell_space(name)


@pytest.mark.parametrize("genotype", [DARTS_V2[:7], [("tanh", 1), *DARTS_V2[1:]], [("gelu", 0), *DARTS_V2[1:]]])
def test_a_genotype_of_another_space_is_refused(genotype: list[tuple[str, int]]) -> None:
    with pytest.raises(InvalidArgument):
        RnnDarts().from_genotype(genotype)
