"""NAS-Bench-201 as experience: its networks at their published size, by its own recipe, on its three datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from presage.database.nasbench201 import DATASETS, Cell, read_nasbench201
from presage.database.write import Placed
from presage.records import ArchitectureRecord, DatasetRecord, ExperimentEntry, ExperimentRecord
from presage.records.experiment import FINISHED
from presage.steps.imports.datasets import named_dataset
from presage.steps.imports.published import NETWORKS, SOURCE
from presage.steps.imports.trainings import UNKNOWN, ImportedTrainings

if TYPE_CHECKING:
    from presage.architecture.costs import Costs
    from presage.architecture.graph import Architecture
    from presage.training import Recipe

__all__ = ["published_recipe", "read_published"]

ORDER = 201
"""Seed of that order."""
SEEDS = (777, 111)
"""The benchmark's seeds are 777, 888 and 999; which is which the package does not tell. Cells that are one network are
further trainings of it: 1110, …"""


@dataclass(frozen=True)
class _Published:
    """A dataset of the benchmark: what presage calls it, its sizes, and how many images trained and validated."""

    name: str
    classes: int
    side: int
    images: int
    held_out: int
    words: tuple[str, ...]
    fingerprint: str = ""


_KNOWN = {
    "cifar10": _Published(
        "cifar10", 10, 32, 50_000, 25_000, ("cifar10",),
        "169d989e4044a363299ba993dab8304420140608622abbd760862b210ce6d386",
    ),
    "cifar100": _Published("cifar100", 100, 32, 50_000, 5_000, ("cifar100",)),
    "imagenet": _Published("ImageNet16-120", 120, 16, 151_700, 3_000, ("imagenet16120",)),
}  # fmt: skip
"""Validation images of CIFAR-10 are half of its training images; those of the others are half of the test images."""


def published_recipe(dataset: str) -> Recipe:
    """The benchmark's recipe, as near as a recipe of presage can say it.

    200 epochs of SGD with Nesterov momentum .9 and weight decay 5e-4, from a rate of .1 down a cosine without warm-up,
    256 images a step, mirrored and shifted by an eighth of the side; no smoothing, no clipping.
    """
    from presage.training import Recipe

    known = _KNOWN[dataset]
    own = known.name == "cifar10"
    return Recipe(
        epochs=200, batch=256, optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, momentum=0.9,
        schedule="one_cycle", warmup=0.0, label_smoothing=0.0, clip=1e9, shift=known.side // 8, flip=True,
        image_side=known.side, precision="float32", train_images=known.images - known.held_out if own else None,
        test_images=None, least_epoch_images=1,
        validation_fraction=0.5 if own else 1e-4, validation_images=known.held_out,
    )  # fmt: skip


def read_published(
    known: Sequence[DatasetRecord],
    probed: Collection[str],
    networks: int | None = NETWORKS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportedTrainings:
    """The trainings of the benchmark's cells, every seed of them.

    Args:
        known: datasets of the database.
        probed: fingerprints of those that have a probe.
        networks: cells of each dataset; None for all 15,625.
        on_progress: called with cells done and their number.

    Raises:
        InvalidArgument: the package is not installed.
        InvalidExperience: its files are damaged.
    """
    from presage.architecture.costs import costs

    found = ImportedTrainings()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    tables = {name: read_nasbench201(name) for name in DATASETS}
    datasets = {name: _dataset(name, known) for name in DATASETS}
    for name, dataset in datasets.items():
        if dataset.fingerprint not in probed:
            hint = " (`presage probe torchvision:CIFAR100`, then import again)" if name == "cifar100" else ""
            found.notes.append(
                f"{dataset.name} was never probed, its images not being at hand: its trainings are kept, and nothing "
                f"is learned from them until it is{hint}."
            )
    for name, cells in tables.items():
        dataset, recipe = datasets[name], published_recipe(name)
        shape, seen = (dataset.channels, recipe.image_side, recipe.image_side), Counter[str]()
        for at, (cell, architecture, described) in enumerate(_chosen(cells, networks)):
            cost = costs(architecture, shape, dataset.classes)
            for entry in _entries(cell, dataset, described, recipe, cost, seen, now):
                found.placed.append(Placed(f"{SOURCE} {name} cell {cell.digits}", entry))
            on_progress(at + 1, len(cells) if networks is None else min(networks, len(cells)))
    return found


def _chosen(cells: Sequence[Cell], networks: int | None) -> Iterator[tuple[Cell, Architecture, ArchitectureRecord]]:
    """The first cells of the fixed order, with their networks at the published size."""
    from presage.architecture.spaces import NB201
    from presage.training.recording import architecture_record

    space = NB201(cells=5, width=16)
    order = np.random.default_rng(ORDER).permutation(len(cells))[:networks].tolist()
    by_digits = sorted(cells, key=lambda cell: cell.digits)
    for start in range(0, len(order), 500):
        some = [by_digits[at] for at in order[start : start + 500]]
        codes = np.array([[int(digit) for digit in cell.digits] for cell in some], np.int64)
        graphs = space.decode_batch(codes)
        for at, cell in enumerate(some):
            architecture = graphs.architecture(at).canonical
            yield cell, architecture, architecture_record(architecture, space.name, space.params(codes[at]))


def _entries(
    cell: Cell,
    dataset: DatasetRecord,
    architecture: ArchitectureRecord,
    recipe: Recipe,
    cost: Costs,
    seen: Counter[str],
    now: str,
) -> Iterator[ExperimentEntry]:
    from presage.training.recording import recipe_record

    for number, accuracy in enumerate(cell.accuracies):
        seed = SEEDS[0] + SEEDS[1] * seen[architecture.hash]
        seen[architecture.hash] += 1
        experiment = ExperimentRecord(
            dataset=dataset.fingerprint, architecture=architecture.hash, recipe=recipe.hash, seed=seed,
            status=FINISHED, accuracy=accuracy, test_accuracy=None, curve=(), train_losses=(), depth_accuracies=(),
            seconds=cell.seconds[number] if cell.seconds else 0.0, device=UNKNOWN, precision="float32", versions={},
            failure=None, created_at=now, source=SOURCE, **asdict(cost),
        )  # fmt: skip
        yield ExperimentEntry(dataset, architecture, recipe_record(recipe), experiment)


def _dataset(name: str, known: Sequence[DatasetRecord]) -> DatasetRecord:
    """As the database knows it, by its images or by its name and sizes; else a stand-in for its images."""
    published = _KNOWN[name]
    for record in known:
        plain = "".join(sign for sign in record.name.lower() if sign.isalnum())
        sizes = (record.classes, record.channels, record.height, record.train_images)
        alike = plain.removeprefix("torchvision") in published.words
        if record.fingerprint == published.fingerprint or (
            alike and sizes == (published.classes, 3, published.side, published.images)
        ):
            return record
    stand_in = named_dataset(
        published.name, classes=published.classes, images=published.images, channels=3, side=published.side
    )
    if not published.fingerprint:
        return stand_in
    facts = {field: getattr(stand_in, field) for field in stand_in.results} | {"test_images": 10_000}
    return DatasetRecord(published.fingerprint, published.name, **facts)
