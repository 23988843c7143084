"""How the axes of a torch tensor are made of what a node computes: views and permutations without nodes of their own.

A node computes a map (c, h, w) or a flat vector (f,) for each image of a batch. A tensor of it may have these in
another order, split into factors, joined, or with axes of length 1 between: layers with channels last, channel
shuffles, tokens. Only what no reading of the same numbers explains becomes a node (`settled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import NamedTuple

from presage.architecture.node import Node
from presage.architecture.operations import (
    ChannelShuffle,
    Concatenate,
    Flatten,
    Input,
    Operation,
    PixelShuffle,
    PixelUnshuffle,
    Shape,
    Unflatten,
    Upsample,
)
from presage.errors import InvalidArchitecture

__all__ = ["MOST_COPIES", "Atom", "NodeWriter", "Refused", "Value", "fresh", "permuted", "settled", "viewed"]


MOST_COPIES = 64
"""Times that one map is joined to itself, at most."""


class Refused(Exception):
    """A step that no architecture can represent; says why."""


class Atom(NamedTuple):
    """A factor of an axis of the node: of which (`b`, `c`, `h`, `w`), and the how manieth."""

    kind: str
    place: int


Axes = tuple[tuple[Atom, ...], ...]


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the images.

    Attributes:
        index: the node that computes it.
        shape: of the node, without the batch axis.
        factors: by kind, the lengths of the factors that the node's axis is split into; none where it has length 1.
        axes: of the tensor, each the factors it runs over, the slowest first; none: length 1, or stretched.
        sizes: of the tensor, the lengths of its axes.
    """

    index: int
    shape: Shape
    factors: tuple[tuple[str, tuple[int, ...]], ...]
    axes: Axes
    sizes: tuple[int, ...]

    def size(self, atom: Atom) -> int:
        return dict(self.factors)[atom.kind][atom.place]

    @property
    def stretched(self) -> bool:
        """Whether an axis repeats what has length 1."""
        return any(not axis and length > 1 for axis, length in zip(self.axes, self.sizes, strict=True))

    def all_of(self, kinds: str) -> tuple[Atom, ...]:
        """Every factor of these kinds, in order."""
        lengths = dict(self.factors)
        return tuple(Atom(kind, place) for kind in kinds for place in range(len(lengths[kind])))


class NodeWriter:
    """Nodes written so far.

    Attributes:
        batch: images in the batch.
        owner: the part of the torch module at work.
        shapes: of the nodes, but for the image.
        owners: for each node the part of the torch module that computed it.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.nodes: list[Node] = [Node(Input())]
        self.shapes: list[Shape] = [()]
        self.owner = ""
        self.owners: list[str] = [""]

    def add(self, operation: Operation, *inputs: Value) -> Value:
        """A node on what these values' nodes compute, in the canonical layout."""
        try:
            shape = operation.shape([value.shape for value in inputs])
        except InvalidArchitecture as error:
            raise Refused(str(error).rstrip(".")) from None
        self.nodes.append(Node(operation, tuple(value.index for value in inputs)))
        self.owners.append(self.owner)
        self.shapes.append(shape)
        return fresh(len(self.nodes) - 1, shape, self.batch)

    def pointwise(self, operation: Operation, value: Value) -> Value:
        """A node of the same shape, in the same layout."""
        return replace(value, index=self.add(operation, value).index)


def fresh(index: int, shape: Shape, batch: int) -> Value:
    """The layout (b, c, h, w) or (b, f)."""
    lengths = {"b": (batch,), "c": (), "h": (), "w": ()} | {
        kind: (length,) if length > 1 else () for kind, length in zip("chw", shape, strict=False)
    }
    axes = tuple(
        tuple(Atom(kind, place) for place in range(len(lengths[kind]))) for kind in ("b", *"chw"[: len(shape)])
    )
    return Value(index, shape, tuple(lengths.items()), axes, (batch, *shape))


def viewed(value: Value, after: Sequence[int]) -> Value:
    """The same numbers in the same order, seen as a tensor of another shape."""
    if value.stretched:
        raise Refused("it views a stretched tensor in another shape")
    left = [_Piece(atom.kind, (atom.place,), value.size(atom)) for axis in value.axes for atom in axis]
    axes: list[list[_Piece]] = []
    for whole in after:
        axes.append([])
        length = whole
        while length > 1:
            if not left or (length % left[0].size and left[0].size % length):
                raise Refused(f"no operation brings {value.sizes} to {tuple(after)}")
            piece = left.pop(0)
            if piece.size > length:
                left.insert(0, _Piece(piece.kind, (*piece.key, 1), piece.size // length))
                piece = _Piece(piece.kind, (*piece.key, 0), length)
            axes[-1].append(piece)
            length //= piece.size
    return _numbered(replace(value, sizes=tuple(after)), axes)


class _Piece(NamedTuple):
    """A factor while axes are split; keys are in the order of factors in the node's axis."""

    kind: str
    key: tuple[int, ...]
    size: int


def _numbered(value: Value, axes: Sequence[Sequence[_Piece]]) -> Value:
    """The layout of these pieces; neighbours in the node's axis that are neighbours in the tensor's are one factor."""
    ordered = sorted((piece for axis in axes for piece in axis), key=lambda piece: (piece.kind, piece.key))
    follows = {a: b for a, b in pairwise(ordered) if a.kind == b.kind}
    merged: list[list[list[_Piece]]] = []
    for axis in axes:
        merged.append([])
        for piece in axis:
            if merged[-1] and follows.get(merged[-1][-1][-1]) == piece:
                merged[-1][-1].append(piece)
            else:
                merged[-1].append([piece])
    first = sorted((run[0] for axis in merged for run in axis), key=lambda piece: (piece.kind, piece.key))
    sizes = {run[0]: prod(piece.size for piece in run) for axis in merged for run in axis}
    place = {kind: [piece for piece in first if piece.kind == kind] for kind in "bchw"}
    factors = tuple((kind, tuple(sizes[piece] for piece in place[kind])) for kind in "bchw")
    return replace(
        value,
        factors=factors,
        axes=tuple(tuple(Atom(run[0].kind, place[run[0].kind].index(run[0])) for run in axis) for axis in merged),
    )


def permuted(value: Value, order: Sequence[int]) -> Value:
    """The tensor with its axes in this order."""
    axes = [[_Piece(a.kind, (a.place,), value.size(a)) for a in value.axes[axis % len(value.axes)]] for axis in order]
    return _numbered(replace(value, sizes=tuple(value.sizes[axis] for axis in order)), axes)


def settled(writer: NodeWriter, value: Value) -> Value:
    """The same tensor as a node of its own layout: (b, c, h, w), or (b, f).

    Raises:
        Refused: where no operation brings it there.
    """
    plain = fresh(value.index, value.shape, writer.batch)
    if value.stretched:
        return _stretched_out(writer, value)
    if value.axes == plain.axes:
        return plain
    if len(value.axes) not in (2, 4) or value.axes[0] != (Atom("b", 0),):
        raise Refused("its tensor is not one of images, channels, rows and columns")
    if len(value.axes) == 2:
        return _flat(writer, value)
    channels, rows, columns = value.axes[1:]
    if len(value.shape) == 1:
        if rows or columns:
            raise Refused("no operation makes a map of a flat vector")
        return writer.add(Unflatten(), _flat(writer, replace(value, axes=value.axes[:2], sizes=value.sizes[:2])))
    maps = "".join(dict.fromkeys(atom.kind for atom in (*rows, *columns)))
    if maps in ("", "h", "w", "hw") and (rows, columns) == (value.all_of("h"), value.all_of("w")):
        return _rotated(writer, plain, value, channels)
    moved = tuple(atom for atom in channels if atom.kind != "c")
    own = value.all_of("c")
    if moved == (Atom("h", 1), Atom("w", 1)) and (rows, columns) == ((Atom("h", 0),), (Atom("w", 0),)):
        factor = value.size(moved[0])
        if factor == value.size(moved[1]) and channels in ((*own, *moved), (*moved, *own)):
            made = writer.add(PixelUnshuffle(factor), plain)
            turns = channels[: len(moved)] == moved and own
            return writer.add(ChannelShuffle(value.shape[0]), made) if turns else made
    if (
        len(own) >= 3
        and channels == own[:-2]
        and rows == (Atom("h", 0), own[-2])
        and columns == (Atom("w", 0), own[-1])
    ):
        factor = value.size(own[-1])
        if factor == value.size(own[-2]):
            return writer.add(PixelShuffle(factor), plain)
    raise Refused("no operation moves its axes so")


def _stretched_out(writer: NodeWriter, value: Value) -> Value:
    """A map whose one channel, or one pixel, stands for several, with all of them."""
    if len(value.axes) != 4 or value.axes[0] != (Atom("b", 0),):
        raise Refused("it works on a stretched tensor")
    times = [length if not axis else 1 for axis, length in zip(value.axes, value.sizes, strict=True)]
    whole = tuple(1 if not axis else length for axis, length in zip(value.axes, value.sizes, strict=True))
    made = settled(writer, replace(value, sizes=whole))
    if times[1] > MOST_COPIES:
        raise Refused(f"it stretches a channel to more than {MOST_COPIES}")
    if times[1] > 1:
        made = writer.add(Concatenate(), *[made] * times[1])
    return writer.add(Upsample((times[2], times[3])), made) if times[2:] != [1, 1] else made


def _flat(writer: NodeWriter, value: Value) -> Value:
    plain = fresh(value.index, value.shape, writer.batch)
    features = value.axes[1]
    if features == value.all_of("chw"):
        return plain if len(value.shape) == 1 else writer.add(Flatten(), plain)
    if any(atom.kind != "c" for atom in features):
        raise Refused("it flattens maps with their axes in another order")
    turned = _rotated(writer, plain, value, features)
    return turned if len(value.shape) == 1 else writer.add(Flatten(), turned)


def _rotated(writer: NodeWriter, plain: Value, value: Value, channels: tuple[Atom, ...]) -> Value:
    """Channels whose factors stand in another order: one channel shuffle turns them round."""
    own = value.all_of("c")
    if channels == own:
        return plain
    for cut in range(1, len(own)):
        if channels == own[cut:] + own[:cut]:
            return writer.add(ChannelShuffle(prod(value.size(atom) for atom in own[:cut])), plain)
    raise Refused("no channel shuffle brings its channels into this order")
