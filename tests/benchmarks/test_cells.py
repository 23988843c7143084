"""What `benchmarks/cells.py` measures is a line each, measured once."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import text_data


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "cells.py"
    spec = importlib.util.spec_from_file_location("benchmarks_cells", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    small = TextRecipe(epochs=1, batch=8, sequence_length=12, parameters=1500, embedding=8)
    monkeypatch.setattr(module, "FINAL", small)
    monkeypatch.setattr(module, "TEXT_PROBE_RECIPE", small)
    return module


def test_a_line_that_a_kill_cut_off_is_measured_again_and_no_other(cells: ModuleType, tmp_path: Path) -> None:
    measured = []

    def measure(value: int) -> dict[str, int]:
        measured.append(value)
        return {"value": value}

    for value in (1, 2):
        cells.Lines(tmp_path / "lines.jsonl").known_or({"of": value}, lambda value=value: measure(value))
    with (tmp_path / "lines.jsonl").open("a") as file:
        file.write('{"of": 3, "val')
    lines = cells.Lines(tmp_path / "lines.jsonl")
    found = [lines.known_or({"of": value}, lambda value=value: measure(10 * value))["value"] for value in (1, 2, 3)]
    assert found == [1, 2, 30]
    assert measured == [1, 2, 30]


def test_a_searched_cell_is_trained_by_seeds_that_did_not_choose_it(
    cells: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = random.Random(0)
    data = text_data("".join(numbers.choice(("sun ", "moon ", "rain\n")) for _ in range(400)), "sky.txt")
    lines = cells.Lines(tmp_path / "lines.jsonl")
    options = SimpleNamespace(space="rnn_darts:nodes=2", trainings=2, out=tmp_path, without=[])
    cell = cells.searched(lines, data, "random", options)
    (search,) = lines.rows
    assert search["value"] == min(search["values"])
    cells.final(lines, data, "random", cell, 2)
    assert [row["seed"] for row in lines.rows[1:]] == [1, 2]
    assert {row["cell"] for row in lines.rows[1:]} == {cell.hash}
    cells.report(lines, data)
    assert "2 of 2" in capsys.readouterr().out
