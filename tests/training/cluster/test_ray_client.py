"""A campaign through the client port of a Ray cluster that is lost in the middle, and goes on in this process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.training import Campaign, ImageDataset
from tests.training.test_campaign import TINY, lines

pytest.importorskip("ray", reason="the extra presage[ray] is not installed")

LONG = replace(TINY, epochs=30)
COUNT = 6


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def head(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of one node, which takes clients at `port`."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "2")  # seconds; Ray's own is 30
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 80 * 2**20, "ray_client_server_port": port},
    )
    yield made
    made.shutdown()


def known(folder: Path) -> list[str]:
    """What was found, in words, all but how long it took."""
    rows = [line["experiment"] for line in lines(folder)]
    return sorted(json.dumps({**row, "seconds": 0, "created_at": ""}, sort_keys=True) for row in rows)


def test_what_is_lost_is_a_line_and_goes_on_elsewhere_with_the_same_result(
    head: Any, port: int, stripes: ImageDataset, tmp_path: Path
) -> None:
    spec, recipe = tmp_path / "stripes.npz", tmp_path / "recipe.json"
    np.savez(spec, x_train=stripes.x_train, y_train=stripes.y_train, x_test=stripes.x_test, y_test=stripes.y_test)
    recipe.write_text(json.dumps(LONG.to_json()))
    out = ["--out", str(tmp_path / "out"), "--count", str(COUNT), "--recipe", str(recipe), "--device", "cpu"]
    command = [
        sys.executable,
        "-m",
        "presage.training.campaign",
        str(spec),
        *out,
        "--workers",
        f"ray://127.0.0.1:{port}",
    ]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": os.environ}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stderr is not None
        assert (
            f"Ray at ray://127.0.0.1:{port}, 1 node, 1 processor, 0 GPUs: 1 network at once"
            in process.stderr.readline()
        )
        for _ in range(3):  # two have ended, and the third is under way
            assert process.stderr.readline()
        head.remove_node(head.head_node, allow_graceful=False)
        told, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert told == ""
    assert f"The Ray cluster at ray://127.0.0.1:{port} does not answer" in said.splitlines()[-1]
    assert "Traceback" not in said
    done = known(tmp_path / "out")
    assert 2 <= len(done) < COUNT
    Campaign([str(spec)], tmp_path / "out", COUNT, LONG, device="cpu").run()
    Campaign([str(spec)], tmp_path / "here", COUNT, LONG, device="cpu").run()
    assert set(done) <= set(known(tmp_path / "out"))
    assert known(tmp_path / "out") == known(tmp_path / "here")


def test_a_port_where_nobody_listens_is_a_line_at_once(port: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "presage.training.campaign", "digits", "--out", str(tmp_path / "out")]
    found = subprocess.run(
        [*command, "--workers", f"ray://127.0.0.1:{port}"], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 1
    assert len(found.stderr.splitlines()) == 1
    assert f"The Ray cluster at ray://127.0.0.1:{port} does not answer (ConnectionRefusedError" in found.stderr
