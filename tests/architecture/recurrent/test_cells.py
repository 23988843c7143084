"""Recurrent cells are graphs with one canonical form, one hash and one text; published ones are what they should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presage.architecture.node import Node
from presage.architecture.operations import Activation, Dropout
from presage.architecture.recurrent.builder import CellBuilder
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import CellInput, CellMatrix, CellOutput, CellState
from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.registry import get_cell
from presage.architecture.recurrent.serial import cell_from_json, cell_to_json, dumps_cell, loads_cell
from presage.errors import InvalidArchitecture, UnknownName

HASHES = {
    "rnn": "0b6acd1a",
    "lstm": "185ab4f0",
    "gru": "0207862a",
    "enas": "6761505f",
    "darts_v1": "84aa72b5",
    "darts_v2": "730232f1",
}
"""Never to change: experience is stored under them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_cell_keeps_its_hash_and_its_text(name: str) -> None:
    cell = published(name)
    assert cell.hash[:8] == HASHES[name]
    assert cell_from_json(json.loads(json.dumps(cell_to_json(cell)))) == cell
    assert loads_cell(dumps_cell(cell)) == cell
    assert cell.canonical.canonical == cell.canonical
    assert cell.canonical.hash == cell.hash


@pytest.mark.parametrize(
    ("name", "matrices", "biases", "depth"),
    [("rnn", (1, 1), 1, 1), ("lstm", (4, 4), 4, 1), ("gru", (3, 3), 4, 1), ("enas", (2, 24), 24, 7),
     ("darts_v1", (2, 18), 18, 7), ("darts_v2", (2, 18), 18, 5)],
)  # fmt: skip
def test_parameters_are_those_counted_by_hand(name: str, matrices: tuple[int, int], biases: int, depth: int) -> None:
    cell, (of_input, of_state) = published(name), matrices
    assert cell.parameters(7, 5) == 7 * (5 * of_input + 7 * of_state + biases)
    assert cell.multiply_adds(7, 5) == 7 * (5 * of_input + 7 * of_state)
    assert cell.depth == depth


def test_one_function_has_one_hash_however_it_is_written() -> None:
    one, other = CellBuilder(states=2), CellBuilder(states=2)
    left, right = one.matrix(one.x, one.h), one.activation("sigmoid", one.matrix(one.x))
    first = one.finish(one.product(left, right), one.add(left, one.states[1]))
    dead = other.activation("tanh", other.matrix(other.h))
    right = other.activation("relu", other.activation("sigmoid", other.matrix(other.x)))
    left = other.matrix(other.x, other.h)
    second = other.finish(other.product(right, left), other.add(other.states[1], left))
    assert dead not in second.canonical.nodes[-1].inputs
    assert first.nodes != second.nodes
    assert first.hash == second.hash
    third = CellBuilder(states=2)
    left, right = third.matrix(third.x, third.h), third.activation("tanh", third.matrix(third.x))
    assert third.finish(third.product(left, right), third.add(left, third.states[1])).hash != first.hash


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((Node(CellInput()),), "end with `cell_output`"),
        ((Node(CellInput()), Node(CellOutput(), (0,))), "must not read the `cell_input`"),
        ((Node(CellInput()), Node(CellMatrix(), (2,)), Node(CellOutput(), (1,))), "reads only earlier nodes"),
        ((Node(CellInput()), Node(CellMatrix(), (0, 0)), Node(CellOutput(), (1,))), "twice"),
        (
            (Node(CellInput()), Node(CellState(1)), Node(CellMatrix(), (0, 1)), Node(CellOutput(), (2,))),
            "none is missing",
        ),
        ((Node(CellInput()), Node(CellState()), Node(CellMatrix(), (1,)), Node(CellOutput(), (2,))), "depend on"),
        (
            (Node(CellInput()), Node(CellMatrix(), (0,)), Node(Dropout(), (1,)), Node(CellOutput(), (2,))),
            "no operation of",
        ),
        (
            (Node(CellInput()), Node(CellMatrix(), (0,)), Node(Activation("gelu"), (1,)), Node(CellOutput(), (2,))),
            "gelu",
        ),
        ((Node(CellInput()), Node(CellMatrix()), Node(CellOutput(), (1,))), "0 inputs"),
    ],
)
def test_what_is_no_cell_is_refused_in_one_line(nodes: tuple[Node, ...], said: str) -> None:
    with pytest.raises(InvalidArchitecture, match=said) as refused:
        RecurrentCell(nodes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "no JSON"),
        ('{"format":"presage-architecture","version":1,"nodes":[]}', '"presage-cell"'),
        ('{"format":"presage-cell","version":2,"nodes":[]}', "Upgrade presage"),
        ('{"format":"presage-cell","version":1,"nodes":[{"op":"convolution","inputs":[]}]}', "No operation"),
        ('{"format":"presage-cell","version":1,"nodes":[{"op":"state","inputs":[],"index":9}]}', "`index`"),
    ],
)
def test_a_file_that_holds_no_cell_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "cell.json"
    path.write_text(text)
    with pytest.raises(InvalidArchitecture, match=said) as refused:
        get_cell(str(path))
    assert "\n" not in str(refused.value)
    assert "cell.json" in str(refused.value)


def test_a_cell_is_found_by_name_or_by_file(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(dumps_cell(published("gru")))
    assert get_cell(str(tmp_path / "mine.json")) == get_cell("gru")
    with pytest.raises(UnknownName, match="Did you mean `lstm`"):
        get_cell("lstn")
    with pytest.raises(InvalidArchitecture, match="No such file"):
        get_cell(str(tmp_path / "none.json"))
