"""The Python API: what the commands do, as functions. For several steps in a row, keep a `presage.Session`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage import recipes
from presage.errors import InvalidArgument, UnknownName
from presage.given import networks_at, read_dataset, recipe_for
from presage.places import user_path
from presage.progress import Progress, shown_progress
from presage.results import PredictedRows, TrainedRows
from presage.session import Session
from presage.steps import inspecting
from presage.steps.at_once import AtOnce
from presage.steps.experience import ImportOptions
from presage.steps.imports.published import NETWORKS
from presage.steps.plain_limits import PLAIN, limits_of
from presage.trackers.registry import trackers_of

if TYPE_CHECKING:
    from torch import nn

    from presage.architecture.graph import Architecture
    from presage.architecture.spaces import Space
    from presage.database import ImportReport
    from presage.probe import DifficultyCard
    from presage.probe.inspection.issue import Inspection
    from presage.search import SearchResult
    from presage.trackers.tracker import Tracker
    from presage.training import ImageDataset, Recipe
    from presage.training.model.trained import TrainedModel
    from presage.training.side_by_side import SideBySide

    Log = str | Tracker | Iterable[str | Tracker] | None

__all__ = ["import_experience", "inspect", "load", "predict", "probe", "search", "train"]


def load(folder: str | Path) -> TrainedModel:
    """The trained network that `presage train` or `presage search` left in a folder, ready to classify images.

    Raises:
        InvalidModel: the folder holds none, one that is damaged, or one that a newer presage wrote.
    """
    from presage.training.model.folder import load_model

    return load_model(folder)


def probe(
    dataset: str | ImageDataset,
    *,
    seeds: int = 3,
    ladder: bool = True,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> DifficultyCard:
    """How hard is a dataset? Its DCN and what one number hides.

    Args:
        dataset: `digits`, a ``.npz``, a folder of class folders, ``torchvision:NAME``, or an `ImageDataset`.
        seeds: probes, one a seed.
        ladder: then climb the probe ladder, which tells what more images, larger ones and longer training would bring.
        database: the experiment database; None for the user's own.
        progress: whether bars show how far it is; or a function, called as ``progress(stage, done, total)``.

    Raises:
        InvalidDataset: the images or labels cannot be learned from.
    """
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        return session.probe(read_dataset(session, dataset), seeds, ladder=ladder)


def inspect(
    dataset: str | ImageDataset,
    *,
    out: str | Path | None = None,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> Inspection:
    """What looks wrong with a dataset's images: duplicates, leaked test images, faults, outliers, doubted labels.

    Args:
        dataset: as `probe` has it.
        out: folder for a page with thumbnails, a CSV and a JSON file; None leaves none.
        database: beside it decoded images and what was found are kept; None for the user's own.
        device: as elsewhere; nothing here is trained, and any CPU will do.
        seed: of what judges labels.
        progress: whether bars show how far it is; or a function, called as ``progress(stage, done, total)``.
    """
    folder = None if out is None else user_path(out)
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        images = read_dataset(session, dataset)
        return inspecting.inspect(images, out=folder, seed=seed, kept=session.cache("inspections"), progress=told)


def predict(
    dataset: str | ImageDataset,
    architectures: Sequence[str | Architecture | nn.Module] | str | Architecture | nn.Module,
    *,
    recipe: Recipe | str | None = None,
    predictor: str = "ensemble",
    refit: bool = False,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> PredictedRows:
    """*Predicted* accuracy, with an interval, of networks on a dataset. Trains nothing but the probe net, once.

    Args:
        architectures: files of architecture JSON, names (``timm:resnet18``, ``torchvision:resnet18``,
            ``module:callable(width=32)``, ``file.py:Name``), `Architecture`s, or `torch.nn.Module`s.
        recipe: how the networks would be trained, its name, or the beginning of the hash of one that the database
            knows; None for the shipped experience's.
        refit: whether the predictor is fitted to all of the experience first, with the newest experiments of other
            tasks, which else wait for the next fit; `PredictedRows.learned_from` counts them.

    Raises:
        InvalidArchitecture: what is no network, or cannot take the dataset's images; of several, those that cannot are
            left out with a `presage.errors.NetworkWarning` each.
    """
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told, predictor, refit=refit)
        images = read_dataset(session, dataset)
        return session.predict(images, *networks_at(session, images, architectures, recipe))


def train(
    dataset: str | ImageDataset,
    architectures: Sequence[str | Architecture | nn.Module] | str | Architecture | nn.Module,
    *,
    recipe: Recipe | str | None = None,
    out: str | Path | None = None,
    onnx: bool = False,
    early_stop: bool = False,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
    workers: int | str | None = None,
    executor: Executor | None = None,
    log: Log = None,
) -> TrainedRows:
    """*Trained* accuracy of networks, which enters the database. Other arguments as `predict` has them.

    Args:
        out: folder in which each trained network is left, for `load`; None leaves none.
        onnx: whether an ONNX file is left there too.
        early_stop: whether trainings that by their extrapolated curves have no chance to be the best of these are
            ended: they are rows without an accuracy, and `TrainedRows.early_stopping` says what was saved.
        workers, executor: as `search` has them; a single network is trained by all threads.
        log: as `search` has it.
    """
    trackers = trackers_of(log, "log", "presage.train")
    folder = None if out is None else user_path(out)
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        images = read_dataset(session, dataset)
        asked, at_once = networks_at(session, images, architectures, recipe), AtOnce(workers, executor)
        return session.train(
            images, *asked, out=folder, onnx=onnx, early_stop=early_stop, at_once=at_once, trackers=trackers
        )


def search(
    dataset: str | ImageDataset,
    *,
    space: str | Space = "auto",
    run_folder: str | Path = "runs/search",
    recipe: Recipe | str | None = None,
    final: int = 1,
    final_recipe: Recipe | str = "auto",
    tune: bool = True,
    average: bool = True,
    budget: float | str | None = None,
    max_params: int | None = None,
    max_macs: int | None = None,
    max_memory: int | None = None,
    max_latency: float | None = None,
    predictor: str = "ensemble",
    refit: bool = False,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
    workers: int | str | None = None,
    executor: Executor | None = None,
    log: Log = None,
    **settings: Any,
) -> SearchResult:
    """Search a space on predicted accuracy and train the short-list, the best of it finally; resumes a run folder.

    Args:
        space: name of a search space, or one of your own; ``"auto"``: `stages` with a budget, `chain` without.
        recipe: how the short-list is trained, or its name; None for the shipped experience's, which predicts best.
        final: how many of the short-list are trained by the final recipe; 0 for none.
        final_recipe: by name, on all images; or a recipe as it stands. ``"auto"``: the budget chooses, or `standard`.
        tune: whether learning rate and weight decay are tuned before a final training.
        average: whether the mean of several final trainings, as one network, is left in place of the best of them
            where it is within the limits and validation images do not say that it is worse.
        budget: seconds, or a time as in ``"30m"``, that everything is made to fit but what is given here.
        max_params, max_macs, max_memory: hard limits on a network's parameters, on its multiply-adds and on its bytes
            of activations for one image.
        max_latency: hard limit on milliseconds of a forward pass here: estimated for all, measured for the short-list.
        refit: as `predict` has it.
        workers: networks trained at once, each by one thread, with the same results for any number; ``"auto"`` is one
            for each core, or four for each GPU. None trains one after the other, by all threads.
        executor: trains on this in place of processes of presage's own; it must share this machine's disk.
        log: experiment trackers that are told of it, by name (``"tensorboard"``, ``"mlflow"``, ``"wandb"``,
            ``"trackio"``), or as `presage.trackers.tracker.Tracker`; one that fails is a `TrackerWarning`.
        settings: fields of `presage.search.SearchSettings`: strategy, candidates (2,000; 100 where a super-net scores),
            shortlist, rounds, `limits` in place of the four above, …

    Raises:
        NothingFeasible: no network of the space is within the limits.
        UnknownName: no space, strategy or setting of that name.
    """
    from presage.search import FinalSettings, SearchSettings
    from presage.search.final.settings import TRIALS
    from presage.search.strategies import default_candidates
    from presage.steps.budgeting import TimeWish, seconds_of
    from presage.steps.spaces import space_of
    from presage.training.executors import AUTO_WORKERS, side_by_side

    trackers = trackers_of(log, "log", "presage.search")
    known = SearchSettings.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise UnknownName("setting of `presage.search`", name, [*known, *PLAIN])
    most = {"max_params": max_params, "max_macs": max_macs, "max_memory": max_memory, "max_latency": max_latency}
    for name, value in most.items():
        if value is not None and "limits" in settings:
            raise InvalidArgument(name, "presage.search", "be left out beside `limits`", value)
    limits = settings.get("limits") or limits_of("presage.search", **most)
    fixed = frozenset({"candidates", "shortlist"} & settings.keys()) | frozenset(() if tune else ("trials",))
    by = {"recipe": recipe, "final_recipe": final_recipe}
    fixed |= {name for name, given in by.items() if given not in (None, recipes.AUTO)}
    usual = default_candidates(settings.get("strategy", ""), settings.get("score", ""), settings.get("shortlist", 1))
    asked = replace(SearchSettings(seed=seed), **{"candidates": usual, **settings, "limits": limits})
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told, predictor, refit=refit)
        images = read_dataset(session, dataset)
        last = recipes.final_recipe(final_recipe, images)
        trials, mirror = TRIALS if tune else 0, isinstance(final_recipe, str)
        ending = FinalSettings(last, final or 1, trials, mirror=mirror, average=average)
        at_once: AbstractContextManager[SideBySide | None] = nullcontext()
        if workers is not None or executor is not None:
            at_once = side_by_side(
                AUTO_WORKERS if workers is None else workers, device, user_path(run_folder) / ".workers", executor
            )
        with at_once as beside:
            return session.search(
                images,
                space=space_of(space, budget, user_path(run_folder)),
                recipe=recipe_for(recipe, images, session),
                settings=asked,
                run_folder=user_path(run_folder),
                final=ending if final else None,
                wish=None if budget is None else TimeWish(seconds_of(budget, "presage.search"), fixed),
                beside=beside,
                trackers=trackers,
            )


def import_experience(
    *paths: str | Path,
    dry_run: bool = False,
    columns: Mapping[str, str] | None = None,
    trust_code: bool = False,
    networks: int | None = NETWORKS,
    database: str | Path | None = None,
    progress: Progress = True,
) -> ImportReport:
    """Take experience into the database: shards, exported Parquet, databases, tables of trainings; idempotent.

    Args:
        paths: as `presage database import` takes them, ``nasbench201`` among them.
        dry_run: report what would enter, and write nothing.
        columns: of a table of trainings: what presage calls a column → what the table does.
        trust_code: import the modules that a table names as ``module:callable``, and call them.
        networks: cells of ``nasbench201`` on each of its datasets; None for all.

    Returns:
        What entered, what was there already, what was refused (file and row, and why), and what else is to be known.

    Raises:
        InvalidArgument: a path that does not exist, or a table that lacks a column; nothing was taken in then.
    """
    options = ImportOptions(dry_run, columns or {}, trust_code, networks)
    with shown_progress(progress) as told:
        return Session(database, progress=told).import_experience([user_path(path) for path in paths], options)
