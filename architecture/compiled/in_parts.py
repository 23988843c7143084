"""Work on many architectures, a part at a time, by all cores: kernels run outside Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["in_parts"]

TOGETHER = 128
"""Architectures that a thread takes at a time: what is worked out of them stays in its cache."""
MOST_WORKERS = 8


def in_parts(count: int, work: Callable[[int, int], bool | None], threads: int = 0) -> list[bool | None]:
    """`work` of parts of so many architectures, each (begin, end), by so many threads; 0 for all cores."""
    begins = range(0, count, TOGETHER)
    ends = [min(begin + TOGETHER, count) for begin in begins]
    workers = min(len(begins), threads or os.cpu_count() or 1, MOST_WORKERS)
    if workers <= 1:
        return [work(begin, end) for begin, end in zip(begins, ends, strict=True)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, begins, ends))
