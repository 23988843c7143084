"""`StagedVerification`: many networks are trained briefly, the good go on from where they stood, few to their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from presage.files import write_json
from presage.search.ladder import FIRST_RUNG, Schedule, ladder, planned_epochs
from presage.search.result import Chosen, Verified
from presage.search.run.early_stop import Curves
from presage.search.run.ledger import read_row
from presage.search.run.verification import HASH, OnEpoch, Verification

__all__ = ["StagedVerification"]


class StagedVerification(Verification):
    """Trains as a schedule of `presage.search.ladder` says; the last rung is the whole recipe.

    Every network is one trial of the verified study: its value after each epoch is reported, those that came to their
    end are complete, those that were not promoted are pruned. Their state waits in their folders (``paused.json``,
    ``checkpoint.pt``) until all is decided, so that one that is promoted or was killed goes on.

    Args, beside those of `Verification`:
        schedule: one of `presage.search.ladder.LADDERS`.
        curves: networks are compared by the ends that are extrapolated of their curves; None compares them by the
            accuracies that they have.
    """

    def __init__(self, *given: Any, schedule: str, curves: Curves | None = None, **named: Any) -> None:
        super().__init__(*given, **named)
        self._schedule, self._curves = schedule, curves

    def planned(self, count: int) -> int:
        """Epochs that so many networks are trained in all, about."""
        return planned_epochs(self._schedule, count, self._ledger.epochs, FIRST_RUNG)

    def run(self, networks: Sequence[Chosen], on_epoch: OnEpoch | None = None) -> list[Verified]:
        """Train what the schedule asks for; what became of each of `networks`."""
        self._enqueue(networks)
        schedule: Schedule = ladder(self._schedule, len(networks), self._ledger.epochs, FIRST_RUNG)
        while (job := schedule.next()) is not None:
            at, epochs = job
            schedule.tell(at, epochs, self._value(at, networks[at], epochs, on_epoch))
        for chosen in networks:
            row = self._paused(chosen)
            if row is not None:
                left = f"not promoted after {len(row['curve'])} of {self._ledger.epochs} epochs ({self._schedule})"
                self._end(chosen, {**row, "failure": left})
        return [self._verified(chosen) for chosen in networks]

    def _value(self, at: int, chosen: Chosen, epochs: int, on_epoch: OnEpoch | None) -> float | None:
        """How good a network is after so many epochs, trained until then where it was not before."""
        folder = self._folder.network(chosen.hash)
        row = read_row(folder / "experiment.json")
        if row is None:
            row = self._paused(chosen)
            if row is None or len(row["curve"]) < epochs:
                report = (lambda record: on_epoch(at, record)) if on_epoch else None
                row = self._train(chosen, self._started(self._trial(chosen)), folder, report, epochs)
                if row["status"] == "pruned":
                    write_json(self._folder.paused(chosen.hash), row)
                else:
                    self._end(chosen, row)
        else:
            self._end(chosen, row)  # as far as that was not done when the search was killed
        if row["status"] not in ("finished", "pruned"):
            return None
        if row["status"] == "finished" and epochs == self._ledger.epochs:
            return float(row["accuracy"])
        if self._curves is None:
            return float(row["curve"][epochs - 1])
        return self._curves.expected(row, epochs)

    def _trial(self, chosen: Chosen) -> FrozenTrial:
        trials = self._study.get_trials(deepcopy=False)
        return next(trial for trial in trials if trial.user_attrs[HASH] == chosen.hash)

    def _paused(self, chosen: Chosen) -> dict[str, Any] | None:
        """The row of a training that waits; None where it has ended, or has not begun."""
        ended = (self._folder.network(chosen.hash) / "experiment.json").exists()
        return None if ended else read_row(self._folder.paused(chosen.hash))

    def _end(self, chosen: Chosen, row: dict[str, Any]) -> None:
        trial = self._trial(chosen)
        if not trial.state.is_finished():
            self._settle(chosen, self._started(trial), row)
        self._folder.paused(chosen.hash).unlink(missing_ok=True)
