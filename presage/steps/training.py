"""Full training of the networks that a user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.architectures import NamedArchitecture
    from presage.records import ExperimentRecord
    from presage.training import EpochRecord, ImageDataset, Recipe

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """One architecture's *trained* accuracy: validation after the last epoch, and test, computed once.

    Attributes:
        name: what the user called the architecture.
        hash: of its canonical form.
        status: `finished`, `diverged` or `out_of_memory`.
        accuracy: on the validation images, in [0, 1]; None unless finished.
        test_accuracy: on the test images; None unless finished.
        parameters, multiply_adds: of the network for one image of the recipe's size.
        seconds: of training.
        failure: one line; None when finished.
        reused: the same training (dataset, network, recipe, seed) was in the database and was not repeated.
    """

    name: str
    hash: str
    status: str
    accuracy: float | None
    test_accuracy: float | None
    parameters: int
    multiply_adds: int
    seconds: float
    failure: str | None
    reused: bool = False


def train(
    place: Workplace, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe
) -> list[Trained]:
    """Train each architecture fully; each result enters the database as soon as it is there.

    What the database knows of the same network, recipe and seed is given again, not trained again.
    """
    from presage.architectures import costs_of
    from presage.training import fit, prepare
    from presage.training.hardware import choose_device
    from presage.training.recording import dataset_record, experiment_entry, experiment_record

    data = prepare(dataset, recipe, choose_device(place.device))
    for named in architectures:
        costs_of(named, data.input_shape, data.classes)
    done: list[Trained] = []
    total = len(architectures) * recipe.epochs
    for number, named in enumerate(architectures):

        def tell(record: EpochRecord, before: int = number * recipe.epochs) -> None:
            place.step("train", before + record.epoch + 1, total)

        known = _finished(place, dataset, named, recipe)
        if known is not None:
            done.append(_trained(named, known, reused=True))
            place.step("train", (number + 1) * recipe.epochs, total)
            continue
        result = fit(named.architecture, data, recipe, seed=place.seed, on_epoch=tell)
        record = experiment_record(dataset.fingerprint, named.architecture, recipe, place.seed, result)
        with place.open() as database:
            database.add_experiments([experiment_entry(record, dataset_record(dataset), named.architecture, recipe)])
        done.append(_trained(named, record))
    return done


def _finished(
    place: Workplace, dataset: ImageDataset, named: NamedArchitecture, recipe: Recipe
) -> ExperimentRecord | None:
    """The very training that is about to begin, where it was finished before."""
    wanted = {"dataset": dataset.fingerprint, "architecture": named.architecture.hash, "recipe": recipe.hash}
    with place.open() as database:
        records = database.experiment_records(**wanted, status="finished")
    return next((record for record in records if record.seed == place.seed), None)


def _trained(named: NamedArchitecture, record: ExperimentRecord, *, reused: bool = False) -> Trained:
    return Trained(
        name=named.name,
        hash=named.architecture.hash,
        status=record.status,
        accuracy=record.accuracy,
        test_accuracy=record.test_accuracy,
        parameters=record.parameters,
        multiply_adds=record.multiply_adds,
        seconds=record.seconds,
        failure=record.failure,
        reused=reused,
    )
