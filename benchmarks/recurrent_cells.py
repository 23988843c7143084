"""How long a step of a recurrent cell takes, as a ratio to `torch.nn.LSTM` at equal sizes, in one process.

    python benchmarks/recurrent_cells.py [--hidden 128] [--batch 32] [--steps 35] [--threads 1] [--rounds 9]
        [--equal-parameters]

With `--equal-parameters` every cell has a state of the width that gives it about as many weights as the LSTM.

Forward and backward over a whole sequence, medians of CPU seconds over rounds in which each takes its turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.torch_bridge.recurrent import Recurrent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("hidden", 128), ("batch", 32), ("steps", 35), ("threads", 1), ("rounds", 9)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--equal-parameters", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    x = torch.randn(given.steps, given.batch, given.hidden)
    own = {name: Recurrent(published(name), given.hidden, _width(name, given)) for name in PUBLISHED}
    modules: dict[str, nn.Module] = {"torch.nn.LSTM": nn.LSTM(given.hidden, given.hidden), **own}
    seconds: dict[str, list[float]] = {name: [] for name in modules}
    for turn in range(given.rounds + 1):
        for name, module in modules.items():
            took = _timed(lambda module=module: module(x)[0].square().sum().backward())  # type: ignore[misc]
            if turn:  # the first warms up
                seconds[name].append(took)
    base = statistics.median(seconds["torch.nn.LSTM"])
    print(f"{'cell':14} {'µs a step':>10} {'ratio':>6} {'parameters':>11}")
    for name, module in modules.items():
        middle = statistics.median(seconds[name])
        parameters = sum(weight.numel() for weight in module.parameters())
        print(f"{name:14} {1e6 * middle / given.steps:10.0f} {middle / base:6.2f} {parameters:11,}")


def _width(name: str, given: argparse.Namespace) -> int:
    """Of the state."""
    if not given.equal_parameters:
        return int(given.hidden)
    cell, most = published(name), published("lstm").parameters(given.hidden, given.hidden)
    return max(hidden for hidden in range(1, 4 * given.hidden) if cell.parameters(hidden, given.hidden) <= most)


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
