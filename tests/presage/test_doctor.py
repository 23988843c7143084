"""`presage doctor`: what is well, what is not, and that looking changes nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from presage.steps import checkup as looked_at


@pytest.fixture(autouse=True)
def no_own_predictor(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The seed is read once here, by the test that is about it."""
    if "shipped" not in request.node.name:
        monkeypatch.setattr(looked_at, "_predictor", lambda name: looked_at.PredictorState("key", holds=True))


def test_a_sound_installation_ends_with_0_and_counts_what_is_in_the_database(
    presage: Callable, experienced: Path
) -> None:
    before = experienced.read_bytes()
    outcome = presage("doctor", "--database", experienced, "--device", "cpu")
    assert outcome.code == 0, outcome.out
    lines = outcome.out.splitlines()
    (torch,) = (line.split() for line in lines if line.startswith("torch "))
    assert torch[1] == metadata.version("torch")
    assert f"database   {experienced}: opens, 48 experiments on 4 datasets" in lines
    assert lines[-1] == "All is well."
    begins = [line.index(word) for word in ("cpu", "float32") for line in lines if line[11:].startswith(word)]
    assert begins == [11, 11]
    assert experienced.read_bytes() == before


def test_as_json_it_is_one_object(presage: Callable, experienced: Path) -> None:
    told = presage("doctor", "--json", "--database", experienced, "--device", "cpu").json
    assert told["sound"] is True
    assert told["problems"] == []
    assert {"python", "torch", "torchvision", "duckdb", "optuna", "lightgbm", "scikit-learn"} <= {
        one["name"] for one in told["packages"]
    }
    assert told["machine"]["device"] == "cpu"
    assert told["machine"]["precision"].startswith("float32")
    assert told["database"]["experiments"] == 48


def test_what_is_missing_or_too_old_is_a_problem_and_what_an_extra_lacks_is_none(
    presage: Callable, experienced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"torch": "1.13.0", "optuna": None, "timm": None}
    real = looked_at._version
    monkeypatch.setattr(looked_at, "_version", lambda name: installed[name] if name in installed else real(name))
    outcome = presage("doctor", "--database", experienced)
    assert outcome.code == 1
    assert "Problem: torch >=2.11 is needed, and 1.13.0 is installed. Type: pip install 'torch>=2.11'" in outcome.out
    assert "is needed, and none is installed. Type: pip install 'optuna" in outcome.out
    assert sum(line.startswith("Problem: ") for line in outcome.out.splitlines()) == 2
    (timm,) = (line for line in outcome.out.splitlines() if line.startswith("timm "))
    assert timm.split("  ")[-1].strip().startswith("networks of timm")
    assert "pip install 'presage[timm]'" in timm


def test_a_database_that_is_none_is_a_problem_and_one_not_made_yet_is_not(presage: Callable, tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no database " * 2000)
    broken = presage("doctor", "--database", tmp_path / "text.duckdb")
    assert broken.code == 1
    assert "does not open" in broken.out
    nowhere = presage("doctor", "--database", tmp_path / "none" / "new.duckdb")
    assert nowhere.code == 1
    new = presage("doctor", "--database", tmp_path / "new.duckdb", "--json")
    assert new.code == 0
    assert new.json["database"]["state"] == "not made yet"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.duckdb"]


def test_a_device_that_is_not_here_is_a_problem(
    presage: Callable, experienced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = presage("doctor", "--database", experienced, "--device", "cuda")
    assert outcome.code == 1
    assert "Use auto or cpu." in outcome.out.splitlines()[-1]


def test_a_shipped_predictor_that_is_gone_is_a_note(
    presage: Callable, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.surrogate.predictors.cache.shipped", lambda: tmp_path / "gone")
    outcome = presage("doctor", "--database", experienced)
    assert outcome.code == 0
    assert "The shipped predictor is not there: the first prediction fits one, once." in outcome.out


def test_extras_that_are_explained_are_extras() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(looked_at.FOR) == set(project["optional-dependencies"])


def test_declaring_the_command_loads_nothing_heavy() -> None:
    code = "import sys, presage.commands.doctor; print({'torch', 'duckdb', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
