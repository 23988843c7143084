"""The *verified* study: networks that were chosen, trained fully, one trial each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from presage.files import write_json, writing
from presage.search.early_stopped import EarlyStopped
from presage.search.result import SHORT_LIST, Chosen, Verified
from presage.search.run.attempts import attempt, settled
from presage.search.run.early_stop import EarlyStop
from presage.search.run.ledger import OF_RUN, Ledger, read_row
from presage.search.run.networks import Networks
from presage.search.run.pace import Pace, Unhurried
from presage.search.run.run_folder import RunFolder
from presage.search.run.trainer import Ahead, Examining, Trainer
from presage.search.samplers.distributions import distributions
from presage.search.studies.journal import Journal
from presage.training.failures import StopTraining
from presage.training.held_out import PREDICTIONS
from presage.training.loop import EpochRecord
from presage.training.model.folder import save_model
from presage.training.recipe import Recipe

__all__ = ["HASH", "OnEpoch", "Verification", "default_pruner"]

OnEpoch = Callable[[int, EpochRecord], None]
"""Position of the network among those to verify, and the epoch's record."""

HASH = "architecture"
"""Attribute of a trial: the hash of its network."""


def default_pruner(epochs: int) -> optuna.pruners.BasePruner:
    """Stops a network whose best epoch is worse than the median at the same epoch, from half of the epochs on.

    The first network is never stopped.
    """
    return optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=max(epochs // 2, 1))


class Verification:
    """Trains networks and keeps what became of each: in its folder, in the database, in the study; in that order.

    Each step is passed over when it has been done, so that after a kill at any moment everything is done once. A
    training that was under way goes on from its last whole epoch. What ends a training (NaN, lack of memory, a crash)
    fails its trial and never the study.

    Args:
        study: name of the study.
        pruner: None trains every network to the end.
        seed: of weights and batches.
        pace, recipe: whether there is time for one more training by this recipe; by default there always is.
        early_stop: ends trainings by their extrapolated curves; is told of every network in turn.
    """

    def __init__(
        self,
        journal: Journal,
        study: str,
        pruner: optuna.pruners.BasePruner | None,
        *,
        networks: Networks,
        trainer: Trainer,
        folder: RunFolder,
        ledger: Ledger,
        seed: int,
        recipe: Recipe,
        pace: Pace | None = None,
        early_stop: EarlyStop | None = None,
    ) -> None:
        self._recipe, self._pace = recipe, pace or Unhurried()
        self._study = journal.study(study, pruner=pruner)
        self._journal = journal
        self._networks, self._trainer, self._folder, self._ledger = networks, trainer, folder, ledger
        self._seed, self._early_stop = seed, early_stop
        self._before: dict[str, dict[str, Any]] | None = None  # what the database knew
        self._may_begin: dict[str, bool] = {}  # by hash: whether there is time for it
        self._begun: set[str] = set()

    def run(self, networks: Sequence[Chosen], on_epoch: OnEpoch | None = None) -> list[Verified]:
        """Train those that are not trained yet, in order; what became of each of `networks`.

        The rest is left out from where the pace allows no more; of a short-list the first is trained all the same.
        """
        self._enqueue(networks)
        trials = {trial.user_attrs[HASH]: trial for trial in self._study.get_trials(deepcopy=False)}
        found: list[Verified] = []
        for at, chosen in enumerate(networks):
            frozen = trials[chosen.hash]
            if not frozen.state.is_finished():
                self._begin([one for one in networks[at:] if not trials[one.hash].state.is_finished()], networks[0])
                if not self._may_begin[chosen.hash]:
                    break
                report = (lambda record, at=at: on_epoch(at, record)) if on_epoch else None
                self._verify(chosen, self._started(frozen), report)
            found.append(self._verified(chosen))
            if self._early_stop is not None:
                self._early_stop.learn(self._row(chosen))
        return found

    def _begin(self, networks: Sequence[Chosen], first: Chosen) -> None:
        """Ask the pace for the next networks, in order, and begin them as far as the trainer trains side by side."""
        for chosen in networks:
            if chosen.hash in self._begun:
                continue
            if chosen.hash not in self._may_begin:
                self._may_begin[chosen.hash] = self._has_time(chosen, first=chosen is first)
            if not self._may_begin[chosen.hash] or not isinstance(self._trainer, Ahead):
                return
            folder = self._folder.network(chosen.hash)
            if read_row(folder / "experiment.json") is None and self._known(chosen) is None:
                architecture, checkpoint = self._networks.of(chosen.params), folder / "checkpoint.pt"
                if not self._trainer.begin(architecture, seed=self._seed, checkpoint=checkpoint):
                    return
            self._begun.add(chosen.hash)

    def _has_time(self, chosen: Chosen, *, first: bool) -> bool:
        if chosen.role == SHORT_LIST and first:
            return True
        stage = "train" if chosen.role == SHORT_LIST else "baseline"
        return self._pace.begins(self._networks.of(chosen.params), self._recipe, stage)

    def _enqueue(self, networks: Sequence[Chosen]) -> None:
        queued = {trial.user_attrs[HASH] for trial in self._study.get_trials(deepcopy=False)}
        kinds = distributions(self._networks.space)
        for chosen in networks:
            if chosen.hash in queued:
                continue
            shown = {
                name: value
                for name in ("predicted", "lower", "upper", "parameters", "multiply_adds", "activation_bytes")
                if (value := getattr(chosen, name)) is not None
            }
            if chosen.extrapolation:
                shown |= {"extrapolation": chosen.extrapolation, "distance": chosen.distance}
            shown |= {chosen.score_name: chosen.score} if chosen.score is not None else {}
            seconds = {"estimated": chosen.latency_seconds, "measured": chosen.measured_latency_seconds}
            shown |= {f"{kind} latency [s]": value for kind, value in seconds.items() if value is not None}
            shown |= {"role": chosen.role, "round": chosen.round_number, "trial in predicted study": chosen.trial}
            trial = create_trial(
                state=TrialState.WAITING,
                params=dict(chosen.params),
                distributions=kinds,
                user_attrs={HASH: chosen.hash, **shown},
            )
            with writing(self._journal.path):
                self._study.add_trial(trial)

    def _started(self, frozen: FrozenTrial) -> Trial:
        storage = self._journal.storage
        number = storage.get_study_id_from_name(self._study.study_name)
        trial_id = storage.get_trial_id_from_study_id_trial_number(number, frozen.number)
        if frozen.state == TrialState.WAITING:
            storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        return Trial(self._study, trial_id)

    def _verify(self, chosen: Chosen, trial: Trial, on_epoch: Callable[[EpochRecord], None] | None) -> None:
        folder = self._folder.network(chosen.hash)
        row = read_row(folder / "experiment.json")
        if row is None:
            row = self._known(chosen) or self._train(chosen, trial, folder, on_epoch)
        self._settle(chosen, trial, row)

    def _settle(self, chosen: Chosen, trial: Trial, row: dict[str, Any]) -> None:
        """Keep the end of a training: each step once, whatever was done of it before."""
        folder = self._folder.network(chosen.hash)
        if read_row(folder / "experiment.json") is None:
            write_json(folder / "experiment.json", row)
        if row["status"] != "crashed" and not row.get("reused"):
            self._ledger.add_experiment(chosen, {name: row[name] for name in row if name not in OF_RUN})
        with writing(self._journal.path):
            self._tell(trial, row)
        settled(folder)

    def _known(self, chosen: Chosen) -> dict[str, Any] | None:
        """The result of the same training, had before this search: only the baseline may meet one."""
        if chosen.role == SHORT_LIST:
            return None
        if self._before is None:
            self._before = self._ledger.known()
        row = self._before.get(chosen.hash)
        return {**row, "reused": True} if row and row["status"] == "finished" else None

    def _train(
        self,
        chosen: Chosen,
        trial: Trial,
        folder: Path,
        on_epoch: Callable[[EpochRecord], None] | None,
        until: int | None = None,
    ) -> dict[str, Any]:
        """The row of a training; where told `until` when, it ends there as pruned, and can go on from there."""
        architecture = self._networks.of(chosen.params)
        reported = set(self._study.get_trials(deepcopy=False)[trial.number].intermediate_values)

        records: list[EpochRecord] = []
        ended: list[EarlyStopped] = []

        def report(record: EpochRecord) -> None:
            records.append(record)
            if on_epoch is not None:
                on_epoch(record)
            if record.epoch not in reported:
                with writing(self._journal.path):
                    trial.report(record.validation_accuracy, record.epoch)
            last = record.epoch + 1 >= self._ledger.epochs  # nothing is saved by stopping a network that is trained
            if until is not None and record.epoch + 1 >= until and not last:
                raise StopTraining(f"paused after {until} of {self._ledger.epochs} epochs")
            if record.epoch + 1 < len(reported) or last:
                return
            if trial.should_prune():
                raise StopTraining(f"stopped by the pruner after epoch {record.epoch}")
            verdict = self._early_stop.verdict(architecture, records) if self._early_stop is not None else None
            if verdict is not None:
                ended.append(verdict)
                raise StopTraining(verdict.words)

        checkpoint = folder / "checkpoint.pt"
        result = attempt(
            folder,
            len(reported),
            lambda: self._trainer.train(architecture, seed=self._seed, checkpoint=checkpoint, on_epoch=report),
        )
        if isinstance(result, str):
            return self._ledger.crash(chosen, self._seed, result)
        row = self._ledger.row(architecture, self._seed, result)
        if ended:
            return {**row, "stopped": ended[-1].to_json()}
        if until is not None:
            row = {**row, "seconds": round(sum(one.seconds for one in records), 3)}  # of all its parts
        if result.status == "finished":  # one that ended early took less than its epochs do
            self._pace.trained(architecture, self._recipe, result.seconds)
        if result.status == "finished" and result.module is not None:
            if isinstance(self._trainer, Examining):
                write_json(folder / PREDICTIONS, self._trainer.predictions(architecture, result).to_json())
            if chosen.role == SHORT_LIST:
                save_model(self._trainer.model(architecture, result), folder, program=False)
        return row

    def _tell(self, trial: Trial, row: dict[str, Any]) -> None:
        shown = {"status": row["status"], "test accuracy": row["test_accuracy"], "seconds": row["seconds"]}
        shown |= {"failure": row["failure"], "reused": bool(row.get("reused"))}
        for name, value in shown.items():
            trial.set_user_attr(name, value)
        match row["status"]:
            case "finished":
                self._study.tell(trial, row["accuracy"])
            case "pruned":
                self._study.tell(trial, state=TrialState.PRUNED)
            case _:
                self._study.tell(trial, state=TrialState.FAIL)

    def _row(self, chosen: Chosen) -> dict[str, Any]:
        row = read_row(self._folder.network(chosen.hash) / "experiment.json")
        assert row is not None  # `_verify` has just written or read it
        return row

    def _verified(self, chosen: Chosen) -> Verified:
        row = self._row(chosen)
        return Verified.of(chosen, row, reused=bool(row.get("reused")))
