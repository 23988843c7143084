"""Trackio: one run; each network has charts of its own, and a row of a table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presage.trackers.tracker import Tracked, Value, as_table

__all__ = ["ToTrackio"]


class ToTrackio:
    """In the project of TRACKIO_PROJECT, else `presage`, on this machine (TRACKIO_DIR) unless Trackio's own settings
    name a server or a Space."""

    def __init__(self) -> None:
        self._rows: dict[str, Mapping[str, Value]] = {}

    def begin(self, tracked: Tracked) -> None:
        import trackio

        project = os.environ.get("TRACKIO_PROJECT") or "presage"
        config = {**tracked.parameters, "name": tracked.name}
        self._run: Any = trackio.init(project, config=config, embed=False, auto_log_cpu=False)

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        self._run.log({f"{network}/{name}": value for name, value in values.items()}, step=epoch)

    def network(self, network: str, values: Mapping[str, Value]) -> None:
        self._rows[network] = values

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        import trackio

        if self._rows:
            columns, rows = as_table(self._rows)
            self._run.log({"networks": trackio.Table(columns=columns, data=rows)})
        self._run.log({**values, "state": state})
        for path in files:
            self._run.log_artifact(path, name=path.stem, type="model" if path.is_dir() else "file")
        self._run.finish()
