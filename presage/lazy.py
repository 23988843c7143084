"""Public names of a package, imported when first used, as the package's stub (`__init__.pyi`) lists them.

The stub is the one list: type checkers and editors read it, and so does `attach`. It does what `attach_stub` of
`lazy_loader` does; that library is not used because architectures, trainings and probes run where only torch and numpy
are installed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["attach"]


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__, __dir__, __all__ = attach(__name__, __file__)`` in an `__init__.py` beside its stub.

    Only ``from .module import name`` statements of the stub count.

    Args:
        package: the package's `__name__`.
        file: its `__file__`.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname or alias.name: (f"{package}.{statement.module}", alias.name)
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.level == 1
        for alias in statement.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = homes[name]
        found = getattr(import_module(module), attribute)
        vars(sys.modules[package])[name] = found
        return found

    return get, lambda: sorted(homes), sorted(homes)
