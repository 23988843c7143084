"""MLflow: a run at the tracking URI of its settings, and one within it for each network."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presage.trackers.tracker import FAILED, FINISHED, Tracked, Value

__all__ = ["ToMlflow"]

_LONGEST = 500  # characters of a parameter; MLflow takes 6,000
_AT_ONCE = 100  # parameters a call
_STATES = {FINISHED: "FINISHED", FAILED: "FAILED"}


class ToMlflow:
    """Where it goes, MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say, as of MLflow itself; else its own place, and
    the experiment `presage`. Runs are of a client of its own: a run that your code has active is left alone."""

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}  # by network

    def begin(self, tracked: Tracked) -> None:
        from mlflow import MlflowClient

        self._client: Any = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "presage"
        found = self._client.get_experiment_by_name(name)
        self._experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        self._run = self._made(tracked.name, {"mlflow.source.name": "presage"})
        self._parameters(self._run, tracked.parameters)

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        self._metrics(self._of(network), values, epoch)

    def network(self, network: str, values: Mapping[str, Value]) -> None:
        run = self._of(network)
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        self._metrics(run, numbers)
        self._parameters(run, {name: value for name, value in values.items() if name not in numbers})

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        self._metrics(self._run, values)
        for path in files:
            if path.is_dir():
                self._client.log_artifacts(self._run, str(path), path.name)
            else:
                self._client.log_artifact(self._run, str(path))
        for run in (*self._runs.values(), self._run):  # of a network too that was not trained to its end
            self._client.set_terminated(run, _STATES.get(state, "KILLED"))

    def _of(self, network: str) -> str:
        if network not in self._runs:
            self._runs[network] = self._made(network, {"mlflow.parentRunId": self._run})
        return self._runs[network]

    def _made(self, name: str, tags: Mapping[str, str]) -> str:
        run = self._client.create_run(self._experiment, run_name=name, tags=dict(tags))
        return str(run.info.run_id)

    def _metrics(self, run: str, values: Mapping[str, float], epoch: int = 0) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(run, [Metric(_plain(name), float(one), now, epoch) for name, one in values.items()])

    def _parameters(self, run: str, values: Mapping[str, Value]) -> None:
        from mlflow.entities import Param

        told = [Param(_plain(name), str(value)[:_LONGEST]) for name, value in values.items()]
        for first in range(0, len(told), _AT_ONCE):
            self._client.log_batch(run, params=told[first : first + _AT_ONCE])


def _plain(name: str) -> str:
    """A name of the characters that MLflow allows."""
    return "".join(one if one.isalnum() or one in "_-./ " else "_" for one in name)
