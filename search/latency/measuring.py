"""Latency on the machine at hand: measured for a few networks, estimated for the rest."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np
import torch

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Space
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArgument, WrongInput
from presage.files import read_json, write_json
from presage.search.latency.model import LatencyModel, fit_latency
from presage.training.hardware import choose_device, device_name, versions

__all__ = ["Latency", "LatencyMeter", "time_architecture", "time_network"]

NETWORKS = 60
"""Measured to fit an estimate of a space."""

_DRAWN = 600  # among which the measured ones are evenly spread by multiply-adds
_PASSES = 2  # over all networks
_WARM, _LEAST, _MOST, _SECONDS = 3, 9, 200, 0.05  # forward passes not timed, timed, and seconds that are enough


class Latency(Protocol):
    """Estimates latencies for a search, and measures those of its short-list."""

    @property
    def model(self) -> LatencyModel:
        """What estimates them."""

    def measure(self, architecture: Architecture) -> float:
        """Seconds of one forward pass, measured."""


@dataclass(frozen=True)
class LatencyMeter:
    """Latency of a space's networks on a device of this machine, for images of one shape.

    `model` is fitted to networks measured here and now, or read from `cache` where this machine, device, space and
    shape were measured before.

    Args:
        batch: images in a forward pass.
        device: `auto`, `cpu` or `cuda`.
        cache: folder of models; None keeps none.
        networks: number that are measured.
        on_network: told how many measurements are done, and of how many.
    """

    space: Space
    input_shape: tuple[int, int, int]
    classes: int
    batch: int = 1
    device: str = "auto"
    cache: Path | None = None
    networks: int = NETWORKS
    on_network: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InvalidArgument("batch", "LatencyMeter", "be at least 1", self.batch)
        if self.networks < 2:
            raise InvalidArgument("networks", "LatencyMeter", "be at least 2", self.networks)

    @cached_property
    def machine(self) -> dict[str, str]:
        """What latency depends on: the device (with its threads), and torch."""
        device = choose_device(self.device)
        return {"device": device_name(device), "type": device.type, "torch": versions()["torch"]}

    @property
    def path(self) -> Path | None:
        """Where the model is kept; another for each machine, space, shape and batch."""
        if self.cache is None:
            return None
        key = [self.machine, self.space.name, self.input_shape, self.classes, self.batch, self.networks]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.cache / f"{self.space.family}-{digest[:16]}.json"

    @cached_property
    def model(self) -> LatencyModel:
        """The fitted estimate."""
        path = self.path
        if path is not None and path.exists():
            try:
                return LatencyModel.from_json(read_json(path))
            except (WrongInput, OSError):  # damaged, or of an older presage: measured again
                pass
        graphs = self._sample()
        architectures = graphs.architectures()
        passes: list[list[float]] = []
        for number in range(_PASSES):
            passes.append([])
            for architecture in architectures:
                passes[-1].append(self.measure(architecture))
                if self.on_network is not None:
                    self.on_network(number * len(graphs) + len(passes[-1]), _PASSES * len(graphs))
        seconds = np.min(passes, axis=0).tolist()  # other work on the machine slows one pass, seldom both
        made = fit_latency(graphs, seconds, self.input_shape, self.classes, batch=self.batch, machine=self.machine)
        if path is not None:
            write_json(path, made.to_json())
        return made

    def measure(self, architecture: Architecture) -> float:
        """Seconds of one forward pass of the network, in evaluation mode: the median of repeated ones."""
        return time_architecture(architecture, self.input_shape, self.classes, batch=self.batch, device=self.device)

    def _sample(self) -> GraphBatch:
        """Networks of the space, evenly spread by multiply-adds."""
        codes = self.space.sample(max(_DRAWN, self.networks), np.random.default_rng(0))
        graphs = self.space.decode_batch(codes)
        order = np.argsort(batch_costs(graphs, self.input_shape, self.classes).multiply_adds, kind="stable")
        return graphs.take(order[np.linspace(0, len(order) - 1, self.networks).round().astype(np.int64)])


def time_architecture(
    architecture: Architecture, input_shape: tuple[int, int, int], classes: int, *, batch: int = 1, device: str = "auto"
) -> float:
    """As `time_network`, of an architecture with fresh weights; device as `auto`, `cpu` or `cuda`."""
    network = build(architecture.canonical, input_shape, classes)
    return time_network(network, input_shape, batch=batch, device=choose_device(device))


def time_network(
    network: torch.nn.Module, input_shape: tuple[int, int, int], *, batch: int = 1, device: torch.device
) -> float:
    """Median seconds of a forward pass of `batch` images ``(c, h, w)``, in evaluation mode, after a warm-up.

    On a GPU each pass is waited for: what a caller would wait.
    """
    network = network.to(device).eval()
    images = torch.zeros(batch, *input_shape, device=device)

    def once() -> float:
        began = time.perf_counter()
        network(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    with torch.inference_mode():
        for _ in range(_WARM):
            once()
        taken: list[float] = []
        while len(taken) < _LEAST or (len(taken) < _MOST and sum(taken) < _SECONDS):
            taken.append(once())
    return median(taken)
