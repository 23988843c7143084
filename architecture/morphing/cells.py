"""`repeated_cells`: the part that makes up most of a network by its repetitions, and where each of them lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction

from presage.architecture.graph import Architecture, Node
from presage.architecture.operation import Operation
from presage.architecture.stages import bottlenecks

__all__ = ["Cell", "repeated_cells"]

Cell = tuple[int, ...]
"""Nodes of one repetition: first the one that it reads, outside of it, last the one that is read of it. Equal places
of two repetitions are the same part of the cell."""

_WIDTHS = ("channels", "features")
_GROUPS = "groups"


@dataclass(frozen=True)
class _Part:
    """Nodes between two that every path goes through.

    Attributes:
        said: operations and wiring, widths as shares of what is read: equal for equal parts.
        nodes: in an order that is the same for equal parts, the last one is read by what follows.
        weighted: how many of them are layers with weights.
        entry: the node that they read.
        keeps: whether the last one gives maps of the side that they read.
    """

    said: tuple[object, ...]
    nodes: tuple[int, ...]
    weighted: int
    entry: int
    keeps: bool


def repeated_cells(architecture: Architecture, input_shape: Sequence[int], classes: int) -> tuple[Cell, ...]:
    """The repetitions of the part that makes up most of a network's nodes; none where nothing is repeated.

    A cell reads one node and is read through one: every path from the image to the classifier goes through both. Its
    repetitions are of the same operations and wiring, strides and kernels too. They may be of any width, but what each
    layer makes of the channels that it reads is the same share; and lie anywhere where maps have several pixels. A
    part that keeps the side goes before those that reduce it. Of two that make up as much the shorter counts, then the
    one whose repetitions begin later. Cells that read the two before them, as those of DARTS do, are none of these.

    Raises:
        InvalidArchitecture: images of this shape do not fit.
    """
    parts = _parts(architecture, architecture.shapes(input_shape, classes))
    best = (False, 0, 0, 0)
    found: list[int] = []
    for period in range(1, len(parts) // 2 + 1):
        for begins in _runs(parts, period):
            unit = parts[begins[0] : begins[0] + period]
            nodes = sum(len(part.nodes) for part in unit)
            rank = (all(part.keeps for part in unit), nodes * len(begins), -period, begins[0])
            if len(begins) > 1 and rank > best:
                best, found = rank, begins
    period = -best[2]
    return tuple(_cell(parts[begin : begin + period]) for begin in found)


def _cell(parts: Sequence[_Part]) -> Cell:
    return (parts[0].entry, *(node for part in parts for node in part.nodes))


def _runs(parts: Sequence[_Part], period: int) -> list[list[int]]:
    """Of each sequence of so many parts, where it begins; none overlaps another of its kind. It begins with a layer, as
    what follows a layer belongs to it, and has other nodes, to which something can be added."""
    found: dict[tuple[object, ...], list[int]] = {}
    for begin in range(len(parts) - period + 1):
        unit = parts[begin : begin + period]
        if unit[0].weighted and any(part.weighted < len(part.nodes) for part in unit):
            begins = found.setdefault(tuple(part.said for part in unit), [])
            if not begins or begin >= begins[-1] + period:
                begins.append(begin)
    return list(found.values())


def _parts(architecture: Architecture, shapes: Sequence[Sequence[int]]) -> list[_Part]:
    """The parts of maps of several pixels, in order."""
    labels: dict[tuple[object, ...], int] = {}
    found: list[_Part] = []
    entry = 0
    for end in bottlenecks(architecture):
        if max(shapes[end][1:], default=1) < 2:
            break
        found.append(_part(architecture.nodes, shapes, entry, end, labels))
        entry = end
    return found


def _part(
    nodes: Sequence[Node], shapes: Sequence[Sequence[int]], entry: int, end: int, labels: dict[tuple[object, ...], int]
) -> _Part:
    """The nodes that one needs of another.

    Args:
        labels: numbers for what is to be told apart, shared by all parts.
    """
    within = _needed(nodes, entry, end)
    operations = {at: _said(nodes[at].operation, [shapes[source] for source in nodes[at].inputs]) for at in within}
    above = {entry: -1}
    for at in within:
        read = [above[source] for source in nodes[at].inputs]
        told = (operations[at], *(sorted(read) if nodes[at].operation.commutes else read))
        above[at] = labels.setdefault(told, len(labels))
    readers: dict[int, list[int]] = {at: [] for at in (entry, *within)}
    below: dict[int, int] = {}
    for at in reversed(within):
        below[at] = labels.setdefault(("below", above[at], *sorted(readers[at])), len(labels))
        for source in nodes[at].inputs:
            readers[source].append(below[at])
    order = _ordered(nodes, entry, end, below)
    place = {at: number for number, at in enumerate((entry, *order))}
    keeps = tuple(shapes[entry][1:]) == tuple(shapes[end][1:])
    said = tuple(
        (operations[at], *(sorted(read) if nodes[at].operation.commutes else read))
        for at in order
        for read in [[place[source] for source in nodes[at].inputs]]
    )
    return _Part(said, tuple(order), sum(nodes[at].operation.weighted for at in order), entry, keeps)


def _needed(nodes: Sequence[Node], entry: int, end: int) -> list[int]:
    """What the end is computed from, in the order of the nodes; the entry is left out."""
    found, stack = {entry}, [end]
    while stack:
        at = stack.pop()
        if at not in found:
            found.add(at)
            stack.extend(nodes[at].inputs)
    return sorted(found - {entry})


def _ordered(nodes: Sequence[Node], entry: int, end: int, below: dict[int, int]) -> list[int]:
    """Depth first from the end, of what may be read in any order that of the smallest label first."""
    placed, found = {entry}, list[int]()
    stack = [(end, False)]
    while stack:
        at, ready = stack.pop()
        if at in placed:
            continue
        if ready:
            placed.add(at)
            found.append(at)
            continue
        stack.append((at, True))
        sources: Sequence[int] = nodes[at].inputs
        if nodes[at].operation.commutes:
            sources = sorted(sources, key=lambda source: (below.get(source, -1), source))
        stack += [(source, False) for source in reversed(sources)]
    return found


def _said(operation: Operation, read: Sequence[Sequence[int]]) -> tuple[object, ...]:
    """What an operation is: its width as a share of the channels that it reads, groups of one channel each as such."""
    own = {field.name: getattr(operation, field.name) for field in fields(operation)}
    widths = {name: own.pop(name) for name in _WIDTHS if name in own}
    if own.get(_GROUPS, 1) > 1 and own[_GROUPS] in widths.values():
        own[_GROUPS] = 0
    shares = [Fraction(width, read[0][0]) for width in widths.values()]
    return (operation.name, *shares, *sorted(own.items()))
