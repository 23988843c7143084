"""How the cost of experience grows with the number of experiments: what each step takes, and with which exponent.

    python benchmarks/growth.py [--experiments 4000 20000] [--steps import load encode kernel-ridge]
        [--keep FOLDER]

Made-up experience: the shipped experiments drawn anew, each with a network drawn from the space that its own was from
(real costs; as many experiments a network as the shipped ones have), and its accuracies jittered. It is kept as Parquet
in FOLDER, if that is given, for the next call. Each step runs in a process of its own: `import` of the Parquet files
with every claim vetted, as `presage database import` does it; `load` of the database; `encode` for trees and kernel
ridge; then fits of the predictors named. Printed are CPU seconds of all threads, peak memory of the process (of a fit:
with what was loaded for it), and exponents from one size to the next.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.database.write import Placed
from presage.errors import PresageError
from presage.records import ArchitectureRecord, ExperimentEntry
from presage.surrogate import get_predictor, load_experience
from presage.vetting import check_architecture, check_entry
from presage.vetting_columns import vouch

STEPS = ("import", "load", "encode", "kernel-ridge", "boosted-trees", "tap-lstm")
DRAWN = 500  # networks of a space at a time


def make(folder: Path, experiments: int, seed: int = 0) -> None:
    """Write made-up experience as Parquet into a folder."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        with Database.open(Path(scratch) / "seed.duckdb", from_seed=True) as database:
            known = {
                "dataset": {one.fingerprint: one for one in database.datasets()},
                "recipe": {one.hash: one for one in database.recipes()},
            }
            spaces = database.spaces()
            rows = [one for one in database.experiment_records(status="finished") if one.architecture in spaces]
            database.export_parquet(Path(scratch) / "seed")
        of_network = len(rows) / len({one.architecture for one in rows})
        networks = {space: _networks(space, rng) for space in sorted(set(spaces.values()))}
        drawn: dict[str, list[tuple[Architecture, ArchitectureRecord]]] = {space: [] for space in networks}

        def placed() -> Iterator[Placed]:
            number = 0
            while number < experiments:
                row = rows[int(rng.integers(len(rows)))]
                space = spaces[row.architecture]
                used = drawn[space]
                fresh = not used or rng.random() < 1 / of_network
                network, record = next(networks[space]) if fresh else used[int(rng.integers(len(used)))]
                dataset, recipe = known["dataset"][row.dataset], known["recipe"][row.recipe]
                side = int(recipe.json["image_side"])
                try:
                    cost = costs(network, (dataset.channels, side, side), dataset.classes)
                except PresageError:  # too many strides for such images
                    continue
                if fresh:
                    used.append((network, record))
                shift = float(rng.normal(0.0, 0.02))
                curve = [min(1.0, max(0.0, value + shift)) for value in row.curve]
                accuracy = curve[-1] if curve else min(1.0, max(0.0, row.accuracy + shift))
                experiment = replace(
                    row, architecture=record.hash, seed=number, accuracy=accuracy, curve=curve, depth_accuracies=(),
                    parameters=cost.parameters, multiply_adds=cost.multiply_adds,
                    activation_bytes=cost.activation_bytes, depth=cost.depth,
                )  # fmt: skip
                yield Placed(f"row {number}", ExperimentEntry(dataset, record, recipe, experiment))
                number += 1

        with Database.open(Path(scratch) / "made.duckdb", from_seed=False) as database:
            database.import_parquet(_probes_alone(Path(scratch) / "seed"))
            database.import_entries(placed())
            database.export_parquet(folder)


def _probes_alone(folder: Path) -> Path:
    for name in ("experiments", "text_experiments"):
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    return folder


def _networks(space: str, rng: np.random.Generator) -> Iterator[tuple[Architecture, ArchitectureRecord]]:
    """Networks of a space without end, canonical."""
    drawn = get_space(space)
    while True:
        batch = drawn.decode_batch(drawn.sample(DRAWN, rng))
        for row in range(DRAWN):
            network = batch.architecture(row).canonical
            yield network, ArchitectureRecord(network.hash, json.loads(dumps(network)), space, None)


def measure(step: str, folder: Path) -> dict[str, float]:
    """CPU seconds and rows of one step, which runs here; those that it needs before are not counted."""
    if step == "import":
        target = folder / "experience.duckdb"
        for path in (target, target.with_name(f"{target.name}.wal")):
            path.unlink(missing_ok=True)
        with Database.open(target, from_seed=False) as database:
            began = time.process_time()
            report = database.import_parquet(folder, check_architecture, check_entry, vouch=vouch)
        assert not report.refused, str(report.refused[0])
        return _spent(began, report.experiments)
    began = time.process_time()
    with Database.open(folder / "experience.duckdb", read_only=True) as database:
        experience = load_experience(database)
    if step == "load":
        return _spent(began, len(experience))
    began = time.process_time()
    _ = experience.features
    if step == "encode":
        return _spent(began, len(experience))
    began = time.process_time()
    get_predictor(step).fit(experience)
    return _spent(began, len(experience))


def _spent(began: float, rows: int) -> dict[str, float]:
    seconds = time.process_time() - began
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # the kernel's `ru_maxrss` is also of the parent
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return {"seconds": seconds, "gigabytes": int(kilobytes) / (1 << 20), "rows": rows}


def table(sizes: Sequence[int], found: dict[str, list[dict[str, Any]]]) -> str:
    """CPU seconds, and peak memory in GB, by step and size, with exponents of the seconds."""
    head = f"{'CPU s (GB)':14}" + "".join(f"{size:>16,}" for size in sizes) + "   exponents"
    lines = [head]
    for step, results in found.items():
        cells = "".join(f"{one['seconds']:>9.1f} ({one['gigabytes']:.1f})".rjust(16) for one in results)
        steps = zip(results, results[1:], sizes, sizes[1:], strict=False)
        grown = [math.log(b["seconds"] / a["seconds"]) / math.log(m / n) for a, b, n, m in steps]
        lines.append(f"{step:14}{cells}   " + ", ".join(f"{one:.2f}" for one in grown))
    if "import" in found:
        rates = [f"{one['rows'] / one['seconds']:,.0f}" for one in found["import"]]
        lines.append(f"{'import, rows/s':14}" + "".join(rate.rjust(16) for rate in rates))
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, nargs="+", default=[4_000, 20_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--keep", type=Path, help="folder of what is made up, and of the databases")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # one step in this process, told as JSON
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.keep)))
        return 0
    found: dict[str, list[dict[str, Any]]] = {step: [] for step in given.steps}
    with tempfile.TemporaryDirectory() as scratch:
        for size in given.experiments:
            folder = (given.keep or Path(scratch)) / str(size)
            if not (folder / "experiments.parquet").is_file():
                make(folder, size)
            for step in dict.fromkeys(("import", *given.steps)):
                if step not in given.steps and (folder / "experience.duckdb").is_file():
                    continue
                command = [sys.executable, __file__, "--measure", step, "--keep", str(folder)]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                print(f"{size:,} {step}: {told.strip()}", file=sys.stderr, flush=True)
                if step in found:
                    found[step].append(json.loads(told.splitlines()[-1]))
    print(table(given.experiments, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
