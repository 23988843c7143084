"""How long what comes before a search will take: the probe, and the fit of the predictor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import WrongInput
from presage.steps import difficulty
from presage.steps.fits import fit_for

if TYPE_CHECKING:
    from presage.database import Database
    from presage.surrogate import Predictor
    from presage.training import ImageDataset, Recipe

__all__ = ["expected_before", "note_fit", "probe_seconds"]

_FITTED = "seconds.json"
_FIRST_FIT = {"Ensemble": 0.02, "TapLSTM": 0.01, "BoostedTrees": 0.003}
_ANY_FIT = 0.001  # seconds for each experiment, until the fit of a predictor was timed here


def expected_before(
    opening: Callable[[], Database],
    dataset: ImageDataset,
    recipe: Recipe,
    run_folder: Path,
    unfitted: Predictor,
    cache: Path,
    device: str,
    probes: int,
    *,
    refit: bool = False,
) -> dict[str, float]:
    """Seconds of each thing, by what it is.

    Args:
        unfitted: the predictor; fitted ones are shipped, or kept in `cache`.
        probes: of the dataset; none are needed where the run folder has its card.
        refit: the predictor is to be fitted to all that there is.
    """
    probes = 0 if difficulty.kept_card(run_folder, dataset) is not None else probes
    probed = probe_seconds(dataset, probes, device=device)
    with opening() as database:
        fitted = _fit_seconds(database, dataset, recipe, unfitted, cache, refit)
    return {"probe the dataset": probed, "fit the predictor": fitted}


def probe_seconds(dataset: ImageDataset, seeds: int, *, device: str) -> float:
    """How long so many probes, and its ladder where they are several, will take here, by timing a few steps of one."""
    if not seeds:
        return 0.0
    from presage.probe import PROBE_RECIPE
    from presage.probe.ladder import RUNGS, rung_recipe
    from presage.probe.net import ProbeNet
    from presage.search.planning.measuring import images_of
    from presage.training.recording import dataset_record
    from presage.training.timing import Speed, timed

    c, side, classes = dataset.shape[0], PROBE_RECIPE.image_side, len(dataset.classes)
    found = timed(ProbeNet(c, classes, side), (c, side, side), classes, PROBE_RECIPE, device)
    if found is None:
        return 0.0
    speed = Speed(found.image, 0.0, found.scored / found.image)
    once = speed.seconds(PROBE_RECIPE, images_of(dataset, PROBE_RECIPE), 0.0)
    if seeds == 1:
        return once
    record = dataset_record(dataset)
    rungs = [(recipe, rung.side) for rung in RUNGS if (recipe := rung_recipe(rung, record)) is not None]
    return seeds * once + sum(by**2 * speed.seconds(recipe, images_of(dataset, recipe), 0.0) for recipe, by in rungs)


def _fit_seconds(
    database: Database, dataset: ImageDataset, recipe: Recipe, unfitted: Predictor, cache: Path, refit: bool
) -> float:
    """How long fitting the predictor will take: what it took for each experiment the last time."""
    from presage.surrogate.predictors.cache import is_kept

    fit = fit_for(database, dataset.fingerprint, recipe.hash, whole=refit)
    if is_kept(unfitted, fit.content, cache):
        return 0.0
    name = type(unfitted).__name__
    each = _fitted_before(cache).get(name, _FIRST_FIT.get(name, _ANY_FIT))
    return each * fit.learned_from.fitted_to


def _fitted_before(cache: Path) -> dict[str, float]:
    """Seconds for each experiment by class of predictor; what is damaged is forgotten."""
    from presage.reading import read_as

    try:
        return read_as(cache / _FITTED, lambda kept: {str(name): float(each) for name, each in kept.items()}) or {}
    except (WrongInput, OSError):
        return {}


def note_fit(cache: Path, fitted: Predictor, seconds: float, experiments: int) -> None:
    """Remember how long fitting a predictor took."""
    from presage.files import write_json

    if experiments:
        each = {type(fitted).__name__: round(seconds / experiments, 6)}
        cache.mkdir(parents=True, exist_ok=True)
        write_json(cache / _FITTED, {**_fitted_before(cache), **each})
