"""Parts of a fit on all cores, in threads: torch, LightGBM and BLAS compute outside Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["MOST_WORKERS", "is_alone", "one_at_a_time", "side_by_side", "threads_here"]

MOST_WORKERS = 8
"""Each holds its share of the experience in memory."""

T = TypeVar("T")
_here = threading.local()


def side_by_side(parts: Sequence[Callable[[], T]]) -> list[T]:
    """What each part gives, in their order, however many run at once.

    Parts of a part run one after another, so that there are never more threads than cores. After an error, or an
    interruption, no further part begins.
    """
    workers = min(len(parts), os.cpu_count() or 1, MOST_WORKERS)
    if workers <= 1 or is_alone():
        return [part() for part in parts]

    def begin() -> None:
        _here.within = True

    pool = ThreadPoolExecutor(workers, initializer=begin)
    try:
        return [found.result() for found in [pool.submit(part) for part in parts]]
    finally:
        pool.shutdown(cancel_futures=True)


def is_alone() -> bool:
    """Whether parts that this thread begins run one after another."""
    return getattr(_here, "within", False)


def threads_here(asked: int) -> int:
    """How many threads LightGBM takes here: those asked for, 0 for all; one where parts run side by side.

    How many it has is a number of the whole process, by which every booster sizes its buffers: two that train at once
    with all of them end in a segmentation fault.
    """
    return 1 if is_alone() else asked


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Within the block parts that this thread begins run one after another: other processes have the other cores."""
    before = is_alone()
    _here.within = True
    try:
        yield
    finally:
        _here.within = before
