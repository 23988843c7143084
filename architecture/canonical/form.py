"""Canonical form: one graph for all ways of writing one function (up to the values of its weights).

Three steps, each of its own module: `rewriting` numbers the values that a graph computes, so that what computes the
same is the same; `labelling` tells the nodes apart by what is above and below them, whatever their order was; here the
values that the classifier needs are written out again, in one order.

What counts as the same:

- dead nodes, `identity`, dropout of 0 ‰, pools of one pixel, a sum of one term: gone;
- zeros: a sum loses its zero terms, and whatever sees only zeros is zero (a bias learned on nothing included, as
  NAS-Bench-201, arXiv 2001.00326, counts them); zeros that something needs are written as `zero` of the image,
  brought to their shape;
- sums are sets of terms: their order and bracketing do not matter. A sum that another sum contains, and that
  something else reads too, is written once (so a residual network keeps its residual blocks);
- two equal nodes without weights, on the same input, are one. Two convolutions on the same input stay two: their
  weights differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from presage.architecture.canonical.labelling import labels
from presage.architecture.canonical.rewriting import Values, key, number_values
from presage.architecture.node import Node
from presage.architecture.operations import Add, Operation

__all__ = ["canonicalise"]


def canonicalise(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The canonical form: equal (and of equal JSON and hash) for equal functions up to weights; idempotent.

    Networks whose parts cannot be told apart by repeated refinement of their neighbourhoods (unlike any network in use)
    might get more than one form; the form is always the same function.
    """
    values = number_values(nodes)
    operations, inputs = _write_out(values)
    names = labels(operations, inputs)
    return _in_order(operations, inputs, names)


def _write_out(values: Values) -> tuple[list[Operation], list[tuple[int, ...]]]:
    """Nodes for what the last value needs: its live values, sums written through the sums they contain."""
    live: set[int] = set()
    stack = [values.output]
    while stack:
        value = stack.pop()
        if value in live:
            continue
        live.add(value)
        terms = values.terms.get(value)
        stack.extend(terms if terms is not None else values.inputs[value])
    order = sorted(live)  # a value is numbered after all it is made of
    sums = [value for value in order if value in values.terms]
    position = {value: index for index, value in enumerate(order)}
    operations: list[Operation] = []
    inputs: list[tuple[int, ...]] = []
    for value in order:
        if value in values.terms:
            operations.append(Add())
            inputs.append(tuple(position[part] for part in _parts(value, sums, values)))
        else:
            operations.append(values.operations[value])
            inputs.append(tuple(position[source] for source in values.inputs[value]))
    return operations, inputs


def _parts(value: int, sums: list[int], values: Values) -> list[int]:
    """Terms of a sum, with every other live sum that it contains taken as one part, largest first."""
    left = Counter(values.terms[value])
    size = left.total()
    inside = [other for other in sums if values.terms[other].total() < size and _contains(left, values.terms[other])]
    inside.sort(key=lambda other: (-values.terms[other].total(), values.digest(other)))
    parts = []
    for other in inside:
        while _contains(left, values.terms[other]):
            left -= values.terms[other]
            parts.append(other)
    parts.extend(left.elements())
    return parts


def _contains(whole: Counter[int], part: Counter[int]) -> bool:
    return all(whole[term] >= count for term, count in part.items())


def _in_order(operations: list[Operation], inputs: list[tuple[int, ...]], names: list[bytes]) -> tuple[Node, ...]:
    """What reads nothing, then depth first from the classifier, the deepest input first: as a person would write it."""
    levels = _levels(inputs)

    def ordered(node: int) -> Sequence[int]:
        if len(inputs[node]) < 2:
            return inputs[node]
        return sorted(inputs[node], key=lambda source: (-levels[source], names[source]))

    sequence = sorted((node for node, sources in enumerate(inputs) if not sources), key=lambda n: key(operations[n]))
    placed = {node: at for at, node in enumerate(sequence)}
    stack: list[tuple[int, bool]] = [(len(operations) - 1, False)]
    while stack:
        node, ready = stack.pop()
        if node in placed:
            continue
        if ready:
            placed[node] = len(sequence)
            sequence.append(node)
        else:
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(ordered(node)) if source not in placed)
    nodes = []
    for node in sequence:
        sources = [placed[source] for source in inputs[node]]
        if operations[node].commutes:
            sources.sort()
        nodes.append(Node(operations[node], tuple(sources)))
    return tuple(nodes)


def _levels(inputs: list[tuple[int, ...]]) -> list[int]:
    """Longest path from the image, for nodes in any order."""
    pending = [len(set(sources)) for sources in inputs]
    readers: list[list[int]] = [[] for _ in inputs]
    for node, sources in enumerate(inputs):
        for source in set(sources):
            readers[source].append(node)
    levels = [0] * len(inputs)
    ready = [node for node, count in enumerate(pending) if count == 0]
    while ready:
        node = ready.pop()
        for reader in readers[node]:
            levels[reader] = max(levels[reader], levels[node] + 1)
            pending[reader] -= 1
            if pending[reader] == 0:
                ready.append(reader)
    return levels
