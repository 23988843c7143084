"""What LightGBM loads beside itself and presage never asks it for: scikit-learn, and SciPy's statistics with it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["load_lightgbm_alone"]

_APART = ("dask", "matplotlib", "pandas", "pyarrow", "sklearn")
"""LightGBM does without what is not installed; more than half of the processor time of its import is theirs."""
_MACHINES = ("x86_64", "AMD64")
"""Elsewhere scikit-learn's OpenMP may have to be loaded before LightGBM's (lightgbm-org/LightGBM#6509)."""


def load_lightgbm_alone() -> None:
    """Have the first import of LightGBM find none of these. For a process of presage's own: LightGBM's estimators in
    the manner of scikit-learn do not work then, and everything else imports what it likes, before and after."""
    if "lightgbm" not in sys.modules and platform.machine() in _MACHINES:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds LightGBM, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "lightgbm":
            return None
        sys.meta_path.remove(self)
        found = find_spec(fullname)
        if found is not None and found.loader is not None:
            found.loader = _Apart(found.loader)
        return found


class _Apart(Loader):
    """Loads a module as another does, while some names cannot be imported."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self.loader
        with _hidden(_APART):
            self.loader.exec_module(module)


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Names of modules that are not loaded yet, and cannot be within."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # as Python has it: None for what may not be
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
