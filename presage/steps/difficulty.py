"""How hard a dataset is: probes, the difficulty card, and what the database knows of datasets alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.progress import OnStage

if TYPE_CHECKING:
    from presage.database import Database
    from presage.probe import DifficultyCard, KnownDataset, ProbeRun
    from presage.records import ProbeRecord
    from presage.training import EpochRecord, ImageDataset

__all__ = [
    "SEEDS",
    "add_probes",
    "is_probed",
    "keep_card",
    "kept_card",
    "known_datasets",
    "recall",
    "run_probes",
]

SEEDS = 3
"""Probes of a dataset that no probe is known of."""


def run_probes(dataset: ImageDataset, seeds: int, *, seed: int, device: str, progress: OnStage) -> Sequence[ProbeRun]:
    """Probe the dataset with seeds `seed`, `seed` + 1, …"""
    from presage.probe import PROBE_RECIPE, run_probe

    runs = []
    for number in range(seeds):

        def tell(record: EpochRecord, before: int = number * PROBE_RECIPE.epochs) -> None:
            progress("probe", before + record.epoch + 1, seeds * PROBE_RECIPE.epochs)

        runs.append(run_probe(dataset, seed=seed + number, device=device, on_epoch=tell))
    return runs


def add_probes(database: Database, dataset: ImageDataset, runs: Sequence[ProbeRun]) -> None:
    """Store what probes found.

    A seed that was probed before keeps its stored DCN: on another processor, or a GPU, the last digits differ.
    """
    from presage.probe import PROBE_VERSION, probe_entry

    stored = {run.seed for run in database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION)}
    fresh = [run for run in runs if run.seed not in stored]
    database.add_probes(probe_entry(run, dataset) for run in fresh)


def is_probed(database: Database, dataset: ImageDataset) -> bool:
    """Whether the database has a probe of the dataset, by this version of the probe."""
    from presage.probe import PROBE_VERSION

    return bool(database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION))


def known_datasets(database: Database) -> list[KnownDataset]:
    """Every probed dataset of the database, for a card's neighbours."""
    from presage.probe import PROBE_VERSION, KnownDataset

    runs: dict[str, list[ProbeRecord]] = {}
    for run in database.probes(version=PROBE_VERSION):
        runs.setdefault(run.dataset, []).append(run)
    return [
        KnownDataset(
            record.name,
            sum(run.dcn for run in runs[record.fingerprint]) / len(runs[record.fingerprint]),
            runs[record.fingerprint][0].description,
            record.fingerprint,
            PROBE_VERSION,
        )
        for record in database.datasets()
        if record.fingerprint in runs
    ]


def kept_card(run_folder: Path, dataset: ImageDataset) -> str | None:
    """The text of the difficulty card that the run folder keeps; None where it keeps none.

    Raises:
        InvalidArgument: it is the card of another dataset.
    """
    path = run_folder / "card.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept.get("fingerprint") == dataset.fingerprint:
        return str(kept["text"])
    rule = f"hold no run on another dataset (`{kept.get('name')}`)"
    raise InvalidArgument("--run", "presage search", rule, str(run_folder), "Name another folder.")


def keep_card(
    run_folder: Path, card: DifficultyCard, stored: Sequence[ProbeRecord], known: Sequence[KnownDataset]
) -> None:
    """Write ``card.json``: the card, and what the report draws: DCNs of each seed, as stored, and of other datasets."""
    from presage.files import replacing

    seeds = [run.dcn for run in stored if run.seed in card.seeds]
    others = {item.name: item.dcn for item in known if item.fingerprint != card.fingerprint}
    content = {**card.to_json(), "seed_dcns": seeds, "known_dcns": others, "text": card.text()}
    with replacing(run_folder / "card.json") as draft:
        draft.write_text(json.dumps(content), encoding="utf-8")


def recall(database: Database, dataset: ImageDataset) -> str:
    """What the database holds of datasets of like difficulty, in one line."""
    from presage.probe import PROBE_VERSION

    dcn = database.difficulties(PROBE_VERSION)[dataset.fingerprint]
    return database.similar(dcn, exclude=[dataset.fingerprint], version=PROBE_VERSION).note
