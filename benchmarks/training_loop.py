"""The training loop against a tight one written by hand and a DataLoader's; trainings side by side against in turn.

    python benchmarks/training_loop.py [--rounds 5] [--side 32] [--threads 1] [--workers 2]

The same network takes the same epoch: by `presage.training.train` without depth heads; by a loop that does nothing but
what a step needs, in the same precision and memory format; and by one that loads, augments and collates image by image
(torchvision transforms, float32, contiguous). Turn by turn, so that other work on the machine meets all; medians of
CPU seconds. Then four networks are trained one after the other by all threads of this process, and in processes of one
thread, turn by turn too, by the clock and in CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from presage.architecture.graph import Architecture
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.training.augment import augmented, normalised
from presage.training.data import DeviceData
from presage.training.executors import side_by_side
from presage.training.fitting import fit
from presage.training.loop import train
from presage.training.precision import precision_of
from presage.training.recipe import Recipe

IMAGES, SCORED, CLASSES = 1024, 64, 10
SPACES = ("blocks", "nb201:cells=1,width=16", "chain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1, help="of the loops that are compared")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    every = torch.get_num_threads()
    torch.set_num_threads(arguments.threads)
    data = noise(arguments.side)
    recipe = Recipe(epochs=1, image_side=arguments.side, train_images=None, shift=2, flip=True, least_epoch_images=1)
    print(f"{'network':26} {'precision':9} {'presage s':>9} {'by hand':>8} {'DataLoader':>10}   (times presage's)")
    for name in SPACES:
        print(f"{name:26} " + compared(network(name, 0), data, recipe, arguments.rounds), flush=True)
    torch.set_num_threads(every)
    print(in_turn_and_at_once(data, replace(recipe, epochs=3), arguments.workers, max(arguments.rounds // 2, 1)))


def network(space: str, seed: int) -> Architecture:
    drawn = get_space(space)
    return drawn.decode_batch(drawn.sample(1, np.random.default_rng(seed))).architecture(0).canonical


def noise(side: int) -> DeviceData:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (IMAGES + SCORED, 3, side, side), generator=generator, dtype=torch.uint8)
    y = torch.arange(IMAGES + SCORED) % CLASSES
    return DeviceData(
        name="noise", fingerprint="0" * 64, classes=CLASSES,
        x_train=x[:IMAGES], y_train=y[:IMAGES], x_validation=x[IMAGES:], y_validation=y[IMAGES:],
        x_test=x[:0], y_test=y[:0], mean=torch.full((3,), 127.5), deviation=torch.full((3,), 73.9),
        train_images=np.arange(IMAGES), validation_images=np.arange(IMAGES, IMAGES + SCORED),
    )  # fmt: skip


def compared(architecture: Architecture, data: DeviceData, recipe: Recipe, rounds: int) -> str:
    precision = precision_of(architecture, data, recipe)
    low = precision == "bfloat16"
    ways: dict[str, Callable[[nn.Module], object]] = {
        "presage": lambda module: list(train(module, data, recipe, seed=0, taps=())),
        "by hand": lambda module: by_hand(module, data, recipe, low),
        "loader": lambda module: by_loader(module, data, recipe, low),
    }
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, epoch in ways.items():
            torch.manual_seed(0)
            module = build(architecture, data.input_shape, data.classes)
            began = time.process_time()
            epoch(module)
            spent[way].append(time.process_time() - began)
    ours, hand, loader = (statistics.median(spent[way][1:]) for way in ways)
    return f"{precision:9} {ours:9.2f} {hand / ours:8.2f} {loader / ours:10.2f}"


def step(module: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, low: bool) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
        logits = module(x)
    F.cross_entropy(logits.float(), y, label_smoothing=0.1).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def optimizer_of(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=recipe.weight_decay, fused=True)


def by_hand(module: nn.Module, data: DeviceData, recipe: Recipe, low: bool) -> None:
    module = module.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload, unused-ignore]
    optimizer = optimizer_of(module, recipe)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(IMAGES, generator=generator)
    for rows in torch.split(order, recipe.batch):
        images = augmented(data.x_train[rows], shift=recipe.shift, flip=recipe.flip, generator=generator)
        step(module, optimizer, normalised(images, data.mean, data.deviation), data.y_train[rows], low)


class Images(Dataset[tuple[torch.Tensor, int]]):
    """One image at a time, as torchvision's tutorials have it."""

    def __init__(self, data: DeviceData, recipe: Recipe) -> None:
        from torchvision.transforms import v2

        side = recipe.image_side
        self.data = data
        self.transform = v2.Compose(
            [
                v2.RandomCrop(side, padding=recipe.shift, padding_mode="edge"),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.5,) * 3, (0.29,) * 3),
            ]
        )

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.data.x_train[row]), int(self.data.y_train[row])


def by_loader(module: nn.Module, data: DeviceData, recipe: Recipe, low: bool) -> None:
    """As many write it: float32, contiguous."""
    module.train()
    optimizer = optimizer_of(module, recipe)
    for x, y in DataLoader(Images(data, recipe), batch_size=recipe.batch, shuffle=True):
        step(module, optimizer, x, y, low=False)


def in_turn_and_at_once(data: DeviceData, recipe: Recipe, workers: int, rounds: int) -> str:
    networks = [network(SPACES[1], seed) for seed in range(4)]
    spent: dict[str, list[tuple[float, float]]] = {"in turn": [], "at once": []}
    with tempfile.TemporaryDirectory() as folder, side_by_side(workers, "cpu", Path(folder) / "images") as beside:
        for number in range(rounds + 1):
            for way, clocks in spent.items():
                places = [Path(folder) / f"{number}-{at}" / "checkpoint.pt" for at in range(4)]
                began, used = time.perf_counter(), cpu_seconds(beside)
                if way == "in turn":
                    for one in networks:
                        fit(one, data, recipe, depth=False, test=False)
                else:
                    how = {"seed": 0, "test": False, "depth": False}
                    for at, one in enumerate(networks):
                        for later in range(at, 4):
                            if not beside.begin(networks[later], data, recipe, checkpoint=places[later], **how):  # type: ignore[arg-type]
                                break
                        beside.result(
                            one, data, recipe, checkpoint=places[at], on_epoch=lambda record: None, **how  # type: ignore[arg-type]
                        )  # fmt: skip
                clocks.append((time.perf_counter() - began, cpu_seconds(beside) - used))
    (turn, turn_cpu), (once, once_cpu) = (
        [statistics.median(column) for column in zip(*clocks[1:], strict=True)] for clocks in spent.values()
    )
    return (
        f"4 networks: {turn:.1f} s in turn by {torch.get_num_threads()} threads, {once:.1f} s by {workers} processes of"
        f" one ({turn / once:.2f} times as fast); CPU {turn_cpu:.1f} and {once_cpu:.1f} s"
    )


def cpu_seconds(beside: object) -> float:
    """Of this process and of its workers, by /proc: they are still running."""
    total = time.process_time()
    executor = getattr(beside, "executor", None)
    tick = 1 / os.sysconf("SC_CLK_TCK")
    for process in executor.process_ids if executor is not None else ():
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += tick * (int(fields[11]) + int(fields[12]))
    return total


if __name__ == "__main__":
    main()
