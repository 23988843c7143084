"""Whether kernels can be compiled here, and how they are."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["SWITCH", "compiled", "is_available", "is_worth_it"]

F = TypeVar("F", bound=Callable[..., Any])

SWITCH = "PRESAGE_COMPILED"
"""Environment variable: 0 leaves everything to NumPy."""
FEW = 512
"""Architectures from which on numba is worth being loaded, which takes a second: fewer are new in the batches of 1,000
that searches of 20,000 candidates score."""


HERE = Path(__file__).resolve().parent


@cache
def _is_there() -> bool:
    """Whether numba is installed, and what it compiles can be kept beside the sources, where Python keeps its own."""
    return find_spec("numba") is not None and os.access(HERE, os.W_OK)


@cache
def _loads() -> bool:
    """Whether numba can be loaded: one of before the NumPy or Python that is here is installed, and refuses."""
    try:
        import_module("numba")
    except Exception:  # what a broken installation raises is anybody's guess
        return False
    return True


def is_available() -> bool:
    """Whether there is compiled code here, and `SWITCH` does not say 0."""
    return os.environ.get(SWITCH) != "0" and _is_there()


def is_worth_it(count: int) -> bool:
    """Whether so many architectures are better encoded by compiled code: many, or numba is loaded already.

    Of many it loads numba, to know that it can be.
    """
    return is_available() and (count >= FEW or "numba" in sys.modules) and _loads()


def compiled(function: F) -> F:
    """Compiles a kernel at its first call, to run outside Python's lock; kept on disk for the next process.

    It is kept under a digest of the kernel's file and of this package: numba reads what it kept with pickle, and looks
    at no more than the age of the kernel's own file to know whether that still holds. Without numba, or with one
    that cannot be loaded, it stays Python.
    """
    if not (_is_there() and _loads()):
        return function
    numba: Any = import_module("numba")  # checked alike where it is not installed
    sources = {*HERE.glob("*.py"), Path(function.__code__.co_filename).resolve()}
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()[:16]
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(HERE / "__pycache__" / f"compiled-{digest}")
    try:
        made: F = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return made
