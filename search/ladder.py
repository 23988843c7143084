"""Which training goes on next, where many are begun and few are brought to their end: pure decisions, nothing trained.

ASHA (Li et al., arXiv 1810.05934, algorithm 2) promotes a training as soon as it is in the upper third of those that
have come as far, and begins another where none can be promoted; Hyperband (Li et al., arXiv 1603.06560, algorithm 1)
runs successive halvings side by side that begin with few epochs for many or with many for few. Optuna's pruners of
these names end what lags for good, at the moment it is asked, and compare it with what came before it alone; here a
training that waits can be promoted later, and goes on from where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Protocol

from presage.errors import UnknownName

__all__ = [
    "ASHA",
    "FACTOR",
    "FIRST_RUNG",
    "HYPERBAND",
    "LADDERS",
    "Brackets",
    "Ladder",
    "Schedule",
    "ladder",
    "planned_epochs",
    "rungs",
]

ASHA, HYPERBAND = "asha", "hyperband"
LADDERS = (ASHA, HYPERBAND)

FACTOR = 3
"""Of the trainings at a rung one in so many goes on, to as many times the epochs (η of both papers)."""
FIRST_RUNG = 1 / 9
"""Share of the epochs before which no two trainings are compared."""

Job = tuple[int, int]
"""A network, by its position, and the epochs until which it is trained."""


class Schedule(Protocol):
    """Says what is trained next, given how far everything before came."""

    def next(self) -> Job | None:
        """What is trained next; None where all is done. Asks for nothing else until it is told."""

    def tell(self, network: int, epochs: int, value: float | None) -> None:
        """How good a network is after so many epochs, higher is better; None where its training failed."""


def rungs(epochs: int, share: float) -> tuple[int, ...]:
    """Epochs at which trainings are compared: a third of the next each, down to a share of all; the last is all.

    >>> rungs(27, 1 / 9)
    (3, 9, 27)
    """
    least, found = max(ceil(epochs * share - 1e-9), 1), [epochs]
    while (below := round(epochs / FACTOR ** len(found))) >= least and below < found[0]:
        found.insert(0, below)
    return tuple(found)


class Ladder:
    """One bracket.

    Args:
        networks: their positions, in the order in which they are begun.
        epochs: of each rung, rising.
        eager: whether one is promoted as soon as it is in the upper third of those that have come as far (ASHA), or
            when all of its rung have (successive halving).

    Of few networks one at least comes to its end.
    """

    def __init__(self, networks: Sequence[int], epochs: Sequence[int], *, eager: bool) -> None:
        self._waiting, self._epochs, self._eager = list(networks), tuple(epochs), eager
        self._values: list[dict[int, float]] = [{} for _ in self._epochs]
        self._promoted: list[set[int]] = [set() for _ in self._epochs]
        self._running: Job | None = None

    def next(self) -> Job | None:
        """See `Schedule.next`."""
        if self._running is None:
            self._running = self._chosen()
        return self._running

    def tell(self, network: int, epochs: int, value: float | None) -> None:
        """See `Schedule.tell`."""
        if value is not None:
            self._values[self._epochs.index(epochs)][network] = value
        self._running = None

    def _chosen(self) -> Job | None:
        for rung in reversed(range(len(self._epochs) - 1)):
            if self._eager or self._is_full(rung):
                there = self._values[rung]
                quota = len(there) // FACTOR if self._eager else max(len(there) // FACTOR, 1)
                job = self._promotion(rung, quota)
                if job is not None:
                    return job
        if self._waiting:
            return self._waiting.pop(0), self._epochs[0]
        if not self._values[-1]:  # too few for a third of them, or those promoted have failed
            for rung in reversed(range(len(self._epochs) - 1)):
                job = self._promotion(rung, len(self._values[rung]))
                if job is not None:
                    return job
        return None

    def _promotion(self, rung: int, quota: int) -> Job | None:
        """The best of the `quota` best of a rung that is not promoted yet, equals in the order of their positions."""
        there = self._values[rung]
        best = sorted(there, key=lambda network: (-there[network], network))[:quota]
        for network in best:
            if network not in self._promoted[rung]:
                self._promoted[rung].add(network)
                return network, self._epochs[rung + 1]
        return None

    def _is_full(self, rung: int) -> bool:
        """Whether no other comes to a rung any more: those below are, and have sent on as many as they may."""
        if self._waiting:
            return False
        return all(
            len(self._promoted[below]) >= min(max(len(self._values[below]) // FACTOR, 1), len(self._values[below]))
            for below in range(rung)
        )


class Brackets:
    """Successive halvings, one after the other, as Hyperband divides what there is among them.

    Bracket s of s_max … 0 begins s rungs below the last and has a share of the networks of about ``η^s / (s + 1)``. The
    first of the networks, the most promising, are in those that begin with more epochs.
    """

    def __init__(self, networks: Sequence[int], epochs: Sequence[int]) -> None:
        sizes = _divided(len(networks), [FACTOR**s / (s + 1) for s in range(len(epochs))])
        self._brackets: list[Ladder] = []
        begun = 0
        for s, size in enumerate(sizes):
            if size:
                part = networks[begun : begun + size]
                self._brackets.append(Ladder(part, epochs[len(epochs) - 1 - s :], eager=False))
            begun += size

    def next(self) -> Job | None:
        """See `Schedule.next`."""
        while self._brackets:
            job = self._brackets[0].next()
            if job is not None:
                return job
            self._brackets.pop(0)
        return None

    def tell(self, network: int, epochs: int, value: float | None) -> None:
        """See `Schedule.tell`."""
        self._brackets[0].tell(network, epochs, value)


def ladder(name: str, count: int, epochs: int, share: float = FIRST_RUNG) -> Schedule:
    """A schedule of `LADDERS` for so many networks and epochs, which begins with a share of them.

    Raises:
        UnknownName: there is no such schedule.
    """
    steps = rungs(epochs, share)
    if name == ASHA:
        return Ladder(range(count), steps, eager=True)
    if name == HYPERBAND:
        return Brackets(range(count), steps)
    raise UnknownName("verification", name, LADDERS)


def planned_epochs(name: str, count: int, epochs: int, share: float = FIRST_RUNG) -> int:
    """Epochs that a schedule trains in all, where the first networks are the best and none fails."""
    plan, before, total = ladder(name, count, epochs, share), dict[int, int](), 0
    while (job := plan.next()) is not None:
        network, until = job
        total += until - before.get(network, 0)
        before[network] = until
        plan.tell(network, until, -float(network))
    return total


def _divided(count: int, weights: Sequence[float]) -> list[int]:
    """`count` as whole numbers in about these proportions, by largest remainders; none empty while there are enough."""
    least = 1 if count >= len(weights) else 0
    rest = count - least * len(weights) if least else count
    shares = [rest * weight / sum(weights) for weight in weights]
    found = [int(share) for share in shares]
    order = sorted(range(len(weights)), key=lambda at: (found[at] - shares[at], at))
    for at in order[: rest - sum(found)]:
        found[at] += 1
    return [one + least for one in found]
