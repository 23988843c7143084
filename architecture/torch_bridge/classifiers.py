"""How a traced network ends, as a classifier: a linear layer, or a convolution of one pixel or of each, and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from presage.architecture.decimals import value_of
from presage.architecture.node import Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    Classifier,
    Concatenate,
    ConstantProduct,
    Convolution,
    Flatten,
    Linear,
    Shift,
)
from presage.architecture.torch_bridge.layouts import NodeWriter, Refused
from presage.architecture.torch_bridge.operands import Source

__all__ = ["Head", "classified"]


@dataclass(frozen=True)
class Head:
    """Nodes that end as an architecture does.

    Attributes:
        nodes: with a classifier at the last.
        sources: tensors that each node holds.
        classes: outputs of the classifier.
    """

    nodes: list[Node]
    sources: dict[int, list[Source]]
    classes: int


@dataclass(frozen=True)
class _Tail:
    """What lies between the weights of a classifier and its end: places of nodes, None for none.

    Attributes:
        holder: the linear layer or convolution.
        norm, rectifier, pool, flatten: what follows it.
        shift: a bias that is added by itself, last of all.
        factor: the logits times this.
    """

    holder: int
    norm: int | None = None
    rectifier: int | None = None
    pool: int | None = None
    flatten: int | None = None
    shift: int | None = None
    factor: float = 1.0


def classified(writer: NodeWriter, last: int, sources: Mapping[int, Sequence[Source]]) -> Head:
    """The nodes with a classifier at `last`.

    Raises:
        Refused: it ends otherwise.
    """
    nodes = writer.nodes
    several = _mean_of_several(writer, last, sources)
    if several is not None:
        return several
    tail = _tail(nodes, last)
    operation, inputs = nodes[tail.holder].operation, nodes[tail.holder].inputs
    norm = None if tail.norm is None else nodes[tail.norm].operation
    end = Classifier(rectified=tail.rectifier is not None)
    if isinstance(norm, BatchNorm):
        if not norm.tracked:
            raise Refused("the normalisation of its classes must keep statistics")
        end = replace(end, normalised=True, affine=norm.affine, epsilon=norm.epsilon)
    flat = end.normalised or not end.rectified  # a ReLU alone comes before a mean only
    made = list(nodes)
    if isinstance(operation, Linear) and tail.pool is None and flat:
        if end.normalised and (operation.gain or operation.spectral):
            raise _otherwise(nodes, last)
        end = replace(end, bias=operation.bias, gain=operation.gain, spectral=operation.spectral)
        if tail.shift is not None:
            if operation.bias:
                raise _otherwise(nodes, last)
            end = replace(end, bias=True)
        made[last] = Node(end, inputs)
        return Head(made, _moved(sources, tail, last), operation.features)
    if tail.shift is not None:
        raise _otherwise(nodes, last)
    if isinstance(operation, Convolution) and tail.flatten is not None and _is_plain(operation):
        end = replace(end, bias=operation.bias)
        pooled = operation.kernel == (1, 1) and operation.stride == (1, 1) and tail.pool is not None
        if operation.kernel == writer.shapes[inputs[0]][1:] and flat:  # of all pixels at once, or of one
            made[tail.holder], made[last] = Node(Flatten(), inputs), Node(end, (tail.holder,))
            return Head(made, _moved(sources, tail, last), operation.channels)
        if pooled:
            made[last] = Node(replace(end, pooled=True), inputs)
            return Head(made, _moved(sources, tail, last), operation.channels)
    raise _otherwise(nodes, last)


def _mean_of_several(writer: NodeWriter, last: int, sources: Mapping[int, Sequence[Source]]) -> Head | None:
    """Linear layers whose sum, or mean, is given; None where it ends otherwise."""
    nodes, at, factor = writer.nodes, last, 1.0
    if isinstance(operation := nodes[at].operation, ConstantProduct):
        factor, at = value_of(operation.value), nodes[at].inputs[0]
    heads = _terms(nodes, at)
    if nodes[at].operation != Add() or len(heads) < 2 or len(set(heads)) != len(heads):
        return None
    first, *others = (nodes[head].operation for head in heads)
    read = [nodes[head].inputs[0] for head in heads]
    if not isinstance(first, Linear) or any(other != first for other in others):
        return None
    if first.gain or first.spectral or any(writer.shapes[one] != writer.shapes[read[0]] for one in read):
        return None
    made, holder = list(nodes), max(heads)
    made[holder] = Node(Concatenate(), tuple(read))
    made[last] = Node(Classifier(first.bias, heads=len(heads)), (holder,))
    held = [
        replace(source, own=f"heads.{number}.{source.own}", factor=source.factor * factor * len(heads))
        for number, head in enumerate(heads)
        for source in sources.get(head, ())
    ]
    rest = {index: list(given) for index, given in sources.items() if index not in heads}
    return Head(made, {**rest, last: held}, first.features)


def _terms(nodes: Sequence[Node], at: int) -> list[int]:
    """What a sum, and the sums within it, are of."""
    if nodes[at].operation != Add():
        return [at]
    return [term for source in nodes[at].inputs for term in _terms(nodes, source)]


def _tail(nodes: Sequence[Node], last: int) -> _Tail:
    """Walks back from the end, as far as it is of that order: weights, norm, ReLU, pool, flatten, factor."""
    at, factor = last, 1.0
    found: dict[str, int] = {}
    if isinstance(operation := nodes[at].operation, ConstantProduct):
        factor, at = value_of(operation.value), nodes[at].inputs[0]
    if nodes[at].operation == Shift():
        found["shift"], at = at, nodes[at].inputs[0]
    for name, kind in (("flatten", Flatten()), ("pool", AdaptiveAveragePool()), ("rectifier", Activation())):
        if nodes[at].operation == kind and (name == "rectifier" or name == "flatten" or "flatten" in found):
            found[name], at = at, nodes[at].inputs[0]
    if isinstance(nodes[at].operation, BatchNorm):
        found["norm"], at = at, nodes[at].inputs[0]
    if factor != 1.0 and set(found) & {"norm", "rectifier"}:
        raise _otherwise(nodes, last)
    return _Tail(at, **found, factor=factor)


def _is_plain(operation: Convolution) -> bool:
    return replace(operation, kernel=(1, 1), stride=(1, 1), bias=False) == Convolution(
        operation.channels, (1, 1), (1, 1), (0, 0)
    )  # fmt: skip


def _moved(sources: Mapping[int, Sequence[Source]], tail: _Tail, last: int) -> dict[int, list[Source]]:
    """All tensors of the tail held by its end."""
    held = [replace(source, factor=source.factor * tail.factor) for source in sources.get(tail.holder, ())]
    if tail.shift is not None:
        held += [replace(source, factor=source.factor * tail.factor) for source in sources.get(tail.shift, ())]
    if tail.norm is not None:
        held += [replace(source, own=f"norm.{source.own}") for source in sources.get(tail.norm, ())]
    others = {
        index: list(given) for index, given in sources.items() if index not in (tail.holder, tail.norm, tail.shift)
    }
    return {**others, last: held}


def _otherwise(nodes: Sequence[Node], last: int) -> Refused:
    return Refused(f"it must end with a linear layer, one output per class. Got `{nodes[last].operation.name}` there")
