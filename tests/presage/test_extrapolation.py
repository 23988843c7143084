"""Predictions beyond the experience are said to extrapolate: by `predict` and by `search`, in every form of answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from presage.database import learned
from presage.session import Session
from presage.steps.extrapolation import LEAST, Extrapolation
from presage.training import Recipe


def test_notes_by_hand() -> None:
    assert Extrapolation(LEAST, 4_000_000).notes([4_000_000, 10]) == ()
    (few,) = Extrapolation(LEAST - 1, 4_000_000).notes([10])
    assert few == "Only 99 of the experience's networks were trained by this recipe: predictions extrapolate."
    (large,) = Extrapolation(LEAST, 4_000_000).notes([10, 4_000_001, 15_000_000])
    assert large == (
        "2 of 3 networks (up to 15M multiply-adds) are larger than any of the experience (4M): "
        "their predictions extrapolate."
    )


def test_what_waits_is_a_note() -> None:
    (note,) = Extrapolation(LEAST, 4_000_000, 12).notes([10])
    assert note == (
        "The predictor was not fitted to 12 of the newest experiments, of other tasks: they wait for the next fit "
        "(--refit fits it to all)."
    )


def test_what_waits_is_counted_for_a_dataset(experienced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "SMALL", 10)
    monkeypatch.setattr(learned, "GROWTH", 4)
    dataset = SimpleNamespace(fingerprint="new")
    session = Session(experienced)
    assert session.extrapolation(Recipe(), dataset).waiting == 7  # type: ignore[arg-type]
    assert Session(experienced, refit=True).extrapolation(Recipe(), dataset).waiting == 0  # type: ignore[arg-type]


def test_what_predictions_from_the_made_up_experience_rest_on(experienced: Path) -> None:
    session = Session(experienced)
    with session.open() as database:
        largest = max(record.multiply_adds for record in database.experiment_records())
    assert session.extrapolation(Recipe()) == Extrapolation(48, largest)
    assert session.extrapolation(Recipe(epochs=1)) == Extrapolation(0, largest)


def test_search_and_predict_say_it_in_words_report_and_json_and_a_second_call_says_the_same(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    fast = ("--epochs", 1, "--train-images", 40, "--predictor", "cost-only", "--database", experienced)
    words = (
        "search",
        shapes_npz,
        "--space",
        "nb201",
        "--candidates",
        20,
        "--shortlist",
        1,
        "--final",
        0,
        "--run",
        run,
        *fast,
    )
    none = "None of the experience's networks were trained by this recipe: predictions extrapolate."
    assert none in presage(*words, "--quiet").out
    assert "were trained by this recipe: predictions extrapolate." in (run / "report.html").read_text()
    assert presage(*words, "--json", "--quiet").json["notes"] == [none]  # though one has been trained meanwhile

    net = tmp_path / "net.jsonl"
    net.write_text(presage("sample", "nb201:cells=3,width=64").out)
    outcome = presage("predict", shapes_npz, net, *fast, "--json")
    few, large = outcome.json["notes"]
    assert few.startswith("Only 1 of the experience's networks")
    assert large.startswith("1 of 1 networks")
    assert f"presage: {few}\n" in outcome.err
    assert f"presage: {large}\n" in outcome.err
