"""How many of the networks that a strategy asks for in `nb101` compute different functions.

    python benchmarks/distinct_functions.py [--strategies random,evolution,bayes] [--asked 2000] [--batches 16,100]

A cell of NAS-Bench-101 is written in many ways: vertices can be renamed, and edges lead nowhere. What is asked for is
scored by a fixed function of the cell: each edge is worth a random number that depends on where it stands in the cell's
one spelling and on the operations at its ends; equal cells have equal scores. Cells are counted by that spelling,
functions by `network_keys`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces import NB101, Codes
from presage.search.sameness import network_keys
from presage.search.samplers.history import History
from presage.search.strategies import get_proposer

SPACE = NB101()
WORTH = np.random.default_rng(7).standard_normal((7, 7, 3, 3))


def score(codes: Codes) -> NDArray[np.float64]:
    """(n,) what the cells are worth."""
    graphs = SPACE.graphs(codes).spelled()
    found = np.zeros(len(codes))
    for source in range(7):
        for target in range(source + 1, 7):
            ends = graphs.operations[:, source], graphs.operations[:, target]
            found += graphs.edges[:, source, target] * WORTH[source, target, ends[0], ends[1]]
    return found


def row(strategy: str, batch: int, asked: int, seed: int) -> str:
    """A line of the table."""
    proposer, history, number = get_proposer(strategy, seed), History(len(SPACE.sizes)), 0
    began = time.process_time()
    while len(history) < asked:
        codes = proposer.propose(SPACE, history, min(batch, asked - len(history)), (seed, number)).codes
        codes, number = SPACE.normalise(codes[SPACE.valid(codes)]), number + 1
        history.extend(codes, score(codes)[:, None])
    seconds = time.process_time() - began
    cells = len(np.unique(SPACE.graphs(history.codes).spelled().key()))
    functions = len(np.unique(network_keys(SPACE.decode_batch(history.codes))))
    written = len(np.unique(history.codes, axis=0))
    best = float(history.values.max())
    return f"| {strategy} | {batch} | {seed} | {written} | {cells} | {functions} | {best:.2f} | {seconds:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--strategies", default="random,evolution,bayes")
    parser.add_argument("--asked", type=int, default=2000)
    parser.add_argument("--batches", default="16,100")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args(arguments)
    print("| strategy | batch | seed | codes | cells | functions | best | processor seconds |")
    for strategy in options.strategies.split(","):
        for batch in map(int, options.batches.split(",")):
            for seed in range(options.seeds):
                print(row(strategy, batch, options.asked, seed), flush=True)


if __name__ == "__main__":
    main()
