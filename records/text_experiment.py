"""`TextExperimentRecord`: one training of a recurrent cell on a text, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from presage.records import rules as rule
from presage.records.cell import CellRecord
from presage.records.experiment import FINISHED, STATUSES
from presage.records.record import Record
from presage.records.text import TextRecord
from presage.records.text_recipe import TextRecipeRecord

__all__ = ["TEXT_METRICS", "TextExperimentRecord"]

TEXT_METRICS = ("bits_per_character", "perplexity")
"""What a value may be of; the lower the better. None of them is an accuracy."""


@dataclass(frozen=True)
class TextExperimentRecord(Record):
    """One training: a cell on a text by a recipe and a seed.

    Attributes:
        text: its fingerprint.
        cell: its hash.
        text_recipe: its hash.
        seed: of weights and masks.
        metric: one of `TEXT_METRICS`, of all values here.
        status: one of `STATUSES`.
        value: on the validation text after the last epoch; None unless finished.
        test_value: on the test text; None where not computed.
        curve: on the validation text by epoch, (e,).
        train_losses: mean training loss by epoch, (e,), nats a symbol.
        parameters: learned numbers of the network.
        hidden: numbers of a state.
        embedding: numbers that stand for a symbol.
        multiply_adds: of the cell, for one symbol.
        depth: most matrices on a path through a step.
        seconds: wall-clock.
        device: hardware it ran on.
        versions: of the libraries.
        failure: why it did not finish.
        created_at: when it ended, ISO 8601 in UTC.
    """

    row, table = "text_experiment", "text_experiments"
    identified_by = ("text", "cell", "text_recipe", "seed")
    references = (TextRecord, CellRecord, TextRecipeRecord)
    results = (
        "metric", "status", "value", "test_value", "curve", "train_losses", "parameters", "hidden", "embedding",
        "multiply_adds", "depth",
    )  # fmt: skip
    objects = frozenset({"versions"})
    text: str
    cell: str
    text_recipe: str
    seed: int
    metric: str
    status: str
    value: float | None
    test_value: float | None
    curve: tuple[float, ...]
    train_losses: tuple[float, ...]
    parameters: int
    hidden: int
    embedding: int
    multiply_adds: int
    depth: int
    seconds: float
    device: str
    versions: Mapping[str, Any] = field(hash=False)
    failure: str | None
    created_at: str

    def __post_init__(self) -> None:
        row = self.row
        self._check_references()
        for name, known in (("metric", TEXT_METRICS), ("status", STATUSES)):
            if getattr(self, name) not in known:
                rule.refuse(name, row, f"be one of {', '.join(known)}", getattr(self, name))
        finished = not self.failed
        self._set(
            value=rule.number("value", row, self.value, least=0.0, optional=not finished),
            test_value=rule.number("test_value", row, self.test_value, least=0.0, optional=True),
            curve=rule.numbers("curve", row, self.curve, least=0.0),
            train_losses=rule.numbers("train_losses", row, self.train_losses),
            seconds=rule.number("seconds", row, self.seconds, least=0.0),
        )
        for name in ("seed", "parameters", "hidden", "embedding", "multiply_adds", "depth"):
            self._set(**{name: rule.count(name, row, getattr(self, name))})
        for name in ("value", "test_value"):
            if not finished and getattr(self, name) is not None:
                rule.refuse(name, row, f"be null where the status is {self.status}", getattr(self, name))
        if self.curve and self.train_losses and len(self.curve) != len(self.train_losses):
            rule.refuse("train_losses", row, f"be as long as the curve ({len(self.curve)})", len(self.train_losses))
        rule.text("device", row, self.device)
        rule.text("failure", row, self.failure, optional=True, empty=True)
        rule.json_text("versions", row, rule.mapping("versions", row, self.versions))
        rule.time("created_at", row, self.created_at)

    @property
    def failed(self) -> bool:
        """Whether it did not finish."""
        return self.status != FINISHED
