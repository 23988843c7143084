"""Networks made smaller and larger, as functions: what `presage shrink` and `presage grow` do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import UnknownName
from presage.given import networks_at, read_dataset, the_only
from presage.places import user_path
from presage.progress import Progress, shown_progress
from presage.session import Session
from presage.steps.plain_limits import limits_of

if TYPE_CHECKING:
    from torch import nn

    from presage.architecture.graph import Architecture
    from presage.search.climbing.grown import GrowResult
    from presage.search.shrinking.shrunk import ShrinkResult
    from presage.training import ImageDataset, Recipe
    from presage.training.model.trained import TrainedModel

__all__ = ["grow", "shrink"]


def shrink(
    network: str | Architecture | nn.Module | TrainedModel,
    dataset: str | ImageDataset,
    *,
    max_params: int | None = None,
    max_macs: int | None = None,
    max_latency: float | None = None,
    run_folder: str | Path = "runs/shrink",
    recipe: Recipe | str | None = None,
    predictor: str = "ensemble",
    refit: bool = False,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
    **settings: Any,
) -> ShrinkResult:
    """Smaller versions of a network within limits, trained beside a plain scaled-down one; resumes a run folder.

    Args:
        network: as `predict` has it; or a trained one, as `load` gives it, of which channels are removed too.
        max_params, max_macs, max_latency: as `search` has them; one at least, each below what the network has.
        recipe: how all are trained; None for a trained network's own, else the shipped experience's.
        refit: as `predict` has it.
        settings: fields of `presage.steps.shrinking.ShrinkSettings`: candidates, shortlist, original, sparse.

    Raises:
        InvalidArgument, NothingFeasible: the network is within the limits already, or no version of it can be.
    """
    from presage.steps.shrinking import ShrinkSettings
    from presage.training.model.trained import TrainedModel

    limits = limits_of("presage.shrink", max_params=max_params, max_macs=max_macs, max_latency=max_latency)
    model = network if isinstance(network, TrainedModel) else None
    if model is not None and recipe is None:
        recipe = model.recipe
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told, predictor, refit=refit)
        images = read_dataset(session, dataset)
        found, by = networks_at(session, images, network if model is None else model.architecture, recipe)
        one = the_only(found, "presage.shrink")
        asked = ShrinkSettings(limits, **settings)
        return session.shrink(one, images, by, asked, user_path(run_folder), model)


def grow(
    network: str | Architecture | nn.Module,
    dataset: str | ImageDataset,
    *,
    max_params: int | None = None,
    max_macs: int | None = None,
    run_folder: str | Path = "runs/grow",
    recipe: Recipe | str | None = None,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
    **settings: Any,
) -> GrowResult:
    """A small network made larger step by step with the weights that it learned; resumes a run folder.

    Args:
        network: as `predict` has it; one.
        max_params, max_macs: as `search` has them; no child is over one, and the network is below both.
        recipe: how the start, the end and random networks are trained, and, for fewer epochs, children; None for the
            shipped experience's.
        settings: fields of `presage.search.climbing.settings.ClimbSettings`: strategy, steps, neighbours, morphisms,
            child_epochs, random.

    Raises:
        InvalidArgument: the network is over a limit, or repeats no cell where the strategy grows one.
        UnknownName: no strategy or setting of that name.
    """
    from presage.search.climbing.settings import ClimbSettings

    for name in settings:
        if name not in ClimbSettings.__dataclass_fields__:
            raise UnknownName("setting of `presage.grow`", name, ClimbSettings.__dataclass_fields__)
    asked, limits = ClimbSettings(**settings), limits_of("presage.grow", max_params=max_params, max_macs=max_macs)
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        images = read_dataset(session, dataset)
        found, by = networks_at(session, images, network, recipe)
        return session.grow(the_only(found, "presage.grow"), images, by, asked, limits, user_path(run_folder))
