"""Searches that end in trained networks, strategy against strategy, on datasets whose experiments are withheld.

    python benchmarks/real_search.py DATASET.npz... --out FOLDER [--space nb201] [--strategies a,b] [--shortlist 5]
    python benchmarks/real_search.py DATASET.npz... --out FOLDER --no-blind --strategies random@1x8,random@4x2

A strategy is a name, with `+SCORE` where candidates are not scored by prediction (`evolution+supernet`), and with
`@RxK` for R rounds that train K networks each (one round of --shortlist).

For each dataset a database is made of the shipped experience without that dataset's experiments; every strategy starts
from a copy of it, so that none profits from another's trainings. `random search x4` trains four times as many networks
of the space as the short-list has, drawn blindly; `random search` is what so many as the short-list has, drawn from
these, find in the mean over all draws. The network with the highest validation accuracy is the one found; its test
accuracy, which chose nothing, stands beside it. Seconds are by the clock and of the processor: where other work shares
the machine, the latter compare, with `OMP_NUM_THREADS=1`; of the random searches they are an estimate for one thread.
Whatever is finished is kept in the folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from presage.database import Database
from presage.records import ArchitectureRecord, DatasetRecord, ExperimentEntry, ProbeEntry, RecipeRecord
from presage.search.strategies import SAMPLERS, SUPERNET_STRATEGIES
from presage.training import load_dataset

TIMES = 4  # as many networks in the larger random search


def withheld(fingerprint: str, path: Path) -> None:
    """Write a database of the shipped experience without the experiments of one dataset. Its probes stay."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    shipped = path.with_suffix(".shipped")
    with Database.open(shipped, from_seed=True) as source, Database.open(partial, from_seed=False) as target:
        datasets: dict[str, DatasetRecord] = {record.fingerprint: record for record in source.datasets()}
        recipes: dict[str, RecipeRecord] = {record.hash: record for record in source.recipes()}
        architectures: dict[str, ArchitectureRecord] = {record.hash: record for record in source.architecture_records()}
        target.add_probes(ProbeEntry(datasets[probe.dataset], probe) for probe in source.probes())
        target.add_experiments(
            ExperimentEntry(datasets[one.dataset], architectures[one.architecture], recipes[one.recipe], one)
            for one in source.experiment_records()
            if one.dataset != fingerprint
        )
    shipped.unlink()
    partial.replace(path)


def searched(spec: str, folder: Path, strategy: str, options: argparse.Namespace, blind: int = 0) -> dict[str, Any]:
    """The result of one search, run now or read; with the seconds that its trainings and the whole took.

    Args:
        spec: the dataset.
        folder: keeps databases, runs and results of this dataset.
        strategy: its name, with what it scores by and its rounds (see above).
        options: of the command.
        blind: number of networks to draw blindly and train; the search itself then short-lists one only.
    """
    name, _, plan = strategy.partition("@")
    name, _, score = name.partition("+")
    rounds, _, shortlist = plan.partition("x")
    kept = folder / f"{strategy}{'-baseline' if blind else ''}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    pristine = folder / "withheld.duckdb"
    if not pristine.exists():
        withheld(load_dataset(spec).fingerprint, pristine)
    copy = folder / "experience.duckdb"  # one path for all: fitted predictors are cached beside it, by content
    shutil.copyfile(pristine, copy)
    run = folder / f"run-{kept.stem}"
    words = [
        *(sys.executable, "-m", "presage", "search", spec, "--database", str(copy), "--run", str(run), "--json"),
        *("--space", options.space, "--strategy", name, *(("--score", score) if score else ())),
        *(("--candidates", str(options.candidates)) if options.candidates else ()),
        *("--shortlist", str(1 if blind else shortlist or options.shortlist), "--seed", str(options.seed), "--quiet"),
        *(("--rounds", rounds) if rounds else ()),
        *("--recipe", "quick", "--final", "0", *(("--max-macs", options.max_macs) if options.max_macs else ())),
        *(("--compare-random", str(blind)) if blind else ()),
    ]
    shutil.rmtree(run, ignore_errors=True)  # one that was interrupted begins anew, so that its time is whole
    began, spent = time.perf_counter(), _spent_by_children()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        result: dict[str, Any] = {"failure": last}
    else:
        result = json.loads(done.stdout)
    result["wall_seconds"] = round(time.perf_counter() - began, 1)
    result["cpu_seconds"] = round(_spent_by_children() - spent, 1)
    if "failure" not in result:
        kept.write_text(json.dumps(result), encoding="utf-8")
    return result


def _spent_by_children() -> float:
    """CPU seconds of the processes that this one has started and that are over."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def best_of(networks: Iterable[dict[str, Any]]) -> tuple[float, float] | None:
    """Validation and test accuracy of the network with the best validation accuracy."""
    trained = [one for one in networks if one["accuracy"] is not None]
    best = max(trained, key=lambda one: one["accuracy"], default=None)
    return None if best is None else (best["accuracy"], best["test_accuracy"])


def best_of_draws(networks: Sequence[dict[str, Any]], count: int) -> tuple[float, float] | None:
    """`best_of` so many of these networks, in the mean over all ways to draw them."""
    trained = sorted((one for one in networks if one["accuracy"] is not None), key=lambda one: one["accuracy"])
    if len(trained) < count:
        return best_of(networks)
    ways = [comb(at, count - 1) / comb(len(trained), count) for at in range(len(trained))]  # that it is the best drawn
    accuracy, test = (
        sum(way * one[name] for way, one in zip(ways, trained, strict=True)) for name in ("accuracy", "test_accuracy")
    )
    return accuracy, test


def blind_rows(spec: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of networks that were drawn blindly: so many as the short-list has, and `TIMES` as many."""
    blind = searched(spec, folder, "random", options, blind=TIMES * options.shortlist)
    rows = list[dict[str, Any]]()
    drawn = blind.get("baseline", [])
    wall = sum(one["seconds"] for one in drawn) / max(len(drawn), 1)
    # an estimate, for CPU time is known of the whole run alone; capped, as a training on one thread takes one core
    cpu = wall * min(blind.get("cpu_seconds", 0.0) / blind["wall_seconds"], 1.0)
    for name, count in (("random search", options.shortlist), (f"random search x{TIMES}", len(drawn))):
        found = best_of_draws(drawn, count)
        row = {"strategy": name, "trained": count, "best": found, "wall_seconds": count * wall}
        rows.append({**row, "cpu_seconds": count * cpu})
    return rows


def rows_of(spec: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each strategy on a dataset, the blind random searches first where they are asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = [] if options.no_blind else blind_rows(spec, folder, options)
    for strategy in options.strategies:
        result = searched(spec, folder, strategy, options)
        networks = [one for done in result.get("rounds", []) for one in done["verified"]]
        seconds = {name: result[name] for name in ("wall_seconds", "cpu_seconds")}
        failure = {"failure": result["failure"]} if "failure" in result else {}
        rows.append({"strategy": strategy, "trained": len(networks), "best": best_of(networks), **seconds, **failure})
        print(f"{folder.name} {rows[-1]}", file=sys.stderr, flush=True)
    return rows


def markdown(found: dict[str, list[dict[str, Any]]]) -> str:
    """Best trained validation accuracy (test accuracy in brackets) of each strategy on each dataset."""
    names = list(found)
    lines = ["| strategy | " + " | ".join(names) + " | mean | seconds | CPU seconds |", "|---" * (len(names) + 4) + "|"]
    for rows in zip(*found.values(), strict=True):
        cells = [row.get("failure", "none") if row["best"] is None else _told(row["best"]) for row in rows]
        reached = [row["best"] for row in rows if row["best"] is not None]
        mean = _told(np.mean(reached, axis=0)) if len(reached) == len(rows) else ""
        seconds = " | ".join(
            f"{sum(row[name] for row in rows) / len(rows):.0f}" for name in ("wall_seconds", "cpu_seconds")
        )
        lines.append(f"| {rows[0]['strategy']} | " + " | ".join(cells) + f" | {mean} | {seconds} |")
    return "\n".join(lines)


def _told(best: Sequence[float]) -> str:
    accuracy, test = best
    return f"{accuracy:.3f} ({test:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--space", default="nb201")
    parser.add_argument("--strategies", default=",".join([*SAMPLERS, *SUPERNET_STRATEGIES]))
    parser.add_argument("--candidates", type=int, help="scored (default: as `presage search` has it)")
    parser.add_argument("--shortlist", type=int, default=5)
    parser.add_argument("--max-macs", help="of the networks (default: no limit)")
    parser.add_argument("--no-blind", action="store_true", help="no random search beside the strategies")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.strategies = options.strategies.split(",")
    found = {Path(spec).stem: rows_of(spec, options.out / Path(spec).stem, options) for spec in options.datasets}
    (options.out / "results.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
