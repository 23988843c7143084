"""What a round trains: the most promising of its candidates, unlike one another, not known yet, within the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Codes
from presage.errors import NothingFeasible
from presage.search.result import SHORT_LIST, Chosen, KnownNetwork, ShortList, Verified
from presage.search.run.chosen import chosen_network
from presage.search.run.context import RunContext
from presage.search.studies.acquisition import get_acquisition
from presage.search.studies.predicted import Candidates
from presage.search.studies.shortlist import Choice, shortlist
from presage.surrogate.predictors.prediction import extrapolation_of

__all__ = ["Choosing"]

_MEASURED_AGAIN = 5  # times that a short-list is made again without what was over the latency limit when measured


class Choosing:
    """Makes the short-list of one round.

    Args:
        candidates: of the round.
        before: every network verified in the rounds before: not chosen again.
        settled: (p,) the network that a search on shared weights settled for: it is always chosen; None elsewhere.
            Without it half of the places go to the space's references.
        settled_seconds: its latency, where it was measured before.
    """

    def __init__(
        self,
        run: RunContext,
        candidates: Candidates,
        before: Sequence[Verified],
        settled: Codes | None = None,
        settled_seconds: float | None = None,
    ) -> None:
        self.run, self.candidates = run, candidates
        self._trained = {one.chosen.hash for one in before}
        accuracies = [one.accuracy for one in before if one.accuracy is not None]
        median = float(np.nanmedian(candidates.value)) if len(candidates.unique) else 0.0
        self._best = max(accuracies, default=median)
        self._assured = self._assured_rows(settled)
        self._measured: dict[str, float] = {}  # hash → seconds
        if settled is not None and settled_seconds is not None:
            self._measured[run.networks.at(settled).hash] = settled_seconds

    def short_list(self, round_number: int, predictor: str) -> ShortList:
        """The short-list, latencies measured where the search is about them.

        Args:
            predictor: name of the scorer.

        Raises:
            NothingFeasible: everything promising is over the latency limit when measured.
        """
        known = self.run.ledger.known()
        over: set[str] = set()  # what is over the limit when measured, whatever was estimated
        choices = self._choices(self._trained | set(known))
        for _ in range(_MEASURED_AGAIN):
            found = self._over_limit(choices)
            if not found:
                break
            over |= found
            choices = self._choices(self._trained | set(known) | over)
        choices = [choice for choice in choices if choice.hash not in self._over_limit([choice])]
        if over and not choices:
            raise self._all_too_slow()
        return ShortList(
            chosen=tuple(self._chosen(round_number, choice, predictor) for choice in choices),
            known=tuple(self._known(known)),
            too_slow={digest: self._measured[digest] for digest in sorted(over)},
        )

    def _choices(self, excluded: set[str]) -> list[Choice]:
        settings = self.run.settings
        # an interval belongs to a predicted accuracy; a proxy has none, nor the scale of what was trained
        acquisition = get_acquisition(settings.acquisition if self.run.score.predicts else "mean")
        return shortlist(
            self.candidates, lambda row: self._network(row).hash, settings.shortlist,
            acquisition=acquisition, best=self._best, excluded=excluded,
            objectives=settings.objectives, diversity=settings.diversity, assured=self._assured,
        )  # fmt: skip

    def _network(self, row: int) -> Architecture:
        return self.run.networks.at(self.candidates.codes[row])

    def _assured_rows(self, settled: Codes | None) -> list[int]:
        """First rows of the candidates that are chosen whatever is predicted of others: what a search on shared weights
        settled for, or, for half of the places, the best predicted of the space's references, the largest within the
        limits of each kind."""
        if settled is not None:
            found = self._row_of(settled)
            return [] if found is None else [found]
        if self.run.references is None:
            return []
        largest = []
        for kind in self.run.space.references:
            rows = [row for row in map(self._row_of, kind) if row is not None]
            largest += rows[-1:]
        ranked = sorted(largest, key=lambda row: -float(self.candidates.value[row]))
        return ranked[: self.run.settings.shortlist // 2]

    def _row_of(self, code: Codes) -> int | None:
        """First row of the candidate that is the network of a code."""
        rows = np.flatnonzero((self.candidates.codes == code).all(axis=1))
        return int(self.candidates.first[rows[0]]) if len(rows) else None

    def _chosen(self, round_number: int, choice: Choice, predictor: str) -> Chosen:
        row, candidates = choice.row, self.candidates
        value, lower, upper = (float(ends[row]) for ends in (candidates.value, candidates.lower, candidates.upper))
        return chosen_network(
            choice.hash, self.run.space.params(candidates.codes[row]), role=SHORT_LIST, round_number=round_number,
            score=self.run.score, said=(value, lower, upper), level=candidates.level,
            costs=candidates.costs[row].tolist(), latency=float(candidates.latency[row]), predictor=predictor,
            trial=row, acquisition=choice.acquisition, measured_latency=self._measured.get(choice.hash),
            distance=candidates.distance_of(row),
        )  # fmt: skip

    def _known(self, rows: Mapping[str, Mapping[str, Any]]) -> list[KnownNetwork]:
        """What would have been short-listed, had its accuracy not been known: by `rows`, hash → row of experience."""
        return [
            KnownNetwork(
                hash=choice.hash,
                params=self.run.space.params(self.candidates.codes[choice.row]),
                predicted=float(self.candidates.value[choice.row]) if self.run.score.predicts else None,
                accuracy=rows[choice.hash]["accuracy"],
                **self._reach(choice.row),
            )
            for choice in (self._choices(self._trained) if rows else [])
            if rows.get(choice.hash, {}).get("accuracy") is not None
        ]

    def _reach(self, row: int) -> dict[str, Any]:
        """How far the prediction of a candidate reaches, as word and number; nothing where none was made."""
        distance = self.candidates.distance_of(row)
        if not self.run.score.predicts or isnan(distance):
            return {}
        return {"extrapolation": extrapolation_of(distance), "distance": distance}

    # Latency --------------------------------------------------------------------------------------------------------

    def _over_limit(self, choices: Sequence[Choice]) -> set[str]:
        """Measure the latency of what is chosen, once each; the hashes of those over the limit."""
        if self.run.latency is None:
            return set()
        most = self.run.settings.limits.latency_seconds
        for choice in choices:
            if choice.hash not in self._measured:
                self._measured[choice.hash] = self.run.latency.measure(self._network(choice.row))
        return {choice.hash for choice in choices if most is not None and self._measured[choice.hash] > most}

    def _all_too_slow(self) -> NothingFeasible:
        most, measured = self.run.settings.limits.latency_seconds, self._measured
        return NothingFeasible(
            f"No network is within {most:.3g} seconds of latency when measured, whatever was estimated "
            f"({len(measured)} measured; the fastest takes {min(measured.values()):.3g}). Raise the limit or choose a "
            "smaller space."
        )
