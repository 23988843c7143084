"""`TextRecipe`: everything about a training on a text but the text, the cell, the seed and the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from presage.errors import InvalidArgument, UnknownName
from presage.training.recipe_fields import check_type, hash_of, with_floats

__all__ = ["OPTIMIZERS", "SCHEDULES", "TextRecipe"]

OPTIMIZERS = ("adamw", "sgd", "asgd")
"""`adamw` is decoupled Adam (1711.05101); `sgd` is plain; `asgd` is `sgd` whose weights are averaged from the epoch on
in which validation has not improved for `patience` epochs (non-monotonically triggered averaging, 1708.02182)."""

SCHEDULES = ("one_cycle", "constant")
"""As those of images: `presage.training.schedule`."""

FORMAT = "presage-text-recipe"
VERSION = 1


@dataclass(frozen=True)
class TextRecipe:
    """How a recurrent cell is trained on a text. Results are comparable where the hashes of their recipes are equal.

    Attributes:
        epochs: passes over the training text.
        batch: places of the text that are read side by side.
        sequence_length: symbols between two steps of the optimizer, through which errors are propagated back; the state
            is carried on (truncated back-propagation through time).
        parameters: learned numbers that the whole network may have; the width of the state is the largest that keeps
            within them, so that all cells are compared at equal size. None: `hidden` says the width.
        hidden: numbers of the state; 0 where `parameters` says it.
        embedding: numbers that stand for a symbol; 0: as many as the state has.
        tied: symbols are read and written by one matrix (1608.05859); needs `embedding` 0, or equal to the state.
        dropout: share of the input and of the output of the cell that is dropped, by one mask for a whole sequence.
        recurrent_dropout: the same of what the cell's matrices read within it (variational dropout, 1512.05287).
        optimizer: one of `OPTIMIZERS`.
        learning_rate: highest rate of the schedule.
        weight_decay: on weights of two axes.
        clip: largest 2-norm of the gradient of a step.
        schedule: one of `SCHEDULES`.
        warmup: share of all steps in which the rate rises.
        patience: epochs without improvement that begin the averaging of `asgd`.
        train_symbols: cap on the training text's symbols, from its beginning; None for all.
        validation_symbols: cap on those of the validation and of the test text, each from its beginning; None for all.
    """

    epochs: int = 8
    batch: int = 32
    sequence_length: int = 64
    parameters: int | None = 200_000
    hidden: int = 0
    embedding: int = 32
    tied: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 0.004
    weight_decay: float = 0.01
    clip: float = 1.0
    schedule: str = "one_cycle"
    warmup: float = 0.1
    patience: int = 5
    train_symbols: int | None = None
    validation_symbols: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            check_type("TextRecipe", field.name, str(field.type), getattr(self, field.name))
        least = {"epochs": 1, "batch": 1, "sequence_length": 2, "hidden": 0, "embedding": 0, "patience": 1}
        for name, smallest in least.items():
            self._check(name, f"be at least {smallest}", getattr(self, name) >= smallest)
        for name in ("parameters", "train_symbols", "validation_symbols"):
            value = getattr(self, name)
            self._check(name, "be at least 64, or None", value is None or value >= 64)
        if (self.parameters is None) == (self.hidden == 0):
            rule = "be given where `parameters` is not, and 0 where it is"
            raise InvalidArgument("hidden", "TextRecipe", rule, self.hidden)
        for name in ("learning_rate", "clip"):
            self._check(name, "be a positive number", 0 < getattr(self, name) < math.inf)
        self._check("weight_decay", "be at least 0", 0 <= self.weight_decay < math.inf)
        for name in ("dropout", "recurrent_dropout"):
            self._check(name, "be at least 0 and under 1", 0 <= getattr(self, name) < 1)
        self._check("warmup", "be within 0 and 1", 0 <= self.warmup <= 1)
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise UnknownName(name, getattr(self, name), known)
        if self.tied and self.embedding not in (0, self.hidden):
            raise InvalidArgument("tied", "TextRecipe", "have `embedding` 0, or `hidden`", self.embedding)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the recipe's JSON, 64 hex digits."""
        return hash_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The fields, with the format's name and version."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, value: object) -> TextRecipe:
        """The recipe that `to_json` wrote. Missing fields take their defaults.

        Raises:
            InvalidArgument: for another format, a newer version, or a value out of its range.
            UnknownName: for a field that no such recipe has; names the nearest.
        """
        if not isinstance(value, Mapping):
            raise InvalidArgument("value", "TextRecipe.from_json", "be an object of the fields of a recipe", value)
        given = dict(value)
        for name, known in (("format", FORMAT), ("version", VERSION)):
            if given.pop(name, known) != known:
                raise InvalidArgument(name, "TextRecipe.from_json", f"be {known!r}", value[name])
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise UnknownName("field of `TextRecipe`", str(name), names)
        return cls(**with_floats(given, fields(cls)))

    def _check(self, name: str, rule: str, holds: bool) -> None:
        if not holds:
            raise InvalidArgument(name, "TextRecipe", rule, getattr(self, name))
