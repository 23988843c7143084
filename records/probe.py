"""`ProbeRecord`: one run of the probe net, which gives a dataset its difficulty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from presage.records import rules as rule
from presage.records.dataset import DatasetRecord
from presage.records.record import Record

__all__ = ["RUNG", "ProbeRecord"]

RUNG = "/"
"""Stands in the version of a rung, between that of its probe and its name."""


@dataclass(frozen=True)
class ProbeRecord(Record):
    """One run of the probe net on a dataset: its DCN, with curve (e,) and the dataset's cheap numeric description.

    A rung of the probe ladder is one too, of a version of its own: the probe's, a slash, and the rung's name. Its DCN
    is the peak of its curve, and its description says what it was trained with.
    """

    row, table = "probe", "probes"
    identified_by = ("dataset", "version", "seed")
    references = (DatasetRecord,)
    results = ("dcn", "curve")
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

    @property
    def rung(self) -> str:
        """Name of the rung of the probe ladder that this is; "" for a probe."""
        return self.version.partition(RUNG)[2]

    def __post_init__(self) -> None:
        row = self.row
        self._check_references()
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
