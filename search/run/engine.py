"""`run_search`: predict, short-list, train, learn, again; resumable at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument, WrongInput
from presage.files import write_json
from presage.places import user_path
from presage.reading import read_as
from presage.search.early_stopped import Savings, savings
from presage.search.latency.measuring import Latency, LatencyMeter
from presage.search.progress import OnProgress, SearchProgress, silent
from presage.search.result import Chosen, RoundResult, SearchResult, ShortList, Verified
from presage.search.run.baseline import note_baseline, read_baseline
from presage.search.run.choosing import Choosing
from presage.search.run.context import RunContext
from presage.search.run.early_stop import EarlyStop
from presage.search.run.export import publish
from presage.search.run.ledger import Ledger, Store
from presage.search.run.networks import Networks
from presage.search.run.pace import Pace, Unhurried
from presage.search.run.run_folder import RunFolder
from presage.search.run.staged import StagedVerification
from presage.search.run.trainer import RecipeTrainer, Trainer
from presage.search.run.verification import Verification, default_pruner
from presage.search.samplers.proposer import Proposer
from presage.search.settings import FULL, SearchSettings
from presage.search.strategies import SUPERNET, SUPERNET_STRATEGIES, UNIFORM, check_serves, get_proposer
from presage.search.studies.feasible import FeasibleDraws
from presage.search.studies.journal import Journal
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.predicted import Candidates, PredictedStudy, read_candidates
from presage.search.studies.scorer import AnyScorer, ScorerFactory
from presage.search.studies.scores import get_score
from presage.search.supernet.latency_aim import LatencyAim
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe
from presage.training.recipe_words import words_on
from presage.training.recording import dataset_record
from presage.training.side_by_side import SideBySide

if TYPE_CHECKING:
    from presage.search.supernet.in_search import SuperNet

__all__ = ["Finish", "load_candidates", "run_search", "whole"]

Finish = Callable[[RunContext, SearchResult], SearchResult]
"""What is done after the short-list: given the run and its result, the result with more in it."""


def run_search(
    dataset: ImageDataset,
    *,
    space: Space,
    recipe: Recipe,
    settings: SearchSettings,
    scorer: ScorerFactory | None = None,
    predictor: str | None = None,
    run_folder: str | Path,
    database: Store | None = None,
    device: str = "auto",
    trainer: Trainer | None = None,
    latency: Latency | None = None,
    on_progress: OnProgress = silent,
    pace: Pace | None = None,
    finish: Finish | None = None,
    beside: SideBySide | None = None,
    curves: Callable[[], CurveExtrapolator] | None = None,
) -> SearchResult:
    """Search a space for networks that do well on a dataset.

    In each round: a strategy proposes candidates, the scorer predicts their accuracy (the *predicted* study); the most
    promising and unlike are short-listed, their predictions stored; they are trained fully (the *verified* study) and
    their experiments stored. The next round's scorer knows them.

    A search that was stopped, however, goes on where it was when it is called again with the same run folder and the
    same settings; a finished one only gives its result again.

    Args:
        dataset: labelled images. Test images are looked at once, after each training, and choose nothing.
        scorer: gives the scorer of each round; is called only in rounds whose short-list is not chosen yet. None where
            the search is on a super-net, which it then trains.
        predictor: name of the predictor behind the scorer, if it has one. A run is resumed with the same.
        run_folder: everything the search keeps.
        database: where experiments and predictions go, and where results known before come from; a
            `presage.database.Database`, or what opens one for each call.
        device: `auto`, `cpu` or `cuda`; a run may be resumed on another.
        trainer: how networks are trained; by default with `recipe`, on `device`.
        latency: estimates and measures latency, where `settings` limit it or make it an objective; by default for one
            kind of images on `device`, measured when the run begins.
        on_progress: told after each batch and each epoch.
        pace: says where time is short; by default it never is. The first of a short-list is trained whatever it says.
        beside: trains several networks at once, each by one thread; the result is the same for any number and any
            executor. None trains one after the other, by all threads of this process.
        curves: fits what extrapolates learning curves, where `settings` need it; is called once, when the run begins.
        finish: makes more of the result while the run is still held, as `presage.search.final.finishing` does.

    Raises:
        InvalidArgument: settings that differ from those the run was begun with, or a folder in use.
        NothingFeasible: no network of the space is within the limits.
        StorageFull: the disk is full; the run can be resumed.
    """
    began = time.perf_counter()
    check_serves(settings.strategy, space)
    if scorer is None and settings.score != SUPERNET:
        raise InvalidArgument("scorer", "run_search", f"be given for the score {settings.score}", None)
    if settings.needs_curves and curves is None:
        raise InvalidArgument("curves", "run_search", "be given where learning curves are extrapolated", None)
    folder = RunFolder(user_path(run_folder, "run_folder", "run_search"))
    asked = {
        "dataset": dataset.fingerprint,
        "space": space.name,
        "recipe": recipe.to_json(),
        **settings.to_json(),
        "predictor": predictor if get_score(settings.score).predicts else None,
    }
    if settings.needs_latency and latency is None:
        shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
        latency = LatencyMeter(space, shape, len(dataset.classes), settings.latency_batch, device)
    with folder.owned(), _quiet():
        folder.settle(asked)
        networks = Networks(space)
        run = RunContext(
            dataset, recipe, settings, networks, folder, Journal(folder.journal, mend=True),
            Ledger(database, dataset, recipe, networks), trainer or RecipeTrainer(dataset, recipe, device, beside),
            latency if settings.needs_latency else None, device, on_progress, pace or Unhurried(), beside,
            curves,
        )  # fmt: skip
        result = _Rounds(run, scorer).result(asked)
        if finish is not None:
            result = finish(run, result)
        best, last = result.best, result.final
        finally_trained = last is not None and bool(last.cut_short or (last.best and not last.falls_short))
        if best and not finally_trained and (folder.network(best.chosen.hash) / "architecture.json").exists():
            publish(folder.network(best.chosen.hash), folder.best, best, dataset, recipe)
        result = replace(result, seconds=round(time.perf_counter() - began, 3))
        write_json(folder.result, result.to_json())
    return result


def load_candidates(run_folder: str | Path, space: Space, round_number: int = 1) -> Candidates:
    """The candidates of a round of a run, as recorded so far."""
    folder = RunFolder(user_path(run_folder, "run_folder", "run_search"))
    if not folder.journal.exists():
        raise InvalidArgument("run_folder", "load_candidates", "hold a run of presage", str(run_folder))
    asked = folder.path / "run.json"
    objectives = read_as(asked, lambda begun: [DIRECTIONS[name] and name for name in begun["settings"]["objectives"]])
    if objectives is None:
        raise InvalidArgument("run_folder", "load_candidates", "hold a run of presage", str(run_folder))
    return _recorded(Journal(folder.journal), round_number, objectives, space)


def whole(candidates: Candidates, least: int, journal: Path, round_number: int) -> Candidates:
    """The candidates, unless the journal has lost any that it held.

    Raises:
        WrongInput: as said: nothing of the run is written anew from what is left.
    """
    if len(candidates) < least:
        raise WrongInput(
            f"{journal} is damaged: it holds {len(candidates):,} candidates of round {round_number}, of {least:,} that "
            "were recorded there. Put back a whole copy, or begin in another run folder."
        )
    return candidates


def _recorded(journal: Journal, round_number: int, objectives: Sequence[str], space: Space) -> Candidates:
    directions = [DIRECTIONS[name] for name in objectives]
    return read_candidates(journal.recorder(_study(round_number), directions, space))


def _study(round_number: int) -> str:
    """Name of the predicted study of a round."""
    return f"predicted-{round_number}"


class _quiet:  # noqa: N801 - reads as what it does
    """Optuna tells of every trial; a search tells through `on_progress`."""

    def __enter__(self) -> None:
        self._before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)

    def __exit__(self, *_: object) -> None:
        optuna.logging.set_verbosity(self._before)


class _Rounds:
    """The rounds of one search, and what they come to."""

    def __init__(self, run: RunContext, scorer: ScorerFactory | None) -> None:
        self.run, self.scorer = run, scorer

    @cached_property
    def super_net(self) -> SuperNet | None:
        """Shared weights that the search is on, trained when they are first asked; None where it is on others."""
        run, settings, trainer = self.run, self.run.settings, self.run.trainer
        one_shot = settings.strategy in SUPERNET_STRATEGIES
        if settings.score != SUPERNET or (self.scorer is not None and not one_shot):
            return None
        from presage.search.supernet.in_search import SuperNet
        from presage.training.data import prepare

        data = trainer.data if isinstance(trainer, RecipeTrainer) else prepare(run.dataset, run.recipe, run.device)
        return SuperNet(
            settings.strategy if one_shot else UNIFORM, run.space, data, run.recipe, run.folder.supernet,
            epochs=settings.supernet_epochs, latency=self._aim, seed=settings.seed,
            measure=None if run.latency is None else run.latency.measure, on_progress=run.on_progress,
        )  # fmt: skip

    @property
    def _aim(self) -> LatencyAim | None:
        model, most = self.run.latency_model, self.run.settings.limits.latency_seconds
        return None if model is None or most is None else LatencyAim(model, most)

    def result(self, asked: Mapping[str, Any]) -> SearchResult:
        """Go through the rounds, or through what is left of them."""
        run, settings = self.run, self.run.settings
        rounds: list[RoundResult] = []
        start = run.references
        for number in range(1, settings.rounds + 1):
            before = tuple(one for done in rounds for one in done.verified)
            candidates = self._candidates(number, before, start)
            rounds.append(self._trained(number, candidates))
            start = self._best_codes(candidates)
        trained = [one for done in rounds for one in done.verified if one.accuracy is not None]
        return SearchResult(
            folder=run.folder.path,
            dataset=run.dataset.name,
            fingerprint=run.dataset.fingerprint,
            space=run.space.name,
            strategy=settings.strategy,
            settings=dict(asked),
            rounds=tuple(rounds),
            baseline=tuple(_train(run, read_baseline(run), "random-baseline", 0)),
            best=max(trained, key=lambda one: one.accuracy or 0.0, default=None),
            score=run.score.summary,
            latency=None if run.latency_model is None else run.latency_model.summary,
            supernet=self._supernet_summary(rounds),
            recipe_words=words_on(run.recipe, dataset_record(run.dataset)),
            early_stopping=self._savings(rounds),
        )

    @cached_property
    def early_stop(self) -> EarlyStop | None:
        """Ends trainings of all rounds; None where none is ended."""
        keep, curves = self.run.settings.early_stop, self.run.extrapolated
        return EarlyStop(curves, keep) if keep and curves is not None else None

    def _savings(self, rounds: Sequence[RoundResult]) -> Savings | None:
        if self.early_stop is None:
            return None
        verified = [one for done in rounds for one in done.verified]
        ended = [one.stopped for one in verified if one.stopped is not None]
        return savings(ended, len(verified), self.run.recipe.epochs)

    def _supernet_summary(self, rounds: Sequence[RoundResult]) -> str | None:
        if self.super_net is None:
            return None
        summary, found = self.super_net.report.summary, self.super_net.found
        if found is None:
            return summary
        seen = {one.chosen.hash for done in rounds for one in done.verified}
        seen |= {one.hash for done in rounds for one in done.known}
        if self.run.networks.at(found).hash not in seen:
            summary += " The network that it derived is over a limit, or has no proxy accuracy, and was not trained."
        return summary

    # One round ------------------------------------------------------------------------------------------------------

    def _candidates(self, number: int, before: Sequence[Verified], start: Codes | None) -> Candidates:
        """Predict and choose, or read what was predicted where the short-list is already there."""
        run = self.run
        kept = read_as(run.folder.shortlist(number), ShortList.from_json)
        if kept is not None:
            recorded = _recorded(run.journal, number, run.settings.objectives, run.space)
            return whole(recorded, kept.least_candidates, run.journal.path, number)
        scorer = self._scorer(number, before)
        if number == 1:
            note_baseline(run, scorer)
        candidates = self._predict(number, scorer, start)
        net = self.super_net
        found, settled = (None, None) if net is None else (net.found, net.settled)
        seconds = None if settled is None else settled.seconds
        chosen = Choosing(run, candidates, before, found, seconds).short_list(number, scorer.name)
        write_json(run.folder.shortlist(number), replace(chosen, candidates=len(candidates)).to_json())
        return candidates

    def _scorer(self, number: int, before: Sequence[Verified]) -> AnyScorer:
        if self.super_net is not None:
            return self.super_net
        assert self.scorer is not None  # run_search refuses it
        return self.scorer(number, before)

    def _proposer(self) -> Proposer:
        settings = self.run.settings
        if self.super_net is not None and settings.strategy in SUPERNET_STRATEGIES:
            return self.super_net
        return get_proposer(settings.strategy, settings.seed, objectives=len(settings.objectives))

    def _draws(self) -> FeasibleDraws:
        """Candidates within the limits, by estimates that what a super-net settled for has corrected."""
        draws = self.run.draws(self._proposer())
        settled = None if self.super_net is None else self.super_net.settled
        if settled is not None and draws.latency is not None:
            draws.latency = draws.latency.corrected(settled.correction)
        return draws

    def _predict(self, number: int, scorer: AnyScorer, start: Codes | None) -> Candidates:
        run, settings = self.run, self.run.settings
        study = PredictedStudy(
            run.journal, _study(number), self._draws(), scorer,
            objectives=settings.objectives, score=run.score,
            seed=(settings.seed, number), batch=settings.batch_size, start=start,
        )  # fmt: skip
        return study.run(
            settings.candidates,
            lambda done: run.on_progress(SearchProgress("predict", done, settings.candidates, number)),
        )

    def _trained(self, number: int, candidates: Candidates) -> RoundResult:
        """Train the short-list."""
        run = self.run
        short_list = read_as(run.folder.shortlist(number), ShortList.from_json)
        assert short_list is not None  # `_candidates` has just written or read it
        if run.score.predicts:
            run.ledger.add_predictions(short_list.chosen)
        verified = _train(run, short_list.chosen, "verified", number, self.early_stop)
        best = float(candidates.value[candidates.unique].max(initial=-np.inf))
        return RoundResult(
            round_number=number,
            study=_study(number),
            candidates=len(candidates),
            different=len(candidates.unique),
            best_predicted=best if run.score.predicts and np.isfinite(best) else None,
            verified=tuple(verified),
            known=short_list.known,
            best_score=best if np.isfinite(best) else None,
            extrapolation=candidates.reaching,
        )

    def _best_codes(self, candidates: Candidates) -> Codes:
        """The more promising half of a batch's worth of candidates: what the next round begins with."""
        rows = candidates.unique
        order = np.argsort(-candidates.value[rows], kind="stable")[: max(self.run.settings.batch_size // 2, 1)]
        found: Codes = candidates.codes[rows[order]]
        return found


def _verification(run: RunContext, study: str, number: int, early_stop: EarlyStop | None) -> Verification:
    """What trains the short-list of round `number`, or the baseline (round 0)."""
    settings = run.settings
    pruner = default_pruner(run.recipe.epochs) if number and settings.prune else None
    given: dict[str, Any] = {
        "networks": run.networks, "trainer": run.trainer, "folder": run.folder, "ledger": run.ledger,
        "seed": settings.seed, "pace": run.pace, "recipe": run.recipe,
    }  # fmt: skip
    if number and settings.verify != FULL:
        return StagedVerification(run.journal, study, None, **given, schedule=settings.verify, curves=run.extrapolated)
    return Verification(run.journal, study, pruner, **given, early_stop=early_stop)


def _train(
    run: RunContext, chosen: Sequence[Chosen], study: str, number: int, early_stop: EarlyStop | None = None
) -> list[Verified]:
    """Train networks fully, telling of it: the short-list of round `number`, or the baseline (round 0)."""
    if not number and not chosen:
        return []
    epochs = run.recipe.epochs
    stage, total = "train" if number else "baseline", len(chosen) * epochs
    verification, staged = _verification(run, study, number, early_stop), None
    if isinstance(verification, StagedVerification):
        staged, total = set[tuple[int, int]](), verification.planned(len(chosen))

    def on_epoch(at: int, record: EpochRecord) -> None:
        detail = f"network {at + 1} of {len(chosen)}, validation accuracy {record.validation_accuracy:.3f}"
        done = at * epochs + record.epoch + 1
        if staged is not None:  # in no order that is known before
            staged.add((at, record.epoch))
            done = min(len(staged), total)
        run.on_progress(SearchProgress(stage, done, total, number, detail, chosen[at].hash, record))

    found = verification.run(chosen, on_epoch)
    if len(found) == len(chosen):
        run.on_progress(SearchProgress(stage, total, total, number))
    return found
