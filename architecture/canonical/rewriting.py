"""Value numbering: what a graph computes, with everything that computes the same under one number.

A value is an operation applied to values (an atom), or a sum: a multiset of atoms.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from presage.architecture.node import Node
from presage.architecture.operation import Operation
from presage.architecture.operations import Activation, Add, Convolution, Input, Zero

__all__ = ["Values", "key", "number_values"]

MOST_TERMS = 256
"""Sums of more terms than this (counted as often as they are added) are not opened into the sums that read them."""


@dataclass
class Values:
    """Values of a graph, numbered so that each comes after what it is made of."""

    operations: list[Operation] = field(default_factory=list)
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    terms: dict[int, Counter[int]] = field(default_factory=dict)  # of sums only
    output: int = 0
    not_negative: set[int] = field(default_factory=set)
    flat: set[int] = field(default_factory=set)
    _known: dict[object, int] = field(default_factory=dict)
    _digests: dict[int, bytes] = field(default_factory=dict)

    def atom(self, operation: Operation, inputs: tuple[int, ...], *, merge: bool) -> int:
        """Number of this operation on these values; with `merge`, one number for all its occurrences."""
        known = (operation, inputs)
        if merge and known in self._known:
            return self._known[known]
        number = self._new(operation, inputs)
        if merge:
            self._known[known] = number
        return number

    def sum(self, terms: Counter[int]) -> int:
        """Number of the sum of these atoms."""
        if terms.total() == 1:
            return next(iter(terms))
        known = frozenset(terms.items())
        if known not in self._known:
            number = self._new(Add(), tuple(sorted(terms)))
            self.terms[number] = terms
            self._known[known] = number
            if all(term in self.not_negative for term in terms):
                self.not_negative.add(number)
            if all(term in self.flat for term in terms):
                self.flat.add(number)
        return self._known[known]

    def digest(self, value: int) -> bytes:
        """A name for the value that depends only on what it computes (not on which of its equals it is)."""
        if value not in self._digests:
            for number in range(len(self._digests), value + 1):
                parts = [self._digests[source] for source in self.inputs[number]]
                counts = self.terms.get(number)
                if counts is not None:
                    parts = sorted(self._digests[term] for term in counts.elements())
                elif self.operations[number].commutes:
                    parts.sort()
                self._digests[number] = hashlib.blake2b(
                    key(self.operations[number]) + b"".join(parts), digest_size=16
                ).digest()
        return self._digests[value]

    def _new(self, operation: Operation, inputs: tuple[int, ...]) -> int:
        self.operations.append(operation)
        self.inputs.append(inputs)
        return len(self.operations) - 1


@lru_cache(maxsize=4096)
def key(operation: Operation) -> bytes:
    """The operation and its fields as text: the same on every machine and in every version."""
    own = [getattr(operation, name) for name in operation.written() if name not in operation.later]
    later = {name: getattr(operation, name) for name in operation.written() if name in operation.later}
    return f"{operation.name}{own}{later or ''}".encode()


def number_values(nodes: Sequence[Node]) -> Values:
    """Values of an architecture's nodes, the classifier's last.

    A node that is always zero has no value of its own; where it is needed (to be concatenated, or classified), it
    becomes `Zero` of the image, brought to its shape by the operations that shape it.
    """
    values = Values()
    of: list[int | None] = []  # value of each node; None: always zero
    shaped: list[int | None] = [None] * len(nodes)
    for node in nodes:
        operation, sources = node.operation, node.inputs
        inputs = [of[source] for source in sources]
        if isinstance(operation, Add):
            of.append(_add(values, [value for value in inputs if value is not None]))
        elif _is_zero(operation, inputs):
            of.append(None)
        else:
            present = tuple(
                _zero_shaped(nodes, source, values, shaped) if value is None else value
                for source, value in zip(sources, inputs, strict=True)
            )
            of.append(_apply(values, operation, present))
    output = of[-1]
    assert output is not None  # the classifier is never zero: see _is_zero
    values.output = output
    return values


def _add(values: Values, inputs: list[int]) -> int | None:
    if not inputs:
        return None
    terms: Counter[int] = Counter()
    for value in inputs:
        inner = values.terms.get(value)
        if inner is not None and inner.total() <= MOST_TERMS:
            terms.update(inner)
        else:
            terms[value] += 1
    return values.sum(terms)


def _is_zero(operation: Operation, inputs: list[int | None]) -> bool:
    if isinstance(operation, Zero):
        return True
    if None not in inputs:
        return False
    if operation.zero_with_any:
        return True
    if isinstance(operation, Activation) and not operation.known.keeps_zero:
        return False
    return operation.keeps_zero and all(value is None for value in inputs)


def _apply(values: Values, operation: Operation, inputs: tuple[int, ...]) -> int:
    """The value of a node none of whose inputs is left out as zero."""
    first = inputs[0] if inputs else -1
    if _does_nothing(values, operation, inputs):
        return first
    not_negative = operation.keeps_sign and all(value in values.not_negative for value in inputs)
    if isinstance(operation, Activation):
        known = operation.known
        again = known.idempotent and operation == values.operations[first]
        if again or (known.keeps_not_negative and first in values.not_negative):
            return first
        not_negative = known.not_negative
    if operation.commutes:
        inputs = tuple(sorted(inputs))
    number = values.atom(operation, inputs, merge=not operation.unlike)
    if not_negative:
        values.not_negative.add(number)
    if operation.flattens or first in values.flat:
        values.flat.add(number)
    return number


def _does_nothing(values: Values, operation: Operation, inputs: tuple[int, ...]) -> bool:
    if operation.hands_on or (operation.stacks and len(inputs) == 1):
        return True
    return operation.flattens and inputs[0] in values.flat


def _zero_shaped(nodes: Sequence[Node], node: int, values: Values, shaped: list[int | None]) -> int:
    """The value of `Zero` of the image, brought to the shape of this node's output: no weight of it matters."""
    stack = [node]
    while stack:
        index = stack[-1]
        operation, sources = nodes[index].operation, nodes[index].inputs
        if shaped[index] is not None:
            stack.pop()
            continue
        if isinstance(operation, Input):
            image = values.atom(operation, (), merge=True)
            shaped[index] = values.atom(Zero(), (image,), merge=True)
            continue
        missing = [source for source in sources if shaped[source] is None]
        if missing:
            stack.extend(missing)
            continue
        inputs = [found for source in sources if (found := shaped[source]) is not None]
        if isinstance(operation, Add):
            shaped[index] = min(inputs, key=lambda value: (_length(values, value), values.digest(value)))
        elif operation.stretches and len(set(inputs)) == 1:
            shaped[index] = inputs[0]
        else:
            shaped[index] = _shape_only(values, operation, tuple(inputs))
    found = shaped[node]
    assert found is not None
    return found


def _length(values: Values, value: int) -> int:
    """Operations that a shaped zero is made of, along its first inputs."""
    length = 0
    while values.inputs[value]:
        value = values.inputs[value][0]
        length += 1
    return length


def _shape_only(values: Values, operation: Operation, inputs: tuple[int, ...]) -> int:
    """The value of an operation on zeros, of which only the shape matters: the plainest that gives this shape."""
    first = inputs[0]
    if operation.keeps_shape or _does_nothing(values, operation, inputs):
        return first
    if operation.pools and _keeps_size(operation, getattr(operation, "dilation", (1, 1))):
        return first
    if isinstance(operation, Convolution):
        operation = replace(operation, groups=1, bias=False)
        if _keeps_size(operation, operation.dilation):
            inner = values.operations[first]
            if isinstance(inner, Convolution):
                operation, inputs = replace(inner, channels=operation.channels), values.inputs[first]
            else:
                operation = Convolution(operation.channels, (1, 1), padding=(0, 0))
    number = values.atom(operation, inputs, merge=True)
    if operation.flattens or operation.reads_flat:
        values.flat.add(number)
    return number


def _keeps_size(operation: Any, dilation: tuple[int, int]) -> bool:
    axes = zip(operation.kernel, operation.padding, dilation, strict=True)
    return operation.stride == (1, 1) and all(2 * padding == step * (kernel - 1) for kernel, padding, step in axes)
