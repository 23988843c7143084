"""A search on a Ray cluster of two nodes, of which one dies, is the search of one process, to the last digit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presage.database import Database
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.executors import side_by_side
from tests.search.final.conftest import RECIPE, SPACE
from tests.search.final.test_workers import timeless

pytest.importorskip("ray", reason="the extra presage[ray] is not installed")

LONG = replace(RECIPE, epochs=300)  # so that both nodes are at one for some seconds
STORE = 80 * 2**20  # bytes, the least that Ray takes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that trains nothing, and two nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE})
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    os.environ["RAY_ADDRESS"] = made.address
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ.update(before)


def search(dataset: ImageDataset, folder: Path, workers: int | str) -> Any:
    with (
        side_by_side(workers, "cpu", folder / ".workers") as beside,
        Database.open(folder.parent / f"{folder.name}.duckdb") as database,
    ):
        result = run_search(
            dataset, space=SPACE, recipe=LONG, run_folder=folder, database=database, device="cpu", beside=beside,
            settings=SearchSettings(candidates=30, shortlist=2, rounds=1, batch=15),
            scorer=lambda number, verified: TableScorer(),
        )  # fmt: skip
    return timeless(result.to_json() | {"folder": None})


def test_a_search_whose_node_dies_in_the_middle_is_the_same(
    cluster: Any, dataset: ImageDataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = search(dataset, tmp_path / "one", 1)
    under_way: list[str] = []
    over = threading.Event()

    def kill() -> None:
        while len(under_way) < 2 and not over.wait(0.1):
            under_way[:] = filter(None, map(read, (tmp_path / "two").rglob("epochs.jsonl")))
        if len(under_way) == 2:  # each node trains one
            cluster.remove_node(min(cluster.worker_nodes, key=str), allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        found = search(dataset, tmp_path / "two", "ray")
    finally:
        over.set()
        thread.join()
    assert all(text.count("\n") < LONG.epochs for text in under_way)
    assert len(cluster.worker_nodes) == 1
    assert found == expected
    assert not capfd.readouterr().out  # where results go, Ray tells nothing


def read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:  # its training has ended meanwhile
        return ""
