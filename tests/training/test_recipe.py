from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from presage.errors import InvalidArgument, UnknownName
from presage.training import Recipe


def test_json_round_trip_keeps_the_hash() -> None:
    recipe = Recipe(epochs=3, train_images=None, flip=True)
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert again.hash == recipe.hash
    assert len(recipe.hash) == 64


def test_every_field_counts_in_the_hash() -> None:
    changed = [
        Recipe(epochs=4),
        Recipe(batch=32),
        Recipe(learning_rate=0.1),
        Recipe(flip=True),
        Recipe(train_images=None),
        Recipe(precision="float32"),
        Recipe(split_seed=1),
    ]
    assert len({recipe.hash for recipe in [Recipe(), *changed]}) == len(changed) + 1


def test_the_recipe_of_the_shipped_experience_never_changes_by_accident() -> None:
    assert Recipe().hash == "f22741968c870558d42e0f63ad91a2c64d6ce9d37c090f5f92d6f53239740335"


def test_fields_that_came_later_are_part_of_the_hash_only_where_they_matter() -> None:
    assert set(Recipe().to_json()) == {"format", "version", *(field.name for field in fields(Recipe)[:21])}
    later: dict[str, object] = {
        **{"shift_fraction": 0.1, "erasing": 0.25, "mixup": 0.2, "cutmix": 1.0, "policy": "trivial", "ema": 0.99},
        **{"class_weights": True, "test_mirroring": True, "unknown": ["batch", "clip"]},
    }
    assert list(later) == [field.name for field in fields(Recipe)[21:]]
    hashes = {Recipe().hash}
    for name, value in later.items():
        recipe = Recipe.from_json({name: value})
        assert recipe.to_json() == {**Recipe().to_json(), name: value}
        assert Recipe.from_json(recipe.to_json()) == recipe
        hashes.add(recipe.hash)
    assert len(hashes) == len(later) + 1


def test_shifts_scale_with_the_side() -> None:
    assert Recipe().largest_shift == 1
    assert Recipe(image_side=32, shift_fraction=0.125).largest_shift == 5
    assert Recipe(image_side=48, shift=0, shift_fraction=0.1).largest_shift == 5


def test_whole_numbers_stand_for_floats_in_json() -> None:
    assert Recipe.from_json({"clip": 1}) == Recipe(clip=1.0)
    assert Recipe.from_json({"clip": 1}).hash == Recipe(clip=1.0).hash


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"epochs": 0}, "The `epochs` of `Recipe` must be at least 1. Got 0."),
        ({"epochs": 2.5}, "must be int"),
        ({"epochs": True}, "must be int"),
        ({"batch": "64"}, "must be int"),
        ({"batch": -1}, "at least 1, or auto"),
        ({"batch": 0}, "The `batch` of `Recipe` must be at least 1, or auto. Got 0."),
        ({"image_side": 0}, "at least 4, or auto"),
        ({"flip": 1}, "must be bool"),
        ({"learning_rate": 0.0}, "must be a positive number"),
        ({"learning_rate": math.nan}, "must be a positive number"),
        ({"clip": math.inf}, "must be a positive number"),
        ({"momentum": 1.0}, "at least 0 and under 1"),
        ({"validation_fraction": 1.0}, "over 0 and under 1"),
        ({"shift": 16}, "under `image_side`"),
        ({"train_images": 1}, "at least 2, or None"),
        ({"image_side": 3}, "within 4 and 1024, or auto"),
        ({"image_side": "big"}, "must be int"),
        ({"shift_fraction": 1.0}, "at least 0 and under 1"),
        ({"shift_fraction": 0.95}, "must leave the largest shift under `image_side`. Got 0.95."),
        ({"erasing": 1.5}, "within 0 and 1"),
        ({"mixup": -0.2}, "be 0, or within 0.01 and 100"),
        ({"cutmix": math.nan}, "be 0, or within 0.01 and 100"),
        ({"ema": 1.0}, "at least 0 and under 1"),
        ({"class_weights": 1}, "must be bool"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(change: dict[str, object], rule: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Recipe.from_json(change)
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_fields_and_names_are_refused_with_the_nearest_known() -> None:
    with pytest.raises(UnknownName, match="Did you mean `epochs`"):
        Recipe.from_json({"epoch": 3})
    with pytest.raises(UnknownName, match="Did you mean `adamw`"):
        replace(Recipe(), optimizer="adam")
    with pytest.raises(UnknownName, match="Did you mean `trivial`"):
        replace(Recipe(), policy="trival")
    with pytest.raises(InvalidArgument, match="version"):
        Recipe.from_json({**Recipe().to_json(), "version": 2})
    with pytest.raises(InvalidArgument, match="format"):
        Recipe.from_json({"format": "other"})


def test_reading_a_recipe_loads_no_torch() -> None:
    code = "import sys, presage.training; presage.training.Recipe(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_unknown_of_a_recipe_is_named_once_in_order_and_nothing_is_trained_by_it() -> None:
    recipe = Recipe.from_json({"epochs": 3, "unknown": ["clip", "batch", "clip"]})
    assert recipe.unknown == ("batch", "clip")
    assert recipe.to_json()["unknown"] == ["batch", "clip"]
    assert recipe.hash != Recipe(epochs=3).hash
    assert Recipe(epochs=3).check_trainable() is None
    with pytest.raises(InvalidArgument, match=r"must be known whole to train by it.* Unknown: batch, clip\."):
        recipe.check_trainable()
    with pytest.raises(UnknownName, match=r"No field of `Recipe` is named `epoch`\. Did you mean `epochs`"):
        Recipe(unknown=("epoch",))
    with pytest.raises(InvalidArgument, match="The `unknown` of `Recipe` must be"):
        Recipe.from_json({"unknown": "epochs"})
