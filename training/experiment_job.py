"""An experiment of a campaign as a message: what any executor runs, in this process, in another, or on a machine that
shares the disk; and on one that does not, where `images` go with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presage.architecture.serial import from_json
from presage.errors import InvalidArgument
from presage.training.fitting import fit
from presage.training.hardware import choose_device, one_thread
from presage.training.job import ONE_AT_A_TIME
from presage.training.prepared import PreparedData
from presage.training.recipe import Recipe
from presage.training.recording import experiment_record

__all__ = ["run_experiment"]

_prepared: dict[tuple[str, str | None], PreparedData] = {}


def run_experiment(message: Mapping[str, Any]) -> dict[str, Any]:
    """Train by one thread, and give the experiment (`ExperimentRecord.to_json`).

    Args:
        message: `dataset`, as `load_dataset` takes it; its `fingerprint`; `architecture` and `recipe` as JSON; `seed`;
            `device`; `cache`, the folder of decoded images, or None; and `images`, a folder that
            `presage.training.saved_images` wrote, read in place of the dataset, or None. What was prepared stays for
            the next.

    Raises:
        InvalidArgument: the dataset is no longer what it was.
    """
    key = message["device"], message["cache"]
    with ONE_AT_A_TIME, one_thread():
        if key not in _prepared:
            cache = None if message["cache"] is None else Path(message["cache"])
            _prepared[key] = PreparedData(choose_device(message["device"]), cache=cache)
        recipe = Recipe.from_json(message["recipe"])
        data = _prepared[key](message["dataset"], recipe, images=message.get("images"))
        if data.fingerprint != message["fingerprint"]:
            raise InvalidArgument("dataset", "campaign", "not change while it runs", message["dataset"])
        architecture = from_json(message["architecture"])
        result = fit(architecture, data, recipe, seed=message["seed"])
        return experiment_record(data.fingerprint, architecture, recipe, message["seed"], result).to_json()
