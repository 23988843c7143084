"""One probe: the probe net trained for its fixed short budget by training's own loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import torch

from presage.errors import Diverged, InvalidArgument, OutOfMemory
from presage.probe.curve import dcn
from presage.probe.description import describe
from presage.probe.net import ProbeNet
from presage.probe.noise import HeldOutImages
from presage.probe.protocol import PROBE_RECIPE, PROBE_VERSION
from presage.training.augment import resized
from presage.training.data import DeviceData, prepare
from presage.training.datasets.loading import ImageDataset
from presage.training.failures import failure_of
from presage.training.hardware import choose_device, device_name, one_thread, versions
from presage.training.loop import EpochRecord, fixed_randomness, logits_of, train
from presage.training.recipe import Recipe

__all__ = ["ProbeRun", "clock_of", "run_probe", "trained_probe"]

MOST_HELD_OUT = 3_000
"""Most training images, beside those trained on, that a probe predicts to look for label noise."""


@dataclass(frozen=True, eq=False)
class ProbeRun:
    """A finished probe of one dataset with one seed.

    Attributes:
        version: the probe protocol, `PROBE_VERSION`.
        fingerprint, name: of the dataset.
        seed: of weights and batches; every seed has the same split.
        dcn: Dataset Characterization Number, in [0, 1].
        curve: validation accuracy after each epoch (e,).
        seconds: of preparing the data, training and validating: processor time on a CPU (all threads; what else the
            machine does hardly changes it), elapsed time on a GPU.
        confusion: validation images of true class (row) predicted as class (column) after the last epoch (k, k).
        chance: share of the commonest class among the training images; what constant guessing reaches.
        classes: names of the k classes.
        description: `presage.probe.describe` of the dataset.
        held_out: predictions from which label noise is suspected; None where the run was read back from a database.
    """

    version: str
    fingerprint: str
    name: str
    seed: int
    dcn: float
    curve: tuple[float, ...]
    seconds: float
    device: str
    versions: dict[str, str]
    created_at: str
    confusion: npt.NDArray[np.int64]
    chance: float
    classes: tuple[str, ...]
    description: dict[str, float] = field(repr=False)
    held_out: HeldOutImages | None = field(default=None, repr=False)


def run_probe(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    on_epoch: Callable[[EpochRecord], None] | None = None,
    description: dict[str, float] | None = None,
) -> ProbeRun:
    """Train the probe net on `dataset` for ten epochs and read off its DCN.

    The dataset's test images take no part. The same seed on the same kind of CPU gives the same curve, however many
    cores it has: a probe is by one thread, as the steps are so small that more would mostly wait for each other.

    Args:
        seed: of weights and batches; not negative.
        device: `auto`, `cpu`, `cuda` or a torch device.
        on_epoch: called with the record of each epoch, for progress.
        description: `presage.probe.describe` of the dataset, from a probe of it by another seed: it is the same.

    Raises:
        InvalidArgument: a negative seed, or a device that is not there.
        Diverged: the loss became NaN or infinite in the first epoch. A later divergence ends the curve there.
        OutOfMemory: the device's memory was exhausted.
    """
    if seed < 0:
        raise InvalidArgument("seed", "run_probe", "be at least 0", seed)
    target = choose_device(device)
    with one_thread():
        return _run(dataset, seed, target, on_epoch, description)


def _run(
    dataset: ImageDataset,
    seed: int,
    target: torch.device,
    on_epoch: Callable[[EpochRecord], None] | None,
    description: dict[str, float] | None,
) -> ProbeRun:
    clock = clock_of(target)
    began = clock()
    net, data, curve = trained_probe(dataset, PROBE_RECIPE, seed, target, on_epoch)
    predicted = logits_of(net, data.x_validation, data).argmax(dim=1).cpu().numpy()
    seconds = clock() - began
    confusion = np.zeros((data.classes, data.classes), dtype=np.int64)
    np.add.at(confusion, (data.y_validation.cpu().numpy(), predicted), 1)
    return ProbeRun(
        version=PROBE_VERSION,
        fingerprint=dataset.fingerprint,
        name=dataset.name,
        seed=seed,
        dcn=dcn(curve),
        curve=curve,
        seconds=seconds,
        device=device_name(target),
        versions=versions(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        confusion=confusion,
        chance=float(np.bincount(dataset.y_train).max() / len(dataset.y_train)),
        classes=dataset.classes,
        description=describe(dataset) if description is None else description,
        held_out=_held_out(dataset, net, data, seed),
    )


def clock_of(device: torch.device) -> Callable[[], float]:
    """What a probe's seconds are of: processor time on a CPU, elapsed time on a GPU."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def trained_probe(
    dataset: ImageDataset,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> tuple[ProbeNet, DeviceData, tuple[float, ...]]:
    """The probe net trained by one thread, what it was trained on, and its validation accuracy by epoch (e,).

    Raises:
        Diverged, OutOfMemory: as `run_probe`.
    """
    data = prepare(dataset, recipe, device)
    with fixed_randomness(seed, device):
        net = ProbeNet(data.input_shape[0], data.classes, recipe.image_side)
    curve: list[float] = []
    try:
        with one_thread():
            for record in train(net, data, recipe, seed=seed, device=device):
                curve.append(record.validation_accuracy)
                if on_epoch:
                    on_epoch(record)
    except Diverged:
        if not curve:
            raise
    except (MemoryError, RuntimeError) as error:
        if (failure := failure_of(error)) is None:
            raise
        raise OutOfMemory(f"The probe of `{dataset.name}` ran out of memory: {failure[1]}") from None
    return net, data, tuple(curve)


def _held_out(dataset: ImageDataset, net: ProbeNet, data: DeviceData, seed: int) -> HeldOutImages:
    trained = np.zeros(len(dataset.y_train), dtype=bool)
    trained[data.train_images] = True
    trained[data.validation_images] = True
    unused = np.flatnonzero(~trained)
    room = max(0, MOST_HELD_OUT - len(data.validation_images))
    if len(unused) > room:
        unused = np.sort(np.random.default_rng(seed).choice(unused, room, replace=False))
    pixels = torch.from_numpy(np.ascontiguousarray(dataset.x_train[unused].transpose(0, 3, 1, 2)))
    images = torch.cat([data.x_validation, resized(pixels, PROBE_RECIPE.image_side).to(data.device)])
    probabilities = logits_of(net, images, data).softmax(dim=1).cpu().numpy()
    rows = np.concatenate([data.validation_images, unused])
    files = () if dataset.files is None else tuple(dataset.files.names[row] for row in rows)
    return HeldOutImages(rows, dataset.y_train[rows], probabilities, files)
