"""What `--workers` means: where networks are trained, and how many at once. Nothing heavy is imported."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from importlib.util import find_spec

from presage.errors import InvalidArgument, WrongInput

__all__ = [
    "AUTO_WORKERS",
    "FORMS",
    "MOST",
    "RULE",
    "Here",
    "OnRay",
    "OnSlurm",
    "WorkerSite",
    "workers_argument",
    "worker_site",
]

AUTO_WORKERS = "auto"
MOST = 1024
"""Networks at once that a command line takes."""
RULE = "be auto, a whole number of at least 1, ray, ray://HOST:PORT or slurm:PARTITION"
FORMS = "ray or ray://HOST:PORT, a Ray cluster; slurm or slurm:PARTITION (ray,N and slurm,N: N at once)"
"""How a user writes what is not on this machine."""


@dataclass(frozen=True)
class Here:
    """Processes of this machine; `count` None is as many as suit it."""

    count: int | None


@dataclass(frozen=True)
class OnRay:
    """A Ray cluster.

    Attributes:
        address: ``ray://HOST:PORT``; None is the cluster that RAY_ADDRESS names, or else that of this machine.
        count: trainings at once; None is as many as its processors take, or its GPUs.
    """

    address: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class OnSlurm:
    """An array of workers that SLURM runs.

    Attributes:
        partition: None is SLURM's default.
        count: workers.
    """

    partition: str | None = None
    count: int = 4


WorkerSite = Here | OnRay | OnSlurm

_COUNT = r"(,(?P<count>[1-9]\d{0,3}))?"
_RAY = re.compile(r"ray(?P<address>://\[?[\w.:-]+\]?:\d{1,5})?" + _COUNT)
_SLURM = re.compile(r"slurm(:(?P<partition>[\w.-]+))?" + _COUNT)


def worker_site(workers: int | str, owner: str) -> WorkerSite:
    """What `workers` means.

    Args:
        owner: named in errors.

    Raises:
        InvalidArgument: it means nothing.
        WrongInput: what it needs is not installed; says what to type.
    """
    if workers == AUTO_WORKERS:
        return Here(None)
    if isinstance(workers, int) and not isinstance(workers, bool) and workers >= 1:
        return Here(workers)
    if isinstance(workers, str) and (ray := _RAY.fullmatch(workers)):
        _check_installed("ray", "ray", workers, owner)
        return OnRay(f"ray{ray['address']}" if ray["address"] else None, _count(ray["count"]))
    if isinstance(workers, str) and (slurm := _SLURM.fullmatch(workers)):
        _check_installed("submitit", "slurm", workers, owner)
        return OnSlurm(slurm["partition"], _count(slurm["count"]) or OnSlurm.count)
    raise InvalidArgument("workers", owner, RULE, workers)


def workers_argument(text: str) -> int | str:
    """What `worker_site` takes, for argparse, of `MOST` at most; what is not installed is told when it is opened."""
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is not None and not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"must be at least 1 and at most {MOST:,}. Got {text!r}")
    try:
        worker_site(text if number is None else number, "presage")
    except InvalidArgument as error:
        raise argparse.ArgumentTypeError(f"must {error.rule}. Got {text!r}") from None
    except WrongInput:
        pass
    return text if number is None else number


def _count(text: str | None) -> int | None:
    return None if text is None else int(text)


def _check_installed(module: str, extra: str, workers: str, owner: str) -> None:
    if find_spec(module) is None:
        lacking = f"The `--workers {workers}` of `{owner}` needs {module}, which is not installed."
        raise WrongInput(f"{lacking} Type: pip install 'presage[{extra}]'")
