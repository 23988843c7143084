"""The probe ladder: the probe again with fewer and more images, smaller and larger ones, and for longer.

What a dataset gains from one rung to the next says what it will gain from more of the same where networks are trained,
as far as one small net can tell: datasets differ in it more than in anything else about a recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import torch

from presage.errors import InvalidArgument
from presage.probe.protocol import PROBE_RECIPE, PROBE_VERSION
from presage.probe.run import clock_of, trained_probe
from presage.records.dataset import DatasetRecord
from presage.records.probe import RUNG
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.hardware import choose_device, device_name, versions
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe
from presage.training.recording import dataset_record
from presage.training.training_images import training_images

__all__ = ["RUNGS", "Rung", "RungRun", "climb", "rung_recipe"]

LEAST_MORE = 1.25
"""Times the probe's images that a dataset must have for a rung with more of them."""


@dataclass(frozen=True)
class Rung:
    """One setting of the ladder, as multiples of the probe's own training images, image side and epochs."""

    name: str
    images: float = 1.0
    side: float = 1.0
    epochs: float = 1.0

    @property
    def version(self) -> str:
        """Under which its runs are recorded: the probe's version, a slash, and its name."""
        return f"{PROBE_VERSION}{RUNG}{self.name}"


RUNGS = (
    Rung("half-images", images=0.5),
    Rung("twice-images", images=2.0),
    Rung("half-side", side=0.5),
    Rung("twice-side", side=2.0),
    Rung("thrice-epochs", epochs=3.0),
)
"""Cheap ones, a few seconds each: the last two cost three to four probes."""


@dataclass(frozen=True, eq=False)
class RungRun:
    """The probe net trained at one rung.

    Attributes:
        rung: which.
        fingerprint: of the dataset.
        seed: of weights and batches.
        accuracy: peak validation accuracy, in [0, 1].
        curve: validation accuracy after each epoch (e,).
        trained_with: images, side in pixels and epochs.
        seconds: as `ProbeRun.seconds`.
        device, versions, created_at: as of `ProbeRun`.
    """

    rung: Rung
    fingerprint: str
    seed: int
    accuracy: float
    curve: tuple[float, ...]
    trained_with: dict[str, float]
    seconds: float
    device: str
    versions: dict[str, str]
    created_at: str


def rung_recipe(rung: Rung, dataset: DatasetRecord) -> Recipe | None:
    """The probe's recipe at a rung; None where the dataset has not so many images, or none so large."""
    images = training_images(dataset, PROBE_RECIPE)
    recipe = replace(
        PROBE_RECIPE,
        train_images=max(round(rung.images * images), 2),
        image_side=round(rung.side * PROBE_RECIPE.image_side),
        epochs=round(rung.epochs * PROBE_RECIPE.epochs),
    )
    if rung.images > 1.0 and training_images(dataset, recipe) < LEAST_MORE * images:
        return None
    if rung.images < 1.0 and training_images(dataset, recipe) < dataset.classes:
        return None
    if rung.side > 1.0 and max(dataset.height, dataset.width) <= PROBE_RECIPE.image_side:
        return None
    return recipe


def climb(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    done: Collection[str] = (),
    on_epoch: Callable[[Rung, EpochRecord], None] | None = None,
) -> Iterator[RungRun]:
    """Train the probe net at every rung that the dataset allows; each run is given as soon as it is finished.

    Args:
        seed: of weights and batches; not negative.
        device: `auto`, `cpu`, `cuda` or a torch device.
        done: names of rungs that need not be run again.
        on_epoch: called with the rung and the record of each epoch, for progress.

    Raises:
        InvalidArgument, Diverged, OutOfMemory: as `presage.probe.run_probe`.
    """
    if seed < 0:
        raise InvalidArgument("seed", "climb", "be at least 0", seed)
    target, record = choose_device(device), dataset_record(dataset)
    clock = clock_of(target)
    for rung in RUNGS:
        recipe = rung_recipe(rung, record)
        if recipe is None or rung.name in done:
            continue
        began = clock()

        def tell(epoch: EpochRecord, at: Rung = rung) -> None:
            if on_epoch:
                on_epoch(at, epoch)

        _, data, curve = trained_probe(dataset, recipe, seed, target, tell)
        with_ = {
            "train_images": float(len(data.train_images)),
            "image_side": float(recipe.image_side),
            "epochs": float(recipe.epochs),
        }
        yield RungRun(
            rung=rung,
            fingerprint=dataset.fingerprint,
            seed=seed,
            accuracy=max(curve),
            curve=curve,
            trained_with=with_,
            seconds=clock() - began,
            device=device_name(target),
            versions=versions(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
