"""How the recipes of a campaign over many recipes were chosen: one factor at a time, and jointly.

The files that this wrote are read by `presage.training.recipe_design` and are fixed for good; this is here to show how.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np

from presage.training.recipe import Recipe

__all__ = ["BASES", "FACTORS", "Entry", "choose_later_recipes", "choose_recipes", "joint_recipes", "one_factor_recipes"]

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A recipe as the fields that differ from the shipped one, and the recipe that it is to be compared with."""

    fields: Fields
    base: Fields


BASES: tuple[Fields, ...] = ({}, {"image_side": 32, "train_images": 2500, "flip": True, "shift": 2})
"""The shipped recipe, and one of larger mirrored images: what single factors are changed of."""

FACTORS: tuple[Mapping[str, Sequence[Any]], ...] = (
    {
        "image_side": (20, 24, 32, 48),
        "train_images": (250, 500, 1000, 5000, 10_000, None),
        "epochs": (3, 6, 25, 40, 60),
        "batch": (32, 128, 256),
        "learning_rate": (0.0015, 0.003, 0.012, 0.018),
        "weight_decay": (0.0, 0.1),
        "label_smoothing": (0.0,),
        "shift": (0, 2),
        "flip": (True,),
        "schedule": ("constant",),
    },
    {
        "image_side": (24, 48, 64),
        "train_images": (1000, 5000, 10_000, None),
        "epochs": (4, 25, 40),
        "batch": (32, 256),
        "learning_rate": (0.0015, 0.012),
        "weight_decay": (0.1,),
        "flip": (False,),
        "shift": (4,),
    },
)
LATER_FACTORS: Mapping[str, Sequence[Any]] = {
    "erasing": (0.25, 0.5),
    "mixup": (0.2, 1.0),
    "cutmix": (0.5, 1.0),
    "policy": ("trivial", "photometric", "geometric"),
    "ema": (0.98, 0.995),
    "class_weights": (True,),
    "test_mirroring": (True,),
    "learning_rate": (0.003, 0.018),
    "weight_decay": (0.0, 0.2),
}
"""Of the second base, in the second file: what recipes gained later, and more rates and decays."""

NAMED: tuple[Fields, ...] = (
    {"image_side": 32, "train_images": 5_000, "epochs": 20, "shift": 2},
    {
        "image_side": 32, "train_images": None, "test_images": None, "epochs": 40, "shift": 0, "shift_fraction": 0.125,
        "cutmix": 1.0, "ema": 0.998,
    },
)  # fmt: skip
"""The recipes called `standard` and `thorough` when the second file was written."""

SGD: Fields = {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.0005}
"""The other optimizer, with a rate and a decay that suit it: one factor."""

_SIDES = (16, 20, 24, 32, 48, 64)
_CAPS = (250, 500, 1000, 2000, 5000, 10_000, None)
_MOST_PIXELS = 25_000 * 16 * 16 * 30  # of a training: thirty times the shipped recipe's


def choose_recipes() -> tuple[Entry, ...]:
    """One factor at a time from each base, then jointly, interleaved, so that any stretch holds of each kind."""
    groups = [one_factor_recipes(BASES[0]), one_factor_recipes(BASES[1]), joint_recipes(20)]
    placed = [
        ((row + 0.5) / len(group), kind, entry) for kind, group in enumerate(groups) for row, entry in enumerate(group)
    ]
    return tuple(entry for _, _, entry in sorted(placed, key=lambda found: found[:2]))


def choose_later_recipes() -> tuple[Entry, ...]:
    """What recipes gained later: one factor at a time, jointly, and the named recipes, interleaved."""
    base = BASES[1]
    changes = [{name: value} for name, values in LATER_FACTORS.items() for value in values]
    changes += [{"shift": 0, "shift_fraction": share} for share in (0.03, 0.125)]
    changes.append({**SGD, "learning_rate": 0.03})
    order = np.random.default_rng(len(changes)).permutation(len(changes))
    single = [Entry({**base, **changes[row]}, base) for row in order]
    named = [Entry(fields, base) for fields in NAMED]
    groups = [single, augmented_recipes(20), named]
    placed = [
        ((row + 0.5) / len(group), kind, entry) for kind, group in enumerate(groups) for row, entry in enumerate(group)
    ]
    return tuple(entry for _, _, entry in sorted(placed, key=lambda found: found[:2]))


def augmented_recipes(size: int) -> list[Entry]:
    """Joint recipes of sides from 24 and epochs from 8 on, with some of what recipes gained later."""
    found: list[Entry] = []
    row = 40
    while len(found) < size:
        row += 1
        u = [_radical_inverse(row, prime) for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)]
        fields: dict[str, Any] = {
            "image_side": _pick((24, 32, 32, 48), u[0]),
            "train_images": _pick((500, 1000, 2000, 5000, None), u[1]),
            "epochs": round(exp(log(8) + u[2] * log(6))),
            "learning_rate": float(f"{0.002 * exp(u[3] * log(6)):.2g}"),
            "weight_decay": _pick((0.005, 0.02, 0.05, 0.1), u[4]),
            "flip": u[5] < 0.5,
            "shift": 0,
            "shift_fraction": _pick((0.06, 0.125), u[6]),
            "erasing": _pick((0.0, 0.25), u[7]),
            "mixup": _pick((0.0, 0.0, 0.2), u[8]),
            "cutmix": _pick((0.0, 0.0, 1.0), u[9]),
            "policy": _pick(("none", "none", "trivial"), u[10]),
            "ema": _pick((0.0, 0.99), u[11]),
        }
        if _affordable(fields):
            found.append(Entry(fields, BASES[1]))
    return found


def one_factor_recipes(base: Fields) -> list[Entry]:
    """Recipes that differ from `base` in one factor (the base itself where it is not the shipped recipe)."""
    factors = FACTORS[BASES.index(base)]
    changes: list[Fields] = [{name: value} for name, values in factors.items() for value in values]
    changes.append(SGD)
    order = np.random.default_rng(len(changes)).permutation(len(changes))
    found = [Entry({**base, **changes[row]}, base) for row in order]
    return [Entry(base, BASES[0]), *found] if base else found


def joint_recipes(size: int) -> list[Entry]:
    """Recipes whose fields all differ, from a Halton sequence; those too costly for one core are passed over."""
    found: list[Entry] = []
    row = 20  # the first points of a Halton sequence in many dimensions lie on lines
    while len(found) < size:
        row += 1
        u = [_radical_inverse(row, prime) for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23)]
        side = _pick(_SIDES, u[0])
        fields: dict[str, Any] = {
            "image_side": side,
            "train_images": _pick(_CAPS, u[1]),
            "epochs": round(exp(log(3) + u[2] * log(20))),
            "batch": _pick((32, 64, 128, 256), u[3]),
            "learning_rate": float(f"{0.0015 * exp(u[4] * log(12)):.2g}"),
            "weight_decay": _pick((0.0, 0.005, 0.02, 0.05, 0.1), u[5]),
            "label_smoothing": _pick((0.0, 0.1, 0.2), u[6]),
            "flip": u[7] < 0.5,
            "shift": round(side * _pick((0.0, 0.06, 0.12), u[8])),
        }
        if _affordable(fields):
            found.append(Entry(fields, BASES[len(found) % 2]))
    return found


def _affordable(fields: Fields) -> bool:
    images = max(fields["train_images"] or 20_000, 1000)
    return bool(images * fields["epochs"] * fields["image_side"] ** 2 <= _MOST_PIXELS)


def _pick(choices: Sequence[Any], u: float) -> Any:
    return choices[int(u * len(choices))]


def _radical_inverse(row: int, prime: int) -> float:
    value, scale = 0.0, 1.0
    while row:
        scale /= prime
        value += scale * (row % prime)
        row //= prime
    return value


if __name__ == "__main__":
    lines = []
    for entry in {"recipes_1.json": choose_recipes, "recipes_2.json": choose_later_recipes}[sys.argv[1]]():
        Recipe.from_json(entry.fields)
        lines.append(json.dumps({"fields": dict(entry.fields), "base": dict(entry.base)}))
    sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")
