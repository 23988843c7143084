"""Activations that are spelled out, as the activations that they are: one network, however it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from presage.architecture.decimals import value_of
from presage.architecture.node import Node
from presage.architecture.operations import Activation, ConstantProduct, ConstantSum, Maximum, Multiply, Operation

__all__ = ["respelled"]


@dataclass(frozen=True)
class _Term:
    """What a node computes of another: its place, and how to look further."""

    nodes: Sequence[Node]
    at: int

    @property
    def operation(self) -> Operation:
        return self.nodes[self.at].operation

    def act(self, function: str) -> _Term | None:
        """What this activation is of; None where it is another."""
        return self._of(self.operation == Activation(function))

    def times(self, number: float) -> _Term | None:
        """What this is so many times of."""
        operation = self.operation
        return self._of(isinstance(operation, ConstantProduct) and _alike(value_of(operation.value), number))

    def plus(self, number: float) -> _Term | None:
        """What this is more than by so much."""
        operation = self.operation
        return self._of(isinstance(operation, ConstantSum) and _alike(value_of(operation.value), number))

    def factors(self) -> list[tuple[_Term, _Term]]:
        """The two factors of a product, either way round."""
        if not isinstance(self.operation, Multiply):
            return []
        left, right = (_Term(self.nodes, at) for at in self.nodes[self.at].inputs)
        return [(left, right), (right, left)]

    def _of(self, fits: bool) -> _Term | None:
        return _Term(self.nodes, self.nodes[self.at].inputs[0]) if fits else None


def _alike(left: float, right: float) -> bool:
    return abs(left - right) <= 1e-6 * abs(right)


def _hardsigmoid(term: _Term) -> int | None:
    """relu6(x + 3) / 6."""
    inner = term.times(1 / 6)
    inner = inner and inner.act("relu6")
    inner = inner and inner.plus(3)
    return inner.at if inner else None


def _hardswish(term: _Term) -> int | None:
    """x times hardsigmoid(x), or x times relu6(x + 3), over 6."""
    for x, gate in term.factors():
        if gate.act("hardsigmoid") == x or _hardsigmoid(gate) == x.at:
            return x.at
    whole = term.times(1 / 6)
    for x, gate in whole.factors() if whole else ():
        inner = gate.act("relu6")
        if inner and inner.plus(3) == x:
            return x.at
    return None


def _gated(function: str, before: str = "") -> Callable[[_Term], int | None]:
    """x times an activation of x (of an activation of it)."""

    def spelled(term: _Term) -> int | None:
        for x, gate in term.factors():
            inner = gate.act(function)
            inner = inner.act(before) if inner and before else inner
            if inner == x:
                return x.at
        return None

    return spelled


def _gelu(term: _Term) -> int | None:
    """x / 2 times (1 + erf(x / root of 2)), the half before or behind."""
    whole = term.times(0.5)
    found: list[tuple[_Term | None, _Term]] = [(left.times(0.5), right) for left, right in term.factors()]
    found += whole.factors() if whole else []
    for x, right in found:
        gate = right.plus(1)
        gate = gate and gate.act("error_function")
        gate = gate and gate.times(2**-0.5)
        if x and gate == x:
            return x.at
    return None


_SPELLED: dict[str, Callable[[_Term], int | None]] = {
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    "silu": _gated("sigmoid"),
    "mish": _gated("tanh", "softplus"),
    "gelu": _gelu,
}


def _leaky(nodes: Sequence[Node], at: int) -> Node | None:
    """The larger of x and less than x: a ReLU with this slope below 0."""
    if not isinstance(nodes[at].operation, Maximum):
        return None
    for x, other in (nodes[at].inputs, nodes[at].inputs[::-1]):
        product = nodes[other].operation
        if isinstance(product, ConstantProduct) and nodes[other].inputs == (x,) and 0 < value_of(product.value) < 1:
            slope = (0, 0) if product.value == (1, -2) else product.value  # torch's own is not written
            return Node(Activation("leaky_relu", slope), (x,))
    return None


def respelled(nodes: Sequence[Node], last: int) -> list[Node]:
    """The nodes, in their places, with one activation for each that is spelled out; what nothing reads then is left."""
    made = list(nodes)
    for index in range(last):
        for function, spelled in _SPELLED.items():
            x = spelled(_Term(made, index)) if isinstance(made[index].operation, Multiply | ConstantProduct) else None
            if x is not None:
                made[index] = Node(Activation(function), (x,))
                break
        made[index] = _leaky(made, index) or made[index]
    return made
