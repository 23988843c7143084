"""BLAS by one thread, where threads of our own have the cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]

_held = Lock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within the block, or the function that it decorates, NumPy's and SciPy's BLAS computes by one thread.

    Threads of BLAS beside ours wait for one another: on two cores a fit of the default predictor took 103 seconds for
    74, and a search scored 15 to 28 % fewer candidates a second. How many BLAS takes is a number of the whole process:
    of several threads the first sets it, and back when it leaves its block. Torch's own threads are not touched.
    """
    if not _held.acquire(blocking=False):
        yield
        return
    try:
        with _controller("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
            yield
    finally:
        _held.release()


@cache
def _controller(_with_scipy: bool) -> ThreadpoolController:
    """Looks for libraries, which takes a millisecond; SciPy brings one of its own. A limit takes microseconds."""
    return ThreadpoolController()
