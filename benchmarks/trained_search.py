"""Strategies whose every candidate is trained, as the papers of 2017 searched: no prediction takes part.

    python benchmarks/trained_search.py DATASET.npz... --out FOLDER [--space hierarchical] [--trainings 24] [--seeds 1]

Each strategy is asked for one network at a time, told its validation accuracy after a training by a short recipe
(`--epochs` of `--images` images of `--side` pixels), and asked again, `--trainings` times. All begin with the same ten
networks, drawn at random; `random` goes on drawing. What is told: the best validation accuracy after a quarter, a half
and all of the trainings, and the test accuracy of that network, which chose nothing. A training is one line of a file
in --out: stopped at any time and repeated, the benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers import RegularizedEvolutionSampler, TournamentSelectionSampler
from presage.search.samplers.history import History
from presage.search.samplers.proposer import BatchSampler
from presage.search.samplers.random import RandomSampler
from presage.training import DeviceData, Recipe, fit, load_dataset, prepare

FIRST = 10  # networks of the first population


def strategies(seed: int) -> dict[str, BatchSampler]:
    """Name → sampler, each with a first population of `FIRST`."""
    return {
        "random": RandomSampler(seed),
        "tournament": TournamentSelectionSampler(seed, population=FIRST, share=0.05),
        "tournament of a fifth": TournamentSelectionSampler(seed, population=FIRST, share=0.2),
        "evolution": RegularizedEvolutionSampler(seed, population=FIRST, tournament=5),
    }


def searched(
    sampler: BatchSampler,
    space: Space,
    data: DeviceData,
    recipe: Recipe,
    path: Path,
    begun: Sequence[dict[str, Any]],
    trainings: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The trainings of one search, those of an earlier run read.

    Args:
        begun: trainings of another strategy on the same dataset with the same seed, which are not done again.
    """
    history, rows = History(len(space.sizes)), list[dict[str, Any]]()
    if path.exists():
        whole = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        rows = [json.loads(line) for line in whole]
        path.write_text("".join(whole), encoding="utf-8")  # a line that a kill cut off is trained again
    for row in rows:
        history.extend(np.array([row["code"]]), np.array([[row["validation"]]]))
    known = {tuple(row["code"]): row for row in (*begun, *rows)}
    with path.open("a", encoding="utf-8") as file:
        for number in range(len(rows), trainings):
            code = space.sample(FIRST, np.random.default_rng(seed))[number : number + 1]
            if number >= FIRST:
                code = sampler.propose(space, history, 1, (seed, number)).codes
            row = known.get(tuple(code[0].tolist()))
            if row is None:
                row = {"code": code[0].tolist(), **trained(space, code[0], data, recipe, seed)}
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            history.extend(code, np.array([[row["validation"]]]))
            print(f"{path.stem} {number + 1}/{trainings}: {row['validation']:.3f}", flush=True)
    return rows


def trained(space: Space, code: Codes, data: DeviceData, recipe: Recipe, seed: int) -> dict[str, float]:
    """*Trained* accuracies of one network, 0 where it diverged, and the processor seconds that they took."""
    began = time.process_time()
    result = fit(space.decode(space.params(code)), data, recipe, seed=seed, depth=False)
    return {
        "validation": result.accuracy or 0.0,
        "test": result.test_accuracy or 0.0,
        "seconds": round(time.process_time() - began, 2),
    }


def told(rows: Sequence[dict[str, Any]]) -> str:
    """Best validation accuracy after a quarter, a half and all trainings; the test accuracy of the last; seconds."""
    values = [row["validation"] for row in rows]
    halts = [max(1, len(rows) // 4), max(1, len(rows) // 2), len(rows)]
    best = " | ".join(f"{max(values[:halt]):.3f}" for halt in halts)
    return f"{best} | {rows[int(np.argmax(values))]['test']:.3f} | {sum(row['seconds'] for row in rows):.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--space", default="hierarchical:width=4")
    parser.add_argument("--trainings", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--side", type=int, default=8)
    parser.add_argument("--strategies", default=",".join(strategies(0)))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    space = get_space(options.space)
    images = dict.fromkeys(("train_images", "least_epoch_images", "validation_images", "test_images"), options.images)
    recipe = Recipe(epochs=options.epochs, image_side=options.side, **images)
    print("| dataset | strategy | seed | a quarter | a half | all | test of that | processor seconds |", flush=True)
    for spec in options.datasets:
        data = prepare(load_dataset(spec), recipe, "cpu")
        for seed in range(options.seeds):
            rows: list[dict[str, Any]] = []
            for name in options.strategies.split(","):
                path = options.out / f"{Path(spec).stem}-{name.replace(' ', '-')}-{seed}.jsonl"
                sampler = strategies(seed)[name]
                rows = searched(sampler, space, data, recipe, path, rows, options.trainings, seed)
                print(f"| {Path(spec).stem} | {name} | {seed} | {told(rows)} |", flush=True)


if __name__ == "__main__":
    main()
