"""The records of a search and their JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presage.errors import InvalidModel, WrongInput
from presage.search.final_result import FinalResult, FinalTraining
from presage.search.result import BASELINE, SHORT_LIST, Chosen, KnownNetwork, RoundResult, SearchResult, Verified
from presage.speakable import named

LATER = {"shortlist_best", "baseline_best", "score", "latency", "supernet", "notes", "recipe_words"}
"""Keys of a search's result that the first versions did not write."""


def verified(role: str, accuracy: float | None, **changes: Any) -> Verified:
    fields: dict[str, Any] = {
        "hash": hashlib.sha256(f"{role}{accuracy}".encode()).hexdigest(),
        "params": {"width": 8}, "role": role, "round_number": 1, "parameters": 10,
        "multiply_adds": 20, "activation_bytes": 30, "created_at": "2026-01-01T00:00:00+00:00", **changes,
    }  # fmt: skip
    curve = () if accuracy is None else (0.1, accuracy)
    failure = "The loss became nan." if accuracy is None else None
    return Verified(Chosen(**fields), "finished" if accuracy else "diverged", accuracy, accuracy, curve, 1.5, failure)


def result(folder: Path) -> SearchResult:
    best = verified(SHORT_LIST, 0.9, predicted=0.8, lower=0.7, upper=1.0, level=0.9, trial=3)
    known = KnownNetwork("e" * 64, {"width": 4}, None, 0.75)
    return SearchResult(
        folder, "digits", "f", "tiny", "random", {"objectives": ["accuracy"]},
        (RoundResult(1, "predicted-1", 5, 4, 0.8, (best, verified(SHORT_LIST, None)), (known,), 0.8),),
        baseline=(verified(BASELINE, 0.5, score=1.5, score_name="proxy:naswot"),), best=best, seconds=2.0,
        latency="off by 10%", supernet="told", notes=("one", "two"), recipe_words="16 px, 12 epochs",
    )  # fmt: skip


def test_a_result_comes_back_from_its_json_as_it_was(tmp_path: Path) -> None:
    found = result(tmp_path)
    assert SearchResult.from_json(json.loads(json.dumps(found.to_json())), tmp_path) == found
    assert SearchResult.from_json({**found.to_json(), "best": None}, tmp_path).best is None


def test_a_result_of_the_first_versions_is_read(tmp_path: Path) -> None:
    old = {name: value for name, value in result(tmp_path).to_json().items() if name not in LATER}
    for round_ in old["rounds"]:
        del round_["best_score"], round_["known"]
    for one in [*(one for round_ in old["rounds"] for one in round_["verified"]), *old["baseline"], old["best"]]:
        for name in ("score", "score_name", "latency_seconds", "measured_latency_seconds"):
            del one["chosen"][name]
    found = SearchResult.from_json(old, tmp_path)
    assert (found.score, found.latency, found.supernet, found.notes) == ("predicted accuracy", None, None, ())
    assert found.recipe_words == ""
    asked = {**old["settings"], "recipe": {"epochs": 3, "flip": True}}
    named = SearchResult.from_json({**old, "settings": asked}, tmp_path)
    assert named.recipe_words == "16 px, up to 2,000 images, 3 epochs, mirrored"
    assert found.rounds[0].known == ()
    assert found.verified[0].chosen.score_name == "predicted"
    assert (found.shortlist_best, found.baseline_best) == (0.9, 0.5)


@pytest.mark.parametrize("value", [[], {}, {"format": "presage-run", "version": 1}, {"format": "presage-search"}])
def test_what_is_no_result_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(WrongInput, match="not that of a search"):
        SearchResult.from_json(value, tmp_path)


@pytest.mark.parametrize("change", [{"rounds": None}, {"rounds": [{}]}, {"baseline": [1]}, {"best": {"chosen": {}}}])
def test_a_damaged_result_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(WrongInput, match="damaged"):
        SearchResult.from_json({**result(tmp_path).to_json(), **change}, tmp_path)


def test_results_say_in_a_line_what_they_are(tmp_path: Path) -> None:
    found = result(tmp_path)
    assert repr(found) == (
        f"SearchResult(digits, tiny by random: 5 candidates, 1 trained; best {named(found.best.chosen.hash)}, "
        f"trained 0.900; {tmp_path})"
    )
    assert repr(found.verified[0]).endswith(": predicted 0.800 (0.700 to 1.000), trained 0.900)")
    assert repr(found.verified[1]).endswith(": predicted none, diverged)")
    assert repr(found.baseline[0].chosen).endswith(": proxy:naswot 1.5, 10 parameters)")
    assert repr(found.rounds[0]) == "RoundResult(1: 5 candidates, 1 trained)"
    assert "no network trained to its end" in repr(replace(found, best=None))


def test_a_notebook_shows_the_leaderboard_and_the_notes(tmp_path: Path) -> None:
    page = replace(result(tmp_path), dataset="<img src=x>", notes=("<b>one</b>",))._repr_html_()
    assert "<img" not in page
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert page.count("<tr>") == 1 + 3
    assert page.count("<svg") == 1  # one has an interval
    assert "90% interval" in page
    assert "diverged" in page


def test_a_frame_has_a_row_for_each_trained_network_the_best_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.database.frames.find_spec", lambda name: None)
    frame = result(tmp_path).to_frame()
    columns = ("role", "status", "predicted", "accuracy", "score", "parameters")
    assert frame.select(*columns).fetchall() == [
        (SHORT_LIST, "finished", 0.8, 0.9, None, 10),
        (BASELINE, "finished", None, 0.5, 1.5, 10),
        (SHORT_LIST, "diverged", None, None, None, 10),
    ]


def test_the_best_classifies_by_what_the_search_left_and_others_by_their_own_weights(tmp_path: Path) -> None:
    found = result(tmp_path)
    assert found.best is not None
    assert found.best.model == tmp_path / "best"
    finished, diverged = found.verified
    assert finished.model == tmp_path / "networks" / finished.chosen.hash[:16]
    assert found.best == finished  # where weights lie makes no other network of it
    with pytest.raises(InvalidModel, match="has left no weights: diverged"):
        diverged.predict([])
    assert "model" not in found.to_json()["best"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["32 px, all images, 9 epochs"], "32 px, all images, 9 epochs"),
        (["32 px, 5 images, 9 epochs, mirrored"] * 2, "32 px, 5 images, 9 epochs, mirrored"),
        (["32 px, 1 epoch", "32 px, 12 epochs", "32 px, 7 epochs"], "32 px, 1 to 12 epochs"),
        (["32 px, 9 epochs", "16 px, 9 epochs"], "32 px, 9 epochs; 16 px, 9 epochs"),
        (["32 px, 9 epochs", "32 px, 8 epochs, mirrored"], "32 px, 9 epochs; 32 px, 8 epochs, mirrored"),
    ],
)
def test_recipes_that_differ_in_epochs_alone_are_said_as_one(words: list[str], said: str) -> None:
    trainings = [
        FinalTraining("a" * 64, {}, {}, one, (), "finished", 0.5, None, None, (), 1.0, 0.0, 1, 1, None) for one in words
    ]
    assert FinalResult(tuple(trainings)).recipe_words == said
