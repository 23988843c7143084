"""What only the roof can say of a row that asks to enter the database: it knows architectures, recipes and probes.

The database floor checks every value and reference by itself; here a row's claims are worked out anew.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import TYPE_CHECKING

from presage.errors import InvalidArchitecture, InvalidExperience, UnknownName, WrongInput

if TYPE_CHECKING:
    from presage.architecture.costs import Costs
    from presage.architecture.graph import Architecture
    from presage.records import Entry, ExperimentEntry, ProbeEntry, TextExperimentEntry

__all__ = ["check_architecture", "check_entry", "image_side"]

_ROUNDING = 1e-6  # rows keep six digits
_LARGEST = 100_000  # of a description, whose numbers are shares, logarithms, dimensions and pixel values


def check_architecture(text: str) -> None:
    """Refuse the JSON of what is no architecture, or not in canonical form: one network would have two hashes.

    Raises:
        InvalidArchitecture: says why.
    """
    from presage.architecture.serial import dumps

    try:
        architecture = _architecture(text)
    except InvalidArchitecture as error:  # without all the operations that are known: nobody typed this one
        raise InvalidArchitecture(str(error).partition(" Known: ")[0]) from None
    if dumps(architecture.canonical) != text:
        raise InvalidArchitecture(
            f"Its `json` must be in canonical form, whose hash is {architecture.hash[:12]}…: `Architecture.canonical`."
        )


def check_entry(entry: Entry) -> None:
    """Refuse a row whose recipe, costs, accuracy or DCN is not what it follows from.

    Raises:
        InvalidExperience: names the field, the rule and the value.
    """
    from presage.records import ExperimentEntry, ProbeEntry, TextExperimentEntry

    if isinstance(entry, ProbeEntry):
        _check_probe(entry)
        return
    if isinstance(entry, TextExperimentEntry):
        _check_text_experiment(entry)
        return
    recipe = entry.recipe
    try:
        side = image_side(recipe.text, recipe.hash)
    except UnknownName as error:  # without all the names that are known: nobody typed this one
        why = f"No {error.kind} is named `{error.name}`."
        raise InvalidExperience(f"The recipe {recipe.hash[:12]}… is none: {why}") from None
    except (WrongInput, TypeError, ValueError) as error:
        raise InvalidExperience(f"The recipe {recipe.hash[:12]}… is none: {error}") from None
    if isinstance(entry, ExperimentEntry):
        _check_experiment(entry, side)


def _check_experiment(entry: ExperimentEntry, side: int) -> None:
    experiment, dataset = entry.experiment, entry.dataset
    claimed = (experiment.parameters, experiment.multiply_adds, experiment.activation_bytes, experiment.depth)
    found = _costs(entry.architecture.text, (dataset.channels, side, side), dataset.classes)
    actual = (found.parameters, found.multiply_adds, found.activation_bytes, found.depth)
    for name, value, truth in zip(
        ("parameters", "multiply_adds", "activation_bytes", "depth"), claimed, actual, strict=True
    ):
        if value != truth:
            given = f"{dataset.channels} channels, {dataset.classes} classes and images of {side}x{side}"
            raise InvalidExperience(f"The `{name}` of `experiment` must be {truth:,} for {given}. Got {value:,}.")
    if experiment.curve and experiment.accuracy is not None:
        last = experiment.curve[-1]
        if abs(last - experiment.accuracy) > _ROUNDING:
            rule = f"be the last of its curve, {last:g}"
            raise InvalidExperience(f"The `accuracy` of `experiment` must {rule}. Got {experiment.accuracy:g}.")


def _check_probe(entry: ProbeEntry) -> None:
    from presage.probe import PROBE_VERSION, dcn
    from presage.probe.description import DESCRIPTION_NAMES

    probe, dataset = entry.probe, entry.dataset
    if probe.rung and abs(max(probe.curve, default=0.0) - probe.dcn) > _ROUNDING:
        rule = f"be the peak of its curve, {max(probe.curve, default=0.0):g}"
        raise InvalidExperience(f"The `dcn` of `probe` must {rule}. Got {probe.dcn:g}.")
    if probe.version != PROBE_VERSION:
        return
    if abs(dcn(probe.curve) - probe.dcn) > _ROUNDING:
        rule = f"be the DCN of its curve, {dcn(probe.curve):g}"
        raise InvalidExperience(f"The `dcn` of `probe` must {rule}. Got {probe.dcn:g}.")
    known = {"log_classes": math.log(dataset.classes), "log_images": math.log(dataset.train_images)}
    for name, value in probe.description.items():
        if name not in DESCRIPTION_NAMES:
            raise UnknownName("entry of a probe's `description`", name[:80], DESCRIPTION_NAMES)
        if abs(value) > _LARGEST or abs(value - known.get(name, value)) > 10 * _ROUNDING:
            rule = f"be {known[name]:g}" if name in known else f"be within ±{_LARGEST:,}"
            raise InvalidExperience(f"The `description.{name}` of `probe` must {rule}. Got {value:g}.")


def _check_text_experiment(entry: TextExperimentEntry) -> None:
    from presage.architecture.recurrent.serial import cell_from_json, dumps_cell
    from presage.training.text.language_model import model_parameters
    from presage.training.text.recipe import TextRecipe

    claimed, recipe = entry.text_experiment, entry.text_recipe
    try:
        cell = cell_from_json(dict(entry.cell.json))
        known = TextRecipe.from_json(dict(recipe.json))
    except WrongInput as error:
        raise InvalidExperience(str(error).partition(" Known: ")[0]) from None
    if dumps_cell(cell.canonical) != entry.cell.text:
        raise InvalidExperience(f"The `json` of `cell` must be in canonical form, whose hash is {cell.hash[:12]}….")
    if known.hash != recipe.hash:
        raise InvalidExperience(f"The hash of `text_recipe` must be {known.hash[:12]}…, as of all of its fields.")
    if claimed.hidden < 1 or claimed.embedding < 1:
        raise InvalidExperience("The `hidden` and `embedding` of `text_experiment` must be at least 1.")
    sizes = (claimed.hidden, claimed.embedding)
    truths = {
        "parameters": model_parameters(cell, entry.text.symbols, claimed.embedding, claimed.hidden, known.tied),
        "multiply_adds": cell.multiply_adds(*sizes),
        "depth": cell.depth,
    }
    for name, truth in truths.items():
        value = getattr(claimed, name)
        if value != truth:
            raise InvalidExperience(f"The `{name}` of `text_experiment` must be {truth:,}. Got {value:,}.")
    if claimed.curve and claimed.value is not None and abs(claimed.curve[-1] - claimed.value) > _ROUNDING:
        rule = f"be the last of its curve, {claimed.curve[-1]:g}"
        raise InvalidExperience(f"The `value` of `text_experiment` must {rule}. Got {claimed.value:g}.")


@lru_cache(maxsize=1024)
def image_side(text: str, digest: str) -> int:
    """Of the images of a recipe, by its JSON text and its hash, pixels.

    Raises:
        PresageError, TypeError, ValueError: it is no recipe that a network was trained by.
    """
    from presage.training import Recipe
    from presage.training.recipe import AUTO

    recipe = Recipe.from_json(json.loads(text))
    if AUTO in (recipe.batch, recipe.image_side):
        raise InvalidExperience("a training has a batch and a side in numbers, not `auto`.")
    if recipe.hash != digest:
        raise InvalidExperience(f"its hash must be {recipe.hash[:12]}…, as of all of its fields.")
    return recipe.image_side


@lru_cache(maxsize=16_384)
def _costs(text: str, input_shape: tuple[int, int, int], classes: int) -> Costs:
    from presage.architecture.costs import costs

    return costs(_architecture(text), input_shape, classes)


@lru_cache(maxsize=1024)
def _architecture(text: str) -> Architecture:
    from presage.architecture.serial import loads

    return loads(text)
