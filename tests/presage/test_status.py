"""`presage status`: a search in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_finished_search_is_told_in_a_table(presage: Callable, begun: Callable, tmp_path: Path) -> None:
    begun(tmp_path)
    outcome = presage("status", tmp_path)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"{tmp_path}: finished; tiny:layers=2 by evolution"
    assert lines[4].split()[:4] == ["candidates", "60", "of", "60"]
    assert sum("2 of 2" in line for line in lines) == 1 + 2  # the short-list, and the epochs of each network
    assert f"Report: {tmp_path / 'report.html'}" in lines[-1]
    told = presage("status", tmp_path, "--json").json
    assert told["state"] == "finished"
    assert [one["status"] for one in told["networks"]] == ["finished", "finished"]


def test_a_stopped_search_ends_with_1_and_says_how_to_go_on(presage: Callable, begun: Callable, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path, stop=True)
    outcome = presage("status", tmp_path)
    assert outcome.code == 1
    assert "stopped" in outcome.out
    assert "1 of 2" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("It was stopped. Type the command that began it")


def test_what_is_no_run_is_wrong_input(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("status", tmp_path / "nowhere")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "`presage status` must hold a run that was begun" in outcome.err
