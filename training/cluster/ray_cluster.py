"""`RayCluster`: a connection to a Ray cluster, and what it has."""

from __future__ import annotations

import os
import platform
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from presage.errors import ClusterUnreachable, InvalidArgument

__all__ = ["RayCluster"]

_MOST_MEMORY = 0.9  # share of a node's that a call may claim
_ANSWERS_WITHIN = 60.0  # seconds
_LISTENS_WITHIN = 10.0


class RayCluster:
    """Connects; to the cluster of RAY_ADDRESS or of this machine where no address is given, one that is begun here and
    now at last.

    Ray that is connected already, by the program that presage is a part of, is used as it is, and stays so.

    Args:
        address: ``ray://HOST:PORT``, or None.
        cores: processors of a cluster that is begun here.

    Attributes:
        cpus, gpus: of all nodes.
        most_memory: bytes that Ray knows of on the largest node.
        gpu_memory: bytes of the smallest GPU; 0 where there is none.

    Raises:
        ClusterUnreachable: it does not answer.
        InvalidArgument: this presage is not what is installed there.
    """

    def __init__(self, address: str | None, cores: int) -> None:
        import ray

        self.ray: Any = ray
        self.address = address or os.environ.get("RAY_ADDRESS") or "this machine"
        self._own = not ray.is_initialized()
        if self._own:
            self._connect(address, cores)
        try:
            nodes = [each["Resources"] for each in ray.nodes() if each["Alive"]]
            self.nodes, total = len(nodes), ray.cluster_resources()
            self.cpus, self.gpus = int(total.get("CPU", 0)), int(total.get("GPU", 0))
            self.most_memory = int(_MOST_MEMORY * max((each.get("memory", 0) for each in nodes), default=0))
            self._check_alike()
            self.gpu_memory = self._gpu_memory()
        except InvalidArgument:
            self.leave()
            raise
        except Exception as error:
            self.leave()
            raise self.lost(error) from None

    def leave(self) -> None:
        """Disconnect; a cluster that was begun here ends."""
        if self._own:
            with suppress(Exception), _signals_kept():
                self.ray.shutdown()

    def lost(self, error: BaseException) -> ClusterUnreachable:
        """What is said of a connection that is lost."""
        text = " ".join(str(error).split())[:200]
        return ClusterUnreachable(
            f"The Ray cluster at {self.address} does not answer ({type(error).__name__}: {text}). What was done before "
            "stands: the same command goes on, there or with other --workers."
        )

    def waits(self) -> str:
        """What is said where nothing begins."""
        return (
            f"The Ray cluster at {self.address} has begun nothing for a minute; it is waited for. It has {self.cpus} "
            f"processors and {self.gpus} GPUs; `ray status` there says what is taken."
        )

    def at_home(self) -> dict[str, Any]:
        """Options of an actor that is to be as near as possible, and begun again when it dies."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self.ray.get_runtime_context().get_node_id()
        return {
            "num_cpus": 0, "max_restarts": -1, "max_task_retries": -1,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=True),
        }  # fmt: skip

    def _connect(self, address: str | None, cores: int) -> None:
        how = {"logging_level": "ERROR", "log_to_driver": False, "namespace": "presage"}
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that presage begins reports to nobody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            with _signals_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if address is not None:
                    _check_open(address)
                if address is None and not os.environ.get("RAY_ADDRESS"):
                    try:
                        self.ray.init(address="auto", **how)
                    except ConnectionError:
                        path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
                        self.ray.init(
                            address="local", num_cpus=cores, include_dashboard=False,
                            runtime_env={"env_vars": {"PYTHONPATH": path}}, **how,
                        )  # fmt: skip
                else:
                    self.ray.init(address=address or "auto", **how)
        except Exception as error:
            self.leave()
            raise self.lost(error) from None
        self._silence()

    def _silence(self) -> None:
        """Ray tells of nodes that die, and of what it tries again, on stdout, where results go."""
        worker: Any = getattr(getattr(self.ray, "_private", None), "worker", None)
        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_, **__: None

    def _check_alike(self) -> None:
        """Refuse a cluster of another presage, or of none."""
        here = _installed()
        try:
            there = self.ray.get(self.ray.remote(_installed).options(num_cpus=0).remote(), timeout=_ANSWERS_WITHIN)
        except self.ray.exceptions.RayTaskError as error:
            there = f"none that can be imported ({' '.join(str(error.cause or error).split())[-200:]})"
        if there != here:
            rule = f"be a cluster with {here} on its nodes"
            raise InvalidArgument("workers", "presage", rule, there)

    def _gpu_memory(self) -> int:
        if not self.gpus:
            return 0
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        nodes = [each["NodeID"] for each in self.ray.nodes() if each["Alive"] and each["Resources"].get("GPU")]
        asked = self.ray.remote(_gpu_bytes)
        found = [asked.options(num_cpus=0, num_gpus=0.01, scheduling_strategy=On(node, soft=False)) for node in nodes]
        sizes = self.ray.get([each.remote() for each in found], timeout=_ANSWERS_WITHIN)
        return min((each for each in sizes if each), default=0)


def _installed() -> str:
    try:
        version = metadata.version("presage")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return f"presage {version} and Python {'.'.join(platform.python_version_tuple()[:2])}"


def _check_open(address: str) -> None:
    """Raises `OSError` where nobody listens, at once: Ray's client asks again and again for half a minute."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=_LISTENS_WITHIN):
        return


def _gpu_bytes() -> int:
    import torch

    if not torch.cuda.is_available():
        return 0
    return min(torch.cuda.get_device_properties(each).total_memory for each in range(torch.cuda.device_count()))


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; presage's own way of ending stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
