"""A whole search of the roof: probe, fit, plan, search on predictions, train, report, by what a session offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from presage.errors import InvalidArgument
from presage.folders import check_folder
from presage.progress import OnStage
from presage.steps import budgeting, extrapolation, searching
from presage.steps.brief_store import BriefStore
from presage.steps.expected import expected_before
from presage.steps.references import told_of_references
from presage.trackers.searches import flat, tell_result, tell_trained_before, telling_progress
from presage.trackers.telling import Telling
from presage.trackers.tracker import Tracked

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.database import Database
    from presage.search import FinalSettings, ScorerFactory, SearchResult, SearchSettings
    from presage.steps.extrapolation import Extrapolation
    from presage.steps.prediction import BoundPredictor
    from presage.trackers.tracker import Tracker
    from presage.training import ImageDataset, Recipe
    from presage.training.side_by_side import SideBySide

__all__ = ["Searcher", "search"]


class Searcher(Protocol):
    """What a search needs of a `presage.session.Session`, as it says there."""

    device: str
    seed: int
    predictor: str
    refit: bool

    @property
    def progress(self) -> OnStage:
        """Told how far the work is."""

    def open(self) -> Database:
        """The database, open."""

    def open_to_read(self) -> Database:
        """The same for reading alone."""

    def check_database(self) -> None:
        """Refuse a database that cannot be opened or made."""

    def cache(self, name: str) -> Path:
        """A folder for what can always be computed again."""

    def card(self, dataset: ImageDataset, run_folder: Path, seeds: int) -> str:
        """The difficulty card; probes the dataset unless the run folder keeps it."""

    def bound_predictor(self, dataset: ImageDataset, recipe: Recipe) -> BoundPredictor:
        """The predictor for one task."""

    def extrapolation(self, recipe: Recipe, dataset: ImageDataset | None = None) -> Extrapolation:
        """What predictions for a recipe rest on, and how many experiments wait where they are on a dataset."""


def search(
    session: Searcher, dataset: ImageDataset, *, space: Space, recipe: Recipe, settings: SearchSettings,
    run_folder: Path, final: FinalSettings | None, wish: budgeting.TimeWish | None, beside: SideBySide | None,
    options: str | None, trackers: Sequence[Tracker],
) -> SearchResult:  # fmt: skip
    """As `presage.session.Session.search`, which calls it."""
    from presage.files import write_json
    from presage.report import write_report
    from presage.search import run_search
    from presage.search.final.finishing import Finishing
    from presage.search.run.run_folder import RunFolder, as_begun
    from presage.search.settings import FULL
    from presage.search.strategies import check_serves
    from presage.search.studies.feasible import check_feasible
    from presage.search.studies.scores import get_score
    from presage.surrogate import get_predictor

    recipe.check_trainable()
    if wish is not None and wish.seconds is not None and settings.verify != FULL:
        raise InvalidArgument(
            "verify", "run_search", "be left out beside `budget`, which plans whole trainings", settings.verify
        )
    unfitted = get_predictor(session.predictor)  # refused before anything is probed
    check_serves(settings.strategy, space)
    check_folder(run_folder, "--run", "presage search")
    dataset = as_begun(run_folder, dataset)
    session.check_database()
    shape, classes = (dataset.shape[0], recipe.image_side, recipe.image_side), len(dataset.classes)
    latency, timed = None, (settings.latency_batch, session.device, session.cache("latency"), session.progress)
    if settings.needs_latency:
        latency = searching.latency_meter(space, shape, classes, *timed)
    model = None if latency is None else latency.model
    check_feasible(space, settings.limits, shape, classes, model)

    def scorers(by: Recipe) -> ScorerFactory | None:
        bound = partial(session.bound_predictor, dataset, by)
        return searching.scorers(
            settings.score, bound, session.predictor, dataset, by, seed=session.seed, device=session.device, space=space
        )

    last = None if final is None else replace(final, limits=settings.limits)
    asked = budgeting.Arranged(settings, last, recipe, scorers)
    kept = session.cache("predictors"), session.device
    before = partial(
        expected_before, session.open_to_read, dataset, recipe, run_folder, unfitted, *kept, refit=session.refit
    )
    budget = budgeting.Budgeting(
        wish, dataset, space, asked, before=before, latency=model, run_folder=run_folder, device=session.device,
        at_once=None if beside is None else beside.slots,
    )  # fmt: skip
    session.card(dataset, run_folder, budget.probes)
    fits = budget.arranged()
    rests_on = extrapolation.kept_extrapolation(run_folder, lambda: session.extrapolation(fits.recipe, dataset))
    if not RunFolder(run_folder).asked.exists():  # of a run that goes on, once it is done
        _keep(run_folder, options)
    asked_for = {
        "dataset": dataset.name, "space": space.name, "predictor": session.predictor, **fits.settings.to_json(),
        "recipe": fits.recipe.to_json(), "final_recipe": None if fits.final is None else fits.final.recipe.to_json(),
    }  # fmt: skip
    with Telling(trackers, Tracked(f"search {dataset.name}", run_folder, flat(asked_for))) as telling:
        tell_trained_before(telling, run_folder)
        on_progress = telling_progress(telling, searching.stages(settings, session.progress))
        result = run_search(
            dataset, space=space, recipe=fits.recipe, settings=fits.settings, scorer=fits.scorer,
            predictor=session.predictor, run_folder=run_folder, database=BriefStore(session.open),
            device=session.device, latency=latency, on_progress=on_progress, pace=fits.pace,
            finish=None if fits.final is None else Finishing(fits.final), beside=beside,
            curves=partial(searching.curve_extrapolator, session.open_to_read, session.seed, session.progress),
        )  # fmt: skip
        if get_score(settings.score).predicts:
            notes = rests_on.notes([one.chosen.multiply_adds for one in result.verified])
            result = replace(result, notes=(*notes, *told_of_references(space, result)))
            write_json(RunFolder(run_folder).result, result.to_json())
        _keep(run_folder, options)
        write_report(run_folder, space, dataset)
        tell_result(telling, result)
    return result


def _keep(run_folder: Path, options: str | None) -> None:
    """The command's options in the run folder, where a command asked for the search."""
    from presage.files import replacing, write_text
    from presage.search.run.run_folder import RunFolder

    if options is not None:
        with replacing(RunFolder(run_folder).options) as draft:
            write_text(draft, options)
