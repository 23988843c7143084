"""A search of recurrent cells, in a run folder: an Optuna study whose trials are trainings, of cells that a strategy
proposes, that shared weights do, or that are short-listed by prediction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from presage.architecture.recurrent.spaces import CellSpace
from presage.architecture.spaces.codes import Choice
from presage.errors import InvalidArgument, WrongInput
from presage.files import held, write_json
from presage.reading import read_json, reading
from presage.records.entries import TextExperimentEntry
from presage.search.recurrent import FORMAT
from presage.search.recurrent.predicted import PredictedCell, asked_params, predicted_in, short_list
from presage.search.recurrent.strategies import ON_SHARED_WEIGHTS, ONE_BY_ONE, cell_sampler, check_strategy
from presage.search.run_paths import best_folder
from presage.training.text.fitting import train_text
from presage.training.text.recipe import TextRecipe
from presage.training.text.recording import text_entry, text_record
from presage.training.text.text_data import TextData
from presage.training.text.text_model import TextModel, save_text_model

if TYPE_CHECKING:
    from presage.surrogate.cells.predictor import CellPredictor

__all__ = ["FoundCell", "search_cells"]

VERSION = 1
_SETTINGS, _STUDY, _RESULT, _LOCK, _CHECKPOINT = "search.json", "study.log", "result.json", ".lock", "checkpoint.pt"
_NAME = "trained"

Store = Callable[[Iterable[TextExperimentEntry]], object]
OnStage = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class FoundCell:
    """A cell of a search, trained.

    Attributes:
        number: of its trial.
        cell: its hash.
        params: its parameters in the space.
        value: on the validation text.
        test_value: on the test text.
        parameters: learned numbers.
        seconds: of its training.
        proxy: mean cross-entropy by shared weights, nats a symbol; None where there were none.
        predicted: of `PredictedCell` what was predicted, from before the training; None where it was not.
    """

    number: int
    cell: str
    params: dict[str, Choice]
    value: float
    test_value: float
    parameters: int
    seconds: float
    proxy: float | None = None
    predicted: dict[str, float | None] | None = None


def search_cells(
    data: TextData,
    space: CellSpace,
    recipe: TextRecipe,
    *,
    strategy: str,
    candidates: int,
    seed: int,
    run_folder: Path,
    store: Store,
    progress: OnStage,
    device: str = "cpu",
    predictor: CellPredictor | None = None,
    shortlist: int | None = None,
) -> list[FoundCell]:
    """Search, training `candidates` cells; the best first, and its network in the folder ``best`` of the run.

    With a predictor, `candidates` cells are scored by it, none of them trained, and then `shortlist` of the best are
    trained. The predictor is to know nothing of the text: it says before what the training says after.

    Each training enters the study and `store` as soon as it is there. A search that was stopped goes on where it was
    when it is asked for again with the same folder and settings. A cell that a strategy proposes twice is trained once.

    Raises:
        UnknownName: no such strategy.
        InvalidArgument: the run folder holds another search, or the strategy does not serve the space, or takes no
            predictions.
        WrongInput: another process searches in the folder, or a file there is damaged.
    """
    check_strategy(strategy, predicted=predictor is not None)
    if (predictor is None) != (shortlist is None):
        raise InvalidArgument("shortlist", "search_cells", "be given with a predictor, and only then", shortlist)
    for name, count in (("candidates", candidates), ("shortlist", 1 if shortlist is None else shortlist)):
        if count < 1:
            raise InvalidArgument(name, "search_cells", "be at least 1", count)
    run_folder.mkdir(parents=True, exist_ok=True)
    busy = WrongInput(f"Another process searches in the folder `{run_folder}`.")
    with held(run_folder / _LOCK, busy):
        settings = {
            "format": FORMAT, "version": VERSION, "text": data.fingerprint, "space": space.name, "strategy": strategy,
            "recipe": recipe.to_json(), "seed": seed, **({} if predictor is None else {"score": "predicted"}),
        }  # fmt: skip
        _check_same(run_folder, settings)
        asks = strategy in ONE_BY_ONE and predictor is None
        with reading(run_folder / _STUDY):
            study = _study(run_folder, strategy if asks else "random", seed, candidates)
        search = _Search(data, space, recipe, seed, run_folder, store, study, device)
        if predictor is not None and shortlist is not None:
            scored = predicted_in(
                run_folder, space, predictor, strategy=strategy, candidates=candidates, seed=seed,
                on_candidate=lambda done: progress("score cells", done, candidates),
            )  # fmt: skip
            search.train_list(short_list(scored), shortlist, progress)
        else:
            if strategy in ON_SHARED_WEIGHTS and not study.trials:
                search.enqueue(strategy, candidates, progress)
            search.train_proposed(search.wanted(strategy, candidates), progress)
        found = sorted(search.found(), key=lambda one: (one.value, one.number))
        write_json(
            run_folder / _RESULT,
            {
                **settings,
                "metric": data.metric,
                "text_name": data.name,
                "found": [vars(one) for one in found],
                **({} if predictor is None else {"predictor": predictor.told, "candidates": candidates}),
            },
        )
    return found


class _Search:
    def __init__(
        self, data: TextData, space: CellSpace, recipe: TextRecipe, seed: int, run_folder: Path, store: Store,
        study: optuna.Study, device: str,
    ) -> None:  # fmt: skip
        self.data, self.space, self.recipe, self.seed = data, space, recipe, seed
        self.run_folder, self.store, self.study, self.device = run_folder, store, study, device
        self.record = text_record(data)

    def enqueue(self, strategy: str, count: int, progress: OnStage) -> None:
        """What shared weights propose, as trials that wait."""
        from presage.search.recurrent.one_shot import darts_cells, enas_cells

        epochs = self.recipe.epochs

        def told(done: int) -> None:
            progress("train shared weights", done, epochs)

        told(0)
        of = self.data, self.space, self.recipe
        if strategy == "enas":
            found = enas_cells(*of, count=count, seed=self.seed, device=self.device, on_epoch=told)
        else:
            unrolled = strategy == "darts-second"
            found = darts_cells(*of, seed=self.seed, device=self.device, on_epoch=told, unrolled=unrolled)
        for at, params in enumerate(found.params):
            proxy = {"proxy": found.proxies[at]} if found.proxies else {}
            self.study.enqueue_trial(params, user_attrs={"proposed": at, **proxy})

    def wanted(self, strategy: str, candidates: int) -> int:
        """How many cells are to be trained: no more than shared weights proposed."""
        if strategy not in ON_SHARED_WEIGHTS:
            return candidates
        return min(candidates, len({one.user_attrs.get("proposed", one.number) for one in self.study.trials}))

    def train_proposed(self, count: int, progress: OnStage) -> None:
        """Train what the study proposes, until so many different cells are trained."""
        progress("train cells", len(self.found()), count)
        while len(self.found()) < count and self.over() < 4 * count:
            self.trial()
            progress("train cells", len(self.found()), count)

    def train_list(self, cells: Sequence[PredictedCell], count: int, progress: OnStage) -> None:
        """Train the first of a list that were not, until so many are trained."""
        progress("train cells", len(self.found()), count)
        while len(self.found()) < count:
            if not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                tried = {trial.user_attrs.get("asked") for trial in self.study.get_trials(deepcopy=False)}
                one = next((one for one in cells if one.cell not in tried), None)
                if one is None:
                    return
                told = {"asked": one.cell, "predicted": one.told}
                self.study.enqueue_trial(one.params, user_attrs=told)
            self.trial()
            progress("train cells", len(self.found()), count)

    def found(self) -> list[FoundCell]:
        """Cells trained so far, each once, by the number of their trial."""
        seen: dict[str, FoundCell] = {}
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            one = self._found(trial)
            seen.setdefault(one.cell, one)
        return list(seen.values())

    def over(self) -> int:
        """Trials that are over."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL)))

    def trial(self) -> None:
        """One trial of the study: ask, train unless the cell is known, tell."""
        trial = self.study.ask()
        params = asked_params(trial, self.space)
        cell, found = self.space.cell(params), self.found()
        known = next((one for one in found if one.cell == cell.hash), None)
        if known is not None:
            self._tell(trial, vars(known))
            return
        under_way = self.run_folder / _CHECKPOINT
        training = train_text(self.data, cell, self.recipe, self.seed, self.device, checkpoint=under_way)
        self.store([text_entry(self.record, cell, self.recipe, self.seed, training, self.space.name, params)])
        under_way.unlink(missing_ok=True)
        if training.value is None or training.test_value is None:
            self.study.tell(trial, state=TrialState.FAIL)
            return
        if all(training.value < one.value for one in found):
            save_text_model(TextModel.of(self.data, cell, self.recipe, training), best_folder(self.run_folder))
        told = {"cell": cell.hash, "test_value": training.test_value, "parameters": training.parameters}
        self._tell(trial, {**told, "value": training.value, "seconds": training.seconds})

    def _tell(self, trial: optuna.Trial, told: Mapping[str, Any]) -> None:
        for name in ("cell", "test_value", "parameters", "seconds"):
            trial.set_user_attr(name, told[name])
        self.study.tell(trial, told["value"])

    def _found(self, trial: FrozenTrial) -> FoundCell:
        told = trial.user_attrs
        assert trial.value is not None
        return FoundCell(
            trial.number,
            told["cell"],
            dict(trial.params),
            trial.value,
            told["test_value"],
            told["parameters"],
            told["seconds"],
            told.get("proxy"),
            told.get("predicted"),
        )


def _study(run_folder: Path, strategy: str, seed: int, candidates: int) -> optuna.Study:
    """The study of a run folder; a trial that a stopped run left unfinished is asked for again."""
    optuna.logging.set_verbosity(logging.WARNING)
    path = str(run_folder / _STUDY)
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    study = optuna.create_study(
        study_name=_NAME,
        storage=storage,
        sampler=cell_sampler(strategy, seed, candidates),
        direction="minimize",
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
    return study


def _check_same(run_folder: Path, settings: Mapping[str, Any]) -> None:
    path = run_folder / _SETTINGS
    kept = read_json(path)
    if kept is None:
        write_json(path, settings)
    elif kept != settings:
        differing = [name for name in settings if not isinstance(kept, dict) or kept.get(name) != settings[name]]
        rule = f"be of a search with the same {', '.join(differing)}"
        raise InvalidArgument("run", "presage text search", rule, str(run_folder), "Name another folder.")
