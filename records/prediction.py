"""`PredictionRecord`: what was predicted before the truth was known."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records import rules as rule
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record

__all__ = ["PredictionRecord"]


@dataclass(frozen=True)
class PredictionRecord(Record):
    """What a predictor said of a network before it was trained: a value and an interval of nominal coverage `level`."""

    row, table = "prediction", "predictions"
    identified_by = ("dataset", "architecture", "recipe", "predictor", "created_at")
    references = (DatasetRecord, ArchitectureRecord, RecipeRecord)
    results = ("value", "lower", "upper", "level")
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
        self._check_references()
        rule.text("predictor", self.row, self.predictor)
        for name in ("value", "lower", "upper"):
            self._set(**{name: rule.number(name, self.row, getattr(self, name))})
        self._set(level=rule.number("level", self.row, self.level, 0.0, 1.0))
        if self.lower > self.upper:
            rule.refuse("lower", self.row, f"be at most `upper` ({self.upper})", self.lower)
        rule.time("created_at", self.row, self.created_at)
