"""A prediction for an architecture file on a known dataset loads none of the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.probe import PROBE_VERSION
from presage.records.testing import probe_entry
from presage.session import Session
from presage.surrogate import get_predictor
from presage.surrogate.predictors.cache import cache_key, shipped
from presage.training import load_dataset
from presage.training.recording import dataset_record

HEAVY = ("torch", "sklearn", "scipy", "lightgbm", "optuna", "matplotlib", "PIL")


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    database, network = tmp_path / "experience.duckdb", tmp_path / "network.json"
    space = get_space("chain")
    (code,) = space.sample(1, np.random.default_rng(0))
    network.write_text(dumps(space.decode(space.params(code))))
    with Session(database).open() as opened:
        if not (shipped() / cache_key(get_predictor("ensemble"), opened.content_hash())).is_dir():
            pytest.skip("the shipped predictor is stale, as tests/presage/test_shipped_predictor.py says")
        opened.add_probes([probe_entry(dataset_record(load_dataset("digits")), version=PROBE_VERSION, dcn=0.96)])
    script = f"""
import sys
from presage.cli import main
code = main(["predict", "digits", {str(network)!r}, "--json", "--quiet", "--database", {str(database)!r}])
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stderr.strip() == "[]"
    (row,) = json.loads(found.stdout)["predictions"]
    assert row["lower"] < row["accuracy"] < row["upper"]
    assert not (tmp_path / "experience-cache").exists()
