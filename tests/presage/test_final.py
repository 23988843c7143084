"""The final training as a user meets it: on the command line, in the report, as Python, and refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import presage as package
from presage.database import Database
from presage.errors import UnknownName
from presage.recipes import final_recipe
from presage.report import write_report
from presage.training import Recipe
from presage.training.datasets.image_dataset import ImageDataset

FAST = ("--epochs", 1, "--train-images", 40, "--predictor", "cost-only", "--quiet")


@pytest.fixture
def dataset() -> ImageDataset:
    images = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 1), dtype=np.uint8)
    return ImageDataset("figures", images, np.arange(12) % 3, images, np.arange(12) % 3, ("a", "b", "c"))


def test_a_search_ends_with_a_model_by_the_final_recipe(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    run, recipe = tmp_path / "run", tmp_path / "final.json"
    recipe.write_text(json.dumps({"epochs": 30, "train_images": None, "image_side": 10, "least_epoch_images": 1}))
    words = (
        "search", shapes_npz, "--space", "nb201", "--candidates", 40, "--shortlist", 1, "--max-params", "60k",
        "--run", run, "--database", experienced, "--final-recipe", recipe, "--no-tune", *FAST,
    )  # fmt: skip
    result = presage(*words, "--json").json
    (final,) = result["final"]["trainings"]
    assert result["final"]["best"] == final["hash"] == result["best"]["chosen"]["hash"]
    assert final["recipe_words"] == "10 px, 96 images, 30 epochs"
    assert result["recipe_words"] == "16 px, 40 images, 1 epoch"
    assert final["trials"] == []
    model = package.load(run / "best")
    assert (model.recipe.epochs, model.input_shape) == (30, (1, 10, 10))
    assert model.accuracy == pytest.approx(final["accuracy"], abs=1e-6)
    with Database.open(experienced) as database:
        assert database.experiment_records(recipe=Recipe.from_json(final["recipe"]).hash)
    told = presage("search", "--config", run / "options.toml").out  # kept there, and asks for the same
    assert "Final training: 10 px, 96 images, 30 epochs." in told
    assert "Recipe: 16 px, 40 images, 1 epoch." in told
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h3>The final training</h3>" in page
    assert "accuracy after the final training (validation): 10 px, 96 images, 30 epochs" in page
    assert final["hash"][:8] in page
    head = page[page.index('<section class="head">') : page.index("</section>")]
    assert f"<b>{final['accuracy']:.3f}</b>" in head  # what best/ holds; the other is told in words, with its recipe
    assert f"(16 px, 40 images, 1 epoch), by which it came to {result['best']['accuracy']:.3f}" in head
    before = {name: value for name, value in result.items() if name != "final"}
    (run / "result.json").write_text(json.dumps(before))  # as an earlier version left it
    assert "The final training" not in write_report(run).read_text(encoding="utf-8")


def test_a_recipe_s_name_means_all_images_and_a_recipe_stands_as_it_is(dataset: ImageDataset) -> None:
    named = final_recipe("standard", dataset, flip=True)
    assert (named.train_images, named.test_images, named.flip) == (None, None, True)
    assert final_recipe(Recipe(train_images=7, image_side=0, batch=8), dataset) == Recipe(
        train_images=7, image_side=40, batch=8
    )
    with pytest.raises(UnknownName, match="Did you mean `standard`"):
        final_recipe("standart", dataset)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--final", "-1"], ["--final", "at least 0"]),
        (["--final-recipe", "thorogh"], ["No recipe is named `thorogh`", "thorough"]),
    ],
)
def test_a_wrong_wish_is_refused_before_any_work(presage: Callable, words: list[str], told: list[str]) -> None:
    outcome = presage("search", "digits", *words)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    for text in told:
        assert text in outcome.err


def test_a_file_that_is_no_recipe_is_named_with_its_option(presage: Callable, tmp_path: Path) -> None:
    (tmp_path / "final.json").write_text("[]")
    outcome = presage("search", "digits", "--final-recipe", tmp_path / "final.json")
    assert outcome.code == 2
    assert "`--final-recipe` of `presage search` must be the name of a recipe" in outcome.err
