"""Files that are damaged or forged, of every format: each is read as it is, or refused by an error of presage's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.campaign import Campaign, faults
from tests.hostile.readers import READERS

FEW = {
    "run folder": 8, "report": 4, "image folder": 8, "predictor": 8,
    **dict.fromkeys(("shards", "Parquet", "Parquet, by columns", "foreign database", "foreign database, forged"), 4),
    "candidates, by columns": 8,
    **dict.fromkeys(("own database", "rows", "experience"), 4),
}  # fmt: skip
"""Inputs of readers that take long, a tenth of a second each; `make torture` tries many of all."""


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_an_error_of_presage_or_are_read(name: str, tmp_path: Path) -> None:
    campaign = Campaign(name, tmp_path)
    found = {seed: campaign.outcome(seed) for seed in range(FEW.get(name, 20))}
    assert not list(faults(found)), "\n".join(faults(found))
