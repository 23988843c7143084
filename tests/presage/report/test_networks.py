"""Every network of a run has a row, with what the run folder holds of it; what it does not hold is said."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from presage.errors import InvalidArgument
from presage.files import write_json
from presage.report import write_report
from presage.report.contents import best_of
from presage.report.leaderboard import leaderboard
from presage.report.networks import NO_TIME, RANDOM, SHORT, ShownNetwork, networks_of
from presage.report.pictures import Pictures
from presage.search.final_result import FinalEnsemble
from presage.search.result import SearchResult
from presage.search.run.run_folder import RunFolder
from presage.search.testing import TinySpace
from presage.speakable import named
from presage.training.datasets.image_dataset import ImageDataset

SPACE = TinySpace(layers=3)


@pytest.fixture
def networks(told: SearchResult, trees: ImageDataset) -> list[ShownNetwork]:
    return networks_of(told, RunFolder(told.folder), SPACE, Pictures(trees))


def test_all_that_was_trained_or_short_listed_is_there_once_the_final_trainings_first(
    told: SearchResult, networks: list[ShownNetwork]
) -> None:
    assert told.final is not None
    assert [one.hash for one in networks[:2]] == [one.hash for one in told.final.trainings]
    assert [one.role for one in networks].count(SHORT) == 5
    assert [one.role for one in networks].count(RANDOM) == 2
    (left,) = [one for one in networks if one.state == NO_TIME]
    assert left.search is None
    trained = [one.search.accuracy for one in networks[2:] if one.search is not None]
    assert trained == sorted(trained, key=lambda accuracy: -(accuracy or 0.0))
    assert len({one.key for one in networks}) == len(networks) == 7


def test_a_judgement_is_of_the_training_it_stands_at(networks: list[ShownNetwork]) -> None:
    first = networks[0]
    assert first.final is not None
    assert first.search is not None
    test, validation = first.final.judgements
    assert (test.part, test.images, test.wrong) == ("test", 30, 2)
    assert (validation.part, validation.images, validation.wrong) == ("validation", 20, 2)
    assert first.search.judgements[0].wrong >= 4
    assert [one.image for one in test.mistakes] == ["test/tree & leaf 60.png", "test/tree & leaf 61.png"]
    assert test.mistakes[0].picture is not None
    assert test.mistakes[0].confidence == 0.95


def test_accuracies_by_the_two_recipes_stand_in_columns_of_their_own(networks: list[ShownNetwork]) -> None:
    board = leaderboard(networks, "8 px", "16 px", "")
    assert [group for group, _ in board.groups] == [
        "",
        "by the search's recipe: 8 px",
        "by the final recipe: 16 px",
        "",
    ]
    cells = {cell.column: cell for cell in board.rows[0][1]}
    assert (cells["final"].text, cells["final-test"].text) == ("0.910", "0.875")
    assert networks[0].search is not None
    assert cells["trained"].value == networks[0].search.accuracy
    assert "estimated" not in cells  # no network has a latency: no empty column
    left = next(cells for one, cells in board.rows if one.state)
    assert {cell.column: cell.text for cell in left}["trained"] == NO_TIME


def test_the_head_tells_what_lies_in_best_and_by_which_recipe(told: SearchResult, networks: list[ShownNetwork]) -> None:
    best = best_of(told, RunFolder(told.folder), networks)
    assert best is not None
    assert (best.accuracy, best.test_accuracy, best.recipe_words) == (0.91, 0.875, "8 px, up to 60 images, 6 epochs")
    assert best.is_final


def test_the_mean_of_networks_is_shown_as_what_it_is(told: SearchResult, tmp_path: Path) -> None:
    assert told.final is not None
    members = tuple(one.hash for one in told.final.trainings)
    mean = FinalEnsemble("e" * 64, members, 0.93, 0.885, 2468, 50_000_000)
    found = replace(told, final=replace(told.final, ensemble=mean, notes=(str(mean),)))
    networks = networks_of(found, RunFolder(told.folder), SPACE, Pictures(None))
    best = best_of(found, RunFolder(told.folder), networks)
    assert best is not None
    assert (best.accuracy, best.test_accuracy, best.mean) == (0.93, 0.885, mean)
    assert best.network.hash == members[0]
    assert [one.folder for one in networks[0].trainings if one.title == "By the final recipe"] != ["best"]
    copied = tmp_path / "run"
    shutil.copytree(told.folder, copied)
    write_json(copied / "result.json", found.to_json())
    write_report(copied, SPACE, None)
    page = (copied / "report.html").read_text(encoding="utf-8")
    assert "The mean of 2 networks" in page
    assert "50M" in page
    assert "for the best of these and for their mean" in page


def test_what_the_budget_cut_off_is_said_in_the_head(page: Path, networks: list[ShownNetwork]) -> None:
    text = page.read_text(encoding="utf-8")
    (left,) = [one for one in networks if one.state == NO_TIME]
    head = text[text.index('<section class="head">') : text.index('<section id="networks">')]
    assert f"The budget left no time to train 1 of the 7 networks that were chosen: {named(left.hash)}." in head


def test_the_report_of_an_older_run_says_what_is_not_at_hand(told: SearchResult, tmp_path: Path) -> None:
    old = tmp_path / "run"
    shutil.copytree(told.folder, old)
    for path in old.rglob("predictions.json"):
        path.unlink()
    text = write_report(old, SPACE).read_text(encoding="utf-8")
    assert "What it confuses is not at hand" in text
    assert "<h5>The worst mistakes</h5>" not in text


def test_without_the_dataset_mistakes_are_named_and_another_dataset_is_refused(
    told: SearchResult, trees: ImageDataset, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(told.folder, run)
    text = write_report(run, SPACE).read_text(encoding="utf-8")
    assert "test/tree & leaf 60.png" in unescape(text)
    assert "data:image/" not in text
    other = ImageDataset("others", trees.x_train, trees.y_train[::-1].copy(), trees.x_test, trees.y_test, trees.classes)
    with pytest.raises(InvalidArgument, match="dataset of the run"):
        write_report(run, SPACE, other)


def test_predictions_of_classes_that_are_none_are_refused_by_file(told: SearchResult, tmp_path: Path) -> None:
    from presage.errors import WrongInput

    run = tmp_path / "run"
    shutil.copytree(told.folder, run)
    path = next(run.rglob("predictions.json"))
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["test"]["predicted"][0] = 7
    path.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(WrongInput, match=r"predictions\.json"):
        write_report(run, SPACE)
