"""How much faster networks train in bfloat16 on this CPU, and what the rule of `presage.training.precision` loses.

    python benchmarks/precision.py [--minutes 10] [--threads 1] [--keep FILE] [--contiguous] [--fit]

Networks drawn from the spaces of `presage.training.recipe_design`, at sides of 16 to 64 and batches of 32 to 128, take
the same steps in float32 and in bfloat16, turn by turn, so that other work on the machine meets both; medians of CPU
seconds are compared. The rule's regret is by how many times longer a step takes than in the better precision. `--fit`
fits the prices anew and tells their regret on networks left out. `--keep` appends what was measured to a file of JSON
lines and counts in what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.architecture.spaces import get_space

SIDES, BATCHES, CLASSES = (16, 24, 32, 48, 64), (32, 64, 64, 128), 10
MOST_WORK, MOST_ELEMENTS = 40e9, 3e8  # of a step: multiply-adds, and numbers that its operations give
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """CPU seconds of a step of one network, by precision and memory format."""

    space: str
    side: int
    batch: int
    threads: int
    architecture: dict[str, Any]
    multiply_adds: int
    seconds: dict[str, float]

    @property
    def gain(self) -> float:
        """By how many times bfloat16 is faster."""
        return self.seconds["float32"] / self.seconds["bfloat16"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of measuring; 0: only what is kept")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="file of JSON lines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--contiguous", action="store_true", help="measure tensors that are not channels-last, too")
    parser.add_argument("--fit", action="store_true", help="fit the prices anew")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # before torch is imported
    found = [Measured(**json.loads(line)) for line in _lines(arguments.keep)]
    print(
        f"{'network':36} {'side':>4} {'batch':>5} {'M mult-adds':>11} {'float32 ms':>10}  gain of bfloat16 (and others)"
    )
    until = time.monotonic() + 60 * arguments.minutes
    drawn = measured(arguments.seed, arguments.threads, arguments.contiguous)
    while time.monotonic() < until:
        one = next(drawn)
        found.append(one)
        others = " ".join(f"{name} {one.seconds['float32'] / each:.2f}" for name, each in one.seconds.items())
        print(
            f"{one.space:36} {one.side:4} {one.batch:5} {one.multiply_adds / 1e6:11.1f}"
            f" {1e3 * one.seconds['float32']:10.1f}  {others}",
            flush=True,
        )
        if arguments.keep:
            with arguments.keep.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
    tell(found)
    if arguments.fit:
        tell_fit(found)


def measured(seed: int, threads: int, contiguous: bool) -> Iterator[Measured]:
    """Networks drawn and measured, without end."""
    from presage.training.recipe_design import SCALED

    rng = np.random.default_rng(seed)
    modes = {"float32": (False, True), "bfloat16": (True, True)}
    if contiguous:
        modes |= {"float32 contiguous": (False, False), "bfloat16 contiguous": (True, False)}
    while True:
        family = SCALED[rng.integers(len(SCALED))]
        name = family[rng.integers(len(family))]
        space = get_space(name)
        architecture = space.decode_batch(space.sample(1, rng)).architecture(0).canonical
        side, batch = int(rng.choice(SIDES)), int(rng.choice(BATCHES))
        shape = (3, side, side)
        cost = costs(architecture, shape, CLASSES)
        elements = sum(int(np.prod(each)) for each in architecture.shapes(shape, CLASSES))
        if 3 * cost.multiply_adds * batch > MOST_WORK or elements * batch > MOST_ELEMENTS:
            continue
        steps = {mode: step(architecture, side, batch, *how) for mode, how in modes.items()}
        spent: dict[str, list[float]] = {mode: [] for mode in modes}
        began = time.monotonic()
        while len(spent["float32"]) < 4 or (time.monotonic() - began < 1.5 and len(spent["float32"]) < 12):
            for mode, take in steps.items():
                before = time.process_time()
                take()
                spent[mode].append(time.process_time() - before)
        seconds = {mode: statistics.median(each) for mode, each in spent.items()}
        yield Measured(name, side, batch, threads, to_json(architecture), cost.multiply_adds, seconds)


def step(architecture: Architecture, side: int, batch: int, low: bool, last: bool) -> Callable[[], None]:
    """A training step, warmed up."""
    import torch
    import torch.nn.functional as F

    from presage.architecture.torch_bridge.build import build

    torch.manual_seed(0)
    memory = torch.channels_last if last else torch.contiguous_format
    network = build(architecture, (3, side, side), CLASSES).to(memory_format=memory)  # type: ignore[call-overload, unused-ignore]
    images = torch.randn(batch, 3, side, side).contiguous(memory_format=memory)
    labels = torch.arange(batch) % CLASSES
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def take() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = network(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    take()
    take()
    return take


def tell(found: list[Measured]) -> None:
    """The gain by side and size, and the rule's regret."""
    from presage.training.precision import BFLOAT16, FLOAT32, LEAST_GAIN

    work = _work(found)
    chosen = work @ np.array(FLOAT32) > LEAST_GAIN * (work @ np.array(BFLOAT16))
    gain = np.array([one.gain for one in found])
    print(f"\n{len(found)} networks; bfloat16 is faster for {np.mean(gain > 1):.0%}")
    for side in SIDES:
        rows = np.array([one.side == side for one in found])
        if rows.any():
            print(
                f"side {side}: gain of bfloat16 {_mean(gain[rows]):.2f} (from {gain[rows].min():.2f} to"
                f" {gain[rows].max():.2f}); the rule takes it for {np.mean(chosen[rows]):.0%}"
            )
    print("all: " + _regret(gain, chosen))


def tell_fit(found: list[Measured]) -> None:
    """Prices fitted to all, and the regret where they are fitted without a fifth of the networks each."""
    from presage.training.precision import LEAST_GAIN, Prices

    work = _work(found)
    seconds = [np.array([one.seconds[mode] for one in found]) for mode in ("float32", "bfloat16")]
    prices = [_fitted(work, each) for each in seconds]
    for name, low, high in zip(Prices._fields, *prices, strict=True):
        print(f"{name:16} {low:.3g} {high:.3g}")
    chosen = np.zeros(len(found), bool)
    fold = np.arange(len(found)) % 5
    for one in range(5):
        low, high = (work[fold == one] @ _fitted(work[fold != one], each[fold != one]) for each in seconds)
        chosen[fold == one] = low > LEAST_GAIN * high
    print("left out: " + _regret(seconds[0] / seconds[1], chosen))


def _fitted(work: Floats, seconds: Floats) -> Floats:
    """Prices of at least zero: least squares of relative errors, with a little pull to zero."""
    from scipy.optimize import nnls

    scale = work.mean(axis=0) + 1e-12
    rows = np.vstack([work / scale / seconds[:, None], 0.02 * np.eye(len(scale))])
    found, _ = nnls(rows, np.concatenate([np.ones(len(seconds)), np.zeros(len(scale))]))
    return np.asarray(found / scale)


def _regret(gain: Floats, chosen: NDArray[np.bool_]) -> str:
    took, best = np.where(chosen, gain, 1.0), np.maximum(gain, 1.0)
    regret = best / took
    return (
        f"by the rule {_mean(took):.3f} times as fast as float32 (by the better of both {_mean(best):.3f});"
        f" regret {_mean(regret):.3f}, worst {regret.max():.2f}; slowest against float32 {took.min():.2f}"
    )


def _mean(values: Floats) -> float:
    return float(np.exp(np.log(values).mean()))


def _work(found: list[Measured]) -> Floats:
    from presage.training.precision import step_work

    return np.array(
        [step_work(from_json(one.architecture), (3, one.side, one.side), CLASSES, one.batch) for one in found]
    )


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path and path.exists() else []


if __name__ == "__main__":
    main()
