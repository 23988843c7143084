"""What is timed before a plan is made, and by how many threads."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from presage.architecture.spaces import get_space
from presage.search.final.settings import FinalSettings
from presage.search.planning import measuring
from presage.search.planning import neighbours as beside
from presage.search.planning.workload import Offer
from presage.search.settings import SearchSettings
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.timing import Speed


@pytest.mark.parametrize(
    ("at_once", "brief", "threads"),
    [
        pytest.param(None, True, [3, 3], id="one after the other"),
        pytest.param(2, False, [1, 1, 3], id="side by side, and one by all threads"),
        pytest.param(2, True, [1, 1], id="side by side, nothing by all threads"),
    ],
)
def test_final_trainings_are_timed_by_the_threads_that_they_may_have(
    monkeypatch: pytest.MonkeyPatch, at_once: int | None, brief: bool, threads: list[int]
) -> None:
    seen: list[int] = []
    busy: list[int] = []
    there = 0

    @contextmanager
    def others(count: int) -> Iterator[None]:
        nonlocal there
        there = count
        yield
        there = 0

    def speed(*asked: Any, depth: bool) -> Speed:
        seen.append(torch.get_num_threads())
        busy.append(there)
        return Speed(1e-4, 1e-10 * len(seen))

    monkeypatch.setattr(measuring, "neighbours", others)
    monkeypatch.setattr(measuring, "_speed", speed)
    images, labels = np.zeros((60, 8, 8, 1), np.uint8), np.arange(60) % 2
    dataset = ImageDataset("zeros", images, labels, images[:6], labels[:6], classes=("one", "other"))
    offer = Offer(Recipe(image_side=8), FinalSettings(Recipe(image_side=8, epochs=20)))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = measuring.measured(
            dataset, get_space("nb201"), [offer], SearchSettings(), latency=None, device="cpu", at_once=at_once,
            brief=brief,
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)
    assert seen == threads
    assert busy == [(at_once or 1) - 1 if each == 1 else 0 for each in threads]  # all threads have nothing beside them
    assert (found.beside is None) == (at_once is None)
    (offered,) = found.offered((), 0.001)
    assert (offered.workload.beside == offered.workload.finishing) == (at_once is not None and brief)


def test_neighbours_are_busy_for_as_long_as_something_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *command: Any, **given: Any) -> None:
            super().__init__(*command, **given)
            begun.append(self)

    monkeypatch.setattr(beside.subprocess, "Popen", Noted)
    monkeypatch.setattr(beside, "cores", lambda: 3)
    with beside.neighbours(5):
        assert len(begun) == 2  # one core is for what is timed
        assert all(one.poll() is None for one in begun)
    assert all(one.returncode is not None for one in begun)
    with pytest.raises(RuntimeError), beside.neighbours(1):
        raise RuntimeError
    assert begun[-1].returncode is not None
    with beside.neighbours(0):
        assert len(begun) == 3


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
def test_a_neighbour_ends_with_who_began_it() -> None:
    code = (
        "import subprocess, sys\nfrom presage.search.planning.neighbours import _SPINS\n"
        "one = subprocess.Popen([sys.executable, '-I', '-S', '-c', _SPINS], stdin=subprocess.DEVNULL, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\nprint(one.pid, flush=True)\nimport os\nos._exit(9)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 9
    end = time.monotonic() + 20
    while Path(f"/proc/{int(told.stdout)}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(told.stdout)}").exists()
