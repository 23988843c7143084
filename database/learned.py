"""Which experiments predictors are fitted to, and which wait for the next fit: a function of the content alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file

from presage.database.connection import Connection, quoted
from presage.database.shipped import seed_experiments
from presage.records.experiment import FINISHED, ExperimentRecord

__all__ = ["GROWTH", "LEARNABLE", "MOST_WAITING", "SMALL", "Learned", "learned", "size_fitted"]

GROWTH = 20
"""Predictors are fitted anew when experience has grown by one part in so many,"""
MOST_WAITING = 400
"""or by so many experiments, whichever is fewer;"""
SMALL = 200
"""and at each experiment until there are so many: a fit takes seconds then, and each counts."""
LEARNABLE = f"status = '{FINISHED}' AND dataset IN (SELECT dataset FROM probes)"
"""Of experiments, those that anything is learned from."""


@dataclass(frozen=True)
class Learned:
    """What a predictor is fitted to: every experiment that can be learned from, but for the newest, which wait.

    Attributes:
        fitted: how many it is fitted to, before a sample is taken of very many.
        late: identities of those that wait for the next fit, the newest first.
    """

    fitted: int
    late: tuple[str, ...] = ()


def learned(connection: Connection, *, whole: bool = False) -> Learned:
    """What predictors are fitted to now.

    Experience is the experiments that are shipped, then all others by when they ended (at the same time: by identity).
    Fits are made to the first of it, as many as `size_fitted` says, so that one more training asks for no other fit:
    while the others are few, what is shipped is fitted to serves. It follows from the content alone, not from what was
    fitted before, and not from this machine's clock.

    Args:
        connection: the open file.
        whole: none waits.
    """
    kept = f"experiments WHERE {LEARNABLE}"
    identity = ", ".join(ExperimentRecord.identified_by)
    with as_file(seed_experiments()) as file:
        shipped = (
            f"({identity}) IN (SELECT ({identity}) FROM read_parquet('{quoted(file)}'))" if file.exists() else "false"
        )
        [(first, every)] = connection.rows(f"SELECT count(*) FILTER ({shipped}), count(*) FROM {kept}")
        late = 0 if whole else every - size_fitted(first, every)
        found: Sequence[tuple[str]] = []
        if late:
            newest = f"SELECT id FROM {kept} AND NOT {shipped} ORDER BY created_at DESC, id DESC LIMIT ?"
            found = connection.rows(newest, [late])
    return Learned(every - late, tuple(key for (key,) in found))


def size_fitted(first: int, every: int) -> int:
    """How many of `every` experiments predictors are fitted to, where the first fit is to `first` of them."""
    size = first
    while (step := _step(size)) <= every - size:
        size += step
    return size


def _step(size: int) -> int:
    return 1 if size < SMALL else min(max(size // GROWTH, 1), MOST_WAITING)
