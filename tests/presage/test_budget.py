"""`--budget` as a user meets it. Nothing here is timed: what is asked for fits an hour on any machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import presage as package
from presage.errors import InvalidArgument
from presage.output import clock, duration
from presage.steps import budgeting

FAST = ("--epochs", 1, "--train-images", 40, "--predictor", "cost-only")


@pytest.fixture
def words(shapes_npz: Path, experienced: Path, tmp_path: Path) -> tuple[object, ...]:
    recipe = tmp_path / "final.json"
    recipe.write_text(json.dumps({"epochs": 1, "train_images": None, "image_side": 8, "least_epoch_images": 1}))
    return (
        "search", shapes_npz, "--space", "nb201", "--candidates", 30, "--shortlist", 1, "--max-params", "60k",
        "--run", tmp_path / "run", "--database", experienced, "--final-recipe", recipe, "--no-tune", *FAST,
    )  # fmt: skip


def test_the_plan_is_told_before_and_kept_when_the_run_is_taken_up_again(
    presage: Callable, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = presage(*words, "--budget", "1h", "--json")
    assert outcome.code == 0
    told, result = outcome.json["plan"], outcome.json
    assert told["budget"] == 3600
    names = ["measure", "probe", "fit", "search", "short-list", "final", "finish"]
    assert [part["name"] for part in told["parts"]] == names
    assert (told["candidates"], told["shortlist"], told["trials"]) == (30, 1, 0)
    assert 1 < told["final_epochs"] <= 4  # there is time for more than the one epoch
    (final,) = result["final"]["trainings"]
    epochs = final["recipe"]["epochs"]  # more than planned where all before took less than was expected
    assert told["final_epochs"] <= epochs <= 4 * told["final_epochs"]
    assert "30 candidates" in outcome.err
    assert "of 1h 0m" in outcome.err
    assert json.loads((tmp_path / "run" / "plan.json").read_text()) == told
    again = presage(*words, "--budget", "1h", "--json", "--quiet").json
    assert again["final"] == result["final"]
    assert [one["verified"] for one in again["rounds"]] == [one["verified"] for one in result["rounds"]]
    without = presage(*words, "--json", "--quiet").json  # nor is the budget needed to see it again
    assert without["final"] == result["final"]
    assert "plan" not in without


def test_without_a_budget_it_is_told_how_long_it_will_take(presage: Callable, words: tuple[object, ...]) -> None:
    outcome = presage(*words, "--final", 0)
    assert outcome.code == 0
    assert "30 candidates" in outcome.err
    assert "in all" in outcome.err
    assert " of " not in outcome.err.partition("in all")[2].splitlines()[0]


def test_too_small_a_budget_is_refused_in_one_line_with_what_would_do(
    presage: Callable, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = presage(*words, "--budget", "1s", "--quiet")
    assert outcome.code == 2
    assert "must be at least" in outcome.err
    assert "Got '1s'" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_super_net_s_time_is_not_foretold(presage: Callable, words: tuple[object, ...]) -> None:
    outcome = presage(*words, "--budget", "1h", "--score", "supernet", "--quiet")
    assert outcome.code == 2
    assert "must be left out where a super-net is trained" in outcome.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2H", 7200), ("1m30s", 90), (" 5m ", 300)]
)
def test_times_are_read(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "1.5h", "-5m", "0s", "10x", "5m1h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="such as 90s, 10m or 1h30m"):
        duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0s"), (59.4, "59s"), (95, "1m 35s"), (5400, "1h 30m")])
def test_times_are_told_in_words(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("budget", [0, -3.0, True, float("inf"), "soon"])
def test_a_budget_that_is_none_is_refused_from_python_too(budget: object, shapes_npz: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"The `budget` of `presage\.search` must"):
        package.search(str(shapes_npz), budget=budget, final=0, run_folder=tmp_path / "run")  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "told"), [(1.0, 1.0), (0.25, 4.0)])
def test_what_others_take_of_the_machine_is_told_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, share: float, told: float
) -> None:
    """Of what comes last, the export and the report, only a process that is slowed by others takes longer."""
    used = 0.0

    class Clocks:
        @staticmethod
        def process_time() -> float:
            nonlocal used
            used += 0.01
            return used

        @staticmethod
        def monotonic() -> float:
            return used / share

    monkeypatch.setattr(budgeting, "time", Clocks)
    assert budgeting._crowding() == pytest.approx(told, rel=0.1)
