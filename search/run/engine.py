"""`run_search`: predict, short-list, train, learn, again; resumable at any moment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument, NothingFeasible
from presage.files import read_json, write_json
from presage.search.latency.measuring import Latency, LatencyMeter
from presage.search.latency.model import LatencyModel
from presage.search.progress import OnProgress, SearchProgress, silent
from presage.search.result import BASELINE, SHORT_LIST, Chosen, KnownNetwork, RoundResult, SearchResult, Verified
from presage.search.run.export import copy_network
from presage.search.run.ledger import Ledger, Store, now
from presage.search.run.run_folder import RunFolder
from presage.search.run.trainer import RecipeTrainer, Trainer
from presage.search.run.verification import Verification, default_pruner
from presage.search.samplers import Proposer, RandomSampler
from presage.search.samplers.history import History
from presage.search.settings import SearchSettings
from presage.search.strategies import SUPERNET, SUPERNET_STRATEGIES, UNIFORM, check_serves, get_proposer
from presage.search.studies.acquisition import get_acquisition
from presage.search.studies.feasible import COSTS, FeasibleDraws
from presage.search.studies.journal import Journal, finite
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.predicted import Candidates, PredictedStudy, read_candidates
from presage.search.studies.scorer import Scorer, ScorerFactory, prediction_of
from presage.search.studies.scores import get_score
from presage.search.studies.shortlist import Choice, shortlist
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe

if TYPE_CHECKING:
    from presage.search.supernet.in_search import SuperNet

__all__ = ["load_candidates", "run_search"]

_MEASURED_AGAIN = 5  # times that a short-list is made again without what was over the latency limit when measured
_BASELINE_SEED = 0x62617365  # the baseline's draws are apart from every round's


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

    Raises:
        InvalidArgument: settings that differ from those the run was begun with, or a folder in use.
        NothingFeasible: no network of the space is within the limits.
        StorageFull: the disk is full; the run can be resumed.
    """
    began = time.perf_counter()
    check_serves(settings.strategy, space)
    if scorer is None and settings.score != SUPERNET:
        raise InvalidArgument("scorer", "run_search", f"be given for the score {settings.score}", None)
    folder = RunFolder(Path(run_folder))
    asked = {
        "dataset": dataset.fingerprint,
        "space": space.name,
        "recipe": recipe.to_json(),
        **settings.to_json(),
        "predictor": predictor if get_score(settings.score).predicts else None,
    }
    with folder.owned(), _quiet():
        folder.settle(asked)
        run = _Run(
            dataset, space, recipe, settings, scorer, folder, Ledger(database, dataset, recipe, space),
            trainer or RecipeTrainer(dataset, recipe, device), latency, device, on_progress,
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
        scorer: ScorerFactory | None,
        folder: RunFolder,
        ledger: Ledger,
        trainer: Trainer,
        latency: Latency | None,
        device: str,
        on_progress: OnProgress,
    ) -> None:
        self.dataset, self.space, self.recipe, self.settings = dataset, space, recipe, settings
        self.scorer, self.folder, self.ledger, self.trainer = scorer, folder, ledger, trainer
        self.on_progress = on_progress
        self.input_shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
        self.journal = Journal(folder.journal, mend=True)
        self.score, self.device = get_score(settings.score), device
        self.latency: Latency | None = None
        if settings.needs_latency:
            classes = len(dataset.classes)
            self.latency = latency or LatencyMeter(space, self.input_shape, classes, settings.latency_batch, device)

    @cached_property
    def latency_model(self) -> LatencyModel | None:
        """What estimates latencies throughout the run, also when it is resumed."""
        if self.latency is None:
            return None
        path = self.folder.latency
        if not path.exists():
            write_json(path, self.latency.model.to_json())
        return LatencyModel.from_json(read_json(path))

    @cached_property
    def super_net(self) -> SuperNet | None:
        """Shared weights that the search is on, trained when they are first asked; None where it is on others."""
        settings, trainer = self.settings, self.trainer
        one_shot = settings.strategy in SUPERNET_STRATEGIES
        if settings.score != SUPERNET or (self.scorer is not None and not one_shot):
            return None
        from presage.search.supernet.in_search import SuperNet
        from presage.training.data import prepare

        data = trainer.data if isinstance(trainer, RecipeTrainer) else prepare(self.dataset, self.recipe, self.device)
        return SuperNet(
            settings.strategy if one_shot else UNIFORM, self.space,
            data, self.recipe,
            self.folder.supernet, epochs=settings.supernet_epochs, seed=settings.seed, on_progress=self.on_progress,
        )  # fmt: skip

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
            score=self.score.summary,
            latency=None if self.latency_model is None else self.latency_model.summary,
            supernet=self._supernet_told(rounds),
        )

    def _supernet_told(self, rounds: Sequence[RoundResult]) -> str | None:
        if self.super_net is None:
            return None
        told, found = self.super_net.report.summary, self.super_net.found
        if found is None:
            return told
        seen = {one.chosen.hash for done in rounds for one in done.verified}
        seen |= {one.hash for done in rounds for one in done.known}
        if self.space.decode(self.space.params(found)).hash not in seen:
            told += " The network that it derived is over a limit, or has no proxy accuracy, and was not trained."
        return told

    # One round ------------------------------------------------------------------------------------------------------

    def _round(self, number: int, before: tuple[Verified, ...], start: Codes | None) -> tuple[RoundResult, Candidates]:
        name = f"predicted-{number}"
        path = self.folder.shortlist(number)
        if not path.exists():
            scorer = self._scorer(number, before)
            if number == 1:
                self._draw_baseline(scorer)
            candidates = self._predict(number, name, scorer, start)
            write_json(path, self._choose(number, candidates, scorer, before))
        else:
            directions = [DIRECTIONS[objective] for objective in self.settings.objectives]
            candidates = read_candidates(self.journal.recorder(name, directions, self.space))
        noted = read_json(path)
        chosen = [Chosen.from_json(one) for one in noted["chosen"]]
        if self.score.predicts:
            self.ledger.add_predictions(chosen)
        verified = self._train(chosen, "verified", number)
        best = float(candidates.value[candidates.unique].max(initial=-np.inf))
        made = RoundResult(
            round_number=number,
            study=name,
            candidates=len(candidates),
            different=len(candidates.unique),
            best_predicted=best if self.score.predicts and np.isfinite(best) else None,
            verified=tuple(verified),
            known=tuple(KnownNetwork(**one) for one in noted["known"]),
            best_score=best if np.isfinite(best) else None,
        )
        return made, candidates

    def _scorer(self, number: int, before: tuple[Verified, ...]) -> Scorer:
        if self.super_net is not None:
            return self.super_net
        assert self.scorer is not None  # run_search refuses it
        return self.scorer(number, before)

    def _proposer(self) -> Proposer:
        settings = self.settings
        if self.super_net is not None and settings.strategy in SUPERNET_STRATEGIES:
            return self.super_net
        return get_proposer(settings.strategy, settings.seed, objectives=len(settings.objectives))

    def _predict(self, number: int, name: str, scorer: Scorer, start: Codes | None) -> Candidates:
        settings, proposer = self.settings, self._proposer()
        study = PredictedStudy(
            self.journal, name, self._draws(proposer), scorer,
            objectives=settings.objectives, score=self.score,
            seed=(settings.seed, number), batch=settings.batch_size, start=start,
        )  # fmt: skip
        return study.run(
            settings.candidates,
            lambda done: self.on_progress(SearchProgress("predict", done, settings.candidates, number)),
        )

    def _draws(self, proposer: Proposer) -> FeasibleDraws:
        classes = len(self.dataset.classes)
        return FeasibleDraws(self.space, proposer, self.settings.limits, self.input_shape, classes, self.latency_model)

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
        # an interval belongs to a predicted accuracy; a proxy has none, nor the scale of what was trained
        acquisition = get_acquisition(settings.acquisition if self.score.predicts else "mean")

        def choose(excluded: set[str]) -> list[Choice]:
            return shortlist(
                candidates, hash_of, settings.shortlist,
                acquisition=acquisition, best=best, excluded=excluded,
                objectives=settings.objectives, diversity=settings.diversity, first=self._settled(candidates),
            )  # fmt: skip

        measured: dict[str, float] = {}
        over: set[str] = set()  # what is over the limit when measured, whatever was estimated
        chosen = choose(trained | set(known))
        for _ in range(_MEASURED_AGAIN):
            found = self._over_limit(chosen, candidates, measured)
            if not found:
                break
            over |= found
            chosen = choose(trained | set(known) | over)
        chosen = [choice for choice in chosen if choice.hash not in self._over_limit([choice], candidates, measured)]
        if over and not chosen:
            raise self._all_too_slow(measured)
        would = choose(trained) if known else []
        return {
            "chosen": [
                replace(
                    self._chosen(number, candidates, choice, scorer),
                    measured_latency_seconds=measured.get(choice.hash),
                ).to_json()
                for choice in chosen
            ],
            "over the latency limit when measured": {name: measured[name] for name in sorted(over)},
            "known": [
                KnownNetwork(
                    choice.hash,
                    self.space.params(candidates.codes[choice.row]),
                    float(candidates.value[choice.row]) if self.score.predicts else None,
                    known[choice.hash]["accuracy"],
                ).to_json()
                for choice in would
                if known.get(choice.hash, {}).get("accuracy") is not None
            ],
        }

    def _settled(self, candidates: Candidates) -> int | None:
        """Row of the network that a search on shared weights settled for: it is always trained."""
        found = None if self.super_net is None else self.super_net.found
        if found is None:
            return None
        rows = np.flatnonzero((candidates.codes == found).all(axis=1))
        return int(candidates.first[rows[0]]) if len(rows) else None

    def _over_limit(self, chosen: Sequence[Choice], candidates: Candidates, measured: dict[str, float]) -> set[str]:
        """Measure the latency of what is chosen, once each; the hashes of those over the limit."""
        if self.latency is None:
            return set()
        most = self.settings.limits.latency_seconds
        for choice in chosen:
            if choice.hash not in measured:
                architecture = self.space.decode(self.space.params(candidates.codes[choice.row]))
                measured[choice.hash] = self.latency.measure(architecture)
        return {choice.hash for choice in chosen if most is not None and measured[choice.hash] > most}

    def _all_too_slow(self, measured: Mapping[str, float]) -> NothingFeasible:
        most = self.settings.limits.latency_seconds
        return NothingFeasible(
            f"No network is within {most:.3g} seconds of latency when measured, whatever was estimated "
            f"({len(measured)} measured; the fastest takes {min(measured.values()):.3g}). Raise the limit or choose a "
            "smaller space."
        )

    def _chosen(self, number: int, candidates: Candidates, choice: Choice, scorer: Scorer) -> Chosen:
        row = choice.row
        value, latency = float(candidates.value[row]), float(candidates.latency[row])
        scored: dict[str, Any] = {"score": value, "score_name": self.score.name}
        if self.score.predicts:
            interval = (float(ends[row]) for ends in (candidates.lower, candidates.upper))
            scored = {
                "predicted": value,
                **dict(zip(("lower", "upper"), interval, strict=True)),
                "level": candidates.level,
            }
        return Chosen(
            hash=choice.hash,
            params=self.space.params(candidates.codes[row]),
            role=SHORT_LIST,
            round_number=number,
            **dict(zip(COSTS, candidates.costs[row].tolist(), strict=True)),
            created_at=now(),
            trial=row,
            acquisition=choice.acquisition,
            predictor=scorer.name,
            latency_seconds=latency if np.isfinite(latency) else None,
            **scored,
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
            self.on_progress(SearchProgress(stage, at * epochs + record.epoch + 1, total, number, detail))

        found = verification.run(chosen, on_epoch)
        if total:
            self.on_progress(SearchProgress(stage, total, total, number))
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
        draws = self._draws(RandomSampler(settings.seed))
        found = draws.draw(History(len(self.space.parameters)), 4 * count, (settings.seed, _BASELINE_SEED))
        predicted = prediction_of(scorer, found.codes, found.graphs)
        chosen: dict[str, Chosen] = {}
        for row, costs in enumerate(found.costs.tolist()):
            params = self.space.params(found.codes[row])
            name = self.space.decode(params).hash
            if name in chosen or len(chosen) == count:
                continue
            interval = finite([float(ends[row]) for ends in (predicted.value, predicted.lower, predicted.upper)])
            value, lower, upper = interval or (None, None, None)
            scored: dict[str, Any] = {"score": value, "score_name": self.score.name}
            if self.score.predicts:
                scored = {"predicted": value, "lower": lower, "upper": upper, "level": predicted.level}
            latency = float(found.latency[row])
            chosen[name] = Chosen(
                hash=name, params=params, role=BASELINE, round_number=0,
                **dict(zip(COSTS, costs, strict=True)), created_at=now(),
                latency_seconds=latency if np.isfinite(latency) else None, predictor=scorer.name, **scored,
            )  # fmt: skip
        return list(chosen.values())
