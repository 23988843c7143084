"""How far a search is, from its run folder alone: nothing is written, and a search may be writing meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, WrongInput
from presage.files import held
from presage.reading import hex_name, read_as, reading
from presage.search.result import BASELINE, Chosen, SearchResult, ShortList
from presage.search.run.ledger import read_row
from presage.search.run.run_folder import RunFolder

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["FINISHED", "PREPARED", "RUNNING", "STOPPED", "NetworkStatus", "RunStatus", "StageStatus", "run_status"]

PREPARED, RUNNING, STOPPED, FINISHED = "prepared", "running", "stopped", "finished"

WAITING, TRAINING, PAUSED, LEFT = "waiting", "training", "paused", "not trained"


@dataclass(frozen=True)
class StageStatus:
    """One stage of a search: `done` of `total`, which is None where nobody knows it before.

    Attributes:
        name: in the words of people, such as *candidates*, *short-list*.
        best: highest score or trained accuracy so far; None before there is one.
    """

    name: str
    done: int
    total: int | None
    best: float | None = None


@dataclass(frozen=True)
class NetworkStatus:
    """A network that was chosen to be trained, and how far it is.

    Attributes:
        chosen: the network, and what was predicted of it.
        status: `waiting`, `training`, `paused` (until it is promoted, or is not), `stopped` (begun, by a search that no
            longer runs), `not trained` (left out by a search that has ended), or how the training ended.
        epochs: that were finished.
        accuracy: *trained* validation accuracy; None unless finished.
        curve: (e,) validation accuracy after each epoch so far.
        seconds: of training; None unless it has ended.
    """

    chosen: Chosen
    status: str
    epochs: int
    accuracy: float | None
    curve: tuple[float, ...]
    seconds: float | None


@dataclass(frozen=True)
class RunStatus:
    """A running, stopped or finished search.

    Attributes:
        folder: the run folder.
        state: `prepared` where the dataset was probed and the search itself has not begun, `running` while a process
            holds the folder, `finished` where there is a result, else `stopped`.
        dataset: its name; "" where the folder does not tell.
        space, strategy, score: what is searched, and how.
        epochs: of the recipe that the short-list is trained by.
        stages: in order; those of rounds that have not begun are missing.
        networks: the short-lists and the random baseline, in the order chosen.
        scores: of each round the scores of its candidates, in the order proposed; None for one without.
        quiet_seconds: since anything was written.
        result: the whole result; None unless finished.
    """

    folder: Path
    state: str
    dataset: str
    space: str
    strategy: str
    score: str
    epochs: int
    stages: tuple[StageStatus, ...]
    networks: tuple[NetworkStatus, ...]
    scores: tuple[tuple[float | None, ...], ...]
    quiet_seconds: float
    result: SearchResult | None = None

    @property
    def best(self) -> NetworkStatus | None:
        """Of the short-list, the network with the highest trained accuracy so far."""
        found = [one for one in self.networks if one.accuracy is not None and one.chosen.role != BASELINE]
        return max(found, key=lambda one: one.accuracy or 0.0, default=None)

    @property
    def failed(self) -> bool:
        """Whether it ended without a single trained network."""
        return self.result is not None and self.result.best is None

    def to_json(self) -> dict[str, Any]:
        """Everything but the candidates' scores and the whole result, as plain values."""
        best = self.best
        return {
            **{name: getattr(self, name) for name in ("state", "dataset", "space", "strategy", "score", "epochs")},
            "folder": str(self.folder),
            "stages": [asdict(one) for one in self.stages],
            "networks": [
                {
                    "chosen": one.chosen.to_json(), "status": one.status, "epochs": one.epochs,
                    "accuracy": one.accuracy, "curve": list(one.curve), "seconds": one.seconds,
                }
                for one in self.networks
            ],
            "best": None if best is None else {"hash": best.chosen.hash, "accuracy": best.accuracy},
            "quiet_seconds": self.quiet_seconds,
        }  # fmt: skip


def run_status(path: Path) -> RunStatus:
    """How far the search in a folder is.

    Raises:
        InvalidArgument: the folder holds no run.
        WrongInput: a file of it is damaged.
    """
    folder = RunFolder(path)
    asked = read_as(path / "run.json", lambda begun: dict(begun["settings"])) if path.is_dir() else None
    if asked is None and not (path / "card.json").exists():
        raise InvalidArgument("RUN", "presage status", "hold a run that was begun", str(path))
    with reading(f"The run folder {path}"):
        held_now = _is_held(path / "lock")
        result = None
        if folder.result.exists() and not held_now:
            result = read_as(folder.result, partial(SearchResult.from_json, folder=path))
        state = RUNNING if held_now else FINISHED if result is not None else PREPARED if asked is None else STOPPED
        return _status(folder, asked or {}, state, result)


def _status(folder: RunFolder, asked: Mapping[str, Any], state: str, result: SearchResult | None) -> RunStatus:
    from presage.search.studies.candidate_parts import rows_in

    trials = _trials(folder.journal)
    epochs = int(dict(asked.get("recipe", {})).get("epochs", 0))
    stages: list[StageStatus] = []
    networks: list[NetworkStatus] = []
    scores = []
    for number in range(1, int(asked.get("rounds", 1 if asked else 0)) + 1):
        values = [_value(trial) for trial in trials.get(f"predicted-{number}", ())]
        if not values and number > 1:
            break
        scores.append(tuple(values))
        rounds = f" of round {number}" if asked.get("rounds", 1) > 1 else ""
        found = max((value for value in values if value is not None), default=None)
        done = rows_in(folder.candidates(f"predicted-{number}")) or len(values)
        stages.append(StageStatus(f"candidates{rounds}", done, asked.get("candidates"), found))
        chosen = read_as(folder.shortlist(number), ShortList.from_json)
        listed = [] if chosen is None else _networks(folder, chosen.chosen, trials.get("verified", ()), state)
        networks += listed
        stages.append(_trained(f"short-list{rounds}", listed, asked.get("shortlist")))
    if asked.get("compare_random"):
        drawn = read_as(folder.baseline, lambda kept: tuple(Chosen.from_json(one) for one in kept)) or ()
        listed = _networks(folder, drawn, trials.get("random-baseline", ()), state)
        networks += listed
        stages.append(_trained("random baseline", listed, asked["compare_random"]))
    stages += _finals(folder, state)
    return RunStatus(
        folder=folder.path,
        state=state,
        dataset=read_as(folder.path / "card.json", lambda card: str(card["name"])) or "",
        space=str(asked.get("space", "")),
        strategy=str(asked.get("strategy", "")),
        score=str(asked.get("score", "")),
        epochs=epochs,
        stages=tuple(stages),
        networks=tuple(networks),
        scores=tuple(scores),
        quiet_seconds=round(max(time.time() - _last_written(folder.path), 0.0), 1),
        result=result,
    )


def _trained(name: str, networks: Sequence[NetworkStatus], asked: int | None) -> StageStatus:
    over = [one for one in networks if one.status not in (WAITING, TRAINING, PAUSED, STOPPED, LEFT)]
    best = max((one.accuracy for one in over if one.accuracy is not None), default=None)
    return StageStatus(name, len(over), len(networks) or asked, best)


def _finals(folder: RunFolder, state: str) -> list[StageStatus]:
    """Settings tried before a final training, and that training, which leaves a model."""
    tried: list[float | None] = []
    last: list[float | None] = []
    for path in sorted((folder.path / "final").glob("*/*/experiment.json")):
        row = read_row(path)
        if row is not None:
            (last if (path.parent / "architecture.json").exists() else tried).append(row["accuracy"])
    running = [
        epochs
        for path in sorted((folder.path / "final").glob("*/*/epochs.json"))
        if (epochs := read_as(path, int)) is not None
    ]
    found = []
    for name, values in (("settings tried", tried), ("final training", last)):
        if values:
            best = max((value for value in values if value is not None), default=None)
            found.append(StageStatus(name, len(values), None, best))
    if state != FINISHED:
        found += [StageStatus("epochs of the training under way", epochs, None) for epochs in running]
    return found


def _networks(
    folder: RunFolder, chosen: Sequence[Chosen], trials: Sequence[FrozenTrial], state: str
) -> list[NetworkStatus]:
    reported = {trial.user_attrs.get("architecture"): trial.intermediate_values for trial in trials}
    return [_network(folder, one, reported.get(one.hash) or {}, state) for one in chosen]


def _network(folder: RunFolder, chosen: Chosen, reported: Mapping[int, float], state: str) -> NetworkStatus:
    place = folder.network(hex_name(chosen.hash))
    row = read_row(place / "experiment.json")
    if row is not None:
        curve = tuple(row["curve"])
        return NetworkStatus(chosen, row["status"], len(curve), row["accuracy"], curve, row["seconds"])
    curve = tuple(reported[epoch] for epoch in sorted(reported))
    begun = bool(curve) or (place / "starts.json").exists() or (place / "checkpoint.pt").exists()
    paused = read_row(folder.paused(chosen.hash))
    if paused is not None and len(paused["curve"]) >= len(curve):
        return NetworkStatus(chosen, PAUSED, len(curve), None, curve, None)
    status = (TRAINING if state == RUNNING else STOPPED) if begun else LEFT if state == FINISHED else WAITING
    return NetworkStatus(chosen, status, len(curve), None, curve, None)


def _trials(journal: Path) -> dict[str, list[FrozenTrial]]:
    """The trials of each study of the journal, as far as they are written."""
    if not journal.exists():
        return {}
    from presage.search.studies.journal import Journal

    storage = Journal(journal).storage
    with reading(journal):
        studies = storage.get_all_studies()
        return {one.study_name: storage.get_all_trials(one._study_id, deepcopy=False) for one in studies}


def _value(trial: FrozenTrial) -> float | None:
    return trial.values[0] if trial.values else None


def _is_held(lock: Path) -> bool:
    """Whether a process holds the folder."""
    if not lock.exists():
        return False
    taken = WrongInput("held")
    try:
        with held(lock, taken):
            return False
    except OSError:  # a folder that may only be read: nobody searches there
        return False
    except WrongInput as error:
        if error is not taken:
            raise
        return True


def _last_written(folder: Path) -> float:
    """When anything of the run was last written, in seconds since 1970."""
    watched = [folder / "journal.log", folder / "run.json", folder / "result.json", folder / "card.json"]
    for pattern in ("candidates/*", "networks/*/*", "final/*/*/*", "round-*/*"):
        watched += folder.glob(pattern)
    return max((_modified(path) for path in watched), default=0.0)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone since: a draft, or a checkpoint that is no longer needed
        return 0.0
