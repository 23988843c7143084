"""The Python API: plain limits, progress, and what a search gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import presage
from presage.errors import InvalidArgument, UnknownName
from presage.search.result import SearchResult
from presage.session import Session
from presage.training.recipe import Recipe

QUICK = Recipe(epochs=1, train_images=40)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The settings that searches were asked for; nothing is searched."""
    found: list[Any] = []

    def note(session: Session, dataset: Any, **given: Any) -> SearchResult:
        session.progress("search", 1, 2)
        found.append(given["settings"])
        return SearchResult(given["run_folder"], "digits", "f", "chain", "evolution", {}, ())

    monkeypatch.setattr(Session, "search", note)
    return found


def test_limits_are_plain_arguments(asked: list[Any]) -> None:
    presage.search("digits", max_params=20_000, max_macs=10**6, max_memory=10**5, max_latency=2.5, progress=False)
    (settings,) = asked
    assert settings.limits.set == {
        "parameters": 20_000, "multiply_adds": 10**6, "activation_bytes": 10**5, "latency_seconds": 0.0025,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"max_params": 0}, "The `max_params` of `presage.search` must be a whole number of at least 1. Got 0."),
        ({"max_macs": 1.5}, "The `max_macs` of `presage.search` must be a whole number of at least 1. Got 1.5."),
        ({"max_params": True}, "must be a whole number of at least 1. Got True."),
        ({"max_latency": float("nan")}, "must be a number of milliseconds above 0. Got nan."),
    ],
)
def test_limits_that_are_none_are_refused_by_their_name(given: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        presage.search("digits", **given)
    assert line in str(error.value)


def test_limits_are_given_once_and_slips_are_told_their_names() -> None:
    from presage.search import Limits

    with pytest.raises(InvalidArgument, match=r"`max_params` of `presage\.search` must be left out beside `limits`"):
        presage.search("digits", max_params=1, limits=Limits(10))
    with pytest.raises(UnknownName, match="Did you mean `max_params`"):
        presage.search("digits", max_param=1)


def test_bars_are_drawn_unless_they_are_not_wanted(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, int, int | None]] = []
    presage.search("digits", progress=False)
    assert capsys.readouterr().err == ""
    presage.search("digits", progress=lambda *at: told.append(at))
    assert told[-1] == ("search", 1, 2)
    assert capsys.readouterr().err == ""
    presage.search("digits")
    out, err = capsys.readouterr()
    assert "search" in err
    assert out == ""
    assert err.endswith("\r")  # what took a moment leaves no line behind


def test_a_search_gives_back_a_network_that_classifies(shapes_npz: Path, experienced: Path, tmp_path: Path) -> None:
    found = presage.search(
        str(shapes_npz), space="nb201", candidates=20, shortlist=2, recipe=QUICK, final=0, predictor="cost-only",
        run_folder=tmp_path / "run", database=experienced, progress=False, max_params=200_000,
    )  # fmt: skip
    assert found.best is not None
    assert found.best.chosen.parameters <= 200_000
    with np.load(shapes_npz) as arrays:
        images, labels = arrays["x_test"], arrays["y_test"]
    classes = found.best.load().classes
    right = np.mean(np.array(found.best.predict(images)) == np.array(classes)[labels])
    assert right == pytest.approx(found.best.test_accuracy, abs=1e-6)
    assert found.best.predict_proba(images[:2]).shape == (2, 3)
    for one in found.verified:
        assert one.load().accuracy == pytest.approx(one.accuracy, abs=1e-6)
    assert found.report.exists()
    assert f"Report: {found.report}" in found._repr_html_()
    assert repr(found).startswith("SearchResult(shapes, nb201 by evolution: 20 candidates, 2 trained; best ")
