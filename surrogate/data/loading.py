"""The lifelong database → `Experience`, and datasets → `Task`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidExperience
from presage.records.probe import RUNG
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.meta_features import LADDER, curve_description
from presage.surrogate.data.task import ASSUMABLE, REGULARISERS, Task

if TYPE_CHECKING:
    from presage.database import Database
    from presage.records import DatasetRecord, ProbeRecord

__all__ = ["ladders_by_dataset", "load_experience", "make_task", "probes_by_dataset", "task_of"]


SGD = 0.12
"""What a learning rate of SGD counts as one of AdamW: the ratio of the rates at which networks here train best."""


def load_experience(
    database: Database,
    *,
    probe_version: str | None = None,
    datasets: Collection[str] | None = None,
    recipe: str | None = None,
    space: str | None = None,
) -> Experience:
    """All finished experiments on probed datasets; a dataset without a probe is passed over, having no difficulty.

    Args:
        database: an open database.
        probe_version: whose DCN counts; the version that most datasets were probed with if not given.
        datasets: only these (fingerprints).
        recipe: only experiments by this recipe (hash).
        space: only networks sampled from this space.

    Raises:
        InvalidExperience: where nothing is left to learn from.
    """
    from presage.architecture.vetting.texts import batch_of_texts

    columns = database.experiments(datasets=datasets, recipe=recipe, space=space, arrays=True)
    probes, ladders = probes_by_dataset(database, probe_version), ladders_by_dataset(database, probe_version)
    known = {record.fingerprint: record for record in database.datasets()}
    recipes = {record.hash: record.json for record in database.recipes()}
    probed = np.array([fingerprint in probes for fingerprint in columns.datasets], bool)
    columns = columns.take(np.flatnonzero(probed[columns.dataset])) if len(columns) else columns
    if not len(columns):
        raise InvalidExperience(
            "No finished experiment on a probed dataset is in the database. Run `presage populate` or import some."
        )
    pairs, task_index = np.unique(
        np.stack([columns.dataset, columns.recipe], axis=1), axis=0, return_inverse=True
    )  # one task per dataset and recipe
    tasks = []
    for dataset, recipe_index in pairs:
        record, recipe_hash = known[columns.datasets[dataset]], columns.recipes[recipe_index]
        tasks.append(_task(record, recipes[recipe_hash], recipe_hash, probes, ladders))
    hashes, row = np.unique(columns.architecture.astype(str), return_inverse=True)
    texts = database.architectures(hashes.tolist())
    distinct = batch_of_texts([texts[key] for key in hashes.tolist()])
    depths = columns.depth_accuracies or []
    spaces = database.spaces()
    return Experience(
        graphs=distinct.take(row),
        hashes=hashes[row],
        task_index=task_index.ravel().astype(np.int64),
        tasks=tuple(tasks),
        accuracy=np.asarray(columns.accuracy, np.float64),
        seeds=np.asarray(columns.seed, np.int64),
        depth_accuracies=tuple(tuple(values.tolist()) for values in depths),
        spaces=np.array([spaces.get(key, "").partition(":")[0] for key in hashes.tolist()])[row],
        early=np.array([_early(curve) for curve in columns.curve or ()], np.float64),
    )


def _early(curve: NDArray[np.float64]) -> float:
    """Accuracy after a third of the epochs; NaN where the curve is too short to tell."""
    return float(curve[len(curve) // 3 - 1]) if len(curve) >= 3 else float("nan")


def task_of(
    database: Database,
    fingerprint: str,
    recipe: Mapping[str, Any],
    recipe_hash: str,
    probe_version: str | None = None,
) -> Task:
    """The task of a dataset that the database knows and has a probe of.

    Args:
        database: an open database.
        fingerprint: of the dataset's content.
        recipe: the recipe's JSON object.
        recipe_hash: its hash.
        probe_version: whose DCN counts; the version that most datasets were probed with if not given.

    Raises:
        InvalidExperience: where the dataset has no probe of that version.
    """
    record = database.dataset(fingerprint)
    probes = probes_by_dataset(database, probe_version)
    if record.fingerprint not in probes:
        raise InvalidExperience(f"The dataset `{record.name}` has no probe in the database. Run `presage probe` on it.")
    ladders = ladders_by_dataset(database, probes[record.fingerprint][0].version)
    return _task(record, recipe, recipe_hash, probes, ladders)


def make_task(
    *,
    fingerprint: str,
    name: str,
    channels: int,
    classes: int,
    train_images: int,
    recipe: Mapping[str, Any],
    recipe_hash: str,
    dcn: float,
    description: Mapping[str, float] | None = None,
    validation_images: int | None = None,
) -> Task:
    """A task from what is known of a dataset.

    Args:
        fingerprint: of its content.
        name: for people.
        channels: of its images.
        classes: their number.
        train_images: all training images; what the recipe keeps for validation or caps is taken off here.
        recipe: the recipe's JSON object.
        recipe_hash: its hash.
        dcn: mean DCN over the probe's seeds.
        description: the probe's description of the images.
        validation_images: of the training images, the dataset's own to validate on; None where the recipe draws them.
    """
    fraction = recipe["validation_fraction"] if validation_images is None else validation_images / train_images
    available = max(1, round(train_images * (1 - fraction)))
    cap = recipe["train_images"]
    used = available if cap is None else max(1, min(available, cap))
    return Task(
        fingerprint=fingerprint,
        name=name,
        channels=channels,
        classes=classes,
        image_side=int(recipe["image_side"]),
        train_images=used,
        epochs=int(recipe["epochs"]),
        dcn=dcn,
        description=tuple(sorted((description or {}).items())),
        recipe=recipe_hash,
        epoch_images=max(used, int(recipe.get("least_epoch_images") or 0)),
        available_images=available,
        mirrored=bool(recipe.get("flip")),
        regularisers=sum(recipe.get(name) not in (None, 0, 0.0, "none") for name in REGULARISERS),
        assumed=tuple(name for name in ASSUMABLE if name in recipe.get("unknown", ())),
        step=_step(recipe),
    )


def _step(recipe: Mapping[str, Any]) -> float:
    """`Task.step` of a recipe's JSON object."""
    rate, batch = recipe.get("learning_rate"), recipe.get("batch")
    told = all(isinstance(value, int | float) and value > 0 for value in (rate, batch))
    if not told or {"learning_rate", "batch"} & set(recipe.get("unknown", ())):
        return 0.0
    return float(rate) / float(batch) * (SGD if recipe.get("optimizer") == "sgd" else 1.0)  # type: ignore[arg-type]


def _task(
    record: DatasetRecord,
    recipe: Mapping[str, Any],
    recipe_hash: str,
    probes: Mapping[str, list[ProbeRecord]],
    ladders: Mapping[tuple[str, str], Mapping[str, float]],
) -> Task:
    runs = probes[record.fingerprint]
    ladder = ladders.get((record.fingerprint, runs[0].version), {})
    return make_task(
        fingerprint=record.fingerprint,
        name=record.name,
        channels=record.channels,
        classes=record.classes,
        train_images=record.train_images,
        recipe=recipe,
        recipe_hash=recipe_hash,
        dcn=float(np.mean([run.dcn for run in runs])),
        description={**runs[0].description, **curve_description([run.curve for run in runs]), **ladder},
        validation_images=record.validation_images,
    )


def probes_by_dataset(database: Database, version: str | None) -> dict[str, list[ProbeRecord]]:
    """Probes by dataset, all of one version: two versions are never compared. Rungs of the ladder are none of these."""
    stored = (run for run in database.probes(version=version) if not run.rung)
    runs = sorted(stored, key=lambda run: (run.dataset, run.seed))
    if version is None and runs:
        datasets = {run.version: set[str]() for run in runs}
        for run in runs:
            datasets[run.version].add(run.dataset)
        chosen = max(datasets, key=lambda name: (len(datasets[name]), name))
        runs = [run for run in runs if run.version == chosen]
    found: dict[str, list[ProbeRecord]] = {}
    for run in runs:
        found.setdefault(run.dataset, []).append(run)
    return found


def ladders_by_dataset(database: Database, version: str | None) -> dict[tuple[str, str], dict[str, float]]:
    """Peak accuracies of the rungs of probe ladders, mean over seeds, as entries of a task's description.

    Args:
        database: an open database.
        version: of the probe that the ladders belong to; of all if not given.

    Returns:
        By dataset (fingerprint) and version of the probe: nothing of a dataset without a ladder.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in database.probes():
        own = run.version.removesuffix(RUNG + run.rung)
        if run.rung and version in (None, own):
            found.setdefault((run.dataset, own), {}).setdefault(f"{LADDER}{run.rung}", []).append(run.dcn)
    return {key: {name: float(np.mean(values)) for name, values in rungs.items()} for key, rungs in found.items()}
