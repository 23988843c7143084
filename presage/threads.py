"""How long a thread of a parallel loop spins before it sleeps, while it waits for the others."""

from __future__ import annotations

import os

__all__ = ["SPINS", "spin_briefly"]

SPINS = 10_000
"""Turns. GNU OpenMP's own 300,000 are as fast on a free machine; where other programs use the cores, a thread spins
away the time that the one it waits for needs: an epoch by two took thirty times as long as by one."""


def spin_briefly() -> None:
    """For GNU OpenMP, which PyTorch brings on Linux; before that is loaded. What a user has set stays."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
