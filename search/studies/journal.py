"""The studies of a run in one journal file, which optuna-dashboard and `optuna.load_study` open.

Optuna's journal writes, flushes and reads back one line for every parameter of every trial: 5 trials of 49 parameters
a second by ask and tell, 260 by `study.add_trials`; 10,000 of them can be written (`benchmarks/predicted_study.py`).
A predicted study has thousands of trials that are over before they are recorded. So they are written as Optuna writes
a finished trial (operation `CREATE_TRIAL` with everything in it), many lines in one append, and are not read back.

That takes 3 to 7 kB for a candidate. A study of more than `WHOLE` is kept in Parquet files beside the journal, all of
it, at about 100 bytes (`CandidateParts`); of what comes after the first `WHOLE` the journal has what dashboards need:
each candidate that is the best so far, and a sample.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import TrialState

from presage.architecture.spaces.space import Space
from presage.files import append, trim, writing
from presage.reading import check_plain, reading
from presage.search.samplers.distributions import distributions
from presage.search.studies.candidate_parts import CandidateParts
from presage.search.studies.scored_columns import ScoredColumns
from presage.search.studies.scored_trial import ScoredTrial

__all__ = ["CANDIDATE", "CANDIDATES", "SAMPLED", "WHOLE", "Journal", "ScoredTrial"]

CANDIDATES = "candidates"
"""Folder beside the journal, of folders of Parquet files, one for each study."""
USUAL = "journal.log"
"""A journal of another name has its candidates apart from that of its neighbours."""
WHOLE = 2_000
"""Candidates of a study that the journal has all of."""
SAMPLED = 500
"""Of those after these, every so many's."""
CANDIDATE = "candidate"
"""What such a trial says: which of all candidates it is."""
_CREATE_TRIAL = 4  # the operation in which Optuna's journal adds a whole trial; a test compares line by line


class Journal:
    """One journal file. A run holds the lock of its folder, so only this process writes studies here.

    Args:
        path: the file; made where there is none.
        mend: cut off the line that a killed process left unfinished. Only for who holds the run's lock.

    Raises:
        WrongInput: from whatever reads it, where it is damaged: a line is torn in the middle, empty or changed.
    """

    def __init__(self, path: Path, *, mend: bool = False) -> None:
        self.path = path
        if path.exists():
            check_plain(path)
        if mend:
            _mend(path)
        self._backend = _Skimming(path)
        self._storage: JournalStorage | None = None

    @property
    def storage(self) -> JournalStorage:
        """For Optuna. Trials recorded in bulk appear in it without parameters, which saves most of the reading."""
        if self._storage is None:
            with reading(self.path):
                self._storage = JournalStorage(self._backend)
        return self._storage

    def study(
        self, name: str, directions: Sequence[str] = ("maximize",), pruner: optuna.pruners.BasePruner | None = None
    ) -> optuna.Study:
        """The study of this name, made where there is none."""
        pruner, sampler = pruner or optuna.pruners.NopPruner(), optuna.samplers.RandomSampler()
        with reading(self.path):
            if self._has(name):
                return optuna.load_study(study_name=name, storage=self.storage, pruner=pruner, sampler=sampler)
        known = [StudyDirection[direction.upper()] for direction in directions]
        with writing(self.path):
            return optuna.create_study(
                study_name=name, storage=self.storage, directions=known, pruner=pruner, sampler=sampler
            )

    def recorder(self, name: str, directions: Sequence[str], space: Space) -> Recorder:
        """What writes and reads the finished trials of one study in bulk."""
        parts = CandidateParts(self._candidates(name), space, len(directions))  # before the study is made
        self.study(name, directions)
        number = self.storage.get_study_id_from_name(name)
        sign = 0 if len(directions) > 1 else 1 if directions[0] == "maximize" else -1
        return Recorder(self._backend, self.path, number, space, parts, len(directions), sign)

    def _candidates(self, study: str) -> Path:
        """Where those of a study are. Two journals in one folder would find each other's; a study that is there already
        may have been begun by a version that put all into one place: that of the usual journal, where there is one."""
        shared = self.path.parent / CANDIDATES / study
        if self.path.name == USUAL:
            return shared
        apart = self.path.parent / f"{self.path.name}-{CANDIDATES}" / study
        if apart.exists() or not shared.is_dir() or self.path.with_name(USUAL).exists():
            return apart
        with reading(self.path):
            return shared if self._has(study) else apart

    def _has(self, study: str) -> bool:
        return any(one.study_name == study for one in self.storage.get_all_studies())


class Recorder:
    """Writes and reads the trials of one predicted study; `path` is the journal.

    Args:
        parts: where all trials are, once they are more than `WHOLE`.
        objectives: how many values a trial has.
        sign: 1 where the one objective is maximised, -1 where it is minimised, 0 of several.
    """

    def __init__(
        self,
        backend: JournalFileBackend,
        path: Path,
        study: int,
        space: Space,
        parts: CandidateParts,
        objectives: int,
        sign: int,
    ) -> None:
        self._backend, self.path, self._study, self.parts = backend, path, study, parts
        self._sign, self._best = sign, -math.inf
        self._objectives = objectives
        kinds = distributions(space)
        self._names = list(kinds)
        self.parameters = len(kinds)
        texts = {name: distribution_to_json(kind) for name, kind in kinds.items()}
        self._head = f'{{"op_code":{_CREATE_TRIAL},"worker_id":"presage","study_id":{study},'
        self._distributions = f'"distributions":{json.dumps(texts, separators=(",", ":"))},'
        self._choices = [
            [f"{json.dumps(parameter.name)}:{float(at)}" for at in range(len(parameter.choices))]
            for parameter in space.parameters
        ]

    def write(self, trials: Sequence[ScoredTrial], first: int = 0, asked: int = 0) -> None:
        """Append all of them, with one flush to disk of each file.

        Args:
            first: row of the first of them among all candidates.
            asked: how many candidates there are to be; where that is more than `WHOLE`, files are begun at once.

        Raises:
            StorageFull: the disk is full; what was recorded before is whole.
        """
        if max(first + len(trials), asked) > WHOLE:
            if first and not self.parts.rows:
                self.parts.write(list(self._of_the_journal()))
            self.parts.write(trials)
        shown = self._shown(trials, first)
        if shown:
            append(self.path, "".join(map(self._line, shown)).encode())

    def _shown(self, trials: Sequence[ScoredTrial], first: int) -> list[ScoredTrial]:
        """Those that the journal has, as it has them."""
        told = self._columns(trials)
        value = np.where(told.scored, self._sign * told.values[:, 0], -np.inf)
        best = np.maximum.accumulate(np.concatenate([[self._best], value]))
        is_best = (value > best[:-1]) & bool(self._sign)
        self._best = float(best[-1])
        rows = first + np.arange(len(trials))
        shown: list[ScoredTrial] = []
        for at in np.flatnonzero((rows < WHOLE) | is_best | (rows % SAMPLED == 0)).tolist():
            trial, row = trials[at], first + at
            shown.append(trial if row < WHOLE else replace(trial, user={**trial.user, CANDIDATE: row}))
        return shown

    def _columns(self, trials: Sequence[ScoredTrial]) -> ScoredColumns:
        return ScoredColumns.of(trials, self.parameters, self._objectives)

    def _line(self, trial: ScoredTrial) -> str:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        params = ",".join([choices[at] for choices, at in zip(self._choices, trial.code, strict=True)])
        state = TrialState.COMPLETE if trial.values else TrialState.FAIL
        values: dict[str, Any] = {"state": int(state), "value": None, "values": None}
        if len(trial.values) == 1:
            values["value"] = trial.values[0]
        elif trial.values:
            values["values"] = list(trial.values)
        rest = {"user_attrs": trial.user, "system_attrs": trial.system, "intermediate_values": {}, **values}
        return (
            f'{self._head}"datetime_start":"{now}","datetime_complete":"{now}",{self._distributions}'
            f'"params":{{{params}}},{json.dumps(rest, separators=(",", ":"), allow_nan=False)[1:]}\n'
        )

    def read(self) -> Iterator[ScoredTrial]:
        """The trials written so far, in order."""
        for columns in self.read_columns():
            yield from columns

    def read_columns(self) -> Iterator[ScoredColumns]:
        """The trials written so far, in order, some together."""
        whole = [self._columns(list(self._of_the_journal()))] if not self.parts.rows else self.parts.read()
        for columns in whole:
            values = self._sign * columns.values[columns.scored, 0]
            self._best = max(self._best, float(values.max(initial=-np.inf)))
            yield columns

    def _of_the_journal(self) -> Iterator[ScoredTrial]:
        with self.path.open("rb") as stream:
            for line in stream:
                if not line.startswith(self._head.encode()):
                    continue
                log = json.loads(line)
                if CANDIDATE in log["user_attrs"]:
                    continue  # of a sample
                values = log["values"] if log["value"] is None else [log["value"]]
                code = [int(log["params"][name]) for name in self._names]
                yield ScoredTrial(code, tuple(values or ()), log["user_attrs"], log["system_attrs"])


class _Skimming(JournalFileBackend):
    """Hands Optuna the trials that were recorded in bulk without their parameters: it parses each of these anew."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), lock_obj=_Held(str(path)))

    def read_logs(self, log_number_from: int) -> Any:
        for log in super().read_logs(log_number_from):
            if log["op_code"] == _CREATE_TRIAL and log.get("worker_id") == "presage":
                log["distributions"], log["params"] = {}, {}
            yield log


class _Held(JournalFileOpenLock):
    """Between threads alone: of processes only the run's holder writes. Optuna's own lock is a file, made and removed
    for each line; one that a failing disk leaves behind would hold up the next search for half a minute."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._own = threading.Lock()

    def acquire(self) -> bool:
        return self._own.acquire()

    def release(self) -> None:
        self._own.release()


def _mend(path: Path) -> None:
    """Cut off an unfinished last line, and remove a lock of an earlier presage, that a killed process left."""
    Path(f"{path}.lock").unlink(missing_ok=True)
    if path.exists():
        trim(path)


def finite(values: Sequence[float]) -> tuple[float, ...]:
    """The values as a trial's, or none at all where one is not a finite number: the trial failed."""
    return tuple(map(float, values)) if all(map(math.isfinite, values)) else ()
