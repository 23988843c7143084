"""What a training step takes, by pieces of a network's work: the weights of `presage.search.latency.training_work`.

    python benchmarks/training_time.py [--networks 140] [--side 32] [--out TIMES.json] [--precision auto]

Random networks of five spaces, of 1 to 40 million multiply-adds, are trained for a few steps by one thread each
(`presage.training.timing.timed`: augmentation, forward, backward and optimiser), in an order that mixes the spaces.
Weights of at least 0 are fitted to them by relative least squares; every fourth network is held out first, to tell the
error. Beside it, the error of multiply-adds alone.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.architecture.spaces import get_space
from presage.search.latency.model import fit_latency
from presage.search.latency.work import WORK
from presage.training.recipes import RECIPES
from presage.training.timing import timed

SPACES = {
    "stages": 0.4, "chain": 0.2, "chain:layers=16": 0.1, "mobile:width=24": 0.1, "nb201:width=16": 0.1,
    "blocks:width=16": 0.1,
}  # fmt: skip
SIZES = (1e6, 40e6)
CLASSES = 10

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--networks", type=int, default=140)
parser.add_argument("--side", type=int, default=32)
parser.add_argument("--precision", default="auto")
parser.add_argument("--out", type=Path, help="times that were measured, and that a second call goes on from")


def main() -> None:
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shape = (3, arguments.side, arguments.side)
    recipe = replace(RECIPES["thorough"], image_side=arguments.side, precision=arguments.precision)
    known = json.loads(arguments.out.read_text()) if arguments.out and arguments.out.exists() else []
    for network in drawn(arguments.networks, shape)[len(known) :]:
        timing = timed(network, shape, CLASSES, recipe)
        known.append([to_json(network), None if timing is None else timing.image])
        if arguments.out:
            arguments.out.write_text(json.dumps(known))
    kept = [(from_json(network), seconds) for network, seconds in known if seconds is not None]
    graphs, seconds = GraphBatch.of([network for network, _ in kept]), [seconds for _, seconds in kept]
    model = fit_latency(graphs, seconds, shape, CLASSES)
    work = batch_costs(graphs, shape, CLASSES).multiply_adds / 1e6
    rate = np.array(seconds) / work
    print(f"{len(kept)} networks; microseconds a million multiply-adds: {np.quantile(rate, [0, 0.5, 1]) * 1e6}")
    alone = np.median(np.abs(np.median(rate) * work / seconds - 1))
    print(f"multiply-adds alone: off by {alone:.0%} in the median, tau {kendalltau(work, seconds).statistic:.2f}")
    print(f"all pieces: off by {model.error:.0%} in the median, tau {model.rank:.2f}, on {model.held_out} held out")
    for name, weight in zip(WORK, model.weights, strict=True):
        print(f"    {weight:.3e},  # {name}")


def drawn(n: int, shape: tuple[int, int, int]) -> list[Architecture]:
    """Networks of all spaces, evenly spread by the logarithm of their size, in random order."""
    rng = np.random.default_rng(0)
    found: list[Architecture] = []
    for name, share in SPACES.items():
        space = get_space(name)
        codes = space.sample(1000, rng)
        size = np.log(batch_costs(space.decode_batch(codes), shape, CLASSES).multiply_adds)
        for wanted in np.linspace(*np.log(SIZES), round(share * n)):
            row = int(np.argmin(np.abs(size - wanted)))
            size[row] = np.inf
            found.append(space.decode(space.params(codes[row])).canonical)
    return [found[at] for at in rng.permutation(len(found))]


if __name__ == "__main__":
    main()
