"""`ExperimentRecord`: one training and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from presage.records import rules as rule
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record, joined_digest

__all__ = ["DIVERGED", "FINISHED", "OUT_OF_MEMORY", "PRUNED", "STATUSES", "ExperimentRecord", "experiment_id"]

FINISHED, DIVERGED, OUT_OF_MEMORY, PRUNED = "finished", "diverged", "out_of_memory", "pruned"
STATUSES = (FINISHED, DIVERGED, OUT_OF_MEMORY, PRUNED)
"""How a training can end. Only `finished` has an accuracy."""


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
        balanced_accuracy: mean over the classes of trained accuracy on validation images; None where classes are about
            equally frequent, and in experience of before it was computed.
        test_balanced_accuracy: the same on test images.
        source: where it was taken from, of one that presage did not train; None for one that it did.
    """

    row, table = "experiment", "experiments"
    identified_by = ("dataset", "architecture", "recipe", "seed")
    references = (DatasetRecord, ArchitectureRecord, RecipeRecord)
    results = (
        "status", "accuracy", "test_accuracy", "curve", "train_losses", "depth_accuracies",
        "parameters", "multiply_adds", "activation_bytes", "depth",
        "balanced_accuracy", "test_balanced_accuracy",
    )  # fmt: skip
    objects = frozenset({"versions"})
    later = frozenset({"balanced_accuracy", "test_balanced_accuracy", "source"})
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
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        row = self.row
        self._check_references()
        if self.status not in STATUSES:
            rule.refuse("status", row, f"be one of {', '.join(STATUSES)}", self.status)
        finished = not self.failed
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
        for name in ("balanced_accuracy", "test_balanced_accuracy"):
            self._set(**{name: rule.accuracy(name, row, getattr(self, name), optional=True)})
        for name in ("accuracy", "test_accuracy", "balanced_accuracy", "test_balanced_accuracy"):
            if not finished and getattr(self, name) is not None:
                rule.refuse(name, row, f"be null where the status is {self.status}", getattr(self, name))
        if self.curve and self.train_losses and len(self.curve) != len(self.train_losses):
            rule.refuse("train_losses", row, f"be as long as the curve ({len(self.curve)})", len(self.train_losses))
        rule.text("device", row, self.device)
        rule.text("precision", row, self.precision)
        rule.text("failure", row, self.failure, optional=True, empty=True)
        rule.json_text("versions", row, rule.mapping("versions", row, self.versions))
        rule.time("created_at", row, self.created_at)
        rule.text("source", row, self.source, optional=True)

    @property
    def failed(self) -> bool:
        """Whether it did not finish."""
        return self.status != FINISHED


def experiment_id(dataset: str, architecture: str, recipe: str, seed: int) -> str:
    """Identity of an experiment: SHA-256 of the four joined by ``/``, 64 hex digits."""
    return joined_digest(dataset, architecture, recipe, seed)
