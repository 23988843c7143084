"""Experiments for the database: a campaign of a design, and how much of it fits a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from presage.errors import InvalidArgument
from presage.output import clock
from presage.progress import OnStage
from presage.steps.difficulty import is_probed
from presage.steps.expected import probe_seconds
from presage.steps.experience import known_experiments

if TYPE_CHECKING:
    from presage.database import Database, ImportReport
    from presage.search.planning.workload import PlannedPart
    from presage.training import Campaign, ImageDataset, Recipe
    from presage.training.campaign import Summary
    from presage.training.design import Planned
    from presage.training.executors import WorkerPool
    from presage.training.timing import Speed

__all__ = ["CampaignWish", "campaign_of", "populate", "within"]

_TIMED = 3  # networks of the design, the smallest, the middling and the largest of the first dozen


@dataclass(frozen=True)
class CampaignWish:
    """A budget for a campaign.

    Attributes:
        seconds: of all that is done.
        tell: told what will be done, and for how long, before it begins.
        began: when the command began, by `time.monotonic`.
    """

    seconds: float
    tell: Callable[[Sequence[PlannedPart]], None] = lambda parts: None
    began: float = field(default_factory=time.monotonic)


class Populator(Protocol):
    """What a campaign needs of a `presage.session.Session`, as it says there."""

    device: str

    @property
    def progress(self) -> OnStage:
        """Told how far the work is."""

    def open(self) -> Database:
        """The database, open."""

    def cache(self, name: str) -> Path:
        """A folder for what can always be computed again."""

    def dataset(self, spec: str) -> ImageDataset:
        """A dataset, read."""

    def probe(self, dataset: ImageDataset, seeds: int, *, ladder: bool) -> object:
        """Probe it, into the database."""

    def import_experience(self, paths: Sequence[Path]) -> ImportReport:
        """Take shards into the database."""


def populate(
    session: Populator,
    specs: Sequence[str],
    out: Path,
    count: int,
    recipe: Recipe | None,
    *,
    workers: int | str,
    probes: int,
    wish: CampaignWish | None,
    executor: Executor | None,
    tell: Callable[[str], None],
) -> tuple[Summary, ImportReport]:
    """As `presage.session.Session.populate`, which calls it."""
    from presage.training.executors import worker_pool

    with worker_pool(workers, session.device, out / ".calls", executor, "presage populate") as at_once:
        if at_once.words:
            tell(at_once.words)
        campaign = campaign_of(specs, out, count, recipe, at_once, session.device)
        datasets = [session.dataset(spec) for spec in specs]
        with session.open() as database:
            unprobed = [one for one in datasets if not is_probed(database, one)]
            known = known_experiments(database, recipe)
        campaign = within(
            wish, replace(campaign, known=known, cache=session.cache("images")), datasets, len(unprobed) * probes
        )
        for dataset in unprobed:
            session.probe(dataset, probes, ladder=probes > 1)
        summary = campaign.run(lambda progress: session.progress("populate", progress.done, progress.total))
    report = session.import_experience([out] if any(out.glob("*.jsonl")) else [])
    return summary, replace(report, probes=report.probes + len(unprobed) * probes)


def campaign_of(
    specs: Sequence[str], out: Path, count: int, recipe: Recipe | None, worker_pool: WorkerPool, device: str
) -> Campaign:
    """The first `count` networks of the design on each dataset; of the design of many recipes where none is given."""
    from presage.training import Campaign, Recipe, recipe_design

    if recipe is not None:
        recipe.check_trainable()
    design = recipe_design.recipe_sequence if recipe is None else None
    return Campaign(
        specs, out, count, recipe or Recipe(), worker_pool.slots, device, design=design, executor=worker_pool.executor
    )


def within(wish: CampaignWish | None, campaign: Campaign, datasets: Sequence[ImageDataset], probes: int) -> Campaign:
    """As much of a campaign as fits a budget, by timing a few steps of three networks of its design.

    Datasets take turns, and each has as many experiments. While it runs, none is begun that would end too late.

    Args:
        wish: None leaves the campaign as it is.
        probes: that the datasets still need.

    Raises:
        InvalidArgument: not one experiment for each dataset fits; says the least that would do.
    """
    if wish is None:
        return campaign
    from presage.search.planning.plan import SAFE
    from presage.search.planning.workload import PlannedPart

    (speed, side), probed = _speed(campaign, datasets[0]), probe_seconds(datasets[0], probes, device=campaign.device)
    spent = time.monotonic() - wish.began
    left, total, count, new = SAFE * wish.seconds - spent - probed, 0.0, 0, 0
    rounds = _rounds(campaign, datasets, speed, side)
    row = next(rounds)
    while count < campaign.count and (total + sum(row)) / campaign.workers <= left:
        total, count, new, row = total + sum(row), count + 1, new + len(row), next(rounds)
    if count == 0:
        least = math.ceil((spent + probed + sum(row) / campaign.workers) / SAFE) + 1
        typed = f"{least}s" if least < 120 else f"{math.ceil(least / 60)}m"
        rule = f"be at least {typed} for one experiment of each dataset here"
        hint = f"Of that, probing takes about {clock(probed)}." if probed else ""
        raise InvalidArgument("--budget", "presage populate", rule, clock(wish.seconds), hint)
    whole = "" if new == count * len(datasets) else f", of the first {count} of each dataset those that are not known"
    what = f"{new} experiments{whole}"
    wish.tell(
        [
            PlannedPart("measure", "read the datasets, time this machine", spent),
            PlannedPart("probe", f"{probes} probes", probed),
            PlannedPart("train", what, total / campaign.workers),
        ]
    )
    return replace(campaign, count=count, deadline=wish.began + SAFE * wish.seconds)


def _rounds(campaign: Campaign, datasets: Sequence[ImageDataset], speed: Speed, side: int) -> Iterator[list[float]]:
    """Seconds of the next experiment of every dataset, those that are known already left out."""
    from presage.architecture.costs import costs
    from presage.search.planning.measuring import images_of

    designs = [(dataset, _design(campaign, dataset)) for dataset in datasets]
    while True:
        row = []
        for dataset, planned in designs:
            one = next(planned)
            recipe = one.recipe or campaign.recipe
            if (dataset.fingerprint, one.candidate.architecture.hash, recipe.hash, one.seed) in campaign.known:
                continue
            shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
            work = costs(one.candidate.architecture.canonical, shape, len(dataset.classes)).multiply_adds
            here = replace(speed, image=speed.image * (recipe.image_side / side) ** 2)
            row.append(here.seconds(recipe, images_of(dataset, recipe), work))
        yield row


def _design(campaign: Campaign, dataset: ImageDataset) -> Iterator[Planned]:
    from presage.training.design import sequence
    from presage.training.recording import dataset_record

    if campaign.design is not None:
        return campaign.design(dataset_record(dataset))
    return sequence(dataset.fingerprint)


def _speed(campaign: Campaign, dataset: ImageDataset) -> tuple[Speed, int]:
    """What three networks of the design took, and on images of which side."""
    from presage.architecture.costs import costs
    from presage.training.timing import fitted_speed, timed

    recipe = campaign.recipe
    shape, classes = (dataset.shape[0], recipe.image_side, recipe.image_side), len(dataset.classes)
    networks = [one.candidate.architecture for one in islice(_design(campaign, dataset), 12)]
    networks.sort(key=lambda one: costs(one.canonical, shape, classes).multiply_adds)
    chosen = [networks[round(at * (len(networks) - 1) / (_TIMED - 1))] for at in range(_TIMED)]
    timings = [timed(network, shape, classes, recipe, campaign.device, depth=True) for network in chosen]
    found = [one for one in timings if one is not None]
    if not found:
        rule = "leave networks that can be trained here: none of three could be"
        raise InvalidArgument("recipe", "presage populate", rule, f"{recipe.image_side} px, batch {recipe.batch}")
    return fitted_speed(found), recipe.image_side
