"""How many architectures are sampled, decoded, costed and encoded in one CPU second, so by one core in a second.

    python benchmarks/encode.py [--count 10000] [--space chain --space nb201] [--side 32]

CPU seconds of this process are counted, those of all its threads, so that other work on the machine does not show:
encoders share a batch between cores, and by the clock are faster. TAPAS (arXiv 1806.00250) reports over 100 predictions
a second, on a GPU.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from presage.architecture.batch.costs import batch_costs
from presage.architecture.encoders import GRAPH_FEATURE_NAMES, cost_features, graph_features, layer_sequence
from presage.architecture.spaces import SPACES, get_space

T = TypeVar("T")
CHUNK = 1000  # architectures at a time, as search asks for them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="architectures of each space")
    parser.add_argument("--space", action="append", help="may be given more than once")
    parser.add_argument("--side", type=int, default=32, help="side of the images, pixels")
    arguments = parser.parse_args()
    shape = (3, arguments.side, arguments.side)
    print(f"architectures per CPU second, {CHUNK} at a time; {len(GRAPH_FEATURE_NAMES)} graph features")
    print(
        f"{'space':26} {'nodes':>6}"
        + "".join(f" {what:>9}" for what in ("sample", "decode", "costs", "features", "layers"))
        + f" {'end to end':>11}"
    )
    for name in arguments.space or [*SPACES, "nb201:cells=5,width=16"]:
        print(measured(name, arguments.count, shape))


def measured(name: str, count: int, shape: tuple[int, int, int]) -> str:
    space, rng = get_space(name), np.random.default_rng(0)
    graph_features(space.decode_batch(space.sample(10, rng)), shape)  # first use imports and warms up
    spent = dict.fromkeys(("sample", "decode", "costs", "features", "layers"), 0.0)

    def timed(what: str, call: Callable[[], T]) -> T:
        begin = time.process_time()
        result = call()
        spent[what] += time.process_time() - begin
        return result

    nodes = done = 0
    while done < count:
        n = min(CHUNK, count - done)
        codes = timed("sample", lambda: space.sample(n, rng))  # noqa: B023  # called at once
        batch = timed("decode", lambda: space.decode_batch(codes))  # noqa: B023  # called at once
        timed("costs", lambda: batch_costs(batch, shape, 10))  # noqa: B023  # called at once
        timed("features", lambda: graph_features(batch, shape))  # noqa: B023  # called at once
        timed("features", lambda: cost_features(batch, shape, 10))  # noqa: B023  # called at once
        timed("layers", lambda: layer_sequence(batch, shape, 10))  # noqa: B023  # called at once
        nodes += len(batch.kind)
        done += n
    # the boosted trees read no layer sequence
    whole = sum(seconds for what, seconds in spent.items() if what != "layers")
    rates = " ".join(f"{count / seconds:9,.0f}" for seconds in spent.values())
    return f"{space.name:26} {nodes / count:6.1f} {rates} {count / whole:11,.0f}"


if __name__ == "__main__":
    main()
