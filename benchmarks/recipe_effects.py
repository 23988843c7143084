"""What a recipe does: pairs of trainings of the same network on the same dataset, from a folder of Parquet files.

    python benchmarks/recipe_effects.py SEED [--factor epochs] [--least 4]

SEED is as `presage database export` or `benchmarks/experience.py merge` writes it. Where two recipes differ in one
factor, the networks trained by both on one dataset are pairs: printed are the mean difference in validation accuracy
in points, its standard error over datasets (of each dataset's mean), and Kendall τ of the networks' order by the one
recipe with that by the other, the mean over datasets with at least so many networks. A factor of several fields (an
optimizer with its rate and decay) counts as one where it is named below. Then every recipe's mean against its pairs by
the shipped recipe, whatever differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from presage.database import Database
from presage.training import Recipe

TOGETHER = (
    frozenset({"optimizer", "learning_rate", "weight_decay"}),
    frozenset({"shift", "shift_fraction"}),
)
"""Fields that make one factor."""

Runs = dict[tuple[str, str], dict[tuple[str, int], float]]
"""Of each dataset and recipe: accuracy by network and seed."""


@dataclass(frozen=True)
class Effect:
    """A recipe against another: mean difference (points), its standard error, pairs, datasets, and Kendall τ."""

    factor: str
    before: str
    after: str
    difference: float
    error: float
    pairs: int
    datasets: int
    tau: float | None
    tau_datasets: int


def read(folder: Path) -> tuple[Runs, dict[str, Recipe]]:
    """Finished experiments, and recipes by hash."""
    runs: Runs = defaultdict(dict)
    with TemporaryDirectory() as scratch, Database.open(Path(scratch) / "read.duckdb", from_seed=False) as database:
        database.import_parquet(folder)
        found = database.experiments()
        for dataset, network, recipe, seed, accuracy in zip(
            found.dataset, found.architecture, found.recipe, found.seed, found.accuracy, strict=True
        ):
            runs[found.datasets[dataset], found.recipes[recipe]][str(network), int(seed)] = float(accuracy)
        recipes = {record.hash: Recipe.from_json(record.json) for record in database.recipes()}
    return dict(runs), recipes


def differing(before: Recipe, after: Recipe) -> dict[str, tuple[Any, Any]]:
    """Fields whose values differ, (before, after) each."""
    names = before.__dataclass_fields__
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def one_factor(changed: Mapping[str, Any]) -> str | None:
    """The factor that these fields make; None where they are several."""
    names = frozenset(changed)
    if len(names) == 1:
        return next(iter(names))
    fitting = [group for group in TOGETHER if names <= group]
    return "+".join(sorted(names)) if fitting else None


def effect(runs: Runs, before: str, after: str, named: tuple[str, str, str], least: int) -> Effect | None:
    """The pairs of two recipes, over all datasets."""
    means, pairs, taus = [], 0, []
    for dataset in {dataset for dataset, recipe in runs if recipe == after}:
        first, second = runs.get((dataset, before), {}), runs[dataset, after]
        common = sorted(set(first) & set(second))
        if not common:
            continue
        left, right = (np.array([run[key] for key in common]) for run in (first, second))
        means.append(float(np.mean(right - left)))
        pairs += len(common)
        if len(common) >= least:
            taus.append(float(kendalltau(left, right).statistic))
    if not means:
        return None
    error = float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")
    tau = [value for value in taus if np.isfinite(value)]
    return Effect(
        *named,
        100 * float(np.mean(means)),
        100 * error,
        pairs,
        len(means),
        float(np.mean(tau)) if tau else None,
        len(tau),
    )


def effects(runs: Runs, recipes: Mapping[str, Recipe], least: int) -> tuple[list[Effect], list[Effect]]:
    """One factor at a time; and each recipe against the shipped one."""
    trained = sorted({recipe for _, recipe in runs})
    single, against = [], []
    for before in trained:
        for after in trained:
            if before == after:
                continue
            changed = differing(recipes[before], recipes[after])
            factor = one_factor(changed)
            if factor is None or _turned(changed):
                continue
            left, right = (", ".join(_shown(changed[name][side]) for name in sorted(changed)) for side in (0, 1))
            found = effect(runs, before, after, (factor, left, right), least)
            single += [found] if found else []
    shipped = Recipe()
    for after in trained:
        if after != shipped.hash:
            changed = differing(shipped, recipes[after])
            words = ", ".join(f"{name} {_shown(pair[1])}" for name, pair in sorted(changed.items()))
            found = effect(runs, shipped.hash, after, ("all", "shipped", words), least)
            against += [found] if found else []
    single.sort(key=lambda one: (one.factor, one.before, one.after))
    against.sort(key=lambda one: -one.difference)
    return single, against


def _turned(changed: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether this is the pair that is shown the other way round: from a larger value to a smaller one."""
    before, after = next(iter(changed.values()))
    return _order(before) > _order(after)


def _order(value: Any) -> tuple[int, float, str]:
    if value is None:
        return 2, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (0, 0.0, str(value))


def _shown(value: Any) -> str:
    return "all" if value is None else str(value)


def table(found: Iterable[Effect]) -> str:
    """Markdown."""
    lines = ["| factor | from | to | points | ± | pairs | datasets | τ |", "|---|---|---|---|---|---|---|---|"]
    for one in found:
        tau = "" if one.tau is None else f"{one.tau:.2f} ({one.tau_datasets})"
        error = "" if np.isnan(one.error) else f"{one.error:.1f}"
        cells = [one.factor, one.before, one.after, f"{one.difference:+.1f}", error, one.pairs, one.datasets, tau]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("seed", type=Path, metavar="SEED")
    parser.add_argument("--factor", help="show this factor only")
    parser.add_argument("--least", type=int, default=4, help="networks of a dataset that τ needs (default: 4)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    runs, recipes = read(given.seed)
    single, against = effects(runs, recipes, given.least)
    if given.factor:
        single, against = [one for one in single if one.factor == given.factor], []
    if given.json:
        print(json.dumps([vars(one) for one in (*single, *against)]))
        return 0
    print(table(single))
    if against:
        print("\nAgainst the shipped recipe:\n\n" + table(against))
    return 0


if __name__ == "__main__":
    sys.exit(main())
