"""A checkup of the installation: versions, machine, database, shipped predictor, extras. Nothing is trained or fitted.

Each part is looked at by itself, so that one that fails hides no other. What keeps presage from working is a *problem*,
what only costs time or leaves something out is a *note*.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from presage.errors import PresageError

__all__ = ["Checkup", "DatabaseState", "Extra", "Machine", "Package", "PredictorState", "checkup"]

LEAST_DISK = 1_000_000_000
"""Bytes free beside the database, or where one works, under which a note says so."""
LEAST_MEMORY = 2_000_000_000
"""Bytes of free memory under which a note says so: a process that trains takes about as much."""
FOR = {
    "completion": "presage completion: commands and options completed by the shell",
    "dashboard": "a search's journal.log in optuna-dashboard",
    "fast": "thousands of networks encoded and predicted by compiled code",
    "gs": "presage database sync with gs://…",
    "heif": "photographs in .heic",
    "mlflow": "a search told to MLflow (--log mlflow)",
    "nasbench": "the published trainings of NAS-Bench-201",
    "onnx": "an ONNX file of a trained network (--onnx)",
    "ray": "networks trained on a Ray cluster (--workers ray)",
    "s3": "presage database sync with s3://…",
    "slurm": "networks trained by SLURM (--workers slurm)",
    "tensorboard": "a search told to TensorBoard (--log tensorboard)",
    "timm": "networks of timm by name (timm:resnet18)",
    "trackio": "a search told to Trackio (--log trackio)",
    "wandb": "a search told to Weights & Biases (--log wandb)",
}
"""What extras are for."""

T = TypeVar("T")
_WAIT_SECONDS = 1.0
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Package:
    """A package, or Python itself: the version found (None: not installed) and the versions that presage needs."""

    name: str
    found: str | None
    needed: str
    fits: bool


@dataclass(frozen=True)
class Extra:
    """An extra of presage: what it is for, its packages that are missing or too old, and what installs them."""

    name: str
    use: str
    missing: tuple[str, ...]
    install: str


@dataclass(frozen=True)
class Machine:
    """Where trainings run.

    Attributes:
        device: as torch calls it, such as `cuda`; None where it cannot be used.
        device_name: of the card or processor.
        precision: arithmetic that the recipe's `auto` takes here.
        device_memory: free bytes of the card; None for a CPU.
        memory: free bytes of the machine.
        disk: free bytes by folder: beside the database, and where one works.
        problem: why the device cannot be used; "" where it can.
    """

    device: str | None
    device_name: str
    precision: str
    device_memory: int | None
    memory: int | None
    disk: dict[str, int]
    problem: str = ""


@dataclass(frozen=True)
class DatabaseState:
    """The experiment database.

    Attributes:
        path: the file; None where nothing says which.
        state: `opens`, `not made yet`, or `does not open`.
        experiments, datasets: how many are in it; None where it is not open.
        note, problem: what is to be said of it; "" for nothing.
    """

    path: str | None
    state: str
    experiments: int | None = None
    datasets: int | None = None
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class PredictorState:
    """The predictor that presage ships.

    Attributes:
        name: the folder that is needed: a key of the shipped experience, and of the code that learns and encodes.
        holds: whether it is there and can be read, so that a first prediction does not wait for a fit.
        note, problem: what is to be said of it; "" for nothing.
    """

    name: str | None
    holds: bool
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Checkup:
    """All that was looked at."""

    presage: str
    platform: str
    packages: tuple[Package, ...]
    machine: Machine
    database: DatabaseState
    predictor: PredictorState
    extras: tuple[Extra, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps presage, or a part of it, from working; a sentence each that says what helps."""
        packages = [
            f"{one.name} {one.needed or 'of any version'} is needed, and {one.found or 'none'} is installed. "
            + (f"Type: pip install '{one.name}{one.needed}'" if one.name != "python" else "Install another Python.")
            for one in self.packages
            if not one.fits
        ]
        return (*packages, *filter(None, (self.machine.problem, self.database.problem, self.predictor.problem)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What only costs time, or may run short."""
        notes = [
            f"Little room on the disk of {folder}: {free / 1e9:.1f} GB are free."
            for folder, free in self.machine.disk.items()
            if free < LEAST_DISK
        ]
        if self.machine.memory is not None and self.machine.memory < LEAST_MEMORY:
            notes.append(f"Little memory: {self.machine.memory / 1e9:.1f} GB are free, and a training may take 2 GB.")
        return (*notes, *filter(None, (self.database.note, self.predictor.note)))

    def to_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers; `sound` says whether there is no problem."""
        return {"sound": not self.problems, "problems": self.problems, "notes": self.notes, **asdict(self)}


def checkup(database: str | Path | None = None, device: str = "auto", predictor: str = "ensemble") -> Checkup:
    """Look at the installation, in a few seconds. Nothing is written, downloaded, trained or fitted.

    Args:
        database: the experiment database; None for the user's own.
        device: `auto`, `cpu` or `cuda`.
        predictor: name of the one that is shipped fitted.
    """
    from presage import __version__

    packages, extras = _requirements()
    state = _guarded(lambda: _database(database), lambda why: DatabaseState(None, "does not open", problem=why))
    return Checkup(
        presage=__version__,
        platform=f"{platform.system()} {platform.machine()}",
        packages=packages,
        machine=_machine(device, state.path),
        database=state,
        predictor=_guarded(lambda: _predictor(predictor), lambda why: PredictorState(None, holds=False, problem=why)),
        extras=extras,
    )


def _guarded(look: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """What `look` finds, or `otherwise` with the reason where it cannot: a package lacks, or is broken."""
    try:
        return look()
    except (PresageError, ImportError, OSError) as error:
        return otherwise(" ".join(str(error).split()))


def _requirements() -> tuple[tuple[Package, ...], tuple[Extra, ...]]:
    """What the installed presage says it needs: Python and packages, and its extras."""
    from packaging.requirements import Requirement

    try:
        own = metadata.metadata("presage")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return (Package("python", platform.python_version(), "", fits=True),), ()
    python = Requirement(f"python{own['Requires-Python'] or ''}")
    packages = [_package(python, platform.python_version())]
    extras: dict[str, list[Package]] = {name: [] for name in own.get_all("Provides-Extra") or ()}
    for text in metadata.requires("presage") or ():
        requirement = Requirement(text)
        extra = _EXTRA.search(str(requirement.marker or ""))
        if requirement.marker and not requirement.marker.evaluate({"extra": extra[1] if extra else ""}):
            continue  # of another platform or Python
        (extras.setdefault(extra[1], []) if extra else packages).append(
            _package(requirement, _version(requirement.name))
        )
    return tuple(packages), tuple(_extra(name, needs) for name, needs in sorted(extras.items()))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _package(requirement: Any, found: str | None) -> Package:
    fits = found is not None and requirement.specifier.contains(found, prereleases=True)
    return Package(requirement.name, found, str(requirement.specifier), fits)


def _extra(name: str, needs: list[Package]) -> Extra:
    missing = tuple(one.name for one in needs if not one.fits)
    return Extra(name, FOR.get(name, ""), missing, f"pip install 'presage[{name}]'")


def _machine(device: str, database: str | None) -> Machine:
    disk = {}
    for folder in dict.fromkeys((_standing(Path(database)) if database else Path.cwd(), Path.cwd())):
        disk[str(folder)] = shutil.disk_usage(folder).free
    unknown = Machine(None, "", "", None, None, disk)
    return _guarded(lambda: _device(device, disk), lambda why: replace(unknown, problem=why))


def _device(asked: str, disk: dict[str, int]) -> Machine:
    import torch

    from presage.training.free_memory import free_memory
    from presage.training.hardware import choose_device, device_name
    from presage.training.precision import multiplies_bfloat16

    device = choose_device(asked)
    able = multiplies_bfloat16(device.type)
    if device.type == "cuda":
        precision = "bfloat16" if able else "float32"
    else:
        precision = "float32, or bfloat16 for networks estimated faster in it" if able else "float32"
    memory = int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None
    free = free_memory()
    return Machine(device.type, device_name(device), precision, memory, None if free == 2**63 - 1 else free, disk)


def _standing(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    return next((folder for folder in path.absolute().parents if folder.is_dir()), Path.cwd())


def _database(named: str | Path | None) -> DatabaseState:
    from presage.database.connection import Connection, check_makeable
    from presage.database.migrate import check_known, latest, version
    from presage.progress import no_progress
    from presage.steps.opening import UserDatabase

    path = UserDatabase(named, no_progress).path
    if not path.exists():
        own = named is None and not os.environ.get("PRESAGE_DATABASE")  # whose folder is made at the first use
        try:
            check_makeable(_standing(path) / path.name if own else path)
        except PresageError as error:
            return DatabaseState(str(path), "does not open", problem=str(error))
        return DatabaseState(
            str(path), "not made yet", note=f"{path} is made, with the shipped experience, at first use."
        )
    try:
        connection = Connection(path, _WAIT_SECONDS, read_only=True)
        try:
            schema = version(connection)
            check_known(f"The database {connection.path}", schema)
            counted = "SELECT count(*), count(DISTINCT dataset) FROM experiments" if schema else "SELECT 0, 0"
            ((experiments, datasets),) = connection.rows(counted)
        finally:
            connection.close()
    except PresageError as error:
        return DatabaseState(str(path), "does not open", problem=str(error))
    note = ""
    if not os.access(path, os.W_OK):
        note = f"{path} may only be read: trainings cannot be kept in it."
    elif schema < latest():
        note = f"{path} has schema version {schema}, and is brought to {latest()} at the next use."
    return DatabaseState(str(path), "opens", experiments, datasets, note)


def _predictor(name: str) -> PredictorState:
    """Whether what is shipped is what this code would fit to the shipped experience."""
    from presage.database import Database
    from presage.database.migrate import in_memory
    from presage.database.shipped import import_seed
    from presage.surrogate import get_predictor
    from presage.surrogate.predictors.cache import cache_key, shipped
    from presage.surrogate.predictors.storage import load_predictor

    connection = in_memory()
    try:
        import_seed(connection)
        content = Database(connection).content_hash()
    finally:
        connection.close()
    key = cache_key(get_predictor(name), content)
    there = [entry.name for entry in shipped().iterdir()] if shipped().is_dir() else []
    if key not in there:
        why = "was fitted by other code than this" if there else "is not there"
        return PredictorState(
            key, holds=False, note=f"The shipped predictor {why}: the first prediction fits one, once."
        )
    try:
        load_predictor(shipped() / key, key.encode())
    except PresageError as error:
        return PredictorState(
            key, holds=False, problem=f"The shipped predictor is damaged: {error} Install presage anew."
        )
    return PredictorState(key, holds=True)
