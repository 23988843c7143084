"""Rows of the database as frozen records. A record that exists obeys every rule that one row alone can obey.

The same fields, in the same order, are the columns of the tables, of the Parquet files and of the shards' objects.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Self

from presage.database import validation as rule
from presage.errors import InvalidExperience

__all__ = [
    "STATUSES",
    "ArchitectureRecord",
    "DatasetRecord",
    "ExperimentRecord",
    "PredictionRecord",
    "ProbeRecord",
    "RecipeRecord",
    "Record",
    "experiment_id",
]

STATUSES = ("finished", "diverged", "out_of_memory", "pruned")
"""How a training can end. Only `finished` has an accuracy."""


@dataclass(frozen=True)
class Record:
    """Shared manners: strict reading from an object, and the row as its table's columns.

    Raises:
        InvalidExperience: from every constructor, for a value that breaks a rule.
    """

    row: ClassVar[str]
    table: ClassVar[str]
    key: ClassVar[str]  # the table's primary key
    objects: ClassVar[frozenset[str]] = frozenset()  # fields that are JSON objects outside, text in the table

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The record an object holds. Every field must be there and none other; an unknown one names the nearest."""
        given = rule.mapping(cls.row, "line", value)
        names = [f.name for f in fields(cls)]
        for name in given:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                guess = f" Did you mean `{near[0]}`?" if near else ""
                raise InvalidExperience(f"`{cls.row}` has no field `{name}`.{guess} Known: {', '.join(names)}.")
        missing = [name for name in names if name not in given]
        if missing:
            raise InvalidExperience(f"`{cls.row}` lacks the field `{missing[0]}`. It needs: {', '.join(names)}.")
        return cls(**given)

    @classmethod
    def column_names(cls) -> list[str]:
        """The table's columns, but for `id`."""
        return [f.name for f in fields(cls)]

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """The record of a table's row, its `id` left out; object columns arrive as JSON text."""
        given = dict(values)
        for name in cls.objects & given.keys():
            given[name] = _parsed(name, cls.row, given[name])
        return cls.from_json(given)

    def to_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers: what `from_json` reads."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        }

    def to_columns(self) -> dict[str, Any]:
        """The row as its table has it: objects as JSON text, `id` first where the table has one."""
        plain = self.to_json()
        for name in self.objects:
            if plain[name] is not None:
                plain[name] = getattr(self, "text", "") if name == "json" else rule.canonical(plain[name])
        return {"id": self.identity, **plain} if self.key == "id" else plain

    @property
    def identity(self) -> str:
        """Value of the primary key."""
        return str(getattr(self, self.key))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class DatasetRecord(Record):
    """A labelled image dataset, known by the `fingerprint` of its content. Sizes in pixels."""

    row, table, key = "dataset", "datasets", "fingerprint"
    fingerprint: str
    name: str
    classes: int
    channels: int
    height: int
    width: int
    train_images: int
    test_images: int

    def __post_init__(self) -> None:
        rule.digest("fingerprint", self.row, self.fingerprint)
        rule.text("name", self.row, self.name)
        least = {"classes": 2, "test_images": 0}
        for name in ("classes", "channels", "height", "width", "train_images", "test_images"):
            self._set(**{name: rule.count(name, self.row, getattr(self, name), least.get(name, 1))})


@dataclass(frozen=True)
class ArchitectureRecord(Record):
    """A network in canonical form. `json` is its object; `space` and `params` say where it was sampled, if it was."""

    row, table, key = "architecture", "architectures", "hash"
    objects = frozenset({"json", "params"})
    hash: str
    json: Mapping[str, Any] = field(hash=False)
    space: str | None = None
    params: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        rule.digest("hash", self.row, self.hash)
        rule.text("json", self.row, self.text)
        rule.text("space", self.row, self.space, optional=True)
        if self.params is not None:
            rule.json_text("params", self.row, rule.mapping("params", self.row, self.params))

    @cached_property
    def text(self) -> str:
        """The object as the one line of JSON that `hash` is the SHA-256 of."""
        return rule.hashed_text(self.row, self.hash, self.json)


@dataclass(frozen=True)
class RecipeRecord(Record):
    """How networks are trained. `json` is the recipe's object."""

    row, table, key = "recipe", "recipes", "hash"
    objects = frozenset({"json"})
    hash: str
    json: Mapping[str, Any] = field(hash=False)

    def __post_init__(self) -> None:
        rule.digest("hash", self.row, self.hash)
        rule.text("json", self.row, self.text)

    @cached_property
    def text(self) -> str:
        """The object as the one line of JSON that `hash` is the SHA-256 of."""
        return rule.hashed_text(self.row, self.hash, self.json)


@dataclass(frozen=True)
class ExperimentRecord(Record):
    """One training: a network on a dataset by a recipe and a seed.

    Attributes:
        dataset: its fingerprint.
        architecture: its hash.
        recipe: its hash.
        seed: of weights and batches.
        status: one of `STATUSES`.
        accuracy: trained accuracy on validation images after the last epoch; None unless finished.
        test_accuracy: trained accuracy on test images; None where not computed.
        curve: validation accuracy by epoch, (e,).
        train_losses: mean training loss by epoch, (e,).
        depth_accuracies: validation accuracy read out at each prefix, input to output.
        parameters: trainable weights.
        multiply_adds: of one image.
        activation_bytes: peak of live float32 activations for one image.
        depth: most weighted layers on a path.
        seconds: wall-clock.
        device: hardware it ran on.
        precision: arithmetic used.
        versions: of the libraries.
        failure: why it did not finish.
        created_at: when it ended, ISO 8601 in UTC.
    """

    row, table, key = "experiment", "experiments", "id"
    objects = frozenset({"versions"})
    dataset: str
    architecture: str
    recipe: str
    seed: int
    status: str
    accuracy: float | None
    test_accuracy: float | None
    curve: tuple[float, ...]
    train_losses: tuple[float, ...]
    depth_accuracies: tuple[float, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int
    depth: int
    seconds: float
    device: str
    precision: str
    versions: Mapping[str, Any] = field(hash=False)
    failure: str | None
    created_at: str

    def __post_init__(self) -> None:
        row = self.row
        for name in ("dataset", "architecture", "recipe"):
            rule.digest(name, row, getattr(self, name))
        if self.status not in STATUSES:
            rule.refuse("status", row, f"be one of {', '.join(STATUSES)}", self.status)
        finished = self.status == "finished"
        self._set(
            accuracy=rule.accuracy("accuracy", row, self.accuracy, optional=not finished),
            test_accuracy=rule.accuracy("test_accuracy", row, self.test_accuracy, optional=True),
            curve=rule.accuracies("curve", row, self.curve),
            train_losses=rule.numbers("train_losses", row, self.train_losses),
            depth_accuracies=rule.accuracies("depth_accuracies", row, self.depth_accuracies),
            seconds=rule.number("seconds", row, self.seconds, least=0.0),
        )
        for name in ("seed", "parameters", "multiply_adds", "activation_bytes", "depth"):
            self._set(**{name: rule.count(name, row, getattr(self, name))})
        for name in ("accuracy", "test_accuracy"):
            if not finished and getattr(self, name) is not None:
                rule.refuse(name, row, f"be null where the status is {self.status}", getattr(self, name))
        if self.curve and self.train_losses and len(self.curve) != len(self.train_losses):
            rule.refuse("train_losses", row, f"be as long as the curve ({len(self.curve)})", len(self.train_losses))
        rule.text("device", row, self.device)
        rule.text("precision", row, self.precision)
        rule.text("failure", row, self.failure, optional=True, empty=True)
        rule.json_text("versions", row, rule.mapping("versions", row, self.versions))
        rule.time("created_at", row, self.created_at)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of dataset/architecture/recipe/seed."""
        return experiment_id(self.dataset, self.architecture, self.recipe, self.seed)

    @property
    def result(self) -> tuple[object, ...]:
        """What a second report of the same experiment must repeat; time and hardware may differ."""
        seen = (self.status, self.accuracy, self.test_accuracy, self.curve, self.train_losses, self.depth_accuracies)
        return (*seen, self.parameters, self.multiply_adds, self.activation_bytes, self.depth)


@dataclass(frozen=True)
class ProbeRecord(Record):
    """One run of the probe net on a dataset: its DCN, with curve (e,) and the dataset's cheap numeric description."""

    row, table, key = "probe", "probes", "id"
    objects = frozenset({"versions", "description"})
    dataset: str
    version: str
    seed: int
    dcn: float
    curve: tuple[float, ...]
    seconds: float
    device: str
    versions: Mapping[str, Any] = field(hash=False)
    description: Mapping[str, float] = field(hash=False)
    created_at: str

    def __post_init__(self) -> None:
        row = self.row
        rule.digest("dataset", row, self.dataset)
        rule.text("version", row, self.version)
        rule.text("device", row, self.device)
        description = rule.mapping("description", row, self.description)
        self._set(
            seed=rule.count("seed", row, self.seed),
            dcn=rule.accuracy("dcn", row, self.dcn),
            curve=rule.accuracies("curve", row, self.curve),
            seconds=rule.number("seconds", row, self.seconds, least=0.0),
            description={name: rule.number(f"description.{name}", row, v) for name, v in description.items()},
        )
        rule.json_text("versions", row, rule.mapping("versions", row, self.versions))
        rule.time("created_at", row, self.created_at)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of dataset/version/seed."""
        return _joined(self.dataset, self.version, self.seed)

    @property
    def result(self) -> tuple[object, ...]:
        """What a second report of the same probe must repeat."""
        return (self.dcn, self.curve)


@dataclass(frozen=True)
class PredictionRecord(Record):
    """What a predictor said of a network before it was trained: a value and an interval of nominal coverage `level`."""

    row, table, key = "prediction", "predictions", "id"
    dataset: str
    architecture: str
    recipe: str
    predictor: str
    value: float
    lower: float
    upper: float
    level: float
    created_at: str

    def __post_init__(self) -> None:
        for name in ("dataset", "architecture", "recipe"):
            rule.digest(name, self.row, getattr(self, name))
        rule.text("predictor", self.row, self.predictor)
        for name in ("value", "lower", "upper"):
            self._set(**{name: rule.number(name, self.row, getattr(self, name))})
        self._set(level=rule.number("level", self.row, self.level, 0.0, 1.0))
        if self.lower > self.upper:
            rule.refuse("lower", self.row, f"be at most `upper` ({self.upper})", self.lower)
        rule.time("created_at", self.row, self.created_at)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of dataset/architecture/recipe/predictor/created_at."""
        return _joined(self.dataset, self.architecture, self.recipe, self.predictor, self.created_at)

    @property
    def result(self) -> tuple[object, ...]:
        """What a second report of the same prediction must repeat."""
        return (self.value, self.lower, self.upper, self.level)


def experiment_id(dataset: str, architecture: str, recipe: str, seed: int) -> str:
    """Identity of an experiment: SHA-256 of the four joined by ``/``, 64 hex digits."""
    return _joined(dataset, architecture, recipe, seed)


def _joined(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def _parsed(name: str, row: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        rule.refuse(name, row, "be JSON", value)
