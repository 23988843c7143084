from __future__ import annotations

import pytest

from presage.training.cluster.on_ray import gpu_share

GB = 10**9


@pytest.mark.parametrize(
    ("need", "memory", "share"),
    [
        (1 * GB, 80 * GB, 0.25),  # small ones: four to a GPU
        (24 * GB, 80 * GB, 0.38),  # of 64 usable, rounded up to hundredths
        (40 * GB, 80 * GB, 0.63),
        (90 * GB, 80 * GB, 1.0),  # more than there is: alone, and what becomes of it is told
        (1 * GB, 0, 1.0),  # nothing is known of the GPU
    ],
)
def test_a_network_takes_its_memory_of_a_gpu_and_a_quarter_at_least(need: int, memory: int, share: float) -> None:
    assert gpu_share(need, memory) == share
