"""Networks at a fifth of their multiply-adds: predicted and trained loss, beside plain scaled-down versions.

    python benchmarks/shrinking.py DATASET... [--seeds 3] [--share 0.2] [--trained] [--sparse] [--out DIR]

Two networks, a ResNet-18 for small images (12 channels in its first stage) and a shorter one of residual blocks and
plain convolutions, are shrunk on every dataset for every seed by the usual recipe. With `--trained` each is trained
first, and its channels are removed by magnitude and by Fisher information too; predictions then know its training. Each
shrinking predicts from a database of its own that knows the dataset's probes and the shipped experience.

Printed are means over seeds, in points of accuracy against the network itself: what was predicted of the version that
presage would give, what it came to on validation and on test images, and what each kind of version came to on test
images. What has been done is read from the folder `--out`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import presage
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.spaces import get_space
from presage.output import table
from presage.training import ImageDataset, Recipe, load_dataset

NETWORKS: dict[str, tuple[str, int, int, tuple[str, ...]]] = {
    "resnet18": ("stride", 12, 2, ("residual",) * 4),
    "stages": ("max_pool", 16, 2, ("residual", "residual", "convolution")),
}
"""Name → how sides are halved, channels of the first stage, blocks of a stage, and what they are, stage by stage."""
CANDIDATES = 60


def network(name: str) -> Architecture:
    """One of `NETWORKS`, each stage twice as wide as the one before."""
    down, width, depth, blocks = NETWORKS[name]
    space = get_space("stages")
    chosen = {parameter.name: parameter.choices[0] for parameter in space.parameters}
    chosen |= {"stages": len(blocks), "width": width, "stem": "convolution", "down": down}
    for stage, block in enumerate(blocks, start=1):
        chosen |= {f"stage{stage}.block": block, f"stage{stage}.depth": depth}
        chosen |= {f"stage{stage}.quarters": 8} if stage > 1 else {}
    return space.decode(chosen).canonical


def shrunk(name: str, dataset: ImageDataset, seed: int, base: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The result of one shrinking, as JSON; read where it was done before."""
    folder = options.out / f"{name}-{dataset.name}-{seed}"
    if (folder / "result.json").exists():
        return dict(json.loads((folder / "result.json").read_text()))
    database, recipe, own = folder / "experience.duckdb", Recipe(), network(name)
    if not database.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(base, database)
    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    most = int(options.share * costs(own, shape, len(dataset.classes)).multiply_adds)
    shared = {"database": database, "seed": seed}
    given: Any = own
    if options.trained:
        (row,) = presage.train(dataset, [own], recipe=recipe, out=folder / "models", **shared)
        given = presage.load(row.model)
    found = presage.shrink(
        given, dataset, max_macs=most, recipe=recipe, run_folder=folder / "run", candidates=CANDIDATES,
        sparse=options.sparse, **shared,
    )  # fmt: skip
    (folder / "result.json").write_text(json.dumps(found.to_json()))
    return found.to_json()


def losses(result: Mapping[str, Any]) -> dict[str, float]:
    """Points lost or won against the network itself, by what is told of which version."""
    original, *others = result["networks"]
    trained = [one for one in others if one["role"] != "sparse" and one["accuracy"] is not None]
    best = max(trained, key=lambda one: one["accuracy"])
    found = {"predicted": best["predicted"] - original["predicted"]}
    found |= {
        "best": best["accuracy"] - original["accuracy"],
        "best, test": best["test_accuracy"] - original["test_accuracy"],
    }
    for one in others:
        if one["test_accuracy"] is not None:
            kind = f"{one['kind']}, test"
            found[kind] = max(found.get(kind, -1.0), one["test_accuracy"] - original["test_accuracy"])
    return {kind: 100 * value for kind, value in found.items()}


def rows(results: Mapping[tuple[str, str], list[dict[str, float]]]) -> Iterator[tuple[str, ...]]:
    """A line for each network on each dataset, under `predicted`, `best` … as far as any has it."""
    kinds = list(dict.fromkeys(kind for several in results.values() for one in several for kind in one))
    yield ("network", "dataset", "seeds", *kinds)
    for (name, dataset), several in results.items():
        told = [[one[kind] for one in several if kind in one] for kind in kinds]
        yield (name, dataset, str(len(several)), *(f"{mean(values):+.1f}" if values else "" for values in told))


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/shrinking"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for seed in range(options.seeds):
        for spec in options.datasets:
            dataset = load_dataset(spec)
            base = options.out / f"{dataset.name}.duckdb"
            presage.probe(dataset, database=base)
            for name in NETWORKS:
                result = shrunk(name, dataset, seed, base, options)
                found.setdefault((name, dataset.name), []).append(losses(result))
                print(result["answer"], flush=True)
    header, *lines = rows(found)
    print(table(header, lines))


if __name__ == "__main__":
    main()
