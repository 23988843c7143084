"""How much memory is free, without torch."""

from __future__ import annotations

import os
from pathlib import Path

from presage.training.container import free_in_container

__all__ = ["free_memory"]


def free_memory() -> int:
    """Bytes of memory that are free now, of the machine's and of the container's; 2^63 - 1 where that is not told."""
    return int(min(_of_the_machine(), free_in_container()))


def _of_the_machine() -> int:
    information = Path("/proc/meminfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63 - 1
