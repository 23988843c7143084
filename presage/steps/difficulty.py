"""How hard a dataset is: probes, the difficulty card, and what the database knows of datasets alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.database import Database
    from presage.probe import DifficultyCard, KnownDataset
    from presage.records import ProbeRecord
    from presage.training import EpochRecord, ImageDataset

__all__ = ["SEEDS", "card", "ensure_probed", "probe", "recall"]

SEEDS = 3
"""Probes of a dataset that no probe is known of."""


def probe(place: Workplace, dataset: ImageDataset, seeds: int = SEEDS) -> DifficultyCard:
    """Probe the dataset with seeds `seed`, `seed` + 1, …; the DCNs enter the database.

    A seed that was probed before keeps its stored DCN: on another processor, or a GPU, the last digits differ.
    """
    from presage.probe import PROBE_RECIPE, PROBE_VERSION, difficulty_card, probe_entry, run_probe

    if seeds < 1:
        raise InvalidArgument("seeds", "probe", "be at least 1", seeds)
    place.check_database()
    runs = []
    for number in range(seeds):

        def tell(record: EpochRecord, before: int = number * PROBE_RECIPE.epochs) -> None:
            place.step("probe", before + record.epoch + 1, seeds * PROBE_RECIPE.epochs)

        runs.append(run_probe(dataset, seed=place.seed + number, device=place.device, on_epoch=tell))
    with place.open() as database:
        stored = {run.seed for run in database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION)}
        fresh = [run for run in runs if run.seed not in stored]
        database.add_probes(probe_entry(run, dataset) for run in fresh)
        known = _known(database)
    return difficulty_card(runs, known)


def ensure_probed(place: Workplace, dataset: ImageDataset, seeds: int = SEEDS) -> int:
    """Probe the dataset unless the database has a probe of it; gives the number of probes run."""
    from presage.probe import PROBE_VERSION

    with place.open() as database:
        known = bool(database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION))
    if known:
        return 0
    probe(place, dataset, seeds)
    return seeds


def card(place: Workplace, dataset: ImageDataset, run_folder: Path) -> str:
    """The difficulty card as text; probes the dataset unless the run folder keeps its card already.

    ``card.json`` has, beside the card, the DCN of each seed and of every known dataset: what the report draws.

    Raises:
        InvalidArgument: the run folder keeps the card of another dataset.
    """
    from presage.files import replacing

    path = run_folder / "card.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("fingerprint") == dataset.fingerprint:
            return str(kept["text"])
        rule = f"hold no run on another dataset (`{kept.get('name')}`)"
        raise InvalidArgument("--run", "presage search", rule, str(run_folder), "Name another folder.")
    found = probe(place, dataset)
    with place.open() as database:
        runs = database.probes(dataset=found.fingerprint, version=found.version)
        known = {item.name: item.dcn for item in _known(database) if item.fingerprint != found.fingerprint}
    seeds = [run.dcn for run in runs if run.seed in found.seeds]
    content = {**found.to_json(), "seed_dcns": seeds, "known_dcns": known, "text": found.text()}
    with replacing(path) as draft:
        draft.write_text(json.dumps(content), encoding="utf-8")
    return found.text()


def recall(place: Workplace, dataset: ImageDataset) -> str:
    """What the database holds of datasets of like difficulty, in one line."""
    from presage.probe import PROBE_VERSION

    with place.open() as database:
        dcn = database.difficulties(PROBE_VERSION)[dataset.fingerprint]
        found = database.similar(dcn, exclude=[dataset.fingerprint], version=PROBE_VERSION)
    return found.note


def _known(database: Database) -> list[KnownDataset]:
    """Every probed dataset of the database, for the card's neighbours."""
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
