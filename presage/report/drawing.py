"""Drawings of networks as SVG: layers from top to bottom, the operations of one layer folded into one box.

The layout is the first steps of Sugiyama's method: ranks by longest path, then order within a rank by barycentre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from presage.architecture.decimals import value_of
from presage.architecture.graph import Architecture
from presage.architecture.node import readers_of
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelConvolution,
    ChannelNorm,
    Classifier,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupNorm,
    Identity,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Operation,
    ParametricRelu,
    RmsNorm,
    Scale,
    Shape,
    Shift,
    StretchedAdd,
    Zero,
)
from presage.report.templates import render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Box", "draw", "drawn"]

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 132, 24, 14, 16, 10
FOLDED = (
    BatchNorm, GroupNorm, ChannelNorm, RmsNorm, Activation, ParametricRelu, Dropout, DropPath, Identity, Flatten, Scale,
    Shift, ConstantProduct, ConstantSum,
)  # fmt: skip
"""Operations drawn inside the box of the layer they follow, when nothing else reads that layer."""

FILLS: tuple[tuple[tuple[type[Operation], ...], str], ...] = (
    ((Convolution, ChannelConvolution), "#dbe9f6"),
    ((MaxPool, AveragePool, AdaptiveAveragePool, AdaptiveMaxPool), "#fde8d0"),
    ((Linear, Classifier), "#e2f0d9"),
    ((Add, StretchedAdd, Multiply, Concatenate), "#eeeeee"),
    ((Zero,), "#f8d7da"),
)


@dataclass
class Box:
    """One layer: its first operation, the folded ones behind it, the boxes it reads, and where it stands."""

    operations: list[Operation]
    shape: Shape
    sources: list[int]
    rank: int = 0
    x: float = 0.0

    width: ClassVar[int] = BOX_WIDTH
    height: ClassVar[int] = BOX_HEIGHT

    @property
    def top(self) -> float:
        return MARGIN + self.rank * (BOX_HEIGHT + GAP_Y)

    @property
    def fill(self) -> str:
        return next((colour for kinds, colour in FILLS if isinstance(self.operations[0], kinds)), "#ffffff")

    @property
    def title(self) -> str:
        return ", ".join(operation.name for operation in self.operations) + " → " + "×".join(map(str, self.shape))

    @property
    def label(self) -> str:
        return _label(self.operations)


def draw(architecture: Architecture, input_shape: Sequence[int], classes: int) -> Markup:
    """SVG of the canonical network, for images ``(c, h, w)``; boxes carry the output shape as a tooltip."""
    return drawn(_boxes(architecture.canonical, input_shape, classes), "layers of the network")


def drawn(boxes: Sequence[Box], called: str) -> Markup:
    """SVG of boxes, each after those that it reads.

    Args:
        called: what the drawing shows, for those who do not see it.
    """
    ranks = _ranks(boxes)
    widest = max(len(rank) for rank in ranks)
    width = widest * (BOX_WIDTH + GAP_X) - GAP_X + 2 * MARGIN + 2 * GAP_X
    height = len(ranks) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    for rank in ranks:
        left = (width - (len(rank) * (BOX_WIDTH + GAP_X) - GAP_X)) / 2
        for position, index in enumerate(rank):
            boxes[index].x = left + position * (BOX_WIDTH + GAP_X)
    edges = [_edge(boxes[source], box, width) for box in boxes for source in box.sources]
    return render("network.svg", width=width, height=height, edges=edges, boxes=boxes, called=called)


def _boxes(architecture: Architecture, input_shape: Sequence[int], classes: int) -> list[Box]:
    shapes = architecture.shapes(input_shape, classes)
    readers = readers_of(architecture.nodes)
    boxes: list[Box] = []
    box_of: list[int] = []
    for index, node in enumerate(architecture.nodes):
        source = node.inputs[0] if node.inputs else -1
        folds = isinstance(node.operation, FOLDED) and len(readers[source]) == 1
        if folds and not isinstance(boxes[box_of[source]].operations[0], Input):
            box = boxes[box_of[source]]
            box.operations.append(node.operation)
            box.shape = shapes[index]
            box_of.append(box_of[source])
        else:
            box_of.append(len(boxes))
            boxes.append(Box([node.operation], shapes[index], [box_of[other] for other in node.inputs]))
    return boxes


def _ranks(boxes: Sequence[Box]) -> list[list[int]]:
    for box in boxes:
        box.rank = 1 + max((boxes[source].rank for source in box.sources), default=-1)
    ranks: list[list[int]] = [[] for _ in range(1 + max(box.rank for box in boxes))]
    for index, box in enumerate(boxes):
        ranks[box.rank].append(index)
    place: dict[int, float] = {}
    for rank in ranks:
        rank.sort(key=lambda index: _barycentre(boxes[index], place))
        for position, index in enumerate(rank):
            place[index] = position - (len(rank) - 1) / 2
    return ranks


def _barycentre(box: Box, place: dict[int, float]) -> float:
    return sum(place[source] for source in box.sources) / max(len(box.sources), 1)


def _edge(source: Box, target: Box, width: float) -> str:
    """The path from one box to another, as SVG writes paths."""
    x1, y1 = source.x + BOX_WIDTH / 2, source.top + BOX_HEIGHT
    x2, y2 = target.x + BOX_WIDTH / 2, target.top
    if target.rank - source.rank == 1:
        return f"M{x1:.0f},{y1:.0f} L{x2:.0f},{y2:.0f}"
    # A skip connection runs past the boxes between, along their right-hand side.
    side = min(max(source.x, target.x) + BOX_WIDTH + GAP_X + 4, width - 3)
    return (
        f"M{source.x + BOX_WIDTH:.0f},{y1 - BOX_HEIGHT / 2:.0f} C{side:.0f},{y1:.0f} {side:.0f},{y2:.0f} "
        f"{target.x + BOX_WIDTH:.0f},{y2 + BOX_HEIGHT / 2:.0f}"
    )


MARKS = {BatchNorm: " ᴮᴺ", GroupNorm: " ᴳᴺ", ChannelNorm: " ᴸᴺ", RmsNorm: " ᴿᴺ", Dropout: " drop"}


def _label(operations: Sequence[Operation]) -> str:
    return _name(operations[0]) + "".join(MARKS.get(type(operation), "") for operation in operations[1:])


def _name(operation: Operation) -> str:
    match operation:
        case Convolution():
            kind = "dw" if operation.groups == operation.channels and operation.groups > 1 else "conv"
            stride = f" /{operation.stride[0]}" if max(operation.stride) > 1 else ""
            return f"{kind} {operation.kernel[0]}×{operation.kernel[1]}, {operation.channels}{stride}"
        case MaxPool() | AveragePool():
            stride = f" /{operation.stride[0]}" if max(operation.stride) > 1 else ""
            kind = "max" if isinstance(operation, MaxPool) else "mean"
            return f"{kind} {operation.kernel[0]}×{operation.kernel[1]}{stride}"
        case AdaptiveAveragePool() | AdaptiveMaxPool():
            kind = "max" if isinstance(operation, AdaptiveMaxPool) else "mean"
            return (
                f"global {kind}" if operation.size == (1, 1) else f"{kind} to {operation.size[0]}×{operation.size[1]}"
            )
        case Linear():
            return f"linear {operation.features}"
        case Activation():
            return operation.function
        case Add() | StretchedAdd():
            return "+"
        case ConstantProduct():
            return f"× {value_of(operation.value):g}"
        case ConstantSum():
            return f"+ {value_of(operation.value):g}"
        case Multiply():
            return "×"
        case _:
            return operation.name.replace("_", " ")
