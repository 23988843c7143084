"""Which of thousands of networks are surely in canonical form, without writing the canonical form of each.

What `presage.architecture.canonical` would do to a network is looked for in all of them at once: nodes that it would
drop, merge or rewrite, sums that it would write otherwise, nodes that it would put elsewhere. A network in which none
of it is found is its own canonical form. Of one in which something is, or of which these rules cannot tell (it has a
zero, say), nothing is said: its canonical form has to be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.scan import scan_of
from presage.architecture.canonical.labelling import labels
from presage.architecture.canonical.rewriting import MOST_TERMS
from presage.architecture.operations import Activation, Add, Operation, Zero
from presage.architecture.vetting.texts import ReadTexts

__all__ = ["surely_canonical"]

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

_NESTED = 64  # sums within sums, and signs handed on by nodes one after the other
_PLACES = 16  # inputs of a node whose order matters


def surely_canonical(read: ReadTexts) -> Mask:
    """(k,) which of the networks are their own canonical form; False where it is not or these rules cannot tell."""
    batch = read.batch
    if not len(batch):
        return np.zeros(0, np.bool_)
    facts = _Facts(read)
    doubtful = _dropped(read, facts) | _merged(read, facts)
    open_to_doubt = np.bincount(batch.graph[doubtful], minlength=len(batch)) > 0
    sums = _sums_to_look_at(read, facts)
    levels = scan_of(batch).longest(np.ones((len(batch.kind), 1), np.float32))[:, 0].astype(np.int64).tolist()
    found = ~open_to_doubt
    edges, sources, begins = batch.edge_start.tolist(), batch.edge_source.tolist(), _begins(read).tolist()
    starts = batch.node_start.tolist()
    for one in np.flatnonzero(found).tolist():
        first, stop = starts[one], starts[one + 1]
        own = _Network(first, stop, edges, sources)
        if sums[one] and not _sums_are_as_written(own, facts.adds):
            found[one] = False
        else:
            found[one] = _in_order(own, begins, levels, read)
    return found


class _Network(NamedTuple):
    """Nodes of a network within its batch, as lists, which are read one by one faster than arrays."""

    first: int
    stop: int
    edges: list[int]
    sources: list[int]

    def reads(self, node: int) -> list[int]:
        """What a node reads."""
        return self.sources[self.edges[node] : self.edges[node + 1]]


class _Facts:
    """What is true of each node, (m,) each."""

    def __init__(self, read: ReadTexts) -> None:
        self._read = read
        self.add = self.of(lambda one: isinstance(one, Add))
        self.adds: list[bool] = self.add.tolist()
        self.commutes = self.of(lambda one: one.commutes)

    def of(self, fact: Callable[[Operation], bool]) -> Mask:
        """Of which nodes a fact of their operation is true."""
        return np.array([fact(one) for one in self._read.operations], np.bool_)[self._read.operation]


def _dropped(read: ReadTexts, facts: _Facts) -> Mask:
    """(m,) nodes that may be dropped or rewritten: that hand on their input, are read by none, or are zero."""
    batch = read.batch
    degree = np.diff(batch.edge_start)
    first = batch.first_input
    found = facts.of(lambda one: isinstance(one, Zero) or one.hands_on)
    found |= facts.of(lambda one: one.stacks) & (degree == 1)
    found |= facts.add & (degree < 2)
    flattens = facts.of(lambda one: one.flattens)
    flat = np.bincount(batch.graph[flattens], minlength=len(batch)) > 1
    found |= flattens & flat[batch.graph]
    found |= facts.of(_is_idempotent) & (read.operation == read.operation[first])
    found |= facts.of(_keeps_not_negative) & _not_negative(read, facts)[first]
    # All that the classifier needs is read; of a sum, by something that is no sum, which would read its terms instead.
    is_read, read_apart = np.zeros(len(batch.kind), np.bool_), np.zeros(len(batch.kind), np.bool_)
    is_read[batch.edge_source] = True
    read_apart[batch.edge_source[~facts.add[batch.edge_target]]] = True
    last = np.zeros(len(batch.kind), np.bool_)
    last[batch.node_start[1:] - 1] = True
    found |= ~is_read & ~last
    found |= facts.add & ~read_apart
    unsorted = np.flatnonzero(np.diff(batch.edge_source, append=0) < 0)
    unsorted = unsorted[unsorted + 1 < len(batch.edge_source)]
    within = batch.edge_target[unsorted] == batch.edge_target[unsorted + 1]
    swapped = batch.edge_target[unsorted[within]]
    found[swapped[facts.commutes[swapped]]] = True
    return np.asarray(found)


def _is_idempotent(operation: Operation) -> bool:
    return isinstance(operation, Activation) and operation.known.idempotent


def _keeps_not_negative(operation: Operation) -> bool:
    return isinstance(operation, Activation) and operation.known.keeps_not_negative


def _not_negative(read: ReadTexts, facts: _Facts) -> Mask:
    """(m,) nodes whose values are never negative; some for which that stays open after so many steps are among them."""
    batch = read.batch
    found = facts.of(lambda one: isinstance(one, Activation) and one.known.not_negative)
    handing = (facts.add | facts.of(lambda one: one.keeps_sign and not isinstance(one, Activation))) & (
        np.diff(batch.edge_start) > 0
    )
    rows = np.flatnonzero(handing)
    found[rows] = True
    for _ in range(_NESTED):
        if not len(rows):
            break
        kept = _over_inputs(np.logical_and, found, rows, read)
        if kept.all():
            break
        found[rows[~kept]] = False
        rows = rows[kept]
    return np.asarray(found)


def _over_inputs(combine: np.ufunc, values: NDArray[Any], rows: Ints, read: ReadTexts) -> NDArray[Any]:
    """`combine` over the inputs of each of these rows, which all have some."""
    starts, batch = read.batch.edge_start, read.batch
    lengths = starts[rows + 1] - starts[rows]
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    edges = np.repeat(starts[rows] - begins[:-1], lengths) + np.arange(begins[-1])
    found: NDArray[Any] = combine.reduceat(values[batch.edge_source[edges]], begins[:-1])
    return found


def _merged(read: ReadTexts, facts: _Facts) -> Mask:
    """(m,) nodes that compute the same as another, and sums of so many terms that they are not opened.

    Each value has a random word of 64 bits; of a sum it is the sum of its terms'. What is equal has equal words; should
    two that differ have them too, a network is in doubt that need not be.
    """
    batch = read.batch
    draw = np.random.default_rng(0)
    word = draw.integers(0, 1 << 63, len(batch.kind), np.uint64) * np.uint64(2) + np.uint64(1)
    terms = np.ones(len(batch.kind), np.uint64)
    adds = np.flatnonzero(facts.add & (np.diff(batch.edge_start) > 0))
    found = np.zeros(len(batch.kind), np.bool_)
    for _ in range(_NESTED):
        if not len(adds):
            break
        words = _over_inputs(np.add, word, adds, read)
        counts = np.minimum(_over_inputs(np.add, terms, adds, read), np.uint64(MOST_TERMS + 1))
        if (words == word[adds]).all() and (counts == terms[adds]).all():
            break
        word[adds], terms[adds] = words, counts
    else:
        found[adds] = True
    found |= terms > MOST_TERMS
    found |= _again(word, adds)
    alike = np.flatnonzero(facts.of(lambda one: not one.unlike and not isinstance(one, Add)))
    alike = alike[np.diff(batch.edge_start)[alike] > 0]
    place = np.arange(len(batch.edge_source)) - batch.edge_start[:-1][batch.edge_target]
    found[batch.edge_target[place >= _PLACES]] |= ~facts.commutes[batch.edge_target[place >= _PLACES]]
    factor = draw.integers(0, 1 << 63, _PLACES, np.uint64) * np.uint64(2) + np.uint64(1)
    place[facts.commutes[batch.edge_target]] = 0
    reads = np.zeros(len(batch.kind), np.uint64)
    np.add.at(reads, batch.edge_target, word[batch.edge_source] * factor[np.minimum(place, _PLACES - 1)])
    salt = draw.integers(0, 1 << 63, len(read.operations), np.uint64)
    found |= _again(reads + salt[read.operation], alike)
    return np.asarray(found)


def _again(word: Words, rows: Ints) -> Mask:
    """(m,) those of the rows whose word another of them has."""
    found = np.zeros(len(word), np.bool_)
    _, inverse, count = np.unique(word[rows], return_inverse=True, return_counts=True)
    found[rows[count[inverse] > 1]] = True
    return found


def _sums_to_look_at(read: ReadTexts, facts: _Facts) -> Mask:
    """(k,) networks in which a sum may hold another: one reads one, or each term of one is a term of others too."""
    batch = read.batch
    of_sums = np.flatnonzero(facts.add[batch.edge_target])
    source, target = batch.edge_source[of_sums], batch.edge_target[of_sums]
    nested = batch.graph[target[facts.add[source]]]
    alone = np.bincount(source, minlength=len(batch.kind))[source] == 1
    has_own = np.bincount(target[alone], minlength=len(batch.kind)) > 0
    shared = batch.graph[np.flatnonzero(facts.add & ~has_own)]
    found = np.zeros(len(batch), np.bool_)
    found[nested] = found[shared] = True
    return found


def _sums_are_as_written(network: _Network, adds: list[bool]) -> bool:
    """Whether each sum reads the largest sums that it contains, and the terms that are left."""
    terms: dict[int, Counter[int]] = {}
    for node in range(network.first, network.stop):
        if adds[node]:
            own: Counter[int] = Counter()
            for source in network.reads(node):
                own.update(terms.get(source, (source,)))
            terms[node] = own
    return all(_parts(node, terms) == network.reads(node) for node in terms)


def _parts(node: int, terms: dict[int, Counter[int]]) -> list[int] | None:
    """As `presage.architecture.canonical.form` takes a sum apart; None where it would go by digests."""
    left = Counter(terms[node])
    size = left.total()
    inside = [other for other, own in terms.items() if own.total() < size and own <= left]
    inside.sort(key=lambda other: -terms[other].total())
    sizes = [terms[other].total() for other in inside]
    if len(set(sizes)) < len(sizes):
        return None
    parts: list[int] = []
    for other in inside:
        while terms[other] <= left:
            left -= terms[other]
            parts.append(other)
    return sorted([*parts, *left.elements()])


def _begins(read: ReadTexts) -> Ints:
    """(m,) the first node of each node's run: of nodes one after the other that read just the node before."""
    batch = read.batch
    rows = np.arange(len(batch.kind))
    follows = (np.diff(batch.edge_start) == 1) & (batch.first_input == rows - 1)
    return np.asarray(np.maximum.accumulate(np.where(follows, 0, rows)))


def _labels(network: _Network, read: ReadTexts) -> list[bytes]:
    """What tells its nodes apart, as the canonical form has it."""
    nodes = range(network.first, network.stop)
    own = [read.operations[code] for code in read.operation[network.first : network.stop].tolist()]
    return labels(own, [tuple(source - network.first for source in network.reads(node)) for node in nodes])


def _in_order(network: _Network, begins: list[int], levels: list[int], read: ReadTexts) -> bool:
    """Whether the nodes stand depth first from the classifier, the deepest input first.

    As long as nothing stands elsewhere, what has been placed is all below `placed`, and a run is placed at once.
    """
    names: list[bytes] = []
    first = network.first
    placed = first + 1  # the image
    stack: list[tuple[int, bool]] = [(network.stop - 1, False)]
    while stack:
        node, ready = stack.pop()
        if node < placed:
            continue
        begin = begins[node]
        if ready or begin < placed:
            if placed < begin:
                return bool(names) and _as_if_in_order(network, levels, names, read)
            placed = node + 1
            continue
        stack.append((node, True))
        sources = network.reads(begin)
        if len(sources) > 1:
            fresh = {source for source in sources if source >= placed}
            if len({levels[source] for source in fresh}) < len(fresh):
                names = names or _labels(network, read)
                sources = sorted(fresh, key=lambda source: (-levels[source], names[source - first]), reverse=True)
            else:
                sources = sorted(fresh, key=levels.__getitem__)
            stack.extend((source, False) for source in sources)
        else:
            stack.append((sources[0], False))
    return placed == network.stop


def _as_if_in_order(network: _Network, levels: list[int], names: list[bytes], read: ReadTexts) -> bool:
    """Whether the nodes, put in order, read just as they stand: branches that are alike may change places."""
    first, size = network.first, network.stop - network.first
    inputs = [[source - first for source in network.reads(node)] for node in range(first, network.stop)]
    place, sequence = {0: 0}, [0]
    stack: list[tuple[int, bool]] = [(size - 1, False)]
    while stack:
        node, ready = stack.pop()
        if node in place:
            continue
        if ready:
            place[node] = len(sequence)
            sequence.append(node)
        else:
            stack.append((node, True))
            ordered = sorted(inputs[node], key=lambda source: (-levels[first + source], names[source]), reverse=True)
            stack.extend((source, False) for source in ordered)
    codes = read.operation[first : network.stop].tolist()
    for at, node in enumerate(sequence):
        sources = [place[source] for source in inputs[node]]
        if read.operations[codes[node]].commutes:
            sources.sort()
        if codes[node] != codes[at] or sources != inputs[at]:
            return False
    return len(sequence) == size
