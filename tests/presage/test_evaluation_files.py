"""An evaluation as files: tables, numbers and plots, each of which can be read again."""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Callable
from pathlib import Path

from presage.report.evaluation_files import write_evaluation
from presage.surrogate.evaluation.appraisal import appraise
from presage.surrogate.evaluation.difficulty import DatasetDifficulty, DifficultyStudy
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.testing import synthetic_experience


def no_constant(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def test_every_table_and_plot_is_written(tmp_path: Path) -> None:
    difficulty = DifficultyStudy(
        tuple(DatasetDifficulty(f"d{n}", (n / 4, n / 4 + 0.05), 1.0, 9, n / 5, 3, n / 5, 4.0) for n in range(4))
    )
    shots = ShotPlan(counts=(4, 8), draws=1, least_scored=5)
    experience = synthetic_experience(4, 16)
    found = appraise(experience, [CostOnly(), DatasetMean()], difficulty=difficulty, shots=shots, folds=2)
    written = {path.name: path for path in write_evaluation(found, tmp_path / "made" / "here")}
    fields = json.loads(written["evaluation.json"].read_text(), parse_constant=no_constant)
    assert fields["predictor"] == "cost-only"
    assert {goal["met"] for goal in fields["goals"]} <= {"goal", "least", "missed", "unknown"}
    page = written["tables.md"].read_text()
    for table in found.tables():
        assert f"## {table.title}" in page
        rows = list(csv.reader(written[f"{table.name}.csv"].read_text().splitlines()))
        assert [tuple(row) for row in rows] == [table.heads, *table.rows]
    plots = ("predicted-against-trained", "tau-by-dataset", "intervals-by-dataset", "few-shot", "dcn")
    assert {name for name in written if name.endswith(".png")} == {f"{name}.png" for name in plots}
    for name in plots:
        head = written[f"{name}.png"].read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert 500 < width < 1200
        assert 150 < height < 1000
    again = {path.name: path.read_bytes() for path in write_evaluation(found, tmp_path / "again")}
    assert again == {name: path.read_bytes() for name, path in written.items()}  # the same numbers, the same files


def test_the_command_writes_them(presage: Callable, experienced: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--predictors", "dataset-mean", "--studies", "core", "--folds", "2", "--database", experienced)
    outcome = presage(*words, "--out", tmp_path / "out", "--json")
    assert outcome.code == 0
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == outcome.json
    assert str(tmp_path / "out") in outcome.err
    assert not (tmp_path / "out" / "few-shot.png").exists()
