"""Trainings side by side, as the roof asks for them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import presage
from presage.api import train as train_here
from presage.database import Database
from presage.errors import InvalidArgument
from presage.session import Session
from presage.side_by_side import told_workers
from presage.training import Recipe, executors, worker_sites
from presage.training.side_by_side import SideBySide
from presage.training.workers import Workers


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a search is asked for; none is run."""
    found: list[dict[str, Any]] = []

    def search(session: Session, dataset: object, **how: Any) -> None:
        found.append(how)
        raise InvalidArgument("dataset", "test", "be left alone", "digits")

    monkeypatch.setattr(Session, "search", search)
    return found


def test_the_command_trains_on_every_core_unless_told_otherwise(
    presage: Callable, asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    how = ["search", "digits", "--run", str(tmp_path / "run"), "--database", str(tmp_path / "x.duckdb")]
    presage(*how)
    presage(*how, "--workers", "3")
    presage(*how, "--workers", "1")
    beside = [each["beside"] for each in asked]
    assert isinstance(beside[1].executor, Workers)
    assert [one.slots for one in beside[1:]] == [3, 1]
    assert beside[2].executor is None


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_of_workers_is_refused_in_a_line(presage: Callable, wrong: str) -> None:
    outcome = presage("search", "digits", f"--workers={wrong}")
    assert outcome.code == 2
    assert "--workers" in outcome.err.splitlines()[-1]


def test_from_python_any_executor_is_taken(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    how: dict[str, Any] = {"run_folder": tmp_path / "run", "database": tmp_path / "x.duckdb"}

    def search(**more: Any) -> SideBySide | None:
        with pytest.raises(InvalidArgument, match="left alone"):
            presage.search("digits", **how, **more)
        found: SideBySide | None = asked[-1]["beside"]
        return found

    assert search() is None
    with ThreadPoolExecutor(2) as mine:
        beside = search(executor=mine, workers=2)
    assert beside is not None
    assert (beside.executor, beside.slots) == (mine, 2)
    with pytest.raises(InvalidArgument, match="The `workers` of"):
        presage.search("digits", **how, workers=0)


def empty(path: Path) -> Path:
    with Database.open(path, from_seed=False):
        return path


@pytest.fixture
def networks(presage: Callable, tmp_path: Path) -> Path:
    file = tmp_path / "networks.jsonl"
    file.write_text(presage("sample", "nb201:cells=1,width=4", "-n", 3).out)
    return file


def test_train_gives_the_same_in_processes_on_threads_and_in_turn(
    presage: Callable, shapes_npz: Path, networks: Path, tmp_path: Path
) -> None:
    def trained(name: str, *more: object) -> tuple[list[dict[str, Any]], str]:
        outcome = presage(
            "train", shapes_npz, networks, networks, "--epochs", 2, "--train-images", 40, "--image-side", 8,
            "--out", tmp_path / name, "--database", empty(tmp_path / f"{name}.duckdb"), "--json", *more,
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        assert not [*(tmp_path / f"{name}-cache" / "trainings").iterdir()]
        return outcome.json["trained"], outcome.err

    (two, told), (one, _) = trained("two", "--workers", "2"), trained("one", "--workers", "1")
    assert "networks at once" not in told  # nothing was chosen
    for row, other in zip(two, one, strict=True):
        assert row["accuracy"] == other["accuracy"]
        assert row["test_accuracy"] == other["test_accuracy"]
        assert Path(row["model"]).is_dir()
    assert [row["reused"] for row in two] == [False] * 3 + [True] * 3
    path = empty(tmp_path / "mine.duckdb")
    by = Recipe(epochs=2, train_images=40, image_side=8)
    with ThreadPoolExecutor(2) as mine:
        rows = train_here(
            str(shapes_npz), str(networks), recipe=by, database=path, executor=mine, workers=2, progress=False
        )
    assert [row.accuracy for row in rows] == [row["accuracy"] for row in one[:3]]


def test_auto_says_what_it_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 6)
    options = argparse.Namespace(workers="auto", device="cpu", quiet=False)
    with redirect_stderr(StringIO()) as told:
        told_workers(options, "presage train", 4)
        told_workers(options, "presage train", 1)
        told_workers(argparse.Namespace(workers=3, device="cpu", quiet=False), "presage train")
    assert told.getvalue() == "presage: 4 networks at once, each by one thread (--workers auto).\n"


@pytest.mark.parametrize("command", ["train", "populate"])
def test_other_commands_refuse_a_wrong_number_too(presage: Callable, command: str) -> None:
    outcome = presage(command, "digits", "chain", "--workers=none")
    assert outcome.code == 2
    assert "--workers" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("command", [("search", "digits"), ("train", "digits", "chain"), ("populate", "digits")])
def test_a_cluster_whose_library_is_not_installed_names_the_extra(
    presage: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(worker_sites, "find_spec", lambda name: None)
    networks = tmp_path / "networks.jsonl"
    networks.write_text(presage("sample", "nb201:cells=1,width=4", "-n", 1).out)
    words = [str(networks) if word == "chain" else word for word in command]
    outcome = presage(*words, "--workers", "ray", "--database", empty(tmp_path / "x.duckdb"))
    assert outcome.code == 2
    lacking = f"The `--workers ray` of `presage {command[0]}` needs ray, which is not installed."
    assert outcome.err.splitlines()[-1] == f"presage: {lacking} Type: pip install 'presage[ray]'"


def test_a_cluster_beside_an_executor_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_sites, "find_spec", lambda name: object())
    with ThreadPoolExecutor(1) as mine, pytest.raises(InvalidArgument, match="must be a number beside an executor"):
        presage.search("digits", run_folder=tmp_path / "run", workers="ray", executor=mine)
