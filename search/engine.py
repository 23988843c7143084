"""`run_search`: predict, short-list, train, learn, again; resumable at any moment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from architecture.spaces.space import Codes, Space
from presage_errors import InvalidArgument
from search.acquisition import get_acquisition
from search.disk import read_json, write_json
from search.export import copy_network
from search.feasible import COSTS, FeasibleDraws
from search.history import History
from search.journal import Journal, finite
from search.limits import Limits
from search.objectives import DIRECTIONS, checked_objectives
from search.predicted import Candidates, PredictedStudy, read_candidates
from search.progress import OnProgress, Progress, silent
from search.records import Ledger, Store, now
from search.result import BASELINE, SHORT_LIST, Chosen, Known, RoundResult, SearchResult, Verified
from search.run_folder import RunFolder
from search.samplers import RandomSampler, get_proposer
from search.scorer import Scorer, ScorerFactory
from search.shortlist import Choice, shortlist
from search.training_calls import RecipeTrainer, Trainer
from search.verification import Verification, default_pruner
from training.image_dataset import ImageDataset
from training.loop import EpochRecord
from training.recipe import Recipe

__all__ = ["SearchSettings", "load_candidates", "run_search"]

_BASELINE_SEED = 0x62617365  # the baseline's draws are apart from every round's


@dataclass(frozen=True)
class SearchSettings:
    """What a search is asked for, beside its dataset, space and recipe.

    Attributes:
        strategy: name of a search strategy (`search.samplers.SAMPLERS`).
        candidates: number of candidates scored, in each round.
        shortlist: number of networks trained fully, in each round.
        rounds: after each, the scorer is made anew from what was learnt.
        limits: hard limits on cost.
        objectives: `accuracy`, and costs beside it.
        acquisition: what short-listed networks are chosen by (`search.acquisition.ACQUISITIONS`).
        diversity: how much the short-list avoids networks alike; 0 to 1.
        compare_random: number of random networks of the space to train with the same recipe, for comparison.
        batch: candidates proposed from one state of knowledge; None is a twentieth of them, within 100 and 1,000.
        prune: whether unpromising networks are stopped half-way.
        seed: makes everything repeatable.
    """

    strategy: str = "evolution"
    candidates: int = 2000
    shortlist: int = 5
    rounds: int = 1
    limits: Limits = field(default_factory=Limits)
    objectives: tuple[str, ...] = ("accuracy",)
    acquisition: str = "ucb"
    diversity: float = 0.2
    compare_random: int = 0
    batch: int | None = None
    prune: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("candidates", 1),
            ("shortlist", 1),
            ("rounds", 1),
            ("compare_random", 0),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidArgument(name, "run_search", f"be a whole number of at least {least}", value)
        if self.shortlist > self.candidates:
            rule = f"be at most `candidates` ({self.candidates})"
            raise InvalidArgument("shortlist", "run_search", rule, self.shortlist)
        if self.batch is not None and (isinstance(self.batch, bool) or self.batch < 1):
            raise InvalidArgument("batch", "run_search", "be None or at least 1", self.batch)
        if not 0 <= self.diversity <= 1:
            raise InvalidArgument("diversity", "run_search", "be within 0 and 1", self.diversity)
        object.__setattr__(self, "objectives", checked_objectives(self.objectives))
        get_acquisition(self.acquisition)
        get_proposer(self.strategy, self.seed, objectives=len(self.objectives))

    @property
    def batch_size(self) -> int:
        """The batch, or what stands for None."""
        return min(max(self.candidates // 20, 100), 1000) if self.batch is None else self.batch

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "limits": self.limits.to_json(), "objectives": list(self.objectives)}


def run_search(
    dataset: ImageDataset,
    *,
    space: Space,
    recipe: Recipe,
    settings: SearchSettings,
    scorer: ScorerFactory,
    run_folder: str | Path,
    database: Store | None = None,
    device: str = "auto",
    trainer: Trainer | None = None,
    on_progress: OnProgress = silent,
) -> SearchResult:
    """Search a space for networks that do well on a dataset.

    In each round: a strategy proposes candidates, the scorer predicts their accuracy (the *predicted* study); the most
    promising and unlike are short-listed, their predictions stored; they are trained fully (the *verified* study) and
    their experiments stored. The next round's scorer knows them.

    A search that was stopped, however, goes on where it was when it is called again with the same run folder and the
    same settings; a finished one only gives its result again.

    Args:
        dataset: labelled images. Test images are looked at once, after each training, and choose nothing.
        scorer: gives the scorer of each round; is called only in rounds whose short-list is not chosen yet.
        run_folder: everything the search keeps.
        database: where experiments and predictions go, and where results known before come from; a
            `database.Database`, or what opens one for each call.
        device: `auto`, `cpu` or `cuda`; a run may be resumed on another.
        trainer: how networks are trained; by default with `recipe`, on `device`.
        on_progress: told after each batch and each epoch.

    Raises:
        InvalidArgument: settings that differ from those the run was begun with, or a folder in use.
        NothingFeasible: no network of the space is within the limits.
        StorageFull: the disk is full; the run can be resumed.
    """
    began = time.perf_counter()
    folder = RunFolder(Path(run_folder))
    asked = {
        "dataset": dataset.fingerprint,
        "space": space.name,
        "recipe": recipe.to_json(),
        **settings.to_json(),
    }
    with folder.owned(), _quiet():
        folder.settle(asked)
        run = _Run(
            dataset, space, recipe, settings, scorer, folder, Ledger(database, dataset, recipe, space),
            trainer or RecipeTrainer(dataset, recipe, device), on_progress,
        )  # fmt: skip
        result = run.result(asked)
        best = result.best
        if best is not None and (folder.network(best.chosen.hash) / "weights.safetensors").exists():
            copy_network(folder.network(best.chosen.hash), folder.best)
        result = replace(result, seconds=round(time.perf_counter() - began, 3))
        write_json(folder.result, result.to_json())
    return result


def load_candidates(run_folder: str | Path, space: Space, round_number: int = 1) -> Candidates:
    """The candidates of a round of a run, as recorded so far."""
    folder = RunFolder(Path(run_folder))
    if not folder.journal.exists():
        raise InvalidArgument("run_folder", "load_candidates", "hold a run of presage", str(run_folder))
    objectives = read_json(folder.path / "run.json")["settings"]["objectives"]
    directions = [DIRECTIONS[name] for name in objectives]
    return read_candidates(Journal(folder.journal).recorder(f"predicted-{round_number}", directions, space))


class _quiet:  # noqa: N801 - reads as what it does
    """Optuna tells of every trial; a search tells through `on_progress`."""

    def __enter__(self) -> None:
        self._before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)

    def __exit__(self, *_: object) -> None:
        optuna.logging.set_verbosity(self._before)


class _Run:
    """The moving parts of one search."""

    def __init__(
        self,
        dataset: ImageDataset,
        space: Space,
        recipe: Recipe,
        settings: SearchSettings,
        scorer: ScorerFactory,
        folder: RunFolder,
        ledger: Ledger,
        trainer: Trainer,
        on_progress: OnProgress,
    ) -> None:
        self.dataset, self.space, self.recipe, self.settings = dataset, space, recipe, settings
        self.scorer, self.folder, self.ledger, self.trainer = scorer, folder, ledger, trainer
        self.on_progress = on_progress
        self.input_shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
        self.journal = Journal(folder.journal, mend=True)

    def result(self, asked: Mapping[str, Any]) -> SearchResult:
        settings = self.settings
        rounds: list[RoundResult] = []
        start: Codes | None = None
        for number in range(1, settings.rounds + 1):
            verified = tuple(one for done in rounds for one in done.verified)
            made, candidates = self._round(number, verified, start)
            rounds.append(made)
            start = None
            if number < settings.rounds and candidates is not None:
                start = self._best_codes(candidates)
        verified = tuple(one for done in rounds for one in done.verified)
        trained = [one for one in verified if one.accuracy is not None]
        return SearchResult(
            folder=self.folder.path,
            dataset=self.dataset.name,
            fingerprint=self.dataset.fingerprint,
            space=self.space.name,
            strategy=settings.strategy,
            settings=dict(asked),
            rounds=tuple(rounds),
            baseline=tuple(self._baseline()),
            best=max(trained, key=lambda one: one.accuracy or 0.0, default=None),
        )

    # One round ------------------------------------------------------------------------------------------------------

    def _round(self, number: int, before: tuple[Verified, ...], start: Codes | None) -> tuple[RoundResult, Candidates]:
        name = f"predicted-{number}"
        path = self.folder.shortlist(number)
        if not path.exists():
            scorer = self.scorer(number, before)
            if number == 1:
                self._draw_baseline(scorer)
            candidates = self._predict(number, name, scorer, start)
            write_json(path, self._choose(number, candidates, scorer, before))
        else:
            directions = [DIRECTIONS[objective] for objective in self.settings.objectives]
            candidates = read_candidates(self.journal.recorder(name, directions, self.space))
        noted = read_json(path)
        chosen = [Chosen.from_json(one) for one in noted["chosen"]]
        self.ledger.add_predictions(chosen)
        verified = self._train(chosen, "verified", number)
        values = candidates.value[candidates.unique]
        made = RoundResult(
            round_number=number,
            study=name,
            candidates=len(candidates),
            different=len(candidates.unique),
            best_predicted=float(values.max()) if len(values) else 0.0,
            verified=tuple(verified),
            known=tuple(Known(**one) for one in noted["known"]),
        )
        return made, candidates

    def _predict(self, number: int, name: str, scorer: Scorer, start: Codes | None) -> Candidates:
        settings = self.settings
        proposer = get_proposer(settings.strategy, settings.seed, objectives=len(settings.objectives))
        draws = FeasibleDraws(self.space, proposer, settings.limits, self.input_shape, len(self.dataset.classes))
        study = PredictedStudy(
            self.journal, name, draws, scorer,
            objectives=settings.objectives, seed=(settings.seed, number), batch=settings.batch_size, start=start,
        )  # fmt: skip
        return study.run(
            settings.candidates,
            lambda done: self.on_progress(Progress("predict", done, settings.candidates, number)),
        )

    def _choose(
        self, number: int, candidates: Candidates, scorer: Scorer, before: Sequence[Verified]
    ) -> dict[str, Any]:
        settings = self.settings
        known = self.ledger.known()
        trained = {one.chosen.hash for one in before}
        hashes: dict[int, str] = {}

        def hash_of(row: int) -> str:
            if row not in hashes:
                hashes[row] = self.space.decode(self.space.params(candidates.codes[row])).hash
            return hashes[row]

        accuracies = [one.accuracy for one in before if one.accuracy is not None]
        best = max(accuracies, default=float(np.nanmedian(candidates.value)) if len(candidates.unique) else 0.0)

        def choose(excluded: set[str]) -> list[Choice]:
            return shortlist(
                candidates, hash_of, settings.shortlist,
                acquisition=get_acquisition(settings.acquisition), best=best, excluded=excluded,
                objectives=settings.objectives, diversity=settings.diversity,
            )  # fmt: skip

        chosen = choose(trained | set(known))
        would = choose(trained) if known else []
        return {
            "chosen": [self._chosen(number, candidates, choice, scorer).to_json() for choice in chosen],
            "known": [
                Known(
                    choice.hash,
                    self.space.params(candidates.codes[choice.row]),
                    float(candidates.value[choice.row]),
                    known[choice.hash]["accuracy"],
                ).to_json()
                for choice in would
                if known.get(choice.hash, {}).get("accuracy") is not None
            ],
        }

    def _chosen(self, number: int, candidates: Candidates, choice: Choice, scorer: Scorer) -> Chosen:
        row = choice.row
        return Chosen(
            hash=choice.hash,
            params=self.space.params(candidates.codes[row]),
            role=SHORT_LIST,
            round_number=number,
            **dict(zip(COSTS, candidates.costs[row].tolist(), strict=True)),
            created_at=now(),
            trial=row,
            predicted=float(candidates.value[row]),
            lower=float(candidates.lower[row]),
            upper=float(candidates.upper[row]),
            level=candidates.level,
            acquisition=choice.acquisition,
            predictor=scorer.name,
        )

    def _best_codes(self, candidates: Candidates) -> Codes:
        """The more promising half of a batch's worth of candidates: what the next round begins with."""
        rows = candidates.unique
        order = np.argsort(-candidates.value[rows], kind="stable")[: max(self.settings.batch_size // 2, 1)]
        found: Codes = candidates.codes[rows[order]]
        return found

    # Training -------------------------------------------------------------------------------------------------------

    def _train(self, chosen: Sequence[Chosen], study: str, number: int) -> list[Verified]:
        short = study == "verified"
        pruner = default_pruner(self.recipe.epochs) if short and self.settings.prune else None
        verification = Verification(
            self.journal, study, pruner, space=self.space, trainer=self.trainer, folder=self.folder,
            ledger=self.ledger, seed=self.settings.seed,
        )  # fmt: skip
        epochs = self.recipe.epochs
        stage, total = "train" if short else "baseline", len(chosen) * epochs

        def on_epoch(at: int, record: EpochRecord) -> None:
            detail = f"network {at + 1} of {len(chosen)}, validation accuracy {record.validation_accuracy:.3f}"
            self.on_progress(Progress(stage, at * epochs + record.epoch + 1, total, number, detail))

        found = verification.run(chosen, on_epoch)
        if total:
            self.on_progress(Progress(stage, total, total, number))
        return found

    def _baseline(self) -> list[Verified]:
        """Random networks of the space within the limits, trained alike."""
        if not self.settings.compare_random:
            return []
        chosen = [Chosen.from_json(one) for one in read_json(self.folder.baseline)]
        return self._train(chosen, "random-baseline", 0)

    def _draw_baseline(self, scorer: Scorer) -> None:
        """Note the baseline with what the first scorer says of it, before anything is trained."""
        if self.settings.compare_random and not self.folder.baseline.exists():
            write_json(self.folder.baseline, [one.to_json() for one in self._drawn(scorer)])

    def _drawn(self, scorer: Scorer) -> list[Chosen]:
        settings = self.settings
        count = settings.compare_random
        draws = FeasibleDraws(
            self.space, RandomSampler(settings.seed), settings.limits, self.input_shape, len(self.dataset.classes)
        )
        found = draws.draw(History(len(self.space.parameters)), 4 * count, (settings.seed, _BASELINE_SEED))
        predicted = scorer.score(found.graphs)
        chosen: dict[str, Chosen] = {}
        for row, costs in enumerate(found.costs.tolist()):
            params = self.space.params(found.codes[row])
            name = self.space.decode(params).hash
            if name in chosen or len(chosen) == count:
                continue
            interval = finite([float(ends[row]) for ends in (predicted.value, predicted.lower, predicted.upper)])
            value, lower, upper = interval or (None, None, None)
            chosen[name] = Chosen(
                hash=name, params=params, role=BASELINE, round_number=0,
                **dict(zip(COSTS, costs, strict=True)), created_at=now(),
                predicted=value, lower=lower, upper=upper, level=predicted.level, predictor=scorer.name,
            )  # fmt: skip
        return list(chosen.values())
