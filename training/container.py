"""What a container may use of its machine: limits that Docker and Kubernetes set, of which the machine says nothing."""

from __future__ import annotations

import math
from pathlib import Path

__all__ = ["CGROUP", "free_in_container", "most_cores"]

CGROUP = Path("/sys/fs/cgroup")


def most_cores(root: Path = CGROUP) -> float:
    """Processors that the container may use at once, 0.5 being half of one; infinite where nothing limits it."""
    told = _text(root / "cpu.max").split() or [
        _text(root / "cpu" / "cpu.cfs_quota_us"), _text(root / "cpu" / "cpu.cfs_period_us"),
    ]  # fmt: skip
    quota, period = (_number(each) for each in (*told, "", "")[:2])
    return quota / period if 0 < quota < math.inf and 0 < period < math.inf else math.inf


def free_in_container(root: Path = CGROUP) -> float:
    """Bytes of memory that the container may still take; infinite where nothing limits it."""
    for limit, used, kept, folder in (
        ("memory.max", "memory.current", "inactive_file", root),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", root / "memory"),
    ):
        most, taken = _number(_text(folder / limit)), _number(_text(folder / used))
        if most < math.inf and taken < math.inf:
            cached = dict(line.split()[:2] for line in _text(folder / "memory.stat").splitlines() if " " in line)
            given_up = _number(cached.get(kept, "0"))  # of files, which the system gives up when asked
            return max(most - taken + (given_up if given_up < math.inf else 0), 0)
    return math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _number(text: str) -> float:
    """Infinite where there is none (`max`, or nothing)."""
    try:
        return int(text)
    except ValueError:
        return math.inf
