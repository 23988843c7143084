"""A search from probe to report, on scores that are found as it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.places import check_folder
from presage.steps.difficulty import card
from presage.steps.prediction import informed, task
from presage.steps.reach import kept_reach
from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.records import ExperimentEntry, ExperimentRecord, PredictionEntry
    from presage.search import Scorer, ScorerFactory, SearchProgress, SearchResult, SearchSettings, Verified
    from presage.training import ImageDataset, Recipe

__all__ = ["scorers", "search"]


def search(
    place: Workplace, dataset: ImageDataset, *, space: Space, recipe: Recipe, settings: SearchSettings, run_folder: Path
) -> SearchResult:
    """Probe, recall, fit, search on predictions, train the short-list; everything in `run_folder`, with a report.

    A search that was stopped goes on where it was when it is asked for again with the same folder and settings.
    """
    from presage.files import write_json
    from presage.report import write_report
    from presage.search import run_search
    from presage.search.latency.measuring import LatencyMeter
    from presage.search.run.run_folder import RunFolder
    from presage.search.strategies import check_serves
    from presage.search.studies.feasible import check_feasible
    from presage.search.studies.scores import get_score
    from presage.surrogate import get_predictor

    get_predictor(place.predictor, seed=place.seed)  # refused before anything is probed
    check_serves(settings.strategy, space)
    check_folder(run_folder, "--run", "presage search")
    place.check_database()
    shape, classes = (dataset.shape[0], recipe.image_side, recipe.image_side), len(dataset.classes)
    latency = None
    if settings.needs_latency:
        latency = LatencyMeter(
            space,
            shape,
            classes,
            settings.latency_batch,
            place.device,
            place.cache("latency"),
            on_network=lambda done, total: place.step("measure latency, once", done, total),
        )
    check_feasible(space, settings.limits, shape, classes, None if latency is None else latency.model)
    scorer = scorers(place, dataset, recipe, settings.score)
    run_folder.mkdir(parents=True, exist_ok=True)
    card(place, dataset, run_folder)
    reached = kept_reach(place, recipe, run_folder)

    def tell(progress: SearchProgress) -> None:
        stage = {
            "supernet": "train the super-net",
            "predict": f"search by {settings.score}" if settings.score != "predicted" else "search on predictions",
            "train": "train the short-list",
            "baseline": "random baseline",
        }
        rounds = f" (round {progress.round_number})" if settings.rounds > 1 and progress.round_number else ""
        place.step(stage.get(progress.stage, progress.stage) + rounds, progress.done, progress.total)

    result = run_search(
        dataset,
        space=space,
        recipe=recipe,
        settings=settings,
        scorer=scorer,
        predictor=place.predictor,
        run_folder=run_folder,
        database=_OpenedForEachCall(place),
        device=place.device,
        latency=latency,
        on_progress=tell,
    )
    if get_score(settings.score).predicts:
        result = replace(result, notes=reached.notes([one.chosen.multiply_adds for one in result.verified]))
        write_json(RunFolder(run_folder).result, result.to_json())
    write_report(run_folder, space)
    return result


def scorers(place: Workplace, dataset: ImageDataset, recipe: Recipe, score: str) -> ScorerFactory | None:
    """What gives the scorer of each round of a search, by the name of the score; None for a super-net, which the
    search trains itself.

    Raises:
        InvalidArgument: a score whose scorer only a caller of `presage.search.run_search` can bring.
    """
    from presage.search import PredictorScorer
    from presage.search.strategies import SUPERNET
    from presage.search.studies.scores import PROXY, get_score

    if score == SUPERNET:
        return None
    if not get_score(score).predicts and not score.startswith(PROXY):
        rule = "be predicted, ucb, supernet or a zero-cost proxy"
        raise InvalidArgument("score", "presage search", rule, score, "For others, call presage.search.run_search.")

    def scorer(round_number: int, verified: Sequence[Verified]) -> Scorer:
        if not score.startswith(PROXY):
            return PredictorScorer(informed(place, dataset, recipe), task(place, dataset, recipe), place.predictor)
        from presage.surrogate.proxies import Minibatch, ProxyScorer
        from presage.training import prepare

        minibatch = Minibatch.of(prepare(dataset, recipe, place.device))
        return ProxyScorer(minibatch, score.removeprefix(PROXY), place.seed, place.device)

    return scorer


@dataclass(frozen=True)
class _OpenedForEachCall:
    """The database as a search uses it: hours of training do not keep other processes out of it."""

    place: Workplace

    def experiment_records(self, *, dataset: str, recipe: str) -> list[ExperimentRecord]:
        with self.place.open() as database:
            return database.experiment_records(dataset=dataset, recipe=recipe)

    def add_experiments(self, entries: Iterable[ExperimentEntry]) -> object:
        with self.place.open() as database:
            return database.add_experiments(entries)

    def add_predictions(self, entries: Iterable[PredictionEntry]) -> object:
        with self.place.open() as database:
            return database.add_predictions(entries)
