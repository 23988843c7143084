"""Of more experiments than predictors can learn from in minutes, those that they learn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from presage.database import queries
from presage.database.connection import Connection
from presage.database.learned import LEARNABLE, Learned
from presage.database.store import Database
from presage.errors import InvalidArgument
from presage.records.architecture import ArchitectureRecord

__all__ = ["MOST_LEARNED", "SampledDatabase", "water_level"]

MOST_LEARNED = 20_000
"""Experiments that predictors are fitted to, at most."""
_NEWEST = 0.05  # share of the sample that is the newest, whatever they are of
_RULE = "sample-1"
_LEARNED = f"{LEARNABLE} AND id NOT IN (SELECT unnest(?::VARCHAR[]))"
_KEPT = f"FROM experiments WHERE {_LEARNED}"


class SampledDatabase(Database):
    """An open database as predictors learn from it: without those experiments that wait, and of at most so many.

    Where there are no more than that, it is the database itself. Else it is a sample, fixed by the content: of each
    dataset equally many, so that those with few stay whole; within a dataset by the experiments' identities, which are
    hashes: as if they were drawn, so that recipes and spaces keep their shares, and nearly all of a sample stays when
    experiments are added; and the newest in any case. Experiments on datasets without a probe, of which nothing is
    learned, are left out. Equally many of each dataset *and recipe* were worse on the shipped experience
    (``benchmarks/sampled_fit.py``): most of a sample then goes to recipes of few networks, which tell little of how
    networks rank.

    It shares the connection, which its maker closes.

    Args:
        database: open.
        learned: what predictors are fitted to (`Database.learned`); None for everything.
        most: experiments.
    """

    def __init__(self, database: Database, learned: Learned | None = None, *, most: int = MOST_LEARNED) -> None:
        if most < 1:
            raise InvalidArgument("most", "SampledDatabase", "be at least 1", most)
        super().__init__(database.connection)
        self._late = () if learned is None else learned.late
        self.most = most

    @property
    def late(self) -> tuple[str, ...]:
        """Identities of the experiments that wait for the next fit."""
        return self._late

    @cached_property
    def is_sample(self) -> bool:
        """Whether there are more experiments than are taken."""
        return bool(self._connection.rows(f"SELECT count(*) {_KEPT}", [list(self.late)])[0][0] > self.most)

    @cached_property
    def chosen(self) -> tuple[str, ...] | None:
        """Identities of the experiments of the sample, sorted; None where it is all of them."""
        return sample(self._connection, self.late, self.most) if self.is_sample else None

    def content_hash(self) -> str:
        """Digest of all that predictors learn from, as `Database.content_hash`; another where it is a sample.

        Experiments that nothing is learned from, failed ones and those that wait, do not change it.
        """
        digest = queries.content_hash(self._connection, _LEARNED, [list(self.late)])
        return f"{digest}/{_RULE}/{self.most}" if self.is_sample else digest

    def architecture_records(self, space: str | None = None) -> list[ArchitectureRecord]:
        """Of the networks of the sample, as `Database.architecture_records` has them."""
        if self.chosen is None:
            return super().architecture_records(space)
        return queries.records_among(self._connection, ArchitectureRecord, self._networks(), space=space)

    def spaces(self) -> dict[str, str]:
        """Of the networks of the sample, as `Database.spaces` has them."""
        if self.chosen is None:
            return super().spaces()
        return self.spaces_of(self._networks())

    def _networks(self) -> list[str]:
        found = self._connection.rows(
            "SELECT DISTINCT architecture FROM experiments WHERE id IN (SELECT unnest(?::VARCHAR[])) ORDER BY 1",
            [list(self.chosen or ())],
        )
        return [digest for (digest,) in found]


def sample(connection: Connection, late: Sequence[str], most: int) -> tuple[str, ...]:
    """Identities, sorted, of the experiments that `SampledDatabase` takes of more than it may."""
    kept = f"WITH kept AS (SELECT id, dataset, row_number() OVER (ORDER BY created_at DESC, id) AS age {_KEPT})"
    newest, waiting = int(_NEWEST * most), list(late)
    older = f"{kept} SELECT count(*) FROM kept WHERE age > ? GROUP BY dataset"
    level = water_level([n for (n,) in connection.rows(older, [waiting, newest])], most - newest)
    found = connection.rows(
        f"{kept} SELECT id FROM "
        "(SELECT id, age, row_number() OVER (PARTITION BY dataset, age > ? ORDER BY id) AS place FROM kept) "
        "WHERE age <= ? OR place <= ? ORDER BY id",
        [waiting, newest, newest, level],
    )
    return tuple(identity for (identity,) in found)


def water_level(counts: Sequence[int], most: int) -> int:
    """The largest whole number c with ``sum(min(count, c)) <= most``; at least 1."""
    ordered = np.sort(np.asarray(counts, np.int64))
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(ordered)])[:-1]
    left = np.arange(len(ordered), 0, -1)
    levels = (most - before) // left  # of those from here on, where all before are whole
    fits = np.flatnonzero(levels <= ordered)
    return max(1, int(levels[fits[0]]) if len(fits) else int(ordered.max(initial=1)))
