from __future__ import annotations

import math
from pathlib import Path

import pytest

from presage.training import executors, free_memory
from presage.training.container import free_in_container, most_cores


def files(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("texts", "cores"),
    [
        ({}, math.inf),
        ({"cpu_dot_max": "max 100000"}, math.inf),
        ({"cpu_dot_max": "250000 100000"}, 2.5),
        ({"cpu__cpu_dot_cfs_quota_us": "400000", "cpu__cpu_dot_cfs_period_us": "100000"}, 4.0),
        ({"cpu__cpu_dot_cfs_quota_us": "-1", "cpu__cpu_dot_cfs_period_us": "100000"}, math.inf),
        ({"cpu_dot_max": "of no sense"}, math.inf),
    ],
)
def test_processors_are_those_of_either_kind_of_limit(tmp_path: Path, texts: dict[str, str], cores: float) -> None:
    assert most_cores(files(tmp_path, **texts)) == cores


@pytest.mark.parametrize(
    ("texts", "free"),
    [
        ({}, math.inf),
        ({"memory_dot_max": "max", "memory_dot_current": "5"}, math.inf),
        ({"memory_dot_max": "1000", "memory_dot_current": "400"}, 600),
        ({"memory_dot_max": "1000", "memory_dot_current": "900", "memory_dot_stat": "anon 1\ninactive_file 300"}, 400),
        ({"memory_dot_max": "1000", "memory_dot_current": "1200"}, 0),
        (
            {
                "memory__memory_dot_limit_in_bytes": "1000",
                "memory__memory_dot_usage_in_bytes": "700",
                "memory__memory_dot_stat": "total_inactive_file 100",
            },
            400,
        ),
    ],
)
def test_memory_is_what_the_limit_leaves_with_files_that_can_be_given_up(
    tmp_path: Path, texts: dict[str, str], free: float
) -> None:
    assert free_in_container(files(tmp_path, **texts)) == free


def test_auto_takes_no_more_than_the_container_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "most_cores", lambda: 0.5)
    assert executors.cores() == 1
    monkeypatch.setattr(executors, "most_cores", lambda: math.inf)
    assert executors.cores() >= 1
    monkeypatch.setattr(free_memory, "free_in_container", lambda: 1000)
    assert free_memory.free_memory() == 1000
