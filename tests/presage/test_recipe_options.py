from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from presage.arguments import Arguments
from presage.errors import InvalidArgument, UnknownName, WrongInput
from presage.recipes import add_recipe_options, recipe_of
from presage.training import Recipe
from presage.training.recipes import RECIPES


def recipe(*words: str) -> Recipe:
    parser = argparse.ArgumentParser()
    add_recipe_options(Arguments(parser))
    return recipe_of(argparse.Namespace(command="train", **vars(parser.parse_args(words))))


def test_without_options_it_is_the_shipped_recipe() -> None:
    assert recipe() == Recipe()


@pytest.mark.parametrize("name", ["quick", "standard", "thorough"])
def test_a_name_gives_its_recipe(name: str) -> None:
    assert recipe("--recipe", name) == RECIPES[name]


def test_a_file_gives_the_fields_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"epochs": 20, "image_side": "auto", "clip": 1}))
    assert recipe("--recipe", str(path)) == Recipe(epochs=20, image_side=0)
    path.write_text(json.dumps(RECIPES["thorough"].to_json()))
    assert recipe("--recipe", str(path)) == RECIPES["thorough"]


def test_options_and_fields_change_the_recipe_that_was_named() -> None:
    found = recipe("--recipe", "standard", "--epochs", "7", "--flip", "--set", "ema=0.9", "--set", "train-images=all")
    expected = {**RECIPES["standard"].to_json(), "epochs": 7, "flip": True, "ema": 0.9, "train_images": None}
    assert found == Recipe.from_json(expected)
    assert recipe("--set", "policy=trivial", "--set", "flip=true").policy == "trivial"
    assert recipe("--set", "image_side=auto").image_side == 0
    assert recipe("--set", "weight_decay=0").weight_decay == 0.0
    assert recipe("--train-images", "all").train_images is None


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--recipe", "standart"), "Did you mean `standard`"),
        (("--set", "epoch=3"), "Did you mean `epochs`"),
        (("--set", "epochs"), "must be FIELD=VALUE"),
        (("--set", "=3"), "must be FIELD=VALUE"),
        (("--set", "epochs=many"), "The `epochs` of `Recipe` must be int. Got 'many'."),
        (("--set", "image_side=0"), "must be at least 4, or auto"),
        (("--set", "erasing=2"), "must be within 0 and 1"),
    ],
)
def test_wrong_input_is_refused_in_one_line(words: tuple[str, ...], rule: str) -> None:
    with pytest.raises(WrongInput) as caught:
        recipe(*words)
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"format": "other"}'])
def test_a_file_that_holds_no_recipe_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(InvalidArgument):
        recipe("--recipe", str(path))


def test_a_file_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"erazing": 0.5}')
    with pytest.raises(UnknownName, match="Did you mean `erasing`"):
        recipe("--recipe", str(path))
