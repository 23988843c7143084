"""Texts of architectures read thousands at once, where each is just what presage writes.

A text is cut into its nodes, and the text of a node around its inputs is looked up: a million networks are made of some
hundred operations, each of which is read once, as `presage.architecture.serial` reads it. A text that is not, sign by
sign, what presage would write of the nodes found in it is not read here: whether it is an architecture, and what is
wrong with it, is for `presage.architecture.serial` to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch, runs
from presage.architecture.graph import Architecture
from presage.architecture.operations import Classifier, Input, Operation
from presage.architecture.serial import loads, nodes_from_json, parsed
from presage.architecture.text import FORMAT, VERSION, text
from presage.errors import InvalidArchitecture

__all__ = ["ReadTexts", "batch_of_texts", "read_texts"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_BEFORE, _AFTER = text(()).split("[]")
_BEFORE += "[{"
_AFTER = "}]" + _AFTER
_MOST = 1 << 20  # characters of a text
_POSITIONS = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:,(?:0|[1-9][0-9]{0,8}))*", re.ASCII)
_NONE = -1


@dataclass(frozen=True, eq=False)
class ReadTexts:
    """k of n texts, as networks.

    Attributes:
        rows: (k,) which of the texts.
        batch: the k networks.
        operation: (m,) of each node of the batch, position in `operations`.
        operations: those that occur, each once.
    """

    rows: Ints
    batch: GraphBatch
    operation: Ints
    operations: tuple[Operation, ...]


def read_texts(texts: Sequence[str]) -> ReadTexts:
    """Those of n texts that are architectures, written as presage writes them."""
    operations, positions = _Operations(), _Positions()
    codes: list[int] = []
    inputs: list[int] = []
    sizes: list[int] = []
    rows: list[int] = []
    for row, one in enumerate(texts):
        if not (one.startswith(_BEFORE) and one.endswith(_AFTER) and len(one) <= _MOST):
            continue
        try:
            own, read = [], []
            for node in one[len(_BEFORE) : -len(_AFTER)].split("},{"):
                begin, rest = node.split('"inputs":[', 1)
                between, end = rest.split("]", 1)
                own.append(operations[begin, end])
                read.append(positions[between])
        except ValueError:  # a node without inputs
            continue
        if _NONE in own or _NONE in read:
            continue
        codes += own
        inputs += read
        sizes.append(len(own))
        rows.append(row)
    found = _gathered(np.array(rows, np.int64), np.array(sizes, np.int64), codes, inputs, operations, positions)
    sound = _is_architecture(found)
    if sound.all():
        return found
    nodes, _ = runs(found.batch.node_start, np.flatnonzero(sound))
    return ReadTexts(found.rows[sound], found.batch.take(sound), found.operation[nodes], found.operations)


def batch_of_texts(texts: Sequence[str]) -> GraphBatch:
    """The networks of n texts, in this order; ten times as fast as `loads` of each.

    Raises:
        InvalidArchitecture: where one is no architecture.
    """
    read = read_texts(texts)
    if len(read.rows) == len(texts):
        return read.batch
    rest = np.setdiff1d(np.arange(len(texts)), read.rows)
    both = GraphBatch.concatenate([read.batch, GraphBatch.of([loads(texts[row]) for row in rest.tolist()])])
    return both.take(np.argsort(np.concatenate([read.rows, rest])))


def _gathered(
    rows: Ints, sizes: Ints, codes: list[int], inputs: list[int], operations: _Operations, positions: _Positions
) -> ReadTexts:
    known = GraphBatch.of([cast(Architecture, _Nodes(operations.found))])  # of each operation, its row
    operation, lists = np.array(codes, np.int64), np.array(inputs, np.int64)
    node_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(one) for one in positions.found])])
    every = np.array([source for one in positions.found for source in one], np.int64)
    taken, edge_start = runs(bounds.astype(np.int64), lists)
    first = np.repeat(np.repeat(node_start[:-1], sizes), np.diff(edge_start))
    batch = GraphBatch(
        node_start,
        known.kind[operation],
        np.asfortranarray(known.attributes[operation]),
        edge_start,
        every[taken] + first,
    )
    return ReadTexts(rows, batch, operation, tuple(operations.found))


def _is_architecture(read: ReadTexts) -> Mask:
    """(k,) which of them obey the rules of `Architecture`: so far, each is a list of nodes that read some position."""
    batch, operations = read.batch, read.operations
    begins, ends = batch.node_start[:-1], batch.node_start[1:] - 1
    is_input = np.array([isinstance(one, Input) for one in operations], bool)[read.operation]
    is_classifier = np.array([isinstance(one, Classifier) for one in operations], bool)[read.operation]
    least = np.array([one.least_inputs for one in operations], np.int64)[read.operation]
    most = np.array([1 << 40 if one.most_inputs is None else one.most_inputs for one in operations], np.int64)
    degree = np.diff(batch.edge_start)
    wrong = (degree < least) | (degree > most[read.operation])
    later = batch.edge_source >= batch.edge_target  # sources of a network count from its own first node
    wrong[batch.edge_target[later]] = True
    wrong[begins] |= ~is_input[begins]
    wrong[ends] |= ~is_classifier[ends]
    bad = np.bincount(batch.graph[wrong], minlength=len(batch)) > 0
    ends_alone = np.bincount(batch.graph[is_input | is_classifier], minlength=len(batch)) == 2
    return np.asarray(~bad & ends_alone & (np.diff(batch.node_start) >= 2))


@dataclass(frozen=True)
class _Nodes:
    """Operations in a row, as `GraphBatch.of` reads nodes; they are no network."""

    operations: Sequence[Operation]

    @property
    def nodes(self) -> tuple[_Alone, ...]:
        return tuple(_Alone(one) for one in self.operations)


@dataclass(frozen=True)
class _Alone:
    operation: Operation
    inputs: tuple[int, ...] = ()


class _Operations(dict[tuple[str, str], int]):
    """The text of a node before and after the list of its inputs → its operation, as a position in `found`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Operation] = []

    def __missing__(self, around: tuple[str, str]) -> int:
        self[around] = _NONE
        node = f'{{{around[0]}"inputs":[]{around[1]}}}'
        try:
            value = parsed(node)
            read = nodes_from_json({"format": FORMAT, "version": VERSION, "nodes": [value]})
        except InvalidArchitecture:
            return _NONE
        if text(read) == f"{_BEFORE[:-1]}{node}{_AFTER[1:]}":
            self[around] = len(self.found)
            self.found.append(read[0].operation)
        return self[around]


class _Positions(dict[str, int]):
    """The text of a list of inputs → the list, as a position in `found`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, ...]] = []

    def __missing__(self, written: str) -> int:
        self[written] = _NONE
        if not written or _POSITIONS.fullmatch(written):
            self[written] = len(self.found)
            self.found.append(tuple(map(int, written.split(","))) if written else ())
        return self[written]
