"""The report's section about the dataset: what more of it would bring, and what is wrong with its images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from presage.errors import WrongInput
from presage.probe.inspection.issue import Inspection, Issue
from presage.report import write_report
from presage.report.difficulty import difficulty_of, issues_of
from presage.report.pictures import Pictures
from presage.search.result import SearchResult
from presage.search.testing import TinySpace
from presage.training.datasets.image_dataset import ImageDataset

OUTLOOK = [
    {"words": "twice the images", "points": 6.0, "lower": -4.0, "upper": 14.0, "level": 0.9},
    {"words": "32 px for 16", "points": 2.0, "lower": 1.0, "upper": 3.0, "level": 0.9},
]
CARD = {
    "name": "trees", "dcn": 0.5, "spread": None, "chance": 1 / 3, "classes": 3, "seed_dcns": [0.5], "confused": [],
    "known_dcns": {"digits": 0.98}, "nearest": [], "outlook": OUTLOOK,
    "noise": {
        "share": 0.1, "examined": 20,
        "suspects": [{"image": 7, "label": 1, "looks_like": 0, "confidence": 0.8, "label_name": "a beech",
                      "looks_like_name": "an oak", "file": "train/tree & leaf 7.png"}],
    },
}  # fmt: skip


@pytest.fixture
def run(told: SearchResult, tmp_path: Path) -> Path:
    """A copy of the run, with a difficulty card."""
    shutil.copytree(told.folder, tmp_path / "run")
    (tmp_path / "run" / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    return tmp_path / "run"


def _issue(dataset: ImageDataset) -> Inspection:
    one = Issue("blurred", "train", 4, "train/tree & leaf 4.png", "a beech", "less sharp than all others")
    return Inspection(dataset.name, dataset.fingerprint, 60, 30, (one,))


def test_gains_lie_along_a_bar_that_holds_them_and_zero(trees: ImageDataset) -> None:
    found = difficulty_of(CARD, Pictures(trees))
    first, second = found.gains
    assert first.start < first.zero < first.at < first.end
    assert second.zero < second.start < second.at < second.end
    assert first.zero == second.zero
    assert 0 <= first.start < first.end <= 220
    per_point = (first.end - first.start) / 18
    assert second.at - second.zero == pytest.approx(2 * per_point, abs=0.2)
    (suspect,) = found.suspects
    assert (suspect.image, suspect.label, suspect.looks_like) == ("train/tree & leaf 7.png", "a beech", "an oak")
    assert suspect.picture is not None


def test_a_card_of_an_earlier_version_says_less() -> None:
    old = {name: value for name, value in CARD.items() if name not in ("outlook", "noise")}
    found = difficulty_of(old, Pictures(None))
    assert (found.gains, found.suspects) == ((), ())


def test_gains_and_doubted_labels_are_on_the_page(run: Path, trees: ImageDataset) -> None:
    text = write_report(run, TinySpace(layers=3), trees).read_text(encoding="utf-8")
    assert "+6 points <small>(-4 to +14)</small>" in text
    assert "labelled <b>a beech</b>, looks like <b>an oak</b>" in text
    assert "train/tree &amp; leaf 7.png" in text
    assert "What is wrong with the data was not examined" in text


def test_what_an_inspection_found_is_shown_with_its_pictures(run: Path, trees: ImageDataset) -> None:
    found = _issue(trees)
    assert issues_of(found, Pictures(trees))["blurred"][0].picture is not None
    (run / "inspection.json").write_text(json.dumps(found.to_json()), encoding="utf-8")
    text = write_report(run, TinySpace(layers=3), trees).read_text(encoding="utf-8")
    assert "less sharp than all others" in text
    assert "train/tree &amp; leaf 4.png" in text
    assert "was not examined" not in text


def test_an_inspection_that_is_damaged_is_named(run: Path) -> None:
    (run / "inspection.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WrongInput, match=r"inspection\.json is damaged"):
        write_report(run, TinySpace(layers=3))
