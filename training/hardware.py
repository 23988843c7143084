"""Devices and the versions that an experiment records."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from presage.errors import InvalidArgument
from presage.training.eager import keep_eager

__all__ = ["choose_device", "device_name", "one_thread", "versions"]


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device called `name`; `auto` is the first CUDA device where there is one, else the CPU.

    Raises:
        InvalidArgument: where torch knows no such device or it is not here.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InvalidArgument("device", "choose_device", "be auto, cpu or cuda", name) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidArgument("device", "choose_device", "be present on this machine", name, "Use auto or cpu.")
    return device


def prepare_hardware(device: torch.device) -> None:
    """Optimizers without the compiler; TensorFloat-32 and cuDNN's own choice of algorithm, on CUDA."""
    keep_eager()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def device_name(device: torch.device) -> str:
    """What an experiment records: the name of the card, or the processor and the threads used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor_name()}, {torch.get_num_threads()} threads" if device.type == "cpu" else str(device)


@cache
def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _presage_version() -> str:
    try:
        return metadata.version("presage")
    except metadata.PackageNotFoundError:  # run from a checkout where only torch and numpy are installed
        return "unknown"


def versions() -> dict[str, str]:
    """Versions that may change a result: presage, python, torch, numpy."""
    return {
        "presage": _presage_version(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread, for the calling Python thread: steps so small that more threads only wait for each other.

    The order of sums, too, must not depend on the machine's cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
