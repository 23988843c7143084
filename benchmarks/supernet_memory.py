"""What a step of `proxyless` holds in memory beside one of `darts-first`: activations kept for the backward pass.

    python benchmarks/supernet_memory.py [--spaces mobile,nb201,darts] [--batch 64] [--side 16] [--draws 20]

No dataset is needed: what is held depends on shapes alone. Counted by torch's hooks for saved tensors
(`presage.search.supernet.memory`), each memory once, weights apart: so much is added to whatever else a process holds.
For `proxyless` the mean over draws of two paths, evenly, and the largest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from presage.architecture.spaces import get_space
from presage.search.supernet.memory import held_for_backward
from presage.search.supernet.mixed import MixedNetwork

CLASSES = 10


def row(name: str, batch: int, side: int, draws: int) -> str:
    """A line of the table, in millions of bytes."""
    relaxation = get_space(name).relaxation
    if relaxation is None:
        raise SystemExit(f"{name} has no relaxation")
    network = MixedNetwork(relaxation.mixture(), (3, side, side), CLASSES).train()
    weights = list(network.parameters())
    x, y = torch.randn(batch, 3, side, side), torch.zeros(batch, dtype=torch.long)
    available = relaxation.available
    shares = torch.from_numpy(available / available.sum(axis=1, keepdims=True)).float().requires_grad_()
    edges = torch.ones(len(available))
    mixture = held_for_backward(lambda: F.cross_entropy(network.mixed(x, shares, edges), y), weights)
    rng = np.random.default_rng(0)
    one, two = list[int](), list[int]()
    for _ in range(draws):
        columns = np.argsort(-(rng.random(available.shape) + available), axis=1)[:, :2]
        path, beside = (np.arange(available.shape[1]) == columns[:, at : at + 1] for at in (0, 1))
        gates = torch.from_numpy(path).float().requires_grad_()
        one.append(held_for_backward(lambda p=path: F.cross_entropy(network.alone(x, p), y), weights))  # type: ignore[misc]
        two.append(
            held_for_backward(
                lambda p=path, b=beside, g=gates: F.cross_entropy(network.gated(x, p, b, g), y),  # type: ignore[misc]
                weights,
            )
        )
    means = [np.mean(counts) / 1e6 for counts in (one, two)]
    return (
        f"| `{name}` | {mixture / 1e6:.1f} | {means[0]:.1f} | {means[1]:.1f} ({max(two) / 1e6:.1f}) "
        f"| {mixture / 1e6 / means[1]:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--spaces", default="mobile,nb201,darts", help="separated by spaces where they hold commas")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=16)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    print("| space | `darts-first` | `proxyless`, weights | `proxyless`, architecture (most) | times as much |")
    print("|---|---:|---:|---:|---:|")
    names = options.spaces.split() if " " in options.spaces else options.spaces.split(",")
    for name in names:
        print(row(name, options.batch, options.side, options.draws), flush=True)


if __name__ == "__main__":
    main()
