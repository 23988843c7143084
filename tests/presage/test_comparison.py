"""Random networks beside the short-list: mean and best of both, in the terminal, the report and the JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from presage.commands.search import summary
from presage.comparison import comparison
from presage.report import write_report
from presage.search.result import BASELINE, SHORT_LIST, Chosen, RoundResult, SearchResult, Verified


def verified(role: str, accuracy: float | None) -> Verified:
    chosen = Chosen(
        hash=hashlib.sha256(f"{role} {accuracy}".encode()).hexdigest(), params={}, role=role, round_number=1,
        parameters=1, multiply_adds=1,
        activation_bytes=1, created_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return Verified(chosen, "finished" if accuracy else "diverged", accuracy, accuracy, (), 1.0, None)


def result(folder: Path, shortlist: list[float | None], baseline: list[float | None]) -> SearchResult:
    trained = tuple(verified(SHORT_LIST, one) for one in shortlist)
    settings: Mapping[str, Any] = {"objectives": ["accuracy"]}
    words = "16 px, 1,150 images, 12 epochs"
    return SearchResult(
        folder, "digits", "f", "a space of one's own", "evolution", settings,
        (RoundResult(1, "predicted-1", 5, 5, None, trained),),
        baseline=tuple(verified(BASELINE, one) for one in baseline), best=trained[0], recipe_words=words,
    )  # fmt: skip


def test_mean_and_best_by_hand() -> None:
    (line,) = comparison([0.9, 0.7, None], [0.5, 0.75])
    assert "2 short-listed networks, mean 0.8000, best 0.9000" in line
    assert "2 random networks of the same space, mean 0.6250, best 0.7500" in line
    assert comparison([0.9], []) == comparison([None], [0.5]) == []


def test_a_random_network_that_is_better_is_said_in_a_line_of_its_own() -> None:
    assert comparison([0.9931, 0.99], [0.9965, 0.1])[1:] == [
        "A random network is better than the best of the short-list: 0.9965 against 0.9931."
    ]
    assert len(comparison([0.9], [0.9])) == 1


@pytest.mark.parametrize("better", [True, False])
def test_terminal_report_and_json_tell_it(tmp_path: Path, better: bool) -> None:
    found = result(tmp_path, [0.9931, 0.98], [0.9965 if better else 0.97, 0.95, None])
    written = found.to_json()
    assert written["shortlist_best"] == 0.9931
    assert written["baseline_best"] == (0.9965 if better else 0.97)
    assert written["best"]["accuracy"] == 0.9931
    (tmp_path / "result.json").write_text(json.dumps(written))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert written["recipe_words"] == found.recipe_words
    for text in (summary(found), page):
        assert "Recipe: 16 px, 1,150 images, 12 epochs." in text
        assert f"best {0.9965 if better else 0.97:.4f}" in text
        assert ("A random network is better than the best of the short-list" in text) == better
    assert f"<b>{'0.997' if better else '0.970'}</b><span>best of 3 random networks" in page
