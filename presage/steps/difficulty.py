"""How hard a dataset is: probes, the difficulty card, and what the database knows of datasets alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument, TrainingFailure
from presage.progress import OnStage

if TYPE_CHECKING:
    from presage.database import Database
    from presage.probe import DifficultyCard, KnownDataset, Outlook, ProbeRun, Rung, RungRun
    from presage.records import ProbeRecord
    from presage.training import EpochRecord, ImageDataset

__all__ = [
    "SEEDS",
    "add_probes",
    "add_rungs",
    "climb_ladder",
    "climbed",
    "is_probed",
    "keep_card",
    "kept_card",
    "known_datasets",
    "outlook",
    "recall",
    "run_probes",
]

SEEDS = 3
"""Probes of a dataset that no probe is known of."""


def run_probes(dataset: ImageDataset, seeds: int, *, seed: int, device: str, progress: OnStage) -> Sequence[ProbeRun]:
    """Probe the dataset with seeds `seed`, `seed` + 1, …"""
    from presage.probe import PROBE_RECIPE, run_probe

    runs: list[ProbeRun] = []
    for number in range(seeds):

        def tell(record: EpochRecord, before: int = number * PROBE_RECIPE.epochs) -> None:
            progress("probe", before + record.epoch + 1, seeds * PROBE_RECIPE.epochs)

        known = runs[0].description if runs else None
        runs.append(run_probe(dataset, seed=seed + number, device=device, on_epoch=tell, description=known))
    return runs


def add_probes(database: Database, dataset: ImageDataset, runs: Sequence[ProbeRun]) -> None:
    """Store what probes found.

    A seed that was probed before keeps its stored DCN: on another processor, or a GPU, the last digits differ.
    """
    from presage.probe import PROBE_VERSION, probe_entry

    stored = {run.seed for run in database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION)}
    fresh = [run for run in runs if run.seed not in stored]
    database.add_probes(probe_entry(run, dataset) for run in fresh)


def probed(
    opened: Callable[[], Database],
    dataset: ImageDataset,
    runs: Sequence[ProbeRun],
    climb: Callable[[ImageDataset, Collection[str]], Sequence[RungRun]] | None,
    run_folder: Path | None,
) -> DifficultyCard:
    """Store probes, climb what the database lacks of the ladder, store that, and make the card of it all.

    Args:
        opened: opens the database, which is let go of while the ladder is climbed.
        climb: given the dataset and the rungs that are stored, trains the others; None leaves the ladder as it is.
        run_folder: where the card is kept; None keeps none.
    """
    from presage.probe import PROBE_VERSION, difficulty_card

    with opened() as database:
        add_probes(database, dataset, runs)
        done = climbed(database, dataset)
    rungs = climb(dataset, done) if climb is not None else ()
    with opened() as database:
        add_rungs(database, dataset, rungs)
        stored = database.probes(dataset=dataset.fingerprint, version=PROBE_VERSION)
        known = known_datasets(database)
        expected = outlook(database, dataset)
    card = difficulty_card(runs, known, outlook=expected, ladder_seconds=sum(rung.seconds for rung in rungs))
    if run_folder is not None:
        keep_card(run_folder, card, stored, known)
    return card


def climb_ladder(
    dataset: ImageDataset, done: Collection[str] = (), *, seed: int, device: str, progress: OnStage
) -> Sequence[RungRun]:
    """Train the probe net at the rungs that are not `done`; where one cannot be trained, the ladder ends below it."""
    from presage.probe.ladder import RUNGS, climb, rung_recipe
    from presage.training.recording import dataset_record

    record = dataset_record(dataset)
    recipes = {rung.name: rung_recipe(rung, record) for rung in RUNGS if rung.name not in done}
    epochs = {name: recipe.epochs for name, recipe in recipes.items() if recipe is not None}
    passed = 0

    def tell(rung: Rung, record: EpochRecord) -> None:
        nonlocal passed
        passed += 1
        progress("probe ladder", passed, sum(epochs.values()))

    runs: list[RungRun] = []
    with suppress(TrainingFailure):
        runs.extend(climb(dataset, seed=seed, device=device, done=done, on_epoch=tell))
    return runs


def add_rungs(database: Database, dataset: ImageDataset, runs: Sequence[RungRun]) -> None:
    """Store rungs of the ladder that are not stored yet."""
    from presage.probe import rung_entry

    known = climbed(database, dataset)
    database.add_probes(rung_entry(run, dataset) for run in runs if run.rung.name not in known)


def climbed(database: Database, dataset: ImageDataset) -> set[str]:
    """Names of the rungs of the dataset's ladder that the database holds, by this version of the probe."""
    from presage.probe.ladder import RUNGS

    names = {rung.version: rung.name for rung in RUNGS}
    return {names[run.version] for run in database.probes(dataset=dataset.fingerprint) if run.version in names}


def outlook(database: Database, dataset: ImageDataset) -> tuple[Outlook, ...]:
    """What more images, larger ones and longer training would bring; nothing where no ladder tells or nothing is known.

    It is said of a network as good as the mean of those that the shipped recipe would train on the dataset.
    """
    from presage.database import SampledDatabase
    from presage.errors import InvalidExperience
    from presage.probe import PROBE_RECIPE, PROBE_VERSION, Outlook
    from presage.surrogate import load_experience
    from presage.surrogate.data.loading import task_of
    from presage.surrogate.predictors.outlook import OutlookModel, more
    from presage.training import Recipe

    rungs = climbed(database, dataset)
    if not rungs:
        return ()
    try:
        experience = load_experience(SampledDatabase(database), probe_version=PROBE_VERSION)
    except InvalidExperience:  # no experience is no error: there are cards before there are experiments
        return ()
    recipe = Recipe()
    model = OutlookModel().fit(experience)
    usual = model.usual(task_of(database, dataset.fingerprint, recipe.to_json(), recipe.hash, PROBE_VERSION))
    side = max(dataset.shape[1:]) > PROBE_RECIPE.image_side
    found = []
    for change, task in more(usual):
        words = {
            "images": "twice the images",
            "side": f"{task.image_side} px for {usual.image_side}",
            "epochs": f"{task.epochs} epochs for {usual.epochs}",
        }
        if change != "side" or side:  # enlarging small images adds nothing to them
            said = model.bring(usual, task)
            points = (100 * said.value, 100 * said.lower, 100 * said.upper)
            found.append(Outlook(change, words[change], *points, said.level))
    return tuple(found)


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
    from presage.reading import read_as

    found = read_as(run_folder / "card.json", lambda kept: tuple(str(kept[n]) for n in ("fingerprint", "name", "text")))
    if found is None:
        return None
    fingerprint, name, text = found
    if fingerprint == dataset.fingerprint:
        return text
    rule = f"hold no run on another dataset (`{name}`)"
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
