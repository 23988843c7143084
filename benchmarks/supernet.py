"""How well super-nets rank networks: proxy accuracy against trained accuracy, and what each search on them finds.

    python benchmarks/supernet.py DATASET... --out FOLDER [--space nb201] [--methods enas,darts-first] [--networks 20]

On each dataset the same networks of the space are taken, trained fully by the recipe of the shipped experience: what
that experience has of them first (drawn at random over the range of costs, with nothing known of the dataset), then
random ones, trained here. Every method trains its super-net and gives each of them its proxy accuracy. Kendall τ says
how far the two orders agree: 1 is the same order, 0 is none. Beside it stands the τ of multiply-adds, which cost
nothing. Each method's own network is then trained fully as well, and placed among the others. Whatever is finished is
kept in the folder and not done again; a super-net that was killed goes on from its last epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from presage.architecture.batch.costs import batch_costs
from presage.architecture.graph import Architecture
from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Codes, Space
from presage.database import Database
from presage.files import read_json, write_json
from presage.search.strategies import SUPERNETS
from presage.search.supernet import OneShotSettings, SupernetEpoch
from presage.surrogate.metrics import kendall_tau
from presage.training import fit, load_dataset, prepare
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

CANDIDATES = 50  # that a method draws and scores, to find the best of, unless it derives one


def trained_before(path: Path, dataset: str, recipe: Recipe, space: Space) -> dict[str, dict[str, Any]]:
    """Architecture hash → parameters and accuracies of what the shipped experience trained on a dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Database.open(path, from_seed=True, seed_only_if_empty=True) as database:
        params = {record.hash: record.params for record in database.architecture_records(space=space.name)}
        records = database.experiment_records(dataset=dataset, recipe=recipe.hash, status="finished")
    return {
        record.architecture: {
            "params": params[record.architecture],
            "hash": record.architecture,
            **{name: getattr(record, name) for name in ("status", "accuracy", "test_accuracy", "seconds")},
        }
        for record in sorted(records, key=lambda record: record.architecture)
        if record.seed == 0 and record.architecture in params
    }


def different(space: Space, count: int, seed: int, before: dict[str, dict[str, Any]]) -> Codes:
    """(count, p) codes of different networks: some of those trained before, then others drawn at random."""
    rng = np.random.default_rng(seed)
    names = [sorted(before)[at] for at in rng.permutation(len(before))[:count]]
    found = {name: space.codes([before[name]["params"]])[0] for name in names}
    for code in space.sample(20 * count, rng):
        if len(found) == count:
            break
        found.setdefault(space.decode(space.params(code)).hash, code)
    return np.stack(list(found.values()))


def trained(architecture: Architecture, data: DeviceData, recipe: Recipe, folder: Path, seed: int) -> dict[str, Any]:
    """What became of the full training of one network; read where it was trained before."""
    path = folder / f"{architecture.hash[:16]}.json"
    if not path.exists():
        result = fit(architecture, data, recipe, seed=seed, checkpoint=path.with_suffix(".pt"), depth=False)
        summary = {name: getattr(result, name) for name in ("status", "accuracy", "test_accuracy", "seconds")}
        write_json(path, {"hash": architecture.hash, **summary})
        path.with_suffix(".pt").unlink(missing_ok=True)
    return dict(read_json(path))


def ranked(
    method: str, space: Space, codes: Codes, data: DeviceData, recipe: Recipe, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Proxy accuracies of the networks and the network found, by one method."""
    path = folder / f"{method}.json"
    names = [space.decode(space.params(code)).hash for code in codes]
    if path.exists() and read_json(path)["networks"] == names:
        return dict(read_json(path))
    settings = OneShotSettings(epochs=options.epochs)
    one = SUPERNETS.load(method)(space, data, recipe, settings=settings, seed=options.seed)

    def tell(record: SupernetEpoch, epochs: int) -> None:
        line = (
            f"{folder.name} {method} epoch {record.epoch + 1} of {epochs}: proxy accuracy {record.proxy_accuracy:.3f}"
        )
        print(line, file=sys.stderr, flush=True)

    report = one.train(folder / f"{method}.pt", tell)
    began = time.perf_counter()
    proxies = one.proxy_accuracy(codes)
    seconds = (time.perf_counter() - began) / len(codes)
    found = one.found
    if found is None:
        drawn = one.draw(CANDIDATES, (options.seed, 1))
        found = drawn[int(np.nanargmax(one.proxy_accuracy(drawn)))]
    summary = {
        "networks": names,
        "proxies": [None if np.isnan(value) else float(value) for value in proxies],
        "found": dict(space.params(found)),
        "seconds": report.seconds,
        "seconds a network scored": round(seconds, 4),
        "summary": report.summary,
    }
    write_json(path, summary)
    return summary


def measured(spec: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each method on a dataset."""
    space, recipe = get_space(options.space), Recipe(**json.loads(options.recipe))
    data = prepare(load_dataset(spec), recipe, options.device)
    before = trained_before(options.out / "experience.duckdb", data.fingerprint, recipe, space)
    codes = different(space, options.networks, options.seed, before)
    for row in before.values():
        path = folder / "networks" / f"{row['hash'][:16]}.json"
        if not path.exists():
            write_json(path, {name: row[name] for name in row if name != "params"})
    architectures = [space.decode(space.params(code)) for code in codes]
    results = []
    for number, architecture in enumerate(architectures):
        results.append(trained(architecture, data, recipe, folder / "networks", options.seed))
        print(f"{folder.name} network {number + 1} of {len(codes)}: {results[-1]}", file=sys.stderr, flush=True)
    known = np.array([one["accuracy"] is not None for one in results])
    truth = np.array([one["accuracy"] for one in results if one["accuracy"] is not None])
    costs = batch_costs(space.decode_batch(codes), data.input_shape, data.classes).multiply_adds
    rows: list[dict[str, Any]] = [
        {"method": "multiply-adds", "tau": kendall_tau(truth, costs[known].astype(float))},
    ]
    for method in options.methods:
        summary = ranked(method, space, codes, data, recipe, folder, options)
        proxies = np.array([np.nan if value is None else value for value in summary["proxies"]])[known]
        there = np.isfinite(proxies)
        own = trained(space.decode(summary["found"]), data, recipe, folder / "networks", options.seed)
        rows.append(
            {
                "method": method,
                "tau": kendall_tau(truth[there], proxies[there]) if there.sum() > 1 else None,
                "proxy of the best": None if not there.any() else float(proxies[there].max()),
                "found": own["accuracy"],
                "found, test": own["test_accuracy"],
                "better networks": int((truth > (own["accuracy"] or 0.0)).sum()),
                "seconds": summary["seconds"],
                "summary": summary["summary"],
            }
        )
    write_json(folder / "rows.json", {"networks": results, "rows": rows})
    best = f"{truth.max():.3f}, mean {truth.mean():.3f}"
    print(f"\n{folder.name}: {len(truth)} random networks of {space.name}, trained: best {best}\n\n{markdown(rows)}")
    return rows


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table."""
    columns = ("method", "tau", "found", "found, test", "better networks", "seconds")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = [row.get(column) for column in columns]
        lines.append(
            "| " + " | ".join("" if c is None else f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells) + " |"
        )
    return "\n".join([*lines, "", *(row["summary"] for row in rows if "summary" in row)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--space", default="nb201")
    parser.add_argument("--methods", default=",".join(SUPERNETS))
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--epochs", type=int, help="of the super-nets (default: each method's own)")
    parser.add_argument("--recipe", default="{}", help='fields of the recipe as JSON, such as {"image_side": 8}')
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.methods = options.methods.split(",")
    for spec in options.datasets:
        measured(spec, options.out / Path(spec).stem, options)


if __name__ == "__main__":
    main()
