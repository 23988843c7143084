"""Trainings side by side, as the roof asks for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import presage
from presage.errors import InvalidArgument
from presage.session import Session
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
