"""What training knows, as records: by name, rounded, and put together with what an experiment names."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from presage.architecture.costs import Costs
from presage.architecture.spaces import get_space
from presage.errors import InvalidExperience
from presage.records import ExperimentRecord, entry_from_json, entry_to_json
from presage.records.testing import dataset_record as made_up_dataset
from presage.training import EpochRecord, ImageDataset, Recipe, TrainingResult
from presage.training.recording import architecture_record, dataset_record, experiment_entry, experiment_record

RECIPE = Recipe(epochs=2)
SPACE = get_space("nb201")
PARAMS = {parameter.name: parameter.choices[-1] for parameter in SPACE.parameters}
NETWORK = SPACE.decode(PARAMS)
RESULT = TrainingResult(
    status="finished",
    accuracy=0.12345678,
    test_accuracy=1 / 3,
    records=(
        EpochRecord(0, 2 / 3, 0.1, 1.0, 0.1, (), 0.5),
        EpochRecord(1, 1 / 3, 0.12345678, 1.0, 0.12345678, (0.1, 2 / 3), 0.5),
    ),
    depth_nodes=(1, 2),
    costs=Costs(10, 20, 30, 4),
    seconds=1.23456,
    device="a processor",
    precision="float32",
    versions={"torch": "1"},
    failure=None,
    module=None,
)


def test_a_result_becomes_a_record_rounded_to_what_the_database_keeps() -> None:
    record = experiment_record("f" * 64, NETWORK, RECIPE, 3, RESULT)
    values = {field.name: getattr(record, field.name) for field in fields(ExperimentRecord)}
    ended = datetime.fromisoformat(values.pop("created_at"))
    assert timedelta(0) <= datetime.now(UTC) - ended < timedelta(minutes=1)
    assert values == {
        "dataset": "f" * 64,
        "architecture": NETWORK.hash,
        "recipe": RECIPE.hash,
        "seed": 3,
        "status": "finished",
        "accuracy": 0.123457,
        "test_accuracy": 0.333333,
        "curve": (0.1, 0.123457),
        "train_losses": (0.666667, 0.333333),
        "depth_accuracies": (0.1, 0.666667),
        **asdict(Costs(10, 20, 30, 4)),
        "seconds": 1.235,
        "device": "a processor",
        "precision": "float32",
        "versions": {"torch": "1"},
        "failure": None,
        "balanced_accuracy": None,
        "test_balanced_accuracy": None,
        "source": None,
    }


def test_the_result_of_a_plain_module_is_no_experiment() -> None:
    with pytest.raises(InvalidExperience, match="lacks the field `parameters`"):
        experiment_record("f" * 64, NETWORK, RECIPE, 0, replace(RESULT, costs=None))


def test_a_number_that_is_none_is_no_result() -> None:
    with pytest.raises(InvalidExperience, match="`accuracy` of `experiment` must lie"):
        experiment_record("f" * 64, NETWORK, RECIPE, 0, replace(RESULT, accuracy=float("nan")))


def test_an_experiment_is_put_together_with_what_it_names(stripes: ImageDataset) -> None:
    dataset = dataset_record(stripes)
    record = experiment_record(dataset.fingerprint, NETWORK, RECIPE, 0, RESULT)
    entry = experiment_entry(record, dataset, NETWORK, RECIPE, "nb201", PARAMS)
    assert entry.architecture == architecture_record(NETWORK, "nb201", PARAMS)
    assert (entry.architecture.space, entry.architecture.params) == ("nb201", PARAMS)
    assert entry.recipe.json == RECIPE.to_json()
    assert entry_from_json(entry_to_json(entry)) == entry
    with pytest.raises(InvalidExperience, match="must be the fingerprint of the dataset beside it"):
        experiment_entry(record, made_up_dataset(), NETWORK, RECIPE)
    with pytest.raises(InvalidExperience, match="must be the hash of the recipe beside it"):
        experiment_entry(record, dataset, NETWORK, Recipe(epochs=3))


def test_a_dataset_is_recorded_with_how_many_images_it_has_to_validate_on(stripes: ImageDataset) -> None:
    assert dataset_record(stripes).validation_images is None
    own = dataset_record(replace(stripes, validation=np.arange(30)))
    assert (own.train_images, own.validation_images) == (180, 30)
    assert own.fingerprint != dataset_record(stripes).fingerprint
