"""Trainings that the named recipes are chosen by: networks of a size to be shipped, recipes that differ in one thing.

    python benchmarks/presets.py DATASET... --out FOLDER [--count N]

A campaign (`presage.training.campaign`) with a design of its own: every recipe with every network, the recipes in the
order of `RECIPES`, so that one that is cut off has whole pairs. It can be killed and goes on where it was. Then

    python benchmarks/experience.py merge SEED FOLDER
    python benchmarks/recipe_effects.py SEED

prints what each recipe is worth. Every training is capped at 1,000 images, so that one takes about a minute of a core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from presage.architecture.spaces import Space, get_space
from presage.records.dataset import DatasetRecord
from presage.training.campaign import Campaign
from presage.training.design import Candidate, Planned
from presage.training.recipe import Recipe

PLAIN = {
    "depth": 8, "width": 16, "kernel": 3, "norm": "batch", "activation": "relu", "skips": "none", "dropout": 0,
    "end.pool": "average", "end.hidden": 0, "end.dropout": 0,
    **{f"layer{layer}.operation": "max_pool" if layer in (3, 6) else "convolution" for layer in range(1, 9)},
    **{f"layer{layer}.stride": 2 if layer in (3, 6) else 1 for layer in range(1, 9)},
    **{f"layer{layer}.widen": 1 if layer < 3 else 2 for layer in range(1, 9) if layer not in (3, 6)},
}  # fmt: skip
"""Six 3x3 convolutions with batch normalisation and two poolings: 7.5M multiply-adds at 32 pixels."""

NETWORKS: tuple[tuple[str, Mapping[str, Any]], ...] = (("chain", PLAIN),)
"""Space and parameters of each network; those left out are inactive there, and take their first choice."""

_BASE: Mapping[str, Any] = {"image_side": 32, "train_images": 1000, "shift": 2, "epochs": 20}

RECIPES: tuple[Mapping[str, Any], ...] = (
    {},
    {"epochs": 40},
    {"epochs": 40, "cutmix": 1.0, "ema": 0.995},
    {"learning_rate": 0.003},
    {"learning_rate": 0.012},
    {"shift": 0, "shift_fraction": 0.125},
    {"epochs": 40, "policy": "trivial"},
    {"epochs": 40, "weight_decay": 0.1},
    {"ema": 0.98},
    {"epochs": 40, "cutmix": 1.0},
)
"""What differs from 20 epochs at 32 pixels, shifted by 2."""


def design(dataset: DatasetRecord) -> Iterator[Planned]:
    """Every recipe with every network; then again with a second seed, and so on."""
    networks = [_candidate(get_space(space), params) for space, params in NETWORKS]
    position = 0
    for seed in count():
        for fields in RECIPES:
            recipe = Recipe.from_json({**_BASE, **fields})
            for network in networks:
                yield Planned(position, network, seed, "core", recipe)
                position += 1


def _candidate(space: Space, params: Mapping[str, Any]) -> Candidate:
    whole = {**{one.name: one.choices[0] for one in space.parameters}, **params}
    code = space.codes([whole])[0]
    return Candidate(space.decode(whole), space.name, dict(space.params(code)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, default=len(RECIPES) * len(NETWORKS), help="trainings for each dataset")
    given = parser.parse_args(arguments)
    campaign = Campaign(given.datasets, given.out, given.count, design=design)
    summary = campaign.run(lambda at: print(f"{at.done}/{at.total} {at.latest}", file=sys.stderr, flush=True))
    return 1 if summary.refused else 0


if __name__ == "__main__":
    sys.exit(main())
